//! Directories that vanish with a passing test and stay with a failing one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Set by the first test that panics: then the servers' data is kept.
static FAILED: AtomicBool = AtomicBool::new(false);

/// A directory of its own below the test run's; removed on drop unless the test is failing.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a directory whose name starts with `label`, readable by everybody: servers run as another user.
    pub(crate) fn new(label: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = base().join(format!("{label}{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).expect("a scratch directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the directory to the user that servers run as.
    pub(crate) fn owned_by_servers(self) -> Self {
        if let Some((uid, gid)) = super::spawn::server_user() {
            chown(&self.0, Some(uid), Some(gid)).expect("the scratch directory changes hands");
        }
        self
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("the file's directory");
        }
        fs::write(&path, content).expect("the file is written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for inspection: {}", self.0.display());
        } else {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}

/// The test run's directory, short enough for a unix socket's path.
fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        remove_leftovers();
        let path = std::env::temp_dir().join(format!("castoff-test-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the test run's directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            FAILED.store(true, Ordering::Relaxed);
            default(info);
        }));
        // SAFETY: the handler touches only statics that live as long as the process.
        unsafe { libc::atexit(clean_up) };
        path
    })
}

/// Servers whose files would otherwise still be written to while they are removed.
static SERVERS: Mutex<Vec<(u32, Signal)>> = Mutex::new(Vec::new());

/// Has this server ended, by this signal, before the test run's directory is removed.
pub(crate) fn end_with_the_run(pid: u32, signal: Signal) {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner).push((pid, signal));
}

/// Runs when the test process ends by itself; if it is killed, its servers die with it (see `spawn`).
extern "C" fn clean_up() {
    for (pid, signal) in SERVERS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX));
        // A server already waited for is no child any more, and its id must not be trusted.
        if waitpid(pid, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {
            let _ = kill(pid, signal);
            let _ = waitpid(pid, None);
        }
    }
    if FAILED.load(Ordering::Relaxed) {
        eprintln!("data of the servers kept in {}", base().display());
    } else {
        drop(fs::remove_dir_all(base()));
    }
}

/// Removes what earlier runs kept, once they are dead and a day has passed.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("castoff-test-") else { continue };
        let old = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        let a_day = std::time::Duration::from_hours(24);
        if !Path::new("/proc").join(pid).exists() && old.is_some_and(|age| age > a_day) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    listener.local_addr().expect("its address").port()
}
