//! One step on a session: script and bookkeeping, in one transaction or apart.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{DbError, Engine, Ledger, Session, Statement, Verdict};
use crate::format::{Atomicity, Step};
use crate::plan::{Planned, Residue, is_split};
use crate::script;

/// A step that did not go through.
#[derive(Debug)]
pub(super) struct Broken {
    /// What it was doing.
    pub(super) during: During,
    /// The error.
    pub(super) error: DbError,
    /// Whether the database is as it was before the step.
    pub(super) taken_back: bool,
}

/// The part of a step that an error came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum During {
    /// Opening the transaction, or a mark before the script.
    Before,
    /// This statement of the script, counted from 0.
    Script(usize),
    /// The bookkeeping after it.
    After,
    /// The commit: deferred constraints speak here.
    Commit,
}

/// Whether an error leaves open what happened.
pub(super) fn is_lost(error: &DbError) -> bool {
    error.verdict == Verdict::Lost
}

/// Applies a step and records it. Returns how long it took.
pub(super) async fn apply(
    session: &mut dyn Session,
    engine: Engine,
    ledger: &Ledger,
    planned: &Planned,
) -> Result<Duration, Broken> {
    let step = &planned.step;
    let started = Instant::now();
    let result = match step.atomicity {
        Atomicity::Together => together(session, ledger, step, started).await,
        Atomicity::Apart => apart(session, engine, ledger, step, started).await,
    };
    if let Err(mut broken) = result {
        if !is_lost(&broken.error) {
            broken.taken_back = take_back(session, ledger, planned, &broken).await;
        }
        return Err(broken);
    }
    let elapsed = started.elapsed();
    // The tools accept that this is lost: it is there for people who look at the table.
    if let Err((_, error)) = bookkeeping(session, ledger, &step.finally, During::After, elapsed).await {
        tracing::debug!("recording how long migration {} took: {error}", step.migration.id);
    }
    Ok(elapsed)
}

type Outcome = Result<(), (During, DbError)>;

async fn together(
    session: &mut dyn Session,
    ledger: &Ledger,
    step: &Step,
    started: Instant,
) -> Result<(), Broken> {
    let result: Outcome = async {
        session.begin().await.map_err(|failed| (During::Before, failed.error))?;
        bookkeeping(session, ledger, &step.before, During::Before, Duration::ZERO).await?;
        whole(session, &step.migration.sql).await?;
        bookkeeping(session, ledger, &step.after, During::After, started.elapsed()).await?;
        session.send("COMMIT").await.map_err(|failed| (During::Commit, failed.error))
    }
    .await;
    result.map_err(broken)
}

async fn apart(
    session: &mut dyn Session,
    engine: Engine,
    ledger: &Ledger,
    step: &Step,
    started: Instant,
) -> Result<(), Broken> {
    let result: Outcome = async {
        bookkeeping(session, ledger, &step.before, During::Before, Duration::ZERO).await?;
        if is_split(engine, &step.migration.sql) {
            for (index, statement) in script::statements(engine, &step.migration.sql).iter().enumerate() {
                session.send_apart(statement.text, step.resumed).await.map_err(|error| {
                    (During::Script(index), within(error, statement.offset, &step.migration.sql))
                })?;
            }
        } else {
            whole(session, &step.migration.sql).await?;
        }
        bookkeeping(session, ledger, &step.after, During::After, started.elapsed()).await
    }
    .await;
    result.map_err(broken)
}

fn broken((during, error): (During, DbError)) -> Broken {
    Broken { during, error, taken_back: false }
}

async fn whole(session: &mut dyn Session, sql: &str) -> Outcome {
    session.send(sql).await.map_err(|failed| (During::Script(failed.completed), failed.error))
}

async fn bookkeeping(
    session: &mut dyn Session,
    ledger: &Ledger,
    statements: &[Statement],
    during: During,
    elapsed: Duration,
) -> Outcome {
    for statement in statements {
        session.execute(ledger, statement, elapsed).await.map_err(|error| (during, error))?;
    }
    Ok(())
}

/// Moves an error's position from the statement that was sent to the file it stands in.
fn within(error: DbError, statement_offset: usize, sql: &str) -> DbError {
    let before = sql.get(..statement_offset).map_or(0, |text| text.chars().count());
    DbError { offset: error.offset.map(|offset| offset + before), ..error }
}

/// After an error: ends the transaction, or takes the mark back where nothing of the script can have stayed.
/// Returns whether the database is as before.
async fn take_back(session: &mut dyn Session, ledger: &Ledger, planned: &Planned, broken: &Broken) -> bool {
    let Planned { step, residue } = planned;
    match step.atomicity {
        Atomicity::Together => session.send("ROLLBACK").await.is_ok() && *residue == Residue::Nothing,
        Atomicity::Apart => {
            let untouched = match (broken.during, residue) {
                (During::Before, _) | (During::Script(_), Residue::Nothing) => true,
                (During::Script(0), Residue::Part { unless_first, .. }) => *unless_first,
                (During::Script(0), Residue::Index) => broken.error.left_nothing && !step.resumed,
                _ => false,
            };
            untouched && bookkeeping(session, ledger, &step.undo, During::After, Duration::ZERO).await.is_ok()
        }
    }
}
