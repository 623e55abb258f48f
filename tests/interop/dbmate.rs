//! dbmate and castoff take turns on one database and leave what dbmate alone would have left.

use castoff::exit::Exit;
use serde_json::{Value, json};

use crate::corpus::{first_half, whole};
use crate::dbmate_cli::Dbmate;
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, MariaDb, Migrations, Postgres, Run, on_every_engine};

/// The same migrations on a database of the same kind, by the tool alone.
fn by_dbmate_alone(beside: &Database, files: &Migrations) -> Option<Database> {
    let database = Database::on(beside.engine())?;
    Dbmate::on(&database)?.migrate(files);
    Some(database)
}

fn status(database: &Database, files: &Migrations) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files);
    serde_json::from_str(&run.output().stdout).expect("status --json prints JSON")
}

/// Nothing is pending for either, and the database is what dbmate alone makes of the same files.
fn all_is_as_dbmate_alone_leaves_it(database: &Database, dbmate: &Dbmate, files: &Migrations) {
    let Some(alone) = by_dbmate_alone(database, files) else { return };
    assert_alike(&dump(database), &dump(&alone));

    let list = dbmate.status(files);
    assert!(!list.is_empty() && list.iter().all(|line| line.starts_with("[X] ")), "{list:?}");
    assert_eq!(dbmate.migrate(files), [""; 0], "dbmate still found something pending");

    assert_eq!(status(database, files)["state"], "up-to-date");
    let log = Run::migrate(database, files).output().succeeds();
    assert!(log.applied().is_empty(), "castoff still found something pending: {log}");
}

/// A small file in dbmate's layout.
fn table(name: &str) -> String {
    format!("-- migrate:up\nCREATE TABLE {name} (id INT);\n\n-- migrate:down\nDROP TABLE {name};\n")
}

fn castoff_goes_on_where_dbmate_stopped(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let (half, files) = (first_half("dbmate", database.engine()), whole("dbmate", database.engine()));
    assert!(!dbmate.migrate(&half).is_empty());
    assert!(dbmate.status(&files).iter().any(|line| line.starts_with("[ ] ")), "the check can fail");
    assert_eq!(status(database, &files)["state"], "pending");

    let log = Run::migrate(database, &files).output().succeeds();
    assert!(!log.applied().is_empty(), "castoff had something to do: {log}");
    all_is_as_dbmate_alone_leaves_it(database, &dbmate, &files);
}

fn dbmate_goes_on_where_castoff_stopped(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let (half, files) = (first_half("dbmate", database.engine()), whole("dbmate", database.engine()));
    Run::migrate(database, &half).output().succeeds();

    let list = dbmate.status(&half);
    assert!(list.iter().all(|line| line.starts_with("[X] ")), "{list:?}");
    assert!(!dbmate.migrate(&files).is_empty());
    all_is_as_dbmate_alone_leaves_it(database, &dbmate, &files);
}

fn castoff_alone_leaves_what_dbmate_alone_leaves(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = whole("dbmate", database.engine());
    Run::migrate(database, &files).output().succeeds();
    all_is_as_dbmate_alone_leaves_it(database, &dbmate, &files);
}

fn castoff_applies_again_what_dbmate_took_back(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = whole("dbmate", database.engine());
    Run::migrate(database, &files).output().succeeds();
    let before = dump(database);

    dbmate.rollback(&files);
    assert_ne!(dump(database), before, "the check can fail");
    let log = Run::migrate(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["20250225093000"], "{log}");
    all_is_as_dbmate_alone_leaves_it(database, &dbmate, &files);
}

/// Names are sorted as text, zeros are kept, and what does not begin with a digit is nobody's business.
fn both_read_names_alike(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = Migrations::of(&[
        ("9_nine.sql", &table("t9")),
        ("10_ten.sql", &table("t10")),
        ("007 seven é.sql", &table("t7")),
        ("1.sql", &table("t1")),
        ("x2_no.sql", "nonsense"),
        ("3_no.SQL", "nonsense"),
        ("README.md", "nonsense"),
    ]);
    let log = Run::migrate(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["007", "1", "10", "9"], "{log}");

    let other = Database::on(database.engine()).expect("there was one before");
    let applied = Dbmate::on(&other).expect("it was there").migrate(&files);
    assert_eq!(applied, ["007 seven é.sql", "1.sql", "10_ten.sql", "9_nine.sql"]);
    all_is_as_dbmate_alone_leaves_it(database, &dbmate, &files);
}

fn both_apply_what_comes_late_unless_they_are_strict(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = Migrations::of(&[("1_a.sql", &table("a")), ("3_c.sql", &table("c"))]);
    Run::migrate(database, &files).output().succeeds();
    files.write("2_b.sql", table("b"));

    dbmate.clone().env("DBMATE_STRICT", "true").run("migrate", &files).fails("migration `2` is out of order");
    let strict = Run::migrate(database, &files).env("DBMATE_STRICT", "true");
    let log = strict.output().exits(Exit::Data);
    assert!(log.applied().is_empty(), "{log}");
    // castoff's own option counts more than the tool's variable.
    let log = strict.option(["--out-of-order", "apply"]).output().succeeds();
    assert_eq!(log.applied(), ["2"], "{log}");

    files.write("0_z.sql", table("z"));
    assert_eq!(dbmate.clone().env("DBMATE_STRICT", "0").migrate(&files), ["0_z.sql"]);
    // A bad value is a mistake for both.
    dbmate.env("DBMATE_STRICT", "perhaps").run("migrate", &files).fails("DBMATE_STRICT");
    let log = Run::migrate(database, &files).env("DBMATE_STRICT", "perhaps").output().exits(Exit::Usage);
    assert!(log.to_string().contains("DBMATE_STRICT"), "{log}");
}

fn both_pass_over_a_missing_file(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = Migrations::of(&[("1_a.sql", &table("a")), ("2_b.sql", &table("b"))]);
    Run::migrate(database, &files).output().succeeds();
    files.remove("1_a.sql");
    files.write("3_c.sql", table("c"));

    assert_eq!(status(database, &files)["missing"], json!(["1"]));
    let log = Run::migrate(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["3"], "{log}");
    files.write("4_d.sql", table("d"));
    assert_eq!(dbmate.migrate(&files), ["4_d.sql"]);
    assert_eq!(status(database, &files)["applied"].as_array().map(Vec::len), Some(4));
}

/// A failure is not recorded, whatever stays of it; both begin the file anew.
fn both_leave_the_same_of_a_failure(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let other = Database::on(database.engine()).expect("there was one before");
    let files = Migrations::of(&[("1_a.sql", &table("a"))]);
    let broken = "CREATE TABLE b (id INT);\nSELECT * FROM nowhere;\n-- migrate:down\n";
    for option in ["", " transaction:false"] {
        let name = format!("2_b{}.sql", option.len());
        files.write(&name, format!("-- migrate:up{option}\n{broken}"));
        drop(Run::migrate(database, &files).output().exits(Exit::MigrationFailed));
        Dbmate::on(&other).expect("it was there").run("migrate", &files).fails("nowhere");
        assert_alike(&dump(database), &dump(&other));
        assert!(dbmate.status(&files).contains(&format!("[ ] {name}")));
        assert_eq!(status(database, &files)["state"], "pending");

        files.remove(&name);
        for left in [database, &other] {
            left.exec("DROP TABLE IF EXISTS b");
        }
    }
}

/// A block without a transaction that failed halfway and was finished by hand.
fn a_person_says_what_is_applied(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = Migrations::of(&[("1_a.sql", &table("a"))]);
    let block = "CREATE TABLE b (id INT);\nSELECT * FROM nowhere;\nCREATE TABLE c (id INT);\n";
    files.write("2_b.sql", format!("-- migrate:up transaction:false\n{block}-- migrate:down\n"));
    drop(Run::migrate(database, &files).output().exits(Exit::MigrationFailed));
    database.exec("CREATE TABLE c (id INT)");
    Run::new(["resolve", "--applied", "2"]).database(database).migrations(&files).output().succeeds();
    assert_eq!(dbmate.status(&files), ["[X] 1_a.sql", "[X] 2_b.sql"]);
    assert_eq!(status(database, &files)["state"], "up-to-date");
}

/// What dbmate does not run, castoff refuses before it has applied anything; applied files neither of them looks into.
fn both_refuse_the_same_files(database: &Database) {
    let Some(dbmate) = Dbmate::on(database) else { return };
    let files = Migrations::of(&[("1_a.sql", &table("a"))]);
    Run::migrate(database, &files).output().succeeds();
    files.write("1_a.sql", "nonsense by now");

    let (up, down) = ("-- migrate:up\nSELECT 1;\n", "-- migrate:down\n");
    for (broken, words) in [
        ("SELECT 1;\n".to_owned(), "up block"),
        (up.to_owned(), "down block"),
        (format!("{down}{up}"), "down block"),
        (format!("SELECT 1;\n{up}{down}"), "preceding"),
        (format!("/* c */\n{up}{down}"), "preceding"),
        (format!("\u{feff}{up}{down}"), "up block"),
        (format!("{up}{down}{down}"), "preceded"),
        (format!(" {up}{down}"), "up block"),
        (format!("{up}{down}{up}{down}"), "schema_migrations"),
    ] {
        files.write("2_b.sql", &broken);
        files.write("3_c.sql", table("c"));
        let log = Run::migrate(database, &files).option(["--format", "dbmate"]).output().exits(Exit::Data);
        assert!(log.to_string().contains("2_b.sql"), "{broken:?}: {log}");
        if database.engine() == Engine::MySql && words == "schema_migrations" {
            dbmate.run("migrate", &files).fails("Duplicate entry '2'");
        } else {
            dbmate.run("migrate", &files).fails(words);
        }
        assert!(!database.has_table("c"));
    }
}

/// The table's name goes to the same place for both, dots and capitals included.
fn both_find_the_table_of_the_variable(database: &Database) {
    let files = Migrations::of(&[("1_a.sql", &table("a")), ("2_b.sql", &table("b"))]);
    for name in ["History", "order", "some.Where"] {
        let other = Database::on(database.engine()).expect("there was one before");
        let Some(dbmate) = Dbmate::on(&other) else { return };
        let dbmate = dbmate.env("DBMATE_MIGRATIONS_TABLE", name);
        let half = Migrations::of(&[("1_a.sql", &table("a"))]);
        Run::migrate(&other, &half).env("DBMATE_MIGRATIONS_TABLE", name).output().succeeds();
        assert_eq!(dbmate.migrate(&files), ["2_b.sql"], "{name}");
        let log = Run::migrate(&other, &files).env("DBMATE_MIGRATIONS_TABLE", name).output().succeeds();
        assert!(log.applied().is_empty(), "{log}");

        let alone = Database::on(database.engine()).expect("there was one before");
        Dbmate::on(&alone).expect("it was there").env("DBMATE_MIGRATIONS_TABLE", name).migrate(&files);
        assert_alike(&dump(&other), &dump(&alone));
    }
}

on_every_engine!(
    castoff_goes_on_where_dbmate_stopped,
    dbmate_goes_on_where_castoff_stopped,
    castoff_alone_leaves_what_dbmate_alone_leaves,
    castoff_applies_again_what_dbmate_took_back,
    both_read_names_alike,
    both_apply_what_comes_late_unless_they_are_strict,
    both_pass_over_a_missing_file,
    both_leave_the_same_of_a_failure,
    a_person_says_what_is_applied,
    both_refuse_the_same_files,
    both_find_the_table_of_the_variable,
);

/// The first of the URL's search path is taken to the letter, and created where it is missing.
#[test]
fn the_history_is_in_the_first_schema_of_the_url() {
    let files = Migrations::of(&[("1_a.sql", &table("a")), ("2_b.sql", &table("b"))]);
    let half = Migrations::of(&[("1_a.sql", &table("a"))]);
    for path in ["app", "app,public", "%20app%20,%20public", "$user,public", "public,app"] {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        let Some(dbmate) = Dbmate::on(&database) else { return };
        let search_path = format!("search_path={path}");
        let url = format!("{}?{search_path}", database.url());
        Run::migrate(&database, &half).env("DATABASE_URL", &url).output().succeeds();
        assert_eq!(dbmate.parameter(&search_path).migrate(&files), ["2_b.sql"], "{path}");
        let log = Run::migrate(&database, &files).env("DATABASE_URL", &url).output().succeeds();
        assert!(log.applied().is_empty(), "{log}");

        let alone = Database::on(Engine::Postgres).expect("there was one before");
        Dbmate::on(&alone).expect("it was there").parameter(&search_path).migrate(&files);
        assert_alike(&dump(&database), &dump(&alone));
    }
}

/// Neither tool changes the session's time zone, so the literal times of the corpus are the server's.
#[test]
fn a_server_in_another_time_zone_gets_the_same_rows() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--default-time-zone=+05:00"]);
    let (by_castoff, by_dbmate) = (Database::on_mariadb(&server), Database::on_mariadb(&server));
    let Some(dbmate) = Dbmate::on(&by_dbmate) else { return };
    let files = whole("dbmate", Engine::MySql);

    Run::migrate(&by_castoff, &files).output().succeeds();
    dbmate.migrate(&files);
    assert_alike(&dump(&by_castoff), &dump(&by_dbmate));
    let first = "SELECT unix_timestamp(starts_at) FROM performance WHERE id = 1";
    assert_eq!(by_castoff.one(first), "1739539800", "2025-02-14 18:30 +05:00");
}

/// dbmate's driver asks for a date style and leaves the time zone to the server, the database and the role.
#[test]
fn a_session_of_postgresql_is_dbmates() {
    let settings = [("timezone", "Asia/Tokyo"), ("datestyle", "German"), ("extra_float_digits", "0")];
    let Some(server) = Postgres::started(&settings) else { return };
    let files = Migrations::of(&[(
        "1_session.sql",
        "-- migrate:up\nCREATE TABLE session AS SELECT name, setting FROM pg_settings WHERE name IN \
         ('TimeZone', 'DateStyle', 'extra_float_digits', 'client_encoding', 'search_path', \
         'standard_conforming_strings') ORDER BY name;\n-- migrate:down\n",
    )]);
    let prepare = |database: &Database| {
        let name = database.name();
        database.exec(&format!("ALTER ROLE {name} SET timezone = 'America/Lima'"));
    };
    let (by_castoff, by_dbmate) = (Database::on_postgres(&server), Database::on_postgres(&server));
    let Some(dbmate) = Dbmate::on(&by_dbmate) else { return };
    prepare(&by_castoff);
    prepare(&by_dbmate);
    Run::migrate(&by_castoff, &files).output().succeeds();
    dbmate.migrate(&files);
    assert_alike(&dump(&by_castoff), &dump(&by_dbmate));
    assert_eq!(by_castoff.one("SELECT setting FROM session WHERE name = 'TimeZone'"), "America/Lima");

    // What the URL asks for counts more than what the role has.
    let (by_castoff, by_dbmate) = (Database::on_postgres(&server), Database::on_postgres(&server));
    prepare(&by_castoff);
    prepare(&by_dbmate);
    let options = "options=-c%20timezone%3DEurope/Paris";
    let url = format!("{}?{options}", by_castoff.url());
    Run::migrate(&by_castoff, &files).env("DATABASE_URL", url).output().succeeds();
    Dbmate::on(&by_dbmate).expect("it was there").parameter(options).migrate(&files);
    assert_alike(&dump(&by_castoff), &dump(&by_dbmate));
}

/// SQLite's foreign keys are off for dbmate, unless its URL turns them on.
#[test]
fn foreign_keys_are_as_the_url_says() {
    let files = Migrations::of(&[(
        "1_keys.sql",
        "-- migrate:up\nCREATE TABLE keys AS SELECT foreign_keys FROM pragma_foreign_keys;\n-- migrate:down\n",
    )]);
    for parameter in ["", "_fk=1", "_foreign_keys=on", "_fk=0"] {
        let (by_castoff, by_dbmate) = (Database::sqlite(), Database::sqlite());
        let Some(dbmate) = Dbmate::on(&by_dbmate) else { return };
        dbmate.parameter(parameter).migrate(&files);
        let url = format!("{}?{parameter}", by_castoff.url());
        Run::migrate(&by_castoff, &files).env("DATABASE_URL", url).output().succeeds();
        assert_alike(&dump(&by_castoff), &dump(&by_dbmate));
    }
}
