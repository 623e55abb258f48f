//! `--before-migrate` and `--after-migrate`: commands of the user's around the migrations, under their lock.

use std::time::Instant;

use super::Life;
use super::errand::{Errand, Judgement, Returned};
use crate::attempt::Attempts;
use crate::command::{Line, find};
use crate::duration::milliseconds;
use crate::engine::{Facts, Ledger, LockKey, Reading};
use crate::exit::{Exit, Failure, Result};
use crate::lock::{Locked, Purpose, Undertaking};
use crate::migrate::{Stopper, hold_failure};
use crate::phase::Phase;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hook {
    Before,
    After,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "before-migrate",
            Self::After => "after-migrate",
        }
    }

    fn errand(self, line: &Line) -> Errand<'_> {
        let (role, consequence, hint) = match self {
            Self::Before => (
                "the before-migrate hook",
                "; nothing was applied",
                "what it printed says why; mend that and deploy again",
            ),
            Self::After => (
                "the after-migrate hook",
                "; the migrations are applied",
                "the next start finds nothing pending and does not run it: once it is mended, run it by hand",
            ),
        };
        Errand { line, role, consequence, hint, told: None }
    }
}

/// What has run and what is still to run, however often the connection is lost in between.
#[derive(Default)]
pub(super) struct Around {
    /// A backup that was taken is not replaced by one of what was half migrated since.
    before_ran: bool,
    /// Something was applied, or may have been, and the hook behind it has not run.
    pub(super) owes_after: bool,
}

/// What the lock is wanted for, and for a hook that is still owed.
pub(super) struct Owing<'a> {
    pub(super) purpose: &'a dyn Purpose,
    pub(super) owes_hook: bool,
}

impl Purpose for Owing<'_> {
    fn ledger(&self) -> Option<&Ledger> {
        self.purpose.ledger()
    }

    fn keys(&self, facts: &Facts) -> Vec<LockKey> {
        self.purpose.keys(facts)
    }

    fn is_needed(&self, reading: &Reading) -> Result<bool> {
        Ok(self.owes_hook || self.purpose.is_needed(reading)?)
    }

    fn next(&self, reading: &Reading) -> Result<Option<Undertaking>> {
        self.purpose.next(reading)
    }
}

impl Life<'_> {
    /// Both hooks are looked for, then the first runs. Says whether the lock is still ours.
    ///
    /// # Errors
    ///
    /// 80 where a hook is not there or fails; the other replicas are told. 128+n and 81 where it was stopped.
    pub(super) async fn before_migrating(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        purpose: &dyn Purpose,
        stopper: &mut Stopper<'_>,
        around: &mut Around,
    ) -> Result<bool> {
        let hooks = &self.config.hooks;
        if around.before_ran || !hooks.any() {
            return Ok(true);
        }
        for line in hooks.before.iter().chain(&hooks.after) {
            find(line, &self.config.environment)?;
        }
        let Some(line) = &hooks.before else { return Ok(true) };
        let next = purpose.next(&locked.reading)?;
        match self.run_hook(attempts, locked, Hook::Before, line, stopper).await? {
            Hooked::Done => around.before_ran = true,
            Hooked::LostBefore => return Ok(false),
            Hooked::LostWithin(reason) => {
                tracing::warn!(
                    "the lock was lost while the before-migrate hook ran, and it was ended: {reason}; taking the lock again"
                );
                return Ok(false);
            }
            Hooked::Failed(failure) => {
                if let Some(next) = next {
                    hold_failure(locked, &next, stopper).await;
                }
                return Err(failure);
            }
        }
        // It may have taken hours.
        self.still_locked(attempts, locked, "a hook").await
    }

    /// Runs the hook behind the migrations. Says whether it could run: without the lock it does not.
    ///
    /// # Errors
    ///
    /// 80 where it fails, 128+n and 81 where it was stopped, 74 where the lock was lost while it ran.
    pub(super) async fn after_migrating(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        stopper: &mut Stopper<'_>,
    ) -> Result<bool> {
        let Some(line) = &self.config.hooks.after else { return Ok(true) };
        match self.run_hook(attempts, locked, Hook::After, line, stopper).await? {
            Hooked::Done => Ok(true),
            Hooked::LostBefore => Ok(false),
            Hooked::Failed(failure) => Err(failure),
            Hooked::LostWithin(reason) => Err(Failure::message(
                Exit::OutcomeUnknown,
                format!(
                    "the lock was lost while the after-migrate hook `{}` ran, and it was ended in the middle: {reason}; \
                     the migrations are applied",
                    line.name()
                ),
            )
            .hint("see how far it got; the next start finds nothing pending and does not run it")),
        }
    }

    /// What a stop in the middle of the migrations means for the hook behind them.
    pub(super) fn without_hook(&self, failure: Failure) -> Failure {
        match (&self.config.hooks.after, failure.exit) {
            (Some(line), Exit::Signal(_) | Exit::MigrateTimeout) => {
                let hint = failure.hint.as_ref().map(|hint| format!("{hint}; ")).unwrap_or_default();
                failure.hint(format!(
                    "{hint}the after-migrate hook `{}` has not run: the next start runs it only if something is still \
                     pending then",
                    line.name()
                ))
            }
            _ => failure,
        }
    }

    async fn run_hook(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        hook: Hook,
        line: &Line,
        stopper: &mut Stopper<'_>,
    ) -> Result<Hooked> {
        let errand = hook.errand(line);
        if let Some(stop) = stopper.requested_already().await {
            let failure = stop.failure(&format!("{} did not run{}", errand.name(), errand.consequence));
            return Err(if hook == Hook::After { failure.hint(errand.hint) } else { failure });
        }
        if !self.still_locked(attempts, locked, "a hook").await? {
            return Ok(Hooked::LostBefore);
        }
        Phase::Migrate.enter();
        let started = Instant::now();
        let name = hook.name();
        tracing::info!(event = "hook.start", hook = name, "running {}", errand.name());
        let Returned { judgement, lost } = self.run_errand(attempts, locked, &errand, stopper).await?;
        Ok(match (judgement, lost) {
            (Judgement::Succeeded, lost) => {
                let elapsed_ms = milliseconds(started.elapsed());
                tracing::info!(
                    event = "hook.done",
                    hook = name,
                    elapsed_ms,
                    "{} ended after {elapsed_ms} ms",
                    errand.name()
                );
                match (hook, lost) {
                    (Hook::Before, Some(reason)) => Hooked::LostWithin(reason),
                    _ => Hooked::Done,
                }
            }
            (Judgement::Lost(reason), _) => Hooked::LostWithin(reason),
            (Judgement::Failed(failure), None) => Hooked::Failed(failure),
            (Judgement::Failed(failure) | Judgement::Stopped(failure), _) => return Err(failure),
        })
    }
}

/// What came of a hook.
enum Hooked {
    Done,
    /// The lock was lost before it was started.
    LostBefore,
    /// The lock was lost while it ran, for this reason.
    LostWithin(String),
    /// It failed.
    Failed(Failure),
}
