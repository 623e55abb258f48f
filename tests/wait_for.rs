//! `--wait-for`: everything named is waited for side by side, under one deadline.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, Engine, FakePostgres, FakeWeb, Finished, Migrations, Run, Scratch, free_port, secrets,
};

mod databases;
mod web;

/// An answer that is ready.
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// `castoff wait` for these and no database, with the suite's patience.
fn wait_for<T: AsRef<str>>(targets: impl IntoIterator<Item = T>) -> Run {
    let targets: Vec<String> = targets.into_iter().map(|target| target.as_ref().to_owned()).collect();
    Run::new(["wait", "--wait-timeout", "60s"]).env("CASTOFF_WAIT_FOR", targets.join(","))
}

/// The same, out of patience after a moment: what is missing is named in the only line of the end.
fn missing<T: AsRef<str>>(targets: impl IntoIterator<Item = T>) -> Finished {
    wait_for(targets).option(["--wait-timeout", "500ms"]).output().exits(Exit::Unavailable)
}

#[test]
fn what_is_there_ends_the_wait_at_once_without_a_database() {
    let home = Scratch::new("ready");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let six = TcpListener::bind("[::1]:0").expect("a port of IPv6");
    let socket = home.path().join("app.sock");
    let _unix = UnixListener::bind(&socket).expect("a socket");
    let file = home.write("a,b", "");
    let web = FakeWeb::answering(|_| OK);
    let port = |listener: &TcpListener| listener.local_addr().expect("its address").port();
    for target in [
        format!("tcp://127.0.0.1:{}", port(&tcp)),
        format!("tcp://[::1]:{}", port(&six)),
        // Both families are tried, and only one of them listens.
        format!("tcp://localhost:{}", port(&tcp)),
        format!("http://127.0.0.1:{}/health", web.port()),
        format!("unix://{}", socket.display()),
        format!("file://{}", file.display().to_string().replace(',', "%2C")),
        format!("file://{}", home.path().display()),
    ] {
        let run = wait_for([&target]).output().succeeds();
        assert!(run.events("wait.retry").is_empty(), "{run}");
        assert!(run.stderr.contains("is ready after"), "{run}");
    }
}

#[test]
fn what_comes_late_is_waited_for() {
    let home = Scratch::new("late");
    let (file, socket, port) = (home.path().join("ready"), home.path().join("app.sock"), free_port());
    let warm = Arc::new(AtomicBool::new(false));
    let is_warm = Arc::clone(&warm);
    let web = FakeWeb::answering(move |_| {
        if is_warm.load(Ordering::SeqCst) { OK } else { "HTTP/1.1 503 Warming Up\r\n\r\n" }
    });
    let targets = [
        format!("file://{}", file.display()),
        format!("unix://{}", socket.display()),
        format!("tcp://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}/", web.port()),
    ];
    let mut running = wait_for(&targets).spawn();
    let mut reasons: Vec<String> =
        targets.iter().map(|_| running.until("wait.retry")["reason"].to_string()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), targets.len(), "each is missing once: {reasons:?}");
    warm.store(true, Ordering::SeqCst);
    std::fs::write(&file, "").expect("the file");
    let _unix = UnixListener::bind(&socket).expect("the socket");
    let _tcp = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let run = running.wait().succeeds();
    for target in &targets {
        assert!(run.stderr.contains(&format!("{target} is ready after")), "{target}: {run}");
    }
}

#[test]
fn one_line_names_everything_that_is_missing_and_why() {
    let home = Scratch::new("missing");
    let there = home.write("there", "");
    let port = free_port();
    let web = FakeWeb::answering(|_| "HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let run = missing([
        format!("tcp://127.0.0.1:{port}"),
        format!("file://{}", there.display()),
        format!("http://127.0.0.1:{}/health?token=x", web.port()),
        "unix:///no/such.sock".to_owned(),
        "file:///no/such".to_owned(),
    ]);
    let reason = run.field("exit", "reason");
    for part in [
        "4 of 5 targets were not ready within",
        &format!("tcp://127.0.0.1:{port}: connection refused"),
        &format!("http://127.0.0.1:{}/health?…: it answers 503", web.port()),
        "unix:///no/such.sock: no socket there",
        "file:///no/such: it does not exist",
    ] {
        assert!(reason.contains(part), "{part:?}: {run}");
    }
    assert!(!reason.contains(&there.display().to_string()), "{run}");
    assert!(run.field("exit", "hint").contains("--wait-timeout"), "{run}");
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
}

#[test]
fn a_single_missing_target_is_named_as_a_database_is() {
    let reason = missing(["file:///no/such"]).field("exit", "reason");
    assert!(reason.starts_with("file:///no/such was not ready within"), "{reason}");
}

#[test]
fn the_reason_is_logged_once_per_change_and_names_its_target() {
    let web = FakeWeb::answering(|number| match number {
        0..=2 => "HTTP/1.1 503 Warming Up\r\n\r\n",
        _ => "HTTP/1.1 404 Not Found\r\n\r\n",
    });
    let target = format!("http://127.0.0.1:{}/up", web.port());
    let run = wait_for([&target]).option(["--wait-timeout", "2s"]).output().exits(Exit::Unavailable);
    let told: Vec<_> = run
        .events("wait.retry")
        .iter()
        .map(|line| (line["reason"].as_str().unwrap_or_default().to_owned(), line["attempt"].as_u64()))
        .collect();
    let reasons =
        [(format!("{target}: it answers 503"), Some(1)), (format!("{target}: it answers 404"), Some(4))];
    assert_eq!(told, reasons, "{run}");
    assert!(web.requests().len() > 4, "it is asked again and again: {run}");
}

#[test]
fn a_name_that_is_unknown_is_waited_for() {
    let run = missing(["tcp://no-such-host.invalid:80"]);
    assert!(run.field("exit", "reason").contains("tcp://no-such-host.invalid:80"), "{run}");
}

#[test]
fn flags_are_repeated_and_come_before_the_variable() {
    let home = Scratch::new("flags");
    let there = format!("file://{}", home.write("there", "").display());
    let run = Run::new(["--wait-for", &there, "wait", "--wait-timeout", "60s"]);
    run.env("CASTOFF_WAIT_FOR", "file:///no/such").output().succeeds();
    let run =
        Run::new(["wait", "--wait-timeout", "300ms", "--wait-for", &there, "--wait-for=file:///no/such"]);
    run.output().exits(Exit::Unavailable).says("file:///no/such was not ready");
}

#[test]
fn a_list_may_stand_in_a_file_that_is_read_again() {
    let home = Scratch::new("list");
    let list = home.write("list", "file:///no/such\n");
    let run = Run::new(["wait", "--wait-timeout", "60s"]).env("CASTOFF_WAIT_FOR_FILE", &list);
    let mut running = run.spawn();
    running.until("wait.retry");
    std::fs::write(&list, format!("file://{}\n", home.path().display())).expect("the list");
    running.wait().succeeds();
}

#[test]
fn mistakes_are_reported_before_anything_is_waited_for() {
    let secret = secrets::invent();
    let run = wait_for(["cache:6379", "redis://cache", &format!("https://u:{secret}@web/")])
        .env("CASTOFF_LOCK_TIMEOUT", "soon")
        .output()
        .exits(Exit::Usage);
    let reason = run.field("exit", "reason");
    for part in ["number 1", "number 2", "tcp://cache:6379", "CASTOFF_LOCK_TIMEOUT"] {
        assert!(reason.contains(part), "{part:?}: {run}");
    }
    Run::new(["wait"]).output().exits(Exit::Usage).says("--wait-for");
}

#[test]
fn a_term_while_something_is_missing_ends_pid_1_at_once() {
    if !crate::harness::root() {
        return;
    }
    let silent = FakePostgres::playing(crate::harness::FakeConnection::silence);
    let targets = [
        format!("http://127.0.0.1:{}/", silent.port()),
        "file:///no/such".into(),
        "tcp://127.0.0.1:1".into(),
    ];
    let mut running = wait_for(&targets).pid1().spawn();
    running.until("wait.retry");
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(15));
    assert_eq!(run.field("signal", "phase"), "wait");
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
}

#[test]
fn the_application_starts_when_all_is_ready_and_is_not_told_of_it() {
    let home = Scratch::new("app");
    let file = home.path().join("ready");
    let run = Run::new(["--mode", "wait", "--", "/usr/bin/env"])
        .env("CASTOFF_WAIT_FOR", "env:MARKER")
        .env("MARKER", format!("file://{}", file.display()));
    let mut running = run.spawn();
    running.until("wait.retry");
    std::fs::write(&file, "").expect("the file");
    let run = running.wait().succeeds();
    assert!(run.stdout.contains("MARKER=file://") && !run.stdout.contains("CASTOFF_WAIT_FOR"), "{run}");
    assert_eq!(run.event("exec")["command"], "/usr/bin/env");
}

#[test]
fn nothing_is_waited_for_where_the_application_starts_at_once() {
    let run = Run::new(["--mode", "off", "--", "/bin/echo", "on"]).env("CASTOFF_WAIT_FOR", "nonsense");
    assert_eq!(run.output().succeeds().stdout, "on\n");
}

#[test]
fn nothing_is_migrated_before_all_is_ready() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("before");
    let file = home.path().join("ready");
    let files = Migrations::three();
    let run = Run::migrate(&database, &files).env("CASTOFF_WAIT_FOR", format!("file://{}", file.display()));
    let mut running = run.spawn();
    running.until("wait.ready");
    // The database is ready long before: its session is given back meanwhile.
    crate::harness::eventually("no session is held", || {
        let sessions = database.one(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'castoff/%'",
        );
        (sessions == "0").then_some(())
    });
    assert!(!running.has_logged("migrate.start") && !running.has_logged("lock.acquired"));
    std::fs::write(&file, "").expect("the file");
    let run = running.wait().succeeds();
    assert_eq!(run.applied().len(), 3, "{run}");
    assert_eq!(run.events("wait.ready").len(), 1, "{run}");

    let again = run_with(&database, &files, "file:///no/such").exits(Exit::Unavailable);
    assert!(again.field("exit", "reason").starts_with("file:///no/such was not ready"), "{again}");
}

/// A migration whose patience for this target ends after a moment.
fn run_with(database: &Database, files: &Migrations, target: &str) -> Finished {
    Run::migrate(database, files).option(["--wait-timeout", "500ms", "--wait-for", target]).output()
}

#[test]
fn status_answers_for_the_database_alone() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = Run::new(["status"]).database(&database).migrations(&Migrations::three());
    run.env("CASTOFF_WAIT_FOR", "file:///no/such").output().exits(Exit::Pending);
}
