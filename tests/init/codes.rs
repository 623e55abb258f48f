//! The application's end is the tool's.

use super::{Exit, Run, To, Tool, root, staying, tools};
use crate::harness::Scratch;

/// Runs the application once for every number, under the tool, and gives the codes.
fn codes(tool: Tool, numbers: impl Iterator<Item = i32>, script: &str) -> Vec<(i32, i32)> {
    let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
    // No core files, wherever they would go.
    let every = format!(
        "ulimit -c 0; for number in {}; do \"$@\" /bin/sh -c '{script}' $number; echo $number $?; done",
        numbers.join(" ")
    );
    let words = [&["--", "/bin/sh", "-c", &every, "sh"][..], tool.words(To::Child)].concat();
    let run = Run::new(words).env("CASTOFF_LOG_LEVEL", "error").directly().output().succeeds();
    let line = |line: &str| {
        let (number, code) = line.split_once(' ').expect("two numbers");
        (number.parse().expect("a number"), code.parse().expect("a code"))
    };
    run.stdout.lines().map(line).collect()
}

#[test]
fn every_code_is_the_applications() {
    for tool in tools() {
        let all = codes(tool, 0..=255, "exit $0");
        let expected: Vec<_> = (0..=255).map(|code| (code, code)).collect();
        assert_eq!(all, expected, "{tool:?}");
    }
}

/// The signals that end a program that does nothing about them, as far as a shell can send them to itself.
fn ending() -> impl Iterator<Item = i32> {
    let ignored = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
    let suspending = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    (1..=64)
        .filter(move |number| !ignored.contains(number) && !suspending.contains(number))
        // The C library keeps these to itself.
        .filter(|number| ![32, 33].contains(number))
}

#[test]
fn who_is_ended_by_a_signal_ends_as_a_shell_would_say_it() {
    for tool in tools() {
        let all = codes(tool, ending(), "kill -$0 $$");
        let expected: Vec<_> = ending().map(|number| (number, 128 + number)).collect();
        assert_eq!(all, expected, "{tool:?}");
    }
}

#[test]
fn as_pid_1_too() {
    if !root() {
        return;
    }
    for tool in tools() {
        for (script, code) in [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137)] {
            let run = tool.run(&["/bin/sh", "-c", script]).pid1().output().exits_with(code);
            assert!(!run.killed, "it ends by itself: {run}");
        }
    }
}

/// castoff has looked the program up before, and says so in its own words; tini gives the same codes.
#[test]
fn a_program_that_cannot_be_started_has_a_code_of_its_own() {
    let home = Scratch::new("init-codes");
    let file = home.write("app", "#!/bin/sh\n").display().to_string();
    for tool in tools() {
        let (missing, not_executable) = match tool {
            Tool::Castoff | Tool::Tini => (127, 126),
            Tool::DumbInit => (2, 2),
            Tool::Catatonit => (1, 1),
        };
        tool.run(&["/no/such/program"]).output().exits_with(missing);
        tool.run(&[&file]).output().exits_with(not_executable);
    }
    staying(&["--mode=off"], &["/no/such/program"]).output().exits(Exit::NotFound).says("/no/such/program");
}

/// Looked up and gone when it is to be started: only the child learns it.
#[test]
fn a_program_that_vanished_while_castoff_waited_is_not_found() {
    let home = Scratch::new("init-vanishes");
    let program = home.path().join("app");
    std::fs::copy("/bin/true", &program).expect("a program");
    let ready = home.path().join("ready");
    let awaited = format!("file://{}", ready.display());
    let run = staying(&["--mode=wait", "--wait-for", &awaited], &[&program.display().to_string()]);
    let mut running = run.spawn();
    running.until("wait.retry");
    std::fs::remove_file(&program).expect("the program goes");
    std::fs::write(&ready, "").expect("what is waited for comes");
    let run = running.wait().exits(Exit::NotFound);
    assert_eq!(run.events("exit").len(), 1, "one last line, in castoff's own format: {run}");
    assert!(run.field("exit", "reason").contains("app does not exist"), "{run}");
}
