//! Phase three: apply the pending migrations on the session that holds the lock, or take applied ones back.
//!
//! A failure never looks like success, nor the reverse: whatever ends this phase, the history says what is true, and
//! no statement of ours is left running on the server.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::duration::{milliseconds, whole};
use crate::engine::{DbError, Engine, Ledger, Reading, Session, Statement};
use crate::exit::Result;
use crate::format::{Atomicity, Format};
use crate::lock::{Locked, Undertaking};
use crate::plan::{Planned, Residue};

mod apply;
mod broken;
mod progress;
pub(crate) mod record;
pub(crate) mod rehearsal;
mod report;
mod retry;
mod stop;
mod watch;
mod witness;
mod words;

use broken::is_lost;
pub(crate) use progress::told;
use progress::{Position, Subject};
pub use retry::Queueing;
use stop::{Ended, Patience};
pub use stop::{Stop, Stopper};
use watch::Watch;

/// How long a process that failed keeps the lock, so that every replica that waits sees the failure instead of
/// running into it by itself.
const FAILURE_HELD: Duration = Duration::from_secs(3);

/// How long telling the others may take.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(1);

/// What the phase needs to know.
#[derive(Clone, Copy)]
pub struct Migrating<'a> {
    /// The engine.
    pub engine: Engine,
    /// The tool whose migrations they are.
    pub format: &'static dyn Format,
    /// The history table.
    pub ledger: &'a Ledger,
    /// After a signal: how long work that cannot be rolled back may go on.
    pub stop_grace: Duration,
    /// How long statements may queue for a table's lock; `None` for as long as the server lets them.
    pub queueing: Option<Queueing>,
}

/// How the phase ended, if not in a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything was applied; how many migrations that were.
    Applied(usize),
    /// The connection or the lock was lost between two migrations: nothing was under way.
    LostBetween {
        /// How many steps were applied before.
        applied: usize,
    },
    /// The connection was lost at this migration; what became of it can be read from the history.
    Lost {
        /// The migration that was running.
        id: String,
        /// What the connection's end looked like.
        reason: String,
        /// Whether it may simply be run again if the history does not know it.
        rerunnable: bool,
    },
}

/// Applies the steps in order.
///
/// # Errors
///
/// 80 where a migration failed, 128+n after a signal, 81 after the migrate timeout.
pub async fn run(
    locked: &mut Locked,
    steps: &[Planned],
    migrating: Migrating<'_>,
    stopper: &mut Stopper<'_>,
) -> Result<End> {
    let keeps = locked.reading.facts.slots_to_spare;
    let mut watch = Watch::over(locked.session().canceller(), keeps);
    let end = watched(locked, steps, migrating, stopper, &mut watch).await;
    watch.close().await;
    end
}

/// [`run`], looked after by a second connection.
async fn watched(
    locked: &mut Locked,
    steps: &[Planned],
    migrating: Migrating<'_>,
    stopper: &mut Stopper<'_>,
    watch: &mut Watch,
) -> Result<End> {
    let started = Instant::now();
    let preparing = Subject {
        id: None,
        name: format!("preparing {}", migrating.ledger.table),
        migration: None,
        count: (0, steps.len()),
    };
    match stop::supervise(prepare(locked, migrating), watch, &preparing, stopper, Patience::NONE).await {
        Ended::With(Ok(()), None) => {}
        Ended::With(Err(error), None) if !is_lost(&error) => {
            return Err(report::preparation(&error, migrating.ledger));
        }
        Ended::With(Ok(()) | Err(_), Some(stop)) => return Err(report::stopped_preparing(stop)),
        Ended::Abandoned(stop) => {
            locked.abandon();
            return Err(report::stopped_preparing(stop));
        }
        Ended::With(Err(_), None) | Ended::Gone(_) => return Ok(End::LostBetween { applied: 0 }),
    }
    let pending = steps.iter().filter(|planned| planned.step.is_recorded()).count();
    let goes_back = steps.iter().any(|planned| planned.step.back.is_some());
    words::begun(goes_back, pending);
    for (index, planned) in steps.iter().enumerate() {
        // A script can give the locks back and undo the session's settings.
        if index > 0 && !locked.secure().await.unwrap_or(false) {
            tracing::warn!("the lock was lost after a migration: taking it again before the next");
            return Ok(End::LostBetween { applied: index });
        }
        if let Some(end) = one(locked, migrating, planned, stopper, (watch, (index, steps.len()))).await? {
            return Ok(end);
        }
    }
    words::ended(goes_back, pending, milliseconds(started.elapsed()));
    Ok(End::Applied(pending))
}

/// Makes the session safe to die on, gives it the tool's settings, and creates the history table.
pub(crate) async fn prepare(locked: &mut Locked, migrating: Migrating<'_>) -> Result<(), DbError> {
    locked.secure().await?;
    let found = Found::of(&locked.reading);
    furnish(locked.session(), migrating, found).await
}

/// What of the history is there before it is written to.
#[derive(Clone, Copy)]
struct Found {
    history: bool,
    schema: bool,
}

impl Found {
    fn of(reading: &Reading) -> Self {
        Self { history: reading.history.is_some(), schema: reading.facts.schema_exists }
    }
}

/// The tool's settings, and the history table.
async fn furnish(
    session: &mut dyn Session,
    Migrating { engine, format, ledger, .. }: Migrating<'_>,
    found: Found,
) -> Result<(), DbError> {
    for setting in format.session_settings(engine).into_iter().chain(session.settings_of_url()) {
        session.send(&setting).await.map_err(|failed| failed.error)?;
    }
    if !found.history {
        let schema = (!found.schema).then_some("CREATE SCHEMA IF NOT EXISTS {schema}");
        let create = schema.into_iter().chain(ledger.create.iter().map(String::as_str));
        let create: Vec<_> =
            create.map(|sql| Statement { sql: sql.to_owned(), params: Vec::new() }).collect();
        record::together(session, ledger, &create).await.map_err(|unwritten| unwritten.error)?;
    }
    Ok(())
}

/// One step, watched for reasons to stop. `None` if it was applied.
async fn one(
    locked: &mut Locked,
    migrating: Migrating<'_>,
    planned: &Planned,
    stopper: &mut Stopper<'_>,
    (watch, count): (&mut Watch, (usize, usize)),
) -> Result<Option<End>> {
    let Migrating { ledger, stop_grace, .. } = migrating;
    let step = &planned.step;
    let id = step.migration.id.as_str();
    if let Some(reason) = stopper.requested_already().await {
        return Err(report::stopped_before(reason, step));
    }
    tracing::info!(event = "migration.start", id, "{} {}", words::doing(step), step.migration.file.display());
    // What cannot be rolled back may finish and be recorded; what can is cancelled at once.
    let rolls_back = step.atomicity == Atomicity::Together && planned.residue == Residue::Nothing;
    let patience = match (rolls_back, step.mark.is_empty()) {
        (true, true) => Patience::NONE,
        (true, false) => Patience::to_unmark(stop_grace),
        (false, _) => Patience::to_finish(stop_grace),
    };
    let stopping = stopper.stopping();
    let position = Position::default();
    let subject = Subject {
        id: Some(id),
        name: step.migration.file.display().to_string(),
        migration: Some((migrating.engine, &step.migration, &position)),
        count,
    };
    let work = apply::apply(locked.session_and_keys(), migrating, planned, &stopping, &position);
    match stop::supervise(work, watch, &subject, stopper, patience).await {
        Ended::With(Ok(elapsed), stopped) => {
            words::done(step, milliseconds(elapsed));
            stopped.map_or(Ok(None), |reason| Err(report::stopped_after(reason, step)))
        }
        Ended::With(Err(broken), Some(reason)) => {
            Err(report::stopped_within(reason, migrating, planned, &broken))
        }
        Ended::Abandoned(reason) => {
            locked.abandon();
            Err(report::abandoned(reason, step, ledger))
        }
        Ended::Gone(reason) => Ok(Some(report::lost(planned, reason))),
        Ended::With(Err(broken), None) if is_lost(&broken.error) => {
            Ok(Some(report::lost(planned, broken.error.to_string())))
        }
        Ended::With(Err(broken), None) => {
            let failure = report::failed(migrating, planned, &broken);
            // Nobody else is about to take it back.
            if step.back.is_none() {
                hold_failure(locked, &Undertaking::migration(&step.migration), stopper).await;
            }
            Err(failure)
        }
    }
}

/// Keeps the lock a moment under a name that tells what failed, so that one failure stays one failure.
pub(crate) async fn hold_failure(locked: &mut Locked, failed: &Undertaking, stopper: &mut Stopper<'_>) {
    match timeout(ANNOUNCE_LIMIT, locked.session().announce_failure(&failed.mark)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!("cannot tell other replicas of the failure: {error}");
            return;
        }
        Err(_) => {
            locked.abandon();
            return;
        }
    }
    tracing::info!("keeping the lock for {} so that waiting replicas see the failure", whole(FAILURE_HELD));
    tokio::select! {
        () = sleep(FAILURE_HELD) => {}
        _ = stopper.requested() => {}
    }
}

#[cfg(test)]
mod tests;
