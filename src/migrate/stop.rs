//! Reasons to stop in the middle, and how work is ended on the server rather than left behind.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::engine::Cancel;

/// Why work is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This signal arrived.
    Signal(i32),
    /// The migrate timeout passed.
    Timeout(Duration),
}

/// How often the server is asked to cancel until the work has ended: a cancel between two statements is lost.
const CANCEL_AGAIN: Duration = Duration::from_millis(100);

/// How long cancelled work may take to end before its connection is dropped.
const CANCEL_LIMIT: Duration = Duration::from_millis(900);

/// Watches for reasons to stop.
pub struct Stopper<'a> {
    signal: Pin<Box<dyn Future<Output = i32> + Send + 'a>>,
    deadline: Option<(Instant, Duration)>,
    requested: Option<Stop>,
}

impl<'a> Stopper<'a> {
    /// `signal` completes with the number of a signal; `limit` is the migrate timeout, from now on.
    pub fn new(signal: impl Future<Output = i32> + Send + 'a, limit: Option<Duration>) -> Self {
        let deadline = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Self { signal: Box::pin(signal), deadline, requested: None }
    }

    /// Completes when there is a reason to stop; at once if there was one before.
    pub async fn requested(&mut self) -> Stop {
        if let Some(stop) = self.requested {
            return stop;
        }
        let deadline = self.deadline;
        let timed_out = async {
            match deadline {
                Some((deadline, limit)) => {
                    sleep_until(deadline).await;
                    limit
                }
                None => pending().await,
            }
        };
        let stop = tokio::select! {
            biased;
            signal = &mut self.signal => Stop::Signal(signal),
            limit = timed_out => Stop::Timeout(limit),
        };
        self.requested = Some(stop);
        stop
    }

    /// The reason, if there is one by now.
    pub async fn requested_already(&mut self) -> Option<Stop> {
        timeout(Duration::ZERO, self.requested()).await.ok()
    }
}

/// Awaits work, and ends it on the server when there is a reason to stop.
///
/// The work's own future is awaited meanwhile, because dropping it would put its connection out of step. Returns its
/// output, or `None` where it had to be abandoned, and the reason to stop, if there was one.
pub(super) async fn supervise<T>(
    work: impl Future<Output = T>,
    canceller: &dyn Cancel,
    stopper: &mut Stopper<'_>,
    grace: Duration,
) -> (Option<T>, Option<Stop>) {
    let mut work = pin!(work);
    let stop = tokio::select! {
        output = &mut work => return (Some(output), None),
        stop = stopper.requested() => stop,
    };
    if let Stop::Signal(_) = stop
        && !grace.is_zero()
    {
        tracing::info!(
            "this cannot be rolled back: waiting up to {} for it to finish",
            humantime::format_duration(grace)
        );
        if let Ok(output) = timeout(grace, &mut work).await {
            return (Some(output), Some(stop));
        }
    }
    let cancelling = async {
        loop {
            if let Err(error) = canceller.cancel().await {
                tracing::debug!("asking the server to cancel: {error}");
            }
            sleep(CANCEL_AGAIN).await;
        }
    };
    let output = tokio::select! {
        output = &mut work => Some(output),
        () = cancelling => None,
        () = sleep(CANCEL_LIMIT) => None,
    };
    (output, Some(stop))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::{Stop, Stopper, supervise};
    use crate::engine::{BoxFuture, Cancel, DbError};

    struct Cancelling(Arc<Notify>);

    impl Cancel for Cancelling {
        fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
            self.0.notify_one();
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_by_itself_is_not_cancelled() {
        let cancelled = Arc::new(Notify::new());
        let mut stopper = Stopper::new(pending(), None);
        let ended = supervise(async { 7 }, &Cancelling(cancelled), &mut stopper, Duration::ZERO).await;
        assert_eq!(ended, (Some(7), None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_cancels_on_the_server_and_awaits_the_work() {
        let cancelled = Arc::new(Notify::new());
        let work = {
            let cancelled = Arc::clone(&cancelled);
            async move { cancelled.notified().await }
        };
        let mut stopper = Stopper::new(async { 15 }, None);
        let ended = supervise(work, &Cancelling(cancelled), &mut stopper, Duration::ZERO).await;
        assert_eq!(ended, (Some(()), Some(Stop::Signal(15))));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_cannot_be_rolled_back_may_finish_within_the_grace() {
        let cancelled = Arc::new(Notify::new());
        let work = tokio::time::sleep(Duration::from_secs(7));
        let mut stopper = Stopper::new(async { 15 }, None);
        let started = tokio::time::Instant::now();
        let ended = supervise(work, &Cancelling(cancelled), &mut stopper, Duration::from_secs(8)).await;
        assert_eq!(ended, (Some(()), Some(Stop::Signal(15))));
        assert_eq!(started.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_react_is_abandoned_within_a_second() {
        let cancelled = Arc::new(Notify::new());
        let mut stopper = Stopper::new(pending(), Some(Duration::from_mins(1)));
        let started = tokio::time::Instant::now();
        let ended =
            supervise(pending::<()>(), &Cancelling(cancelled), &mut stopper, Duration::from_secs(8)).await;
        assert_eq!(ended, (None, Some(Stop::Timeout(Duration::from_mins(1)))));
        assert!(started.elapsed() <= Duration::from_secs(61));
    }
}
