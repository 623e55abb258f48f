//! `castoff plan`: what a person or a pipeline is shown, and what is refused instead.

use castoff::exit::Exit;
use serde_json::{Value, json};

use crate::harness::{Database, Engine, Finished, Migrations, Run, on_every_engine};
use crate::lock::{gated, hold_own_lock, migrating};

on_every_engine!(
    the_document_has_every_field,
    it_takes_no_lock_and_waits_for_none,
    what_would_be_refused_is_refused_alike,
    what_only_a_command_can_run_is_named,
    the_values_of_variables_are_not_told,
    the_whole_corpus_can_be_piped,
);

fn plan(database: &Database, files: &Migrations) -> Run {
    Run::new(["plan"]).database(database).migrations(files)
}

/// `plan --json`, after checking its exit code.
fn document(run: &Run) -> Value {
    let run = run.clone().option(["--json"]).output().succeeds();
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn the_document_has_every_field(database: &Database) {
    let files = Migrations::three();
    let said = document(&plan(database, &files));
    let mut names: Vec<&str> = said.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["command", "database", "engine", "format", "migrations", "pending", "prepare", "server_version"]
    );
    assert_eq!((&said["engine"], &said["format"]), (&json!(database.engine().name()), &json!("sqlx")));
    assert_eq!((&said["command"], &said["migrations"]), (&Value::Null, &json!(files.path())));
    let second = &said["pending"][1];
    let file = files.path().join("20250102030405_add orders table.sql");
    assert_eq!((&second["id"], &second["file"]), (&json!("20250102030405"), &json!(file)));
    assert_eq!(second["transaction"], true);
    let statements = second["statements"].as_array().expect("a list");
    let script = statements.iter().find(|sent| sent["file"] == json!(file)).expect("the script");
    assert_eq!(script["line"], 1);
    let text = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(script["sql"], text, "the file as it is");
    assert!(statements.iter().any(|sent| sent["file"].is_null() && sent["sql"] == "COMMIT"), "{second}");
    let row = |sent: &&Value| sent["sql"].as_str().is_some_and(|sql| sql.starts_with("INSERT INTO"));
    let row = statements.iter().filter(|sent| sent["file"].is_null()).find(row).expect("its row");
    assert!(row["sql"].as_str().is_some_and(|sql| sql.contains("'add orders table'")), "{row}");
}

fn it_takes_no_lock_and_waits_for_none(database: &Database) {
    let files = Migrations::three();
    let held = hold_own_lock(database);
    let shown = plan(database, &files).output().succeeds();
    assert!(shown.stdout.starts_with("-- 3 migrations are pending\n"), "{shown}");
    assert!(shown.events("lock.waiting").is_empty() && shown.events("lock.acquired").is_empty(), "{shown}");
    drop(held);
    assert_eq!(database.history(), []);
}

fn what_would_be_refused_is_refused_alike(database: &Database) {
    let files = Migrations::three();
    let refused = |expected: &str| {
        let reason = |run: Finished| {
            let run = run.exits(Exit::Data);
            assert_eq!(run.stdout, "", "{run}");
            run.field("exit", "reason")
        };
        let said = reason(plan(database, &files).output());
        assert!(said.contains(expected), "{said}");
        assert_eq!(said, reason(Run::migrate(database, &files).output()), "migrate says the same");
    };
    files.write("30000101000000_client.sql", "\\connect elsewhere\n");
    if database.engine() == Engine::Postgres {
        refused("30000101000000_client.sql:1");
    }
    files.remove("30000101000000_client.sql");
    Run::migrate(database, &files).output().succeeds();
    files.write("1_users.sql", "SELECT 1;\n");
    refused("1_users.sql changed after it was applied");
    files.remove("1_users.sql");
    refused("diverged");
    database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 20250203040506");
    refused("20250203040506 was begun earlier");
}

/// A revision is a program: what it sends, Alembic alone knows.
fn what_only_a_command_can_run_is_named(database: &Database) {
    let project = crate::alembic::project();
    let said = document(&plan(database, &project));
    assert_eq!((&said["command"], &said["prepare"]), (&json!("alembic upgrade heads"), &json!([])));
    let ids: Vec<&Value> =
        said["pending"].as_array().expect("a list").iter().map(|revision| &revision["id"]).collect();
    assert_eq!(json!(ids), json!(["aaaa", "cccc", "bbbb", "dddd"]));
    let shown = plan(database, &project).output().succeeds().stdout;
    assert!(shown.lines().all(|line| line.starts_with("-- ")), "nothing to run: {shown}");
    assert!(shown.contains("aaaa_make.py") && shown.contains("alembic upgrade heads"), "{shown}");
    crate::alembic::stamp(database, &["dddd"]);
    assert_eq!(document(&plan(database, &project))["pending"], json!([]));
}

/// Variables may hold secrets: what is shown is what stands in the file.
fn the_values_of_variables_are_not_told(database: &Database) {
    let goose =
        "-- +goose Up\n-- +goose ENVSUB ON\nCREATE TABLE a (id INT, note VARCHAR(50) DEFAULT '${TOKEN}');\n";
    let flyway = "CREATE TABLE a (id INT, note VARCHAR(50) DEFAULT '${token}');\n";
    for (name, sql) in [("00001_a.sql", goose), ("V1.0__a.sql", flyway)] {
        let files = Migrations::of(&[(name, sql)]);
        let run = plan(database, &files).env("TOKEN", "hunter2hunter2");
        let run = run.env("FLYWAY_PLACEHOLDERS_TOKEN", "hunter2hunter2");
        let shown = run.output().succeeds();
        assert!(shown.stdout.to_lowercase().contains("default '${token}'"), "{shown}");
        assert!(shown.stdout.contains("the values of its variables are put in when it runs"), "{shown}");
        assert!(!shown.stdout.contains("hunter2") && !shown.stderr.contains("hunter2"), "{shown}");
        let said = document(&run);
        let mut sent = said["pending"][0]["statements"].as_array().expect("a list").iter();
        assert!(sent.any(|sent| sent["has_variables"] == true), "{said}");
        assert!(!said.to_string().contains("hunter2"), "{said}");
    }
}

/// Triggers, bodies of several statements, directives, rows of a COPY: the engine's own client takes what is printed.
fn the_whole_corpus_can_be_piped(database: &Database) {
    for format in ["sqlx", "prisma", "golang-migrate", "dbmate", "goose", "flyway", "diesel", "refinery"] {
        let Some(database) = Database::on(database.engine()) else { return };
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(format);
        let files = root.join(database.engine().name());
        let run = |command: &str| {
            let run = Run::new([command]).database(&database).env("CASTOFF_MIGRATIONS", &files);
            run.env("CASTOFF_FORMAT", format)
        };
        let shown = run("plan").output().succeeds().stdout;
        // Whoever runs it puts in what stands for a value.
        let schema =
            if database.engine() == Engine::Postgres { "public".to_owned() } else { database.name() };
        database.pipe(&shown.replace("${flyway:defaultSchema}", &schema));
        run("migrate").output().succeeds().event("migrate.none");
        let names = ["booking", "Booking", "\"Booking\""];
        assert!(names.iter().any(|name| database.has_table(name)), "{format}");
    }
}

#[test]
fn what_another_process_is_at_cannot_be_told_yet() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { return };
        let (files, mut gate) = gated(&database);
        let marker =
            if engine == Engine::Postgres { "-- no-transaction\n" } else { "CREATE TABLE ddl (id INT);\n" };
        files.write("30000101000000_slow.sql", format!("{marker}{}", gate.sql()));
        let holder = migrating(&Run::migrate(&database, &files));
        gate.visitor();
        let run = plan(&database, &files).output().exits(Exit::Pending);
        assert!(run.field("exit", "reason").contains("another process is applying migration 30000101000000"));
        assert_eq!(run.stdout, "", "{run}");
        gate.open();
        holder.wait().succeeds();
        assert_eq!(document(&plan(&database, &files))["pending"], json!([]));
    }
}

#[test]
fn a_server_that_takes_no_writes_can_be_asked() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    database.exec(&format!("ALTER ROLE {} SET default_transaction_read_only = on", database.name()));
    let said = document(&plan(&database, &files).option(["--wait-timeout", "3s"]));
    assert_eq!(said["pending"].as_array().map(Vec::len), Some(3));
}

#[test]
fn the_rows_of_a_copy_are_shown_and_can_be_piped() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let script = "CREATE TABLE t (id INT, note TEXT);\nCOPY t (id, note) FROM stdin;\n1\tit's; -- fine\n2\t\\N\n\\.\n\
                  COPY t FROM stdin;\n\\.\n";
    let files = Migrations::of(&[("V1.0__data.sql", script)]);
    let said = document(&plan(&database, &files));
    let sent = said["pending"][0]["statements"].as_array().expect("a list");
    let rows: Vec<&Value> = sent.iter().filter_map(|sent| sent.get("rows")).collect();
    assert_eq!(rows, ["1\tit's; -- fine\n2\t\\N\n", ""], "{said}");
    database.pipe(&plan(&database, &files).output().succeeds().stdout);
    assert_eq!(database.one("SELECT count(*) FROM t"), "2");
    Run::migrate(&database, &files).output().succeeds().event("migrate.none");
}

#[test]
fn an_index_that_is_built_concurrently_stands_outside_a_transaction() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let script = "-- no-transaction\nCREATE INDEX CONCURRENTLY one ON users (id);\nCREATE INDEX CONCURRENTLY two ON users (email);\n";
    files.write("30000101000000_index.sql", script);
    let said = document(&plan(&database, &files));
    let index = &said["pending"][3];
    assert_eq!(index["transaction"], false, "{index}");
    let lines: Vec<u64> = index["statements"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|sent| sent["line"].as_u64())
        .collect();
    assert_eq!(lines, [2, 3], "sent one by one: {index}");
    let shown = plan(&database, &files).output().succeeds().stdout;
    assert!(shown.contains("-- migration 30000101000000, outside a transaction\n"), "{shown}");
}
