//! Starts processes that die with the test run, servers as an unprivileged user.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, OnceLock};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{Uid, User};

type Job = (Command, Sender<io::Result<Child>>);

/// Starts a process that the kernel kills when the test process dies.
///
/// The kernel sends the parent-death signal when the *thread* that spawned dies, and a test's thread dies with
/// its test; so one thread that never ends does all the spawning.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    spawn_until(command, Signal::SIGKILL)
}

/// Like [`spawn`], with the signal that ends the process.
pub(crate) fn spawn_until(mut command: Command, signal: Signal) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    // SAFETY: only a system call between fork and exec.
    unsafe { command.pre_exec(move || set_pdeathsig(signal).map_err(io::Error::from)) };
    let (reply, answer) = mpsc::channel();
    SPAWNER
        .get_or_init(|| {
            default_signals();
            let (sender, jobs) = mpsc::channel::<Job>();
            std::thread::spawn(move || {
                for (mut command, reply) in jobs {
                    drop(reply.send(command.spawn()));
                }
            });
            Mutex::new(sender)
        })
        .lock()
        .expect("the spawner's lock")
        .send((command, reply))
        .expect("the spawner lives as long as the process");
    answer.recv().expect("the spawner answers")
}

/// The user and group servers run as, or `None` if this process is unprivileged itself.
pub(crate) fn server_user() -> Option<(u32, u32)> {
    if !Uid::effective().is_root() {
        return None;
    }
    let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    user.map(|user| (user.uid.as_raw(), user.gid.as_raw()))
}

/// A command that runs as the servers' user: PostgreSQL and PgBouncer refuse root.
pub(crate) fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = server_user() {
        command.uid(uid).gid(gid);
    }
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/");
    command
}

/// Runs a command to its end and fails with its output if it does not succeed.
pub(crate) fn run_to_end(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What the tests start must react to the signals they send, even where this run ignores them: a shell starts its
/// background jobs with INT and QUIT ignored, and `nohup` ignores HUP.
fn default_signals() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        // SAFETY: installs no handler function.
        unsafe { sigaction(signal, &default) }.expect("signals that can be handled");
    }
}
