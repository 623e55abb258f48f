//! Phase two: one replica works, the others wait, and nobody waits longer than needed.
//!
//! A waiter never blocks inside the server: it polls, and every poll first asks whether anything is pending at all,
//! so that a fleet becomes the application the moment the work is done, without queueing for a lock it does not need.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};

use crate::attempt::{Attempts, Ready, Trouble};
use crate::backoff::jitter;
use crate::command::Line;
use crate::duration::{milliseconds, whole};
use crate::engine::{DbError, Engine, Facts, Holder, Ledger, LockKey, Reading, Session, Verdict};
use crate::exit::{Exit, Failure, Result};
use crate::format::Migration;

/// How often a waiter with a connection looks: each pause is drawn between these.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(100));

/// A waiter without a connection pauses a tenth of the time it has waited, within these.
const APART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How often a waiter asks who holds the lock.
const ASK_HOLDER: Duration = Duration::from_secs(1);

/// How long giving the locks back may take before the connection is simply dropped.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// What the lock is wanted for. The phase itself knows neither files nor tools.
pub trait Purpose {
    /// The history to read at every look, if there is one.
    fn ledger(&self) -> Option<&Ledger>;

    /// The locks, in the order in which everybody takes them.
    fn keys(&self, facts: &Facts) -> Vec<LockKey>;

    /// Whether there is anything to do at all. Asked without the lock, and again under it.
    ///
    /// # Errors
    ///
    /// 65 where the history is not one of the tool's.
    fn is_needed(&self, reading: &Reading) -> Result<bool>;

    /// What would be run next, if anything: the holder may just have failed at the same.
    ///
    /// # Errors
    ///
    /// 65 where the history is not one of the tool's.
    fn next(&self, reading: &Reading) -> Result<Option<Undertaking>>;
}

/// Something that can fail, and fails for every replica alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undertaking {
    /// What it is, for a person.
    pub name: String,
    /// What a process that failed at it shows the others.
    pub mark: String,
}

impl Undertaking {
    /// One migration.
    pub fn migration(migration: &Migration) -> Self {
        let Migration { id, file, .. } = migration;
        Self { name: format!("migration {id} ({})", file.display()), mark: mark(id, &migration.text()) }
    }

    /// A command, and what it is to apply where that is known: it may not fail at the next version of either.
    pub fn command(line: &Line, pending: &[&str]) -> Self {
        let content =
            [&[line.name()], &line.arguments().iter().map(String::as_str).collect::<Vec<_>>()[..], pending];
        Self {
            name: format!("the migrate command `{}`", line.name()),
            mark: mark("command", &content.concat().join("\0")),
        }
    }
}

/// An id, and what tells its content from another's under that id.
fn mark(id: &str, content: &str) -> String {
    let checksum: String = hex::encode(Sha256::digest(content)).chars().take(12).collect();
    let id: String = id.chars().take(30).collect();
    format!("{id}/{checksum}")
}

/// What the lock phase ends in.
pub enum Outcome {
    /// There is nothing to do, by this reading: the application may start.
    NothingToDo(Reading),
    /// The lock is ours, and something is to be done.
    Locked(Box<Locked>),
}

/// The session that holds the lock. Migrating takes `&mut Locked`, so unlocked migration does not compile.
pub struct Locked {
    session: Box<dyn Session>,
    keys: Vec<LockKey>,
    /// What was read under the lock.
    pub reading: Reading,
    /// Whether somebody else was seen to hold it before.
    pub contended: bool,
    abandoned: bool,
}

impl Locked {
    /// The lock that castoff's instances exclude each other by.
    pub fn own_key(&self) -> Option<&LockKey> {
        self.keys.first()
    }

    /// The session, for work under the lock.
    pub fn session(&mut self) -> &mut dyn Session {
        &mut *self.session
    }

    /// Prepares the session for the next migration and says whether it still holds every lock.
    ///
    /// # Errors
    ///
    /// The server's answer.
    pub async fn secure(&mut self) -> Result<bool, DbError> {
        self.session.secure(&self.keys).await
    }

    /// The session is out of step with its server: it will be dropped, which frees the locks, and not asked again.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// Gives the locks back and ends the session. A server that does not answer is left alone: the connection's end
    /// frees the locks as well. Returns what was read under the lock.
    pub async fn release(self) -> Reading {
        if self.abandoned {
            return self.reading;
        }
        let mut session = self.session;
        let release = async {
            for key in self.keys.iter().rev() {
                if let Err(error) = session.unlock(key).await {
                    tracing::debug!("unlocking: {error}; closing the session frees the lock");
                    break;
                }
            }
            session.close().await;
        };
        if timeout(RELEASE_LIMIT, release).await.is_err() {
            tracing::debug!("the server did not answer when the lock was given back");
        }
        self.reading
    }
}

/// Polls until there is nothing to do, or the lock is ours and something is; `limit` bounds that, `None` does not.
///
/// # Errors
///
/// 75 when the limit passes; 65 where the history is not one of the tool's; 77 behind a pooler; 80 when another
/// replica has just failed at what would be done next.
pub async fn acquire(
    attempts: &mut Attempts<'_>,
    ready: Ready,
    purpose: &dyn Purpose,
    limit: Option<Duration>,
) -> Result<Outcome> {
    let mut waiter = Waiter::new(limit);
    let mut connected = Some(ready);
    loop {
        if let Some(ready) = connected.take() {
            let deadline = waiter.deadline;
            match attempts.bounded(look(ready, purpose, &mut waiter), deadline).await {
                Ok(Look::Done(outcome)) => return Ok(outcome),
                Ok(Look::Held(ready)) => connected = ready,
                Err(Trouble::Never(failure)) => return Err(failure),
                Err(Trouble::NotYet(error)) => waiter.lost(attempts, error),
            }
        }
        waiter.pause(connected.is_some()).await?;
        let deadline = waiter.deadline;
        let again = match connected.take() {
            Some(ready) => attempts.again(ready.session, purpose.ledger(), deadline).await,
            None => attempts.connect(purpose.ledger(), deadline).await,
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

/// What one look at history and lock came to.
enum Look {
    /// The phase is over.
    Done(Outcome),
    /// Somebody else holds the lock; the session, if it may be kept.
    Held(Option<Ready>),
}

/// Nothing to do is the end. Otherwise the lock is tried, and the history read again under it.
async fn look(ready: Ready, purpose: &dyn Purpose, waiter: &mut Waiter) -> Result<Look, Trouble> {
    let Ready { mut session, reading } = ready;
    if !purpose.is_needed(&reading)? {
        session.close().await;
        return Ok(Look::Done(Outcome::NothingToDo(reading)));
    }
    if reading.facts.pooled {
        return Err(pooled().into());
    }
    let keys = purpose.keys(&reading.facts);
    if let Some(held) = try_all(&mut *session, &keys).await.map_err(unavailable)? {
        waiter.contended = true;
        waiter.look_at_holder(&mut *session, &keys).await.map_err(unavailable)?;
        if let Some(next) = purpose.next(&reading)?
            && session.failure_announced(held, &next.mark).await.map_err(unavailable)?
        {
            return Err(failed_elsewhere(&next).into());
        }
        if reading.facts.slots_to_spare {
            return Ok(Look::Held(Some(Ready { session, reading })));
        }
        session.close().await;
        return Ok(Look::Held(None));
    }
    let reading = session.read(purpose.ledger()).await.map_err(unavailable)?;
    if let Some(reason) = reading.facts.read_only {
        return Err(Trouble::NotYet(DbError { message: reason, ..DbError::default() }));
    }
    let locked = Locked { session, keys, reading, contended: waiter.contended, abandoned: false };
    match purpose.is_needed(&locked.reading) {
        Ok(true) => {
            let elapsed_ms = milliseconds(waiter.started.elapsed());
            tracing::info!(event = "lock.acquired", elapsed_ms, "lock acquired after {elapsed_ms} ms");
            Ok(Look::Done(Outcome::Locked(Box::new(locked))))
        }
        Ok(false) => Ok(Look::Done(Outcome::NothingToDo(locked.release().await))),
        Err(failure) => {
            locked.release().await;
            Err(failure.into())
        }
    }
}

/// An answer that will not change ends the wait; anything else is looked at again.
fn unavailable(error: DbError) -> Trouble {
    if !matches!(error.verdict, Verdict::Statement | Verdict::Never) {
        return Trouble::NotYet(error);
    }
    let failure = Failure::message(Exit::Refused, format!("cannot take the lock: {error}"));
    Trouble::Never(match error.hint {
        Some(hint) => failure.hint(hint),
        None => failure.hint("see the server's log, and what the role may do"),
    })
}

/// Takes all keys or none; returns the one that somebody else holds.
async fn try_all<'a>(session: &mut dyn Session, keys: &'a [LockKey]) -> Result<Option<&'a LockKey>, DbError> {
    for (index, key) in keys.iter().enumerate() {
        if !session.try_lock(key).await? {
            for taken in keys.iter().take(index).rev() {
                session.unlock(taken).await?;
            }
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// A waiter's memory between polls.
struct Waiter {
    started: Instant,
    deadline: Option<Instant>,
    holder: Option<Holder>,
    asked: Option<Instant>,
    /// Whether the lock was ever found taken.
    contended: bool,
    /// Why there is no connection, if there is none.
    trouble: Option<DbError>,
}

impl Waiter {
    fn new(limit: Option<Duration>) -> Self {
        let started = Instant::now();
        let deadline = limit.and_then(|limit| started.checked_add(limit));
        Self { started, deadline, holder: None, asked: None, contended: false, trouble: None }
    }

    /// Names the holder once per change.
    ///
    /// The tool's key is asked about first: whoever holds that is at work, while castoff's own may be another waiter's
    /// for the moment in which it finds the tool's taken.
    async fn look_at_holder(&mut self, session: &mut dyn Session, keys: &[LockKey]) -> Result<(), DbError> {
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_HOLDER) {
            return Ok(());
        }
        self.asked = Some(Instant::now());
        for key in keys.iter().rev() {
            if let Some(holder) = session.holder(key).await? {
                self.name_holder(holder);
                return Ok(());
            }
        }
        // Nobody: the holder left in between.
        Ok(())
    }

    fn name_holder(&mut self, holder: Holder) {
        // On MySQL `since` moves with every statement of the same holder.
        let who = |holder: &Holder| (holder.pid, holder.application_name.clone(), holder.client.clone());
        if self.holder.as_ref().map(who) != Some(who(&holder)) {
            announce(&holder, "waiting for the lock held by");
        }
        self.holder = Some(holder);
    }

    /// Remembers why there is no connection; the next look opens another.
    fn lost(&mut self, attempts: &mut Attempts<'_>, error: DbError) {
        // A look that our own deadline cut short says nothing about the server.
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) && self.holder.is_some() {
            return;
        }
        attempts.report(&error);
        self.trouble = Some(error);
        // Whoever held the lock when we last looked may be gone as well.
        self.holder = None;
        self.asked = None;
    }

    /// Sleeps until the next look.
    async fn pause(&mut self, connected: bool) -> Result<()> {
        let waited = self.started.elapsed();
        let pause = if connected {
            jitter(POLL.0, POLL.1)
        } else {
            jitter(Duration::ZERO, (waited / 10).clamp(APART.0, APART.1))
        };
        match self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Err(self.timed_out()),
            Some(remaining) => sleep(pause.min(remaining)).await,
            None => sleep(pause).await,
        }
        Ok(())
    }

    fn timed_out(&self) -> Failure {
        let after = whole(self.started.elapsed());
        let message = match (&self.trouble, &self.holder) {
            (Some(reason), _) => format!("the lock could not be had within {after}: {reason}"),
            (None, Some(holder)) => format!("the lock was still held after {after}, by {}", describe(holder)),
            (None, None) => format!("the lock was still held after {after}, by another process"),
        };
        Failure::message(Exit::LockTimeout, message)
            .hint("see what the holder is doing; if its migrations take that long, raise --lock-timeout")
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

/// The first 8 bytes of SHA-256 of `castoff`, database, schema and history table, separated by NUL.
///
/// Castoff's instances exclude each other by it, whatever the tool does, and always take it first.
pub fn own_key(engine: Engine, facts: &Facts, table: &str) -> LockKey {
    let Facts { database, schema, .. } = facts;
    let digest = Sha256::digest(format!("castoff\0{database}\0{schema}\0{table}"));
    let mut first = [0; 8];
    first.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    match engine {
        Engine::Postgres => LockKey::Number(i64::from_be_bytes(first)),
        // User-level locks are server-wide and have at most 64 characters.
        Engine::MySql => LockKey::Name(format!("castoff-{:016x}", u64::from_be_bytes(first))),
        Engine::Sqlite => LockKey::File,
    }
}

fn failed_elsewhere(undertaking: &Undertaking) -> Failure {
    Failure::message(
        Exit::MigrationFailed,
        format!("{} has just failed in another replica", undertaking.name),
    )
    .hint("that replica's log says why, and what to do before deploying again")
}

fn pooled() -> Failure {
    Failure::message(
        Exit::Refused,
        "the lock is needed, and between castoff and the server stands a pooler, through which a session lock protects \
         nothing",
    )
    .hint(
        "set CASTOFF_DATABASE_URL to the server's direct address; if the pooler keeps one server session per client \
         session, say so with --pooler session",
    )
}

#[cfg(test)]
mod tests;
