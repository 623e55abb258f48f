//! What a castoff that was killed left behind: its command's sessions, which may still be at work although the lock is
//! free.
//!
//! They are known by the application name that castoff gives its commands. A client that ignores `PGAPPNAME` cannot be
//! known; docs/design/commands.md says which do.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Life;
use crate::attempt::{Attempts, Trouble};
use crate::backoff::jitter;
use crate::engine::{DbError, Holder, LockKey, Verdict};
use crate::exit::{Exit, Failure, Result};
use crate::lock::{Locked, announce, describe};
use crate::phase::Phase;

/// How often one looks whether they are still there: each pause is drawn between these.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));

/// How much of a name PostgreSQL keeps, in bytes (`NAMEDATALEN` less its NUL).
const LONGEST_NAME: usize = 63;

/// How the application name of every command begins that runs under this lock; `None` where the server shows no names.
fn prefix(key: &LockKey) -> Option<String> {
    match key {
        LockKey::Number(number) => Some(format!("castoff command {:016x}", number.cast_unsigned())),
        LockKey::Name(_) | LockKey::File => None,
    }
}

/// The application name of a command that runs under this lock on this host.
pub(super) fn application_name(key: Option<&LockKey>, hostname: &str) -> String {
    let mut name = format!("{} {hostname}", key.and_then(prefix).unwrap_or_else(|| "castoff command".into()));
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    name
}

impl Life<'_> {
    /// Waits until nothing is left of a command that ran under this very lock, at most until the lock timeout, which began
    /// at `since`. Says whether the lock's session is still good.
    ///
    /// # Errors
    ///
    /// 75 when the lock timeout passes, 128+n after a signal.
    pub(super) async fn await_remains(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        since: std::time::Instant,
    ) -> Result<bool> {
        let Some(prefix) = locked.own_key().and_then(prefix) else { return Ok(true) };
        let deadline =
            self.config.timeouts.lock.and_then(|limit| Instant::from_std(since).checked_add(limit));
        let gone = self.interruptible(Phase::Lock, until_gone(attempts, locked, &prefix, deadline)).await;
        if gone.is_err() {
            // It may have been broken off in the middle of an answer.
            locked.abandon();
        }
        gone
    }
}

async fn until_gone(
    attempts: &Attempts<'_>,
    locked: &mut Locked,
    prefix: &str,
    deadline: Option<Instant>,
) -> Result<bool> {
    let mut announced = None;
    loop {
        let look = async { locked.session().sessions_named(prefix).await.map_err(Trouble::NotYet) };
        let left = match attempts.bounded(look, None).await {
            Ok(left) => left,
            // Whoever may not be asked cannot be waited for.
            Err(Trouble::NotYet(DbError {
                verdict: Verdict::Statement | Verdict::Never, message, ..
            })) => {
                tracing::debug!("cannot look for what an earlier command left: {message}");
                return Ok(true);
            }
            Err(Trouble::NotYet(error)) => {
                tracing::warn!("the lock was lost before anything was done under it: {error}");
                return Ok(false);
            }
            Err(Trouble::Never(failure)) => return Err(failure),
        };
        let Some(first) = left.into_iter().next() else { return Ok(true) };
        if announced != first.pid {
            announced = first.pid;
            announce(&first, "waiting for what a command left behind whose castoff was killed:");
        }
        let pause = jitter(POLL.0, POLL.1);
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Err(still_there(&first)),
            Some(remaining) => sleep(pause.min(remaining)).await,
            None => sleep(pause).await,
        }
    }
}

fn still_there(left: &Holder) -> Failure {
    let pid = left.pid.map_or_else(|| "PID".to_owned(), |pid| pid.to_string());
    Failure::message(
        Exit::LockTimeout,
        format!(
            "the lock is free, but what a command left behind whose castoff was killed still runs: {}",
            describe(left)
        ),
    )
    .hint(format!(
        "see what it does; SELECT pg_terminate_backend({pid}) ends it. If it may take that long, raise \
             --lock-timeout (CASTOFF_LOCK_TIMEOUT)"
    ))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, application_name, prefix};
    use crate::engine::LockKey;

    #[test]
    fn a_command_s_name_tells_the_lock_and_then_the_host() {
        let key = LockKey::Number(-2);
        let name = application_name(Some(&key), "api-7d9f");
        assert_eq!(name, "castoff command fffffffffffffffe api-7d9f");
        assert!(name.starts_with(&prefix(&key).unwrap()));
    }

    #[test]
    fn a_long_host_is_cut_where_the_server_would_cut_it() {
        let name = application_name(Some(&LockKey::Number(1)), &"ä".repeat(60));
        assert!(
            name.len() <= LONGEST_NAME && name.starts_with("castoff command 0000000000000001 ä"),
            "{name}"
        );
    }
}
