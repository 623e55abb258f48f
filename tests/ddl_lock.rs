//! A migration queues for a table's lock, and everybody else behind it: not for long, and then again.

use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Client, Database, Engine, Finished, Migrations, Run, Running, eventually};

mod traffic;

/// The limit in these tests: MariaDB's least is a second.
pub(crate) fn limit(engine: Engine) -> &'static str {
    if engine == Engine::Postgres { "300ms" } else { "1s" }
}

/// A table and somebody who has read it and goes on thinking about it, in a transaction of its own.
pub(crate) struct Reader(Client);

impl Reader {
    pub(crate) fn of(database: &Database, table: &str) -> Self {
        let mut client = database.client();
        if database.engine() == Engine::Postgres {
            client.exec("SET application_name = 'monthly report'");
        }
        client.exec("BEGIN");
        client.exec(&format!("SELECT * FROM {table}"));
        Self(client)
    }

    pub(crate) fn leave(mut self) {
        self.0.exec("COMMIT");
    }
}

/// A table with its migration applied, and a second one behind it.
fn with_second(database: &Database, second: &str) -> Migrations {
    let files = Migrations::of(&[("1_busy.sql", "CREATE TABLE busy (id INT);\n")]);
    Run::migrate(database, &files).option(["--format", "sqlx"]).output().succeeds();
    files.write("2_second.sql", second);
    files
}

fn migrate(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).option(["--format", "sqlx", "--ddl-lock-timeout", limit(database.engine())])
}

/// Waits until this retry is announced.
pub(crate) fn until_retry(running: &mut Running, attempt: u64) -> Value {
    running.until_line("a retry", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["event"] == "migration.retry" && line["attempt"].as_u64()? >= attempt).then_some(line)
    })
}

#[test]
fn a_migration_behind_a_reader_is_tried_again_and_applied_in_the_end() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let second =
        "CREATE TABLE half (id INT);\nINSERT INTO half VALUES (1);\nALTER TABLE busy ADD more INT;\n";
    let files = with_second(&database, second);
    let reader = Reader::of(&database, "busy");
    let mut running = migrate(&database, &files).spawn();
    let retry = until_retry(&mut running, 2);
    assert!(!database.has_table("half"), "all of it was rolled back");
    assert_eq!((&retry["id"], database.versions()), (&Value::from("2"), vec![1]));
    reader.leave();
    let run = running.wait().succeeds();
    assert_eq!((run.applied(), database.one("SELECT count(*) FROM half")), (vec!["2".into()], "1".into()));
    assert_eq!(database.versions(), [1, 2]);
    assert!(told(&run, "2_second.sql:3 waited 300ms for a lock").len() <= 2, "{run}");
}

/// The warnings, each of which must say this; the same again is for those who debug.
fn told(run: &Finished, detail: &str) -> Vec<String> {
    let retries = run.events("migration.retry");
    assert!(retries.len() >= 2, "{run}");
    let text = |line: &Value| line["detail"].as_str().expect("a detail").to_owned();
    assert!(retries.iter().all(|line| text(line).contains(detail)), "{run}");
    retries.into_iter().filter(|line| line["level"] == "warn").map(text).collect()
}

#[test]
fn whoever_stands_in_the_way_is_named_once_and_again_in_the_end() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = with_second(&database, "ALTER TABLE busy ADD more INT;\n");
    // Others see no more than its name and pid.
    database.exec(&format!("GRANT pg_read_all_stats TO {}", database.name()));
    let mut reader = Reader::of(&database, "busy");
    let pid = reader.0.one("SELECT pg_backend_pid()");
    reader.0.exec("SELECT 'geheim' FROM busy");
    let run = migrate(&database, &files).option(["--ddl-lock-retries", "8"]).output();
    let run = run.exits(Exit::MigrationFailed);
    let [unknown, known] =
        told(&run, "2_second.sql:1 waited 300ms for a lock").try_into().expect("two reasons");
    assert!(!unknown.contains("held up"), "who never waited before is not looked at: {run}");
    for text in [known, run.field("exit", "hint")] {
        for part in ["held up by monthly report", &format!("pid {pid}"), "idle in transaction", "SELECT"] {
            assert!(text.contains(part), "{part}: {run}");
        }
        assert!(!text.contains("geheim"), "no more of its query: {run}");
    }
    let at_once = migrate(&database, &files).option(["--ddl-lock-retries", "0", "--ddl-lock-timeout", "3s"]);
    let at_once = at_once.output();
    let hint = at_once.exits(Exit::MigrationFailed).field("exit", "hint");
    assert!(hint.contains("held up by monthly report"), "{hint}");
}

#[test]
fn on_mariadb_the_statement_is_tried_again_and_nothing_before_it() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    // Not by its name: who names it decides by himself.
    let seen = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME LIKE 'lock%wait%'";
    let second = format!(
        "CREATE TABLE half (id INT);\nINSERT INTO half VALUES (1);\nALTER TABLE busy ADD more INT;\n\
         INSERT INTO half {seen};\nCREATE TABLE last (id INT);\n"
    );
    let files = with_second(&database, &second);
    let usual = database.one("SELECT @@GLOBAL.lock_wait_timeout");
    let reader = Reader::of(&database, "busy");
    let mut running = migrate(&database, &files).spawn();
    until_retry(&mut running, 2);
    assert_eq!(database.one("SELECT count(*) FROM half"), "1", "what came before it was done, once");
    reader.leave();
    let run = running.wait().succeeds();
    assert_eq!(run.applied(), ["2"]);
    let rows = database.rows("SELECT id FROM half ORDER BY id");
    assert_eq!(rows, [vec![Some("1".into())], vec![Some(usual)]], "the limit is for schema changes alone");
    assert!(database.has_table("last") && database.versions() == [1, 2]);
    assert_eq!(told(&run, "2_second.sql:3 waited 1s for a lock").len(), 1);
}

#[test]
fn after_the_last_retry_nothing_is_left_and_the_failure_says_where_and_what_to_do() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { return };
        let files = with_second(&database, "-- first\nALTER TABLE busy ADD more INT;\n");
        let reader = Reader::of(&database, "busy");
        let run = migrate(&database, &files).option(["--ddl-lock-retries", "1"]).output();
        let run = run.exits(Exit::MigrationFailed);
        assert_eq!(run.events("migration.retry").len(), 1, "{run}");
        assert_eq!(run.event("migration.failed")["line"], 2, "{run}");
        assert!(run.field("migration.failed", "statement").starts_with("ALTER TABLE busy"), "{run}");
        let hint = run.field("exit", "hint");
        for word in ["2 times", "--ddl-lock-retries", "--ddl-lock-timeout", "nothing of it was left"] {
            assert!(hint.contains(word), "{word}: {run}");
        }
        assert_eq!(database.versions(), [1]);
        reader.leave();
        assert_eq!(migrate(&database, &files).output().succeeds().applied(), ["2"], "{engine:?}");
    }
}

/// What makes it safe to send such a statement again.
#[test]
fn on_mariadb_a_schema_change_that_does_not_get_all_its_tables_has_touched_none() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    database.exec("CREATE TABLE other (id INT); CREATE TABLE busy (id INT); INSERT INTO other VALUES (1)");
    let _reader = Reader::of(&database, "busy");
    let mut client = database.client();
    client.exec("SET SESSION lock_wait_timeout = 1");
    for sql in [
        "DROP TABLE other, busy",
        "DROP TABLE IF EXISTS other, busy",
        "RENAME TABLE other TO moved, busy TO gone",
        "CREATE OR REPLACE TABLE busy (other INT)",
        "ALTER TABLE busy ADD more INT, RENAME TO gone",
    ] {
        let error = client.try_rows(sql).expect_err(sql).to_string();
        assert!(error.contains("Lock wait timeout"), "{sql}: {error}");
        assert_eq!(client.one("SELECT count(*) FROM other"), "1", "{sql}");
        assert!(!database.has_table("moved") && !database.has_table("gone"), "{sql}");
    }
}

#[test]
fn none_is_tried_again_after_no_retry() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = with_second(&database, "ALTER TABLE busy ADD more INT;\n");
    let _reader = Reader::of(&database, "busy");
    let run = migrate(&database, &files).option(["--ddl-lock-retries", "0"]).output();
    assert!(run.exits(Exit::MigrationFailed).events("migration.retry").is_empty());
}

#[test]
fn a_script_s_own_limit_counts_more_and_fails_as_with_the_tool() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = with_second(&database, "SET lock_timeout = '10ms';\nALTER TABLE busy ADD more INT;\n");
    let reader = Reader::of(&database, "busy");
    let run = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert!(run.events("migration.retry").is_empty(), "{run}");
    files.write("2_second.sql", "LOCK TABLE busy NOWAIT;\n");
    let run = migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert!(run.events("migration.retry").is_empty(), "{run}");
    reader.leave();
    // What one file sets for the session is not the next one's.
    files.write("2_second.sql", "SET lock_timeout = '7s';\n");
    let report = "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS of_a_transaction;\n";
    files.write("3_third.sql", report);
    files.write(
        "4_apart.sql",
        "-- no-transaction\nINSERT INTO seen VALUES (current_setting('lock_timeout'));\n",
    );
    migrate(&database, &files).output().succeeds();
    let seen = database.rows("SELECT * FROM seen");
    assert_eq!(seen, [vec![Some("300ms".into())], vec![Some("0".into())]]);
}

#[test]
fn a_shorter_limit_of_the_role_stays() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = with_second(&database, "CREATE TABLE seen AS SELECT current_setting('lock_timeout');\n");
    database.exec(&format!("ALTER ROLE {} SET lock_timeout = '50ms'", database.name()));
    migrate(&database, &files).output().succeeds();
    assert_eq!(database.one("SELECT * FROM seen"), "50ms");
}

#[test]
fn outside_a_transaction_a_step_waits_as_long_as_it_must() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let build = "-- no-transaction\nCREATE INDEX CONCURRENTLY busy_id ON busy (id);\n";
    let files = with_second(&database, build);
    let mut writer = database.client();
    writer.exec("BEGIN");
    writer.exec("INSERT INTO busy VALUES (1)");
    let running = migrate(&database, &files).spawn();
    let long = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONCURRENTLY%' \
                AND wait_event_type = 'Lock' AND datname = current_database() \
                AND clock_timestamp() - query_start > '900ms'";
    eventually("it has waited three times the limit", || (database.one(long) == "1").then_some(()));
    writer.exec("COMMIT");
    let run = running.wait().succeeds();
    assert!(run.events("migration.retry").is_empty(), "{run}");
    assert_eq!(database.versions(), [1, 2]);
}

#[test]
fn a_signal_ends_a_pause_at_once_and_a_deadline_counts_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = with_second(&database, "ALTER TABLE busy ADD more INT;\n");
    let _reader = Reader::of(&database, "busy");
    let run = migrate(&database, &files).option(["--ddl-lock-timeout", "10ms"]);
    let mut running = run.spawn();
    until_retry(&mut running, 4);
    running.signal(Signal::SIGTERM);
    let stopped = running.wait().exits_with(143);
    assert!(stopped.events("migration.failed").is_empty(), "{stopped}");
    let late = run.option(["--migrate-timeout", "1s"]).output().exits(Exit::MigrateTimeout);
    assert!(late.elapsed >= Duration::from_secs(1), "{late}");
    assert_eq!(database.versions(), [1]);
}

#[test]
fn a_block_that_catches_every_error_never_catches_the_limit() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let second = "DO $$ BEGIN ALTER TABLE busy ADD more INT; EXCEPTION WHEN OTHERS THEN END $$;\n";
    let files = with_second(&database, second);
    let reader = Reader::of(&database, "busy");
    let mut running = migrate(&database, &files).spawn();
    // Well behind the limit, and still in the queue.
    running.until_line("its progress", |line| line.contains("migration.progress").then_some(()));
    reader.leave();
    running.wait().succeeds();
    database.one("SELECT count(more) FROM busy");
}

#[test]
fn what_a_script_asks_about_its_own_statement_is_not_answered_about_castoff_s() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let second = "INSERT INTO busy VALUES (1), (2);\nCREATE TABLE copy AS SELECT * FROM busy;\n\
                  INSERT INTO busy VALUES (ROW_COUNT());\n";
    let files = with_second(&database, second);
    migrate(&database, &files).output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM busy WHERE id = 2"), "2");
}
