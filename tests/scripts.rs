//! Odd but legal scripts, and scripts that fail: what stays, what is recorded, what is said.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Run, on_every_engine};
use crate::story::sha384;

on_every_engine!(
    a_failing_statement_is_named_with_its_file_and_line,
    what_was_applied_before_a_failure_stays,
    a_failed_start_is_followed_by_the_truth,
    crlf_line_ends_are_part_of_the_checksum,
    five_megabytes_are_applied_as_one_file,
    an_empty_file_is_a_migration,
);

const BAD: &str =
    "CREATE TABLE half (id INT);\n\n-- the next line is wrong\nINSERT INTO nowhere\nVALUES (1);\n";

fn a_failing_statement_is_named_with_its_file_and_line(database: &Database) {
    let files = Migrations::three();
    files.write("30000101000000_bad.sql", BAD);
    let run = Run::start(database, &files, ["/bin/echo", "started"]).output().exits(Exit::MigrationFailed);
    assert_eq!(run.stdout, "", "a failure never looks like success");
    let failed = run.event("migration.failed");
    assert_eq!(failed["id"], "30000101000000");
    assert!(run.field("migration.failed", "file").ends_with("30000101000000_bad.sql"), "{run}");
    assert_eq!(failed["line"], 4, "{run}");
    assert!(run.field("migration.failed", "statement").starts_with("INSERT INTO nowhere"), "{run}");
    assert!(run.field("migration.failed", "error").contains("nowhere"), "{run}");
    assert!(!run.field("migration.failed", "hint").is_empty(), "{run}");
    assert_eq!(run.event("exit")["code"], 80);
}

fn what_was_applied_before_a_failure_stays(database: &Database) {
    let files = Migrations::three();
    files.write("30000101000000_bad.sql", BAD);
    let run = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.applied().len(), 3);
    assert_eq!(database.versions().len(), 3);
    // MariaDB commits DDL as it goes: the table stays, and the row says so.
    let half_applied = database.engine() == Engine::MySql;
    assert_eq!(database.has_table("half"), half_applied);
    assert_eq!(database.history().iter().any(|row| !row.success), half_applied);
}

fn a_failed_start_is_followed_by_the_truth(database: &Database) {
    let files = Migrations::three();
    files.write("30000101000000_bad.sql", BAD);
    Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    files.write("30000101000000_bad.sql", "CREATE TABLE whole (id INT);\n");
    let second = Run::migrate(database, &files).output();
    if database.engine() == Engine::MySql {
        let second = second.exits(Exit::Data);
        assert!(second.field("exit", "reason").contains("30000101000000"), "{second}");
        assert!(!database.has_table("whole"));
    } else {
        assert_eq!(second.succeeds().applied(), ["30000101000000"]);
    }
}

fn crlf_line_ends_are_part_of_the_checksum(database: &Database) {
    let sql = "CREATE TABLE t (id INT);\r\nINSERT INTO t VALUES (1);\r\n";
    let files = Migrations::of(&[("1_crlf.sql", sql)]);
    Run::migrate(database, &files).output().succeeds();
    assert_eq!(database.history()[0].checksum, sha384(sql.as_bytes()));
    Run::migrate(database, &files).output().succeeds().event("migrate.none");
}

fn five_megabytes_are_applied_as_one_file(database: &Database) {
    let row = format!("INSERT INTO big VALUES ('{}');\n", "x".repeat(10_000));
    let sql = format!("CREATE TABLE big (t TEXT);\n{}", row.repeat(500));
    let files = Migrations::of(&[("1_big.sql", &sql)]);
    Run::migrate(database, &files).output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM big"), "500");
    assert_eq!(database.history()[0].checksum, sha384(sql.as_bytes()));
}

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
fn a_byte_order_mark_is_part_of_the_text() {
    let sql = "\u{feff}CREATE TABLE t (id INT);\n";
    let files = Migrations::of(&[("1_bom.sql", sql)]);
    let sqlite = Database::sqlite();
    Run::migrate(&sqlite, &files).output().succeeds();
    assert_eq!(sqlite.history()[0].checksum, sha384(sql.as_bytes()));
    // PostgreSQL takes the mark for an identifier, and so it fails under sqlx, too.
    let Some(postgres) = Database::on(Engine::Postgres) else { return };
    let run = Run::migrate(&postgres, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.event("migration.failed")["line"], 1);
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
fn a_script_may_bring_its_own_transaction() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("1_own.sql", "BEGIN;\nCREATE TABLE own (id INT);\nCOMMIT;\n"),
        ("2_next.sql", "CREATE TABLE next (id INT);\n"),
    ]);
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), ["1", "2"]);
    assert_eq!(database.versions(), [1, 2]);
    assert!(database.has_table("own") && database.has_table("next"));
}

#[test]
fn a_script_that_empties_the_search_path_is_still_recorded() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        (
            "1_dump.sql",
            "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.dumped (id INT);\n",
        ),
        ("2_next.sql", "CREATE TABLE public.next (id INT);\n"),
    ]);
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), ["1", "2"]);
    assert_eq!(database.one("SELECT count(*) FROM public._sqlx_migrations"), "2");
    Run::migrate(&database, &files).output().succeeds().event("migrate.none");
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
