//! The controlling terminal, lent to a child: in a group of its own it could neither ask for a password there nor be
//! interrupted from there.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// A terminal that is castoff's to lend.
pub(crate) struct Terminal(File);

impl Terminal {
    /// The controlling terminal, if there is one and castoff's group is in its foreground.
    pub(crate) fn in_the_foreground() -> Option<Self> {
        let tty =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open("/dev/tty").ok()?;
        (tcgetpgrp(&tty) == Ok(getpgrp())).then_some(Self(tty))
    }

    /// The descriptor, for [`give_to_this_process`].
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Whether this group is in its foreground.
    pub(crate) fn is_lent_to(&self, group: Pid) -> bool {
        tcgetpgrp(&self.0) == Ok(group)
    }

    /// Puts a group into its foreground. The caller has SIGTTOU blocked: from the background the kernel would stop castoff
    /// for this.
    pub(crate) fn give_to(&self, group: Pid) {
        if let Err(errno) = tcsetpgrp(self.0.as_fd(), group) {
            tracing::debug!("cannot hand the terminal over: {errno}");
        }
    }

    /// Takes it back.
    pub(crate) fn take_back(&self) {
        let ttou = SigSet::from(Signal::SIGTTOU);
        let Ok(before) = ttou.thread_swap_mask(SigmaskHow::SIG_BLOCK) else { return };
        self.give_to(getpgrp());
        // It fails for no mask that was in force.
        let _ = before.thread_set_mask();
    }
}

/// Between fork and exec, in a child that leads its group already and has SIGTTOU blocked.
pub(crate) fn give_to_this_process(descriptor: RawFd) {
    // SAFETY: a system call on numbers; the descriptor is the parent's, and open here as well.
    let result = unsafe { libc::tcsetpgrp(descriptor, libc::getpid()) };
    // A terminal that has gone meanwhile is none to lend.
    let _ = Errno::result(result);
}
