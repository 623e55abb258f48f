//! Phase one: wait until the database is usable, not merely listening.
//!
//! Usable means: it takes our credentials, has the database, and takes writes where castoff may have to write.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::attempt::{Attempts, Ready, Trouble};
use crate::backoff::Backoff;
use crate::duration::{milliseconds, whole};
use crate::engine::{DbError, Ledger, Verdict};
use crate::exit::{Exit, Failure, Result};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause while nothing listens: such an attempt costs the server nothing, and the moment it starts to
/// listen is the one we wait for.
const LONGEST_PAUSE_REFUSED: Duration = Duration::from_millis(100);

/// The longest pause before a server whose slots are taken, however long we have waited.
const LONGEST_PAUSE_CROWDED: Duration = Duration::from_secs(10);

/// The last pause is cut so that this much is left for one more attempt before the deadline.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);

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
    let started = Instant::now();
    // A limit too far away to be represented is no limit.
    let deadline = limit.and_then(|limit| started.checked_add(limit));
    let mut backoff = Backoff::default();
    let mut was_refused = false;
    let mut last: Option<DbError> = None;
    loop {
        let error = match attempts.connect(ledger, deadline).await {
            Ok(ready) => {
                report_ready(attempts, &ready, started);
                return Ok(ready);
            }
            Err(Trouble::Never(failure)) => return Err(failure),
            Err(Trouble::NotYet(error)) => error,
        };
        let now = Instant::now();
        // An attempt that the deadline cut short says less than the one before it.
        let cut = deadline.is_some_and(|deadline| now >= deadline);
        let error = last.filter(|_| cut).unwrap_or(error);
        attempts.report(&error);
        let refused = error.message.ends_with("connection refused");
        if was_refused && !refused {
            // It has just begun to listen, so it will be usable soon.
            backoff = Backoff::default();
        }
        was_refused = refused;
        let pause = now + backoff.next(longest_pause(&error, refused, started.elapsed()));
        match deadline {
            None => sleep_until(pause).await,
            Some(deadline) if now + LAST_ATTEMPT >= deadline => {
                sleep_until(deadline).await;
                return Err(not_ready(attempts, started, &error));
            }
            Some(deadline) => {
                let last_attempt = deadline.checked_sub(LAST_ATTEMPT).unwrap_or(deadline);
                sleep_until(pause.min(last_attempt)).await;
            }
        }
        last = Some(error);
    }
}

/// A server that is full is knocked at less and less: connecting is what it has too much of.
fn longest_pause(error: &DbError, refused: bool, waited: Duration) -> Duration {
    if error.verdict == Verdict::Crowded {
        (waited / 10).clamp(LONGEST_PAUSE, LONGEST_PAUSE_CROWDED)
    } else if refused {
        LONGEST_PAUSE_REFUSED
    } else {
        LONGEST_PAUSE
    }
}

fn report_ready(attempts: &Attempts<'_>, ready: &Ready, started: Instant) {
    let connector = attempts.connector();
    let engine = connector.engine();
    let version = &ready.reading.facts.server_version;
    let elapsed_ms = milliseconds(started.elapsed());
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

fn not_ready(attempts: &Attempts<'_>, started: Instant, error: &DbError) -> Failure {
    let failure = Failure::message(
        Exit::Unavailable,
        format!(
            "{} was not ready within {}: {error} (attempt {})",
            attempts.connector().address(),
            whole(started.elapsed()),
            attempts.count
        ),
    );
    let hint = error.hint.clone().unwrap_or_else(|| {
        "check that the database runs and can be reached from this container; --wait-timeout says how long to wait"
            .into()
    });
    failure.hint(hint)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::until_ready;
    use crate::attempt::{Attempts, Conditions, Ready};
    use crate::engine::Verdict;
    use crate::engine::fake::{Fake, Server, error};
    use crate::exit::{Exit, Result};

    async fn wait_for(server: &Arc<Mutex<Server>>, create_database: bool) -> Result<Ready> {
        let conditions = Conditions { limit: Some(Duration::from_secs(20)), writable: true, create_database };
        let mut fake = Fake(Arc::clone(server));
        let mut attempts = Attempts::new(&mut fake, conditions);
        until_ready(&mut attempts, None, Some(Duration::from_mins(1))).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_attempt_is_made_at_once() {
        let started = Instant::now();
        let server = Server::default().shared();
        wait_for(&server, false).await.ok().unwrap();
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_ready_yet_is_waited_for_and_what_never_will_be_is_not() {
        let refusals = [error(Verdict::NotYet, "starting up"), error(Verdict::Lost, "reset")].into();
        let server = Server { refusals, ..Server::default() }.shared();
        wait_for(&server, false).await.ok().unwrap();

        for verdict in [Verdict::Never, Verdict::NoDatabase, Verdict::Credentials] {
            let server = Server { refusals: [error(verdict, "no")].into(), ..Server::default() }.shared();
            let failure = wait_for(&server, false).await.err().unwrap();
            assert_eq!(failure.exit, Exit::Refused, "{verdict:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_at_its_deadline_with_the_last_reason() {
        let refusals = (0..1000).map(|_| error(Verdict::NotYet, "starting up")).collect();
        let server = Server { refusals, ..Server::default() }.shared();
        let started = Instant::now();
        let failure = wait_for(&server, false).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.reason().contains("starting up"), "{failure}");
        assert_eq!(started.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn two_reasons_that_alternate_do_not_make_the_pauses_short_again() {
        let reasons = ["remaining connection slots are reserved", "sorry, too many clients already"];
        let refusals = (0..10_000).map(|index| error(Verdict::Crowded, reasons[index % 2])).collect();
        let server = Server { refusals, ..Server::default() }.shared();
        wait_for(&server, false).await.err().unwrap();
        let attempts = server.lock().unwrap().log.len();
        assert!(attempts < 300, "{attempts} attempts in a minute against a server that is full");
    }

    #[tokio::test(start_paused = true)]
    async fn a_standby_is_waited_for_until_it_takes_writes() {
        let server =
            Server { read_only: ["the server is a standby".to_owned()].into(), ..Server::default() }.shared();
        wait_for(&server, false).await.ok().unwrap();
        assert_eq!(server.lock().unwrap().log, ["connect", "read", "close", "connect", "read"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_from_a_file_may_be_replaced_within_a_grace() {
        let refusals = |count| (0..count).map(|_| error(Verdict::Credentials, "no")).collect();
        let server = Server { refusals: refusals(2), rotating: true, ..Server::default() }.shared();
        wait_for(&server, false).await.ok().unwrap();
        assert_eq!(server.lock().unwrap().log[1], "connect again");

        let server = Server { refusals: refusals(1000), rotating: true, ..Server::default() }.shared();
        let failure = wait_for(&server, false).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Refused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_database_is_created_once_when_asked_for() {
        let refusals = [error(Verdict::NoDatabase, "no"), error(Verdict::NoDatabase, "no")].into();
        let server = Server { refusals, ..Server::default() }.shared();
        let failure = wait_for(&server, true).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(server.lock().unwrap().log, ["connect", "create database", "connect"]);
    }
}
