//! The terminal is the application's: it reads from it, is interrupted from it, and a shell has its job control.

use super::{To, Tool, root, tools};
use crate::harness::{OnTerminal, eventually};

/// As `docker run --interactive --tty` starts a container: PID 1 leads the terminal's session.
const CONTAINER: [&str; 8] = [
    "/usr/bin/unshare",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
    "--",
    "/usr/bin/setsid",
    "--ctty",
];

/// The application beside the tool, in a container with a terminal.
fn in_container(tool: Tool, application: &[&str]) -> OnTerminal {
    let words = [&CONTAINER[..], tool.words(To::Group), application].concat();
    let mut command = OnTerminal::command(words);
    command.env("CASTOFF_LOG_LEVEL", "error");
    OnTerminal::on_a_free_one(command)
}

const IN_FRONT: &str = "read -r pid name state parent group session tty front rest </proc/$$/stat; \
                        test $group = $front && echo in front || echo behind";

#[test]
fn the_application_is_in_the_foreground_and_reads_from_the_terminal() {
    if !root() {
        return;
    }
    for tool in tools() {
        let script =
            format!("{IN_FRONT}; read -r answer </dev/tty; echo got $answer; read -r answer; exit 4");
        let mut on = in_container(tool, &["/bin/sh", "-c", &script]);
        on.until("in front");
        on.press(b"open sesame\n");
        on.until("got open sesame");
        on.press(b"\n");
        assert_eq!(on.wait(), 4, "{tool:?}: {}", on.shown());
    }
}

#[test]
fn an_interrupt_is_the_applications() {
    if !root() {
        return;
    }
    for tool in tools() {
        for (script, code) in
            [("", 130), ("trap 'exit 6' INT; ", 6), ("trap '' INT; trap 'exit 7' QUIT; ", 7)]
        {
            let script = format!("{script}echo ready; while :; do sleep 0.01; done");
            let mut on = in_container(tool, &["/bin/sh", "-c", &script]);
            on.until("ready");
            on.press(b"\x03");
            on.until("^C");
            if code == 7 {
                on.press(b"\x1c");
            }
            assert_eq!(on.wait(), code, "{tool:?}: {}", on.shown());
        }
    }
}

/// dumb-init's check of itself, and what it is for.
#[test]
fn a_shell_has_job_control() {
    if !root() {
        return;
    }
    for tool in tools() {
        let mut on = in_container(tool, &["/bin/bash", "--norc", "--noprofile", "-i"]);
        on.press(b"PS1=; echo fl''ags [[$-]]\n");
        on.until("flags [[");
        on.until("]]");
        // catatonit leaves the signal blocked in all that it starts: nothing there can be suspended.
        if tool != Tool::Catatonit {
            on.press(b"sh -c 'echo be''gun; exec sleep 600'\n");
            on.until("begun");
            on.press(b"\x1a");
            on.until("Stopped");
            on.press(b"kill -KILL %1\n");
        }
        // A shell that has stopped jobs does not leave at the first request.
        on.press(b"exit 5\nexit 5\n");
        assert_eq!(on.wait(), 5, "{tool:?}");
        let flags = on.shown().split("flags [[").last().and_then(|rest| rest.split("]]").next());
        assert!(flags.is_some_and(|flags| flags.contains('m')), "{tool:?}: {}", on.shown());
        assert!(!on.shown().contains("no job control"), "{tool:?}: {}", on.shown());
    }
}

/// The process two below, the tool's child in its container.
fn application(on: &OnTerminal) -> i32 {
    let child = |pid: i32| eventually("there is a child", || super::signals::child_of(pid));
    child(child(i32::try_from(on.pid()).expect("a process id")))
}

/// Nobody could continue it. An application that castoff has become is not suspended either: it is PID 1.
#[test]
fn in_a_container_the_application_cannot_be_suspended_from_the_terminal() {
    if !root() {
        return;
    }
    for tool in tools() {
        let script = "echo ready; read -r answer; echo got $answer; read -r answer; exit 4";
        let mut on = in_container(tool, &["/bin/sh", "-c", script]);
        on.until("ready");
        on.press(b"\x1a");
        on.until("^Z");
        if tool == Tool::Tini {
            let pid = application(&on);
            let suspended = || super::signals::state(pid).filter(|state| *state == 'T');
            eventually("the application is suspended beside tini", suspended);
            continue;
        }
        on.press(b"hello\n");
        on.until("got hello");
        on.press(b"\n");
        assert_eq!(on.wait(), 4, "{tool:?}: {}", on.shown());
    }
}

/// Outside a container castoff is a shell's job: it is suspended and continued with the application.
#[test]
fn beside_a_shell_the_application_can_be_suspended_and_continued() {
    let mut command = OnTerminal::command(["/bin/bash", "--norc", "--noprofile", "-i"]);
    command.env("PS1", "").env("CASTOFF_LOG_LEVEL", "error");
    let mut on = OnTerminal::lead(command);
    let application =
        "echo be''gun; read -r answer; echo got $answer; read -r answer; echo then $answer; exit 4";
    let line = format!("{} --mode=off --init -- sh -c \"{application}\"\n", env!("CARGO_BIN_EXE_castoff"));
    on.press(line.replace('$', "\\$").as_bytes());
    on.until("begun\r\n");
    for (continued, answer, got) in [("fg", "one", "got one"), ("bg; fg", "two", "then two")] {
        on.press(b"\x1a");
        on.until("Stopped");
        on.press(format!("{continued}\n").as_bytes());
        // bash names the job that it puts into the foreground.
        on.until("exit 4\"\r\n");
        on.press(format!("{answer}\n").as_bytes());
        on.until(&format!("{got}\r\n"));
    }
    on.press(b"echo code $?.\n");
    on.until("code 4.");
}

/// Whoever runs after castoff in its group finds the terminal as castoff found it.
#[test]
fn the_terminal_is_taken_back_for_a_script_that_goes_on() {
    let script = "\"$@\"; read -r answer; echo got $answer; sleep 600";
    let words = ["/bin/sh", "-c", script, "sh"];
    let mut command =
        OnTerminal::command([&words[..], Tool::Castoff.words(To::Child), &["/bin/true"]].concat());
    command.env("CASTOFF_LOG_LEVEL", "error");
    let mut on = OnTerminal::lead(command);
    on.press(b"hello\n");
    on.until("got hello");
}
