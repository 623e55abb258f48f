//! The lock phase against a scripted server, with paused time.

use std::time::Duration;

use tokio::time::Instant;

use super::{Outcome, Undertaking, acquire, describe, own_key};
use crate::attempt::{Attempts, Conditions, Ready};
use crate::engine::fake::{Fake, Server};
use crate::engine::{Engine, Facts, Holder, LockKey, Row};
use crate::exit::{Exit, Result};
use crate::format::testing::told;
use crate::format::{FORMATS, Files, OutOfOrder, Wishes};
use crate::migrations::Migrations;
use crate::plan::{Plans, Policy};

mod follow;

/// One migration with version 1.
fn migrations() -> Migrations {
    let contents = [("1_a.sql".into(), b"SELECT 1".to_vec())].into();
    let files = Files { directory: "migrations".into(), contents, ..Files::default() };
    let format = FORMATS[0];
    Migrations {
        directory: "migrations".into(),
        format,
        format_was_detected: false,
        list: format.read(&files, &told(Engine::Postgres)).unwrap(),
        downs: Vec::new(),
        history_table: None,
        wishes: Wishes::default(),
        opaque: None,
        environment: None,
    }
}

fn applied(success: &str) -> Vec<Row> {
    let checksum = hex::encode(&migrations().list[0].checksum);
    vec![vec![Some("1".into()), Some(success.into()), Some(checksum), Some("0".into())]]
}

fn facts(database: &str, schema: &str) -> Facts {
    Facts { database: database.into(), schema: schema.into(), ..Facts::default() }
}

async fn lock(server: Server) -> (Result<Outcome>, Vec<String>) {
    wait(server, async |attempts, ready, plans, limit| acquire(attempts, ready, plans, limit).await).await
}

/// Waits five minutes at most, and returns what the server was asked meanwhile.
async fn wait<T>(
    server: Server,
    how: impl AsyncFnOnce(&mut Attempts<'_>, Ready, &Plans<'_>, Option<Duration>) -> Result<T>,
) -> (Result<T>, Vec<String>) {
    let migrations = migrations();
    let server = server.shared();
    let mut fake = Fake(server.clone());
    let ledger = migrations.ledger(Engine::Postgres, None);
    let conditions = Conditions { limit: None, writable: false, create_database: false };
    let mut attempts = Attempts::new(&mut fake, conditions);
    let ready = attempts.connect(Some(&ledger), None).await.unwrap_or_else(|_| panic!("it is up"));
    let plans = Plans {
        migrations: &migrations,
        engine: Engine::Postgres,
        ledger: &ledger,
        policy: Policy { fails_on_edited: true, fails_on_missing: true, out_of_order: OutOfOrder::Apply },
        interrupted: None,
        owes: false,
        back: None,
    };
    let outcome = how(&mut attempts, ready, &plans, Some(Duration::from_mins(5))).await;
    let log = server.lock().unwrap().log.clone();
    (outcome, log)
}

#[tokio::test(start_paused = true)]
async fn nothing_pending_takes_no_lock() {
    let (outcome, log) = lock(Server { histories: [Some(applied("1"))].into(), ..Server::default() }).await;
    assert!(matches!(outcome, Ok(Outcome::NothingToDo(_))));
    assert_eq!(log, ["connect", "read", "close"]);
}

#[tokio::test(start_paused = true)]
async fn the_history_is_read_again_under_the_lock() {
    let (outcome, log) = lock(Server::default()).await;
    assert!(matches!(outcome, Ok(Outcome::Locked(_))));
    assert_eq!(log, ["connect", "read", "try lock", "try lock", "read"]);

    let histories = [None, Some(applied("1"))].into();
    let (outcome, log) = lock(Server { histories, ..Server::default() }).await;
    assert!(matches!(outcome, Ok(Outcome::NothingToDo(_))));
    assert_eq!(log[2..], ["try lock", "try lock", "read", "unlock", "unlock", "close"]);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_ends_as_soon_as_nothing_is_pending_without_taking_the_lock() {
    let histories = [None, None, Some(applied("1"))].into();
    let server = Server { histories, held: vec![true; 100].into(), ..Server::default() };
    let (outcome, log) = lock(server).await;
    assert!(matches!(outcome, Ok(Outcome::NothingToDo(_))));
    assert_eq!(log, ["connect", "read", "try lock: held", "read", "try lock: held", "read", "close"]);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_row_may_be_another_replica_at_work() {
    let histories = [Some(applied("0")), Some(applied("0")), Some(applied("1"))].into();
    let server = Server { histories, held: vec![true; 100].into(), ..Server::default() };
    assert!(matches!(lock(server).await.0, Ok(Outcome::NothingToDo(_))));

    let server = Server { histories: [Some(applied("0"))].into(), ..Server::default() };
    let (outcome, log) = lock(server).await;
    assert!(matches!(outcome, Ok(Outcome::Locked(_))), "judged only under the lock");
    assert!(log.contains(&"try lock".to_owned()), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn the_lock_is_waited_for_until_its_limit_and_the_holder_is_named() {
    let started = Instant::now();
    let (outcome, _) = lock(Server { held: vec![true; 100_000].into(), ..Server::default() }).await;
    let failure = outcome.err().unwrap();
    assert_eq!(failure.exit, Exit::LockTimeout);
    assert!(failure.reason().contains("pid 7"), "{failure}");
    assert_eq!(started.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_keeps_no_connection_while_slots_are_scarce() {
    let held = vec![true, true, true].into();
    let (outcome, log) = lock(Server { held, crowded: true, ..Server::default() }).await;
    assert!(matches!(outcome, Ok(Outcome::Locked(_))));
    assert_eq!(log[..6], ["connect", "read", "try lock: held", "close", "connect", "read"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_announced_by_the_holder_ends_every_waiter() {
    let announced = Some(Undertaking::migration(&migrations().list[0]).mark);
    let server = Server { held: vec![true; 100].into(), announced, ..Server::default() };
    assert_eq!(lock(server).await.0.err().unwrap().exit, Exit::MigrationFailed);

    let another = Some("1/000000000000".to_owned());
    let server = Server { held: vec![true, false].into(), announced: another, ..Server::default() };
    assert!(matches!(lock(server).await.0, Ok(Outcome::Locked(_))), "another file may work");
}

#[test]
fn castoff_s_own_key_is_the_published_one() {
    // printf 'castoff\0app\0public\0_sqlx_migrations' | sha256sum | head -c 16
    assert_eq!(
        own_key(Engine::MySql, &facts("app", "public"), "_sqlx_migrations"),
        LockKey::Name("castoff-f9e6ca9d5490319e".into())
    );
}

#[test]
fn two_schemas_of_one_database_do_not_exclude_each_other() {
    assert_ne!(
        own_key(Engine::Postgres, &facts("app", "a"), "t"),
        own_key(Engine::Postgres, &facts("app", "b"), "t")
    );
}

#[test]
fn a_holder_is_named_with_whatever_the_server_shows() {
    let holder = Holder { application_name: Some("sqlx".into()), pid: Some(7), ..Holder::default() };
    assert_eq!(describe(&holder), "sqlx (pid 7)");
    assert_eq!(describe(&Holder::default()), "another session");
}
