//! A stop is obeyed at once in every phase, and what it interrupts leaves the truth behind. castoff is PID 1.

use std::time::{Duration, Instant};

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, DnsAnswer, Engine, FakeConnection, FakeDns, FakePostgres, Finished, Migrations, Run, Running,
    eventually, keys, root,
};
use crate::lock::{migrating, slow_sql};

const STOPS: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Stops a castoff that `begin` has brought where it should be, and measures how long it takes to end.
fn stop(mut running: Running, signal: Signal) -> (Finished, Duration) {
    running.pid();
    let start = Instant::now();
    running.signal(signal);
    let finished = running.wait();
    (finished.exits(Exit::Signal(signal as i32)), start.elapsed())
}

/// Every signal must end what `begin` starts with 128+n within `bound`.
///
/// Other tests share the cores and can only add to the time, so each signal has three attempts to be fast; what
/// castoff says and leaves behind must be right in all of them.
fn each_stops_within(bound: Duration, begin: impl Fn() -> Running, check: impl Fn(&Finished)) {
    for signal in STOPS {
        let mut times = Vec::new();
        while times.len() < 3 && times.last().is_none_or(|last| *last > bound) {
            let (finished, elapsed) = stop(begin(), signal);
            assert!(!finished.killed, "castoff ends by itself: {finished}");
            assert_eq!(finished.field("signal", "name"), signal.as_str(), "{finished}");
            assert!(finished.events("exec").is_empty() && finished.stdout.is_empty(), "{finished}");
            check(&finished);
            times.push(elapsed);
        }
        assert!(times.iter().any(|time| *time <= bound), "{signal}: {times:?} instead of {bound:?}");
    }
}

const AT_ONCE: Duration = Duration::from_millis(250);

#[test]
fn while_a_silent_name_server_is_asked() {
    if !root() {
        return;
    }
    let files = Migrations::three();
    let Some(dns) = FakeDns::answering(DnsAnswer::Silence) else { return };
    let begin = || {
        let before = dns.questions();
        let run = Run::new(["--", "/bin/echo", "started"]).migrations(&files);
        let run =
            run.env("DATABASE_URL", "postgres://u:p@db.castoff.test/d").resolv_conf(dns.resolv_conf()).pid1();
        let running = run.spawn();
        eventually("the name server is asked", || (dns.questions() > before).then_some(()));
        running
    };
    each_stops_within(AT_ONCE, begin, |run| assert_eq!(run.field("signal", "phase"), "wait"));
}

#[test]
fn while_the_database_is_not_ready() {
    if !root() {
        return;
    }
    let files = Migrations::three();
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    let begin = || {
        let run = Run::new(["--", "/bin/echo", "started"]).env("DATABASE_URL", fake.url()).migrations(&files);
        let mut running = run.pid1().spawn();
        running.until("wait.retry");
        running
    };
    each_stops_within(AT_ONCE, begin, |run| assert_eq!(run.field("signal", "phase"), "wait"));
}

#[test]
fn while_a_server_says_nothing() {
    if !root() {
        return;
    }
    let files = Migrations::three();
    let fake = FakePostgres::playing(FakeConnection::silence);
    let begin = || {
        let before = fake.attempts();
        let run = Run::new(["--", "/bin/echo", "started"]).env("DATABASE_URL", fake.url()).migrations(&files);
        let running = run.pid1().spawn();
        eventually("the server is asked", || (fake.attempts() > before).then_some(()));
        running
    };
    each_stops_within(AT_ONCE, begin, |run| assert_eq!(run.field("signal", "phase"), "wait"));
}

#[test]
fn while_another_holds_the_lock() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let mut tool = database.client();
    tool.exec(&format!("SELECT pg_advisory_lock({})", keys::sqlx(&database.name())));
    let begin = || {
        let mut running = Run::start(&database, &files, ["/bin/echo", "started"]).pid1().spawn();
        running.until("lock.waiting");
        running
    };
    each_stops_within(AT_ONCE, begin, |run| {
        assert_eq!(run.field("signal", "phase"), "lock");
        assert_eq!(database.history(), []);
    });
}

/// A castoff as PID 1 whose server is seen to run the slow statement.
fn inside_the_statement(database: &Database, files: &Migrations, options: &[&str]) -> Running {
    let running = migrating(&Run::start(database, files, ["/bin/echo", "started"]).option(options).pid1());
    eventually("the server runs the statement", || (running_statements(database) > 0).then_some(()));
    running
}

/// How many statements of the test's role the server is running.
fn running_statements(database: &Database) -> usize {
    let sql = match database.engine() {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database() AND state = 'active' \
             AND query LIKE '%pg_sleep%'"
                .to_owned()
        }
        Engine::MySql => format!(
            "SELECT count(*) FROM information_schema.processlist WHERE user = '{}' AND info LIKE '%SLEEP%'",
            database.name()
        ),
        Engine::Sqlite => return 1,
    };
    database.one(&sql).parse().expect("a number")
}

/// What must be true the moment castoff has ended.
fn nothing_is_left(database: &Database) {
    assert_eq!(running_statements(database), 0, "no statement runs on");
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually("the server has noticed the end of the session", || {
        (database.one(locks) == "0").then_some(())
    });
}

#[test]
fn inside_a_transaction_the_work_is_rolled_back() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let sql = format!("CREATE TABLE half (id INT);\n{}", slow_sql(Engine::Postgres, 60));
    files.write("30000101000000_slow.sql", sql);
    let begin = || inside_the_statement(&database, &files, &[]);
    each_stops_within(Duration::from_secs(1), begin, |run| {
        assert_eq!(run.field("signal", "phase"), "migrate");
        assert!(!database.has_table("half"), "rolled back");
        assert_eq!(database.versions().len(), 3, "the history says so");
        nothing_is_left(&database);
    });
}

#[test]
fn a_step_without_a_transaction_is_cancelled_after_the_grace_and_marked() {
    if !root() {
        return;
    }
    for signal in STOPS {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        let files = Migrations::three();
        // VACUUM makes it a script whose statements are committed one by one.
        let sql = format!(
            "-- no-transaction\nCREATE TABLE half (id INT);\nVACUUM half;\n{}",
            slow_sql(Engine::Postgres, 60)
        );
        files.write("30000101000000_slow.sql", sql);
        let running = inside_the_statement(&database, &files, &["--stop-grace", "500ms"]);
        let (run, elapsed) = stop(running, signal);
        assert!(elapsed > Duration::from_millis(450), "it had its grace: {elapsed:?} {run}");
        assert!(elapsed < Duration::from_secs(5), "{elapsed:?} {run}");
        assert!(database.has_table("half"), "its first statement stays");
        let last = database.history().pop().expect("the mark");
        assert_eq!((last.version, last.success), (30_000_101_000_000, false));
        nothing_is_left(&database);
        let next = Run::migrate(&database, &files).output().exits(Exit::Data);
        assert!(next.field("exit", "reason").contains("30000101000000"), "{next}");
    }
}

#[test]
fn a_single_statement_without_a_transaction_leaves_nothing_and_no_mark() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", format!("-- no-transaction\n{}", slow_sql(Engine::Postgres, 60)));
    stop(inside_the_statement(&database, &files, &["--stop-grace", "200ms"]), Signal::SIGTERM);
    assert!(database.history().iter().all(|row| row.success), "{:?}", database.history());
    nothing_is_left(&database);
    files.write("30000101000000_slow.sql", "-- no-transaction\nSELECT 1;\n");
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), ["30000101000000"]);
}

#[test]
fn a_step_without_a_transaction_may_finish_within_the_grace_and_is_recorded() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", format!("-- no-transaction\n{}", slow_sql(Engine::Postgres, 1)));
    files.write("30000102000000_next.sql", "CREATE TABLE next (id INT);\n");
    let running = inside_the_statement(&database, &files, &["--stop-grace", "30s"]);
    let (run, _) = stop(running, Signal::SIGTERM);
    assert!(run.stdout.is_empty(), "{run}");
    let last = database.history().pop().expect("the row");
    assert_eq!(
        (last.version, last.success),
        (30_000_101_000_000, true),
        "finished and recorded, nothing after it"
    );
    assert!(!database.has_table("next"));
    nothing_is_left(&database);
}

#[test]
fn a_statement_on_mariadb_is_cancelled_after_the_grace_and_marked() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = Migrations::three();
    files.write(
        "30000101000000_slow.sql",
        format!("CREATE TABLE half (id INT);\n{}", slow_sql(Engine::MySql, 60)),
    );
    let running = inside_the_statement(&database, &files, &["--stop-grace", "500ms"]);
    let (run, elapsed) = stop(running, Signal::SIGTERM);
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?} {run}");
    assert_eq!(running_statements(&database), 0, "no statement runs on");
    let last = database.history().pop().expect("the mark");
    assert_eq!((last.version, last.success), (30_000_101_000_000, false));
    let free = format!("SELECT IS_FREE_LOCK('{:x}')", keys::sqlx(&database.name()));
    eventually("the lock is free", || (database.one(&free) == "1").then_some(()));
}

#[test]
fn a_statement_in_sqlite_is_interrupted_and_rolled_back() {
    if !root() {
        return;
    }
    let database = Database::sqlite();
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", slow_sql(Engine::Sqlite, 600));
    let begin = || migrating(&Run::start(&database, &files, ["/bin/echo", "started"]).pid1());
    each_stops_within(Duration::from_secs(1), begin, |_| {
        assert!(!database.has_table("counted"), "rolled back");
        assert_eq!(database.versions().len(), 3);
    });
}

#[test]
fn at_the_hand_over_no_signal_is_swallowed() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    // Not as PID 1: there the kernel would drop what arrives before an application has its handlers.
    for signal in STOPS {
        for event in ["wait.ready", "migrate.none", "exec"] {
            let mut running = Run::start(&database, &files, ["/bin/sleep", "60"]).spawn();
            running.until(event);
            let (_, elapsed) = stop(running, signal);
            assert!(elapsed < Duration::from_secs(20), "{signal} after {event}: {elapsed:?}");
        }
    }
}

#[test]
fn a_kill_while_migrating_frees_the_lock_within_a_second() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    files.write(
        "30000101000000_slow.sql",
        format!("CREATE TABLE half (id INT);\n{}", slow_sql(Engine::Postgres, 60)),
    );
    let mut times = Vec::new();
    while times.len() < 3 && times.last().is_none_or(|last| *last > Duration::from_secs(1)) {
        let mut running = migrating(&Run::migrate(&database, &files));
        eventually("the server runs the statement", || (running_statements(&database) > 0).then_some(()));
        running.signal(Signal::SIGKILL);
        let start = Instant::now();
        assert!(running.wait().killed);
        nothing_is_running(&database);
        nothing_is_left(&database);
        times.push(start.elapsed());
        assert!(!database.has_table("half"), "rolled back");
    }
    assert!(times.iter().any(|time| *time <= Duration::from_secs(1)), "{times:?}");
}

fn nothing_is_running(database: &Database) {
    eventually("the orphan has been ended", || (running_statements(database) == 0).then_some(()));
}

#[test]
fn a_signal_blocked_by_whoever_started_castoff_still_stops_it() {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    let run =
        Run::new(["wait"]).env("DATABASE_URL", fake.url()).under(["/usr/bin/env", "--block-signal=TERM"]);
    let mut running = run.spawn();
    running.until("wait.retry");
    stop(running, Signal::SIGTERM);
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    let run =
        Run::new(["wait"]).env("DATABASE_URL", fake.url()).under(["/usr/bin/env", "--ignore-signal=HUP"]);
    let mut running = run.spawn();
    running.until("wait.retry");
    running.signal(Signal::SIGHUP);
    let attempts = fake.attempts();
    eventually("it goes on trying", || (fake.attempts() > attempts + 1).then_some(()));
    stop(running, Signal::SIGTERM);
}

#[test]
fn a_stop_ends_the_time_in_which_a_failure_is_shown_to_others() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_bad.sql", "NONSENSE;\n")]);
    let mut running = Run::migrate(&database, &files).spawn();
    running.until("migration.failed");
    let start = Instant::now();
    running.signal(Signal::SIGTERM);
    let run = running.wait();
    assert!([80, 143].contains(&run.code), "{run}");
    assert!(start.elapsed() < Duration::from_secs(2), "{run}");
}
