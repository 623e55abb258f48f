//! Reading: the facts, the history, and nothing written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::{connect, ledger, made, rows, session};
use crate::engine::{LockKey, Verdict};

/// Every file of a directory, with its content and the time of its last change.
fn snapshot(directory: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let changed = entry.metadata().unwrap().modified().unwrap();
            (entry.file_name().into_string().unwrap(), (fs::read(entry.path()).unwrap(), changed))
        })
        .collect()
}

async fn read_and_close(database: &Path) {
    let mut session = session(database).await;
    let reading = session.read(Some(&ledger("history", "SELECT version FROM {table}"))).await.unwrap();
    assert_eq!(reading.history, Some(vec![vec![Some("1".into())]]));
    session.close().await;
}

const HISTORY: &str = "CREATE TABLE history (version BIGINT); INSERT INTO history VALUES (1);";

#[tokio::test]
async fn looking_at_a_database_changes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, HISTORY).await;
    let before = snapshot(directory.path());
    assert_eq!(before.len(), 1, "{:?}", before.keys());
    read_and_close(&database).await;
    assert_eq!(snapshot(directory.path()), before);
}

#[tokio::test]
async fn looking_at_a_database_in_wal_mode_changes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, &format!("PRAGMA journal_mode = WAL; {HISTORY}")).await;
    let before = snapshot(directory.path());
    assert_eq!(before.len(), 1, "{:?}", before.keys());
    read_and_close(&database).await;
    assert_eq!(snapshot(directory.path()), before);
}

#[tokio::test]
async fn a_write_ahead_log_that_a_crash_left_is_read_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let running = directory.path().join("running.db");
    made(&running, "PRAGMA journal_mode = WAL; CREATE TABLE old (a)").await;
    let mut application = session(&running).await;
    application.send(HISTORY).await.unwrap();
    // What is on disk at this moment is what a crash would leave.
    let crashed = tempfile::tempdir().unwrap();
    let database = crashed.path().join("app.db");
    fs::copy(&running, &database).unwrap();
    fs::copy(directory.path().join("running.db-wal"), crashed.path().join("app.db-wal")).unwrap();
    application.close().await;

    let before = snapshot(crashed.path());
    assert!(!before["app.db-wal"].0.is_empty());
    read_and_close(&database).await;
    let after = snapshot(crashed.path());
    assert_eq!(after["app.db"], before["app.db"]);
    assert_eq!(after["app.db-wal"], before["app.db-wal"]);

    made(&database, "INSERT INTO history VALUES (2)").await;
    assert!(!crashed.path().join("app.db-wal").exists(), "a session that wrote puts everything away");
    assert_eq!(rows(&database, "history", "SELECT count(*) FROM {table}").await, [[Some("2".to_owned())]]);
}

#[tokio::test]
async fn a_missing_file_is_an_empty_database_until_the_lock_creates_it() {
    let directory = tempfile::tempdir().unwrap();
    let database = fs::canonicalize(directory.path()).unwrap().join("app.db");
    let mut session = session(&database).await;
    let reading = session.read(Some(&ledger("history", "SELECT 1 FROM {table}"))).await.unwrap();
    assert_eq!(reading.history, None);
    assert!(!reading.facts.holds_tables);
    assert!(reading.facts.server_version.starts_with("3."), "{}", reading.facts.server_version);
    assert_eq!(reading.facts.database, database.to_str().unwrap());
    assert_eq!(reading.facts.schema, "main");
    assert_eq!((reading.facts.pooled, reading.facts.slots_to_spare), (false, true));
    assert_eq!(reading.facts.read_only, None);
    assert!(snapshot(directory.path()).is_empty(), "looking has created something");
    assert!(session.try_lock(&LockKey::File).await.unwrap());
    assert!(database.exists());
    session.close().await;
}

#[tokio::test]
async fn a_file_that_another_process_created_meanwhile_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    let mut waiting = session(&database).await;
    let history = ledger("history", "SELECT version FROM {table}");
    assert_eq!(waiting.read(Some(&history)).await.unwrap().history, None);
    made(&database, HISTORY).await;
    assert_eq!(waiting.read(Some(&history)).await.unwrap().history, Some(vec![vec![Some("1".into())]]));
    waiting.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    fs::write(&database, "version: '3'\nservices:\n".repeat(100)).unwrap();
    let error = match connect(&database).await {
        Ok(mut session) => session.read(None).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.verdict, Verdict::Never);
    assert_eq!(error.code.as_deref(), Some("26"));
    assert!(error.message.contains("app.db: file is not a database"), "{error}");
    assert!(error.hint.is_some());
}

#[tokio::test]
async fn a_damaged_database_is_refused_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, HISTORY).await;
    let mut bytes = fs::read(&database).unwrap();
    // Behind the header of 100 bytes lies the schema.
    bytes[100..4096].fill(0xff);
    fs::write(&database, bytes).unwrap();
    let error = session(&database).await.read(None).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_deref()), (Verdict::Never, Some("11")), "{error}");
}

#[tokio::test]
async fn a_path_is_a_path_whatever_it_looks_like() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["file:a b?mode=memory&c=%41#d.db", ":memory:", "ä.db"] {
        let database = directory.path().join(name);
        made(&database, HISTORY).await;
        assert!(database.exists(), "{name}");
        read_and_close(&database).await;
    }
}

#[tokio::test]
async fn an_empty_file_is_an_empty_database() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    fs::write(&database, "").unwrap();
    let mut session = session(&database).await;
    assert!(!session.read(None).await.unwrap().facts.holds_tables);
    session.close().await;
    assert_eq!(fs::metadata(&database).unwrap().len(), 0);
}

#[tokio::test]
async fn other_tables_than_the_history_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, "CREATE TABLE History (version INTEGER PRIMARY KEY AUTOINCREMENT)").await;
    let mut session = session(&database).await;
    let history = ledger("history", "SELECT version FROM {table}");
    let reading = session.read(Some(&history)).await.unwrap();
    assert_eq!(reading.history, Some(Vec::new()), "names are compared as SQLite does");
    assert!(!reading.facts.holds_tables, "sqlite_sequence is SQLite's own");
    session.send("CREATE TABLE users (id)").await.unwrap();
    assert!(session.read(Some(&history)).await.unwrap().facts.holds_tables);
    session.close().await;
}

#[tokio::test]
async fn rows_are_text_whatever_the_columns_hold() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(
        &database,
        "CREATE TABLE history (a BIGINT, b REAL, c BLOB, d TEXT, e TIMESTAMP, f BOOLEAN);
         INSERT INTO history VALUES (9007199254740993, 0.5, x'00fA', 'ä', '2024-01-01 00:00:00', TRUE),
             (NULL, NULL, x'', '', 5, 'odd');
         INSERT INTO history (d) VALUES (CAST(x'ff' AS TEXT));",
    )
    .await;
    let found = rows(&database, "history", "SELECT a, b, c, d, e, f FROM {table} LIMIT 2").await;
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(
        found,
        [
            vec![
                text("9007199254740993"),
                text("0.5"),
                text("00FA"),
                text("ä"),
                text("2024-01-01 00:00:00"),
                text("1")
            ],
            vec![None, None, text(""), text(""), text("5"), text("odd")],
        ]
    );
    let odd = rows(&database, "history", "SELECT d FROM {table} LIMIT 1 OFFSET 2").await;
    assert_eq!(odd, [[text("\u{fffd}")]]);
}

#[tokio::test]
async fn a_history_of_another_shape_is_a_failed_statement() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    made(&database, HISTORY).await;
    let wrong = ledger("history", "SELECT checksum FROM {table}");
    let error = session(&database).await.read(Some(&wrong)).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Statement);
    assert!(error.message.contains("no such column: checksum"), "{error}");
}

#[tokio::test]
async fn a_missing_directory_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let error = connect(&directory.path().join("volume/app.db")).await.err().unwrap();
    assert_eq!(error.verdict, Verdict::NotYet);
    fs::create_dir(directory.path().join("volume")).unwrap();
    assert!(connect(&directory.path().join("volume/app.db")).await.is_ok());
}
