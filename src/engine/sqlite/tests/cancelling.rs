//! Cancelling, and giving a session up.

use std::time::{Duration, Instant};

use super::{made, rows, session};
use crate::engine::{LockKey, ScriptError, Session, Verdict};

/// Runs for minutes if nobody stops it.
const ENDLESS: &str = "WITH RECURSIVE c (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c LIMIT 10000000000) SELECT max(x) FROM c";

/// How soon a cancellation has to take effect.
const SOON: Duration = Duration::from_millis(250);

/// Sends a script, cancels it after a while, and says how it ended and how long that took.
async fn send_and_cancel(session: &mut dyn Session, sql: &str) -> (Result<(), ScriptError>, Duration) {
    let canceller = session.canceller();
    let cancelled = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        canceller.cancel().await.unwrap();
        Instant::now()
    };
    let sent = async { (session.send(sql).await, Instant::now()) };
    let ((result, ended), cancelled) = tokio::join!(sent, cancelled);
    (result, ended.saturating_duration_since(cancelled))
}

#[tokio::test]
async fn a_running_statement_is_cancelled_and_the_session_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut session = session(&directory.path().join("app.db")).await;
    let (result, took) = send_and_cancel(&mut *session, &format!("SELECT 1; {ENDLESS}; SELECT 2")).await;
    let failed = result.unwrap_err();
    assert_eq!(failed.completed, 1);
    assert_eq!((failed.error.verdict, failed.error.code.as_deref()), (Verdict::Statement, Some("9")));
    assert!(took < SOON, "{took:?}");
    session.send("SELECT 3").await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_cancelled_write_is_rolled_back() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, "CREATE TABLE a (n)").await;
    let mut session = session(&database).await;
    session.begin().await.unwrap();
    session.send("INSERT INTO a VALUES (0)").await.unwrap();
    let insert = format!("INSERT INTO a {}", ENDLESS.replace("SELECT max(x)", "SELECT x"));
    let (result, took) = send_and_cancel(&mut *session, &insert).await;
    assert_eq!(result.unwrap_err().error.code.as_deref(), Some("9"));
    assert!(took < SOON, "{took:?}");
    session.send("ROLLBACK").await.unwrap();
    session.close().await;
    assert_eq!(rows(&database, "a", "SELECT count(*) FROM {table}").await, [[Some("0".to_owned())]]);
}

#[tokio::test]
async fn waiting_for_another_process_is_cancelled_too() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, "CREATE TABLE a (n)").await;
    let mut other = session(&database).await;
    other.begin().await.unwrap();
    let mut session = session(&database).await;
    let (result, took) = send_and_cancel(&mut *session, "INSERT INTO a VALUES (1)").await;
    let error = result.unwrap_err().error;
    assert_eq!((error.message.as_str(), error.code.as_deref()), ("interrupted", Some("9")));
    assert!(took < SOON, "{took:?}");
    other.close().await;
    session.send("INSERT INTO a VALUES (1)").await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_session_given_up_in_the_middle_stops_its_statement_and_then_frees_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    let mut given_up = session(&database).await;
    assert!(given_up.try_lock(&LockKey::File).await.unwrap());
    let deadline = tokio::time::timeout(Duration::from_millis(100), given_up.send(ENDLESS)).await;
    assert!(deadline.is_err(), "the statement has ended by itself");
    let error = given_up.send("SELECT 1").await.unwrap_err().error;
    assert_eq!(error.verdict, Verdict::Lost);
    drop(given_up);
    let mut next = session(&database).await;
    let start = Instant::now();
    while !next.try_lock(&LockKey::File).await.unwrap() {
        assert!(start.elapsed() < Duration::from_secs(5), "the lock is never freed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    next.close().await;
}
