//! Reasons to stop in the middle, and how work is ended on the server rather than left behind.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::duration::whole;
use crate::exit::{Exit, Failure};
use crate::migrate::progress::Subject;
use crate::migrate::watch::Watch;

/// Why work is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This signal arrived.
    Signal(i32),
    /// The migrate timeout passed.
    Timeout(Duration),
}

impl Stop {
    /// The failure that ends castoff for this reason; `what` says where the work stood.
    pub fn failure(self, what: &str) -> Failure {
        match self {
            Self::Signal(number) => {
                Failure::message(Exit::Signal(number), format!("stopped by a signal; {what}"))
            }
            Self::Timeout(limit) => Failure::message(
                Exit::MigrateTimeout,
                format!("the migrate timeout of {} passed; {what}", whole(limit)),
            )
            .hint("raise --migrate-timeout (CASTOFF_MIGRATE_TIMEOUT), or make the migrations smaller"),
        }
    }
}

/// How often the server is asked to cancel until the work has ended: a cancel between two statements is lost.
const CANCEL_AGAIN: Duration = Duration::from_millis(100);

/// How long cancelled work may take to end before its connection is dropped.
const CANCEL_LIMIT: Duration = Duration::from_millis(900);

/// How much time work has once there is a reason to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// After a signal, to finish by itself; then it is cancelled.
    pub(super) grace: Duration,
    /// Once it is cancelled, to end; then its connection is dropped.
    pub(super) cancelled: Duration,
}

impl Patience {
    /// For work that the end of its connection takes back, and that has left nothing behind.
    pub(super) const NONE: Self = Self { grace: Duration::ZERO, cancelled: CANCEL_LIMIT };

    /// For work that may be kept: it has the grace to finish.
    pub(super) fn to_finish(grace: Duration) -> Self {
        Self { grace, ..Self::NONE }
    }

    /// For work that is taken back, but whose mark has to be taken back by us: left behind, it would block the next start.
    pub(super) fn to_unmark(grace: Duration) -> Self {
        Self { cancelled: grace.max(CANCEL_LIMIT), ..Self::NONE }
    }
}

/// Watches for reasons to stop.
pub struct Stopper<'a> {
    signal: Pin<Box<dyn Future<Output = i32> + Send + 'a>>,
    deadline: Option<(Instant, Duration)>,
    requested: Option<Stop>,
    stopping: Stopping,
}

/// Whether there has been a reason to stop, for the work that is being stopped.
#[derive(Clone, Debug, Default)]
pub(super) struct Stopping(Arc<(AtomicBool, Notify)>);

impl Stopping {
    pub(super) fn yes(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Completes when there is a reason to stop; at once if there was one before.
    pub(super) async fn asked(&self) {
        // Registered before the look, so that what comes in between is not missed.
        let told = self.0.1.notified();
        if !self.yes() {
            told.await;
        }
    }

    fn ask(&self) {
        self.0.0.store(true, Ordering::Relaxed);
        self.0.1.notify_waiters();
    }
}

impl<'a> Stopper<'a> {
    /// `signal` completes with the number of a signal; `limit` is the migrate timeout, from now on.
    pub fn new(signal: impl Future<Output = i32> + Send + 'a, limit: Option<Duration>) -> Self {
        let deadline = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Self { signal: Box::pin(signal), deadline, requested: None, stopping: Stopping::default() }
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
        self.stopping.ask();
        stop
    }

    /// Tells the work whether it is being stopped.
    pub(super) fn stopping(&self) -> Stopping {
        self.stopping.clone()
    }

    /// The reason, if there is one by now.
    pub async fn requested_already(&mut self) -> Option<Stop> {
        timeout(Duration::ZERO, self.requested()).await.ok()
    }
}

/// How work that was watched came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended<T> {
    /// By itself, or because it was cancelled; with the reason to stop, if there was one.
    With(T, Option<Stop>),
    /// It was cancelled and did not react in time.
    Abandoned(Stop),
    /// Its server is gone without a word, or has lost the session.
    Gone(String),
}

/// Awaits work, and ends it on the server when there is a reason to stop.
///
/// The work's own future is awaited meanwhile, because dropping it would put its connection out of step.
pub(super) async fn supervise<T>(
    work: impl Future<Output = T>,
    watch: &mut Watch,
    subject: &Subject<'_>,
    stopper: &mut Stopper<'_>,
    patience: Patience,
) -> Ended<T> {
    let Patience { grace, cancelled } = patience;
    let canceller = Arc::clone(&watch.canceller);
    let mut work = pin!(work);
    let mut watchdog = pin!(watch.look_after(subject));
    let stop = tokio::select! {
        output = &mut work => return Ended::With(output, None),
        reason = &mut watchdog => return Ended::Gone(reason),
        stop = stopper.requested() => stop,
    };
    if let Stop::Signal(_) = stop
        && !grace.is_zero()
    {
        tracing::info!(
            "waiting up to {} for it to finish, since not all of it might be taken back",
            humantime::format_duration(grace)
        );
        if let Ok(output) = timeout(grace, &mut work).await {
            return Ended::With(output, Some(stop));
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
    tokio::select! {
        output = &mut work => Ended::With(output, Some(stop)),
        () = cancelling => Ended::Abandoned(stop),
        () = sleep(cancelled) => Ended::Abandoned(stop),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, pending};
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::{Ended, Patience, Stop, Stopper};
    use crate::engine::{Activity, BoxFuture, Cancel, DbError, Observer, Sight};
    use crate::migrate::progress::Subject;
    use crate::migrate::watch::Watch;

    struct Cancelling(Arc<Notify>);

    async fn supervise<T>(
        work: impl Future<Output = T>,
        canceller: impl Cancel + 'static,
        stopper: &mut Stopper<'_>,
        patience: Patience,
    ) -> Ended<T> {
        let subject = Subject { id: None, name: "a test".into(), migration: None, count: (0, 1) };
        let mut watch = Watch::over(Arc::new(canceller), true);
        super::supervise(work, &mut watch, &subject, stopper, patience).await
    }

    /// A server that answers the watchdog like this.
    #[derive(Clone)]
    struct Answering(Result<Sight, DbError>);

    fn there() -> Sight {
        Sight::There(Activity::default())
    }

    impl Observer for Answering {
        fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>> {
            Box::pin(async { self.0.clone() })
        }

        fn close(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    impl Cancel for Answering {
        fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
            Box::pin(async { Ok(()) })
        }

        fn observer(&self, _: bool) -> Box<dyn Observer> {
            Box::new(self.clone())
        }
    }

    impl Cancel for Cancelling {
        fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
            self.0.notify_one();
            Box::pin(async { Ok(()) })
        }

        fn observer(&self, _: bool) -> Box<dyn Observer> {
            Box::new(Answering(Ok(there())))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_by_itself_is_not_cancelled() {
        let cancelled = Arc::new(Notify::new());
        let mut stopper = Stopper::new(pending(), None);
        let ended = supervise(async { 7 }, Cancelling(cancelled), &mut stopper, Patience::NONE).await;
        assert_eq!(ended, Ended::With(7, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_cancels_on_the_server_and_awaits_the_work() {
        let cancelled = Arc::new(Notify::new());
        let work = {
            let cancelled = Arc::clone(&cancelled);
            async move { cancelled.notified().await }
        };
        let mut stopper = Stopper::new(async { 15 }, None);
        let ended = supervise(work, Cancelling(cancelled), &mut stopper, Patience::NONE).await;
        assert_eq!(ended, Ended::With((), Some(Stop::Signal(15))));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_cannot_be_rolled_back_may_finish_within_the_grace() {
        let cancelled = Arc::new(Notify::new());
        let work = tokio::time::sleep(Duration::from_secs(7));
        let mut stopper = Stopper::new(async { 15 }, None);
        let started = tokio::time::Instant::now();
        let ended =
            supervise(work, Cancelling(cancelled), &mut stopper, Patience::to_finish(Duration::from_secs(8)))
                .await;
        assert_eq!(ended, Ended::With((), Some(Stop::Signal(15))));
        assert_eq!(started.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_react_is_abandoned_within_a_second() {
        let cancelled = Arc::new(Notify::new());
        let mut stopper = Stopper::new(pending(), Some(Duration::from_mins(1)));
        let started = tokio::time::Instant::now();
        let ended = supervise(
            pending::<()>(),
            Cancelling(cancelled),
            &mut stopper,
            Patience::to_finish(Duration::from_secs(8)),
        )
        .await;
        assert_eq!(ended, Ended::Abandoned(Stop::Timeout(Duration::from_mins(1))));
        assert!(started.elapsed() <= Duration::from_secs(61));
    }

    /// What becomes of an hour's work on such a server, and after how many seconds.
    async fn watched(answer: Result<Sight, DbError>) -> (Ended<()>, u64) {
        let mut stopper = Stopper::new(pending(), None);
        let started = tokio::time::Instant::now();
        let work = tokio::time::sleep(Duration::from_hours(1));
        let ended = supervise(work, Answering(answer), &mut stopper, Patience::NONE).await;
        (ended, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_is_given_all_the_time_it_takes() {
        assert_eq!(watched(Ok(there())).await, (Ended::With((), None), 3600));
        let full = DbError { code: Some("53300".into()), ..DbError::default() };
        assert_eq!(watched(Err(full)).await, (Ended::With((), None), 3600));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_a_mark_to_take_back_may_take_the_grace_to_end_but_is_cancelled_at_once() {
        for (patience, ends) in [(Patience::NONE, false), (Patience::to_unmark(Duration::from_secs(8)), true)]
        {
            let cancelled = Arc::new(Notify::new());
            let mut stopper = Stopper::new(async { 15 }, None);
            let asked = Arc::clone(&cancelled);
            let work = async move {
                asked.notified().await;
                tokio::time::sleep(Duration::from_secs(7)).await;
            };
            let ended = supervise(work, Cancelling(cancelled), &mut stopper, patience).await;
            assert_eq!(matches!(ended, Ended::With((), Some(_))), ends, "{patience:?}: {ended:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_died_silently_or_lost_our_session_is_noticed() {
        let (ended, after) = watched(Err(DbError::default())).await;
        assert!(matches!(ended, Ended::Gone(_)) && after <= 40, "{ended:?} after {after} s");
        let (ended, after) = watched(Ok(Sight::Gone)).await;
        assert!(matches!(ended, Ended::Gone(_)) && after <= 10, "{ended:?} after {after} s");
    }
}
