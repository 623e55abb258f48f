//! Files and directories that castoff's user may not write. Root may write everything, so these run as somebody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::unistd::{Uid, setuid};

use super::{connect, given_database, made, process, session};
use crate::engine::{LockKey, Verdict};

/// `nobody`, who owns nothing.
const NOBODY: u32 = 65534;

fn become_nobody() {
    if Uid::effective().is_root() {
        setuid(Uid::from_raw(NOBODY)).unwrap();
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs one of the tests below as nobody.
fn passes_as_nobody(test: &str, database: &Path) {
    let output = process(&format!("permissions::{test}"), database).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn cannot_create() {
    let Some(database) = given_database() else { return };
    become_nobody();
    let error = connect(&database).await.err().unwrap();
    assert_eq!(error.verdict, Verdict::NotYet);
    assert!(error.message.contains("app.db cannot be created: the directory"), "{error}");
    assert!(error.message.contains("not writable for uid"), "{error}");
}

#[test]
fn a_file_in_a_directory_that_is_not_writable_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    allow(directory.path(), 0o555);
    passes_as_nobody("cannot_create", &directory.path().join("app.db"));
    allow(directory.path(), 0o755);
}

#[tokio::test]
async fn reads_a_read_only_file() {
    let Some(database) = given_database() else { return };
    become_nobody();
    let mut session = session(&database).await;
    let facts = session.read(None).await.unwrap().facts;
    assert!(facts.holds_tables);
    let why = facts.read_only.unwrap();
    assert!(why.contains("the file") && why.contains("app.db is not writable for uid"), "{why}");
    let failed = session.send("CREATE TABLE b (n)").await.unwrap_err();
    assert_eq!((failed.error.verdict, failed.error.code.as_deref()), (Verdict::Statement, Some("8")));
}

#[tokio::test]
async fn a_read_only_file_is_read_and_said_to_be_so() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, "CREATE TABLE a (n)").await;
    allow(&database, 0o444);
    allow(directory.path(), 0o777);
    passes_as_nobody("reads_a_read_only_file", &database);
}

#[tokio::test]
async fn reads_in_a_read_only_directory() {
    let Some(database) = given_database() else { return };
    become_nobody();
    let mut session = session(&database).await;
    let why = session.read(None).await.unwrap().facts.read_only.unwrap();
    assert!(why.contains("the directory") && why.contains("SQLite cannot create its journal"), "{why}");
    let error = session.try_lock(&LockKey::File).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::NotYet);
    assert!(error.message.contains("app.db.castoff cannot be created: Permission denied"), "{error}");
}

#[tokio::test]
async fn a_database_in_a_read_only_directory_is_read_only() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, "CREATE TABLE a (n)").await;
    allow(&database, 0o666);
    allow(directory.path(), 0o555);
    passes_as_nobody("reads_in_a_read_only_directory", &database);
    allow(directory.path(), 0o755);
}
