//! Who stands in the way of a statement that queues: seen while it queues, because afterwards nobody knows.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::progress;
use crate::engine::{Cancel, Observer, Sight};

/// The shortest pause between two looks: each costs the server a connection.
const SELDOM: Duration = Duration::from_millis(250);

/// Looks at a session from outside while it queues.
pub(super) struct Witness {
    observer: Box<dyn Observer>,
    last_look: Option<Instant>,
    saw: Option<Culprit>,
}

/// Who stood in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Culprit {
    /// The server's ids of their sessions, where it tells them.
    pub(super) pids: Vec<i64>,
    /// Who they are and what they do, as words: `held up by …`.
    pub(super) words: String,
}

impl Witness {
    pub(super) fn of(canceller: &dyn Cancel) -> Self {
        Self { observer: canceller.observer(false), last_look: None, saw: None }
    }

    /// Whom it saw last.
    pub(super) fn saw(&self) -> Option<&Culprit> {
        self.saw.as_ref()
    }

    /// Awaits work, and looks meanwhile, once in every wait of this length.
    pub(super) async fn over<T>(&mut self, wait: Duration, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            output = work => output,
            never = self.look(wait / 2) => match never {},
        }
    }

    async fn look(&mut self, every: Duration) -> Infallible {
        let mut due = Instant::now() + every;
        loop {
            if let Some(last) = self.last_look {
                due = due.max(last + SELDOM);
            }
            sleep_until(due).await;
            self.last_look = Some(Instant::now());
            match self.observer.look().await {
                Ok(Sight::There(activity)) => {
                    if let Some(words) = progress::held_up_by(&activity) {
                        let pids =
                            activity.blockers.iter().filter_map(|blocker| blocker.holder.pid).collect();
                        self.saw = Some(Culprit { pids, words });
                    }
                }
                Ok(Sight::Gone | Sight::Silent) => {}
                Err(error) => tracing::debug!("cannot see who holds the lock: {error}"),
            }
            due = Instant::now() + every;
        }
    }
}
