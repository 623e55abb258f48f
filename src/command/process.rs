//! Starting a command as PID 1 has to.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Stdio};

use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};

use super::{Command, Group};
use crate::signals::Inherited;
use crate::terminal::{Terminal, give_to_this_process};
use crate::user::User;

/// A command that was started.
pub(super) struct Process {
    pub(super) group: Group,
    terminal: Option<Lent>,
}

/// A terminal that is taken back when the command has gone.
struct Lent(Terminal);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

impl Process {
    /// Starts it at the head of a group of its own.
    pub(super) fn start(program: &Path, command: &Command<'_>, inherited: Inherited) -> io::Result<Self> {
        let terminal = Terminal::in_the_foreground().map(Lent);
        let mut start = process::Command::new(program);
        start.arg0(command.line.program()).args(command.line.arguments());
        start.env_clear().envs(command.environment.iter());
        start.stdin(Stdio::null()).process_group(0);
        let descriptor = terminal.as_ref().map(|lent| lent.0.descriptor());
        let mut change = command.user.map(User::change);
        let parent = process::id();
        let prepare = move || {
            if let Some(descriptor) = descriptor {
                SigSet::from(Signal::SIGTTOU).thread_block()?;
                give_to_this_process(descriptor);
            }
            inherited.restore()?;
            if let Some(change) = &mut change {
                change.make()?;
            }
            // Last, because the kernel forgets it when the user changes. A castoff that is killed leaves nothing running.
            set_pdeathsig(Signal::SIGKILL)?;
            // SAFETY: asks for a number.
            if u32::try_from(unsafe { libc::getppid() }) != Ok(parent) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes system calls only: it allocates nothing and takes no lock.
        unsafe { start.pre_exec(prepare) };
        let child = start.spawn()?;
        // Waited for by `Children`, together with everything PID 1 is the parent of.
        let group = Group::led_by(child.id(), command.user)
            .ok_or_else(|| io::Error::other("the system gave it an impossible process id"))?;
        Ok(Self { group, terminal })
    }

    /// Forgets it, once nothing of it is left, and says whether it had the terminal.
    pub(super) fn end(mut self) -> bool {
        self.group.forget();
        self.terminal.is_some()
    }
}
