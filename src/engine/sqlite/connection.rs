//! Opening the database as sqlx does, with a busy handler and a progress handler that a cancellation reaches.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::errors::{Stage, classify};
use super::interrupt::{Interrupt, STEPS};
use super::lock::HeldLock;
use super::raw;
use crate::engine::DbError;

/// What a connection opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// The database, which is there.
    Existing(&'a Path),
    /// The database, created if it is still missing.
    Created(&'a Path),
    /// An empty database in memory, in place of one that is not there yet.
    Nothing,
}

/// The lock as the session and its connection share it.
///
/// A connection ends in a thread of its own, some time after the session was dropped; until then it may be writing, so
/// it keeps the lock too.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLock(Arc<Mutex<Option<HeldLock>>>);

impl SharedLock {
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&mut Option<HeldLock>) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection and what was learned from the way it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: SqliteConnection,
    /// Whether SQLite could open the file for reading only.
    pub(super) read_only: bool,
    /// Whether a write-ahead log is left as it is when the connection closes.
    pub(super) keeps_wal: bool,
}

/// Opens a connection. The settings are sqlx's own (foreign keys on, 5 s for other processes' locks); the journal mode
/// stays what it is.
pub(super) async fn open(
    source: Source<'_>,
    interrupt: &'static Interrupt,
    lock: &SharedLock,
) -> Result<Opened, DbError> {
    let options = SqliteConnectOptions::new().disable_statement_logging();
    let (options, file) = match source {
        Source::Existing(file) => (options.filename(file), Some(file)),
        Source::Created(file) => (options.filename(file).create_if_missing(true), Some(file)),
        Source::Nothing => (options.filename(":memory:"), None),
    };
    let keeps_wal = file.is_some_and(has_wal);
    let failed = |error| classify(&error, Stage::Reading);
    let mut connection = options.connect().await.map_err(failed)?;
    let mut handle = connection.lock_handle().await.map_err(failed)?;
    raw::set_busy_handler(&mut handle, interrupt);
    let lock = lock.clone();
    handle.set_progress_handler(STEPS, move || {
        // Only to be dropped with the connection.
        let _ = &lock;
        !interrupt.stops()
    });
    let read_only = raw::is_read_only(&mut handle);
    if keeps_wal {
        raw::keep_wal_on_close(&mut handle, true);
    }
    drop(handle);
    Ok(Opened { connection, read_only, keeps_wal })
}

/// Whether somebody's changes wait in a write-ahead log. Closing the last connection would move them into the database,
/// which is a write, and no business of a castoff that only reads.
fn has_wal(file: &Path) -> bool {
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    fs::metadata(PathBuf::from(wal)).is_ok_and(|found| found.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::{Interrupt, SharedLock, Source, open};
    use crate::engine::sqlite::lock;
    use sqlx::Connection as _;
    use std::fs;

    #[tokio::test]
    async fn a_connection_that_outlives_its_session_keeps_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        fs::write(&database, "").unwrap();
        let held = SharedLock::default();
        let opened = open(Source::Existing(&database), Interrupt::leaked(), &held).await.unwrap();
        held.with(|held| *held = lock::try_lock(&database, "first").unwrap());
        drop(held);
        assert!(lock::try_lock(&database, "second").unwrap().is_none());
        opened.connection.close().await.unwrap();
        assert!(lock::try_lock(&database, "second").unwrap().is_some());
    }
}
