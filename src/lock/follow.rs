//! Waits until another process has done what is to be done. Takes no lock and writes nothing, so that a role that may
//! only read will do, and a standby.

use std::time::Duration;

use tokio::time::Instant;

use super::waiter::{Look, Waiter, Watch, holder_of, kept, poll};
use super::{Purpose, describe, unavailable, unless_failed};
use crate::attempt::{Attempts, Ready, Trouble};
use crate::duration::whole;
use crate::engine::{Ledger, LockKey, Reading, Session};
use crate::exit::{Exit, Failure, Result};

/// How long nobody may be at work before what was left counts as a failure: a holder that lost its connection is back by
/// then.
pub(crate) const HOLDER_GRACE: Duration = Duration::from_secs(3);

/// What others are to do.
pub trait Follow: Purpose {
    /// How files and history stand to each other, given whether somebody holds the lock.
    ///
    /// # Errors
    ///
    /// 65 where the history is not one of the tool's.
    fn standing(&self, reading: &Reading, lock_is_held: bool) -> Result<Standing>;
}

/// How files and history stand to each other, for who may not migrate.
#[derive(Debug)]
pub enum Standing {
    /// Nothing is left to do.
    Ready,
    /// This is left to do, named for a person.
    Pending(String),
    /// Something that migrating would not cure.
    Refused {
        /// What it is.
        failure: Failure,
        /// Whether that is for certain, even while somebody holds the lock.
        certain: bool,
    },
}

/// Polls until nothing is left to do; `limit` bounds that, `None` does not.
///
/// # Errors
///
/// 82 when the limit passes; 80 when another replica has just failed at what is to be done; 65 where migrating would not
/// help, or the history is not one of the tool's.
pub async fn follow(
    attempts: &mut Attempts<'_>,
    ready: Ready,
    purpose: &dyn Follow,
    limit: Option<Duration>,
) -> Result<Reading> {
    let mut following = Following { purpose, left: None, refused_since: None };
    poll(attempts, ready, &mut following, limit).await
}

struct Following<'a> {
    purpose: &'a dyn Follow,
    /// What was left to do at the last look that asked.
    left: Option<String>,
    /// Since when something has been in the way and nobody at it.
    refused_since: Option<Instant>,
}

impl Watch for Following<'_> {
    type Found = Reading;

    const WHY: &'static str = "waiting for the migrations of";

    fn ledger(&self) -> Option<&Ledger> {
        self.purpose.ledger()
    }

    async fn look(&mut self, ready: Ready, waiter: &mut Waiter) -> Result<Look<Reading>, Trouble> {
        let Ready { mut session, reading } = ready;
        if !self.purpose.is_needed(&reading)? {
            session.close().await;
            return Ok(Look::Over(reading));
        }
        if waiter.is_to_ask() {
            let keys = self.purpose.keys(&reading.facts);
            let holder = holder_of(&mut *session, &keys).await.map_err(unavailable)?;
            waiter.idle = holder.is_none();
            if let Some((holder, held)) = holder {
                self.refused_since = None;
                self.behind_holder(&mut *session, held, &reading).await?;
                waiter.name_holder(holder, Self::WHY);
            } else {
                waiter.holder = None;
                self.behind_nobody(&reading)?;
            }
        }
        Ok(Look::Again(kept(session, reading).await))
    }

    fn timed_out(&self, waiter: &Waiter) -> Failure {
        let after = whole(waiter.started.elapsed());
        let left = self.left.as_deref().unwrap_or("something is pending");
        let meanwhile = match (&waiter.trouble, &waiter.holder) {
            (Some(reason), _) => format!("; since then the database could not be asked: {reason}"),
            (None, Some(holder)) => format!("; {} is at it", describe(holder)),
            (None, None) => "; nobody is applying anything".to_owned(),
        };
        Failure::message(Exit::Pending, format!("after {after}, {left}{meanwhile}")).hint(
            "mode await applies nothing itself: see what became of the process that does (`castoff migrate`, or a \
             service in mode migrate); if its migrations take that long, raise --lock-timeout \
             (CASTOFF_LOCK_TIMEOUT)",
        )
    }
}

impl Following<'_> {
    /// Somebody is at work, or has just failed.
    async fn behind_holder(
        &mut self,
        session: &mut dyn Session,
        held: &LockKey,
        reading: &Reading,
    ) -> Result<(), Trouble> {
        unless_failed(session, self.purpose, held, reading).await?;
        match self.purpose.standing(reading, true)? {
            Standing::Refused { failure, certain: true } => return Err(failure.into()),
            Standing::Refused { certain: false, .. } | Standing::Ready => {}
            Standing::Pending(left) => self.left = Some(left),
        }
        Ok(())
    }

    /// Nobody is at work, as far as can be seen from here.
    fn behind_nobody(&mut self, reading: &Reading) -> Result<()> {
        // A standby does not see the locks of its primary.
        let sees_locks = reading.facts.read_only.is_none();
        match self.purpose.standing(reading, !sees_locks)? {
            Standing::Refused { failure, certain } => {
                let since = *self.refused_since.get_or_insert_with(Instant::now);
                if certain || sees_locks && since.elapsed() >= HOLDER_GRACE {
                    return Err(failure);
                }
            }
            Standing::Ready => self.refused_since = None,
            Standing::Pending(left) => {
                self.refused_since = None;
                if self.left.as_ref() != Some(&left) {
                    let nobody: Option<&str> = None;
                    tracing::info!(
                        event = "lock.waiting",
                        holder = nobody,
                        "{left}; waiting for another process to do that"
                    );
                }
                self.left = Some(left);
            }
        }
        Ok(())
    }
}
