//! Phase two: one replica works, the others wait, and nobody waits longer than needed.
//!
//! A waiter never blocks inside the server: it polls, and every poll first asks whether anything is pending at all,
//! so that a fleet becomes the application the moment the work is done, without queueing for a lock it does not need.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::attempt::{Attempts, Ready, Trouble};
use crate::command::Line;
use crate::duration::{milliseconds, whole};
use crate::engine::{DbError, Engine, Facts, Ledger, LockKey, Reading, Session, Verdict};
use crate::exit::{Exit, Failure, Result};
use crate::format::Migration;

mod follow;
mod waiter;

pub(crate) use follow::HOLDER_GRACE;
pub use follow::{Follow, Standing, follow};
use waiter::{Look, Waiter, Watch, holder_of, kept, poll};
pub(crate) use waiter::{announce, describe};

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

    /// The session, and the locks it is to hold.
    pub fn session_and_keys(&mut self) -> (&mut dyn Session, &[LockKey]) {
        (&mut *self.session, &self.keys)
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
    poll(attempts, ready, &mut Acquiring(purpose), limit).await
}

/// Wants the lock.
struct Acquiring<'a>(&'a dyn Purpose);

impl Watch for Acquiring<'_> {
    type Found = Outcome;

    const WHY: &'static str = "waiting for the lock held by";

    fn ledger(&self) -> Option<&Ledger> {
        self.0.ledger()
    }

    /// Nothing to do is the end. Otherwise the lock is tried, and the history read again under it.
    async fn look(&mut self, ready: Ready, waiter: &mut Waiter) -> Result<Look<Outcome>, Trouble> {
        let purpose = self.0;
        let Ready { mut session, reading } = ready;
        if !purpose.is_needed(&reading)? {
            session.close().await;
            return Ok(Look::Over(Outcome::NothingToDo(reading)));
        }
        if reading.facts.pooled {
            return Err(pooled().into());
        }
        let keys = purpose.keys(&reading.facts);
        if let Some(held) = try_all(&mut *session, &keys).await.map_err(unavailable)? {
            waiter.contended = true;
            if waiter.is_to_ask()
                && let Some((holder, _)) = holder_of(&mut *session, &keys).await.map_err(unavailable)?
            {
                waiter.name_holder(holder, Self::WHY);
            }
            unless_failed(&mut *session, purpose, held, &reading).await?;
            return Ok(Look::Again(kept(session, reading).await));
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
                Ok(Look::Over(Outcome::Locked(Box::new(locked))))
            }
            Ok(false) => Ok(Look::Over(Outcome::NothingToDo(locked.release().await))),
            Err(failure) => {
                locked.release().await;
                Err(failure.into())
            }
        }
    }

    fn timed_out(&self, waiter: &Waiter) -> Failure {
        let after = whole(waiter.started.elapsed());
        let message = match (&waiter.trouble, &waiter.holder) {
            (Some(reason), _) => format!("the lock could not be had within {after}: {reason}"),
            (None, Some(holder)) => format!("the lock was still held after {after}, by {}", describe(holder)),
            (None, None) => format!("the lock was still held after {after}, by another process"),
        };
        let hint = match waiter.trouble {
            Some(_) => "check that the database runs and can be reached from this container",
            None => {
                "see what the holder is doing; if its migrations take that long, raise --lock-timeout \
                 (CASTOFF_LOCK_TIMEOUT)"
            }
        };
        Failure::message(Exit::LockTimeout, message).hint(hint)
    }
}

/// A failure, if the lock's holder has announced that it has just failed at what this purpose would do next.
async fn unless_failed(
    session: &mut dyn Session,
    purpose: &dyn Purpose,
    held: &LockKey,
    reading: &Reading,
) -> Result<(), Trouble> {
    let Some(next) = purpose.next(reading)? else { return Ok(()) };
    if session.failure_announced(held, &next.mark).await.map_err(unavailable)? {
        return Err(failed_elsewhere(&next).into());
    }
    Ok(())
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
         session, say so with --pooler session (CASTOFF_POOLER)",
    )
}

#[cfg(test)]
mod tests;
