//! The rhythm of every wait: look, say why not, pause, until it is ready or the deadline has come.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::attempt::Trouble;
use crate::backoff::Backoff;
use crate::engine::{DbError, Verdict};
use crate::exit::Result;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause while nothing is there: such an attempt costs nobody anything, and the moment it is there is the
/// one we wait for.
const LONGEST_PAUSE_ABSENT: Duration = Duration::from_millis(100);

/// The longest pause before a server whose slots are taken, however long we have waited.
const LONGEST_PAUSE_CROWDED: Duration = Duration::from_secs(10);

/// The last pause is cut so that this much is left for one more attempt before the deadline.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);

/// Something that is looked at again and again.
pub(super) trait Look {
    /// What a look that succeeds finds.
    type Found;

    /// One look, which ends by the deadline at the latest.
    async fn look(&mut self, deadline: Option<Instant>) -> Result<Self::Found, Trouble>;

    /// Says why it is not ready yet, once per change.
    fn report(&mut self, error: &DbError);

    /// Whether this error means that nothing is there at all.
    fn is_absent(&self, error: &DbError) -> bool;

    /// How messages call it.
    fn name(&self) -> String;

    /// How often it has been looked at.
    fn attempts(&self) -> u32;
}

/// The time that everything waited for side by side has.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) started: Instant,
    pub(super) deadline: Option<Instant>,
}

impl Clock {
    /// Starts now. A limit too far away to be represented is no limit.
    pub(super) fn start(limit: Option<Duration>) -> Self {
        let started = Instant::now();
        Self { started, deadline: limit.and_then(|limit| started.checked_add(limit)) }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What was not ready at the deadline, and why.
pub(super) struct Missing {
    pub(super) name: String,
    pub(super) error: DbError,
    pub(super) attempts: u32,
}

/// What a wait has come to. A failure means that waiting longer would not help either.
pub(super) type Outcome<T> = Result<Result<T, Missing>>;

/// Waits until it is ready or the clock's deadline has come.
pub(super) async fn until<L: Look>(awaited: &mut L, clock: Clock) -> Outcome<L::Found> {
    let mut rhythm = Rhythm { clock, backoff: Backoff::default(), was_absent: false };
    let mut last: Option<DbError> = None;
    loop {
        let error = match awaited.look(clock.deadline).await {
            Ok(found) => return Ok(Ok(found)),
            Err(Trouble::Never(failure)) => return Err(failure),
            Err(Trouble::NotYet(error)) => error,
        };
        // An attempt that the deadline cut short says less than the one before it.
        let error = last.filter(|_| clock.is_over()).unwrap_or(error);
        awaited.report(&error);
        let (until, over) = rhythm.pause(&error, awaited.is_absent(&error));
        sleep_until(until).await;
        if over {
            return Ok(Err(Missing { name: awaited.name(), error, attempts: awaited.attempts() }));
        }
        last = Some(error);
    }
}

/// When to look again.
struct Rhythm {
    clock: Clock,
    backoff: Backoff,
    was_absent: bool,
}

impl Rhythm {
    /// Until when to pause after this error, and whether that is the deadline.
    fn pause(&mut self, error: &DbError, absent: bool) -> (Instant, bool) {
        if self.was_absent && !absent {
            // It has just appeared, so it will be usable soon.
            self.backoff = Backoff::default();
        }
        self.was_absent = absent;
        let now = Instant::now();
        let pause = now + self.backoff.next(longest_pause(error, absent, self.clock.started.elapsed()));
        match self.clock.deadline {
            None => (pause, false),
            Some(deadline) if now + LAST_ATTEMPT >= deadline => (deadline, true),
            Some(deadline) => (pause.min(deadline.checked_sub(LAST_ATTEMPT).unwrap_or(deadline)), false),
        }
    }
}

/// A server that is full is knocked at less and less: connecting is what it has too much of.
fn longest_pause(error: &DbError, absent: bool, waited: Duration) -> Duration {
    if error.verdict == Verdict::Crowded {
        (waited / 10).clamp(LONGEST_PAUSE, LONGEST_PAUSE_CROWDED)
    } else if absent {
        LONGEST_PAUSE_ABSENT
    } else {
        LONGEST_PAUSE
    }
}
