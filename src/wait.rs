//! Phase one: wait until the database is usable, not merely listening, and until everything else named is ready.
//!
//! Usable means: it takes our credentials, has the database, and takes writes where castoff may have to write. What
//! `--wait-for` names is waited for side by side with it, under one deadline.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::timeout;

use crate::attempt::{Attempts, Ready};
use crate::config::{Awaited, WaitTarget};
use crate::duration::{milliseconds, whole};
use crate::engine::{ConnectOptions, DbError, Ledger};
use crate::exit::{Exit, Failure, Result};
use probe::Probe;
use rhythm::{Clock, Look as _, Missing, Outcome, until};
use usable::{Usable, answers, close, until_answering};

mod http;
mod probe;
mod rhythm;
mod tcp;
mod usable;

/// How long a usable session may lie idle while something else is missing. Beyond that it is given back: it may cost a
/// slot that others need, and would be stale in the end.
const LONGEST_IDLE: Duration = Duration::from_secs(1);

/// What `--wait-for` names, and how it is looked at.
#[derive(Clone, Copy)]
pub struct Others<'a> {
    /// The targets.
    pub targets: &'a [WaitTarget],
    /// How a database among them is connected to, and whose certificates are trusted.
    pub options: &'a ConnectOptions,
    /// The longest one look may take; `None` for no limit of its own.
    pub limit: Option<Duration>,
}

/// Waits until the database is usable and reads the history on the way; `limit` bounds all attempts together.
///
/// # Errors
///
/// 69 when the limit passes, 77 for what waiting will not mend, 65 for a history table that cannot be read.
pub async fn until_ready(
    attempts: &mut Attempts<'_>,
    ledger: Option<&Ledger>,
    limit: Option<Duration>,
) -> Result<Ready> {
    let clock = Clock::start(limit);
    until_usable(attempts, ledger, clock).await?.map_err(|absent| not_ready(&[absent], 1, clock))
}

/// As [`until_ready`], side by side with everything else.
///
/// # Errors
///
/// As [`until_ready`]; what is missing when the limit passes is named in one failure.
pub async fn until_all_ready(
    attempts: &mut Attempts<'_>,
    ledger: Option<&Ledger>,
    others: Option<Others<'_>>,
    limit: Option<Duration>,
) -> Result<Ready> {
    match others.filter(|others| !others.targets.is_empty()) {
        None => until_ready(attempts, ledger, limit).await,
        // Boxed, because it is large and most starts name nothing else.
        Some(others) => Box::pin(with_others(attempts, ledger, others, limit)).await,
    }
}

async fn with_others(
    attempts: &mut Attempts<'_>,
    ledger: Option<&Ledger>,
    others: Others<'_>,
    limit: Option<Duration>,
) -> Result<Ready> {
    let clock = Clock::start(limit);
    let all = others.targets.len() + 1;
    let mut rest = pin!(until_others(others, clock));
    let (usable, missing) = {
        let database = pin!(until_usable(attempts, ledger, clock));
        match select(database, &mut rest).await {
            // The database comes last: its session is fresh.
            Either::Right((missing, database)) => {
                let missing = missing?;
                (database.await?, Some(missing))
            }
            Either::Left((usable, _)) => (usable?, timeout(LONGEST_IDLE, &mut rest).await.ok().transpose()?),
        }
    };
    let absent = match (usable, &missing) {
        (Ok(ready), Some(missing)) if missing.is_empty() => return Ok(ready),
        (Ok(ready), _) => {
            close(ready).await;
            None
        }
        (Err(absent), _) => Some(absent),
    };
    let missing = match missing {
        Some(missing) => missing,
        None => rest.await?,
    };
    let missing: Vec<Missing> = absent.into_iter().chain(missing).collect();
    if !missing.is_empty() {
        return Err(not_ready(&missing, all, clock));
    }
    again(attempts, ledger, clock).await?.map_err(|absent| not_ready(&[absent], all, clock))
}

/// Waits where no database is configured.
///
/// # Errors
///
/// As [`until_all_ready`].
pub async fn until_others_ready(others: Others<'_>, limit: Option<Duration>) -> Result<()> {
    let clock = Clock::start(limit);
    match until_others(others, clock).await? {
        missing if missing.is_empty() => Ok(()),
        missing => Err(not_ready(&missing, others.targets.len(), clock)),
    }
}

async fn until_usable(attempts: &mut Attempts<'_>, ledger: Option<&Ledger>, clock: Clock) -> Outcome<Ready> {
    let outcome = until(&mut Usable { attempts, ledger, file: None }, clock).await?;
    if let Ok(ready) = &outcome {
        report_ready(attempts, ready, clock);
    }
    Ok(outcome)
}

/// Connects to a database that was ready a while ago: no news, unless it was gone meanwhile.
async fn again(attempts: &mut Attempts<'_>, ledger: Option<&Ledger>, clock: Clock) -> Outcome<Ready> {
    let before = attempts.count;
    let outcome = until(&mut Usable { attempts, ledger, file: None }, clock).await?;
    if let Ok(ready) = &outcome
        && attempts.count > before + 1
    {
        report_ready(attempts, ready, clock);
    }
    Ok(outcome)
}

/// Waits for all targets, and returns those that are missing at the deadline.
async fn until_others(others: Others<'_>, clock: Clock) -> Result<Vec<Missing>> {
    let outcomes =
        side_by_side(others.targets.iter().map(|target| until_target(target, others, clock))).await?;
    Ok(outcomes.into_iter().filter_map(std::result::Result::err).collect())
}

/// Does all of these side by side, and returns what they came to in their order; the first failure ends them all.
pub(crate) async fn side_by_side<T>(
    works: impl Iterator<Item = impl Future<Output = Result<T>>>,
) -> Result<Vec<T>> {
    let mut works: Vec<(_, Option<T>)> = works.map(|work| (Box::pin(work), None)).collect();
    // The list is short, so that all of it is polled at each turn: `try_join_all` would be ten times this code.
    let all = poll_fn(|context| {
        let mut pending = false;
        for (work, outcome) in works.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            match work.as_mut().poll(context)? {
                Poll::Ready(done) => *outcome = Some(done),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(Ok::<_, Failure>(())) }
    });
    all.await?;
    Ok(works.into_iter().filter_map(|(_, outcome)| outcome).collect())
}

/// Looks at a target a single time.
///
/// # Errors
///
/// Why it is not ready.
pub async fn look_once(target: &WaitTarget, others: Others<'_>) -> std::result::Result<(), DbError> {
    let Others { options, limit, .. } = others;
    match target.awaited() {
        Awaited::Database(database) => answers(database, options, limit).await,
        _ => Probe::new(target.clone(), &options.system_roots, limit).ask_once(None).await,
    }
}

async fn until_target(target: &WaitTarget, others: Others<'_>, clock: Clock) -> Outcome<()> {
    let Others { options, limit, .. } = others;
    let (outcome, attempts) = if let Awaited::Database(database) = target.awaited() {
        until_answering(database, options, limit, clock).await?
    } else {
        let mut probe = Probe::new(target.clone(), &options.system_roots, limit);
        (until(&mut probe, clock).await?, probe.attempts())
    };
    if outcome.is_ok() {
        let elapsed_ms = milliseconds(clock.started.elapsed());
        tracing::info!(elapsed_ms, attempts, "{target} is ready after {elapsed_ms} ms");
    }
    Ok(outcome)
}

fn report_ready(attempts: &Attempts<'_>, ready: &Ready, clock: Clock) {
    let connector = attempts.connector();
    let engine = connector.engine();
    let version = &ready.reading.facts.server_version;
    let elapsed_ms = milliseconds(clock.started.elapsed());
    tracing::info!(
        event = "wait.ready",
        engine = %engine,
        server_version = %version,
        elapsed_ms,
        attempts = attempts.count,
        "{engine} {version} at {} is ready after {elapsed_ms} ms",
        connector.address()
    );
}

/// One line for all that is missing, of so many that were waited for.
fn not_ready(missing: &[Missing], of: usize, clock: Clock) -> Failure {
    let within = whole(clock.started.elapsed());
    let message = match missing {
        [Missing { name, error, attempts }] => {
            format!("{name} was not ready within {within}: {error} (attempt {attempts})")
        }
        several => {
            let each =
                |Missing { name, error, attempts }: &Missing| format!("{name}: {error} (attempt {attempts})");
            let each: Vec<String> = several.iter().map(each).collect();
            format!("{} of {of} targets were not ready within {within}: {}", several.len(), each.join("; "))
        }
    };
    let mut hints: Vec<&str> = missing.iter().filter_map(|missing| missing.error.hint.as_deref()).collect();
    hints.dedup();
    let (it_runs, hints) = (if missing.len() == 1 { "it runs" } else { "they run" }, hints.join("; "));
    Failure::message(Exit::Unavailable, message).hint(if hints.is_empty() {
        format!(
            "check that {it_runs} and can be reached from this container; --wait-timeout (CASTOFF_WAIT_TIMEOUT) says \
             how long to wait"
        )
    } else {
        hints
    })
}

#[cfg(test)]
mod tests;
