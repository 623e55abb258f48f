//! The command that prints the password: bounded, stopped with castoff, and nothing of it is left.

use std::time::{Duration, Instant};

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Migrations, Run, Scratch, eventually, root};

/// castoff on this database, the password coming from a command.
fn with_command(database: &Database, line: &str) -> Run {
    let name = database.name();
    let url = format!("postgres://{name}@127.0.0.1:{}/{name}", database.port());
    Run::new(["--", "/bin/echo", "started"])
        .migrations(&Migrations::three())
        .env("DATABASE_URL", url)
        .env("CASTOFF_DATABASE_PASSWORD_COMMAND", line)
}

/// How many processes were started with this argument.
fn processes(argument: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())).count()
}

#[test]
fn a_command_that_hangs_costs_one_attempt() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = with_command(&database, "/bin/sleep 61.25").option(["--connect-timeout", "200ms"]);
    let run = run.option(["--wait-timeout", "1s"]).output().exits(Exit::Unavailable);
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
    eventually("it was ended", || (processes("61.25") == 0).then_some(()));
}

#[test]
fn a_stop_does_not_wait_for_the_command() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut running = with_command(&database, "/bin/sh -c '/bin/sleep 62.25; exit 3'").spawn();
    eventually("the command runs", || (processes("62.25") > 0).then_some(()));
    let start = Instant::now();
    running.signal(Signal::SIGTERM);
    running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(start.elapsed() < Duration::from_secs(2));
    eventually("it was ended with all it started", || (processes("62.25") == 0).then_some(()));
}

#[test]
fn a_command_that_fails_is_named_without_what_it_printed() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let secret = crate::harness::secrets::invent();
    let line = format!("/bin/sh -c 'echo \"{secret}\"; exit 3'");
    let run = with_command(&database, &line).option(["--wait-timeout", "1s"]).output();
    assert!([69, 77].contains(&run.code), "{run}");
    assert!(run.stderr.contains("CASTOFF_DATABASE_PASSWORD_COMMAND"), "{run}");
}

#[test]
fn a_command_that_is_not_there_is_said_before_anything_is_waited_for() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = with_command(&database, "no-such-program --token").output().exits(Exit::Usage);
    assert!(run.field("exit", "reason").contains("no-such-program"), "{run}");
    assert!(run.events("wait.retry").is_empty() && run.stdout.is_empty(), "{run}");
}

#[test]
fn the_application_does_not_inherit_what_the_command_left_behind() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("token");
    let token = home.write("token", database.password()).display().to_string();
    // As PID 1, orphans become castoff's children, and would become the application's.
    let line = format!("/bin/sh -c '(/bin/sleep 63.25 >/dev/null 2>&1 &); cat {token}'");
    let script = "read -r children </proc/1/task/1/children; echo \"[$children]\"";
    let run = with_command(&database, &line);
    let run = run.command(["/bin/sh", "-c", script]).pid1().output().succeeds();
    assert_eq!(run.stdout, "[]\n");
}
