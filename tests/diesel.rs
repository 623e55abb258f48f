//! Diesel's format where its command line has nothing to compare with: repairs, and what it would say of a failure.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Run, on_every_engine};

fn migrate(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files)
}

/// A row is all that Diesel records; what a failure left is for a person to finish and to record.
fn a_migration_finished_by_hand_is_recorded(database: &Database) {
    let files = Migrations::of(&[
        ("2025-01-01_first/up.sql", "CREATE TABLE first (id INT);\n"),
        ("2025-01-02_second/up.sql", "CREATE TABLE second (id INT);\nINSERT INTO nowhere VALUES (1);\n"),
    ]);
    let run = migrate(database, &files).output().exits(Exit::MigrationFailed);
    let stays = database.engine() == Engine::MySql;
    assert_eq!(database.has_table("second"), stays);
    let hint = run.field("migration.failed", "hint");
    assert_eq!(hint.contains("castoff resolve --applied 20250102"), stays, "{run}");

    let resolve =
        |how: &str, id: &str| Run::new(["resolve", how, id]).database(database).migrations(&files).output();
    drop(resolve("--applied", "2025-01-02_second").exits(Exit::Data));
    resolve("--applied", "20250102").succeeds();
    drop(resolve("--applied", "20250102").exits(Exit::Data));
    drop(resolve("--rolled-back", "20250102").exits(Exit::Usage));
    let versions = database.rows("SELECT version FROM __diesel_schema_migrations ORDER BY version");
    assert_eq!(versions.concat(), [Some("20250101".to_owned()), Some("20250102".to_owned())]);
    assert!(migrate(database, &files).output().succeeds().applied().is_empty());
}

on_every_engine!(a_migration_finished_by_hand_is_recorded);

#[test]
fn a_statement_that_no_transaction_holds_is_told_where_to_say_so() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("1_table/up.sql", "CREATE TABLE t (id INT);\n"),
        ("2_index/up.sql", "CREATE INDEX CONCURRENTLY by_id ON t (id);\n"),
    ]);
    let run = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert!(run.field("migration.failed", "hint").contains("metadata.toml"), "{run}");
    files.write("2_index/metadata.toml", "run_in_transaction = false\n");
    assert_eq!(migrate(&database, &files).output().succeeds().applied(), ["2"]);
}

/// The trigger that stands for the call is nothing that a person has written.
#[test]
fn a_call_of_diesels_function_is_shown_as_it_was_written() {
    let database = Database::sqlite();
    let call = "SELECT diesel_manage_updated_at('posts')";
    let files = Migrations::of(&[("1_a/up.sql", &*format!("CREATE TABLE a (id INT);\n\n{call};\n"))]);
    let run = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let failed = run.event("migration.failed");
    assert_eq!((&failed["line"], &failed["statement"]), (&3.into(), &call.into()), "{run}");
    assert!(!database.has_table("a"), "it is rolled back");

    files.write("1_a/up.sql", "SELECT diesel_manage_updated_at(name) FROM sqlite_schema;\n");
    let run = migrate(&database, &files).output().exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("1_a/up.sql: line 1: "), "{run}");
}
