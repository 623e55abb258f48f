//! What a session is seen to do, from a second connection.

use std::sync::{Arc, OnceLock};

use tokio::time::timeout;

use super::activity::{self, Process};
use super::connect;
use super::errors::Stage;
use super::wire::Wire;
use crate::engine::{
    ANSWER_LIMIT, Activity, Blocker, BoxFuture, ConnectOptions, DbError, Observer, Row, Sight, Verdict,
};
use crate::target::Target;

/// Looks at one session.
pub(super) struct SessionObserver {
    target: Target,
    options: ConnectOptions,
    id: Arc<OnceLock<u64>>,
    keeps: bool,
    wire: Option<Wire>,
}

impl SessionObserver {
    pub(super) fn new(target: Target, options: ConnectOptions, id: Arc<OnceLock<u64>>, keeps: bool) -> Self {
        Self { target, options, id, keeps, wire: None }
    }

    async fn see(&mut self) -> Result<Sight, DbError> {
        let Some(id) = self.id.get().copied() else { return Ok(Sight::There(Activity::default())) };
        if let Some(kept) = self.wire.take() {
            // One that was lost meanwhile says nothing about the server.
            match timeout(ANSWER_LIMIT, self.ask(kept, id)).await {
                Ok(Err(error)) if error.code.is_none() || error.verdict == Verdict::Lost => {
                    tracing::debug!("the second connection is opened anew: {error}");
                }
                Ok(answered) => return answered,
                Err(_) => tracing::debug!("the second connection is opened anew: no answer came over it"),
            }
        }
        let mut wire = Wire::new(connect::open(&self.target, &self.options).await?);
        let first = async {
            match wire.ask(activity::LIMITS.to_owned(), Stage::Working).await.error {
                None => self.ask(wire, id).await,
                Some(error) => Err(error),
            }
        };
        timeout(ANSWER_LIMIT, first).await.unwrap_or(Ok(Sight::Silent))
    }

    /// What the session does, and who makes it wait if it waits: asked only then, since it is more than a look.
    async fn ask(&mut self, mut wire: Wire, id: u64) -> Result<Sight, DbError> {
        let answer = wire.ask(activity::process_query(id), Stage::Working).await;
        if let Some(error) = answer.error {
            return Err(error);
        }
        let sight = match answer.results.first().and_then(|rows| rows.first()) {
            None => Sight::Gone,
            Some(row) => {
                let process = Process::of(row);
                let blockers = blockers(&mut wire, id, &process).await;
                Sight::There(process.activity(blockers))
            }
        };
        if self.keeps {
            self.wire = Some(wire);
        } else {
            wire.close().await;
        }
        Ok(sight)
    }
}

/// Who makes the session wait, as far as this account may know; each source is asked only where those before it know of
/// nobody.
async fn blockers(wire: &mut Wire, id: u64, process: &Process) -> Vec<Blocker> {
    for source in activity::blocking_queries(id, process) {
        let ids = activity::ids(&rows(wire, source).await);
        if !ids.is_empty() {
            let described = rows(wire, activity::describing_query(&ids)).await;
            return activity::blockers(&ids, &described);
        }
    }
    Vec::new()
}

/// The rows of a question that not every server knows and not every account may ask.
async fn rows(wire: &mut Wire, sql: String) -> Vec<Row> {
    let answer = wire.ask(sql, Stage::Working).await;
    if let Some(error) = answer.error {
        tracing::trace!("the server does not say who blocks: {error}");
    }
    answer.results.into_iter().flatten().collect()
}

impl Observer for SessionObserver {
    fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>> {
        Box::pin(self.see())
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(wire) = self.wire.take() {
                wire.close().await;
            }
        })
    }
}
