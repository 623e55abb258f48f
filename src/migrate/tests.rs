//! The migrate phase against a scripted server, with paused time.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{End, Migrating, Queueing, Stopper, run};
use crate::attempt::{Attempts, Conditions};
use crate::engine::fake::{Fake, Server, error};
use crate::engine::{DbError, Engine, Verdict};
use crate::exit::{Exit, Result};
use crate::format::prisma::Prisma;
use crate::format::testing::told;
use crate::format::{Files, Format, OutOfOrder, Wishes};
use crate::lock::{Outcome, acquire};
use crate::migrations::Migrations;
use crate::plan::{Plans, Policy};

mod queueing;

/// PostgreSQL, and statements that queue as long as they must.
const UNLIMITED: (Engine, Option<Queueing>) = (Engine::Postgres, None);

async fn migrate(
    server: &Arc<Mutex<Server>>,
    files: &[(&str, &str)],
    stopper: &mut Stopper<'_>,
) -> Result<End> {
    migrate_as(&crate::format::sqlx::Sqlx, server, files, stopper, UNLIMITED).await
}

async fn migrate_as(
    format: &'static dyn Format,
    server: &Arc<Mutex<Server>>,
    files: &[(&str, &str)],
    stopper: &mut Stopper<'_>,
    (engine, queueing): (Engine, Option<Queueing>),
) -> Result<End> {
    let contents = files.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect();
    let directories = files.iter().filter_map(|(name, _)| Some(name.split_once('/')?.0.into())).collect();
    let files = Files { directory: "migrations".into(), contents, directories };
    let migrations = Migrations {
        directory: "migrations".into(),
        format,
        format_was_detected: false,
        list: format.read(&files, &told(engine)).unwrap(),
        downs: Vec::new(),
        history_table: None,
        wishes: Wishes::default(),
        opaque: None,
        environment: None,
    };
    let ledger = migrations.ledger(engine, None);
    let mut fake = Fake(Arc::clone(server));
    let conditions = Conditions { limit: None, writable: true, create_database: false };
    let mut attempts = Attempts::new(&mut fake, conditions);
    let ready = attempts.connect(Some(&ledger), None).await.unwrap_or_else(|_| panic!("it is up"));
    let policy = Policy { fails_on_edited: true, fails_on_missing: true, out_of_order: OutOfOrder::Apply };
    let plans = Plans {
        migrations: &migrations,
        engine,
        ledger: &ledger,
        policy,
        interrupted: None,
        owes: false,
        back: None,
    };
    let Ok(Outcome::Locked(mut locked)) = acquire(&mut attempts, ready, &plans, None).await else {
        panic!("the lock is free and something is pending")
    };
    server.lock().unwrap().log.clear();
    let migrating =
        Migrating { engine, format, ledger: &ledger, stop_grace: Duration::from_secs(8), queueing };
    let steps = plans.plan(&locked.reading)?.steps(&plans, &locked.reading)?;
    run(&mut locked, &steps, migrating, stopper).await
}

fn log(server: &Arc<Mutex<Server>>) -> Vec<String> {
    let log = server.lock().unwrap().log.clone();
    log.into_iter().filter(|line| !line.starts_with("SET ")).collect()
}

fn failing(error: DbError) -> Arc<Mutex<Server>> {
    Server { scripts: [Some(error)].into(), ..Server::default() }.shared()
}

#[tokio::test(start_paused = true)]
async fn script_and_row_are_one_transaction() {
    let server = Server::default().shared();
    let end = migrate(&server, &[("1_a.sql", "SELECT 1")], &mut Stopper::new(pending(), None)).await;
    assert_eq!(end.unwrap(), End::Applied(1));
    assert_eq!(log(&server), ["CREATE", "BEGIN", "SELECT 1", "INSERT", "COMMIT", "UPDATE"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_migration_is_rolled_back_announced_and_ends_the_run() {
    let server = failing(error(Verdict::Statement, "no such table"));
    let files = [("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2")];
    let failure = migrate(&server, &files, &mut Stopper::new(pending(), None)).await.unwrap_err();
    assert_eq!(failure.exit, Exit::MigrationFailed);
    assert!(failure.reason().contains("migrations/1_a.sql:1"), "{failure}");
    assert!(failure.hint.unwrap().contains("rolled back"));
    assert_eq!(log(&server), ["CREATE", "BEGIN", "SELECT 1", "ROLLBACK", "announce failure"]);
}

#[tokio::test(start_paused = true)]
async fn outside_a_transaction_the_mark_comes_first_and_is_taken_back_if_nothing_stayed() {
    let server = failing(error(Verdict::Statement, "no"));
    let files = [("1_a.sql", "-- no-transaction\nVACUUM")];
    migrate(&server, &files, &mut Stopper::new(pending(), None)).await.unwrap_err();
    let log = log(&server);
    assert_eq!(log[1], "INSERT");
    assert!(!log.contains(&"BEGIN".to_owned()), "{log:?}");
    assert_eq!(log[3], "DELETE");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_no_failure_yet() {
    let server = failing(error(Verdict::Lost, "reset"));
    let end = migrate(&server, &[("1_a.sql", "SELECT 1")], &mut Stopper::new(pending(), None)).await;
    assert_eq!(end.unwrap(), End::Lost { id: "1".into(), reason: "reset".into(), rerunnable: true });
    assert!(!log(&server).contains(&"ROLLBACK".to_owned()), "the connection is not used again");
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_came_before_a_migration_stops_it() {
    let server = Server::default().shared();
    let failure = migrate(&server, &[("1_a.sql", "SELECT 1")], &mut Stopper::new(async { 15 }, None))
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Signal(15));
    assert!(!log(&server).contains(&"BEGIN".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_script_that_commits_by_itself_is_not_simply_run_again() {
    let server = failing(error(Verdict::Lost, "reset"));
    let end = migrate(&server, &[("1_a.sql", "SELECT 1; COMMIT;")], &mut Stopper::new(pending(), None)).await;
    assert!(matches!(end, Ok(End::Lost { rerunnable: false, .. })), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn no_migration_runs_after_one_that_gave_the_locks_back() {
    let server = Server { loses_locks: true, ..Server::default() }.shared();
    let files = [("1_a.sql", "SELECT pg_advisory_unlock_all()"), ("2_b.sql", "SELECT 2")];
    let end = migrate(&server, &files, &mut Stopper::new(pending(), None)).await;
    assert_eq!(end.unwrap(), End::LostBetween { applied: 1 });
    assert!(!log(&server).contains(&"SELECT 2".to_owned()));
}

/// Prisma's three writes, and a script that fails like this.
async fn as_prisma(sql: &str, error: DbError, stopper: &mut Stopper<'_>) -> (Exit, Vec<String>) {
    let server = failing(error);
    let files = [("1_a/migration.sql", sql)];
    let failure = migrate_as(&Prisma, &server, &files, stopper, UNLIMITED).await.unwrap_err();
    let log = log(&server).into_iter().filter(|line| !line.contains("set_config")).collect();
    (failure.exit, log)
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_recorded_where_the_tool_records_it_although_nothing_stayed() {
    let mut stopper = Stopper::new(pending(), None);
    let (exit, log) = as_prisma("SELECT 1", error(Verdict::Statement, "no"), &mut stopper).await;
    assert_eq!(exit, Exit::MigrationFailed);
    assert_eq!(log, ["CREATE", "INSERT", "BEGIN", "SELECT 1", "ROLLBACK", "UPDATE", "announce failure"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_migration_shares_the_scripts_transaction_where_it_can() {
    let server = Server::default().shared();
    let files = [("1_a/migration.sql", "SELECT 1")];
    let end = migrate_as(&Prisma, &server, &files, &mut Stopper::new(pending(), None), UNLIMITED).await;
    assert_eq!(end.unwrap(), End::Applied(1));
    let log: Vec<_> = log(&server).into_iter().filter(|line| !line.contains("set_config")).collect();
    assert_eq!(log, ["CREATE", "INSERT", "BEGIN", "SELECT 1", "UPDATE", "UPDATE", "COMMIT"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_after_the_mark_may_be_made_again() {
    let server = failing(error(Verdict::Lost, "reset"));
    let files = [("1_a/migration.sql", "SELECT 1")];
    let end = migrate_as(&Prisma, &server, &files, &mut Stopper::new(pending(), None), UNLIMITED).await;
    assert!(matches!(end, Ok(End::Lost { rerunnable: true, .. })), "{end:?}");
}
