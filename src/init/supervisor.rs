//! Staying beside the application: signals are forwarded, children waited for, and its end is castoff's.

use std::process::ExitCode;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgrp, getpid};

use super::arrival::{self, Arrival, Origin};
use super::child;
use super::order::Given;
use crate::exit::{Exit, Failure, Result};
use crate::log;
use crate::phase::Phase;
use crate::signals::{keep_holding, let_through};
use crate::terminal::Terminal;

/// Every child of ours, to `waitpid`.
const ANY: i32 = -1;

/// What a person at a terminal suspends a job with.
const SUSPENDING: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// A running application and who stays beside it.
pub(super) struct Supervisor {
    child: Pid,
    to_group: bool,
    /// The terminal, if the application was lent it.
    terminal: Option<Terminal>,
    /// A process, not the terminal, wants the application suspended.
    told_to_suspend: bool,
}

/// What has become of a child.
enum Change {
    Ended(u8),
    Suspended(i32),
}

impl Given {
    /// Starts the application and stays until it has ended.
    pub fn obey(self) -> ExitCode {
        log::exit_on_panic();
        log::init(&self.order.logs);
        let ended = Supervisor::start(&self).and_then(Supervisor::stay);
        match ended {
            Ok(code) => ExitCode::from(code),
            Err(failure) => {
                log::report(&failure);
                ExitCode::from(failure.exit.code())
            }
        }
    }
}

impl Supervisor {
    /// Starts the application. Every signal is blocked from here on.
    ///
    /// # Errors
    /// What an exec of the application would have failed with.
    pub(super) fn start(given: &Given) -> Result<Self> {
        Phase::Run.enter();
        let inherited = keep_holding(given.mask).map_err(|error| {
            Failure::new(Exit::OsError, anyhow::Error::new(error).context("cannot keep the signals blocked"))
        })?;
        adopt_orphans();
        let terminal = Terminal::in_the_foreground();
        let child = child::start(&given.order.application, inherited, terminal.as_ref())?;
        leave_nothing_open(terminal.as_ref());
        Ok(Self { child, to_group: given.order.to_group, terminal, told_to_suspend: false })
    }

    /// Stays until the application has ended and gives its code, 128+n where signal n ended it.
    ///
    /// # Errors
    /// None that a kernel gives.
    pub(super) fn stay(mut self) -> Result<u8> {
        loop {
            if let Some(code) = self.look_after_children() {
                self.take_the_terminal_back();
                return Ok(code);
            }
            let arrival = arrival::next().map_err(|errno| {
                Failure::new(Exit::OsError, anyhow::Error::new(errno).context("cannot wait for signals"))
            })?;
            self.pass_on(arrival);
        }
    }

    fn pass_on(&mut self, arrival: Arrival) {
        let Arrival { signal, origin } = arrival;
        if origin == Origin::Castoff || (origin == Origin::Kernel && signal == libc::SIGCHLD) {
            return;
        }
        if signal == libc::SIGCONT {
            self.told_to_suspend = false;
            self.lend_the_terminal();
        } else if SUSPENDING.contains(&signal) {
            self.told_to_suspend = true;
        }
        self.tell(signal);
    }

    fn tell(&self, signal: i32) {
        let child = self.child.as_raw();
        send(if self.to_group { -child } else { child }, signal);
    }

    /// Waits for whoever has ended; gives the application's code if it has.
    fn look_after_children(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some((pid, change)) = collect() {
            match change {
                Change::Ended(ended) if pid == self.child => code = Some(ended),
                Change::Suspended(signal) if pid == self.child => self.suspend(signal),
                Change::Ended(_) | Change::Suspended(_) => {}
            }
        }
        code
    }

    /// The application was suspended, so castoff, which is all that a shell sees of it, suspends itself, and both go on
    /// with the SIGCONT that castoff forwards. Where nobody could send one, as in a container, the kernel refuses; then a
    /// key at the terminal does not suspend the application either, as it would not where castoff had become it.
    fn suspend(&mut self, signal: i32) {
        let Some(signal) =
            Signal::try_from(signal).ok().filter(|signal| SUSPENDING.contains(&(*signal as i32)))
        else {
            return;
        };
        let suspended = nix::sys::signal::kill(getpid(), signal).is_ok()
            && let_through(signal).is_ok()
            && arrival::is_pending(libc::SIGCONT);
        if !suspended && !self.told_to_suspend && signal == Signal::SIGTSTP {
            send(-self.child.as_raw(), libc::SIGCONT);
        }
    }

    /// After `fg` the terminal is castoff's group's, and the application is to have it. After `bg` it is the shell's.
    fn lend_the_terminal(&mut self) {
        if let Some(terminal) = Terminal::in_the_foreground() {
            terminal.give_to(self.child);
            self.terminal = Some(terminal);
        }
    }

    /// Whoever runs after castoff in its group, a shell's script for instance, finds the terminal as castoff did.
    fn take_the_terminal_back(&self) {
        if let Some(terminal) = self.terminal.as_ref().filter(|terminal| terminal.is_lent_to(self.child)) {
            terminal.give_to(getpgrp());
        }
    }
}

/// Sends a signal. Not by nix's call, which knows no real-time signals.
fn send(target: i32, signal: i32) {
    // SAFETY: a system call on numbers.
    match Errno::result(unsafe { libc::kill(target, signal) }) {
        Ok(_) | Err(Errno::ESRCH) => {}
        Err(errno) => tracing::warn!(
            "cannot forward signal {signal} to the application: {errno}; has it become another user? Then castoff needs \
             the capability KILL"
        ),
    }
}

/// PID 1 is every orphan's parent. Another process has to ask for it, as catatonit does unasked.
fn adopt_orphans() {
    if getpid().as_raw() != 1
        && let Err(errno) = set_child_subreaper(true)
    {
        tracing::warn!("castoff is not PID 1 and cannot adopt orphans ({errno}): their zombies will stay");
    }
}

/// What the application inherited beside the standard streams is its own: a pipe that castoff held open too would never
/// end. Nor does castoff keep the working directory, whose file system could not be unmounted.
fn leave_nothing_open(terminal: Option<&Terminal>) {
    const FIRST: u32 = 3;
    let close = |from: u32, to: u32| {
        if from <= to {
            // SAFETY: nothing in this process uses these descriptors any more. A kernel that does not know the call
            // (before 5.9) leaves them open, as tini does.
            unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) };
        }
    };
    match terminal.and_then(|terminal| u32::try_from(terminal.descriptor()).ok()) {
        Some(kept) if kept >= FIRST => {
            close(FIRST, kept.saturating_sub(1));
            close(kept.saturating_add(1), u32::MAX);
        }
        _ => close(FIRST, u32::MAX),
    }
    // It is there in any container; nothing depends on it.
    let _ = std::env::set_current_dir("/");
}

/// A child that has ended, which is waited for by this, or has been suspended since one last asked; does not block.
///
/// Not nix's call, which knows no child that was killed by a real-time signal.
fn collect() -> Option<(Pid, Change)> {
    let mut status = 0;
    // SAFETY: the pointer is to a number that lives until the call returns.
    let pid = unsafe { libc::waitpid(ANY, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
    if pid <= 0 {
        return None;
    }
    let code = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    let change = if libc::WIFSTOPPED(status) {
        Change::Suspended(libc::WSTOPSIG(status))
    } else if libc::WIFEXITED(status) {
        Change::Ended(code(libc::WEXITSTATUS(status)))
    } else {
        Change::Ended(Exit::Signal(libc::WTERMSIG(status)).code())
    };
    Some((Pid::from_raw(pid), change))
}
