//! `castoff resolve`: repairs the history after a failed migration, as the migration tool itself would record it.

use std::time::Duration;

use super::Life;
use crate::attempt::{Attempts, Ready};
use crate::engine::{DbError, Facts, Ledger, LockKey, Reading, Verdict};
use crate::exit::{Exit, Failure, Result};
use crate::format::{Amendment, Moment, Resolution, Site};
use crate::lock::{self, Locked, Outcome, Purpose, Undertaking};
use crate::migrate::record::{self, Unwritten};
use crate::migrate::{self, Migrating};
use crate::phase::Phase;
use crate::plan::Plans;

/// The lock is wanted whatever the history says.
struct Repairing<'a>(&'a Plans<'a>);

impl Purpose for Repairing<'_> {
    fn ledger(&self) -> Option<&Ledger> {
        self.0.ledger()
    }

    fn keys(&self, facts: &Facts) -> Vec<LockKey> {
        self.0.keys(facts)
    }

    fn is_needed(&self, _: &Reading) -> Result<bool> {
        Ok(true)
    }

    fn next(&self, _: &Reading) -> Result<Option<Undertaking>> {
        Ok(None)
    }
}

impl Life<'_> {
    /// Takes the lock and records that a migration is applied, or that nothing of it is left.
    pub(super) async fn resolve(
        &self,
        attempts: &mut Attempts<'_>,
        ready: Ready,
        plans: &Plans<'_>,
        (resolution, id): (Resolution, &str),
    ) -> Result<()> {
        let purpose = Repairing(plans);
        let limit = self.config.timeouts.lock;
        let outcome = self
            .interruptible(Phase::Lock, Box::pin(lock::acquire(attempts, ready, &purpose, limit)))
            .await?;
        let mut locked = match outcome {
            Outcome::Locked(locked) => locked,
            Outcome::NothingToDo(_) => return Ok(()),
        };
        let recorded = self.interruptible(Phase::Migrate, mend(&mut locked, plans, resolution, id)).await;
        if recorded.is_err() {
            // It may have been broken off in the middle of an answer.
            locked.abandon();
        }
        locked.release().await;
        match resolution {
            _ if !recorded? => {
                tracing::info!("nothing was to be recorded: no failure of migration {id} is left");
            }
            Resolution::Applied => tracing::info!("recorded migration {id} as applied"),
            Resolution::RolledBack => {
                tracing::info!("recorded migration {id} as rolled back; the next start applies it again");
            }
        }
        Ok(())
    }
}

/// One transaction, so that the history never tells half of it. Says whether there was anything to write.
async fn mend(locked: &mut Locked, plans: &Plans<'_>, resolution: Resolution, id: &str) -> Result<bool> {
    let Plans { migrations, engine, ledger, .. } = *plans;
    let history = locked.reading.history.clone();
    let rows = history.as_deref().unwrap_or_default();
    let facts = locked.reading.facts.clone();
    let site = Site { engine, facts: &facts, table: &ledger.table };
    let asked = Amendment { resolution, id, migrations: &migrations.list, history: rows };
    let entries = migrations.format.resolve(&site, &asked)?;
    if entries.is_empty() {
        return Ok(false);
    }
    let migrating =
        Migrating { engine, format: migrations.format, ledger, stop_grace: Duration::ZERO, queueing: None };
    migrate::prepare(locked, migrating).await.map_err(refused)?;
    let moment = Moment::after(Duration::ZERO);
    let statements: Vec<_> = entries.iter().map(|entry| entry.at(moment)).collect();
    let written = record::together(locked.session(), ledger, &statements).await;
    written.map(|()| true).map_err(|unwritten| match unwritten {
        Unwritten { error, at_commit: true } if error.verdict == Verdict::Lost => Failure::message(
            Exit::OutcomeUnknown,
            format!("the connection was lost while the history was being mended, and it may be mended or not: {error}"),
        )
        .hint("`castoff status` says what it holds now"),
        Unwritten { error, .. } => refused(error),
    })
}

fn refused(error: DbError) -> Failure {
    if error.verdict == Verdict::Lost {
        return Failure::message(
            Exit::Unavailable,
            format!("the connection was lost before the history was mended: {error}"),
        )
        .hint("nothing was recorded: run it again");
    }
    let exit = if error.is_permission() { Exit::Refused } else { Exit::MigrationFailed };
    Failure::message(exit, format!("the history could not be mended: {error}"))
        .hint(error.hint.unwrap_or_else(|| "see `castoff status` for what it says now".into()))
}
