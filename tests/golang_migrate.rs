//! golang-migrate's one row, and what only its files and its URL can say.

use castoff::exit::Exit;

use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Finished, Gate, Migrations, Run, on_every_engine};

on_every_engine!(
    the_row_holds_the_last_version_one_without_a_way_up_too,
    what_is_not_greater_than_the_row_is_never_run,
    a_failure_is_resolved_as_force_would,
    a_schema_that_is_there_is_taken_over_at_a_version,
    a_directory_of_pairs_is_its_own_where_its_table_is,
    the_session_is_as_its_drivers_leave_it,
    the_row_is_there_whatever_a_script_makes_of_it,
    a_row_of_a_way_down_that_failed_at_its_end_is_resolved,
    a_mark_that_a_way_down_may_have_left_is_told_as_such,
);

fn migrate(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).env("CASTOFF_FORMAT", "golang-migrate")
}

/// Version and whether it is dirty.
fn row(database: &Database) -> Vec<(String, bool)> {
    let rows = database.rows("SELECT version, dirty FROM schema_migrations");
    let text = |row: &[Option<String>], column: usize| row[column].clone().expect("no NULL");
    rows.iter().map(|row| (text(row, 0), ["t", "1"].contains(&text(row, 1).as_str()))).collect()
}

fn at(version: u32, dirty: bool) -> Vec<(String, bool)> {
    vec![(version.to_string(), dirty)]
}

fn resolve(database: &Database, how: &str, id: &str, files: &Migrations) -> Finished {
    let run = Run::new(["resolve", how, id]).database(database).migrations(files);
    run.env("CASTOFF_FORMAT", "golang-migrate").output()
}

fn the_row_holds_the_last_version_one_without_a_way_up_too(database: &Database) {
    let files = Migrations::of(&[
        ("001_users.up.sql", "CREATE TABLE users (id INT);\n"),
        ("001_users.down.sql", "DROP TABLE users;\n"),
        ("002_only_down.down.sql", "DROP TABLE nowhere;\n"),
        ("10_orders.up.pgsql", "CREATE TABLE orders (id INT);\n"),
        ("README.md", "how we write migrations\n"),
    ]);
    assert_eq!(migrate(database, &files).output().succeeds().applied(), ["1", "2", "10"]);
    assert_eq!(row(database), at(10, false));
    assert!(database.has_table("users") && database.has_table("orders"));
    files.write("11_last.down.sql", "SELECT nothing;\n");
    assert_eq!(migrate(database, &files).output().succeeds().applied(), ["11"]);
    assert_eq!(row(database), at(11, false));
}

fn what_is_not_greater_than_the_row_is_never_run(database: &Database) {
    let files = Migrations::of(&[("2_b.up.sql", "CREATE TABLE b (id INT);\n")]);
    migrate(database, &files).output().succeeds();
    files.write("1_a.up.sql", "CREATE TABLE a (id INT);\n");
    for policy in ["skip", "apply", "fail"] {
        let run = migrate(database, &files).option(["--out-of-order", policy]).output().succeeds();
        run.event("migrate.none");
    }
    assert!(!database.has_table("a"));
    assert_eq!(row(database), at(2, false));
}

fn a_failure_is_resolved_as_force_would(database: &Database) {
    let files = Migrations::of(&[
        ("1_a.up.sql", "CREATE TABLE a (id INT);\n"),
        ("2_b.up.sql", "INSERT INTO nowhere VALUES (1);\n"),
        ("3_c.up.sql", "CREATE TABLE c (id INT);\n"),
    ]);
    let failed = migrate(database, &files).output().exits(Exit::MigrationFailed);
    let hint = failed.field("migration.failed", "hint");
    assert!(hint.contains("castoff resolve --rolled-back 2"), "{failed}");
    assert_eq!(row(database), at(2, true));
    let blocked = migrate(database, &files).output().exits(Exit::Data);
    assert!(blocked.field("exit", "hint").contains("castoff resolve --applied 2"), "{blocked}");

    resolve(database, "--rolled-back", "1", &files).exits(Exit::Data).says("resolve migration 2 first");
    resolve(database, "--rolled-back", "2", &files).succeeds();
    assert_eq!(row(database), at(1, false));
    migrate(database, &files).output().exits(Exit::MigrationFailed);
    resolve(database, "--applied", "2", &files).succeeds();
    assert_eq!(row(database), at(2, false));
    assert_eq!(migrate(database, &files).output().succeeds().applied(), ["3"]);
    resolve(database, "--rolled-back", "3", &files).exits(Exit::Data).says("not in a failed state");
}

fn a_schema_that_is_there_is_taken_over_at_a_version(database: &Database) {
    let files = Migrations::of(&[
        ("1_a.up.sql", "CREATE TABLE a (id INT);\n"),
        ("2_b.up.sql", "CREATE TABLE b (id INT);\n"),
        ("3_c.up.sql", "CREATE TABLE c (id INT);\n"),
    ]);
    database.exec("CREATE TABLE a (id INT)");
    database.exec("CREATE TABLE b (id INT)");
    resolve(database, "--applied", "7", &files).exits(Exit::Data).says("not on disk");
    resolve(database, "--applied", "2", &files).succeeds();
    assert_eq!(row(database), at(2, false));
    assert_eq!(migrate(database, &files).output().succeeds().applied(), ["3"]);
}

/// sqlx's reversible pairs look the same.
fn a_directory_of_pairs_is_its_own_where_its_table_is(database: &Database) {
    let files =
        Migrations::of(&[("1_a.up.sql", "CREATE TABLE a (id INT);\n"), ("1_a.down.sql", "DROP TABLE a;\n")]);
    let undecided = Run::migrate(database, &files).output().exits(Exit::Usage);
    let reason = undecided.field("exit", "reason");
    assert!(reason.contains("sqlx") && reason.contains("golang-migrate"), "{undecided}");
    assert!(!database.has_table("a"), "nothing is run on a guess");

    migrate(database, &files).output().succeeds();
    files.write("2_b.up.sql", "CREATE TABLE b (id INT);\n");
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), ["2"]);
    assert_eq!(row(database), at(2, false));
    // A file without a direction is one that golang-migrate would pass over.
    let other = Migrations::of(&[("1_a.up.sql", "SELECT 1;\n"), ("2_b.sql", "SELECT 1;\n")]);
    let run = Run::new(["status", "--json"]).database(database).migrations(&other).output();
    assert!(run.stdout.contains("\"sqlx\""), "{run}");
}

/// lib/pq asks for a date style and for no time zone, go-sql-driver/mysql for a collation and for no SQL mode.
fn the_session_is_as_its_drivers_leave_it(database: &Database) {
    let name = database.name();
    let (sql, query, expected) = match database.engine() {
        Engine::Postgres => {
            database.exec(&format!("ALTER ROLE {name} SET TimeZone = 'Asia/Tokyo'"));
            database.exec(&format!("ALTER ROLE {name} SET DateStyle = 'SQL, DMY'"));
            (
                "CREATE TABLE seen AS SELECT current_setting('TimeZone') AS zone, '1.5.2020'::date::text AS day;\n",
                "SELECT zone || ' ' || day FROM seen",
                "Asia/Tokyo 2020-01-05".to_owned(),
            )
        }
        Engine::MySql => (
            "CREATE TABLE seen AS SELECT '1' || '0' AS alternative, @@collation_connection AS collation_used,\n\
             @@session.time_zone AS zone, @@session.sql_mode AS mode;\n",
            "SELECT CONCAT_WS(' ', alternative, collation_used, zone, mode = @@GLOBAL.sql_mode) FROM seen",
            "1 utf8mb4_general_ci SYSTEM 1".to_owned(),
        ),
        Engine::Sqlite => (
            "CREATE TABLE seen AS SELECT foreign_keys AS value FROM pragma_foreign_keys;\n",
            "SELECT value FROM seen",
            "0".to_owned(),
        ),
    };
    migrate(database, &Migrations::of(&[("1_seen.up.sql", sql)])).output().succeeds();
    assert_eq!(database.one(query), expected);
}

/// golang-migrate writes the row anew at the end of every migration.
fn the_row_is_there_whatever_a_script_makes_of_it(database: &Database) {
    let files = Migrations::of(&[
        ("1_a.up.sql", "CREATE TABLE a (id INT);\nDELETE FROM schema_migrations;\n"),
        ("2_b.up.sql", "INSERT INTO schema_migrations (version, dirty) VALUES (7, false);\n"),
    ]);
    assert_eq!(migrate(database, &files).output().succeeds().applied(), ["1", "2"]);
    assert_eq!(row(database), at(2, false));
    files.write("3_c.up.sql", "DELETE FROM schema_migrations;\nINSERT INTO nowhere VALUES (1);\n");
    migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(row(database), at(3, true));
    resolve(database, "--rolled-back", "3", &files).succeeds();
    files.write("3_c.up.sql", "DELETE FROM schema_migrations;\n");
    migrate(database, &files).output().succeeds();
    assert_eq!(row(database), at(3, false));
}

/// Before the first version is version -1, where the way down from the first leads.
fn a_row_of_a_way_down_that_failed_at_its_end_is_resolved(database: &Database) {
    let files = Migrations::of(&[("1_a.up.sql", "CREATE TABLE a (id INT);\n")]);
    migrate(database, &files).output().succeeds();
    database.exec("UPDATE schema_migrations SET version = -1, dirty = true");
    let blocked = migrate(database, &files).output().exits(Exit::Data);
    assert!(blocked.field("exit", "hint").contains("castoff resolve --applied -1"), "{blocked}");
    resolve(database, "--rolled-back", "-1", &files).succeeds();
    assert_eq!(row(database), []);
}

/// Killed on the way down: the mark is that of the version before, of which all is well.
fn a_mark_that_a_way_down_may_have_left_is_told_as_such(database: &Database) {
    let files = Migrations::of(&[
        ("1_a.up.sql", "CREATE TABLE a (id INT);\n"),
        ("2_b.up.sql", "CREATE TABLE b (id INT);\n"),
    ]);
    migrate(database, &files).output().succeeds();
    database.exec("UPDATE schema_migrations SET version = 1, dirty = true");
    let run = migrate(database, &files).output().exits(Exit::Data);
    let said = run.field("exit", "hint");
    assert!(said.contains("reverting 2 that did not finish"), "{said}");
    assert!(said.contains("`castoff resolve --applied 1` and then `castoff resolve --applied 2`"), "{said}");
    database.exec("UPDATE schema_migrations SET version = -1");
    let run = migrate(database, &files).output().exits(Exit::Data);
    assert!(run.stderr.contains("reverting migration 1 was begun earlier"), "{run}");
    assert!(!run.stderr.contains("run it again"), "{run}");
}

#[test]
fn on_sqlite_the_table_may_be_named_with_its_schema() {
    let database = Database::sqlite();
    let files = Migrations::of(&[("1_a.up.sql", "CREATE TABLE a (id INT);\n")]);
    for event in ["migrate.done", "migrate.none"] {
        let run = migrate(&database, &files).option(["--history-table", "main.done"]);
        run.output().succeeds().event(event);
    }
    assert_eq!(database.one("SELECT version FROM done"), "1");
}

/// The version before it is on no disk and, once it is marked, in no row.
#[test]
fn what_was_lost_and_then_stopped_leaves_the_version_before_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.up.sql", "CREATE TABLE a (id INT);\n")]);
    migrate(&database, &files).output().succeeds();
    database.exec("UPDATE schema_migrations SET version = 5");
    let mut gate = Gate::closed(&database);
    files.write("6_f.up.sql", gate.sql());
    let mut running = migrate(&database, &files).option(["--on-missing", "warn"]).spawn();
    gate.end_visitor();
    running.until("connection.lost");
    gate.visitor();
    assert_eq!(row(&database), at(6, true));
    running.signal(Signal::SIGTERM);
    running.wait().exits_with(143);
    assert_eq!(row(&database), at(5, false));
}

#[test]
fn who_may_not_write_the_mark_has_left_nothing() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database
        .exec("CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)");
    database
        .exec(&format!("GRANT SELECT, INSERT, UPDATE, TRUNCATE ON schema_migrations TO {}", database.name()));
    let files = Migrations::of(&[("1_a.up.sql", "CREATE TABLE a (id INT);\n")]);
    let run = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let hint = run.field("migration.failed", "hint");
    assert!(hint.contains("it was rolled back") && !hint.contains("may have stayed"), "{run}");
}

#[test]
fn a_file_of_one_statement_that_needs_no_transaction_gets_none() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("1_a.up.sql", "CREATE TABLE a (id INT);\n"),
        ("2_i.up.sql", "-- while the sale goes on\nCREATE INDEX CONCURRENTLY i ON a (id);\n"),
    ]);
    migrate(&database, &files).output().succeeds();
    assert_eq!(database.one("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
    assert_eq!(row(&database), at(2, false));
}

const MULTI: &str =
    "CREATE TABLE a (id INT);\n\nINSERT INTO a VALUES (1);\nINSERT INTO nowhere VALUES (2);\n";

#[test]
fn a_script_is_cut_at_every_semicolon_where_the_url_says_so() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.up.sql", MULTI)]);
    let whole = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(whole.field("migration.failed", "line"), "4", "{whole}");
    assert!(!database.has_table("a"), "one transaction, as PostgreSQL takes it");
    resolve(&database, "--rolled-back", "1", &files).succeeds();
    assert_eq!(row(&database), [], "as before the first version");

    let url = format!("{}?x-multi-statement=true", database.url());
    let cut = migrate(&database, &files).env("DATABASE_URL", &url).output().exits(Exit::MigrationFailed);
    assert_eq!(cut.field("migration.failed", "line"), "4", "{cut}");
    assert!(cut.field("migration.failed", "statement").starts_with("INSERT INTO nowhere"), "{cut}");
    assert_eq!(database.one("SELECT count(*) FROM a"), "1", "what came before it stays");
    assert_eq!(row(&database), at(1, true));

    resolve(&database, "--applied", "1", &files).succeeds();
    // A semicolon in a literal counts as well.
    files.write("2_b.up.sql", "INSERT INTO a SELECT length('a;b');\n");
    migrate(&database, &files).env("DATABASE_URL", url).output().exits(Exit::MigrationFailed);
}

#[test]
fn a_table_of_another_name_has_locks_of_its_own() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[(
        "1_a.up.sql",
        "CREATE TABLE a AS SELECT objid::text AS key FROM pg_locks\n\
        WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1 AND classid = 0;\n",
    )]);
    let url = format!("{}?x-migrations-table=done", database.url());
    migrate(&database, &files).env("DATABASE_URL", url).output().succeeds();
    assert!(database.has_table("done") && !database.has_table("schema_migrations"));
    let name = database.name();
    for database_name in [format!("/{name}"), name] {
        let key = crate::harness::keys::golang_migrate(&format!("public\0done\0{database_name}"));
        assert_eq!(
            database.one(&format!("SELECT count(*) FROM a WHERE key = '{key}'")),
            "1",
            "{database_name:?}"
        );
    }
}

#[test]
fn on_sqlite_a_script_begins_its_own_transaction_where_the_url_says_so() {
    let database = Database::sqlite();
    let files = Migrations::of(&[(
        "1_a.up.sql",
        "PRAGMA foreign_keys = ON;\nBEGIN;\nCREATE TABLE a (id INT);\nCOMMIT;\nVACUUM;\n",
    )]);
    let refused = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(refused.field("migration.failed", "line"), "2", "{refused}");
    resolve(&database, "--rolled-back", "1", &files).succeeds();
    let url = format!("{}?x-no-tx-wrap=true", database.url());
    migrate(&database, &files).env("DATABASE_URL", url).output().succeeds();
    assert!(database.has_table("a"));
    assert_eq!(row(&database), at(1, false));
}
