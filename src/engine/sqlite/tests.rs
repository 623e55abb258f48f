//! Sessions on real files, and real processes that contend for them.

use std::path::Path;
use std::process::Command;

use crate::engine::{ConnectOptions, DbError, Engine, Ledger, Reading, Row, Session, TableName};
use crate::target::{SessionAttrs, Target, Tls};

mod cancelling;
mod locking;
mod permissions;
mod reading;
mod writing;

fn target(database: &Path) -> Target {
    Target {
        engine: Engine::Sqlite,
        hosts: Vec::new(),
        database: database.to_str().unwrap().to_owned(),
        user: String::new(),
        password: None,
        tls: Tls::default(),
        settings: Vec::new(),
        schema: None,
        session_attrs: SessionAttrs::Unset,
    }
}

async fn connect(database: &Path) -> Result<Box<dyn Session>, DbError> {
    let options =
        ConnectOptions { application_name: "castoff/test here".into(), ..ConnectOptions::default() };
    super::connect(&target(database), &options).await
}

async fn session(database: &Path) -> Box<dyn Session> {
    connect(database).await.unwrap()
}

/// A database that `sql` has made.
async fn made(database: &Path, sql: &str) {
    let mut session = session(database).await;
    session.send(sql).await.unwrap();
    session.close().await;
}

fn ledger(table: &str, select: &str) -> Ledger {
    Ledger {
        table: TableName { schema: None, name: table.into() },
        select: select.into(),
        create: vec!["CREATE TABLE {table} (version BIGINT PRIMARY KEY, note TEXT)".into()],
    }
}

/// What a query says, through a session of its own.
async fn rows(database: &Path, table: &str, select: &str) -> Vec<Row> {
    let mut session = session(database).await;
    let Reading { history, .. } = session.read(Some(&ledger(table, select))).await.unwrap();
    session.close().await;
    history.unwrap()
}

/// This test binary again, running one test below this module in a process of its own.
fn process(test: &str, database: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("engine::sqlite::tests::{test}"), "--exact", "--nocapture"])
        .env("TEST_DATABASE", database);
    command
}

/// The database a test in a process of its own was started for; `None` in an ordinary run, where it does nothing.
fn given_database() -> Option<std::path::PathBuf> {
    std::env::var_os("TEST_DATABASE").map(Into::into)
}
