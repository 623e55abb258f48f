//! Lock, and have a command apply the migrations.

use std::ffi::OsString;
use std::time::Instant;

use super::errand::{Errand, Judgement, Returned};
use super::hooks::{Around, Owing};
use super::{Life, Times, migrate::nothing_to_do};
use crate::attempt::{Attempts, Ready, Trouble};
use crate::command::Line;
use crate::duration::milliseconds;
use crate::engine::{Engine, Facts, Ledger, LockKey, Reading};
use crate::exit::{Exit, Failure, Result};
use crate::lock::{self, Locked, Outcome, Purpose, Undertaking, own_key};
use crate::migrate::{Stopper, hold_failure};
use crate::phase::Phase;
use crate::plan::Plans;

/// A command that applies the migrations, and what is known of them.
pub(super) struct ByCommand<'a> {
    /// The command.
    pub(super) line: &'a Line,
    /// What files and history say; `None` where castoff cannot know, so that the command always runs.
    pub(super) plans: Option<&'a Plans<'a>>,
    /// The engine.
    pub(super) engine: Engine,
    /// The history table as far as it is known; empty where it is not.
    pub(super) table: &'a str,
    /// A variable with which the command reads the files that castoff reads.
    pub(super) told: Option<&'a (&'static str, OsString)>,
}

impl<'a> ByCommand<'a> {
    /// A command that applies these migrations.
    pub(super) fn of(line: &'a Line, plans: &'a Plans<'a>) -> Self {
        Self {
            line,
            plans: plans.migrations.opaque.is_none().then_some(plans),
            engine: plans.engine,
            table: &plans.ledger.table.name,
            told: plans.migrations.environment.as_ref(),
        }
    }
}

impl ByCommand<'_> {
    fn errand(&self) -> Errand<'_> {
        Errand {
            line: self.line,
            role: "the migrate command",
            consequence: "",
            hint: "what it printed says why; mend that and deploy again",
            told: self.told,
        }
    }

    /// What is pending, where that can be known.
    fn pending(&self, reading: &Reading) -> Result<Option<Vec<String>>> {
        let Some(plans) = self.plans else { return Ok(None) };
        let plan = plans.plan(reading)?;
        Ok(Some(plan.to_apply(plans.migrations).map(str::to_owned).collect()))
    }

    fn undertaking(&self, reading: &Reading) -> Result<Undertaking> {
        let pending = self.pending(reading)?.unwrap_or_default();
        Ok(Undertaking::command(self.line, &pending.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// Whether the command may run at all.
    fn admit(&self, reading: &Reading) -> Result<()> {
        self.plans.map_or(Ok(()), |plans| plans.plan(reading)?.admit(plans, reading))
    }

    /// Whether the command did what it was run for.
    fn verify(&self, reading: &Reading) -> Result<()> {
        let Some(plans) = self.plans else { return Ok(()) };
        let plan = plans.plan(reading)?;
        let left: Vec<&str> = plan
            .failed()
            .map(|unfinished| unfinished.id.as_str())
            .chain(plan.to_apply(plans.migrations))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::message(
            Exit::MigrationFailed,
            format!(
                "the migrate command `{}` ended with code 0, but {} still pending: {}",
                self.line.name(),
                if left.len() == 1 { "this is" } else { "these are" },
                left.join(", ")
            ),
        )
        .hint(format!(
            "does it read the same directory and the same database? castoff looks at {} and {}",
            plans.migrations.directory.display(),
            plans.ledger.table
        )))
    }
}

impl Purpose for ByCommand<'_> {
    fn ledger(&self) -> Option<&Ledger> {
        self.plans.map(|plans| plans.ledger)
    }

    /// Castoff's own alone: the tool takes its own, and would wait for us.
    fn keys(&self, facts: &Facts) -> Vec<LockKey> {
        vec![own_key(self.engine, facts, self.table)]
    }

    fn is_needed(&self, reading: &Reading) -> Result<bool> {
        self.plans.map_or(Ok(true), |plans| plans.is_needed(reading))
    }

    fn next(&self, reading: &Reading) -> Result<Option<Undertaking>> {
        self.undertaking(reading).map(Some)
    }
}

/// How the command came to its end, if not in a failure.
enum End {
    /// It did its work.
    Done,
    /// The lock was lost before it ran.
    LostBefore,
    /// The lock was lost while it ran, for this reason, and it has been ended.
    Lost(String),
}

impl Life<'_> {
    /// Has the command apply what is pending, or whatever it finds to do.
    pub(super) async fn migrate_by_command(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        purpose: &ByCommand<'_>,
        times: &mut Times,
    ) -> Result<()> {
        let mut stopper = None;
        let mut lost: Option<String> = None;
        let mut around = Around::default();
        let explain = |lost: &Option<String>, failure| match lost {
            Some(reason) => unlearned(purpose.line, reason, failure),
            None => failure,
        };
        loop {
            let started = Instant::now();
            let limit = self.config.timeouts.lock;
            let wanted = Owing { purpose, owes_hook: around.owes_after };
            let outcome = self
                .interruptible(Phase::Lock, Box::pin(lock::acquire(attempts, ready, &wanted, limit)))
                .await;
            let mut locked = match outcome.map_err(|failure| explain(&lost, failure))? {
                Outcome::Locked(locked) => locked,
                Outcome::NothingToDo(reading) => {
                    times.lock += started.elapsed();
                    return match purpose.plans {
                        Some(plans) => nothing_to_do(plans, &reading, lost.is_some()),
                        None => Ok(()),
                    };
                }
            };
            let is_done = around.owes_after && !purpose.is_needed(&locked.reading)?;
            if let (Some(reason), false) = (&lost, is_done) {
                locked.release().await;
                return Err(outcome_unknown(purpose.line, reason, "not everything is applied"));
            }
            let kept = match purpose.admit(&locked.reading) {
                Ok(()) => self.await_remains(attempts, &mut locked, started).await,
                Err(failure) => Err(failure),
            };
            times.lock += started.elapsed();
            let end = match kept {
                Ok(true) => {
                    let started = Instant::now();
                    let stopper = stopper.get_or_insert_with(|| {
                        Stopper::new(self.signal_number(), self.config.timeouts.migrate)
                    });
                    let end = self
                        .command_between_hooks(attempts, &mut locked, purpose, stopper, &mut around)
                        .await;
                    times.migrate += started.elapsed();
                    end
                }
                Ok(false) => Ok(End::LostBefore),
                Err(failure) => Err(failure),
            };
            match end {
                Ok(End::Done) => {
                    locked.release().await;
                    return Ok(());
                }
                Err(failure) => {
                    locked.release().await;
                    return Err(failure);
                }
                // The session is out of step with its server, or gone: it is dropped, never reused.
                Ok(End::LostBefore) => {}
                Ok(End::Lost(reason)) if purpose.plans.is_none() => {
                    return Err(outcome_unknown(purpose.line, &reason, "nothing tells what it has applied"));
                }
                Ok(End::Lost(reason)) => {
                    around.owes_after = self.config.hooks.after.is_some();
                    lost = Some(reason);
                }
            }
            drop(locked);
            ready = self
                .wait_again(attempts, purpose.ledger(), times)
                .await
                .map_err(|failure| explain(&lost, failure))?;
        }
    }

    /// The command between the hooks; after a lost lock only the hook that is still owed.
    async fn command_between_hooks(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        purpose: &ByCommand<'_>,
        stopper: &mut Stopper<'_>,
        around: &mut Around,
    ) -> Result<End> {
        if !around.owes_after || purpose.is_needed(&locked.reading)? {
            if !self.before_migrating(attempts, locked, purpose, stopper, around).await? {
                return Ok(End::LostBefore);
            }
            let end = self.run_command(attempts, locked, purpose, stopper).await;
            match end.map_err(|failure| self.without_hook(failure))? {
                End::Done => around.owes_after = self.config.hooks.after.is_some(),
                end => return Ok(end),
            }
        }
        let ran = self.after_migrating(attempts, locked, stopper).await?;
        Ok(if ran { End::Done } else { End::LostBefore })
    }

    /// Runs the command on the database that is locked, and looks afterwards what came of it.
    async fn run_command(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        purpose: &ByCommand<'_>,
        stopper: &mut Stopper<'_>,
    ) -> Result<End> {
        if !self.still_locked(attempts, locked, "the migrate command").await? {
            return Ok(End::LostBefore);
        }
        let errand = purpose.errand();
        if let Some(stop) = stopper.requested_already().await {
            return Err(stop.failure("nothing was applied"));
        }
        let (started, name) = (Instant::now(), purpose.line.name());
        let pending = purpose.pending(&locked.reading)?.map(|pending| pending.len());
        let known = pending.map(|pending| format!("{pending} pending: ")).unwrap_or_default();
        tracing::info!(event = "migrate.start", pending, "{known}running the migrate command `{name}`");
        Phase::Migrate.enter();
        let undertaking = purpose.undertaking(&locked.reading)?;
        let Returned { judgement, lost } = self.run_errand(attempts, locked, &errand, stopper).await?;
        let verdict = match (judgement, lost) {
            (Judgement::Lost(reason), _) => return Ok(End::Lost(reason)),
            (Judgement::Stopped(failure), _) | (Judgement::Failed(failure), Some(_)) => return Err(failure),
            (Judgement::Failed(failure), None) => Err(failure),
            (Judgement::Succeeded, Some(reason)) if purpose.plans.is_some() => return Ok(End::Lost(reason)),
            (Judgement::Succeeded, Some(reason)) => {
                tracing::warn!("the lock was lost when the migrate command was about to end: {reason}");
                Ok(())
            }
            (Judgement::Succeeded, None) => {
                let read = async { locked.session().read(purpose.ledger()).await.map_err(Trouble::NotYet) };
                match attempts.bounded(read, None).await {
                    Ok(reading) => purpose.verify(&reading),
                    Err(Trouble::Never(failure)) => Err(failure),
                    Err(Trouble::NotYet(error)) => {
                        locked.abandon();
                        return Ok(End::Lost(error.to_string()));
                    }
                }
            }
        };
        if let Err(failure) = verdict {
            if let Some(undertaking) = left_undone(attempts, locked, purpose, undertaking).await {
                hold_failure(locked, &undertaking, stopper).await;
            }
            return Err(failure);
        }
        let elapsed_ms = milliseconds(started.elapsed());
        tracing::info!(
            event = "migrate.done",
            applied = pending,
            elapsed_ms,
            "`{name}` applied the migrations in {elapsed_ms} ms"
        );
        Ok(End::Done)
    }
}

/// The command was ended in the middle, or its end was not seen, and the history does not say that all is well.
fn outcome_unknown(line: &Line, reason: &str, why: impl std::fmt::Display) -> Failure {
    Failure::message(
        Exit::OutcomeUnknown,
        format!(
            "the lock was lost while the migrate command `{}` ran ({reason}), and how far it got could not be learned: \
             {why}",
            line.name()
        ),
    )
    .hint("see what of it is in the database before starting again")
}

/// What came instead of learning the outcome. A signal stays a signal, and a failure that another replica met is one.
fn unlearned(line: &Line, reason: &str, failure: Failure) -> Failure {
    match failure.exit {
        Exit::Signal(_) | Exit::MigrationFailed => failure,
        _ => outcome_unknown(line, reason, &failure),
    }
}

/// What the command failed at, as the others see it by now: what it had applied before is pending no longer. `None` where
/// the server cannot be asked any more.
async fn left_undone(
    attempts: &Attempts<'_>,
    locked: &mut Locked,
    purpose: &ByCommand<'_>,
    begun: Undertaking,
) -> Option<Undertaking> {
    let Some(ledger) = purpose.ledger() else { return Some(begun) };
    let read = async { locked.session().read(Some(ledger)).await.map_err(Trouble::NotYet) };
    let Ok(reading) = attempts.bounded(read, None).await else {
        locked.abandon();
        return None;
    };
    Some(purpose.undertaking(&reading).unwrap_or(begun))
}
