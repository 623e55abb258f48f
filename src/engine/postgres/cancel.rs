//! What can end a session's statement from outside.

use std::sync::{Arc, OnceLock};

use sqlx::{AssertSqlSafe, Connection as _};

use super::connect;
use super::errors::{self, Stage};
use super::observer::BackendObserver;
use crate::engine::{BoxFuture, Cancel, ConnectOptions, DbError, Observer};
use crate::target::Target;

/// Cancels a backend from a second connection.
pub(super) struct Canceller {
    pub(super) target: Target,
    pub(super) options: ConnectOptions,
    /// The session's process on the server, once it is known.
    pub(super) backend: Arc<OnceLock<String>>,
    /// `server_version_num`, e.g. 150020.
    pub(super) version: u32,
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            let Some(backend) = self.backend.get() else { return Ok(()) };
            let mut connection = connect::open(&self.target, &self.options).await?.connection;
            let sql = format!("SELECT pg_cancel_backend({backend})");
            let result = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            let _ = connection.close().await;
            result.map(drop).map_err(|error| errors::classify(&error, Stage::Working))
        })
    }

    fn observer(&self, keeps: bool) -> Box<dyn Observer> {
        Box::new(BackendObserver::new(
            self.target.clone(),
            self.options.clone(),
            Arc::clone(&self.backend),
            self.version,
            keeps,
        ))
    }
}
