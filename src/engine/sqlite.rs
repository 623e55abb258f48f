//! SQLite: the database is a file, the server is a library, and the lock is a file beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use crate::engine::{
    BoxFuture, Cancel, ConnectOptions, DbError, Facts, Holder, Ledger, LockKey, Reading, ScriptError,
    Session, Statement, TableName, Value, Verdict,
};
use crate::target::Target;
use connection::{SharedLock, Source};
use errors::Stage;
use interrupt::{Interrupt, SqliteCancel};

mod connection;
mod errors;
mod interrupt;
mod location;
mod lock;
mod raw;
mod reading;
mod running;
mod statements;
#[cfg(test)]
mod tests;

/// Opens a session on the database file.
///
/// A file that is missing is created with the first write or the lock, not by looking: until then it counts as an empty
/// database, provided that it could be created.
///
/// # Errors
///
/// [`Verdict::NotYet`] where the directory is missing or takes no new file, [`Verdict::Never`] where the path cannot be a
/// database's. Whether the file *is* a database, [`Session::read`] finds out.
pub async fn connect(target: &Target, options: &ConnectOptions) -> Result<Box<dyn Session>, DbError> {
    let file = location::resolve(&target.database)?;
    let source = if location::exists(&file)? { Source::Existing(&file) } else { Source::Nothing };
    let (interrupt, lock) = (Interrupt::leaked(), SharedLock::default());
    let opened = connection::open(source, interrupt, &lock).await.map_err(|error| named(&file, error))?;
    Ok(Box::new(SqliteSession {
        stands_in: source == Source::Nothing,
        connection: opened.connection,
        read_only: opened.read_only,
        keeps_wal: opened.keeps_wal,
        file,
        application_name: options.application_name.clone(),
        settings: target.settings.iter().map(|(name, value)| format!("PRAGMA {name} = {value}")).collect(),
        interrupt,
        lock,
    }))
}

/// One connection to a database file.
struct SqliteSession {
    connection: SqliteConnection,
    /// The real, absolute path of the database.
    file: PathBuf,
    /// Whether the connection is to an empty database in memory because the file is not there yet.
    stands_in: bool,
    read_only: bool,
    keeps_wal: bool,
    application_name: String,
    /// What the URL asks of a connection.
    settings: Vec<String>,
    interrupt: &'static Interrupt,
    lock: SharedLock,
}

impl SqliteSession {
    /// Turns to the file itself once it is there.
    async fn settle(&mut self, create: bool) -> Result<(), DbError> {
        if !self.stands_in || (!location::exists(&self.file)? && !create) {
            return Ok(());
        }
        let source = if create { Source::Created(&self.file) } else { Source::Existing(&self.file) };
        let opened = connection::open(source, self.interrupt, &self.lock)
            .await
            .map_err(|error| named(&self.file, error))?;
        self.connection = opened.connection;
        self.read_only = opened.read_only;
        self.keeps_wal = opened.keeps_wal;
        self.stands_in = false;
        Ok(())
    }

    /// Before anything that may write: the file is there, and what is written reaches it when the session closes.
    async fn settle_to_write(&mut self) -> Result<(), DbError> {
        self.settle(true).await?;
        if self.keeps_wal {
            let failed = |error| errors::classify(&error, Stage::Working);
            let mut handle = self.connection.lock_handle().await.map_err(failed)?;
            raw::keep_wal_on_close(&mut handle, false);
            drop(handle);
            self.keeps_wal = false;
        }
        Ok(())
    }

    async fn read_facts(&mut self, ledger: Option<&Ledger>) -> Result<Reading, DbError> {
        self.settle(false).await?;
        let running = self.interrupt.start()?;
        let result = reading::read(&mut self.connection, ledger).await;
        let cancelled = running.finish();
        let answer = result
            .map_err(|error| named(&self.file, running::classify(&error, Stage::Reading, cancelled)))?;
        let table = ledger.map(|ledger| &ledger.table);
        let facts = Facts {
            server_version: answer.version,
            database: self.file.display().to_string(),
            user: String::new(),
            schema: table.and_then(|table| table.schema.clone()).unwrap_or_else(|| reading::MAIN.to_owned()),
            read_only: self.why_read_only(),
            pooled: false,
            slots_to_spare: true,
            schema_exists: true,
            holds_tables: answer.holds_tables,
        };
        Ok(Reading { facts, history: answer.history })
    }

    fn why_read_only(&self) -> Option<String> {
        if self.stands_in {
            return None;
        }
        location::read_only(&self.file).or_else(|| {
            self.read_only.then(|| format!("SQLite could open {} for reading only", self.file.display()))
        })
    }

    async fn lock_file(&mut self) -> Result<bool, DbError> {
        if self.lock.with(|lock| lock.is_some()) {
            return Ok(true);
        }
        // First the database: its lock file is to have the same owner and mode.
        self.settle(true).await?;
        let held = lock::try_lock(&self.file, &self.application_name)?;
        let taken = held.is_some();
        self.lock.with(|lock| *lock = held);
        Ok(taken)
    }
}

impl Session for SqliteSession {
    fn read<'a>(&'a mut self, ledger: Option<&'a Ledger>) -> BoxFuture<'a, Result<Reading, DbError>> {
        Box::pin(self.read_facts(ledger))
    }

    fn try_lock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            only_file(key)?;
            self.lock_file().await
        })
    }

    fn unlock<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            only_file(key)?;
            if let Some(held) = self.lock.with(Option::take) {
                held.release();
            }
            Ok(())
        })
    }

    fn holder<'a>(&'a mut self, key: &'a LockKey) -> BoxFuture<'a, Result<Option<Holder>, DbError>> {
        Box::pin(async move {
            only_file(key)?;
            lock::holder(&self.file)
        })
    }

    /// Nothing to do: no script reaches the lock, and the lock, SQLite's own locks and the statement all end with the process, and the next one to open
    /// the database rolls an unfinished transaction back.
    fn secure<'a>(&'a mut self, _: &'a [LockKey]) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Takes SQLite's write lock at once. A plain `BEGIN` takes it with the first write, and where another process has
    /// written in between, SQLite fails that write without waiting.
    fn begin(&mut self) -> BoxFuture<'_, Result<(), ScriptError>> {
        Box::pin(self.run_script(BEGIN, Stage::Reading))
    }

    fn send<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<(), ScriptError>> {
        Box::pin(async move {
            match self.run_script(sql, Stage::Working).await {
                Err(failed) if running::is_rolled_back(sql, &failed.error) => Ok(()),
                result => result,
            }
        })
    }

    fn send_apart<'a>(&'a mut self, statement: &'a str, _: bool) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.send(statement).await.map_err(|failed| failed.error) })
    }

    fn columns<'a>(
        &'a mut self,
        table: &'a TableName,
    ) -> BoxFuture<'a, Result<Option<Vec<String>>, DbError>> {
        Box::pin(async move {
            self.settle(false).await?;
            let columns = reading::columns(&mut self.connection, table).await;
            columns.map_err(|error| named(&self.file, running::classify(&error, Stage::Reading, false)))
        })
    }

    fn execute<'a>(
        &'a mut self,
        ledger: &'a Ledger,
        statement: &'a Statement,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(self.run_statement(ledger, statement))
    }

    fn announce_failure<'a>(&'a mut self, mark: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        self.lock.with(|lock| {
            if let Some(held) = lock {
                held.rename(failure_name(mark));
            }
        });
        Box::pin(std::future::ready(Ok(())))
    }

    fn failure_announced<'a>(
        &'a mut self,
        key: &'a LockKey,
        mark: &'a str,
    ) -> BoxFuture<'a, Result<bool, DbError>> {
        Box::pin(async move {
            // A holder that was killed leaves its name behind until the next one has written its own: look twice.
            let announced = |holder: Option<Holder>| {
                holder.and_then(|holder| holder.application_name).as_deref() == Some(&*failure_name(mark))
            };
            if !announced(self.holder(key).await?) {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(announced(self.holder(key).await?))
        })
    }

    fn settings_of_url(&self) -> Vec<String> {
        self.settings.clone()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(SqliteCancel(self.interrupt))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _ = self.connection.close().await;
            // Last: closing may still write.
            if let Some(held) = self.lock.with(Option::take) {
                held.release();
            }
        })
    }
}

/// What opens a migration's transaction.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// A bookkeeping statement as a text.
pub(super) fn spelled(statement: &Statement, table: &TableName) -> String {
    statement.with_values(
        |sql| reading::named(sql, table),
        |value| match value {
            Value::Int(number) => number.to_string(),
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Bytes(bytes) => format!("X'{}'", hex::encode(bytes)),
        },
    )
}

/// An error that says which file it is about.
fn named(file: &std::path::Path, error: DbError) -> DbError {
    DbError { message: format!("{}: {}", file.display(), error.message), ..error }
}

/// The name under which a holder tells of its failure; the same sentence as on every engine.
fn failure_name(mark: &str) -> String {
    format!("castoff failed {mark}")
}

fn only_file(key: &LockKey) -> Result<(), DbError> {
    match key {
        LockKey::File => Ok(()),
        LockKey::Number(_) | LockKey::Name(_) => Err(DbError {
            verdict: Verdict::Never,
            message: format!("SQLite has no lock {key:?}"),
            ..DbError::default()
        }),
    }
}
