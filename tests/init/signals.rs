//! Which signals reach the application, and who else gets them.

use std::collections::BTreeSet;

use super::{PYTHON, Run, To, Tool, python, root, staying, tools};
use crate::harness::{Running, eventually};

const EVERY_SIGNAL: &str = include_str!("../apps/every_signal.py");

/// What `every_signal.py` can wait for: KILL and STOP nobody can, and 32 and 33 belong to the C library.
fn catchable() -> BTreeSet<i32> {
    (1..=64).filter(|number| ![libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(number)).collect()
}

const FAULTS: [i32; 7] =
    [libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGSEGV, libc::SIGSYS];
const SUSPENDING: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// What the tool keeps from the application.
fn kept(tool: Tool, to: To) -> Vec<i32> {
    match (tool, to) {
        // gunicorn is told by TTIN and TTOU how many workers to run, a Go program by ABRT to say what it does.
        (Tool::Castoff, _) => vec![],
        (Tool::Tini, _) => [&FAULTS[..], &[libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU]].concat(),
        (Tool::DumbInit, To::Child) => vec![libc::SIGCHLD],
        // It sends STOP instead.
        (Tool::DumbInit, To::Group) => [&SUSPENDING[..], &[libc::SIGCHLD]].concat(),
        (Tool::Catatonit, _) => [&FAULTS[..], &SUSPENDING, &[libc::SIGCHLD]].concat(),
    }
}

fn send(running: &mut Running, number: i32) {
    let pid = running.pid().as_raw();
    // SAFETY: a system call on numbers.
    assert_eq!(unsafe { libc::kill(pid, number) }, 0, "signal {number} is sent");
}

fn got(line: &str) -> Option<i32> {
    line.strip_prefix("got ")?.parse().ok()
}

/// Waits until the tool has dealt with what it was sent.
fn settle(running: &mut Running) {
    let pid = running.pid();
    eventually("the tool waits for signals", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        (status.contains("State:\tS") && status.contains("ShdPnd:\t0000000000000000")).then_some(())
    });
}

#[test]
fn every_catchable_signal_reaches_the_application() {
    if !root() || !python() {
        return;
    }
    for tool in tools() {
        for to in [To::Child, To::Group] {
            let run = tool.forwarding(to, &[PYTHON, "-c", EVERY_SIGNAL]);
            let mut running = run.pid1().spawn();
            running.until_line("readiness", |line| (line == "ready").then_some(()));
            let kept: BTreeSet<_> = kept(tool, to).into_iter().collect();
            for number in catchable() {
                send(&mut running, number);
                if !kept.contains(&number) {
                    let wanted = |line: &str| got(line).filter(|got| *got == number);
                    running.until_line(&format!("signal {number} beside {tool:?}"), wanted);
                }
                if SUSPENDING.contains(&number) {
                    // dumb-init sends itself STOP then, with which the kernel forgets a CONT that is waiting.
                    settle(&mut running);
                    send(&mut running, libc::SIGCONT);
                    running.until_line("SIGCONT", |line| got(line).filter(|got| *got == libc::SIGCONT));
                }
            }
            // Behind all others, so that what is late has arrived.
            send(&mut running, libc::SIGTERM);
            running.until_line("SIGTERM", |line| got(line).filter(|got| *got == libc::SIGTERM));
            running.signal(nix::sys::signal::Signal::SIGKILL);
            let arrived: BTreeSet<_> = running.wait().stderr.lines().filter_map(got).collect();
            let expected: BTreeSet<_> = catchable().difference(&kept).copied().collect();
            assert_eq!(arrived, expected, "{tool:?} {to:?}");
        }
    }
}

/// A leader and a child of its group that say what they get; USR2 the leader passes on.
const LEADER: &str = r#"trap 'echo leader 10 >&2' USR1
trap 'kill -USR2 $!' USR2
/bin/sh -c 'trap "echo child 10 >&2" USR1; trap "echo child 12 >&2" USR2
    echo ready >&2; while :; do sleep 0.01; done' &
while :; do wait; done"#;

#[test]
fn the_group_gets_them_if_that_is_wanted_and_otherwise_the_application_alone() {
    if !root() {
        return;
    }
    for tool in tools() {
        for to in [To::Child, To::Group] {
            let mut running = tool.forwarding(to, &["/bin/sh", "-c", LEADER]).pid1().spawn();
            running.until_line("readiness", |line| (line == "ready").then_some(()));
            send(&mut running, libc::SIGUSR1);
            running.until_line("USR1", |line| (line == "leader 10").then_some(()));
            send(&mut running, libc::SIGUSR2);
            running.until_line("USR2", |line| (line == "child 12").then_some(()));
            running.signal(nix::sys::signal::Signal::SIGKILL);
            let run = running.wait();
            assert_eq!(run.stderr.contains("child 10"), to == To::Group, "{tool:?}: {run}");
        }
    }
}

#[test]
fn init_group_alone_is_a_warning() {
    for mode in ["--mode=wait", "--mode=off"] {
        let run = Run::new([mode, "--wait-for=file:///proc", "--init-group", "--", "/bin/echo", "started"]);
        let run = run.output().succeeds();
        assert_eq!(run.stdout, "started\n");
        assert!(run.stderr.contains("--init-group (CASTOFF_INIT_GROUP) has no effect"), "{run}");
    }
}

/// A letter of the process's state.
pub(super) fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub(super) fn child_of(pid: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// dumb-init's check of itself: who suspends the tool suspends both, and both go on. The tool here is no PID 1, which
/// nothing can suspend.
#[test]
fn both_are_suspended_and_go_on_together() {
    if !python() {
        return;
    }
    for tool in tools() {
        let both = match tool {
            Tool::Castoff | Tool::DumbInit => true,
            // The application is suspended alone.
            Tool::Tini => false,
            // Nothing is suspended at all.
            Tool::Catatonit => continue,
        };
        let script = "trap 'echo continued >&2; exit 5' CONT; echo ready >&2; while :; do sleep 0.01; done";
        // A group of its own, as a shell with job control gives it: in one without a parent beside it nobody is suspended.
        let job = "import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])";
        let run = tool.run(&["/bin/sh", "-c", script]).under([PYTHON, "-c", job]);
        let mut running = run.spawn();
        running.until_line("readiness", |line| (line == "ready").then_some(()));
        let pid = running.pid().as_raw();
        let child = child_of(pid).expect("the application");
        send(&mut running, libc::SIGTSTP);
        let suspended =
            |pid| eventually("the process is suspended", || state(pid).filter(|state| *state == 'T'));
        suspended(child);
        if both {
            suspended(pid);
        } else {
            assert_ne!(state(pid), Some('T'), "{tool:?}");
        }
        send(&mut running, libc::SIGCONT);
        running.wait().exits_with(5).says("continued");
    }
}

/// An application that has become another user, which castoff may not signal: said, and no reason to end.
#[test]
fn a_signal_that_cannot_be_forwarded_is_said() {
    if !root() {
        return;
    }
    let script = "exec setpriv --reuid=65534 --clear-groups /bin/sh -c 'echo ready >&2; read -r line </proc/1/comm; \
                  while :; do sleep 0.01; done'";
    let run = staying(&["--mode=off"], &["/bin/sh", "-c", script]).under([
        "/usr/bin/setpriv",
        "--bounding-set=-kill",
        "--inh-caps=-kill",
        "--",
    ]);
    let mut running = run.spawn();
    running.until_line("readiness", |line| (line == "ready").then_some(()));
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.until_line("a warning", |line| line.contains("cannot forward signal 15").then_some(()));
    let child = child_of(running.pid().as_raw()).expect("the application");
    // SAFETY: a system call on numbers.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    running.wait().exits_with(137);
}
