//! A terminal is lent to the command and taken back.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::pty::openpty;

use crate::harness::{Database, Engine, Scratch};

use super::script;

/// castoff on a terminal whose session a shell leads: a leader that ends takes with it what nobody has read yet.
struct OnTerminal {
    child: Child,
    keyboard: File,
    screen: Receiver<u8>,
    shown: String,
}

impl OnTerminal {
    fn start(database: &Database, line: &str, application: &str) -> Self {
        let pty = openpty(None, None).expect("a terminal");
        let side = || Stdio::from(pty.slave.try_clone().expect("the terminal"));
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "\"$@\"; echo \"ended with $?.\"; sleep 600",
            "sh",
            env!("CARGO_BIN_EXE_castoff"),
        ]);
        command.args(["--", "/bin/sh", "-c", application]).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("DATABASE_URL", database.url());
        command.env("CASTOFF_MIGRATE_COMMAND", line).env("CASTOFF_LOG_LEVEL", "error");
        command.stdin(side()).stdout(side()).stderr(side());
        let terminal = pty.slave.as_raw_fd();
        let lead = move || {
            nix::unistd::setsid()?;
            // SAFETY: makes the terminal this process's; the descriptor is open until exec.
            nix::errno::Errno::result(unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 0) })?;
            Ok(())
        };
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(lead) };
        let child = command.spawn().expect("castoff starts");
        let keyboard = File::from(pty.master);
        let mut reader = keyboard.try_clone().expect("the terminal");
        drop::<OwnedFd>(pty.slave);
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(reader.read(&mut byte), Ok(1)) && sender.send(byte[0]).is_ok() {}
        });
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Reads on until the text has appeared.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.shown.contains(text) {
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(byte) => self.shown.push(byte as char),
                Err(error) => panic!("{text:?} did not appear ({error}): {}", self.shown),
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("the terminal takes keys");
    }

    /// Waits for castoff's end and gives all that was shown.
    fn end(mut self, code: u8) -> String {
        self.until(&format!("ended with {code}."));
        std::mem::take(&mut self.shown)
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether the process is in the terminal's foreground.
const SHOWS: &str = "read -r pid name state parent group session tty front rest </proc/$$/stat; \
                     test $group = $front && echo $0 in front || echo $0 behind";

#[test]
fn the_command_has_the_foreground_and_then_the_application() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let command = SHOWS.replace("$0", "command");
    let command = format!("{command}; echo password: >/dev/tty; read -r answer </dev/tty; echo got $answer");
    let application = SHOWS.replace("$0", "application");
    let mut on = OnTerminal::start(&database, &script(&command), &application);
    on.until("password:");
    on.press(b"open sesame\n");
    let shown = on.end(0);
    for wanted in ["command in front", "got open sesame", "application in front"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
}

#[test]
fn an_interrupt_from_the_terminal_stops_castoff_as_well() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // No shell: dash swallows an interrupt that comes while it starts a program.
    let home = Scratch::new("ready");
    let line = format!("/usr/bin/tail -f {}", home.write("ready", "ready\n").display());
    let mut on = OnTerminal::start(&database, &line, "echo started");
    on.until("ready");
    on.press(b"\x03");
    let shown = on.end(130);
    assert!(!shown.contains("started") && shown.contains("stopped from the terminal"), "{shown}");
}

/// Nobody could continue it, and nothing but SIGTERM would end it.
#[test]
fn it_cannot_be_suspended_from_the_terminal() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("ready");
    let line = format!("/usr/bin/tail -f {}", home.write("ready", "ready\n").display());
    let mut on = OnTerminal::start(&database, &line, "echo started");
    on.until("ready");
    on.press(b"\x1a");
    on.until("^Z");
    on.press(b"\x03");
    let shown = on.end(130);
    assert!(!shown.contains("started"), "{shown}");
}
