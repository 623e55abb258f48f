//! Lock and migrate, again where a connection was lost and the history can tell what became of the work.

use std::time::Instant;

use super::hooks::{Around, Owing};
use super::{Life, Times};
use crate::attempt::{Attempts, Ready};
use crate::config::Timeouts;
use crate::duration::whole;
use crate::engine::{Ledger, Reading};
use crate::exit::{Exit, Failure, Result};
use crate::lock::{self, HOLDER_GRACE, Locked, Outcome};
use crate::migrate::{self, End, Migrating, Queueing, Stopper};
use crate::phase::Phase;
use crate::plan::{Interrupted, Plan, Planned, Plans};

impl Life<'_> {
    /// Applies what is pending, if anything is.
    pub(super) async fn migrate(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        plans: &Plans<'_>,
        times: &mut Times,
    ) -> Result<()> {
        let Timeouts { lock, migrate, .. } = self.config.timeouts;
        let Plans { ledger, .. } = *plans;
        let migrating = self.migrating(plans);
        let mut stopper = None;
        let mut lost: Option<Lost> = None;
        let (mut has_made_way, mut owes) = (false, false);
        let mut around = Around::default();
        loop {
            let plans = Plans { interrupted: lost.as_ref().map(Lost::interrupted), owes, ..*plans };
            let started = Instant::now();
            let wanted = Owing { purpose: &plans, owes_hook: around.owes_after };
            let outcome = self
                .interruptible(Phase::Lock, Box::pin(lock::acquire(attempts, ready, &wanted, lock)))
                .await;
            times.lock += started.elapsed();
            let mut locked = match outcome {
                Ok(Outcome::Locked(locked)) => locked,
                Ok(Outcome::NothingToDo(reading)) => return nothing_to_do(&plans, &reading, lost.is_some()),
                Err(failure) => return Err(Lost::explain(lost.as_ref(), failure)),
            };
            let plan = plans.plan(&locked.reading);
            let undecided = plan.as_ref().is_ok_and(Plan::is_undecided) && locked.contended;
            let newest = plan.as_ref().ok().and_then(Plan::newest).map(str::to_owned);
            let steps = plan.and_then(|plan| Ok((plan.steps(&plans, &locked.reading)?, plan)));
            let steps = match steps {
                Ok((steps, plan)) => {
                    if lost.is_none() {
                        warn_of_drift(&plan, &plans);
                    }
                    steps
                }
                Err(_) if undecided && !has_made_way => {
                    locked.release().await;
                    has_made_way = true;
                    ready = self.make_way(attempts, ledger, times).await?;
                    continue;
                }
                Err(failure) => {
                    locked.release().await;
                    return Err(Lost::explain(lost.as_ref(), failure));
                }
            };
            if let Some(lost) = lost.as_ref().filter(|lost| !lost.rerunnable)
                && steps.iter().any(|planned| planned.step.migration.id == lost.id)
            {
                locked.release().await;
                return Err(lost.outcome_unknown("it is not recorded, and it commits by itself"));
            }
            let waiting = Instant::now();
            let kept = self.await_remains(attempts, &mut locked, started).await;
            times.lock += waiting.elapsed();
            match kept {
                Ok(true) => {}
                Ok(false) => {
                    drop(locked);
                    ready = self
                        .wait_again(attempts, Some(ledger), times)
                        .await
                        .map_err(|failure| Lost::explain(lost.as_ref(), failure))?;
                    continue;
                }
                Err(failure) => {
                    locked.release().await;
                    return Err(Lost::explain(lost.as_ref(), failure));
                }
            }
            Phase::Migrate.enter();
            let started = Instant::now();
            let stopper = stopper.get_or_insert_with(|| Stopper::new(self.signal_number(), migrate));
            let work = (&plans, steps.as_slice(), migrating);
            let end = self.between_hooks(attempts, &mut locked, work, stopper, &mut around).await;
            times.migrate += started.elapsed();
            let again = match end {
                Ok(End::Applied(_)) => {
                    locked.release().await;
                    return Ok(());
                }
                Err(failure) => {
                    locked.release().await;
                    return Err(failure);
                }
                // The session is out of step with its server: it is dropped, never reused.
                Ok(End::LostBetween { .. }) => lost.take(),
                Ok(End::Lost { id, reason, rerunnable }) => {
                    if lost.as_ref().is_some_and(|before| before.id == id) {
                        return Err(lost_twice(&id, &reason));
                    }
                    let previous = before(&id, &steps).map(str::to_owned).or(newest);
                    Some(Lost { id, previous, reason, rerunnable })
                }
            };
            drop(locked);
            lost = again;
            // What the history does not record would be forgotten with what made it run.
            owes |= steps.iter().any(|planned| !planned.step.is_recorded());
            ready = self
                .wait_again(attempts, Some(ledger), times)
                .await
                .map_err(|failure| Lost::explain(lost.as_ref(), failure))?;
        }
    }

    /// How the steps are to be applied.
    fn migrating<'p>(&self, plans: &Plans<'p>) -> Migrating<'p> {
        let Timeouts { stop_grace, ddl_lock, .. } = self.config.timeouts;
        let Plans { migrations, engine, ledger, .. } = *plans;
        let queueing = ddl_lock.map(|limit| Queueing { limit, retries: self.config.ddl_lock_retries });
        Migrating { engine, format: migrations.format, ledger, stop_grace, queueing }
    }

    /// The migrations between the hooks; after a lost connection perhaps only the hook that is still owed.
    async fn between_hooks(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        (plans, steps, migrating): (&Plans<'_>, &[Planned], Migrating<'_>),
        stopper: &mut Stopper<'_>,
        around: &mut Around,
    ) -> Result<End> {
        let has_hook = self.config.hooks.after.is_some();
        if !steps.is_empty() {
            if !self.before_migrating(attempts, locked, plans, stopper, around).await? {
                return Ok(End::LostBetween { applied: 0 });
            }
            let end = migrate::run(locked, steps, migrating, stopper).await;
            let end = end.map_err(|failure| self.without_hook(failure))?;
            around.owes_after |= has_hook && !matches!(end, End::LostBetween { applied: 0 });
            if !matches!(end, End::Applied(_)) {
                return Ok(end);
            }
        }
        let applied = steps.len();
        let ran = self.after_migrating(attempts, locked, stopper).await?;
        Ok(if ran { End::Applied(applied) } else { End::LostBetween { applied } })
    }

    /// Whoever held the lock left a migration unfinished. It may have lost its connection, and knows better than anybody
    /// else what became of it: the lock is left free for a while.
    async fn make_way(
        &self,
        attempts: &mut Attempts<'_>,
        ledger: &Ledger,
        times: &mut Times,
    ) -> Result<Ready> {
        tracing::info!(
            "the lock is free and a migration unfinished: giving its holder {} to come back",
            whole(HOLDER_GRACE)
        );
        let pause = async {
            tokio::time::sleep(HOLDER_GRACE).await;
            Ok(())
        };
        self.interruptible(Phase::Lock, pause).await?;
        self.wait(attempts, Some(ledger), None, times).await
    }
}

pub(super) fn nothing_to_do(plans: &Plans<'_>, reading: &Reading, after_a_loss: bool) -> Result<()> {
    if !after_a_loss {
        tracing::info!(event = "migrate.none", "nothing is pending");
    }
    warn_of_drift(&plans.plan(reading)?, plans);
    Ok(())
}

/// The step before this one.
fn before<'a>(id: &str, steps: &'a [Planned]) -> Option<&'a str> {
    let ids = steps.iter().map(|planned| planned.step.migration.id.as_str());
    ids.take_while(|before| *before != id).last()
}

/// What policy lets pass is said all the same.
pub(super) fn warn_of_drift(plan: &Plan, plans: &Plans<'_>) {
    for warning in plan.warnings(plans.migrations, plans.policy) {
        tracing::warn!("{warning}");
    }
}

/// A migration whose connection was lost in the middle.
struct Lost {
    id: String,
    previous: Option<String>,
    reason: String,
    rerunnable: bool,
}

impl Lost {
    fn interrupted(&self) -> Interrupted<'_> {
        Interrupted { id: &self.id, previous: self.previous.as_deref() }
    }

    /// The history does not tell how far the work got, or cannot be asked.
    fn outcome_unknown(&self, why: impl std::fmt::Display) -> Failure {
        let Self { id, reason, .. } = self;
        Failure::message(
            Exit::OutcomeUnknown,
            format!(
                "the connection was lost while applying migration {id} ({reason}), and how far it got could not be \
                 learned: {why}"
            ),
        )
        .hint("see what of it is in the database before starting again")
    }

    /// What came instead of learning the outcome. A signal stays a signal, and a failure that another replica met
    /// at this migration is an outcome.
    fn unlearned(&self, failure: Failure) -> Failure {
        match failure.exit {
            Exit::Signal(_) | Exit::MigrationFailed => failure,
            _ => {
                let unknown = self.outcome_unknown(&failure);
                match failure.hint {
                    Some(hint) => unknown.hint(hint),
                    None => unknown,
                }
            }
        }
    }

    /// The failure, and what it means if a connection was lost before.
    fn explain(lost: Option<&Self>, failure: Failure) -> Failure {
        match lost {
            Some(lost) => lost.unlearned(failure),
            None => failure,
        }
    }
}

fn lost_twice(id: &str, reason: &str) -> Failure {
    Failure::message(
        Exit::MigrationFailed,
        format!("migration {id} failed: the server ended the connection twice while running it: {reason}"),
    )
    .hint("see the server's log: it may have crashed or run out of memory at this migration")
}
