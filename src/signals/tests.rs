//! Dispositions and masks belong to a whole process, so each of these tests runs a process of its own: this test
//! binary again, told to run one of the tests named inside, which do nothing elsewhere.

use super::inherited::mask;
use super::{Inherited, STOPPING, Signal, Signals, leave_to_main_thread, stopped_by};
use crate::application::Application;
use crate::exec::become_application;
use crate::exit::Exit;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, kill, raise, sigaction};
use nix::unistd::Pid;
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const INSIDE: &str = "CASTOFF_TEST_INSIDE";

/// What a parent may leave to its children.
#[derive(Clone, Copy, Default)]
struct Parent {
    ignored: &'static [Signal],
    mask: u64,
    pending: Option<Signal>,
    closes_stdin: bool,
}

impl Parent {
    /// Starts a program as that parent would; what std changes in a child happens before.
    fn start(self, command: &mut Command) -> Output {
        self.prepare(command).output().unwrap()
    }

    /// Makes a program start as that parent would start it.
    fn prepare(self, command: &mut Command) -> &mut Command {
        let prepare = move || {
            // A shell ignores INT and QUIT in what it starts in the background, this test run perhaps included.
            for signal in STOPPING {
                let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
                // SAFETY: installs no handler function.
                unsafe { sigaction(signal, &default) }?;
            }
            for signal in self.ignored {
                let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
                // SAFETY: installs no handler function.
                unsafe { sigaction(*signal, &ignore) }?;
            }
            mask(Some(self.mask))?;
            if let Some(signal) = self.pending {
                // Sent to the process, as by a parent or `docker stop`; `raise` would send it to a thread.
                kill(Pid::this(), signal)?;
            }
            if self.closes_stdin {
                nix::unistd::close(0)?;
            }
            Ok(())
        };
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(prepare) }
    }
}

/// This test binary, running one of the tests marked as an inside.
fn inside(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    let test = format!("signals::tests::{test}");
    command.args([test.as_str(), "--exact", "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
    command
}

/// Guards an inside from an ordinary run, where it would take the whole test run with it.
fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

fn look_up(command: &[&str]) -> Application {
    let command: Vec<OsString> = command.iter().map(Into::into).collect();
    let environment = crate::environment::Environment::new(env::vars_os());
    Application::look_up(&command, &environment).unwrap()
}

fn assert_passed(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

/// The lines of `/proc/self/status` that tell what a program inherited.
fn inherited_state(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    let of_signals = ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"];
    let lines = printed.lines().filter(|line| of_signals.iter().any(|name| line.starts_with(name)));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    assert_eq!(lines.len(), of_signals.len(), "{printed}");
    lines
}

const ODD_PARENTS: [Parent; 5] = [
    Parent { ignored: &[], mask: 0, pending: None, closes_stdin: false },
    Parent { ignored: &[Signal::SIGPIPE], mask: 0, pending: None, closes_stdin: false },
    Parent { ignored: &[Signal::SIGHUP, Signal::SIGCHLD], mask: 1 << 9, pending: None, closes_stdin: false },
    Parent {
        ignored: &[Signal::SIGTERM, Signal::SIGUSR1],
        mask: u64::MAX,
        pending: None,
        closes_stdin: false,
    },
    // 32–34, which the C libraries keep to themselves; 34 and 64 are real-time signals as well.
    Parent { ignored: &[Signal::SIGINT], mask: 0x8000_0003_8000_0000, pending: None, closes_stdin: false },
];

#[test]
fn the_application_inherits_dispositions_and_mask_as_in_a_direct_start() {
    for parent in ODD_PARENTS {
        let direct = parent.start(Command::new("cat").arg("/proc/self/status"));
        let through = parent.start(&mut inside("inside_become_cat"));
        assert_eq!(inherited_state(&through), inherited_state(&direct));
    }
}

#[test]
fn inside_become_cat() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        let application = look_up(&["cat", "/proc/self/status"]);
        panic!("{}", become_application(&application, None, &signals));
    }
}

#[test]
fn a_child_of_castoff_inherits_them_too() {
    for parent in ODD_PARENTS {
        let direct = parent.start(Command::new("cat").arg("/proc/self/status"));
        let through = parent.start(&mut inside("inside_start_cat"));
        assert_eq!(inherited_state(&through), inherited_state(&direct));
    }
}

#[test]
fn inside_start_cat() {
    if is_inside() {
        let inherited: Inherited = Signals::install().unwrap().inherited();
        let mut command = Command::new("cat");
        // SAFETY: `restore` is made for this place.
        unsafe { command.arg("/proc/self/status").pre_exec(move || inherited.restore()) };
        // Its status is known even where the parent ignored SIGCHLD.
        assert!(command.status().unwrap().success());
    }
}

#[test]
fn a_closed_descriptor_stays_closed() {
    let is_open = ["sh", "-c", "[ -e /proc/$$/fd/0 ] && echo stdin-open || echo stdin-closed"];
    for (closes_stdin, expected) in [(false, "stdin-open"), (true, "stdin-closed")] {
        let parent = Parent { closes_stdin, ..Parent::default() };
        let mut command = inside("inside_become_what_is_named");
        let output = parent.start(command.env("APPLICATION", is_open.join("\n")).stdin(Stdio::inherit()));
        assert!(String::from_utf8_lossy(&output.stdout).contains(expected), "{expected}: {output:?}");
    }
}

#[test]
fn inside_become_what_is_named() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        let command = env::var("APPLICATION").unwrap();
        let application = look_up(&command.lines().collect::<Vec<_>>());
        panic!("{}", become_application(&application, None, &signals));
    }
}

#[test]
fn a_signal_ends_the_waiting_at_once_and_keeps_its_name() {
    for signal in STOPPING {
        let mut command = inside("inside_wait");
        let mut child = Parent::default().prepare(&mut command).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with("waiting")));
        let sent = Instant::now();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert!(lines.any(|line| line == format!("stopped by {signal}")));
        assert!(sent.elapsed() < Duration::from_secs(2), "{:?}", sent.elapsed());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn inside_wait() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        runtime().block_on(async {
            println!("waiting");
            io::stdout().flush().unwrap();
            // Two at once, as where a phase and `main` both listen.
            let (signal, other) = tokio::join!(signals.arrived(), signals.arrived());
            assert_eq!(signal, other);
            println!("{}", stopped_by(signal));
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().on_thread_start(leave_to_main_thread).build().unwrap()
}

#[test]
fn a_signal_that_came_before_the_runtime_is_seen_and_the_first_one_stays() {
    assert_passed(&Parent::default().start(&mut inside("inside_early_signal")));
}

#[test]
fn inside_early_signal() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        assert_eq!(signals.received(), None);
        raise(Signal::SIGTERM).unwrap();
        raise(Signal::SIGINT).unwrap();
        assert_eq!(signals.received(), Some(Signal::SIGTERM));
        let twice = async { (signals.arrived().await, signals.arrived().await) };
        assert_eq!(runtime().block_on(twice), (Signal::SIGTERM, Signal::SIGTERM));
    }
}

#[test]
fn nobody_waits_for_a_signal_in_vain_or_too_little() {
    assert_passed(&Parent::default().start(&mut inside("inside_no_signal")));
}

#[test]
fn inside_no_signal() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        runtime().block_on(async {
            let waited = tokio::time::timeout(Duration::from_millis(100), signals.arrived()).await;
            assert!(waited.is_err(), "{waited:?}");
            // The future that was dropped took nothing with it.
            raise(Signal::SIGHUP).unwrap();
            assert_eq!(signals.arrived().await, Signal::SIGHUP);
        });
    }
}

#[test]
fn what_the_parent_ignored_stays_ignored() {
    let parent = Parent { ignored: &[Signal::SIGHUP], ..Parent::default() };
    assert_passed(&parent.start(&mut inside("inside_nohup")));
}

#[test]
fn inside_nohup() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        assert!(signals.inherited().ignores(Signal::SIGHUP) && !signals.inherited().ignores(Signal::SIGTERM));
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(signals.received(), None);
        // Blocked, an ignored signal is pending like any other, and still stops nothing.
        SigSet::all().thread_block().unwrap();
        raise(Signal::SIGHUP).unwrap();
        assert_eq!(signals.pending(), None);
        signals.let_go().unwrap().take_back();
    }
}

#[test]
fn a_signal_the_parent_blocked_and_left_pending_stops_castoff() {
    let term = 1 << (Signal::SIGTERM as u32 - 1);
    let parent = Parent { mask: term, pending: Some(Signal::SIGTERM), ..Parent::default() };
    assert_passed(&parent.start(&mut inside("inside_left_pending")));
}

#[test]
fn inside_left_pending() {
    if is_inside() {
        assert_eq!(Signals::install().unwrap().received(), Some(Signal::SIGTERM));
    }
}

#[test]
fn a_signal_at_the_hand_over_wins_over_the_application() {
    assert_passed(&Parent::default().start(&mut inside("inside_hand_over")));
}

#[test]
fn inside_hand_over() {
    if is_inside() {
        let signals = Signals::install().unwrap();
        let application = look_up(&["false"]);
        // Blocked, so that only the look at what is pending can find it.
        leave_to_main_thread();
        raise(Signal::SIGQUIT).unwrap();
        assert_eq!(signals.received(), None);
        let failure = become_application(&application, None, &signals);
        assert_eq!(failure.exit, Exit::Signal(libc::SIGQUIT));
        assert_eq!(failure.reason(), "stopped by SIGQUIT");
        // And one that the handler has seen.
        SigSet::all().thread_unblock().unwrap();
        assert_eq!(signals.received(), Some(Signal::SIGQUIT));
        assert_eq!(become_application(&application, None, &signals).exit, Exit::Signal(libc::SIGQUIT));
    }
}

#[test]
fn after_an_exec_that_failed_signals_are_handled_again() {
    let parent = Parent { ignored: &[Signal::SIGHUP], mask: 1 << 9, ..Parent::default() };
    assert_passed(&parent.start(&mut inside("inside_failed_exec")));
}

#[test]
fn inside_failed_exec() {
    if is_inside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app");
        std::fs::copy("/bin/true", &path).unwrap();
        let application = look_up(&[path.to_str().unwrap()]);
        std::fs::remove_file(&path).unwrap();
        let signals = Signals::install().unwrap();
        let before = mask(None).unwrap();
        assert_eq!(become_application(&application, None, &signals).exit, Exit::NotFound);
        assert_eq!(mask(None).unwrap(), before);
        raise(Signal::SIGHUP).unwrap();
        raise(Signal::SIGINT).unwrap();
        assert_eq!(signals.received(), Some(Signal::SIGINT));
    }
}
