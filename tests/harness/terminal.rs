//! A terminal with somebody before it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

use super::eventually::PATIENCE;

/// A process whose standard streams are a terminal. Dropping it kills it.
pub(crate) struct OnTerminal {
    child: Child,
    keyboard: File,
    screen: Receiver<u8>,
    shown: String,
    /// How much of it [`until`](Self::until) has passed.
    seen: usize,
}

impl OnTerminal {
    /// A command with nothing in its environment but a PATH.
    pub(crate) fn command<A: AsRef<OsStr>>(words: impl IntoIterator<Item = A>) -> Command {
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
        command
    }

    /// Starts it as the leader of the terminal's session. What nobody has read yet when it ends, is lost.
    pub(crate) fn lead(command: Command) -> Self {
        Self::start(command, true)
    }

    /// Starts it on a terminal that belongs to no session yet.
    pub(crate) fn on_a_free_one(command: Command) -> Self {
        Self::start(command, false)
    }

    fn start(mut command: Command, leads: bool) -> Self {
        let (keyboard, slave) = pair();
        let side = || Stdio::from(slave.try_clone().expect("the terminal"));
        command.stdin(side()).stdout(side()).stderr(side());
        let terminal = slave.as_raw_fd();
        let lead = move || {
            if leads {
                nix::unistd::setsid()?;
                // SAFETY: makes the terminal this process's; the descriptor is open until exec.
                nix::errno::Errno::result(unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 0) })?;
            }
            Ok(())
        };
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(lead) };
        let child = command.spawn().expect("the command starts");
        let mut reader = keyboard.try_clone().expect("the terminal");
        drop(slave);
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(reader.read(&mut byte), Ok(1)) && sender.send(byte[0]).is_ok() {}
        });
        Self { child, keyboard, screen, shown: String::new(), seen: 0 }
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads on until the text has appeared behind what was waited for before.
    pub(crate) fn until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.get(self.seen..).and_then(|unseen| unseen.find(text)) {
                self.seen += at + text.len();
                return;
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(byte) => self.shown.push(if byte.is_ascii() { byte as char } else { '?' }),
                Err(error) => panic!("{text:?} did not appear ({error}): {}", self.shown),
            }
        }
    }

    /// All that has been read.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Presses these keys.
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("the terminal takes keys");
    }

    /// Waits for the end and gives the exit code, -1 where a signal ended it.
    pub(crate) fn wait(&mut self) -> i32 {
        let status =
            super::eventually("the process on the terminal ends", || self.child.try_wait().ok().flatten());
        status.code().unwrap_or(-1)
    }
}

/// A terminal's two ends. Not `openpty`'s, which whatever other tests start at that moment would inherit.
fn pair() -> (File, File) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("a terminal");
    grantpt(&master).expect("its permissions");
    unlockpt(&master).expect("its other end");
    let name = ptsname_r(&master).expect("its name");
    let slave = File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name);
    (File::from(OwnedFd::from(master)), slave.expect("its other end"))
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
