//! Runs a process to its end and says what it cost.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds from before the fork to the end.
    pub(crate) wall: f64,
    /// Seconds of user and system time, of the process and of the children it waited for.
    pub(crate) cpu: f64,
    /// The largest resident set, in KiB.
    pub(crate) memory: f64,
    /// When it ended.
    pub(crate) ended: Instant,
}

/// A process under measurement; killed with its group if it is dropped before its end.
pub(crate) struct Running {
    child: Child,
    name: String,
    started: Instant,
    errors: File,
    ended: bool,
}

impl Running {
    /// Starts the process in a group of its own. What it says is kept for the error, should it fail.
    pub(crate) fn start(name: &str, mut command: Command) -> Result<Self> {
        let errors = tempfile::tempfile()?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.try_clone()?).process_group(0);
        die_with_parent(&mut command, libc::SIGKILL);
        let started = Instant::now();
        let child =
            command.spawn().with_context(|| format!("{name}: {}", command.get_program().display()))?;
        Ok(Self { child, name: name.to_owned(), started, errors, ended: false })
    }

    /// Waits for the end, at most `limit`; anything but success is an error.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<Cost> {
        let pid = i32::try_from(self.child.id())?;
        ensure!(ends_within(pid, limit)?, "{} did not end within {limit:?}: {}", self.name, self.errors());
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: both pointers are to live values of the right type; the process is ours and not waited for yet.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        let ended = Instant::now();
        ensure!(waited == pid, "wait4: {}", io::Error::last_os_error());
        self.ended = true;
        // SAFETY: zeroed is a valid rusage, and the call has filled it.
        let usage = unsafe { usage.assume_init() };
        let status = ExitStatus::from_raw(status);
        if !status.success() {
            bail!("{}: {status}: {}", self.name, self.errors());
        }
        Ok(Cost {
            wall: (ended - self.started).as_secs_f64(),
            cpu: seconds(usage.ru_utime)? + seconds(usage.ru_stime)?,
            memory: f64::from(i32::try_from(usage.ru_maxrss)?),
            ended,
        })
    }

    fn errors(&self) -> String {
        let mut text = Vec::new();
        let mut errors = &self.errors;
        let read = errors.rewind().and_then(|()| errors.read_to_end(&mut text));
        read.map_or_else(|error| error.to_string(), |_| String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            if let Ok(group) = i32::try_from(self.child.id()) {
                // SAFETY: a system call on integers; the leader is not reaped, so the group is still ours.
                unsafe { libc::kill(-group, libc::SIGKILL) };
            }
            drop(self.child.wait());
        }
    }
}

/// Has the kernel end the process when this one dies.
///
/// The hook also makes the standard library fork instead of sharing memory with the child until its exec, which
/// would count this process's memory as the child's.
pub(crate) fn die_with_parent(command: &mut Command, signal: libc::c_int) {
    let hook = move || {
        // SAFETY: a system call on integers, allowed between fork and exec.
        let done = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: the hook makes one system call.
    unsafe { command.pre_exec(hook) };
}

/// Whether the process ends in time. Polling for it would add to what is measured, so the kernel says it.
fn ends_within(pid: libc::pid_t, limit: Duration) -> Result<bool> {
    // SAFETY: a system call on integers.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let opened = i32::try_from(opened)?;
    ensure!(opened >= 0, "pidfd_open: {}", io::Error::last_os_error());
    // SAFETY: the call has just opened it, for nobody else.
    let descriptor = unsafe { OwnedFd::from_raw_fd(opened) };
    let mut poll = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one live structure, as the count says.
    let ready = unsafe { libc::poll(&raw mut poll, 1, i32::try_from(limit.as_millis())?) };
    ensure!(ready >= 0, "poll: {}", io::Error::last_os_error());
    Ok(ready == 1)
}

fn seconds(time: libc::timeval) -> Result<f64> {
    let whole = u64::try_from(time.tv_sec)?;
    let micros = u64::try_from(time.tv_usec)?;
    Ok((Duration::from_secs(whole) + Duration::from_micros(micros)).as_secs_f64())
}
