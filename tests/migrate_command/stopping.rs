//! Signals and deadlines while a command runs.

use std::time::{Duration, Instant};

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Run, Running, eventually, root};

use super::with;

const STOPPING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Starts castoff and waits until its command says that it is ready.
fn ready(run: &Run) -> Running {
    let mut running = run.spawn();
    running.until("migrate.start");
    running.until_line("ready", |line| (line == "ready").then_some(()));
    running
}

/// A command that says which signals it gets, and ends after some of them.
fn listening(ends_after: usize) -> String {
    let trap = |name: &str| {
        format!("trap 'echo got {name} >&2; n=$((n+1)); test $n -ge {ends_after} && exit 7' {name};")
    };
    let traps: String = ["TERM", "INT", "HUP", "QUIT"].into_iter().map(trap).collect();
    // The sleep is of the group as well and ends with each signal.
    format!("n=0; {traps} echo ready >&2; while :; do sleep 0.1; done")
}

#[test]
fn a_signal_reaches_the_whole_group_and_is_the_exit_code() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for signal in STOPPING {
        for pid1 in [false, true] {
            let run = with(&database, &listening(1));
            let run = if pid1 { run.pid1() } else { run };
            let mut running = ready(&run);
            let start = Instant::now();
            running.signal(signal);
            let run = running.wait().exits(Exit::Signal(signal as i32));
            assert!(start.elapsed() < Duration::from_secs(6), "{run}");
            let got = format!("got {}", signal.as_str().trim_start_matches("SIG"));
            assert!(run.stderr.lines().any(|line| line == got), "{got}: {run}");
            assert_eq!(run.stdout, "", "{run}");
            assert_eq!(run.field("signal", "phase"), "migrate");
        }
    }
}

#[test]
fn a_signal_that_the_command_does_not_handle_ends_all_of_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut running =
        ready(&with(&database, "echo ready >&2; sleep 74.25; sleep 74.25; echo on >&2; sleep 74.25"));
    let start = Instant::now();
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(start.elapsed() < Duration::from_secs(5), "the grace is not waited for: {run}");
    assert!(run.field("exit", "reason").contains("was killed by SIGTERM"), "{run}");
}

#[test]
fn a_command_that_ignores_the_signal_has_the_grace_and_is_killed() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for pid1 in [false, true] {
        let line = "trap '' TERM; echo ready >&2; sleep 75.25; while :; do sleep 75.25; done";
        let run = with(&database, line).option(["--stop-grace", "700ms"]);
        let run = if pid1 { run.pid1() } else { run };
        let mut running = ready(&run);
        let start = Instant::now();
        running.signal(Signal::SIGTERM);
        let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
        assert!(start.elapsed() >= Duration::from_millis(700), "it has its grace: {run}");
        assert!(start.elapsed() < Duration::from_secs(5), "{run}");
        assert!(run.field("exit", "reason").contains("was killed by SIGKILL"), "{run}");
    }
}

#[test]
fn a_castoff_that_may_signal_nobody_else_stops_its_user_s_command() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // As a container with `cap_drop: ALL` and the two capabilities to change the user.
    let bounded = ["/usr/bin/setpriv", "--bounding-set=-kill", "--inh-caps=-kill", "--"];
    for (line, how) in [("", "SIGTERM"), ("trap '' TERM; ", "SIGKILL")] {
        let line = format!("setsid --fork sleep 79.25; {line}echo ready >&2; while :; do sleep 79.25; done");
        let run = with(&database, &line).option(["--user", "41234"]).option(["--stop-grace", "300ms"]);
        let mut running = ready(&run.under(bounded).pid1());
        running.signal(Signal::SIGTERM);
        let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
        assert!(run.field("exit", "reason").contains(how) && !run.stderr.contains("cannot send"), "{run}");
        assert!(!run.stderr.contains("could not be ended"), "{run}");
    }
}

#[test]
fn every_further_signal_is_sent_on() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut running = ready(&with(&database, &listening(3)));
    for (signal, got) in [(Signal::SIGTERM, "got TERM"), (Signal::SIGINT, "got INT")] {
        running.signal(signal);
        running.until_line(got, |line| (line == got).then_some(()));
    }
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(run.field("exit", "reason").contains("ended with code 7"), "{run}");
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("got ")).count(), 3, "{run}");
}

#[test]
fn a_command_that_is_stopped_can_be_ended_nevertheless() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut running = ready(&with(&database, "echo ready >&2; kill -STOP $$; echo on >&2"));
    let start = Instant::now();
    running.signal(Signal::SIGTERM);
    running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_migrate_timeout_ends_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = with(&database, &listening(1)).option(["--migrate-timeout", "400ms"]);
    let run = run.output().exits(Exit::MigrateTimeout);
    assert!(run.stderr.lines().any(|line| line == "got TERM"), "{run}");
    assert!(run.field("exit", "reason").contains("400ms"), "{run}");
    let stubborn = with(&database, "trap '' TERM; while :; do sleep 76.25; done");
    let run = stubborn.option(["--migrate-timeout", "300ms"]).option(["--stop-grace", "200ms"]);
    run.output().exits(Exit::MigrateTimeout).says("SIGKILL");
}

#[test]
fn a_castoff_that_is_killed_takes_its_command_along() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let line = "exec psql -Xc \"SELECT pg_sleep(77)\"";
    let mut running = with(&database, &format!("echo ready >&2; {line}")).spawn();
    running.until_line("ready", |line| (line == "ready").then_some(()));
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'castoff command%' \
                   AND datname = current_database()";
    eventually("psql is at work", || (database.one(at_work) == "1").then_some(()));
    running.signal(Signal::SIGKILL);
    eventually("its session has ended", || (database.one(at_work) == "0").then_some(()));
    // The lock is free, and nothing is waited for any more.
    with(&database, "exit 0").output().succeeds();
}
