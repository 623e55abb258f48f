//! `castoff status`: every state in the contract's order, its code, and that nothing is changed.

use castoff::exit::Exit;
use serde_json::{Value, json};

use crate::harness::{Database, Engine, Finished, Migrations, Run, on_every_engine};
use crate::lock::{migrating, slow_sql};

on_every_engine!(
    every_state_without_a_failure,
    a_failed_migration_comes_before_everything_else,
    an_unfinished_row_under_the_lock_is_migrating,
    the_document_has_every_field,
    text_names_the_state_and_the_migrations,
);

fn status(database: &Database, files: &Migrations, options: &[&str]) -> Finished {
    Run::new(["status", "--json"]).database(database).migrations(files).option(options).output()
}

/// The state, after checking the exit code.
fn state(run: Finished, code: i32) -> (String, Value) {
    let run = run.exits_with(code);
    let document: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
    (document["state"].as_str().expect("a state").to_owned(), document)
}

fn every_state_without_a_failure(database: &Database) {
    let files = Migrations::three();
    let (found, document) = state(status(database, &files, &[]), 82);
    assert_eq!(found, "pending");
    assert_eq!(document["pending"], json!(["1", "20250102030405", "20250203040506"]));
    assert_eq!(database.history(), [], "nothing was written");
    Run::migrate(database, &files).output().succeeds();
    assert_eq!(state(status(database, &files, &[]), 0).0, "up-to-date");
    files.write("30000101000000_new.sql", "CREATE TABLE new (id INT);\n");
    assert_eq!(state(status(database, &files, &[]), 82).0, "pending");
    files.remove("30000101000000_new.sql");
    files.remove("20250203040506_backfill.sql");
    let (found, document) = state(status(database, &files, &[]), 0);
    assert_eq!((found.as_str(), &document["missing"]), ("ahead", &json!(["20250203040506"])));
    files.remove("1_users.sql");
    let (found, document) = state(status(database, &files, &[]), 65);
    assert_eq!((found.as_str(), &document["missing"]), ("diverged", &json!(["1", "20250203040506"])));
    assert_eq!(state(status(database, &files, &["--on-missing", "warn"]), 0).0, "diverged");
    files.write("20250102030405_add orders table.sql", "SELECT 1;\n");
    let (found, document) = state(status(database, &files, &[]), 65);
    assert_eq!((found.as_str(), &document["edited"]), ("edited", &json!(["20250102030405"])));
}

fn a_failed_migration_comes_before_everything_else(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 20250203040506");
    files.write("1_users.sql", "edited\n");
    files.write("30000101000000_new.sql", "CREATE TABLE new (id INT);\n");
    let (found, document) = state(status(database, &files, &[]), 65);
    assert_eq!(found, "failed");
    assert_eq!(document["failed"], json!([{"id": "20250203040506", "error": null}]));
    let run = Run::migrate(database, &files).output().exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("20250203040506"), "{run}");
    assert!(!database.has_table("new"));
}

fn an_unfinished_row_under_the_lock_is_migrating(database: &Database) {
    // Only steps outside a transaction show an unfinished row to others; on SQLite there is no second writer.
    if database.engine() == Engine::Sqlite {
        return;
    }
    let files = Migrations::three();
    let marker = if database.engine() == Engine::Postgres {
        "-- no-transaction\n"
    } else {
        "CREATE TABLE ddl (id INT);\n"
    };
    let sql = format!("{marker}{}", slow_sql(database.engine(), 3));
    files.write("30000101000000_slow.sql", sql);
    let running = migrating(&Run::migrate(database, &files));
    crate::harness::eventually("the unfinished row is seen", || {
        database.history().iter().any(|row| !row.success).then_some(())
    });
    let (found, _) = state(status(database, &files, &[]), 82);
    assert_eq!(found, "migrating");
    running.wait().succeeds();
    assert_eq!(state(status(database, &files, &[]), 0).0, "up-to-date");
}

fn the_document_has_every_field(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    let (_, document) = state(status(database, &files, &[]), 0);
    let names: Vec<&str> = document.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = [
        "engine",
        "server_version",
        "database",
        "format",
        "migrations",
        "state",
        "applied",
        "pending",
        "failed",
        "edited",
        "missing",
    ];
    expected.sort_unstable();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(document["engine"], database.engine().name());
    assert_eq!(document["format"], "sqlx");
    assert_eq!(document["migrations"], files.path().display().to_string());
    assert!(!document["server_version"].as_str().expect("a version").is_empty());
    let first = &document["applied"][0];
    assert_eq!(first["id"], "1");
    let at = first["applied_at"].as_str().expect("a time");
    assert!(at.len() >= 20 && at.contains('T') && (at.ends_with('Z') || at.contains('+')), "RFC 3339: {at}");
}

fn text_names_the_state_and_the_migrations(database: &Database) {
    let files = Migrations::three();
    let run = Run::new(["status"]).database(database).migrations(&files).output().exits(Exit::Pending);
    for word in ["pending", "20250102030405", database.engine().name()] {
        assert!(run.stdout.contains(word), "{word} in {run}");
    }
}

#[test]
fn a_status_takes_no_lock_and_waits_for_none() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, 60));
    let _holder = migrating(&Run::migrate(&database, &files));
    let run = status(&database, &files, &[]);
    assert_eq!(state(run, 82).0, "pending");
}

#[test]
fn a_read_only_server_can_be_asked_for_its_status() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    database.exec(&format!("ALTER ROLE {} SET default_transaction_read_only = on", database.name()));
    assert_eq!(state(status(&database, &files, &["--wait-timeout", "3s"]), 0).0, "up-to-date");
}
