//! MySQL and MariaDB: the session castoff migrates on, and the connection that can cancel it.
//!
//! What is said here was measured on MariaDB 10.11; what is said of MySQL is from its manual.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::engine::{
    BoxFuture, Cancel, ConnectOptions, DbError, Holder, Ledger, LockKey, Observer, Pooler, Reading, Row,
    ScriptError, Session, Statement, TableName, Value, Verdict,
};
use crate::target::Target;
use errors::Stage;
use observer::SessionObserver;
use reading::Home;
use wire::Wire;

mod activity;
mod connect;
mod errors;
mod locks;
mod observer;
mod reading;
mod wire;

/// Makes text what castoff takes it for, where a server with `skip-character-set-client-handshake` ignored the
/// character set of the handshake.
const UTF8: &str = "SET NAMES utf8mb4";

/// Takes back what sqlx asks for when it connects (`sqlx-mysql/src/connection/stream.rs`): with `IGNORE_SPACE` the names of
/// functions are reserved, and a tool's `CREATE TABLE count` would fail. Where the server itself has it, it stays.
const SERVERS_SQL_MODE: &str = "sql_mode = IF(FIND_IN_SET('IGNORE_SPACE', @@GLOBAL.sql_mode), \
    @@SESSION.sql_mode, REPLACE(@@SESSION.sql_mode, 'IGNORE_SPACE', ''))";

/// Opens a session: one attempt over all hosts, authentication included.
///
/// # Errors
///
/// The last host's error, sorted for somebody who waits.
pub async fn connect(target: &Target, options: &ConnectOptions) -> Result<Box<dyn Session>, DbError> {
    let connection = connect::open(target, options).await?;
    Ok(Box::new(MySqlSession {
        wire: Wire::new(connection),
        target: target.clone(),
        options: options.clone(),
        id: Arc::default(),
        home: None,
        queueing: None,
    }))
}

/// Creates the target's database as Prisma does, from a session without one.
///
/// # Errors
///
/// The server's refusal; a database that exists by now is success.
pub async fn create_database(target: &Target, options: &ConnectOptions) -> Result<(), DbError> {
    let nowhere = Target { database: String::new(), ..target.clone() };
    let mut wire = Wire::new(connect::open(&nowhere, options).await?);
    let create = format!(
        "{UTF8}; CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        identifier(&target.database)
    );
    let mut result = wire.ask(create, Stage::Connecting).await.error;
    if result.is_some() {
        // An account that may not create it may still see that somebody else has.
        let there = format!(
            "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
            literal(&target.database)
        );
        if wire.ask(there, Stage::Connecting).await.results.first().is_some_and(|rows| !rows.is_empty()) {
            result = None;
        }
    }
    wire.close().await;
    result.map_or(Ok(()), Err)
}

/// One session.
struct MySqlSession {
    wire: Wire,
    target: Target,
    options: ConnectOptions,
    /// The server's id of this session, known from the first reading on.
    id: Arc<OnceLock<u64>>,
    /// What the first reading learned.
    home: Option<Home>,
    /// How many seconds a statement queued for a table before that was limited, while it is.
    queueing: Option<u64>,
}

impl MySqlSession {
    /// The rows of each statement of a text of castoff's own.
    async fn ask(&mut self, sql: String) -> Result<Vec<Vec<Row>>, DbError> {
        let answer = self.wire.ask(sql, Stage::Working).await;
        answer.error.map_or(Ok(answer.results), Err)
    }

    /// A user's text, whole.
    async fn send_script(&mut self, sql: &str) -> Result<(), ScriptError> {
        match self.home.as_ref().and_then(|home| home.max_packet) {
            Some(limit) if sql.len() >= limit => {
                Err(ScriptError { completed: 0, error: errors::too_long(sql.len(), limit) })
            }
            _ => self.wire.send(sql).await,
        }
    }

    /// The database the session was opened on.
    fn database(&self) -> &str {
        self.home.as_ref().map_or(&*self.target.database, |home| &home.database)
    }
}

impl Session for MySqlSession {
    fn read<'a>(&'a mut self, ledger: Option<&'a Ledger>) -> BoxFuture<'a, Result<Reading, DbError>> {
        Box::pin(async move {
            let (mut reading, id) = reading::read(&mut self.wire, &mut self.home, ledger).await?;
            let _ = self.id.set(id);
            // Proxies show nothing of themselves, so what the user says is all there is to know. ProxySQL documents
            // that a session that called GET_LOCK keeps its server connection.
            reading.facts.pooled = self.options.pooler == Pooler::Transaction;
            Ok(reading)
        })
    }

    fn try_lock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            let taken = self.ask(locks::take(locks::name(key)?)).await?;
            locks::truth(&taken)
        })
    }

    fn unlock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.ask(locks::release(locks::name(key)?)).await.map(drop) })
    }

    fn holder<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<Option<Holder>, DbError>> {
        Box::pin(async move {
            let answer = self.wire.ask(locks::holder_query(locks::name(key)?), Stage::Working).await;
            match answer.error {
                // What comes behind the first answer, not every account may ask.
                Some(error) if answer.results.is_empty() || error.verdict == Verdict::Lost => Err(error),
                _ => Ok(locks::holder(&answer.results)),
            }
        })
    }

    fn secure<'a>(&'a mut self, keys: &'a [LockKey]) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            self.ask(locks::secure_query()).await?;
            for key in keys {
                let name = locks::name(key)?;
                if !locks::truth(&self.ask(locks::is_ours(name)).await?)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Opens a transaction in the database the session was opened on: the next migration must not depend on a `USE`
    /// in the one that ran before it in the same process.
    fn begin(&mut self) -> BoxFuture<'_, Result<(), ScriptError>> {
        Box::pin(async move {
            let sql = begin(self.database());
            self.wire.send(&sql).await
        })
    }

    /// Sets `lock_wait_timeout`, which is about metadata locks and counts in seconds; what waits for rows has a limit of its own.
    fn limit_queueing(&mut self, limit: Option<Duration>) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            match (limit, self.queueing.take()) {
                (Some(limit), before) => {
                    let rows = self.ask(locks::limit_query(limit)).await?;
                    self.queueing = before.or_else(|| locks::seconds(&rows));
                }
                (None, Some(before)) => drop(self.ask(locks::limit_back_query(before)).await?),
                (None, None) => {}
            }
            Ok(())
        })
    }

    fn send<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<(), ScriptError>> {
        Box::pin(self.send_script(sql))
    }

    /// Nothing on MySQL needs care outside a transaction: what cannot run inside one ends it.
    fn send_apart<'a>(
        &'a mut self,
        statement: &'a str,
        _resumed: bool,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.send_script(statement).await.map_err(|failed| failed.error) })
    }

    fn columns<'a>(
        &'a mut self,
        table: &'a TableName,
    ) -> BoxFuture<'a, Result<Option<Vec<String>>, DbError>> {
        Box::pin(async move {
            let sql = reading::columns_query(table, self.database());
            let rows = self.ask(sql).await?.into_iter().flatten();
            let columns: Vec<_> = rows.filter_map(|row| row.into_iter().next().flatten()).collect();
            Ok((!columns.is_empty()).then_some(columns))
        })
    }

    fn execute<'a>(
        &'a mut self,
        ledger: &'a Ledger,
        statement: &'a Statement,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let sql = reading::named(&statement.sql, &ledger.table, self.database());
            self.wire.execute(sql, &statement.params).await
        })
    }

    /// Takes a second lock that is named for the failure, since a session has no name that others could see.
    fn announce_failure<'a>(&'a mut self, mark: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let name = locks::failure_name(self.database(), mark);
            // Held by another session is as good: the failure is announced.
            self.ask(locks::take(&name)).await.map(drop)
        })
    }

    fn failure_announced<'a>(
        &'a mut self,
        _key: &'a LockKey,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            let name = locks::failure_name(self.database(), mark);
            let held = self.ask(locks::is_held(&name)).await?;
            locks::truth(&held)
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller {
            target: self.target.clone(),
            options: self.options.clone(),
            id: Arc::clone(&self.id),
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.wire.close())
    }
}

/// Cancels a session's statement from a second connection.
struct Canceller {
    target: Target,
    options: ConnectOptions,
    id: Arc<OnceLock<u64>>,
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            let Some(id) = self.id.get() else { return Ok(()) };
            let mut wire = Wire::new(connect::open(&self.target, &self.options).await?);
            let answer = wire.ask(format!("{UTF8}; KILL QUERY {id}"), Stage::Working).await;
            wire.close().await;
            match answer.error {
                // ER_NO_SUCH_THREAD: whatever it ran, it runs no more.
                Some(error) if error.code.as_deref() == Some("1094") => Ok(()),
                error => error.map_or(Ok(()), Err),
            }
        })
    }

    fn observer(&self, keeps: bool) -> Box<dyn Observer> {
        let id = Arc::clone(&self.id);
        Box::new(SessionObserver::new(self.target.clone(), self.options.clone(), id, keeps))
    }
}

/// What opens a migration's transaction in this database.
pub(super) fn begin(database: &str) -> String {
    if database.is_empty() { "BEGIN".to_owned() } else { format!("USE {}; BEGIN", identifier(database)) }
}

/// A bookkeeping statement as a text, in the database of the session where the table names none.
pub(super) fn spelled(statement: &Statement, table: &TableName, database: &str) -> String {
    let plain = |text: &str| text.chars().all(|letter| letter != '\\' && !letter.is_control());
    statement.with_values(
        |sql| reading::named(sql, table, database),
        |value| match value {
            Value::Int(number) => number.to_string(),
            Value::Text(text) if plain(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Text(text) => literal(text),
            Value::Bytes(bytes) => format!("X'{}'", hex::encode(bytes)),
        },
    )
}

/// A quoted identifier.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string literal that means the same in every `sql_mode`: `NO_BACKSLASH_ESCAPES` decides what a backslash is.
fn literal(value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\'' | '\\');
    if value.chars().all(plain) {
        return format!("'{value}'");
    }
    let mut hexadecimal = "_utf8mb4 X'".to_owned();
    for byte in value.bytes() {
        hexadecimal.push_str(&format!("{byte:02x}"));
    }
    hexadecimal.push('\'');
    hexadecimal
}

#[cfg(test)]
mod tests {
    use super::{identifier, literal};

    #[test]
    fn names_and_values_cannot_escape_their_quotes() {
        assert_eq!(identifier("a`b"), "`a``b`");
        assert_eq!(literal("castoff-0a1b"), "'castoff-0a1b'");
        assert_eq!(literal("o'clock\\"), "_utf8mb4 X'6f27636c6f636b5c'");
    }
}
