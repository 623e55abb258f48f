//! Where the database file really is, and whether castoff could write there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, Uid, access};

use crate::engine::{DbError, Verdict};

/// The kernel follows this many links before it says ELOOP (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// What a volume that is mounted late looks like.
const MOUNT_HINT: &str =
    "if it is a volume, check that it is mounted; castoff looks again until the wait timeout";

/// The database's real, absolute path, so that two names of one database are one lock.
///
/// # Errors
///
/// [`Verdict::NotYet`] where its directory is missing or closed to us, [`Verdict::Never`] where the path cannot be one
/// of a file.
pub(super) fn resolve(database: &str) -> Result<PathBuf, DbError> {
    let mut path = std::path::absolute(database)
        .map_err(|error| never(format!("{database:?} is no path of a database file: {error}")))?;
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&path) {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(not_yet(format!("{}: {error}", path.display()), None)),
        }
        // Nothing is there yet. SQLite creates what a dangling link points to, so that is the database's name.
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(never(format!("{} is no path of a database file", path.display())));
        };
        match fs::read_link(&path) {
            Ok(target) => path = directory.join(target),
            Err(_) => {
                return match fs::canonicalize(directory) {
                    Ok(real) => Ok(real.join(name)),
                    Err(error) => Err(directory_error(directory, &error)),
                };
            }
        }
    }
    Err(never(format!("{}: too many symbolic links", path.display())))
}

fn directory_error(directory: &Path, error: &std::io::Error) -> DbError {
    let shown = directory.display();
    match error.kind() {
        ErrorKind::NotFound => {
            not_yet(format!("the directory {shown} of the database does not exist"), Some(MOUNT_HINT))
        }
        _ => not_yet(format!("the directory {shown} of the database cannot be read: {error}"), None),
    }
}

/// Whether the file is there; if it is not, whether it could be created.
///
/// # Errors
///
/// As [`resolve`], for a file that could not be created too.
pub(super) fn exists(file: &Path) -> Result<bool, DbError> {
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => {
            Err(never(format!("{} is a directory, not a database file", file.display())))
        }
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let directory = directory_of(file);
            if let Err(error) = fs::metadata(directory) {
                return Err(directory_error(directory, &error));
            }
            match unwritable(directory) {
                None => Ok(false),
                Some(why) => Err(not_yet(
                    format!(
                        "{} cannot be created: the directory {} is {why}",
                        file.display(),
                        directory.display()
                    ),
                    Some("make the directory writable for castoff's user, or mount a writable volume there"),
                )),
            }
        }
        Err(error) => Err(not_yet(format!("{}: {error}", file.display()), None)),
    }
}

/// Why an existing database takes no writes, as far as the file system tells.
pub(super) fn read_only(file: &Path) -> Option<String> {
    if let Some(why) = unwritable(file) {
        return Some(format!("the file {} is {why}", file.display()));
    }
    let directory = directory_of(file);
    unwritable(directory).map(|why| {
        format!(
            "the directory {} is {why}: SQLite cannot create its journal there, nor castoff its lock file",
            directory.display()
        )
    })
}

/// The directory a file is in; `resolve` leaves no path without one.
pub(super) fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}

/// Why a path is not writable; `None` if it is, or where the question itself fails, which a write will then say.
fn unwritable(path: &Path) -> Option<String> {
    let mut wanted = AccessFlags::W_OK;
    if path.is_dir() {
        wanted |= AccessFlags::X_OK;
    }
    match access(path, wanted) {
        Err(Errno::EROFS) => Some("on a read-only file system".to_owned()),
        Err(Errno::EACCES | Errno::EPERM) => Some(format!("not writable for uid {}", Uid::effective())),
        _ => None,
    }
}

fn not_yet(message: String, hint: Option<&str>) -> DbError {
    DbError { verdict: Verdict::NotYet, message, hint: hint.map(str::to_owned), ..DbError::default() }
}

fn never(message: String) -> DbError {
    DbError { verdict: Verdict::Never, message, ..DbError::default() }
}

#[cfg(test)]
mod tests {
    use super::{exists, resolve};
    use crate::engine::Verdict;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn text(path: &Path) -> String {
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn two_names_of_a_database_are_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(directory.path()).unwrap().join("real.db");
        fs::write(&real, "").unwrap();
        let link = directory.path().join("link.db");
        symlink(&real, &link).unwrap();
        assert_eq!(resolve(&text(&link)).unwrap(), real);
        assert_eq!(resolve(&text(&directory.path().join("./real.db"))).unwrap(), real);
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_yet_names_that_file() {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(base.join("data")).unwrap();
        symlink("data/real.db", base.join("link.db")).unwrap();
        assert_eq!(resolve(&text(&base.join("link.db"))).unwrap(), base.join("data/real.db"));
    }

    #[test]
    fn a_loop_of_links_is_refused_and_does_not_hang() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("loop.db");
        symlink(&path, &path).unwrap();
        assert!(resolve(&text(&path)).is_err());
    }

    #[test]
    fn a_missing_directory_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume/app.db");
        let error = resolve(&text(&path)).unwrap_err();
        assert_eq!(error.verdict, Verdict::NotYet);
        assert!(error.message.contains("volume of the database does not exist"), "{error}");
    }

    #[test]
    fn a_directory_is_no_database() {
        let directory = tempfile::tempdir().unwrap();
        let path = resolve(&text(directory.path())).unwrap();
        assert_eq!(exists(&path).unwrap_err().verdict, Verdict::Never);
    }
}
