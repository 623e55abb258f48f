//! Starting the application as a child.

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::{ForkResult, Pid, fork, getpid, pipe2};

use crate::application::Application;
use crate::exit::{Exit, Failure, Result};
use crate::signals::Inherited;
use crate::terminal::{Terminal, give_to_this_process};

/// What the child ends with if it could not become the application; its parent has been told why and says it.
const NOT_STARTED: i32 = 127;

/// The variable of socket activation (`sd_listen_fds(3)`): whom the descriptors from 3 on are meant for.
const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// Starts the application at the head of a group of its own, in the terminal's foreground if castoff's group is, with
/// everything else as castoff found it.
///
/// # Errors
/// What an exec of the application would have failed with.
pub(super) fn start(
    application: &Application,
    inherited: Inherited,
    terminal: Option<&Terminal>,
) -> Result<Pid> {
    let (report, reporter) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| cannot("open a pipe", errno))?;
    let mut prepared = Prepared::of(application);
    let descriptor = terminal.map(Terminal::descriptor);
    // SAFETY: there is one thread, and the child makes system calls alone: it allocates nothing and ends without
    // unwinding.
    let child = match unsafe { fork() }.map_err(|errno| cannot("start a process", errno))? {
        ForkResult::Child => become_application(&mut prepared, inherited, descriptor, &reporter),
        ForkResult::Parent { child } => child,
    };
    drop(reporter);
    match refusal(report) {
        None => Ok(child),
        Some(errno) => Err(application.refused(errno)),
    }
}

/// The rest of the child's life before the exec.
fn become_application(
    prepared: &mut Prepared,
    inherited: Inherited,
    terminal: Option<i32>,
    reporter: &OwnedFd,
) -> ! {
    // SAFETY: takes numbers; a process that has just been forked leads no session and may lead a group.
    unsafe { libc::setpgid(0, 0) };
    if let Some(descriptor) = terminal {
        give_to_this_process(descriptor);
    }
    prepared.name_listener();
    let errno = match inherited.restore() {
        Ok(()) => prepared.execute(),
        Err(error) => Errno::from_raw(error.raw_os_error().unwrap_or(libc::EINVAL)),
    };
    // If it cannot be said, the parent takes the code for the application's, and 127 is near enough.
    let _ = nix::unistd::write(reporter, &(errno as i32).to_ne_bytes());
    // SAFETY: ends this process at once.
    unsafe { libc::_exit(NOT_STARTED) }
}

/// Waits until the application runs, which closes the child's end, or for the reason why it does not.
fn refusal(report: OwnedFd) -> Option<Errno> {
    let mut number = [0; 4];
    let mut report = File::from(report);
    report.read_exact(&mut number).ok()?;
    Some(Errno::from_raw(i32::from_ne_bytes(number)))
}

fn cannot(what: &str, errno: Errno) -> Failure {
    let error = anyhow::Error::new(errno).context(format!("cannot {what} for the application"));
    Failure::new(Exit::OsError, error).hint("see the container's limits, of processes, open files and memory")
}

/// What `execve` takes, made before the fork.
struct Prepared<'a> {
    path: *const c_char,
    argv: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// The variable's place and room for another number, where the descriptors are meant for castoff.
    listener: Option<(usize, Vec<u8>)>,
    _application: &'a Application,
}

impl<'a> Prepared<'a> {
    fn of(application: &'a Application) -> Self {
        let pointers = |strings: &[CString]| {
            let pointers = strings.iter().map(|string| string.as_ptr());
            pointers.chain([ptr::null()]).collect::<Vec<_>>()
        };
        let own = [LISTEN_PID, getpid().to_string().as_bytes()].concat();
        let place = application.environment().iter().position(|variable| variable.as_bytes() == own);
        Self {
            path: application.path().as_ptr(),
            argv: pointers(application.argv()),
            environment: pointers(application.environment()),
            listener: place.map(|place| (place, [LISTEN_PID, &[0; 12]].concat())),
            _application: application,
        }
    }

    /// In the child: what was meant for castoff's process is meant for the application's, as it is where castoff becomes
    /// it.
    fn name_listener(&mut self) {
        let Some((place, text)) = &mut self.listener else { return };
        let Some(digits) = text.get_mut(LISTEN_PID.len()..) else { return };
        // The last byte stays NUL.
        let Some((_, mut digits)) = digits.split_last_mut() else { return };
        if write!(digits, "{}", getpid()).is_ok()
            && let Some(variable) = self.environment.get_mut(*place)
        {
            *variable = text.as_ptr().cast();
        }
    }

    /// In the child: becomes the application, or says why not.
    fn execute(&self) -> Errno {
        // SAFETY: the strings end in NUL and belong to the application, which outlives this, or to `self`; both lists end
        // in a null pointer.
        unsafe { libc::execve(self.path, self.argv.as_ptr(), self.environment.as_ptr()) };
        Errno::last()
    }
}
