//! The lock on a SQLite database: `flock` on a file beside it, which also says who holds it.
//!
//! The file stays when the lock is gone, as `-wal` does: removing it would hand two processes two different files. The
//! lock itself dies with the process, and exec closes it. The content means nothing unless the lock is held.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};

use crate::engine::{DbError, Holder, Verdict};

/// Who holds the lock, as one line of JSON in the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    application_name: String,
    pid: i64,
    since: String,
}

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(super) struct HeldLock {
    file: Flock<File>,
    record: Record,
}

/// The lock file of a database whose path is resolved.
pub(super) fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".castoff");
    name.into()
}

/// Takes the lock if it is free, and writes down who did.
///
/// # Errors
///
/// [`Verdict::NotYet`] where the file cannot be created or opened, [`Verdict::Never`] where the file system has no locks.
pub(super) fn try_lock(database: &Path, application_name: &str) -> Result<Option<HeldLock>, DbError> {
    let path = path(database);
    let file = open_or_create(&path, database)?;
    let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => file,
        Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => return Ok(None),
        Err((_, errno)) => return Err(unlockable(&path, errno)),
    };
    let record = Record {
        application_name: application_name.to_owned(),
        pid: std::process::id().into(),
        since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    let mut held = HeldLock { file, record };
    held.write();
    Ok(Some(held))
}

impl HeldLock {
    /// Shows another name to those who ask for the holder.
    pub(super) fn rename(&mut self, application_name: String) {
        self.record.application_name = application_name;
        self.write();
    }

    /// Gives the lock back.
    pub(super) fn release(self) {
        // So that the next holder is not taken for us before it has written its own name.
        let _ = self.file.set_len(0);
    }

    /// Writes the holder down. The lock is as good without, on a full disk for one.
    fn write(&mut self) {
        let result =
            serde_json::to_string(&self.record).map_err(std::io::Error::from).and_then(|mut line| {
                line.push('\n');
                self.file.rewind()?;
                self.file.write_all(line.as_bytes())?;
                self.file.set_len(line.len().try_into().unwrap_or(u64::MAX))
            });
        if let Err(error) = result {
            tracing::debug!("cannot write who holds the lock: {error}");
        }
    }
}

/// Who holds the lock, `None` if nobody does. A holder that has not written its name yet is one without a name.
///
/// # Errors
///
/// As [`try_lock`], where a lock file is there and cannot be read.
pub(super) fn holder(database: &Path) -> Result<Option<Holder>, DbError> {
    let path = path(database);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&path, "opened", &error)),
    };
    // Shared, so that those who ask do not get into each other's way.
    let mut file = match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => return Ok(None),
        Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
        Err((_, errno)) => return Err(unlockable(&path, errno)),
    };
    let mut content = String::new();
    let record: Option<Record> =
        file.read_to_string(&mut content).ok().and_then(|_| serde_json::from_str(&content).ok());
    Ok(Some(record.map_or_else(Holder::default, |record| Holder {
        application_name: Some(record.application_name),
        pid: Some(record.pid),
        client: None,
        since: Some(record.since),
    })))
}

/// Opens the lock file. A new one gets the database's mode, and its owner where we may give that away, as SQLite does for
/// the database's other companions: whoever may write the database may lock it.
fn open_or_create(path: &Path, database: &Path) -> Result<File, DbError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => return Ok(file),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unusable(path, "opened", &error)),
    }
    match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
        Ok(file) => {
            if let Ok(found) = fs::metadata(database) {
                let _ = file.set_permissions(Permissions::from_mode(found.mode() & 0o666));
                if Uid::effective().is_root() {
                    let _ = fchown(&file, Some(found.uid()), Some(found.gid()));
                }
            }
            Ok(file)
        }
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| unusable(path, "opened", &error)),
        Err(error) => Err(unusable(path, "created", &error)),
    }
}

fn unusable(path: &Path, what: &str, error: &std::io::Error) -> DbError {
    DbError {
        verdict: Verdict::NotYet,
        message: format!("the lock file {} cannot be {what}: {error}", path.display()),
        hint: Some(
            "castoff needs to write this file beside the database, as SQLite does its journal: make both writable \
             for castoff's user"
                .to_owned(),
        ),
        ..DbError::default()
    }
}

fn unlockable(path: &Path, errno: Errno) -> DbError {
    DbError {
        verdict: Verdict::Never,
        message: format!("the lock file {} cannot be locked: {}", path.display(), errno.desc()),
        hint: Some(
            "the file system has no working flock, and SQLite would not be safe on it either: use a local one"
                .to_owned(),
        ),
        ..DbError::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{HeldLock, holder, path, try_lock};
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    fn database() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        fs::write(&database, "").unwrap();
        (directory, database)
    }

    #[test]
    fn only_one_holds_it_and_the_file_stays() {
        let (_directory, database) = database();
        let first = try_lock(&database, "first").unwrap().unwrap();
        assert!(try_lock(&database, "second").unwrap().is_none());
        first.release();
        assert_eq!(fs::read(path(&database)).unwrap(), b"", "the next holder would be taken for the first");
        assert!(try_lock(&database, "second").unwrap().is_some());
    }

    #[test]
    fn the_holder_is_named_while_it_holds() {
        let (_directory, database) = database();
        assert_eq!(holder(&database).unwrap(), None, "there is no lock file yet");
        let held = try_lock(&database, "castoff/1 pod-7").unwrap().unwrap();
        let named = holder(&database).unwrap().unwrap();
        assert_eq!(named.application_name.as_deref(), Some("castoff/1 pod-7"));
        assert_eq!(named.pid, Some(std::process::id().into()));
        assert!(humantime::parse_rfc3339(&named.since.unwrap()).is_ok());
        drop(held);
        assert_eq!(holder(&database).unwrap(), None);
    }

    #[test]
    fn a_holder_without_a_name_is_still_one() {
        let (_directory, database) = database();
        let held = try_lock(&database, "first").unwrap().unwrap();
        fs::write(path(&database), "{\"applica").unwrap();
        assert_eq!(holder(&database).unwrap(), Some(crate::engine::Holder::default()));
        drop(held);
    }

    #[test]
    fn a_shorter_name_leaves_nothing_of_the_longer_one() {
        let (_directory, database) = database();
        let mut held = try_lock(&database, &"long".repeat(50)).unwrap().unwrap();
        held.rename("short".into());
        assert_eq!(holder(&database).unwrap().unwrap().application_name.as_deref(), Some("short"));
    }

    #[test]
    fn who_may_write_the_database_may_lock_it() {
        let (_directory, database) = database();
        fs::set_permissions(&database, Permissions::from_mode(0o660)).unwrap();
        drop(try_lock(&database, "first").unwrap());
        assert_eq!(fs::metadata(path(&database)).unwrap().permissions().mode() & 0o777, 0o660);
    }

    #[test]
    fn the_application_does_not_inherit_it() {
        let (_directory, database) = database();
        let HeldLock { file, .. } = try_lock(&database, "first").unwrap().unwrap();
        let flags = FdFlag::from_bits_truncate(fcntl(&*file, FcntlArg::F_GETFD).unwrap());
        assert!(flags.contains(FdFlag::FD_CLOEXEC));
    }
}
