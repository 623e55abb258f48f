//! Phase two: one replica works, the others wait, and nobody waits longer than needed.
//!
//! A waiter never blocks inside the server: it polls, and every poll first asks whether anything is pending at all,
//! so that a fleet becomes the application the moment the work is done, without queueing for a lock it does not need.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::backoff::jitter;
use crate::engine::{Connector, DbError, Engine, Facts, Holder, Ledger, LockKey, Reading, Session, Verdict};
use crate::exit::{Exit, Failure, Result};
use crate::format::{Migration, Step};
use crate::migrations::Migrations;
use crate::plan::{Decision, Plan, Policy};
use crate::wait::{self, Ready, milliseconds, whole};

/// How often a waiter with a connection looks: each pause is drawn between these.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(100));

/// A waiter without a connection pauses a tenth of the time it has waited, within these.
const APART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How often a waiter asks who holds the lock.
const ASK_HOLDER: Duration = Duration::from_secs(1);

/// How the lock is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Locking {
    /// The longest wait; `None` for ever.
    pub limit: Option<Duration>,
    /// One attempt to reconnect.
    pub attempt: Option<Duration>,
    /// What drift does.
    pub policy: Policy,
}

/// What the lock phase ends in.
pub enum Outcome {
    /// Nothing is pending: the application may start.
    NothingToDo(Plan),
    /// The lock is ours, and this is the work.
    Locked(Box<Locked>),
}

/// The session that holds the lock. Migrating takes `&mut Locked`, so unlocked migration does not compile.
pub struct Locked {
    session: Box<dyn Session>,
    keys: Vec<LockKey>,
    /// What is to be done.
    pub steps: Vec<Step>,
    /// Whether the history table is there.
    pub history_exists: bool,
    /// How long the lock was waited for.
    pub waited: Duration,
}

impl Locked {
    /// The session, for work under the lock.
    pub fn session(&mut self) -> &mut dyn Session {
        &mut *self.session
    }

    /// Gives the locks back and ends the session.
    pub async fn release(self) {
        let mut session = self.session;
        for key in self.keys.iter().rev() {
            if let Err(error) = session.unlock(key).await {
                tracing::debug!("unlocking: {error}; closing the session frees the lock");
            }
        }
        session.close().await;
    }
}

/// Polls until nothing is pending, or the lock is ours and something is.
///
/// # Errors
///
/// 75 when the limit passes; 65 and 64 where the history must not be migrated; 77 behind a pooler; 80 when another
/// replica has just failed at the same migration.
pub async fn acquire(
    connector: &mut dyn Connector,
    ready: Ready,
    migrations: &Migrations,
    ledger: &Ledger,
    locking: Locking,
) -> Result<Outcome> {
    let engine = connector.engine();
    let started = Instant::now();
    let deadline = locking.limit.and_then(|limit| started.checked_add(limit));
    let mut waiter = Waiter { started, holder: None, asked: None, trouble: None, attempts: 0 };
    let mut connected = Some((ready.session, ready.reading));
    loop {
        if let Some((mut session, reading)) = connected.take() {
            waiter.trouble = None;
            let plan = Plan::new(migrations, engine, reading.history.as_deref())?;
            if plan.has_nothing_to_do(locking.policy) {
                session.close().await;
                return Ok(Outcome::NothingToDo(plan));
            }
            if reading.facts.pooled {
                return Err(pooled());
            }
            let keys = keys(migrations, engine, &reading.facts, ledger);
            let attempt = async {
                let Some(held) = try_all(&mut *session, &keys).await? else { return Ok(None) };
                waiter.look_at_holder(&mut *session, held).await?;
                let next = plan.to_apply(migrations).next().and_then(|id| migrations.get(id));
                let failed = match next {
                    Some(next) if session.failure_announced(held, &failure_mark(next)).await? => Some(next),
                    _ => None,
                };
                Ok::<_, DbError>(Some(failed))
            };
            match attempt.await {
                Ok(None) => match under_lock(session, keys, migrations, ledger, engine, locking.policy).await
                {
                    Ok(Under::NothingToDo(plan)) => return Ok(Outcome::NothingToDo(plan)),
                    Ok(Under::Work(mut locked)) => {
                        locked.waited = started.elapsed();
                        let elapsed_ms = milliseconds(locked.waited);
                        tracing::info!(
                            event = "lock.acquired",
                            elapsed_ms,
                            "lock acquired after {elapsed_ms} ms"
                        );
                        return Ok(Outcome::Locked(locked));
                    }
                    Ok(Under::Lost(error)) => waiter.lost(error)?,
                    Err(failure) => return Err(failure),
                },
                Ok(Some(Some(failed))) => return Err(failed_elsewhere(failed)),
                Ok(Some(None)) => {
                    if reading.facts.slots_to_spare {
                        connected = Some((session, reading));
                    } else {
                        session.close().await;
                    }
                }
                Err(error) => waiter.lost(error)?,
            }
        }
        waiter.pause(connected.is_some(), deadline).await?;
        connected = match connected {
            Some((mut session, _)) => match session.read(Some(ledger)).await {
                Ok(reading) => Some((session, reading)),
                Err(error) => {
                    waiter.lost(error)?;
                    None
                }
            },
            None => match reconnect(connector, ledger, locking, deadline).await {
                Ok(again) => Some(again),
                Err(error) if matches!(error.verdict, Verdict::Never | Verdict::NoDatabase) => {
                    return Err(wait::refused(connector, &error));
                }
                Err(error) => {
                    waiter.lost(error)?;
                    None
                }
            },
        };
    }
}

/// What was found once the lock was ours.
enum Under {
    NothingToDo(Plan),
    Work(Box<Locked>),
    Lost(DbError),
}

/// Reads the history again, now that it cannot change any more, and decides.
async fn under_lock(
    mut session: Box<dyn Session>,
    keys: Vec<LockKey>,
    migrations: &Migrations,
    ledger: &Ledger,
    engine: Engine,
    policy: Policy,
) -> Result<Under> {
    let reading = match session.read(Some(ledger)).await {
        Ok(reading) => reading,
        Err(error) => return Ok(Under::Lost(error)),
    };
    let history_exists = reading.history.is_some();
    let plan = Plan::new(migrations, engine, reading.history.as_deref())?;
    let decision = plan.decide(migrations, engine, policy, &reading.facts, history_exists);
    let mut locked = Locked { session, keys, steps: Vec::new(), history_exists, waited: Duration::ZERO };
    match decision {
        Ok(Decision::Work(steps)) => {
            locked.steps = steps;
            Ok(Under::Work(Box::new(locked)))
        }
        Ok(Decision::Nothing) => {
            locked.release().await;
            Ok(Under::NothingToDo(plan))
        }
        Err(failure) => {
            locked.release().await;
            Err(failure)
        }
    }
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

async fn reconnect(
    connector: &mut dyn Connector,
    ledger: &Ledger,
    locking: Locking,
    deadline: Option<Instant>,
) -> Result<(Box<dyn Session>, Reading), DbError> {
    let attempt = async {
        let mut session = connector.connect(false).await?;
        let reading = session.read(Some(ledger)).await?;
        Ok((session, reading))
    };
    let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    match [locking.attempt, remaining].into_iter().flatten().min() {
        None => attempt.await,
        Some(limit) => tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
            let message = format!("no answer within {}", whole(limit));
            Err(DbError { message, ..DbError::default() })
        }),
    }
}

/// A waiter's memory between polls.
struct Waiter {
    started: Instant,
    holder: Option<Holder>,
    asked: Option<Instant>,
    /// Why there is no connection, if there is none.
    trouble: Option<String>,
    /// How often that changed.
    attempts: u32,
}

impl Waiter {
    /// Names the holder once per change.
    async fn look_at_holder(&mut self, session: &mut dyn Session, key: &LockKey) -> Result<(), DbError> {
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_HOLDER) {
            return Ok(());
        }
        let first = self.asked.is_none();
        self.asked = Some(Instant::now());
        // Nobody: the holder left in between.
        let Some(holder) = session.holder(key).await? else { return Ok(()) };
        if first || self.holder.as_ref() != Some(&holder) {
            tracing::info!(
                event = "lock.waiting",
                holder.application_name = holder.application_name.as_deref(),
                holder.pid = holder.pid,
                holder.client = holder.client.as_deref(),
                holder.since = holder.since.as_deref(),
                "waiting for the lock held by {}",
                describe(&holder)
            );
        }
        self.holder = Some(holder);
        Ok(())
    }

    /// Remembers why a connection was lost; the next look opens another.
    ///
    /// # Errors
    ///
    /// Where the server answered, and the answer will not change.
    fn lost(&mut self, error: DbError) -> Result<()> {
        if error.verdict == Verdict::Statement {
            let failure = Failure::message(Exit::Refused, format!("cannot take the lock: {error}"));
            return Err(match error.hint {
                Some(hint) => failure.hint(hint),
                None => failure.hint("see the server's log, and what the role may do"),
            });
        }
        let reason = error.to_string();
        if self.trouble.as_ref() != Some(&reason) {
            self.attempts += 1;
            tracing::info!(
                event = "wait.retry",
                reason = %reason,
                attempt = self.attempts,
                "no connection while waiting for the lock: {reason}"
            );
        }
        self.trouble = Some(reason);
        // Whoever held the lock when we last looked may be gone as well.
        self.holder = None;
        self.asked = None;
        Ok(())
    }

    /// Sleeps until the next look.
    async fn pause(&mut self, connected: bool, deadline: Option<Instant>) -> Result<()> {
        let waited = self.started.elapsed();
        let pause = if connected {
            jitter(POLL.0, POLL.1)
        } else {
            jitter(Duration::ZERO, (waited / 10).clamp(APART.0, APART.1))
        };
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(self.timed_out()),
            Some(remaining) => {
                sleep(pause.min(remaining)).await;
                Ok(())
            }
            None => {
                sleep(pause).await;
                Ok(())
            }
        }
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

/// A holder for a sentence.
fn describe(holder: &Holder) -> String {
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

/// Castoff's own key, so that its instances exclude each other whatever the tool does, then the tool's, so that a
/// person running the tool is excluded too. Always in this order.
pub(crate) fn keys(migrations: &Migrations, engine: Engine, facts: &Facts, ledger: &Ledger) -> Vec<LockKey> {
    let mut keys = vec![own_key(engine, &facts.database, &facts.schema, &ledger.table.name)];
    keys.extend(migrations.format.lock_keys(engine, facts));
    keys
}

/// The first 8 bytes of SHA-256 of `castoff`, database, schema and history table, separated by NUL.
fn own_key(engine: Engine, database: &str, schema: &str, table: &str) -> LockKey {
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

/// What a process that failed at a migration shows the others: its id and what tells its content from
/// another's under that id.
pub fn failure_mark(migration: &Migration) -> String {
    let checksum: String = hex::encode(Sha256::digest(&migration.sql)).chars().take(12).collect();
    let id: String = migration.id.chars().take(30).collect();
    format!("{id}/{checksum}")
}

fn failed_elsewhere(migration: &Migration) -> Failure {
    Failure::message(
        Exit::MigrationFailed,
        format!(
            "migration {} ({}) has just failed in another replica",
            migration.id,
            migration.file.display()
        ),
    )
    .hint("that replica's log says why; fix the migration and deploy again")
}

fn pooled() -> Failure {
    Failure::message(
        Exit::Refused,
        "migrations are pending, and between castoff and the server stands a pooler, through which a session lock \
         protects nothing",
    )
    .hint(
        "set CASTOFF_DATABASE_URL to the server's direct address; if the pooler keeps one server session per client \
         session, say so with --pooler session",
    )
}

#[cfg(test)]
mod tests;
