//! Waiting for what others are to apply.

use tokio::time::Instant;

use super::{applied, migrations, wait};
use crate::engine::Reading;
use crate::engine::fake::Server;
use crate::exit::{Exit, Result};
use crate::lock::{Undertaking, follow};

async fn await_others(server: Server) -> (Result<Reading>, Vec<String>) {
    wait(server, async |attempts, ready, plans, limit| follow(attempts, ready, plans, limit).await).await
}

#[tokio::test(start_paused = true)]
async fn nothing_pending_is_one_query() {
    let server = Server { histories: [Some(applied("1"))].into(), ..Server::default() };
    let (done, log) = await_others(server).await;
    assert!(done.is_ok());
    assert_eq!(log, ["connect", "read", "close"]);
}

#[tokio::test(start_paused = true)]
async fn what_others_apply_is_waited_for_without_the_lock() {
    for free in [true, false] {
        let histories = [None, None, Some(applied("0")), Some(applied("1"))].into();
        let (done, log) = await_others(Server { histories, free: [free].into(), ..Server::default() }).await;
        assert!(done.is_ok(), "whether or not anybody is seen at it");
        assert_eq!(log, ["connect", "read", "read", "read", "read", "close"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_applied_within_the_limit_is_named() {
    let started = Instant::now();
    let (left, _) = await_others(Server { free: [true].into(), ..Server::default() }).await;
    let failure = left.unwrap_err();
    assert_eq!((failure.exit, started.elapsed().as_secs()), (Exit::Pending, 300));
    assert!(failure.reason().contains("1 migration is pending: 1; nobody"), "{failure}");

    let (left, _) = await_others(Server::default()).await;
    let failure = left.unwrap_err();
    assert!(failure.exit == Exit::Pending && failure.reason().contains("pid 7"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_announced_by_whoever_applies_it_ends_the_wait() {
    let announced = Some(Undertaking::migration(&migrations().list[0]).mark);
    let (left, log) = await_others(Server { announced, ..Server::default() }).await;
    assert_eq!(left.unwrap_err().exit, Exit::MigrationFailed);
    assert_eq!(log, ["connect", "read"]);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_row_is_waited_for_while_somebody_may_be_at_it() {
    let unfinished = || [Some(applied("0"))].into();
    let started = Instant::now();
    let (left, _) = await_others(Server { histories: unfinished(), ..Server::default() }).await;
    assert_eq!((left.unwrap_err().exit, started.elapsed().as_secs()), (Exit::Pending, 300));

    let started = Instant::now();
    let server = Server { histories: unfinished(), free: [true].into(), ..Server::default() };
    let (left, _) = await_others(server).await;
    assert_eq!(left.unwrap_err().exit, Exit::Data);
    assert!((3..5).contains(&started.elapsed().as_secs()), "its holder has a moment to come back");

    // Asked once a second: back after two.
    let free = [true, true, true, true, false].into();
    let started = Instant::now();
    let (left, _) = await_others(Server { histories: unfinished(), free, ..Server::default() }).await;
    assert_eq!((left.unwrap_err().exit, started.elapsed().as_secs()), (Exit::Pending, 300));
}

#[tokio::test(start_paused = true)]
async fn a_standby_does_not_see_who_is_at_it() {
    let read_only = vec!["a standby".to_owned(); 10_000].into();
    let server = Server {
        histories: [Some(applied("0"))].into(),
        free: [true].into(),
        read_only,
        ..Server::default()
    };
    let started = Instant::now();
    let failure = await_others(server).await.0.unwrap_err();
    assert_eq!((failure.exit, started.elapsed().as_secs()), (Exit::Pending, 300));
    assert!(failure.reason().contains("migration 1 is being applied"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_only_while_slots_are_to_spare() {
    let histories = [None, None, Some(applied("1"))].into();
    let (done, log) = await_others(Server { histories, crowded: true, ..Server::default() }).await;
    assert!(done.is_ok());
    assert_eq!(log[..4], ["connect", "read", "close", "connect"]);
}
