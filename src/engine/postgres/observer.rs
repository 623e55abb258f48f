//! What a backend is seen to do, from a second connection.

use std::sync::{Arc, OnceLock};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::time::timeout;

use super::simple::simple_query;
use super::{activity, connect};
use crate::engine::{ANSWER_LIMIT, BoxFuture, ConnectOptions, DbError, Observer, Sight, Verdict};
use crate::target::Target;

/// A look that waits for a lock (a `VACUUM FULL` of the catalogues holds one) is over before it counts as unanswered.
const LIMITS: &str = "SET statement_timeout = 3000";

/// Looks at one backend.
pub(super) struct BackendObserver {
    target: Target,
    options: ConnectOptions,
    backend: Arc<OnceLock<String>>,
    version: u32,
    keeps: bool,
    /// In step with the server: taken out for a look, put back with its answer.
    connection: Option<PgConnection>,
}

impl BackendObserver {
    pub(super) fn new(
        target: Target,
        options: ConnectOptions,
        backend: Arc<OnceLock<String>>,
        version: u32,
        keeps: bool,
    ) -> Self {
        Self { target, options, backend, version, keeps, connection: None }
    }

    async fn see(&mut self) -> Result<Sight, DbError> {
        let Some(backend) = self.backend.get() else { return Ok(Sight::There(activity::NOTHING)) };
        let sql = activity::query(backend, self.version);
        if let Some(kept) = self.connection.take() {
            // One that was lost meanwhile says nothing about the server.
            match timeout(ANSWER_LIMIT, self.ask(kept, sql.clone())).await {
                Ok(Err(error)) if !is_an_answer(&error) => {
                    tracing::debug!("the second connection is opened anew: {error}");
                }
                Ok(answered) => return answered,
                Err(_) => tracing::debug!("the second connection is opened anew: no answer came over it"),
            }
        }
        let mut connection = connect::open(&self.target, &self.options).await?.connection;
        let first = async {
            match simple_query(&mut connection, LIMITS.to_owned()).await {
                (_, None) => self.ask(connection, sql).await,
                (_, Some(error)) => Err(error),
            }
        };
        timeout(ANSWER_LIMIT, first).await.unwrap_or(Ok(Sight::Silent))
    }

    /// What the server answers; a server that refuses a part of the question has answered the rest.
    async fn ask(&mut self, mut connection: PgConnection, sql: String) -> Result<Sight, DbError> {
        let (rows, refusal) = simple_query(&mut connection, sql).await;
        let usable = refusal.as_ref().is_none_or(is_an_answer);
        if usable && self.keeps {
            self.connection = Some(connection);
        } else if usable {
            let _ = connection.close().await;
        }
        match refusal {
            Some(error) if rows.is_empty() || !usable => Err(error),
            _ => Ok(activity::read(&rows)),
        }
    }
}

/// Whether the server answered a question, and the connection is as good as before.
fn is_an_answer(error: &DbError) -> bool {
    error.code.is_some() && error.verdict != Verdict::Lost
}

impl Observer for BackendObserver {
    fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>> {
        Box::pin(self.see())
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(connection) = self.connection.take() {
                let _ = connection.close().await;
            }
        })
    }
}
