//! What can end a session's statement from outside.

use std::sync::{Arc, OnceLock};

use sqlx::{AssertSqlSafe, Connection as _};

use super::errors::{self, Stage};
use super::{connect, text};
use crate::engine::{BoxFuture, Cancel, ConnectOptions, DbError};
use crate::target::Target;

/// Cancels a backend from a second connection.
pub(super) struct Canceller {
    pub(super) target: Target,
    pub(super) options: ConnectOptions,
    /// The session's process on the server, once it is known.
    pub(super) backend: Arc<OnceLock<String>>,
}

impl Canceller {
    /// One query from a second connection; the first value of its answer.
    async fn ask(&self, sql: String) -> Result<bool, DbError> {
        let mut connection = connect::open(&self.target, &self.options).await?.connection;
        let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut connection).await;
        let _ = connection.close().await;
        let row = result.map_err(|error| errors::classify(&error, Stage::Working))?;
        Ok(text(&row).first().is_some_and(|value| value.as_deref() == Some("t")))
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            match self.backend.get() {
                Some(backend) => self.ask(format!("SELECT pg_cancel_backend({backend})")).await.map(drop),
                None => Ok(()),
            }
        })
    }

    fn is_alive(&self) -> BoxFuture<'_, Result<bool, DbError>> {
        Box::pin(async move {
            let Some(backend) = self.backend.get() else { return Ok(true) };
            self.ask(format!("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {backend})")).await
        })
    }
}
