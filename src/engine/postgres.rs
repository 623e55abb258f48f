//! PostgreSQL: the session castoff migrates on, and the connection that can cancel it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Either};

use crate::engine::{
    BoxFuture, Cancel, ConnectOptions, DbError, Facts, Holder, Ledger, LockKey, Pooler, Reading, Row,
    ScriptError, Session, Statement, TableName, Value, Verdict,
};
use crate::target::Target;
use cancel::Canceller;
use connect::Nonce;
use errors::Stage;
use simple::simple_query;
pub(super) use spelling::spelled;
use spelling::{identifier, literal, named, numbered};

mod activity;
mod cancel;
mod connect;
mod errors;
mod index;
mod observer;
mod reading;
pub(crate) mod settings;
mod simple;
mod spelling;

/// Opens a session: one attempt over all hosts, authentication included.
pub async fn connect(target: &Target, options: &ConnectOptions) -> Result<Box<dyn Session>, DbError> {
    let opened = connect::open(target, options).await?;
    Ok(Box::new(PostgresSession {
        connection: opened.connection,
        nonce: opened.nonce,
        // The canceller must reach this very server, not another of the list.
        target: Target { hosts: vec![opened.host], ..target.clone() },
        options: options.clone(),
        backend: Arc::default(),
        schema: String::new(),
        version: 0,
        queueing: None,
    }))
}

/// Creates the target's database, from the maintenance database that exists on every cluster.
///
/// # Errors
///
/// The server's refusal; a database that exists by now is success.
pub async fn create_database(target: &Target, options: &ConnectOptions) -> Result<(), DbError> {
    let mut last = DbError::default();
    // The order in which Prisma looks for a database to log in to.
    for maintenance in ["postgres", "template1", "defaultdb"] {
        let elsewhere = Target { database: maintenance.into(), settings: Vec::new(), ..target.clone() };
        let mut connection = match connect::open(&elsewhere, options).await {
            Ok(opened) => opened.connection,
            Err(error) if error.verdict == Verdict::NoDatabase => {
                last = error;
                continue;
            }
            Err(error) => return Err(error),
        };
        let sql = format!("CREATE DATABASE {}", identifier(&target.database));
        let result = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        let _ = connection.close().await;
        return match result.map_err(|error| errors::classify(&error, Stage::Working)) {
            Ok(_) => Ok(()),
            // duplicate_database, or the unique index another replica's CREATE DATABASE got into first.
            Err(error) if matches!(error.code.as_deref(), Some("42P04" | "23505")) => Ok(()),
            // object_in_use: somebody is connected to the template at this moment.
            Err(error) if error.code.as_deref() == Some("55006") => {
                Err(DbError { verdict: Verdict::NotYet, ..error })
            }
            Err(error) => Err(DbError { verdict: Verdict::Never, ..error }),
        };
    }
    Err(last)
}

/// One PostgreSQL session.
struct PostgresSession {
    connection: PgConnection,
    nonce: Nonce,
    target: Target,
    options: ConnectOptions,
    /// This session's process on the server, known from the first reading on.
    backend: Arc<std::sync::OnceLock<String>>,
    /// The schema of the history table, as the last reading resolved it.
    schema: String,
    /// `server_version_num`, e.g. 150020.
    version: u32,
    /// How long a statement queues for a lock unless told otherwise: the server's, database's, role's or URL's
    /// `lock_timeout`. `None` is for ever.
    queueing: Option<Duration>,
}

impl PostgresSession {
    /// [`simple_query`] on this session.
    async fn query(&mut self, sql: String) -> (Vec<Row>, Option<DbError>) {
        simple_query(&mut self.connection, sql).await
    }

    async fn rows(&mut self, sql: String) -> Result<Vec<Row>, DbError> {
        match self.query(sql).await {
            (rows, None) => Ok(rows),
            (_, Some(error)) => Err(error),
        }
    }

    /// The truth value that a query ends in.
    async fn truth(&mut self, sql: String) -> Result<bool, DbError> {
        let rows = self.rows(sql).await?;
        Ok(rows.last().and_then(|row| row.first()).is_some_and(|value| value.as_deref() == Some("t")))
    }

    /// What the URL asks of the session, where a pooler did not pass it on.
    fn settings_not_passed_on(&self) -> &[(String, String)] {
        if self.nonce == Nonce::RefusedByPooler { &self.target.settings } else { &[] }
    }

    async fn read_facts(&mut self, ledger: Option<&Ledger>) -> Result<Reading, DbError> {
        let sql = reading::query(ledger, self.settings_not_passed_on());
        let (mut rows, error) = self.query(sql).await;
        match error {
            None => {}
            // undefined_table, invalid_schema_name: there is no history yet.
            Some(error) if matches!(error.code.as_deref(), Some("42P01" | "3F000")) && !rows.is_empty() => {
                let mut facts = self.facts(&rows.swap_remove(0))?;
                let answer = self.rows(reading::schema_query(&facts.schema)).await?;
                (facts.schema_exists, facts.holds_tables) = reading::schema(&answer);
                return Ok(Reading { facts, history: None });
            }
            Some(error) => return Err(not_ours_to_read(error)),
        }
        if rows.is_empty() {
            return Err(reading::unusable());
        }
        let facts = rows.remove(0);
        Ok(Reading { facts: self.facts(&facts)?, history: ledger.map(|_| rows) })
    }

    fn facts(&mut self, row: &Row) -> Result<Facts, DbError> {
        let answer = reading::Answer::parse(row)?;
        let _ = self.backend.set(answer.backend);
        self.schema.clone_from(&answer.schema);
        self.version = answer.version;
        let echoed = match &self.nonce {
            Nonce::Sent(nonce) => answer.nonce.as_ref() == Some(nonce),
            Nonce::RefusedByServer => true,
            Nonce::RefusedByPooler => false,
        };
        Ok(Facts {
            server_version: answer.server_version,
            database: answer.database,
            user: answer.user,
            schema: answer.schema,
            read_only: answer.read_only,
            pooled: match self.options.pooler {
                Pooler::Auto => !echoed,
                Pooler::None | Pooler::Session => false,
                Pooler::Transaction => true,
            },
            slots_to_spare: answer.slots_to_spare,
            schema_exists: true,
            holds_tables: false,
        })
    }

    async fn run_statement(&mut self, ledger: &Ledger, statement: &Statement) -> Result<(), DbError> {
        let sql = named(&numbered(&statement.sql), &ledger.table, &self.schema);
        let classify = |error| errors::classify(&error, Stage::Working);
        if statement.params.is_empty() {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await.map_err(classify)?;
            return Ok(());
        }
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in &statement.params {
            query = match value {
                Value::Int(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.clone()),
                Value::Bytes(bytes) => query.bind(bytes.clone()),
            };
        }
        query.execute(&mut self.connection).await.map_err(classify)?;
        Ok(())
    }

    async fn copy(&mut self, statement: &str, rows: &str) -> Result<(), sqlx::Error> {
        let mut copy = self.connection.copy_in_raw(statement).await?;
        if let Err(error) = copy.send(rows.as_bytes()).await {
            // The server's own answer, if it has one, says more than a broken pipe.
            return copy.abort("the data could not be sent").await.and(Err(error));
        }
        copy.finish().await.map(drop)
    }

    async fn send_script(&mut self, sql: &str) -> Result<(), ScriptError> {
        let mut completed = 0;
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection);
        loop {
            match results.try_next().await {
                Ok(Some(Either::Left(_))) => completed += 1,
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    return Err(ScriptError { completed, error: errors::classify(&error, Stage::Working) });
                }
            }
        }
    }
}

impl Session for PostgresSession {
    fn read<'a>(&'a mut self, ledger: Option<&'a Ledger>) -> BoxFuture<'a, Result<Reading, DbError>> {
        Box::pin(self.read_facts(ledger))
    }

    fn try_lock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            let key = number(key)?;
            self.truth(format!("SELECT pg_try_advisory_lock({key})")).await
        })
    }

    fn unlock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let key = number(key)?;
            self.rows(format!("SELECT pg_advisory_unlock({key})")).await.map(drop)
        })
    }

    fn holder<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<Option<Holder>, DbError>> {
        Box::pin(async move {
            let rows = self.rows(reading::holder_query(number(key)?)).await?;
            Ok(rows.first().map(|row| reading::holder(row)))
        })
    }

    fn secure<'a>(&'a mut self, keys: &'a [LockKey]) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            let keys = keys.iter().map(number).collect::<Result<Vec<_>, _>>()?;
            let rows = self.rows(reading::secure_query(self.version, &keys)).await?;
            let (held, queueing) = reading::secured(rows.last());
            self.queueing = queueing;
            Ok(held)
        })
    }

    /// In the same round trip. `SET LOCAL`, unlike a query, leaves a script free to choose its isolation level.
    fn begin_within(&mut self, limit: Duration) -> BoxFuture<'_, Result<(), ScriptError>> {
        let begin = settings::begin_within(limit, self.queueing);
        Box::pin(async move { self.send_script(&begin).await })
    }

    fn limit_queueing(&mut self, limit: Option<Duration>) -> BoxFuture<'_, Result<(), DbError>> {
        let sql = match limit {
            Some(limit) => settings::limit(limit, self.queueing).map(|limit| format!("SET {limit}")),
            None => Some("RESET lock_timeout".to_owned()),
        };
        Box::pin(async move {
            match sql {
                Some(sql) => self.rows(sql).await.map(drop),
                None => Ok(()),
            }
        })
    }

    fn send<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<(), ScriptError>> {
        Box::pin(self.send_script(sql))
    }

    fn send_apart<'a>(&'a mut self, statement: &'a str, resumed: bool) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(index::send(self, statement, resumed))
    }

    fn copy_in<'a>(&'a mut self, statement: &'a str, rows: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let copied = self.copy(statement, rows).await;
            copied.map_err(|error| errors::classify(&error, Stage::Working))
        })
    }

    fn columns<'a>(
        &'a mut self,
        table: &'a TableName,
    ) -> BoxFuture<'a, Result<Option<Vec<String>>, DbError>> {
        Box::pin(async move {
            let sql = reading::columns_query(table, self.settings_not_passed_on());
            let rows = self.rows(sql).await.map_err(not_ours_to_read)?;
            let columns: Vec<_> =
                rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
            Ok((!columns.is_empty()).then_some(columns))
        })
    }

    fn execute<'a>(
        &'a mut self,
        ledger: &'a Ledger,
        statement: &'a Statement,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(self.run_statement(ledger, statement))
    }

    fn announce_failure<'a>(&'a mut self, mark: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            let sql = format!("SET application_name = {}", literal(&failure_name(mark)));
            self.rows(sql).await.map(drop)
        })
    }

    fn failure_announced<'a>(
        &'a mut self,
        key: &'a LockKey,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            let holder = self.holder(key).await?;
            Ok(holder.and_then(|holder| holder.application_name).as_deref() == Some(&*failure_name(mark)))
        })
    }

    fn sessions_named<'a>(&'a mut self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Holder>, DbError>> {
        Box::pin(async move {
            let rows = self.rows(reading::sessions_query(prefix)).await?;
            Ok(rows.iter().map(|row| reading::holder(row)).collect())
        })
    }

    fn takes_startup_options(&self) -> bool {
        self.nonce != Nonce::RefusedByPooler
    }

    fn settings_of_url(&self) -> Vec<String> {
        // sqlx names both when it connects, which counts more than `options`.
        let ours =
            |name: &str| ["timezone", "datestyle"].iter().any(|known| name.eq_ignore_ascii_case(known));
        let settings = self.target.settings.iter().filter(|(name, _)| ours(name));
        settings.map(|(name, value)| format!("SET {} = {}", identifier(name), literal(value))).collect()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller {
            target: self.target.clone(),
            options: self.options.clone(),
            backend: Arc::clone(&self.backend),
            version: self.version,
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _ = self.connection.close().await;
        })
    }
}

/// The `application_name` of a session whose migration has just failed; the server keeps 63 bytes of it.
fn failure_name(mark: &str) -> String {
    let mut name = format!("castoff failed {mark}");
    let mut end = name.len().min(63);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

fn number(key: &LockKey) -> Result<i64, DbError> {
    match key {
        LockKey::Number(number) => Ok(*number),
        LockKey::Name(_) | LockKey::File => Err(DbError {
            verdict: Verdict::Never,
            message: format!("PostgreSQL has no lock {key:?}"),
            ..DbError::default()
        }),
    }
}

/// What becomes of a look at the history that the role may not take.
fn not_ours_to_read(error: DbError) -> DbError {
    // insufficient_privilege
    if error.code.as_deref() != Some("42501") {
        return error;
    }
    let hint =
        "grant the role what it takes to read what the message names: USAGE on a schema, SELECT on a table";
    DbError { verdict: Verdict::Never, hint: Some(hint.to_owned()), ..error }
}

#[cfg(test)]
mod tests {
    use super::failure_name;

    #[test]
    fn a_failure_mark_is_cut_where_the_server_would_cut_it() {
        assert_eq!(failure_name(&"ä".repeat(40)).len(), 63);
        assert_eq!(failure_name("3/0a1b"), "castoff failed 3/0a1b");
    }
}
