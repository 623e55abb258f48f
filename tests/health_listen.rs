//! `--health-listen`: probes are answered until the application starts, which binds the same port at once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, Engine, Gate, Migrations, Run, Running, Scratch, eventually, on_every_engine, witness,
};
use crate::lock::slow_sql;

mod handover;
mod limits;

/// A port that is nobody's, and that no connection is given by chance: the kernel takes those from 32768 on.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 10_000).expect("below 10,000");
    eventually("a port is free", || {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        TcpListener::bind(("0.0.0.0", port)).is_ok().then_some(port)
    })
}

/// Sends this and reads to the end.
fn send(port: u16, text: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn ask(port: u16, method: &str, path: &str) -> (u16, String) {
    let answer =
        send(port, &format!("{method} {path} HTTP/1.1\r\nHost: castoff\r\n\r\n")).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("a body"))
}

/// Waits until probes are answered.
fn until_listening(running: &mut Running) {
    running.until_line("the listener", |line| line.contains("answering probes").then_some(()));
}

/// What both paths say in this phase.
fn expect_phase(port: u16, phase: &str) {
    let told = format!("{{\"phase\":\"{phase}\"}}\n");
    assert_eq!(ask(port, "GET", "/livez"), (200, told.clone()));
    assert_eq!(ask(port, "GET", "/readyz"), (503, told));
}

/// A castoff that listens here and waits for a file.
fn waiting(home: &Scratch, port: u16) -> Run {
    let file = format!("file://{}/ready", home.path().display());
    Run::new(["--mode", "wait", "--wait-for", &file, "--health-listen", &format!("127.0.0.1:{port}"), "--"])
}

#[test]
fn probes_are_answered_while_castoff_waits() {
    let (home, port) = (Scratch::new("listen"), port());
    let mut running = waiting(&home, port).command(["/bin/echo", "started"]).spawn();
    running.until("wait.retry");
    expect_phase(port, "wait");
    assert_eq!(ask(port, "HEAD", "/readyz"), (503, String::new()));
    assert_eq!(ask(port, "GET", "/").0, 404);
    assert_eq!(ask(port, "POST", "/livez").0, 405);
    home.write("ready", "");
    let run = running.wait().succeeds();
    assert_eq!(run.stdout, "started\n");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
}

#[test]
fn every_address_is_listened_at_where_none_is_named() {
    let (home, port) = (Scratch::new("any"), port());
    let run = waiting(&home, port).command(["/bin/true"]).option(["--health-listen", &format!(":{port}")]);
    let mut running = run.spawn();
    until_listening(&mut running);
    for host in ["127.0.0.1", "::1"] {
        TcpStream::connect((host, port)).unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    home.write("ready", "");
    running.wait().succeeds();
}

/// Neither a queue for the lock nor a long migration keeps a probe waiting.
fn probes_are_answered_while_castoff_queues_and_migrates(database: &Database) {
    let gate = (database.engine() != Engine::Sqlite).then(|| Gate::closed(database));
    let files = Migrations::three();
    // SQLite has no gate: there it works until it is stopped.
    let slow = gate.as_ref().map_or_else(|| slow_sql(Engine::Sqlite, 60), Gate::sql);
    files.write("30000101000000_slow.sql", slow);
    let listening = |port: u16| {
        Run::migrate(database, &files).env("CASTOFF_HEALTH_LISTEN", format!("127.0.0.1:{port}")).spawn()
    };
    let (first, second) = (port(), port());
    let mut holder = listening(first);
    holder.until_line("the slow migration's start", |line| {
        (line.contains("\"migration.start\"") && line.contains("30000101000000")).then_some(())
    });
    let mut waiter = listening(second);
    waiter.until("lock.waiting");
    let started = Instant::now();
    for _ in 0..20 {
        expect_phase(first, "migrate");
        expect_phase(second, "lock");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?} for 80 probes", started.elapsed());
    if let Some(gate) = gate {
        gate.open();
        holder.wait().succeeds();
        waiter.wait().succeeds();
    } else {
        for mut running in [waiter, holder] {
            running.signal(Signal::SIGTERM);
            running.wait().exits(Exit::Signal(libc::SIGTERM));
        }
    }
}
on_every_engine!(probes_are_answered_while_castoff_queues_and_migrates);

#[test]
fn probes_are_answered_while_a_command_migrates() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (home, port) = (Scratch::new("command"), port());
    let fifo = home.path().join("fifo");
    let script = format!("echo begun >&2; /bin/cat {} >/dev/null", fifo.display());
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    let command = home.write("slow", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let run = Run::new(["migrate", "--health-listen", &format!("127.0.0.1:{port}")])
        .database(&database)
        .env("CASTOFF_MIGRATE_COMMAND", &command);
    let mut running = run.spawn();
    running.until_line("the command's start", |line| (line == "begun").then_some(()));
    expect_phase(port, "migrate");
    std::fs::write(&fifo, "").expect("the command goes on");
    running.wait().succeeds();
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_waited_for() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let run = Run::new(["wait", "--wait-for", "file:///no/such", "--health-listen", &address]).output();
    let run = run.exits(Exit::OsError);
    assert!(run.events("wait.retry").is_empty(), "{run}");
    for part in [&address, "--health-listen", "in use"] {
        assert!(run.field("exit", "reason").contains(part), "{part}: {run}");
    }
    assert!(run.field("exit", "hint").contains("CASTOFF_HEALTH_LISTEN="), "{run}");
}

/// In a container whose application listens there already.
#[test]
fn whoever_only_asks_listens_nowhere() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let database = Database::sqlite();
    let status = Run::new(["status"]).database(&database).migrations(&Migrations::three());
    status.env("CASTOFF_HEALTH_LISTEN", &address).output().exits(Exit::Pending);
    let off = Run::new(["--mode", "off", "--", "/bin/echo", "on"]).env("CASTOFF_HEALTH_LISTEN", &address);
    assert_eq!(off.output().succeeds().stdout, "on\n");
}

#[test]
fn a_term_ends_a_castoff_that_listens() {
    let (home, port) = (Scratch::new("term"), port());
    let mut running = waiting(&home, port).command(["/bin/true"]).spawn();
    running.until("wait.retry");
    let idle = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(15));
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
    drop(idle);
}
