//! Lock and migrate, again where a connection was lost and the history can tell what became of the work.

use std::time::Instant;

use super::hooks::{Around, Owing};
use super::lost::{Lost, lost_twice};
use super::{Life, Times};
use crate::attempt::{Attempts, Ready};
use crate::config::Timeouts;
use crate::duration::whole;
use crate::engine::{Ledger, Reading};
use crate::exit::Result;
use crate::lock::{self, HOLDER_GRACE, Locked, Outcome};
use crate::migrate::{self, End, Migrating, Queueing, Stopper};
use crate::phase::Phase;
use crate::plan::{Plan, Planned, Plans};

impl Life<'_> {
    /// Applies what is pending, if anything is, or takes back what is to be taken back.
    pub(super) async fn migrate(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        plans: &Plans<'_>,
        times: &mut Times,
    ) -> Result<()> {
        let Timeouts { lock, migrate, .. } = self.config.timeouts;
        let ledger = plans.ledger;
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
            let steps = match decide(&plans, &locked, lost.as_ref(), has_made_way) {
                Ok(Some(steps)) => steps,
                Ok(None) => {
                    locked.release().await;
                    has_made_way = true;
                    ready = self.make_way(attempts, ledger, times).await?;
                    continue;
                }
                Err(failure) => {
                    locked.release().await;
                    return Err(failure);
                }
            };
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
                    let newest = || plans.plan(&locked.reading).ok()?.newest().map(str::to_owned);
                    let previous = before(&id, &steps).map(str::to_owned).or_else(newest);
                    let goes_back = plans.back.is_some();
                    Some(Lost { id, previous, reason, rerunnable, goes_back })
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
    pub(super) fn migrating<'p>(&self, plans: &Plans<'p>) -> Migrating<'p> {
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
        if plans.back.is_some() {
            return migrate::run(locked, steps, migrating, stopper).await;
        }
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
    let plan = plans.plan(reading)?;
    if plans.back.is_some() {
        let newest =
            plan.newest().map_or("no migration is applied".into(), |id| format!("{id} is the newest"));
        tracing::info!(event = "revert.none", "nothing is to be reverted: {newest}");
        return Ok(());
    }
    if !after_a_loss {
        tracing::info!(event = "migrate.none", "nothing is pending");
    }
    warn_of_drift(&plan, plans);
    Ok(())
}

/// What is to be done under the lock; `None` where whoever held it before may know better.
fn decide(
    plans: &Plans<'_>,
    locked: &Locked,
    lost: Option<&Lost>,
    has_made_way: bool,
) -> Result<Option<Vec<Planned>>> {
    let plan = plans.plan(&locked.reading);
    let undecided = plan.as_ref().is_ok_and(Plan::is_undecided) && locked.contended;
    let decided = plan.and_then(|plan| Ok((plan.steps(plans, &locked.reading)?, plan)));
    let steps = match decided {
        Ok((steps, plan)) => {
            if lost.is_none() {
                warn_of_drift(&plan, plans);
            }
            steps
        }
        Err(_) if undecided && !has_made_way => return Ok(None),
        Err(failure) => return Err(Lost::explain(lost, failure)),
    };
    match lost.filter(|lost| !lost.rerunnable) {
        Some(lost) if steps.iter().any(|planned| planned.step.migration.id == lost.id) => {
            Err(lost.outcome_unknown("it is not recorded, and it commits by itself"))
        }
        _ => Ok(Some(steps)),
    }
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
