//! Phase one: wait until the database is usable, not merely listening.
//!
//! Usable means: it takes our credentials, has the database, and takes writes where castoff may have to write.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::backoff::Backoff;
use crate::engine::{Connector, DbError, Ledger, Reading, Session, Verdict};
use crate::exit::{Exit, Failure, Result};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause while nothing listens: such an attempt costs the server nothing, and the moment it starts to
/// listen is the one we wait for.
const LONGEST_PAUSE_REFUSED: Duration = Duration::from_millis(200);

/// How long a refused password from a file or a command may take to be replaced.
const ROTATION_GRACE: Duration = Duration::from_secs(3);

/// The last pause is cut so that this much is left for one more attempt before the deadline.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);

/// What to wait for, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// All attempts together; `None` waits for ever.
    pub limit: Option<Duration>,
    /// One attempt, authentication included; `None` for no limit of its own.
    pub attempt: Option<Duration>,
    /// Whether the server must take writes.
    pub writable: bool,
    /// Whether a missing database is created.
    pub create_database: bool,
}

/// A usable session and what it said.
pub struct Ready {
    /// The session.
    pub session: Box<dyn Session>,
    /// Its first reading.
    pub reading: Reading,
}

/// Waits until the database is usable and reads the history on the way.
///
/// # Errors
///
/// 69 when the limit passes, 77 for what waiting will not mend.
pub async fn until_ready(
    connector: &mut dyn Connector,
    ledger: Option<&Ledger>,
    waiting: Waiting,
) -> Result<Ready> {
    let started = Instant::now();
    // A limit too far away to be represented is no limit.
    let deadline = waiting.limit.and_then(|limit| started.checked_add(limit));
    let mut backoff = Backoff::default();
    let mut attempt = 0_u32;
    let mut reason = String::new();
    let mut refused_since = None;
    let mut may_create = waiting.create_database;
    loop {
        attempt += 1;
        let result = one_attempt(connector, ledger, waiting, deadline, refused_since.is_some()).await;
        let error = match result {
            Ok(ready) => {
                report_ready(connector, &ready, started, attempt);
                return Ok(ready);
            }
            Err(error) => error,
        };
        match error.verdict {
            Verdict::NoDatabase if may_create => {
                may_create = false;
                match connector.create_database().await {
                    Ok(()) => continue,
                    Err(error) if error.verdict == Verdict::NotYet || error.verdict == Verdict::Lost => {
                        may_create = true;
                    }
                    Err(error) => return Err(refused(connector, &error)),
                }
            }
            Verdict::Credentials if connector.password_can_change() => {
                let since = *refused_since.get_or_insert_with(Instant::now);
                if since.elapsed() > ROTATION_GRACE {
                    return Err(refused(connector, &error));
                }
            }
            Verdict::Never | Verdict::NoDatabase | Verdict::Credentials => {
                return Err(refused(connector, &error));
            }
            Verdict::Statement => return Err(unreadable(&error)),
            Verdict::NotYet | Verdict::Lost => refused_since = None,
        }
        let now = error.to_string();
        if now != reason {
            tracing::info!(
                event = "wait.retry",
                reason = %now,
                attempt,
                "waiting for {}: {now}",
                connector.address()
            );
            if let Some(detail) = &error.detail {
                tracing::debug!("the server's detail: {detail}");
            }
            reason = now;
            backoff = Backoff::default();
        }
        let cap =
            if error.message.ends_with("connection refused") { LONGEST_PAUSE_REFUSED } else { LONGEST_PAUSE };
        let pause = Instant::now() + backoff.next(cap);
        match deadline {
            None => sleep_until(pause).await,
            Some(deadline) if Instant::now() + LAST_ATTEMPT >= deadline => {
                sleep_until(deadline).await;
                return Err(not_ready(connector, started, &error, attempt));
            }
            Some(deadline) => sleep_until(pause.min(deadline - LAST_ATTEMPT)).await,
        }
    }
}

async fn one_attempt(
    connector: &mut dyn Connector,
    ledger: Option<&Ledger>,
    waiting: Waiting,
    deadline: Option<Instant>,
    refused: bool,
) -> Result<Ready, DbError> {
    let until = [waiting.attempt.and_then(|limit| Instant::now().checked_add(limit)), deadline];
    let attempt = async {
        let mut session = connector.connect(refused).await?;
        let reading = session.read(ledger).await?;
        match &reading.facts.read_only {
            Some(reason) if waiting.writable => {
                let error = DbError { message: reason.clone(), ..DbError::default() };
                session.close().await;
                Err(error)
            }
            _ => Ok(Ready { session, reading }),
        }
    };
    match until.into_iter().flatten().min() {
        None => attempt.await,
        Some(until) => {
            let started = Instant::now();
            timeout_at(until, attempt).await.unwrap_or_else(|_| {
                let message = format!("no answer within {}", whole(started.elapsed()));
                Err(DbError { message, ..DbError::default() })
            })
        }
    }
}

fn report_ready(connector: &dyn Connector, ready: &Ready, started: Instant, attempts: u32) {
    let engine = connector.engine();
    let version = &ready.reading.facts.server_version;
    let elapsed_ms = milliseconds(started.elapsed());
    tracing::info!(
        event = "wait.ready",
        engine = %engine,
        server_version = %version,
        elapsed_ms,
        attempts,
        "{engine} {version} at {} is ready after {elapsed_ms} ms",
        connector.address()
    );
}

fn not_ready(connector: &dyn Connector, started: Instant, error: &DbError, attempts: u32) -> Failure {
    let failure = Failure::message(
        Exit::Unavailable,
        format!(
            "{} was not ready within {}: {error} (attempt {attempts})",
            connector.address(),
            whole(started.elapsed())
        ),
    );
    let hint = error.hint.clone().unwrap_or_else(|| {
        "check that the database runs and can be reached from this container; --wait-timeout says how long to wait"
            .into()
    });
    failure.hint(hint)
}

pub(crate) fn refused(connector: &dyn Connector, error: &DbError) -> Failure {
    let failure = Failure::message(Exit::Refused, format!("{} refuses us: {error}", connector.address()));
    match &error.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure.hint("waiting would not help; check the database's address, name and credentials"),
    }
}

/// The server is usable, but what stands under the history table's name is not the tool's.
fn unreadable(error: &DbError) -> Failure {
    Failure::message(Exit::Data, format!("the history table cannot be read: {error}"))
        .hint("check --history-table and --format, and that the role may read the table")
}

/// A duration for a sentence, without the nanoseconds.
pub(crate) fn whole(duration: Duration) -> String {
    let milliseconds = milliseconds(duration);
    let rounded = if milliseconds >= 1000 { (milliseconds + 500) / 1000 * 1000 } else { milliseconds };
    humantime::format_duration(Duration::from_millis(rounded)).to_string()
}

/// A duration as the log's fields carry it.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Waiting, until_ready, whole};
    use crate::engine::Verdict;
    use crate::engine::fake::{Fake, Server, error};
    use crate::exit::Exit;

    const WAITING: Waiting = Waiting {
        limit: Some(Duration::from_mins(1)),
        attempt: Some(Duration::from_secs(20)),
        writable: true,
        create_database: false,
    };

    #[tokio::test(start_paused = true)]
    async fn the_first_attempt_is_made_at_once() {
        let started = Instant::now();
        let server = Server::default().shared();
        until_ready(&mut Fake(server), None, WAITING).await.ok().unwrap();
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_ready_yet_is_waited_for_and_what_never_will_be_is_not() {
        let refusals = [error(Verdict::NotYet, "starting up"), error(Verdict::Lost, "reset")].into();
        let server = Server { refusals, ..Server::default() }.shared();
        until_ready(&mut Fake(server), None, WAITING).await.ok().unwrap();

        for verdict in [Verdict::Never, Verdict::NoDatabase, Verdict::Credentials] {
            let server = Server { refusals: [error(verdict, "no")].into(), ..Server::default() }.shared();
            let failure = until_ready(&mut Fake(server), None, WAITING).await.err().unwrap();
            assert_eq!(failure.exit, Exit::Refused, "{verdict:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_at_its_deadline_with_the_last_reason() {
        let refusals = (0..1000).map(|_| error(Verdict::NotYet, "starting up")).collect();
        let server = Server { refusals, ..Server::default() }.shared();
        let started = Instant::now();
        let failure = until_ready(&mut Fake(server), None, WAITING).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.reason().contains("starting up"), "{failure}");
        assert_eq!(started.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn two_reasons_that_alternate_do_not_make_the_pauses_short_again() {
        let reasons = ["remaining connection slots are reserved", "sorry, too many clients already"];
        let refusals = (0..10_000).map(|index| error(Verdict::NotYet, reasons[index % 2])).collect();
        let server = Server { refusals, ..Server::default() }.shared();
        until_ready(&mut Fake(server.clone()), None, WAITING).await.err().unwrap();
        let attempts = server.lock().unwrap().log.len();
        assert!(attempts < 300, "{attempts} attempts in a minute against a server that is full");
    }

    #[tokio::test(start_paused = true)]
    async fn a_standby_is_waited_for_until_it_takes_writes() {
        let server =
            Server { read_only: ["the server is a standby".to_owned()].into(), ..Server::default() }.shared();
        until_ready(&mut Fake(server.clone()), None, WAITING).await.ok().unwrap();
        assert_eq!(server.lock().unwrap().log, ["connect", "read", "close", "connect", "read"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_from_a_file_may_be_replaced_within_a_grace() {
        let refusals = |count| (0..count).map(|_| error(Verdict::Credentials, "no")).collect();
        let server = Server { refusals: refusals(2), rotating: true, ..Server::default() }.shared();
        until_ready(&mut Fake(server.clone()), None, WAITING).await.ok().unwrap();
        assert_eq!(server.lock().unwrap().log[1], "connect again");

        let server = Server { refusals: refusals(1000), rotating: true, ..Server::default() }.shared();
        let failure = until_ready(&mut Fake(server), None, WAITING).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Refused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_database_is_created_once_when_asked_for() {
        let refusals = [error(Verdict::NoDatabase, "no"), error(Verdict::NoDatabase, "no")].into();
        let server = Server { refusals, ..Server::default() }.shared();
        let waiting = Waiting { create_database: true, ..WAITING };
        let failure = until_ready(&mut Fake(server.clone()), None, waiting).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(server.lock().unwrap().log, ["connect", "create database", "connect"]);
    }

    #[test]
    fn durations_are_said_without_nanoseconds() {
        assert_eq!(whole(Duration::from_nanos(1_500_000_001)), "2s");
        assert_eq!(whole(Duration::from_millis(250)), "250ms");
    }
}
