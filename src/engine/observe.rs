//! A session seen from outside while it is busy: whether the server still has it, what it waits for, how far it is.

use std::time::Duration;

use super::{BoxFuture, DbError, Holder};

/// Looks at a session over a connection of its own, opened at the first look.
///
/// Between two looks it stays open where the server has slots to spare, and holds neither a transaction nor a snapshot
/// that a concurrent index build would wait for.
pub trait Observer: Send {
    /// One look. One that is dropped costs the connection: the next opens another.
    ///
    /// # Errors
    ///
    /// The server's refusal, or that it could not be reached.
    fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>>;

    /// Ends the connection in good order, if there is one.
    fn close(&mut self) -> BoxFuture<'_, ()>;
}

/// What a look has seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// The server has the session no more.
    Gone,
    /// It is there, and does this.
    There(Activity),
    /// The server has let us in and says no more: a pooler may have no session left for us.
    Silent,
}

/// How long a server that has let us in may take to answer: longer than it is told to try.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_millis(3500);

/// What a session is seen to do, as far as the server shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// What the session waits for, as words that follow "waiting for": `a lock on users`.
    pub waits_for: Option<String>,
    /// Who makes it wait.
    pub blockers: Vec<Blocker>,
    /// How far a statement is that the server counts.
    pub progress: Option<Progress>,
    /// How many statements of the text that was sent last are done, where the server tells before the end.
    pub completed: Option<usize>,
}

/// A session that another waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocker {
    /// Who it is.
    pub holder: Holder,
    /// What it does: `idle in transaction for 5m`.
    pub state: Option<String>,
    /// The first word of the query it runs, or ran last.
    pub verb: Option<&'static str>,
}

/// How far a statement is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// What is being done, in the server's words: `CREATE INDEX on users`.
    pub command: String,
    /// The phase of it, in the server's words.
    pub phase: Option<String>,
    /// How much of this phase is done.
    pub done: Done,
}

/// How much of something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Done {
    /// The server does not say.
    #[default]
    Unknown,
    /// This share of it, in per cent.
    Percent(f64),
    /// So many bytes; of how many, the server does not know.
    Bytes(u64),
}

impl Done {
    /// The share of a whole; nothing is known of a whole that is nothing.
    pub fn of(done: u64, total: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit behind the point")]
        match total {
            0 => Self::Unknown,
            _ => Self::Percent((done as f64 * 100.0 / total as f64).min(100.0)),
        }
    }
}

/// Sees nothing, of a session that nobody else can end.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>> {
        Box::pin(std::future::ready(Ok(Sight::There(Activity::default()))))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
