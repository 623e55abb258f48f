//! One step on a session: script and bookkeeping, in one transaction or apart.

use std::time::Duration;

use tokio::time::Instant;

use super::broken::{Broken, During, Left, is_lost};
use super::progress::Position;
use super::retry::Retries;
use super::stop::Stopping;
use super::{Migrating, record, report};
use crate::engine::{DbError, Engine, Ledger, LockKey, Session};
use crate::format::{Atomicity, Entry, Migration, Moment, Part, Step};
use crate::plan::{Planned, Residue};
use crate::script;

/// Applies a step and records it. Returns how long it took.
pub(super) async fn apply(
    (session, keys): (&mut dyn Session, &[LockKey]),
    migrating: Migrating<'_>,
    planned: &Planned,
    stopping: &Stopping,
    position: &Position,
) -> Result<Duration, Broken> {
    let step = &planned.step;
    let ledger = migrating.ledger;
    let started = Instant::now();
    let mut retries = Retries::new(migrating, planned, keys, (stopping, position));
    let result = match step.atomicity {
        Atomicity::Together => together(session, ledger, step, started, &mut retries).await,
        Atomicity::Apart => apart(session, migrating, step, started, &mut retries).await,
    };
    if let Err((during, mut error)) = result {
        error.lock_timeout = retries.gave_up();
        let left = if is_lost(&error) {
            Left::Part
        } else {
            settle(session, migrating, planned, (during, &error), stopping).await
        };
        return Err(Broken { during, error, left });
    }
    let elapsed = started.elapsed();
    // The tools accept that this is lost: it is there for people who look at the table.
    if let Err((_, error)) = write(session, ledger, &step.finally, During::After, elapsed).await {
        tracing::debug!("recording how long migration {} took: {error}", step.migration.id);
    }
    Ok(elapsed)
}

type Outcome = Result<(), (During, DbError)>;

/// All of it in one transaction, on MySQL as far as that goes. What is rolled back may be tried again, under the same mark.
async fn together(
    session: &mut dyn Session,
    ledger: &Ledger,
    step: &Step,
    started: Instant,
    retries: &mut Retries<'_>,
) -> Outcome {
    mark(session, ledger, step).await?;
    loop {
        match transaction(session, ledger, step, started, retries).await {
            Err((during, error)) if error.lock_timeout && retries.whole_within().is_some() => {
                let rolled_back = session.send("ROLLBACK").await;
                rolled_back.map_err(|failed| (during, failed.error))?;
                retries.again(session, during, error).await.map_err(|error| (during, error))?;
            }
            outcome => return outcome,
        }
    }
}

async fn transaction(
    session: &mut dyn Session,
    ledger: &Ledger,
    step: &Step,
    started: Instant,
    retries: &mut Retries<'_>,
) -> Outcome {
    let begun = match retries.whole_within() {
        Some(limit) => session.begin_within(limit).await,
        None => session.begin().await,
    };
    begun.map_err(|failed| (During::Before, failed.error))?;
    write(session, ledger, &step.before, During::Before, Duration::ZERO).await?;
    for (index, part) in step.migration.parts.iter().enumerate() {
        whole(session, index, part, retries).await?;
    }
    write(session, ledger, &step.after, During::After, started.elapsed()).await?;
    session.send("COMMIT").await.map_err(|failed| (During::Commit, failed.error))
}

async fn apart(
    session: &mut dyn Session,
    Migrating { engine, ledger, .. }: Migrating<'_>,
    step: &Step,
    started: Instant,
    retries: &mut Retries<'_>,
) -> Outcome {
    mark(session, ledger, step).await?;
    write(session, ledger, &step.before, During::Before, Duration::ZERO).await?;
    own_transaction(session, engine, step, retries).await?;
    write(session, ledger, &step.after, During::After, started.elapsed()).await?;
    end_transaction(session, engine, &step.migration, "COMMIT").await.map_err(|error| (During::Commit, error))
}

/// A script outside castoff's transaction. If it is one by itself, it is tried again like one.
async fn own_transaction(
    session: &mut dyn Session,
    engine: Engine,
    step: &Step,
    retries: &mut Retries<'_>,
) -> Outcome {
    let Some(limit) = retries.whole_within() else { return by_parts(session, engine, step, retries).await };
    let outcome = loop {
        let limited = session.limit_queueing(Some(limit)).await;
        limited.map_err(|error| (During::Before, error))?;
        let (during, error) = match by_parts(session, engine, step, retries).await {
            Err((during, error)) if error.lock_timeout => (during, error),
            outcome => break outcome,
        };
        let rolled_back = session.send("ROLLBACK").await;
        rolled_back.map_err(|failed| (during, failed.error))?;
        if let Err(error) = retries.again(session, during, error).await {
            break Err((during, error));
        }
    };
    unlimited(session, outcome).await
}

/// Takes the limit back: what castoff itself does next is not to be tried again.
async fn unlimited(session: &mut dyn Session, outcome: Outcome) -> Outcome {
    if outcome.as_ref().is_err_and(|(_, error)| is_lost(error)) {
        return outcome;
    }
    let unlimited = session.limit_queueing(None).await;
    outcome.and(unlimited.map_err(|error| (During::After, error)))
}

async fn by_parts(
    session: &mut dyn Session,
    engine: Engine,
    step: &Step,
    retries: &mut Retries<'_>,
) -> Outcome {
    for (index, part) in step.migration.parts.iter().enumerate() {
        let statements = script::statements(engine, &part.sql);
        // Nothing is sent of a file without a statement: MySQL calls an empty query an error.
        if part.rows.is_some() || !statements.is_empty() && !script::must_be_split(engine, &part.sql) {
            whole(session, index, part, retries).await?;
            continue;
        }
        for (number, statement) in statements.iter().enumerate() {
            retries.position.at_statement(index, number);
            let sent = session.send_apart(statement.text, step.resumed).await;
            sent.map_err(|error| {
                (During::Script { part: index, number }, within(error, statement.offset, &part.sql))
            })?;
        }
    }
    Ok(())
}

/// Ends a transaction that a script has begun and not ended: it would take the bookkeeping with it when the session ends,
/// and nothing of what was said to be applied would be there.
async fn end_transaction(
    session: &mut dyn Session,
    engine: Engine,
    migration: &Migration,
    how: &str,
) -> Result<(), DbError> {
    let text = match engine {
        Engine::Postgres => {
            let statements = migration.statements(engine);
            if !statements.iter().any(|statement| script::controls_transaction(engine, statement.text)) {
                return Ok(());
            }
            how.to_owned()
        }
        // Dumps switch this off, and leave it off; then every statement begins one.
        Engine::MySql => format!("{how}; SET autocommit = 1"),
        Engine::Sqlite => how.to_owned(),
    };
    match session.send(&text).await {
        // SQLite's answer where there is nothing to end.
        Err(failed) if failed.error.message.contains("no transaction is active") => Ok(()),
        ended => ended.map_err(|failed| failed.error),
    }
}

/// One part as it is; on MySQL, with what waits for tables limited.
async fn whole(session: &mut dyn Session, index: usize, part: &Part, retries: &mut Retries<'_>) -> Outcome {
    retries.position.at_part(index);
    let sent = match (&part.rows, retries.each_within()) {
        (Some(rows), _) => session.copy_in(&part.sql, rows).await.map_err(|error| (0, error)),
        (None, Some(limit)) => return by_stretches(session, (index, part), limit, retries).await,
        (None, None) => {
            retries.send(session, &part.sql).await.map_err(|failed| (failed.completed, failed.error))
        }
    };
    sent.map_err(|(number, error)| (During::Script { part: index, number }, error))
}

/// One part, the limit set where its statements wait for tables. The one that waited too long is sent again with what
/// follows it, never what went through before it.
async fn by_stretches(
    session: &mut dyn Session,
    (index, part): (usize, &Part),
    limit: Duration,
    retries: &mut Retries<'_>,
) -> Outcome {
    let sql = part.sql.as_str();
    let statements = script::statements(Engine::MySql, sql);
    let offset = |number: usize| statements.get(number).map_or(sql.len(), |statement| statement.offset);
    let stretches = script::stretches(sql, &statements);
    let mut outcome = Ok(());
    for stretch in &stretches {
        let mut next = stretch.first;
        if stretch.queues {
            let limited = session.limit_queueing(Some(limit)).await;
            limited.map_err(|error| (During::Script { part: index, number: next }, error))?;
        }
        outcome = loop {
            if stretch.end == next + 1 {
                retries.position.at_statement(index, next);
            } else {
                retries.position.at_part(index);
            }
            let begin = if next == 0 { 0 } else { offset(next) };
            let text = sql.get(begin..offset(stretch.end)).unwrap_or_default();
            let sent =
                if stretch.queues { retries.send(session, text).await } else { session.send(text).await };
            let Err(failed) = sent else { break Ok(()) };
            next += failed.completed;
            let during = During::Script { part: index, number: next };
            let error = within(failed.error, begin, sql);
            if !(error.lock_timeout && stretch.queues && next < stretch.end) {
                break Err((during, error));
            }
            if let Err(error) = retries.again(session, during, error).await {
                break Err((during, error));
            }
        };
        if stretch.queues {
            outcome = unlimited(session, outcome).await;
        }
        if outcome.is_err() {
            break;
        }
    }
    outcome
}

/// Says that the migration was begun.
async fn mark(session: &mut dyn Session, ledger: &Ledger, step: &Step) -> Outcome {
    let marked = together_at(session, ledger, &step.mark, Moment::after(Duration::ZERO)).await;
    marked.map_err(|error| (During::Mark, error))
}

/// Writes entries that belong together, at one moment.
async fn together_at(
    session: &mut dyn Session,
    ledger: &Ledger,
    entries: &[Entry],
    moment: Moment<'_>,
) -> Result<(), DbError> {
    let statements: Vec<_> = entries.iter().map(|entry| entry.at(moment)).collect();
    record::together(session, ledger, &statements).await.map_err(|unwritten| unwritten.error)
}

async fn write(
    session: &mut dyn Session,
    ledger: &Ledger,
    entries: &[Entry],
    during: During,
    elapsed: Duration,
) -> Outcome {
    for entry in entries {
        let statement = entry.at(Moment::after(elapsed));
        session.execute(ledger, &statement).await.map_err(|error| (during, error))?;
    }
    Ok(())
}

/// Moves an error's position from the statement that was sent to the file it stands in.
fn within(error: DbError, statement_offset: usize, sql: &str) -> DbError {
    let before = sql.get(..statement_offset).map_or(0, |text| text.chars().count());
    DbError { offset: error.offset.map(|offset| offset + before), ..error }
}

/// After an error: ends the transaction, and makes the history say what is true.
///
/// Work that was stopped, or did not get its lock, and of which nothing stayed has not failed: it is to be done by the
/// next start.
async fn settle(
    session: &mut dyn Session,
    migrating: Migrating<'_>,
    planned: &Planned,
    (during, error): (During, &DbError),
    stopping: &Stopping,
) -> Left {
    let Planned { step, residue } = planned;
    let ledger = migrating.ledger;
    // It stood in a queue, and what was before that was rolled back with it.
    let never_began = error.lock_timeout && (migrating.engine == Engine::Postgres || during.is_first());
    let is_bookkeeping = matches!(during, During::Mark | During::Before);
    let untouched = match step.atomicity {
        Atomicity::Together => {
            let nothing_stays = is_bookkeeping || *residue == Residue::Nothing || never_began;
            session.send("ROLLBACK").await.is_ok() && nothing_stays
        }
        Atomicity::Apart => {
            // What is recorded of the failure must not end with it.
            let ended = end_transaction(session, migrating.engine, &step.migration, "ROLLBACK").await;
            if let Err(error) = ended {
                tracing::debug!("ending the transaction of migration {}: {error}", step.migration.id);
            }
            match residue {
                _ if is_bookkeeping => true,
                Residue::Nothing => during.is_script(),
                Residue::Part { unless_first, .. } => during.is_first() && *unless_first || never_began,
                Residue::Index => during.is_first() && error.left_nothing && !step.resumed,
            }
        }
    };
    // The next start recognises an unfinished index, removes it and builds it again.
    let again = untouched || during.is_first() && *residue == Residue::Index;
    let records = !step.failed.is_empty() && !is_bookkeeping;
    let has_failed = records && !(again && (stopping.yes() || error.lock_timeout));
    let (entries, left) = match (has_failed, untouched || records) {
        (true, _) if untouched => (&step.failed, Left::Record),
        (true, _) => (&step.failed, Left::Part),
        (false, true) => (&step.undo, Left::Nothing),
        (false, false) => return Left::Part,
    };
    let error = report::recordable(migrating.engine, step, during, error);
    let said = migrating.format.failure(migrating.engine, &step.migration, &error);
    if let Err(error) = together_at(session, ledger, entries, Moment::of(&said)).await {
        tracing::debug!("recording what became of migration {}: {error}", step.migration.id);
        // Who may not write the mark may not take it back either; it is there as a whole or not at all.
        let was_rolled_back = is_bookkeeping && step.atomicity == Atomicity::Together && step.mark.is_empty();
        return if during == During::Mark || was_rolled_back { Left::Nothing } else { Left::Part };
    }
    left
}
