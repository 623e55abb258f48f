//! `diesel` and castoff take turns on one database and leave what `diesel` alone would have left.

use std::time::Duration;

use castoff::exit::Exit;

use crate::corpus::whole;
use crate::diesel_cli::DieselCli;
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, MariaDb, Migrations, on_every_engine};
use crate::tool::{self, Tool, all_is_as_the_tool_alone_leaves_it, migrate, status};

fn castoff_goes_on_where_diesel_stopped(database: &Database) {
    tool::castoff_goes_on_where_the_tool_stopped::<DieselCli>(database);
}

fn diesel_goes_on_where_castoff_stopped(database: &Database) {
    tool::the_tool_goes_on_where_castoff_stopped::<DieselCli>(database);
}

fn castoff_alone_leaves_what_diesel_alone_leaves(database: &Database) {
    tool::castoff_alone_leaves_what_the_tool_alone_leaves::<DieselCli>(database);
}

fn a_dump_tells_two_databases_apart_by_one_letter(database: &Database) {
    let edit = "UPDATE __diesel_schema_migrations SET version = '2' WHERE version = '202501070900000000'";
    tool::a_dump_tells_two_databases_apart_by_one_letter::<DieselCli>(database, edit);
}

fn castoff_applies_again_what_diesel_took_back(database: &Database) {
    let Some(diesel) = DieselCli::on(database) else { return };
    let files = whole("diesel", database.engine());
    migrate::<DieselCli>(database, &files).output().succeeds();
    let before = dump(database);

    diesel.revert(&files);
    assert_ne!(dump(database), before, "the check can fail");
    assert!(diesel.has_pending(&files), "the check can fail");
    let log = migrate::<DieselCli>(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["202502250930000000"], "{log}");
    all_is_as_the_tool_alone_leaves_it(database, &diesel, &files);
}

/// Diesel keeps no checksum and looks only for what is to be applied.
fn neither_minds_an_edited_or_a_missing_file(database: &Database) {
    let Some(diesel) = DieselCli::on(database) else { return };
    let files = whole("diesel", database.engine());
    migrate::<DieselCli>(database, &files).output().succeeds();

    files.write("2025-01-21-103000-0000_house_rules/up.sql", "-- empty now\n");
    assert_eq!(status::<DieselCli>(database, &files)["state"], "up-to-date");
    std::fs::remove_dir_all(files.path().join("2025-01-14-140000-0000_count_seats_sold"))
        .expect("it is there");
    let seen = status::<DieselCli>(database, &files);
    assert_eq!(
        (&seen["state"], &seen["missing"][0]),
        (&"diverged".into(), &"202501141400000000".into()),
        "{seen}"
    );
    migrate::<DieselCli>(database, &files).output().succeeds();
    assert_eq!(diesel.run(&files), Ok(0));
}

/// One that sorts before what is applied is applied all the same, by both.
fn both_apply_what_was_merged_late(database: &Database) {
    let Some(diesel) = DieselCli::on(database) else { return };
    let files = whole("diesel", database.engine());
    migrate::<DieselCli>(database, &files).output().succeeds();

    files.write("2025-01-10-000000-0000_late/up.sql", "CREATE TABLE late (id INT);\n");
    let log = migrate::<DieselCli>(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["202501100000000000"], "{log}");
    assert!(!diesel.has_pending(&files));
    files.write("2025-01-11-000000-0000_later/up.sql", "CREATE TABLE later (id INT);\n");
    assert_eq!(diesel.run(&files), Ok(1));
    assert_eq!(status::<DieselCli>(database, &files)["state"], "up-to-date");
}

/// `metadata.toml` decides, in Diesel's own way, whether the table of a script that fails stays.
fn both_read_metadata_alike(database: &Database) {
    let Some(other) = Database::on(database.engine()) else { return };
    let (Some(diesel), database) = (DieselCli::on(&other), database) else { return };
    let texts: [&[u8]; 8] = [
        b"run_in_transaction = true\n",
        b"run_in_transaction = false # no\r\n",
        b"",
        b"# nothing\n",
        b"run_in_transaction = \"false\"\n",
        b"run_in_transaction: false\n",
        b"[a]\nrun_in_transaction = true\n",
        b"run_in_transaction = false\n# \xff\n",
    ];
    for (number, metadata) in texts.into_iter().enumerate() {
        let files = Migrations::new();
        files.write("1_half/metadata.toml", metadata);
        // One statement more than a text that PostgreSQL takes as one transaction.
        let sql = format!("CREATE TABLE half{number} (id INT);\nCOMMIT;\nSELECT nothing FROM nowhere;\n");
        let sql = if database.engine() == Engine::Postgres { sql } else { sql.replace("COMMIT;\n", "") };
        files.write("1_half/up.sql", sql);
        drop(migrate::<DieselCli>(database, &files).output().exits(Exit::MigrationFailed));
        assert!(diesel.run(&files).is_err());
        let left = |database: &Database| database.has_table(&format!("half{number}"));
        assert_eq!(left(database), left(&other), "{}", String::from_utf8_lossy(metadata));
        for database in [database, &other] {
            assert!(database.rows("SELECT version FROM __diesel_schema_migrations").is_empty());
        }
    }
}

/// Whatever Diesel refuses, castoff refuses; what is of interest only where it is pending, only there.
fn both_refuse_an_empty_script_while_it_is_pending(database: &Database) {
    let Some(diesel) = DieselCli::on(database) else { return };
    let files = Migrations::of(&[("1_a/up.sql", "CREATE TABLE a (id INT);\n"), ("2_b/up.sql", "")]);
    drop(migrate::<DieselCli>(database, &files).output().exits(Exit::Data));
    assert!(!database.has_table("a"), "nothing is applied");
    assert!(diesel.run(&files).is_err());

    database.exec("INSERT INTO __diesel_schema_migrations (version) VALUES ('2')");
    assert_eq!(status::<DieselCli>(database, &files)["state"], "up-to-date");
    assert_eq!(diesel.run(&files), Ok(0));
}

fn both_refuse_a_directory_without_a_script(database: &Database) {
    let Some(diesel) = DieselCli::on(database) else { return };
    let files =
        Migrations::of(&[("1_a/up.sql", "CREATE TABLE a (id INT);\n"), ("2_b/down.sql", "SELECT 1;\n")]);
    let run = migrate::<DieselCli>(database, &files).output().exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("2_b"), "{run}");
    assert!(diesel.run(&files).is_err());
    assert!(!database.has_table("a"));
}

fn a_script_with_a_transaction_of_its_own_fares_alike(database: &Database) {
    tool::a_script_with_a_transaction_of_its_own_fares_alike::<DieselCli>(
        database,
        ["1_own/up.sql", "2_next/up.sql"],
    );
}

fn a_session_has_the_settings_of_diesels_own(database: &Database) {
    tool::a_session_has_the_settings_of_the_tools_own::<DieselCli>(database, "1_seen/up.sql");
}

on_every_engine!(
    castoff_goes_on_where_diesel_stopped,
    diesel_goes_on_where_castoff_stopped,
    castoff_alone_leaves_what_diesel_alone_leaves,
    a_dump_tells_two_databases_apart_by_one_letter,
    castoff_applies_again_what_diesel_took_back,
    neither_minds_an_edited_or_a_missing_file,
    both_apply_what_was_merged_late,
    both_read_metadata_alike,
    both_refuse_an_empty_script_while_it_is_pending,
    both_refuse_a_directory_without_a_script,
    a_script_with_a_transaction_of_its_own_fares_alike,
    a_session_has_the_settings_of_diesels_own,
);

/// Diesel's own function, which only its connections know on SQLite.
#[test]
fn the_trigger_that_diesel_makes_on_sqlite_is_the_same() {
    let (one, other) = (Database::sqlite(), Database::sqlite());
    let Some(diesel) = DieselCli::on(&other) else { return };
    let files = Migrations::of(&[(
        "1_posts/up.sql",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, updated_at TIMESTAMP);\n\
         -- keeps the column true\n\
         SELECT diesel_manage_updated_at('posts');\n\
         CREATE INDEX posts_by_time ON posts (updated_at);\n",
    )]);
    migrate::<DieselCli>(&one, &files).output().succeeds();
    assert_eq!(diesel.run(&files), Ok(1));
    assert!(one.has_table("posts"));
    assert_eq!(one.one("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), "1");
    assert_alike(&dump(&one), &dump(&other));
}

/// Diesel's session settings (time zone) show only where the server's own differ.
fn another_time_zone(by_castoff: &Database, by_diesel: &Database, first: &str, age: &str) {
    let Some(diesel) = DieselCli::on(by_diesel) else { return };
    let files = whole("diesel", by_castoff.engine());
    migrate::<DieselCli>(by_castoff, &files).output().succeeds();
    diesel.run(&files).expect("diesel applies the corpus");
    assert_alike(&dump(by_castoff), &dump(by_diesel));
    assert_eq!(by_castoff.one(first), "1740819600", "2025-03-01 09:00 UTC");
    for database in [by_castoff, by_diesel] {
        let age: f64 = database.one(age).parse().expect("seconds");
        assert!((-1.0..3600.0).contains(&age), "run_on is {age} s ago");
    }
    let seen = status::<DieselCli>(by_castoff, &files);
    let at = seen["applied"][0]["applied_at"].as_str().expect("a time");
    let at = humantime::parse_rfc3339(at).expect("RFC 3339");
    assert!(at.elapsed().is_ok_and(|age| age < Duration::from_hours(1)), "{seen}");
}

#[test]
fn a_postgres_database_in_another_time_zone_gets_the_same_rows() {
    let (Some(one), Some(other)) = (Database::on(Engine::Postgres), Database::on(Engine::Postgres)) else {
        return;
    };
    for database in [&one, &other] {
        database.exec(&format!("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'", database.name()));
    }
    another_time_zone(
        &one,
        &other,
        "SELECT extract(epoch FROM starts_at)::bigint FROM performance WHERE id = 4",
        "SELECT max(extract(epoch FROM now() AT TIME ZONE 'UTC' - run_on)) FROM __diesel_schema_migrations",
    );
}

#[test]
fn a_mariadb_in_another_time_zone_gets_the_same_rows() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--default-time-zone=+05:00"]);
    let (one, other) = (Database::on_mariadb(&server), Database::on_mariadb(&server));
    another_time_zone(
        &one,
        &other,
        "SELECT unix_timestamp(starts_at) FROM performance WHERE id = 4",
        "SELECT MAX(unix_timestamp() - unix_timestamp(run_on)) FROM __diesel_schema_migrations",
    );
}
