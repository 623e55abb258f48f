//! The servers castoff speaks to, behind one trait that the phases and their tests share.
//!
//! A [`Session`] is the only place that knows a server. It offers primitives; every policy (deadlines,
//! backoff, what a failure means) lives above it, once, and is tested against a fake.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use observe::ANSWER_LIMIT;
pub use observe::{Activity, Blocker, Done, Observer, Progress, Sight, Unobserved};

pub use crate::target::Engine;
use crate::target::{Secret, Target};

pub(crate) mod certificates;
#[cfg(test)]
pub(crate) mod fake;
pub mod mysql;
pub(crate) mod network;
mod observe;
pub mod postgres;
mod spelling;
pub mod sqlite;

pub use spelling::{begin, spelled};

/// A boxed future, so that [`Session`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One row as text, column by column; `None` is NULL. Binary columns are selected as hexadecimal.
pub type Row = Vec<Option<String>>;

/// A parameter of a bookkeeping statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer.
    Int(i64),
    /// A string.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
}

/// One bookkeeping statement.
///
/// `{table}` stands for the qualified history table, quoted as the engine needs it; `{quoted table}` for the same, quoted
/// in any case; `{schema}` for its schema; `?` for each parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement's text.
    pub sql: String,
    /// Its parameters, in order.
    pub params: Vec<Value>,
}

/// A table's name, with the schema it was asked for in, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The schema; `None` lets the server's own rules decide.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A tool's history table on one engine: how to read it and how the tool creates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The table.
    pub table: TableName,
    /// One `SELECT` of the columns the format reads; `{table}` stands for the table.
    pub select: String,
    /// The tool's own DDL; `{table}` stands for the table.
    pub create: Vec<String>,
}

/// What a session is asked before anything is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the server said of itself.
    pub facts: Facts,
    /// The history's rows; `None` where the table does not exist, or none was asked for.
    pub history: Option<Vec<Row>>,
}

/// What the server says of itself in the one query of a start with nothing pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version as the server prints it, e.g. `15.20`.
    pub server_version: String,
    /// The database this session is connected to.
    pub database: String,
    /// Whom the server takes us for; empty where it knows no users.
    pub user: String,
    /// The schema that holds the history table, or in which it would be created. Empty where there are none.
    pub schema: String,
    /// Why this server takes no writes now (a standby, `default_transaction_read_only`), or `None` if it does.
    pub read_only: Option<String>,
    /// Whether something between us and the server hands the session on between transactions.
    pub pooled: bool,
    /// Whether a waiter may keep its connection: the server has slots to spare.
    pub slots_to_spare: bool,
    /// Whether that schema exists; looked at only where the history table does not.
    pub schema_exists: bool,
    /// Whether the schema already holds tables other than the history; what `auto` looks at.
    pub holds_tables: bool,
}

/// A lock that excludes other migrators, as the engine names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockKey {
    /// A PostgreSQL advisory lock.
    Number(i64),
    /// A MySQL user-level lock, at most 64 characters.
    Name(String),
    /// SQLite: `flock` on a file beside the database.
    File,
}

/// Who holds a lock; each part is `None` where the server hides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The holder's `application_name`, or what stands for it.
    pub application_name: Option<String>,
    /// The server's id of the holder's session; SQLite: the process id.
    pub pid: Option<i64>,
    /// The holder's address.
    pub client: Option<String>,
    /// Since when it has been connected (MySQL: has been doing what it does), RFC 3339.
    pub since: Option<String>,
}

/// What went wrong between us and a server, before anyone has decided what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DbError {
    /// How the error is to be taken; see [`Verdict`].
    pub verdict: Verdict,
    /// SQLSTATE or the server's error number.
    pub code: Option<String>,
    /// The server's or the library's message, without secrets.
    pub message: String,
    /// The server's DETAIL, which quotes data: debug level only.
    pub detail: Option<String>,
    /// What to do: the server's HINT or castoff's.
    pub hint: Option<String>,
    /// Where in the text that was sent the server saw it, in characters from 0.
    pub offset: Option<usize>,
    /// Whether it is certain that the statement left nothing, although it runs outside a transaction.
    pub left_nothing: bool,
    /// Whether the statement queued for a lock for as long as a statement may, and ended without it.
    pub lock_timeout: bool,
}

/// What an error means for somebody who waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Try again until the deadline; the unknown belongs here too.
    #[default]
    NotYet,
    /// Try again, but less and less often: the server has no slot free, and every attempt costs it something.
    Crowded,
    /// The connection is gone or may not be used any more; what was under way may or may not have happened.
    Lost,
    /// The credentials were refused; a password that can be asked for again may have changed.
    Credentials,
    /// Refused for good: waiting will not help.
    Never,
    /// The database does not exist; `--create-database` may create it.
    NoDatabase,
    /// The server answered that a statement of ours failed.
    Statement,
}

impl DbError {
    /// Whether the server understood, and the role may not.
    pub fn is_permission(&self) -> bool {
        // PostgreSQL's `insufficient_privilege`; MySQL's refusals of a database, table, column, privilege and routine.
        const CODES: [&str; 6] = ["42501", "1044", "1142", "1143", "1227", "1370"];
        self.code.as_deref().is_some_and(|code| CODES.contains(&code))
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DbError {}

/// A script that stopped: which of its statements, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// How many statements of the text that was sent had completed.
    pub completed: usize,
    /// The error of the next one.
    pub error: DbError,
}

/// One live connection, and everything castoff ever asks of a server.
pub trait Session: Send {
    /// Asks the server about itself and for the history, in one round trip, without a lock and without a write.
    fn read<'a>(&'a mut self, ledger: Option<&'a Ledger>) -> BoxFuture<'a, Result<Reading, DbError>>;

    /// Takes the lock if it is free. Never blocks inside the server.
    fn try_lock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<bool, DbError>>;

    /// Gives the lock back.
    fn unlock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<(), DbError>>;

    /// Who holds the lock, or `None` if nobody does.
    fn holder<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<Option<Holder>, DbError>>;

    /// Makes this session one that a dead castoff leaves nothing behind of, puts back what a script may have changed
    /// of it, and says whether it still holds the locks. Called before every migration: a script can undo all three.
    fn secure<'a>(&'a mut self, keys: &'a [LockKey]) -> BoxFuture<'a, Result<bool, DbError>>;

    /// Opens a transaction for a migration.
    fn begin(&mut self) -> BoxFuture<'_, Result<(), ScriptError>> {
        self.send("BEGIN")
    }

    /// Opens a transaction for a migration in which no statement queues for a lock longer than `limit`, or than the server
    /// allows if that is less: it fails with [`DbError::lock_timeout`]. Costs no more than [`begin`](Self::begin).
    fn begin_within(&mut self, _limit: Duration) -> BoxFuture<'_, Result<(), ScriptError>> {
        self.begin()
    }

    /// From now on no statement queues for a table's lock longer than this, or than the server allows if that is less;
    /// `None` puts back what the session had before. For scripts that castoff opens no transaction for, and on MySQL, where
    /// no transaction holds a schema change and each statement is by itself.
    fn limit_queueing(&mut self, _limit: Option<Duration>) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Sends a text of one or more statements as it is, whole, as the tools do.
    fn send<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<(), ScriptError>>;

    /// Sends one statement that cannot run in a transaction, with the care it needs: on PostgreSQL an INVALID
    /// index in the way of `CREATE INDEX CONCURRENTLY` is removed first and the new one is checked afterwards.
    ///
    /// `resumed` says that an earlier run of this very statement was interrupted, so what it would create may
    /// be there already.
    fn send_apart<'a>(&'a mut self, statement: &'a str, resumed: bool) -> BoxFuture<'a, Result<(), DbError>>;

    /// Sends `COPY … FROM STDIN` and the lines of data that follow it in a script.
    fn copy_in<'a>(&'a mut self, _statement: &'a str, _rows: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(std::future::ready(Err(DbError {
            verdict: Verdict::Statement,
            message: "this server knows no COPY … FROM STDIN".into(),
            ..DbError::default()
        })))
    }

    /// The columns of a table in their order; `None` if there is no such table.
    fn columns<'a>(&'a mut self, table: &'a TableName)
    -> BoxFuture<'a, Result<Option<Vec<String>>, DbError>>;

    /// Runs one bookkeeping statement on the history table as the last [`read`](Self::read) resolved it.
    fn execute<'a>(
        &'a mut self,
        ledger: &'a Ledger,
        statement: &'a Statement,
    ) -> BoxFuture<'a, Result<(), DbError>>;

    /// Tells waiting replicas, through whatever they can see of a lock's holder, that a migration just failed.
    fn announce_failure<'a>(&'a mut self, mark: &'a str) -> BoxFuture<'a, Result<(), DbError>>;

    /// Whether the lock's holder has announced this failure.
    fn failure_announced<'a>(
        &'a mut self,
        key: &'a LockKey,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<bool, DbError>>;

    /// The other sessions of this database whose application name starts like this, where the server shows those.
    fn sessions_named<'a>(&'a mut self, _prefix: &'a str) -> BoxFuture<'a, Result<Vec<Holder>, DbError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Whether a session may bring run-time parameters along when it is opened; a pooler refuses that.
    fn takes_startup_options(&self) -> bool {
        true
    }

    /// The statements for what the URL asks of a session, where a tool's own settings could take it away.
    fn settings_of_url(&self) -> Vec<String> {
        Vec::new()
    }

    /// What can cancel this session's running statement from outside.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Ends the session in good order.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What can be done about a session from outside, while it is busy.
pub trait Cancel: Send + Sync {
    /// Asks the server once, over a connection of its own, to end the running statement. The statement's own future then
    /// ends with an error.
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>>;

    /// Somebody to look at the session now and then; `keeps` says whether the server has a slot to spare for the
    /// connection between two looks.
    fn observer(&self, keeps: bool) -> Box<dyn Observer>;
}

/// How castoff connects, whatever the engine.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// `castoff/<version> <hostname>`: what other replicas and an administrator see of us.
    pub application_name: String,
    /// The system's trusted certificates as PEM, for targets that name the system's store.
    pub system_roots: Vec<u8>,
    /// What the user says stands between us and the server; overrides the detection.
    pub pooler: Pooler,
}

/// `--pooler`: what stands between castoff and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Find out.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// A pooler that keeps one server session per client session.
    Session,
    /// A pooler that hands server sessions on between transactions.
    Transaction,
}

/// Opens a session with the engine of the target: one attempt, authentication included.
pub async fn connect(target: &Target, options: &ConnectOptions) -> Result<Box<dyn Session>, DbError> {
    match target.engine {
        Engine::Postgres => postgres::connect(target, options).await,
        Engine::MySql => mysql::connect(target, options).await,
        Engine::Sqlite => sqlite::connect(target, options).await,
    }
}

/// Creates the target's database; one that exists by now is success.
pub async fn create_database(target: &Target, options: &ConnectOptions) -> Result<(), DbError> {
    match target.engine {
        Engine::Postgres => postgres::create_database(target, options).await,
        Engine::MySql => mysql::create_database(target, options).await,
        // Opening the file creates it.
        Engine::Sqlite => Ok(()),
    }
}

/// Opens sessions: the seam at which tests put a fake server.
pub trait Connector: Send {
    /// The engine.
    fn engine(&self) -> Engine;

    /// The address for messages.
    fn address(&self) -> String;

    /// One attempt, authentication included; names are resolved and changeable passwords read anew.
    ///
    /// `refused` says that the last attempt ended with [`Verdict::Credentials`], so that a password command is asked
    /// again.
    fn connect(&mut self, refused: bool) -> BoxFuture<'_, Result<Box<dyn Session>, DbError>>;

    /// Whether the password comes from where it may change under us: a file or a command.
    fn password_can_change(&self) -> bool;

    /// The way in and its URL, for a command that is to find the same database; `None` where there is no such way.
    fn access(&self) -> Option<(Target, Secret)> {
        None
    }

    /// Creates the database. Called at most once, after [`Verdict::NoDatabase`].
    fn create_database(&mut self) -> BoxFuture<'_, Result<(), DbError>>;
}
