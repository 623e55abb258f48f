//! The processes castoff is the parent of. As PID 1 those are all orphans as well, which nobody else waits for.

use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpid};
use tokio::time::{sleep, timeout};

use super::{Group, Status};
use crate::signals::Listener;

/// How often one looks for what gives no sign when it ends: processes of the group that are no children of ours.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Whichever child it is, to `waitpid`.
const ANY: Pid = Pid::from_raw(-1);

/// Who is to be waited for.
pub(super) struct Children {
    /// Whether orphans become ours: only PID 1 has other children than those it starts.
    adopts: bool,
    /// Those that were there before the command: castoff may have been started beside them, and they are the
    /// application's.
    before: Vec<Pid>,
}

impl Children {
    /// Remembers who is there.
    pub(super) fn found() -> Self {
        let adopts = getpid().as_raw() == 1;
        Self { adopts, before: if adopts { present() } else { Vec::new() } }
    }

    /// Waits for every child that has ended, without blocking. Gives the status of the group's leader if it is among
    /// them, and then kills the rest of its group, while the leader's id is still certain to be its own.
    pub(super) fn reap(&mut self, group: &Group) -> Option<Status> {
        let mut ended = None;
        while let Some(pid) = self.peek(group.id()) {
            let is_leader = pid == group.id();
            if is_leader {
                group.kill();
            }
            let status = collect(pid)?;
            if is_leader {
                ended = Some(status);
            }
        }
        ended
    }

    /// Whether the group's leader has been suspended from the terminal since one last asked.
    pub(super) fn is_suspended(group: &Group) -> bool {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        matches!(waitid(Id::Pid(group.id()), flags), Ok(WaitStatus::Stopped(_, Signal::SIGTSTP)))
    }

    /// A child that has ended and was not waited for yet; it stays one.
    ///
    /// Not nix's call, which knows no child that was killed by a real-time signal.
    fn peek(&self, leader: Pid) -> Option<Pid> {
        let mut found = MaybeUninit::<libc::siginfo_t>::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        let (whose, id) = if self.adopts { (libc::P_ALL, 0) } else { (libc::P_PID, leader.as_raw()) };
        // SAFETY: the pointer is to memory of the right type, which is valid when zeroed and stays so where nothing ended.
        let pid = unsafe {
            let id = libc::id_t::try_from(id).ok()?;
            Errno::result(libc::waitid(whose, id, found.as_mut_ptr(), options)).ok()?;
            found.assume_init().si_pid()
        };
        (pid != 0).then(|| Pid::from_raw(pid))
    }

    /// Waits for whoever has ended, and gives the children that have not and were not there before.
    fn strays(&self) -> Vec<Pid> {
        if !self.adopts {
            return Vec::new();
        }
        while collect(ANY).is_some() {}
        present().into_iter().filter(|pid| !self.before.contains(pid)).collect()
    }

    /// Ends what is left once the leader has gone: its group, which has been killed, and as PID 1 whatever left the group
    /// and has become a child of ours.
    pub(super) async fn end_the_rest(&mut self, group: &Group, listener: &mut Listener, limit: Duration) {
        let ended = async {
            loop {
                let left = self.strays();
                if left.is_empty() && group.is_empty() {
                    return;
                }
                for pid in left {
                    group.kill_stray(pid);
                }
                tokio::select! {
                    _ = listener.next() => {}
                    () = sleep(LOOK_EVERY) => {}
                }
            }
        };
        if timeout(limit, ended).await.is_err() {
            tracing::warn!("a process that the command started could not be ended");
        }
    }
}

/// Waits for a child that has ended, without blocking; `None` if it has not, or there is none.
fn collect(pid: Pid) -> Option<Status> {
    let mut status = 0;
    // SAFETY: the pointer is to a number that lives until the call returns.
    let collected = unsafe { libc::waitpid(pid.as_raw(), &raw mut status, libc::WNOHANG) };
    if collected <= 0 {
        return None;
    }
    Some(if libc::WIFEXITED(status) {
        Status::Exited(libc::WEXITSTATUS(status))
    } else {
        Status::Killed(libc::WTERMSIG(status))
    })
}

/// Every child of ours, adopted or not.
fn present() -> Vec<Pid> {
    let own = getpid();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(Pid::from_raw).filter(|pid| parent(*pid) == Some(own)).collect()
}

/// The parent of a process, the second field behind its name, which may hold anything.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok().map(Pid::from_raw)
}
