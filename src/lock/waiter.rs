//! The loop of everybody who waits for another replica, whatever for, and what they remember between two looks.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::attempt::{Attempts, Ready, Trouble};
use crate::backoff::jitter;
use crate::engine::{DbError, Holder, Ledger, LockKey, Reading, Session};
use crate::exit::{Failure, Result};

/// How often a waiter with a connection looks: each pause is drawn between these.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(100));

/// The same while nobody is at work: a tenth of the time it has waited, within these.
const IDLE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// A waiter without a connection pauses a tenth of the time it has waited, within these.
const APART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// A look that the limit cuts short says nothing about the server, unless it has waited this long for an answer.
const TELLING: Duration = Duration::from_secs(1);

/// How often a waiter asks who holds the lock.
const ASK_HOLDER: Duration = Duration::from_secs(1);

/// What is waited for.
pub(super) trait Watch {
    /// What the wait ends in.
    type Found;

    /// What is said before the lock's holder is named.
    const WHY: &'static str;

    /// The history to read at every look, if there is one.
    fn ledger(&self) -> Option<&Ledger>;

    /// One look, by a reading just made.
    async fn look(&mut self, ready: Ready, waiter: &mut Waiter) -> Result<Look<Self::Found>, Trouble>;

    /// What is said when the limit has passed.
    fn timed_out(&self, waiter: &Waiter) -> Failure;
}

/// What one look came to.
pub(super) enum Look<T> {
    /// The wait is over.
    Over(T),
    /// It goes on, with the session if it may be kept.
    Again(Option<Ready>),
}

/// Looks until the wait is over; `limit` bounds that, `None` does not. A lost connection is opened again.
pub(super) async fn poll<W: Watch>(
    attempts: &mut Attempts<'_>,
    ready: Ready,
    watch: &mut W,
    limit: Option<Duration>,
) -> Result<W::Found> {
    let mut waiter = Waiter::new(limit);
    let mut connected = Some(ready);
    loop {
        if let Some(ready) = connected.take() {
            let deadline = waiter.deadline;
            match attempts.bounded(watch.look(ready, &mut waiter), deadline).await {
                Ok(Look::Over(found)) => return Ok(found),
                Ok(Look::Again(ready)) => connected = ready,
                Err(Trouble::Never(failure)) => return Err(failure),
                Err(Trouble::NotYet(error)) => waiter.lost(attempts, error),
            }
        }
        if !waiter.pause(connected.is_some()).await {
            return Err(watch.timed_out(&waiter));
        }
        let deadline = waiter.deadline;
        let again = match connected.take() {
            Some(ready) => attempts.again(ready.session, watch.ledger(), deadline).await,
            None => attempts.connect(watch.ledger(), deadline).await,
        };
        match again {
            Ok(ready) => {
                waiter.trouble = None;
                connected = Some(ready);
            }
            Err(Trouble::Never(failure)) => return Err(failure),
            Err(Trouble::NotYet(error)) => waiter.lost(attempts, error),
        }
    }
}

/// The session for the next look, if the server has slots to spare.
pub(super) async fn kept(session: Box<dyn Session>, reading: Reading) -> Option<Ready> {
    if reading.facts.slots_to_spare {
        return Some(Ready { session, reading });
    }
    session.close().await;
    None
}

/// Who holds one of the locks, and which.
///
/// The tool's key is asked about first: whoever holds that is at work, while castoff's own may be another waiter's for
/// the moment in which it finds the tool's taken.
pub(super) async fn holder_of<'k>(
    session: &mut dyn Session,
    keys: &'k [LockKey],
) -> Result<Option<(Holder, &'k LockKey)>, DbError> {
    for key in keys.iter().rev() {
        if let Some(holder) = session.holder(key).await? {
            return Ok(Some((holder, key)));
        }
    }
    // Nobody: the holder left in between.
    Ok(None)
}

/// A waiter's memory between polls.
pub(super) struct Waiter {
    pub(super) started: Instant,
    deadline: Option<Instant>,
    pub(super) holder: Option<Holder>,
    asked: Option<Instant>,
    /// When the last look began.
    looks_since: Instant,
    /// Whether the lock was ever found taken.
    pub(super) contended: bool,
    /// Why there is no connection, if there is none.
    pub(super) trouble: Option<DbError>,
    /// Whether nobody was seen to be at work, so that nothing will be done within a moment.
    pub(super) idle: bool,
}

impl Waiter {
    fn new(limit: Option<Duration>) -> Self {
        let started = Instant::now();
        let deadline = limit.and_then(|limit| started.checked_add(limit));
        Self {
            started,
            deadline,
            holder: None,
            asked: None,
            looks_since: started,
            contended: false,
            trouble: None,
            idle: false,
        }
    }

    /// Whether it is time to ask who holds the lock.
    pub(super) fn is_to_ask(&mut self) -> bool {
        let long_ago = self.asked.is_none_or(|asked| asked.elapsed() >= ASK_HOLDER);
        if long_ago {
            self.asked = Some(Instant::now());
        }
        long_ago
    }

    /// Names the holder once per change.
    pub(super) fn name_holder(&mut self, holder: Holder, why: &str) {
        // On MySQL `since` moves with every statement of the same holder.
        let who = |holder: &Holder| (holder.pid, holder.application_name.clone(), holder.client.clone());
        if self.holder.as_ref().map(who) != Some(who(&holder)) {
            announce(&holder, why);
        }
        self.holder = Some(holder);
    }

    /// Remembers why there is no connection; the next look opens another.
    fn lost(&mut self, attempts: &mut Attempts<'_>, error: DbError) {
        // A look that our own deadline cut short says nothing about the server.
        let is_cut_short = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_cut_short && (self.holder.is_some() || self.looks_since.elapsed() < TELLING) {
            return;
        }
        attempts.report(&error);
        self.trouble = Some(error);
        // Whoever held the lock when we last looked may be gone as well.
        self.holder = None;
        self.asked = None;
    }

    /// Sleeps until the next look; `false` when the time is up.
    async fn pause(&mut self, connected: bool) -> bool {
        let waited = self.started.elapsed();
        let pause = match (connected, self.idle) {
            (true, false) => jitter(POLL.0, POLL.1),
            (true, true) => jitter(POLL.0, (waited / 10).clamp(IDLE.0, IDLE.1)),
            (false, _) => jitter(Duration::ZERO, (waited / 10).clamp(APART.0, APART.1)),
        };
        let Some(deadline) = self.deadline else {
            sleep(pause).await;
            return true;
        };
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        // No look is begun that has no time.
        self.looks_since = Instant::now();
        self.looks_since < deadline
    }
}

/// Says whom we wait for.
pub(crate) fn announce(holder: &Holder, why: &str) {
    tracing::info!(
        event = "lock.waiting",
        holder.application_name = holder.application_name.as_deref(),
        holder.pid = holder.pid,
        holder.client = holder.client.as_deref(),
        holder.since = holder.since.as_deref(),
        "{why} {}",
        describe(holder)
    );
}

/// A holder for a sentence.
pub(crate) fn describe(holder: &Holder) -> String {
    let mut text = holder.application_name.clone().unwrap_or_else(|| "another session".into());
    let mut details = Vec::new();
    if let Some(pid) = holder.pid {
        details.push(format!("pid {pid}"));
    }
    if let Some(client) = &holder.client {
        details.push(format!("from {client}"));
    }
    if let Some(since) = &holder.since {
        details.push(format!("since {since}"));
    }
    if !details.is_empty() {
        text.push_str(&format!(" ({})", details.join(", ")));
    }
    text
}
