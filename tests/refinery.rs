//! refinery's format where the tool's command line cannot be the judge: wide versions, programs, and repairs.

use castoff::exit::Exit;
use serde_json::{Value, json};

use crate::harness::{Database, Engine, Migrations, Run, TextRow, on_every_engine};

/// The checksums are those of `refinery_cli` 0.10.0, built with the feature `int8-versions`.
const WIDE: [(&str, &str, &str); 2] = [
    ("V1__u.sql", "CREATE TABLE u (id INT);\n", "8041490726454550641"),
    ("V20250107090000__init.sql", "CREATE TABLE t (id INT);\n", "2777831610470514904"),
];

/// The same as every other build computes it.
const NARROW_INIT: (&str, &str, &str) =
    ("V1__init.sql", "CREATE TABLE t (id INT);\n", "14534297154302664340");

fn migrate(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).env("CASTOFF_FORMAT", "refinery")
}

fn status(database: &Database, files: &Migrations) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files);
    let run = run.env("CASTOFF_FORMAT", "refinery").output();
    serde_json::from_str(&run.stdout).expect("status --json prints JSON")
}

fn history(database: &Database) -> Vec<TextRow> {
    database.rows("SELECT version, checksum FROM refinery_schema_history ORDER BY version")
}

fn row(version: &str, checksum: &str) -> TextRow {
    vec![Some(version.to_owned()), Some(checksum.to_owned())]
}

/// The declared type of the versions.
fn width(database: &Database) -> String {
    let columns = "FROM information_schema.columns WHERE table_name = 'refinery_schema_history' AND column_name = 'version'";
    match database.engine() {
        Engine::Postgres => database.one(&format!("SELECT data_type {columns}")),
        Engine::MySql => database.one(&format!("SELECT data_type {columns} AND table_schema = database()")),
        Engine::Sqlite => database
            .one("SELECT type FROM pragma_table_info('refinery_schema_history') WHERE name = 'version'"),
    }
}

fn versions_that_need_64_bits_are_recorded_as_the_wide_tool_records_them(database: &Database) {
    let files = Migrations::of(&WIDE.map(|(name, sql, _)| (name, sql)));
    let log = migrate(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["1", "20250107090000"], "{log}");
    assert_eq!(history(database), [row("1", WIDE[0].2), row("20250107090000", WIDE[1].2)]);
    assert!(["bigint", "int8"].contains(&width(database).as_str()));
    assert_eq!(status(database, &files)["state"], "up-to-date");
}

/// A table of the wide tool stays one, though the versions on disk would fit the other; and the reverse.
fn the_table_says_how_the_tool_was_built(database: &Database) {
    let create = |width: &str| {
        database.exec(&format!(
            "CREATE TABLE refinery_schema_history (version {width} PRIMARY KEY, name VARCHAR(255), \
             applied_on VARCHAR(255), checksum VARCHAR(255))"
        ));
        if database.engine() == Engine::Postgres {
            database.exec(&format!("ALTER TABLE refinery_schema_history OWNER TO {}", database.name()));
        }
    };
    create("int8");
    let files = Migrations::of(&[(WIDE[0].0, WIDE[0].1)]);
    migrate(database, &files).output().succeeds();
    assert_eq!(history(database), [row("1", WIDE[0].2)]);
    assert_eq!(status(database, &files)["state"], "up-to-date");

    database.exec("DROP TABLE refinery_schema_history");
    create("int4");
    let files = Migrations::of(&[(NARROW_INIT.0, NARROW_INIT.1)]);
    migrate(database, &files).output().succeeds();
    assert_eq!(history(database), [row("1", NARROW_INIT.2)]);
    assert_eq!(status(database, &files)["state"], "up-to-date");
}

fn a_program_is_refused_by_name_while_it_is_pending(database: &Database) {
    let files = Migrations::of(&[
        (NARROW_INIT.0, NARROW_INIT.1),
        ("V2__barrel.rs", "pub fn migration() -> String { String::new() }\n"),
        ("mod.rs", "refinery::embed_migrations!(\".\");\n"),
    ]);
    let run = migrate(database, &files).output().exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("V2__barrel.rs: it is a Rust program"), "{run}");
    assert!(!database.has_table("t"), "nothing is applied");

    files.remove("V2__barrel.rs");
    migrate(database, &files).output().succeeds();
    database.exec(
        "INSERT INTO refinery_schema_history VALUES (2, 'barrel', '2026-01-02T03:04:05.678Z', '18446744073709551615')",
    );
    files.write("V2__barrel.rs", "pub fn migration() -> String { String::new() }\n");
    let said = status(database, &files);
    assert_eq!((&said["state"], &said["edited"]), (&json!("up-to-date"), &json!([])), "{said}");
}

/// What was finished by hand is recorded as the tool's own `-f` would: without being run.
fn a_migration_finished_by_hand_is_recorded(database: &Database) {
    let files = Migrations::of(&[
        (NARROW_INIT.0, "CREATE TABLE t (id INT);\n"),
        ("V2__more.sql", "SELECT nowhere;\n"),
    ]);
    drop(migrate(database, &files).output().exits(Exit::MigrationFailed));
    let resolve = |how: &str, id: &str| {
        let run = Run::new(["resolve", how, id]).database(database).migrations(&files);
        run.env("CASTOFF_FORMAT", "refinery").output()
    };
    resolve("--applied", "2").succeeds();
    assert_eq!(status(database, &files)["state"], "up-to-date");
    assert_eq!(history(database)[0], row("1", NARROW_INIT.2));
    drop(resolve("--applied", "2").exits(Exit::Data));
    drop(resolve("--rolled-back", "2").exits(Exit::Usage));
}

fn a_statement_that_no_transaction_holds_is_told_what_refinery_does(database: &Database) {
    let files = Migrations::of(&[
        (NARROW_INIT.0, NARROW_INIT.1),
        ("V2__index.sql", "CREATE INDEX CONCURRENTLY by_id ON t (id);\n"),
    ]);
    let run = migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert!(run.field("migration.failed", "hint").contains("in a transaction"), "{run}");
    assert_eq!(history(database).len(), 1);
}

#[test]
fn an_index_cannot_be_built_concurrently() {
    if let Some(database) = Database::on(Engine::Postgres) {
        a_statement_that_no_transaction_holds_is_told_what_refinery_does(&database);
    }
}

on_every_engine!(
    versions_that_need_64_bits_are_recorded_as_the_wide_tool_records_them,
    the_table_says_how_the_tool_was_built,
    a_program_is_refused_by_name_while_it_is_pending,
    a_migration_finished_by_hand_is_recorded,
);
