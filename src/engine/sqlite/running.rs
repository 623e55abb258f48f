//! Running scripts and bookkeeping statements, and saying where one failed.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either};

use super::errors::{self, Stage};
use super::{SqliteSession, raw, reading, statements};
use crate::engine::{DbError, Ledger, ScriptError, Statement, Value, Verdict};

impl SqliteSession {
    pub(super) async fn run_statement(
        &mut self,
        ledger: &Ledger,
        statement: &Statement,
    ) -> Result<(), DbError> {
        self.settle_to_write().await?;
        let sql = reading::named(&statement.sql, &ledger.table);
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in &statement.params {
            query = match value {
                Value::Int(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.clone()),
                Value::Bytes(bytes) => query.bind(bytes.clone()),
            };
        }
        let running = self.interrupt.start()?;
        let result = query.execute(&mut self.connection).await;
        let cancelled = running.finish();
        result.map(drop).map_err(|error| classify(&error, Stage::Working, cancelled))
    }

    /// Runs a text statement by statement, as SQLite splits it.
    pub(super) async fn run_script(&mut self, sql: &str, stage: Stage) -> Result<(), ScriptError> {
        let refused = |error| ScriptError { completed: 0, error };
        // SQLite reads up to a NUL, and sqlx would then ask for the next statement for ever.
        if let Some((before, _)) = sql.split_once('\0') {
            return Err(refused(DbError {
                verdict: Verdict::Statement,
                message: "the script contains a NUL byte, which SQLite takes for its end".to_owned(),
                hint: Some("is the file UTF-16? SQLite scripts have to be UTF-8".to_owned()),
                offset: Some(before.chars().count()),
                ..DbError::default()
            }));
        }
        self.settle_to_write().await.map_err(refused)?;
        let running = self.interrupt.start().map_err(refused)?;
        let mut completed = 0;
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection);
        let failed = loop {
            match results.try_next().await {
                Ok(Some(Either::Left(_))) => {
                    completed += 1;
                    running.completed(completed);
                }
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(results);
        let cancelled = running.finish();
        let Some(error) = failed else { return Ok(()) };
        let mut error = classify(&error, stage, cancelled);
        error.offset = self.offset(sql, completed, &error).await;
        Err(ScriptError { completed, error })
    }

    /// Where a script failed, in characters: where SQLite sees the mistake, else where the failed statement begins.
    async fn offset(&mut self, sql: &str, completed: usize, error: &DbError) -> Option<usize> {
        let range = statements::nth(sql, completed)?;
        let statement = sql.get(range.clone())?;
        let mut start = range.start;
        // sqlx does not pass the place on, so SQLite is asked to parse the statement again. Some pragmas act when they
        // are parsed, and are left alone.
        let pragma = statement.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("pragma"));
        if errors::is(error, errors::ERROR) && !pragma {
            let mut handle = self.connection.lock_handle().await.ok()?;
            start += raw::error_offset(&mut handle, statement).unwrap_or(0);
        }
        sql.get(..start).map(|before| before.chars().count())
    }
}

/// Sorts an error of a statement that may have been cancelled.
pub(super) fn classify(error: &sqlx::Error, stage: Stage, cancelled: bool) -> DbError {
    let error = errors::classify(error, stage);
    if cancelled && errors::is(&error, errors::BUSY) {
        // A wait for a lock that is cancelled ends as one that took too long; say what it was.
        return errors::numbered(errors::INTERRUPT, "interrupted".to_owned(), stage);
    }
    error
}

/// Whether what failed is a `ROLLBACK` that came too late: a cancelled write and a full disk have rolled the transaction
/// back already. SQLite has no code of its own for this sentence (`vdbe.c`, `OP_AutoCommit`).
pub(super) fn is_rolled_back(sql: &str, error: &DbError) -> bool {
    sql.trim().trim_end_matches(';').eq_ignore_ascii_case("rollback")
        && error.message == "cannot rollback - no transaction is active"
}
