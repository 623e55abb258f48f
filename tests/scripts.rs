//! Odd but legal scripts, and scripts that fail: what stays, what is recorded, what is said.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Run, on_every_engine};

on_every_engine!(an_empty_file_is_a_migration);

fn an_empty_file_is_a_migration(database: &Database) {
    let files = Migrations::of(&[("1_empty.sql", ""), ("2_comment.sql", "-- nothing\n")]);
    let run = Run::migrate(database, &files).output();
    // MariaDB itself refuses a query without a statement (1065), and so sqlx does.
    if database.engine() == Engine::MySql {
        assert!([0, 80].contains(&run.code), "{run}");
    } else {
        assert_eq!(run.succeeds().applied(), ["1", "2"]);
    }
}

#[test]
fn a_script_without_a_transaction_is_recorded_and_may_build_concurrently() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("1_t.sql", "CREATE TABLE t (id INT, n INT);\n"),
        ("2_i.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (id);\n"),
        (
            "3_j.sql",
            "-- no-transaction\nINSERT INTO t VALUES (1, 1);\nCREATE INDEX CONCURRENTLY j ON t (n);\nVACUUM t;\n",
        ),
    ]);
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), ["1", "2", "3"]);
    assert!(database.history().iter().all(|row| row.success && row.execution_time > 0));
    assert_eq!(
        database.one(
            "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid IN ('i'::regclass, 'j'::regclass)"
        ),
        "2"
    );
}

#[test]
fn a_concurrent_build_inside_a_transaction_fails_with_the_way_out() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files =
        Migrations::of(&[("1_t.sql", "CREATE TABLE t (id INT);\nCREATE INDEX CONCURRENTLY i ON t (id);\n")]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert!(run.field("migration.failed", "hint").contains("-- no-transaction"), "{run}");
    assert!(!database.has_table("t"));
}

#[test]
fn a_concurrent_build_that_fails_is_told_truthfully_and_healed() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("1_t.sql", "CREATE TABLE t (id INT);\nINSERT INTO t VALUES (1), (1);\n"),
        ("2_i.sql", "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (id);\n"),
    ]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.field("migration.failed", "id"), "2");
    // PostgreSQL leaves an INVALID index behind; whoever leaves it there has to say so.
    let invalid = database.one("SELECT count(*) FROM pg_index WHERE NOT indisvalid") != "0";
    let marked = database.history().iter().any(|row| row.version == 2 && !row.success);
    let told = run.field("migration.failed", "hint").contains("INVALID");
    assert!(!invalid || marked || told, "{run}");
    database.exec("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), ["2"]);
    assert_eq!(database.one("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
}

#[test]
fn a_history_table_in_another_schema_is_found_again() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec(&format!("CREATE SCHEMA audit AUTHORIZATION {}", database.name()));
    let files = Migrations::three();
    let run = || Run::migrate(&database, &files).option(["--history-table", "audit.log"]).output().succeeds();
    assert_eq!(run().applied().len(), 3);
    run().event("migrate.none");
    assert_eq!(database.one("SELECT count(*) FROM audit.log"), "3");
}

#[test]
fn bodies_with_semicolons_reach_the_server_whole() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let sql = "CREATE TABLE t (id INT, note TEXT DEFAULT 'a;b -- c');\n\
               CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $body$\nBEGIN\n  NEW.note := 'x;y';\n  RETURN NEW;\nEND;\n$body$;\n\
               CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();\nINSERT INTO t VALUES (1);\n";
    Run::migrate(&database, &Migrations::of(&[("1_t.sql", sql)])).output().succeeds();
    assert_eq!(database.one("SELECT note FROM t"), "x;y");
}

#[test]
fn a_password_in_a_failing_statement_is_masked() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let secret = crate::harness::secrets::invent();
    let sql = format!("CREATE ROLE {}_extra PASSWORD '{secret}' NONSENSE;\n", database.name());
    let run = Run::migrate(&database, &Migrations::of(&[("1_role.sql", &sql)])).output();
    // The harness has already searched the output.
    assert!(run.exits(Exit::MigrationFailed).field("migration.failed", "statement").contains("CREATE ROLE"));
}

#[test]
fn a_long_statement_is_cut_and_data_is_for_debug_only() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let comment = "x".repeat(1000);
    let sql = format!("INSERT INTO users VALUES (1, 'private@example.com') /* {comment} */;\n");
    let files = Migrations::three();
    files.write("30000101000000_twice.sql", sql);
    let run = |level: &str| {
        let run = Run::migrate(&database, &files).env("CASTOFF_LOG_LEVEL", level);
        run.output().exits(Exit::MigrationFailed)
    };
    let quiet = run("info");
    let statement = quiet.field("migration.failed", "statement");
    assert!(statement.chars().count() <= 200, "{} characters", statement.chars().count());
    assert!(!quiet.stderr.contains("already exists"), "DETAIL quotes data: {quiet}");
    assert!(run("debug").stderr.contains("already exists"));
}
