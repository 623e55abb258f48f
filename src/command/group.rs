//! A process group, so that a command ends with all it started.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::user::User;

/// The group of a command, killed when dropped unless it was found to be gone.
pub(crate) struct Group {
    id: Pid,
    /// As whom it runs, if not as castoff.
    user: Option<User>,
    gone: bool,
}

impl Group {
    /// The group that a child leads; `None` where the child has been waited for already.
    pub(crate) fn led_by(child: u32, user: Option<&User>) -> Option<Self> {
        let id = i32::try_from(child).ok().filter(|id| *id > 1)?;
        Some(Self { id: Pid::from_raw(id), user: user.cloned(), gone: false })
    }

    /// Its id, which is its leader's.
    pub(crate) fn id(&self) -> Pid {
        self.id
    }

    /// Sends a signal, and sees to it that a stopped process can act on it.
    pub(crate) fn tell(&self, signal: Signal) {
        self.send(signal);
        if signal != Signal::SIGKILL {
            self.send(Signal::SIGCONT);
        }
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        self.send(Signal::SIGKILL);
    }

    /// Whether no process is in it, zombies included.
    pub(super) fn is_empty(&self) -> bool {
        killpg(self.id, None) == Err(Errno::ESRCH)
    }

    /// Nobody is in it any more, so that its id may become another's.
    pub(crate) fn forget(&mut self) {
        self.gone = true;
    }

    /// Ends a process that has left it.
    pub(super) fn kill_stray(&self, process: Pid) {
        self.send_to(process, Signal::SIGKILL);
    }

    fn send(&self, signal: Signal) {
        self.send_to(Pid::from_raw(-self.id.as_raw()), signal);
    }

    fn send_to(&self, target: Pid, signal: Signal) {
        if let Err(error) = User::signal(self.user.as_ref(), target, signal) {
            tracing::warn!("cannot send {signal} to the command's processes: {error}");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.gone {
            self.kill();
        }
    }
}
