//! Modes `verify` and `await`: the migrations are somebody else's to apply, and castoff only looks.

use std::time::Instant;

use super::command::ByCommand;
use super::migrate::nothing_to_do;
use super::{Life, Times, close};
use crate::attempt::{Attempts, Ready, Trouble};
use crate::command::Line;
use crate::engine::{Facts, Ledger, LockKey, Reading, Session};
use crate::exit::{Exit, Failure, Result};
use crate::lock::{self, Follow, Purpose, Standing, Undertaking};
use crate::phase::Phase;
use crate::plan::Plans;
use crate::status::is_held;

impl Life<'_> {
    /// Looks once. Where the connection is lost meanwhile, looks again.
    ///
    /// # Errors
    ///
    /// 82 where something is pending, 65 where migrating would not help.
    pub(super) async fn verify(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        plans: &Plans<'_>,
        times: &mut Times,
    ) -> Result<()> {
        loop {
            let Ready { mut session, reading } = ready;
            let look = async { standing(&mut *session, &reading, plans).await };
            let bounded = async { Ok(attempts.bounded(look, None).await) };
            match self.interruptible(Phase::Wait, bounded).await? {
                Ok(standing) => {
                    close(session).await;
                    return judge(standing, plans, &reading);
                }
                Err(trouble) => {
                    drop(session);
                    ready = self.look_again(attempts, trouble, Some(plans.ledger), times).await?;
                }
            }
        }
    }

    /// Waits until others have applied everything; `line` is the command by which they do, if it is one.
    ///
    /// # Errors
    ///
    /// As [`lock::follow`].
    pub(super) async fn follow(
        &self,
        attempts: &mut Attempts<'_>,
        ready: Ready,
        (plans, line): (&Plans<'_>, Option<&Line>),
        times: &mut Times,
    ) -> Result<()> {
        let others = Others { plans, command: line.map(|line| ByCommand::of(line, plans)) };
        let (started, limit) = (Instant::now(), self.config.timeouts.lock);
        let done =
            self.interruptible(Phase::Lock, Box::pin(lock::follow(attempts, ready, &others, limit))).await;
        times.lock += started.elapsed();
        nothing_to_do(plans, &done?, false)
    }
}

/// How files and history stand to each other right now.
async fn standing(
    session: &mut dyn Session,
    reading: &Reading,
    plans: &Plans<'_>,
) -> Result<Standing, Trouble> {
    let plan = plans.plan(reading)?;
    // Only an unfinished migration means something else while somebody is at it. A standby does not see its primary's
    // locks, so there it may always be.
    let at_work = !plan.assessment.unfinished.is_empty()
        && (reading.facts.read_only.is_some()
            || is_held(session, reading, plans).await.map_err(Trouble::NotYet)?);
    Ok(plan.standing(plans, at_work))
}

fn judge(standing: Standing, plans: &Plans<'_>, reading: &Reading) -> Result<()> {
    match standing {
        Standing::Ready => nothing_to_do(plans, reading, false),
        Standing::Refused { failure, .. } => Err(failure),
        Standing::Pending(left) => Err(Failure::message(Exit::Pending, left).hint(
            "mode verify applies nothing: apply them with `castoff migrate` or a service in mode migrate, then start \
             this one again; mode await waits for that",
        )),
    }
}

/// Those who apply the migrations.
struct Others<'a> {
    plans: &'a Plans<'a>,
    /// Set where a command applies them: what fails then is the command.
    command: Option<ByCommand<'a>>,
}

impl Purpose for Others<'_> {
    fn ledger(&self) -> Option<&Ledger> {
        self.plans.ledger()
    }

    fn keys(&self, facts: &Facts) -> Vec<LockKey> {
        self.plans.keys(facts)
    }

    fn is_needed(&self, reading: &Reading) -> Result<bool> {
        self.plans.is_needed(reading)
    }

    fn next(&self, reading: &Reading) -> Result<Option<Undertaking>> {
        self.command.as_ref().map_or_else(|| self.plans.next(reading), |command| command.next(reading))
    }
}

impl Follow for Others<'_> {
    fn standing(&self, reading: &Reading, lock_is_held: bool) -> Result<Standing> {
        self.plans.standing(reading, lock_is_held)
    }
}
