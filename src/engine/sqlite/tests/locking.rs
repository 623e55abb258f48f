//! The lock between processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{given_database, process, session};
use crate::engine::LockKey;

const KEY: LockKey = LockKey::File;

/// How many processes contend, and how long they may take together.
const CONTENDERS: usize = 12;
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn contender() {
    let Some(database) = given_database() else { return };
    let mut session = session(&database).await;
    let start = Instant::now();
    while !session.try_lock(&KEY).await.unwrap() {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..5))).await;
    }
    // Nobody else may be here, and whoever was here before has taken everything away.
    let inside = database.with_extension("inside");
    fs::File::create_new(&inside).expect("another process holds the lock");
    session.send("CREATE TABLE IF NOT EXISTS a (n); INSERT INTO a VALUES (1)").await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    fs::remove_file(&inside).unwrap();
    session.close().await;
}

#[tokio::test]
async fn of_many_processes_one_at_a_time_holds_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    let children: Vec<Child> = (0..CONTENDERS)
        .map(|_| process("locking::contender", &database).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
    let counted = super::rows(&database, "a", "SELECT count(*) FROM {table}").await;
    assert_eq!(counted, [[Some(CONTENDERS.to_string())]]);
}

#[tokio::test]
async fn holder() {
    let Some(database) = given_database() else { return };
    let mut session = session(&database).await;
    assert!(session.try_lock(&KEY).await.unwrap());
    session.begin().await.unwrap();
    session.send("CREATE TABLE half_done (n)").await.unwrap();
    session.announce_failure("7/abc").await.unwrap();
    println!("HELD");
    tokio::time::sleep(PATIENCE).await;
}

/// A process that holds the lock, in the middle of a transaction, its failure announced.
fn hold(database: &Path) -> Child {
    let mut child = process("locking::holder", database).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    assert!(said.lines().map_while(Result::ok).any(|line| line.contains("HELD")));
    child
}

#[tokio::test]
async fn a_killed_holder_leaves_the_file_and_neither_the_lock_nor_its_work() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    let mut child = hold(&database);
    let mut waiting = session(&database).await;
    assert!(!waiting.try_lock(&KEY).await.unwrap());
    let holder = waiting.holder(&KEY).await.unwrap().unwrap();
    assert_eq!(holder.pid, Some(child.id().into()));
    assert!(waiting.failure_announced(&KEY, "7/abc").await.unwrap());
    assert!(!waiting.failure_announced(&KEY, "7/abd").await.unwrap());

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(directory.path().join("app.db.castoff").exists());
    assert_eq!(waiting.holder(&KEY).await.unwrap(), None);
    assert!(!waiting.failure_announced(&KEY, "7/abc").await.unwrap(), "a dead holder's word counts");
    assert!(waiting.try_lock(&KEY).await.unwrap());
    assert!(!waiting.read(None).await.unwrap().facts.holds_tables);
    waiting.close().await;
}

#[tokio::test]
async fn two_names_of_a_database_share_its_lock() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("real.db");
    let link = directory.path().join("link.db");
    symlink("real.db", &link).unwrap();
    let mut through_link = session(&link).await;
    assert!(through_link.try_lock(&KEY).await.unwrap());
    let mut direct = session(&database).await;
    assert!(!direct.try_lock(&KEY).await.unwrap());
    assert!(!directory.path().join("link.db.castoff").exists());
    through_link.unlock(&KEY).await.unwrap();
    assert!(direct.try_lock(&KEY).await.unwrap());
    through_link.close().await;
    direct.close().await;
}

#[tokio::test]
async fn only_a_holder_announces_a_failure_and_only_while_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    let (mut failing, mut waiting) = (session(&database).await, session(&database).await);
    assert!(failing.try_lock(&KEY).await.unwrap());
    assert!(failing.try_lock(&KEY).await.unwrap(), "asking again is no conflict with oneself");
    waiting.announce_failure("2/ff").await.unwrap();
    assert!(!waiting.failure_announced(&KEY, "2/ff").await.unwrap());
    failing.announce_failure("2/ff").await.unwrap();
    assert!(waiting.failure_announced(&KEY, "2/ff").await.unwrap());
    failing.close().await;
    assert!(!waiting.failure_announced(&KEY, "2/ff").await.unwrap());
    waiting.close().await;
}

#[tokio::test]
async fn the_locks_of_other_engines_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut session = session(&directory.path().join("app.db")).await;
    assert!(session.try_lock(&LockKey::Number(1)).await.is_err());
    assert!(session.holder(&LockKey::Name("a".into())).await.is_err());
    session.close().await;
}
