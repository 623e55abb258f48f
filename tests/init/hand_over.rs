//! No signal is lost on the way to the application: neither between castoff's two lives nor before the application has
//! handlers of its own.

use nix::sys::signal::Signal;

use super::{Run, root, staying};
use crate::harness::{Database, Engine, Migrations, eventually, full};

const STOPS: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// PID 1 here: the kernel would drop what comes between the exec and the application's handlers, and `sleep` never has any.
#[test]
fn whenever_a_signal_comes_it_ends_the_container() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    let times = if full() { 25 } else { 5 };
    for signal in STOPS {
        for event in ["wait.ready", "migrate.none", "exec"] {
            for _ in 0..times {
                let run = Run::start(&database, &files, ["/bin/sleep", "600"]).option(["--init"]).pid1();
                let mut running = run.spawn();
                running.pid();
                running.until(event);
                running.signal(signal);
                let run = running.wait().exits_with(128 + signal as i32);
                assert!(!run.killed, "{signal} after {event}: {run}");
            }
        }
    }
}

/// What the test above would find without --init.
#[test]
fn an_application_that_castoff_has_become_loses_it_as_pid_1() {
    if !root() {
        return;
    }
    let run = Run::new(["--mode=off", "--", "/bin/sleep", "600"]).pid1();
    let mut running = run.spawn();
    let pid = running.pid();
    let comm = || std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    eventually("the application runs", || comm().filter(|name| name == "sleep\n"));
    running.signal(Signal::SIGTERM);
    // Dropped where it was sent: it is neither pending nor was it anybody's end.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs on");
    assert!(status.contains("ShdPnd:\t0000000000000000"), "{status}");
    assert_eq!(comm().as_deref(), Some("sleep\n"));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().stdout, "");
}

/// Between the exec of castoff and the application's.
#[test]
fn a_signal_that_is_pending_when_castoff_executes_itself_again_reaches_the_application() {
    // It was sent before castoff began, and whoever started castoff blocks it: the application inherits that as well.
    let run = staying(&["--mode=off"], &["/bin/sleep", "600"]);
    let sends = "(kill -USR1 $$); exec \"$@\"";
    let run = run.under(["/usr/bin/env", "--block-signal=USR1", "/bin/sh", "-c", sends, "sh"]);
    let mut running = run.spawn();
    let pid = running.pid();
    let child = eventually("the application runs", || {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let child: i32 = children.split_whitespace().next()?.parse().ok()?;
        let status = std::fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        status.contains("ShdPnd:\t0000000000000200").then_some(child)
    });
    // SAFETY: a system call on numbers.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    running.wait().exits_with(137);
}
