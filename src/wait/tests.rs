//! The policy of waiting, against a scripted server with paused time.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::{Others, until_all_ready, until_ready};
use crate::attempt::{Attempts, Conditions, Ready};
use crate::config::{Config, Parsed};
use crate::engine::fake::{Fake, Server, error};
use crate::engine::{ConnectOptions, Verdict};
use crate::environment::Environment;
use crate::exit::{Exit, Result};

async fn wait_for(server: &Arc<Mutex<Server>>, create_database: bool) -> Result<Ready> {
    let conditions = Conditions { limit: Some(Duration::from_secs(20)), writable: true, create_database };
    let mut fake = Fake(Arc::clone(server));
    let mut attempts = Attempts::new(&mut fake, conditions);
    until_ready(&mut attempts, None, Some(Duration::from_mins(1))).await
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_is_made_at_once() {
    let started = Instant::now();
    let server = Server::default().shared();
    wait_for(&server, false).await.ok().unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ready_yet_is_waited_for_and_what_never_will_be_is_not() {
    let refusals = [error(Verdict::NotYet, "starting up"), error(Verdict::Lost, "reset")].into();
    let server = Server { refusals, ..Server::default() }.shared();
    wait_for(&server, false).await.ok().unwrap();

    for verdict in [Verdict::Never, Verdict::NoDatabase, Verdict::Credentials] {
        let server = Server { refusals: [error(verdict, "no")].into(), ..Server::default() }.shared();
        let failure = wait_for(&server, false).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Refused, "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_at_its_deadline_with_the_last_reason() {
    let refusals = (0..1000).map(|_| error(Verdict::NotYet, "starting up")).collect();
    let server = Server { refusals, ..Server::default() }.shared();
    let started = Instant::now();
    let failure = wait_for(&server, false).await.err().unwrap();
    assert_eq!(failure.exit, Exit::Unavailable);
    assert!(failure.reason().contains("starting up"), "{failure}");
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn two_reasons_that_alternate_do_not_make_the_pauses_short_again() {
    let reasons = ["remaining connection slots are reserved", "sorry, too many clients already"];
    let refusals = (0..10_000).map(|index| error(Verdict::Crowded, reasons[index % 2])).collect();
    let server = Server { refusals, ..Server::default() }.shared();
    wait_for(&server, false).await.err().unwrap();
    let attempts = server.lock().unwrap().log.len();
    assert!(attempts < 300, "{attempts} attempts in a minute against a server that is full");
}

#[tokio::test(start_paused = true)]
async fn a_standby_is_waited_for_until_it_takes_writes() {
    let server =
        Server { read_only: ["the server is a standby".to_owned()].into(), ..Server::default() }.shared();
    wait_for(&server, false).await.ok().unwrap();
    assert_eq!(server.lock().unwrap().log, ["connect", "read", "close", "connect", "read"]);
}

#[tokio::test(start_paused = true)]
async fn a_password_from_a_file_may_be_replaced_within_a_grace() {
    let refusals = |count| (0..count).map(|_| error(Verdict::Credentials, "no")).collect();
    let server = Server { refusals: refusals(2), rotating: true, ..Server::default() }.shared();
    wait_for(&server, false).await.ok().unwrap();
    assert_eq!(server.lock().unwrap().log[1], "connect again");

    let server = Server { refusals: refusals(1000), rotating: true, ..Server::default() }.shared();
    let failure = wait_for(&server, false).await.err().unwrap();
    assert_eq!(failure.exit, Exit::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_missing_database_is_created_once_when_asked_for() {
    let refusals = [error(Verdict::NoDatabase, "no"), error(Verdict::NoDatabase, "no")].into();
    let server = Server { refusals, ..Server::default() }.shared();
    let failure = wait_for(&server, true).await.err().unwrap();
    assert_eq!(failure.exit, Exit::Refused);
    assert_eq!(server.lock().unwrap().log, ["connect", "create database", "connect"]);
}

/// Waits for the database and for these, at most a minute.
async fn wait_with(server: &Arc<Mutex<Server>>, list: &str) -> Result<Ready> {
    let variables: Environment = [("CASTOFF_WAIT_FOR", list)].into_iter().collect();
    let arguments = vec!["castoff".into(), "wait".into()];
    let Parsed::Run(config) = Config::from(arguments, &variables, Path::new("/")) else { panic!("{list}") };
    let options = ConnectOptions::default();
    let others = Others { targets: &config.wait_for, options: &options, limit: config.timeouts.connect };
    let conditions = Conditions { limit: config.timeouts.connect, writable: true, create_database: false };
    let mut fake = Fake(Arc::clone(server));
    let mut attempts = Attempts::new(&mut fake, conditions);
    until_all_ready(&mut attempts, None, Some(others), config.timeouts.wait).await
}

#[tokio::test(start_paused = true)]
async fn a_session_is_not_held_while_something_else_is_missing() {
    let server = Server::default().shared();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ready");
    let list = format!("file://{}", file.display());
    let late = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(server.lock().unwrap().log, ["connect", "read", "close"]);
        std::fs::write(&file, "").unwrap();
    };
    let (ready, ()) = tokio::join!(wait_with(&server, &list), late);
    ready.ok().unwrap();
    assert_eq!(server.lock().unwrap().log, ["connect", "read", "close", "connect", "read"]);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_comes_last_is_connected_to_once() {
    let refusals = (0..20).map(|_| error(Verdict::NotYet, "starting up")).collect();
    let server = Server { refusals, ..Server::default() }.shared();
    wait_with(&server, "file:///dev/null").await.ok().unwrap();
    let log = server.lock().unwrap().log.clone();
    assert_eq!(log.len(), 22, "{log:?}");
    assert_eq!(log.last().unwrap(), "read");
}

#[tokio::test(start_paused = true)]
async fn everything_missing_is_named_in_one_failure() {
    let refusals = (0..1000).map(|_| error(Verdict::NotYet, "starting up")).collect();
    let server = Server { refusals, ..Server::default() }.shared();
    let failure =
        wait_with(&server, "file:///no/such,file:///dev/null,unix:///no/socket").await.err().unwrap();
    assert_eq!(failure.exit, Exit::Unavailable);
    let reason = failure.reason();
    for part in ["3 of 4 targets", "1m", "db:5432/app: starting up", "file:///no/such", "unix:///no/socket"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(!reason.contains("/dev/null"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_there_is_not_named_among_the_missing_and_is_let_go() {
    let server = Server::default().shared();
    let failure = wait_with(&server, "file:///no/such").await.err().unwrap();
    let reason = failure.reason();
    assert!(reason.starts_with("file:///no/such was not ready within 1m: it does not exist"), "{reason}");
    assert_eq!(server.lock().unwrap().log, ["connect", "read", "close"]);
}

#[tokio::test(start_paused = true)]
async fn what_never_will_be_ready_ends_the_wait_at_once_whoever_says_it() {
    let started = Instant::now();
    let server = Server { refusals: [error(Verdict::Never, "no")].into(), ..Server::default() }.shared();
    let failure = wait_with(&server, "file:///no/such").await.err().unwrap();
    assert_eq!((failure.exit, started.elapsed()), (Exit::Refused, Duration::ZERO));
    let server = Server::default().shared();
    // A store without certificates: nothing could be trusted, now or later.
    let failure = wait_with(&server, "file:///no/such,https://localhost/").await.err().unwrap();
    assert_eq!((failure.exit, started.elapsed()), (Exit::Refused, Duration::ZERO));
    assert!(failure.reason().starts_with("https://localhost/: "), "{failure}");
}
