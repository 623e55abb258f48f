//! Scripts, bookkeeping, and what a failure says.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::{connect, ledger, made, rows, session};
use crate::engine::{Statement, Value, Verdict};

fn database() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    (directory, database)
}

#[tokio::test]
async fn a_script_stops_at_the_statement_that_fails_and_says_where_it_begins() {
    let (_directory, database) = database();
    let mut session = session(&database).await;
    let before = "CREATE TABLE a (name TEXT UNIQUE); -- ä; ö\nINSERT INTO a VALUES ('ü;');\n/* again */ ";
    let script = format!("{before}INSERT INTO a VALUES ('ü;');\nDROP TABLE a;");
    let failed = session.send(&script).await.unwrap_err();
    assert_eq!(failed.completed, 2);
    assert_eq!(failed.error.verdict, Verdict::Statement);
    assert_eq!(failed.error.message, "UNIQUE constraint failed: a.name");
    assert_eq!(failed.error.offset, Some(before.chars().count()));
    session.close().await;
    assert_eq!(rows(&database, "a", "SELECT count(*) FROM {table}").await, [[Some("1".to_owned())]]);
}

#[tokio::test]
async fn a_syntax_error_is_located_inside_its_statement() {
    let (_directory, database) = database();
    let mut session = session(&database).await;
    let before = "SELECT 'ä';\nCREATE TABLE a (\n  id INTEGER,\n";
    let failed = session.send(&format!("{before}) STRICT;")).await.unwrap_err();
    assert_eq!(failed.completed, 1);
    assert_eq!(failed.error.message, "near \")\": syntax error");
    assert_eq!(failed.error.offset, Some(before.chars().count()));
    session.close().await;
}

#[tokio::test]
async fn triggers_and_queries_in_a_script_run() {
    let (_directory, database) = database();
    made(
        &database,
        "CREATE TABLE a (n); CREATE TABLE log (n);
         CREATE TRIGGER t AFTER INSERT ON a BEGIN
           INSERT INTO log VALUES (CASE new.n WHEN 1 THEN 'one;' ELSE 'other' END);
           DELETE FROM a WHERE n < 0;
         END;
         INSERT INTO a VALUES (1);
         SELECT * FROM a, (WITH RECURSIVE c (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c LIMIT 500) SELECT x FROM c);",
    )
    .await;
    assert_eq!(rows(&database, "log", "SELECT n FROM {table}").await, [[Some("one;".to_owned())]]);
}

#[tokio::test]
async fn a_nul_byte_is_refused_before_anything_runs() {
    let (_directory, database) = database();
    let mut session = session(&database).await;
    let failed = session.send("CREATE TABLE a (n);\0CREATE TABLE b (n)").await.unwrap_err();
    assert_eq!((failed.completed, failed.error.offset), (0, Some(19)));
    assert_eq!(failed.error.verdict, Verdict::Statement);
    assert!(!session.read(None).await.unwrap().facts.holds_tables);
    session.close().await;
}

#[tokio::test]
async fn bookkeeping_takes_every_kind_of_parameter() {
    let (_directory, database) = database();
    let mut session = session(&database).await;
    let history = ledger("order", "SELECT version, name, hex(checksum), took FROM {table}");
    session
        .send_apart("CREATE TABLE \"order\" (version BIGINT, name TEXT, checksum BLOB, took BIGINT)", false)
        .await
        .unwrap();
    let insert = Statement {
        sql: "INSERT INTO {table} VALUES (?, ?, ?, ?)".into(),
        params: vec![Value::Int(7), Value::Text("it's".into()), Value::Bytes(vec![0, 255]), Value::Int(1500)],
    };
    session.execute(&history, &insert).await.unwrap();
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(
        session.read(Some(&history)).await.unwrap().history.unwrap(),
        [[text("7"), text("it's"), text("00FF"), text("1500")]]
    );
    session.close().await;
}

#[tokio::test]
async fn a_history_table_is_stored_as_sqlx_itself_creates_it() {
    use sqlx::ConnectOptions as _;
    use sqlx::migrate::Migrate as _;
    let (directory, ours) = database();
    // sqlx's own DDL (`sqlx-sqlite/src/migrate.rs`, `ensure_migrations_table`), its table's name replaced.
    let create = "CREATE TABLE IF NOT EXISTS {table} (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
                ";
    let history = ledger("_sqlx_migrations", "");
    let mut session = session(&ours).await;
    let create = Statement { sql: create.into(), params: Vec::new() };
    session.execute(&history, &create).await.unwrap();
    session.close().await;

    let theirs = directory.path().join("sqlx.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&theirs).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    connection.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();

    let stored = "SELECT sql FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    assert_eq!(
        rows(&ours, "_sqlx_migrations", stored).await,
        rows(&theirs, "_sqlx_migrations", stored).await
    );
}

#[tokio::test]
async fn the_settings_are_sqlxs_own() {
    let (_directory, database) = database();
    made(&database, "PRAGMA journal_mode = WAL; CREATE TABLE a (n PRIMARY KEY)").await;
    let mut session = session(&database).await;
    session.send("CREATE TABLE b (n REFERENCES a)").await.unwrap();
    let failed = session.send("INSERT INTO b VALUES (1)").await.unwrap_err();
    assert_eq!(failed.error.message, "FOREIGN KEY constraint failed");
    session.close().await;
    // Bytes 18 and 19 of the header are 2 in WAL mode (<https://www.sqlite.org/fileformat.html>).
    assert_eq!(fs::read(&database).unwrap()[18..20], [2, 2]);
}

#[tokio::test]
async fn a_transaction_is_whole_or_not_at_all() {
    let (directory, database) = database();
    let mut session = session(&database).await;
    session.begin().await.unwrap();
    session.send("CREATE TABLE a (n)").await.unwrap();
    session.send("ROLLBACK").await.unwrap();
    session.begin().await.unwrap();
    session.send("CREATE TABLE b (n)").await.unwrap();
    session.send("COMMIT").await.unwrap();
    session.close().await;
    let tables = rows(&database, "b", "SELECT name FROM sqlite_schema").await;
    assert_eq!(tables, [[Some("b".to_owned())]]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no journal is left");
}

#[tokio::test]
async fn a_session_that_ends_in_a_transaction_leaves_nothing_of_it() {
    let (directory, database) = database();
    made(&database, "CREATE TABLE a (n)").await;
    let mut session = session(&database).await;
    session.begin().await.unwrap();
    session.send("INSERT INTO a VALUES (1)").await.unwrap();
    session.close().await;
    assert_eq!(rows(&database, "a", "SELECT n FROM {table}").await, Vec::<Vec<_>>::new());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no journal is left");
}

#[tokio::test]
async fn a_full_disk_says_so_and_a_rollback_after_it_is_no_error() {
    let (_directory, database) = database();
    made(&database, "CREATE TABLE a (n)").await;
    let mut session = session(&database).await;
    // The limit stands for the disk's: SQLite's error is the same.
    session.send("PRAGMA max_page_count = 4").await.unwrap();
    session.begin().await.unwrap();
    let failed = session.send("INSERT INTO a VALUES (randomblob(100000))").await.unwrap_err();
    assert_eq!(failed.error.code.as_deref(), Some("13"));
    assert_eq!(failed.error.verdict, Verdict::Statement);
    assert!(failed.error.hint.unwrap().contains("make room"));
    session.send("ROLLBACK").await.unwrap();
    session.send("ROLLBACK;").await.unwrap();
    assert!(session.send("COMMIT").await.is_err(), "only a rollback may come too late");
    session.close().await;
}

#[tokio::test]
async fn a_transaction_waits_for_another_writer_to_end() {
    let (_directory, database) = database();
    made(&database, "CREATE TABLE a (n)").await;
    let mut other = connect(&database).await.unwrap();
    other.begin().await.unwrap();
    other.send("INSERT INTO a VALUES (1)").await.unwrap();
    let mut session = session(&database).await;
    let ends = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        other.send("COMMIT").await.unwrap();
    };
    let (began, ()) = tokio::join!(session.begin(), ends);
    began.unwrap();
    session.send("INSERT INTO a VALUES (2); COMMIT").await.unwrap();
    session.close().await;
    assert_eq!(rows(&database, "a", "SELECT count(*) FROM {table}").await, [[Some("2".to_owned())]]);
}
