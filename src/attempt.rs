//! One look at the database: connect or go on, read, and say whether what was found is usable, not yet, or never.
//!
//! Waiting for the database and waiting for the lock look in the same way, so that neither forgets what the other
//! knows: limits, a changed password, a server that takes no writes.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::duration::whole;
use crate::engine::{Connector, DbError, Ledger, Reading, Session, Verdict};
use crate::exit::{Exit, Failure};

/// How long a refused password from a file or a command may take to be replaced.
const ROTATION_GRACE: Duration = Duration::from_secs(3);

/// What a look asks for.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The longest one look may take; `None` for no limit of its own.
    pub limit: Option<Duration>,
    /// Whether the server must take writes.
    pub writable: bool,
    /// Whether a missing database is created.
    pub create_database: bool,
}

/// A usable session and what it said.
pub struct Ready {
    /// The session.
    pub session: Box<dyn Session>,
    /// Its latest reading.
    pub reading: Reading,
}

/// Why a look found nothing usable.
#[derive(Debug)]
pub enum Trouble {
    /// It may be usable later.
    NotYet(DbError),
    /// It never will be.
    Never(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Never(failure)
    }
}

impl From<Trouble> for Failure {
    /// For who looks only once.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Never(failure) => failure,
            Trouble::NotYet(error) => Self::new(Exit::Unavailable, error),
        }
    }
}

/// Looks at one database again and again.
pub struct Attempts<'a> {
    connector: &'a mut dyn Connector,
    conditions: Conditions,
    refused_since: Option<Instant>,
    reason: Option<String>,
    /// Whether others are to create a missing database.
    expects_database: bool,
    /// How many times it has been connected to.
    pub count: u32,
}

impl<'a> Attempts<'a> {
    /// Looks through a connector.
    pub fn new(connector: &'a mut dyn Connector, conditions: Conditions) -> Self {
        let (refused_since, reason) = (None, None);
        Self { connector, conditions, refused_since, reason, expects_database: false, count: 0 }
    }

    /// From now on a missing database is no reason to give up: others create it.
    pub fn expect_database(&mut self) {
        self.expects_database = true;
    }

    /// What is connected to.
    pub fn connector(&self) -> &dyn Connector {
        self.connector
    }

    /// Opens a session and reads; within `deadline` and the limit of one look.
    ///
    /// # Errors
    ///
    /// Whether it is worth looking again.
    pub async fn connect(
        &mut self,
        ledger: Option<&Ledger>,
        deadline: Option<Instant>,
    ) -> Result<Ready, Trouble> {
        self.count += 1;
        let refused = self.refused_since.is_some();
        let Conditions { writable, create_database, .. } = self.conditions;
        let connector = &mut *self.connector;
        let look = async {
            let mut result = connector.connect(refused).await;
            if create_database && result.as_ref().is_err_and(|error| error.verdict == Verdict::NoDatabase) {
                connector.create_database().await?;
                result = connector.connect(refused).await;
            }
            read(result?, ledger, writable).await
        };
        let result = within(look, self.conditions.limit, deadline).await;
        self.judge(result)
    }

    /// Reads again on a session that worked a moment ago.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); the session is gone then.
    pub async fn again(
        &mut self,
        session: Box<dyn Session>,
        ledger: Option<&Ledger>,
        deadline: Option<Instant>,
    ) -> Result<Ready, Trouble> {
        let look = read(session, ledger, self.conditions.writable);
        let result = within(look, self.conditions.limit, deadline).await;
        self.judge(result)
    }

    /// Work on a session, bounded as every look is.
    ///
    /// # Errors
    ///
    /// The work's own, or that there was no answer in time.
    pub async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, Trouble>>,
        deadline: Option<Instant>,
    ) -> Result<T, Trouble> {
        let flattened = async { Ok::<_, DbError>(work.await) };
        within(flattened, self.conditions.limit, deadline)
            .await
            .unwrap_or_else(|error| Err(Trouble::NotYet(error)))
    }

    /// Sorts an error into "not yet" and "never".
    pub fn sort(&mut self, error: DbError) -> Trouble {
        match error.verdict {
            Verdict::Credentials if self.connector.password_can_change() => {
                let since = *self.refused_since.get_or_insert_with(Instant::now);
                if since.elapsed() > ROTATION_GRACE {
                    return Trouble::Never(self.refused(&error));
                }
            }
            Verdict::NoDatabase if self.expects_database => self.refused_since = None,
            Verdict::Never | Verdict::NoDatabase | Verdict::Credentials => {
                return Trouble::Never(self.refused(&error));
            }
            Verdict::Statement => return Trouble::Never(unreadable(&error)),
            Verdict::NotYet | Verdict::Crowded | Verdict::Lost => self.refused_since = None,
        }
        Trouble::NotYet(error)
    }

    /// Logs why it is not usable yet, once per change. A full server says so in changing words: that is one reason.
    pub fn report(&mut self, error: &DbError) {
        let reason = match (error.verdict, &error.code) {
            (Verdict::Crowded, Some(code)) => code.clone(),
            _ => error.to_string(),
        };
        if self.reason.as_ref() == Some(&reason) {
            return;
        }
        tracing::info!(
            event = "wait.retry",
            reason = %error,
            attempt = self.count,
            "waiting for {}: {error}",
            self.connector.address()
        );
        if let Some(detail) = &error.detail {
            tracing::debug!("the server's detail: {detail}");
        }
        self.reason = Some(reason);
    }

    fn judge(&mut self, result: Result<Ready, DbError>) -> Result<Ready, Trouble> {
        match result {
            Ok(ready) => {
                self.refused_since = None;
                self.reason = None;
                Ok(ready)
            }
            Err(error) => Err(self.sort(error)),
        }
    }

    fn refused(&self, error: &DbError) -> Failure {
        let message = format!("cannot use the database at {}: {error}", self.connector.address());
        let hint = error.hint.clone().unwrap_or_else(|| {
            "waiting would not help; check the database's address, name and credentials".into()
        });
        Failure::message(Exit::Refused, message).hint(hint)
    }
}

/// Reads, and judges whether the server is the kind that is needed.
async fn read(
    mut session: Box<dyn Session>,
    ledger: Option<&Ledger>,
    writable: bool,
) -> Result<Ready, DbError> {
    let reading = session.read(ledger).await?;
    match &reading.facts.read_only {
        Some(reason) if writable => {
            let error = DbError { message: reason.clone(), ..DbError::default() };
            session.close().await;
            Err(error)
        }
        _ => Ok(Ready { session, reading }),
    }
}

/// Bounds a look by its own limit and by the deadline of all of them.
pub(crate) async fn within<T>(
    look: impl Future<Output = Result<T, DbError>>,
    limit: Option<Duration>,
    deadline: Option<Instant>,
) -> Result<T, DbError> {
    let started = Instant::now();
    let limit = limit.and_then(|limit| started.checked_add(limit));
    match [limit, deadline].into_iter().flatten().min() {
        None => look.await,
        Some(until) => timeout_at(until, look).await.unwrap_or_else(|_| {
            let message = format!("no answer within {}", whole(started.elapsed()));
            Err(DbError { message, ..DbError::default() })
        }),
    }
}

/// The server is usable, but what stands under the history table's name is not the tool's.
fn unreadable(error: &DbError) -> Failure {
    Failure::message(Exit::Data, format!("the history table cannot be read: {error}"))
        .hint(
            "check --history-table (CASTOFF_HISTORY_TABLE) and --format (CASTOFF_FORMAT), and that the role may read \
             the table",
        )
}
