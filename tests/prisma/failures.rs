//! A failure leaves Prisma's mark, blocks the next start, and says what to do; a stop that undid everything does not.

use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{FIRST, SECOND, THIRD, files, status};
use crate::harness::{
    Database, Engine, Finished, Migrations, PrismaState, Run, Running, eventually, on_every_engine,
};
use crate::lock::slow_sql;

on_every_engine!(
    a_failure_is_recorded_and_blocks_the_next_start,
    a_failure_of_a_migration_no_longer_on_disk_blocks_as_well,
    a_failure_inside_a_transaction_of_the_script_is_recorded,
    a_transaction_left_open_is_committed,
);

/// Three, of which the second fails in its third line.
pub(super) fn failing() -> Migrations {
    files(&[
        "CREATE TABLE a (id INT);\n",
        "CREATE TABLE b (id INT);\n\nINSERT INTO nowhere\nVALUES (1);\n",
        "CREATE TABLE c (id INT);\n",
    ])
}

/// A start that an earlier failure stops.
pub(super) fn is_blocked(database: &Database, files: &Migrations) -> Finished {
    let run = Run::start(database, files, ["/bin/echo", "started"]).output().exits(Exit::Data);
    assert_eq!(run.stdout, "");
    assert!(run.field("exit", "reason").contains(SECOND), "{run}");
    let hint = run.field("exit", "hint");
    for repair in ["--applied", "--rolled-back"] {
        assert!(hint.contains(&format!("castoff resolve {repair} {SECOND}")), "{hint}");
    }
    run
}

fn a_failure_is_recorded_and_blocks_the_next_start(database: &Database) {
    let files = failing();
    let run = Run::start(database, &files, ["/bin/echo", "started"]).output().exits(Exit::MigrationFailed);
    assert_eq!((run.stdout.as_str(), run.applied()), ("", vec![FIRST.to_owned()]), "{run}");
    let failed = run.event("migration.failed");
    assert_eq!((failed["id"].as_str(), failed["line"].as_u64()), (Some(SECOND), Some(3)), "{run}");
    assert!(failed["file"].as_str().is_some_and(|file| file.ends_with(&format!("{SECOND}/migration.sql"))));
    assert!(failed["statement"].as_str().is_some_and(|sql| sql.starts_with("INSERT INTO nowhere")), "{run}");

    let rows = database.prisma_history();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!((rows[1].state(), rows[1].steps.as_str()), (PrismaState::Unfinished, "0"));
    let logs = rows[1].logs.as_deref().expect("logs");
    assert!(
        logs.starts_with("A migration failed to apply. New migrations cannot be applied before"),
        "{logs}"
    );
    let code = match database.engine() {
        Engine::Postgres => "42P01",
        Engine::MySql => "1146",
        Engine::Sqlite => "1",
    };
    let head = format!("\n\nMigration name: {SECOND}\n\nDatabase error code: {code}\n\nDatabase error:\n");
    let (_, said) = logs.split_once(&head).unwrap_or_else(|| panic!("{head} is missing from {logs}"));
    assert!(said.contains("nowhere"), "{logs}");

    // PostgreSQL takes all of a file back; the others keep what came before the failure, as with Prisma.
    assert_eq!(database.has_table("b"), database.engine() != Engine::Postgres);
    assert!(!database.has_table("c"), "nothing came after it");

    is_blocked(database, &files);
    assert_eq!(database.prisma_history(), rows, "nothing was written");
    // Prisma's lock on MySQL is the server's: while a migration of another database holds it, nobody can tell.
    let said = eventually("nobody holds Prisma's lock", || {
        let run = Run::new(["status", "--json"]).database(database).migrations(&files).output();
        (run.code == 65).then(|| serde_json::from_str::<Value>(&run.stdout).expect("JSON"))
    });
    assert_eq!((&said["state"], &said["failed"][0]["id"]), (&"failed".into(), &SECOND.into()), "{said}");
    let error = said["failed"][0]["error"].as_str().expect("what the server said");
    assert!(error.contains("nowhere") && !error.contains("pris.ly"), "{error}");
}

fn a_failure_of_a_migration_no_longer_on_disk_blocks_as_well(database: &Database) {
    let files = failing();
    Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    std::fs::remove_dir_all(files.path().join(SECOND)).expect("the failed migration");
    is_blocked(database, &files);
    assert!(!database.has_table("c"));
}

/// Its second is slow and leaves something behind before.
fn slow(database: &Database, seconds: u32) -> Migrations {
    let slow = format!("CREATE TABLE b (id INT);\n{}", slow_sql(database.engine(), seconds));
    files(&["CREATE TABLE a (id INT);\n", &slow, "CREATE TABLE c (id INT);\n"])
}

/// A castoff whose server is inside the slow statement.
fn inside(database: &Database, run: &Run) -> Running {
    let mut running = run.spawn();
    running.until_line("the slow migration's start", |line| {
        (line.contains("\"migration.start\"") && line.contains(SECOND)).then_some(())
    });
    let sleeping = match database.engine() {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
                .to_owned()
        }
        Engine::MySql => format!(
            "SELECT count(*) FROM information_schema.processlist WHERE user = '{}' AND info LIKE '%SLEEP%'",
            database.name()
        ),
        // Its first statement is committed.
        Engine::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE name = 'b'".to_owned(),
    };
    eventually("the slow statement runs", || (database.one(&sleeping) != "0").then_some(()));
    running
}

#[test]
fn a_stop_on_postgresql_takes_everything_back_and_blocks_nothing() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = slow(&database, 60);
    let mut running = inside(&database, &Run::migrate(&database, &files));
    running.signal(Signal::SIGTERM);
    running.wait().exits(Exit::Signal(15));
    assert!(!database.has_table("b"));
    let rows = database.prisma_history();
    assert_eq!((rows[1].state(), &rows[1].finished_at), (PrismaState::RolledBack, &None), "{rows:?}");

    assert_eq!(status(&database, &files, 82)["state"], "pending");
    files.write(&super::file(SECOND), "CREATE TABLE b (id INT);\n");
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), [SECOND, THIRD]);
    let rows = database.prisma_history();
    assert_eq!(
        (rows.len(), rows[1].name == rows[2].name),
        (4, true),
        "Prisma keeps the row of the first try"
    );
}

/// What may have left a part behind stays a failure that somebody has to look at.
fn a_stop_in_the_middle_of_what_stays_blocks(database: &Database) {
    let files = slow(database, 60);
    let run = Run::migrate(database, &files).option(["--stop-grace", "200ms"]);
    let mut running = inside(database, &run);
    running.signal(Signal::SIGTERM);
    running.wait_within(Duration::from_secs(30)).exits(Exit::Signal(15));
    let rows = database.prisma_history();
    assert_eq!(rows[1].state(), PrismaState::Unfinished, "{rows:?}");
    assert!(rows[1].logs.as_ref().is_some_and(|logs| logs.contains(SECOND)), "{rows:?}");
    assert!(database.has_table("b"), "a part has stayed");
    is_blocked(database, &files);
}

#[test]
fn a_stop_on_mariadb_that_leaves_a_part_blocks() {
    if let Some(database) = Database::on(Engine::MySql) {
        a_stop_in_the_middle_of_what_stays_blocks(&database);
    }
}

#[test]
fn a_stop_on_sqlite_that_leaves_a_part_blocks() {
    a_stop_in_the_middle_of_what_stays_blocks(&Database::sqlite());
}

/// A transaction that a script begins and does not end would take everything with it when the session ends, and what
/// was said to be applied would not be there.
fn a_transaction_left_open_is_committed(database: &Database) {
    let begin = match database.engine() {
        // As dumps of the database begin.
        Engine::MySql => "SET AUTOCOMMIT = 0;\nSTART TRANSACTION",
        Engine::Postgres | Engine::Sqlite => "BEGIN",
    };
    let left_open = format!("{begin};\nINSERT INTO a VALUES (1);\n");
    let files = files(&["CREATE TABLE a (id INT);\n", &left_open, "INSERT INTO a VALUES (2);\n"]);
    let run = Run::migrate(database, &files).output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM a"), "2", "{run}");
    assert_eq!(database.prisma_applied(), [FIRST, SECOND, THIRD], "{run}");
    assert_eq!(run.events("lock.acquired").len(), 1, "and the session goes on: {run}");
}

/// The tool's record of a failure is not lost with the transaction in which it happened.
fn a_failure_inside_a_transaction_of_the_script_is_recorded(database: &Database) {
    let begin = if database.engine() == Engine::MySql { "START TRANSACTION" } else { "BEGIN" };
    let second = format!("{begin};\nINSERT INTO a VALUES (1);\nINSERT INTO nowhere VALUES (1);\nCOMMIT;\n");
    let files = files(&["CREATE TABLE a (id INT);\n", &second]);
    let run = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.field("migration.failed", "line"), "3", "{run}");
    assert_eq!(database.one("SELECT count(*) FROM a"), "0");
    let rows = database.prisma_history();
    let logs = rows[1].logs.as_ref().unwrap_or_else(|| panic!("no logs in {rows:?}: {run}"));
    assert!(logs.contains("nowhere"), "{logs}");
    is_blocked(database, &files);
}

/// MariaDB drops what is there before it complains of what is not.
#[test]
fn a_first_statement_of_several_parts_is_not_said_to_be_rolled_back() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = files(&["CREATE TABLE a (id INT);\n", "DROP TABLE a, b;\n"]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert!(!database.has_table("a"), "a part has stayed");
    let hint = run.field("exit", "hint");
    assert!(hint.contains("may have stayed") && !hint.contains("was rolled back"), "{hint}");
    is_blocked(&database, &files);
}
