//! One connection, and the rule that it is used again only after a whole answer.

use futures_util::TryStreamExt as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Row as _};

use super::errors::{self, Stage};
use crate::engine::{DbError, Row, ScriptError, Value, Verdict};

/// A connection that is in step with its server, or none.
///
/// It is taken out while a question is under way and put back with its answer, so that a future somebody dropped and
/// a protocol error both leave nothing that could be used again out of step.
pub(super) struct Wire(Option<MySqlConnection>);

/// What a text of several statements came back with.
pub(super) struct Answer {
    /// The rows of each statement that completed, in order.
    pub(super) results: Vec<Vec<Row>>,
    /// The error of the next statement.
    pub(super) error: Option<DbError>,
}

impl Wire {
    pub(super) fn new(connection: MySqlConnection) -> Self {
        Self(Some(connection))
    }

    /// Sends a text of castoff's own in the text protocol and collects what every statement of it returned.
    pub(super) async fn ask(&mut self, sql: String, stage: Stage) -> Answer {
        let mut results = Vec::new();
        let mut connection = match self.take() {
            Ok(connection) => connection,
            Err(error) => return Answer { results, error: Some(error) },
        };
        let mut rows = Vec::new();
        let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut connection);
        let failed = loop {
            match stream.try_next().await {
                Ok(Some(Either::Right(row))) => match text(&row) {
                    Ok(row) => rows.push(row),
                    Err(error) => return Answer { results, error: Some(error) },
                },
                Ok(Some(Either::Left(_))) => results.push(std::mem::take(&mut rows)),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(stream);
        Answer { results, error: self.put_back(connection, failed, stage).err() }
    }

    /// Sends a user's text as it is; what it returns is nobody's business.
    pub(super) async fn send(&mut self, sql: &str) -> Result<(), ScriptError> {
        let mut completed = 0;
        let mut connection = self.take().map_err(|error| ScriptError { completed, error })?;
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut connection);
        let failed = loop {
            match results.try_next().await {
                Ok(Some(Either::Left(_))) => completed += 1,
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(results);
        self.put_back(connection, failed, Stage::Working).map_err(|mut error| {
            // ER_PARSE_ERROR is the only error that says where it is.
            if error.code.as_deref() == Some("1064") {
                error.offset = errors::offset(sql, &error.message);
            }
            ScriptError { completed, error }
        })
    }

    /// Runs one statement with parameters, which no `sql_mode` can misread.
    pub(super) async fn execute(&mut self, sql: String, params: &[Value]) -> Result<(), DbError> {
        if params.is_empty() {
            // The text protocol knows every statement; a prepared one need not be a transaction's start.
            return self.ask(sql, Stage::Working).await.error.map_or(Ok(()), Err);
        }
        let mut connection = self.take()?;
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in params {
            query = match value {
                Value::Int(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.clone()),
                Value::Bytes(bytes) => query.bind(bytes.clone()),
            };
        }
        let failed = query.execute(&mut connection).await.err();
        self.put_back(connection, failed, Stage::Working)
    }

    /// Says good-bye, if there is still anybody to say it to.
    pub(super) async fn close(self) {
        if let Some(connection) = self.0 {
            let _ = connection.close().await;
        }
    }

    fn take(&mut self) -> Result<MySqlConnection, DbError> {
        self.0.take().ok_or_else(|| DbError {
            verdict: Verdict::Lost,
            message: "the connection was lost earlier".into(),
            ..DbError::default()
        })
    }

    /// Keeps the connection if the server has answered in full: with a result, or with an error of its own.
    fn put_back(
        &mut self,
        connection: MySqlConnection,
        failed: Option<sqlx::Error>,
        stage: Stage,
    ) -> Result<(), DbError> {
        let Some(error) = failed else {
            self.0 = Some(connection);
            return Ok(());
        };
        let answered = matches!(error, sqlx::Error::Database(_));
        let error = errors::classify(&error, stage);
        if answered && error.verdict != Verdict::Lost {
            self.0 = Some(connection);
        }
        Err(error)
    }
}

/// A row of the text protocol: every value is text in the session's character set, UTF-8.
fn text(row: &MySqlRow) -> Result<Row, DbError> {
    (0..row.len())
        .map(|index| {
            let bytes: Option<&[u8]> =
                row.try_get_unchecked(index).map_err(|error| errors::classify(&error, Stage::Working))?;
            bytes.map(|bytes| String::from_utf8(bytes.to_vec())).transpose().map_err(|_| DbError {
                verdict: Verdict::Statement,
                message: format!("column {} of the answer is not text", index + 1),
                ..DbError::default()
            })
        })
        .collect()
}
