//! Ready means usable: every error is "not yet" or "never", and the difference is seen from outside.

use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, DnsAnswer, Engine, FakeConnection, FakeDns, FakePostgres, Finished, MariaDb, Migrations,
    Postgres, Run, on_every_engine, root,
};

/// `castoff wait` on this URL with a short patience.
pub(crate) fn wait_for(url: &str) -> Run {
    Run::new(["wait", "--wait-timeout", "700ms"]).env("DATABASE_URL", url)
}

/// Is ready, with all the time that a busy machine takes.
pub(crate) fn usable(run: &Run) -> Finished {
    run.clone().option(["--wait-timeout", "60s"]).output().succeeds()
}

/// Waits on and on until the deadline, and says why in `reason`.
fn not_yet(run: &Run, reason: &str) -> Finished {
    let finished = run.output().exits(Exit::Unavailable);
    let reasons: Vec<String> =
        finished.events("wait.retry").iter().map(|line| line["reason"].to_string()).collect();
    let told = reasons.iter().any(|told| told.to_lowercase().contains(&reason.to_lowercase()));
    assert!(told, "{reason:?} is expected among the reasons of {finished}");
    finished
}

/// Gives up long before the deadline.
pub(crate) fn never(run: &Run) -> Finished {
    let finished = run.clone().option(["--wait-timeout", "60s"]).output().exits(Exit::Refused);
    assert!(finished.elapsed < Duration::from_secs(30), "{finished}");
    assert!(!finished.field("exit", "hint").is_empty(), "{finished}");
    finished
}

on_every_engine!(a_ready_database_ends_the_wait_at_once);

fn a_ready_database_ends_the_wait_at_once(database: &Database) {
    let run = Run::new(["wait"]).database(database).output().succeeds();
    assert!(run.events("wait.retry").is_empty(), "{run}");
    assert_eq!(run.event("wait.ready")["attempts"], 1);
    assert_eq!(run.field("wait.ready", "engine"), database.engine().name());
}

#[test]
fn refused_is_not_yet() {
    let port = crate::harness::free_port();
    not_yet(&wait_for(&format!("postgres://u:p@127.0.0.1:{port}/d")), "refused");
    not_yet(&wait_for(&format!("mysql://u:p@127.0.0.1:{port}/d")), "refused");
}

#[test]
fn reset_is_not_yet() {
    let fake = FakePostgres::playing(FakeConnection::reset);
    not_yet(&wait_for(&fake.url()), "");
    assert!(fake.attempts() > 1);
}

#[test]
fn a_reset_after_the_start_up_is_not_yet() {
    let fake = FakePostgres::playing(|connection| {
        connection.startup();
        connection.reset();
    });
    not_yet(&wait_for(&fake.url()), "");
    assert!(fake.attempts() > 1);
}

#[test]
fn nonsense_instead_of_an_answer_is_not_yet() {
    let fake = FakePostgres::playing(|connection| {
        connection.startup();
        connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    not_yet(&wait_for(&fake.url()), "");
}

#[test]
fn a_silent_socket_is_not_yet() {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let run = not_yet(&wait_for(&fake.url()).option(["--connect-timeout", "150ms"]), "");
    assert!(fake.attempts() > 1, "one attempt is bounded by itself: {run}");
}

#[test]
fn a_server_that_falls_silent_after_the_login_is_not_yet() {
    let fake = FakePostgres::playing(|connection| {
        connection.startup();
        connection.welcome();
        assert_eq!(connection.read_message().map(|(kind, _)| kind), Some(b'Q'));
        connection.silence();
    });
    not_yet(&wait_for(&fake.url()).option(["--connect-timeout", "150ms"]), "");
    assert!(fake.attempts() > 1);
}

#[test]
fn an_attempt_that_hangs_ends_with_the_whole_wait() {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let run = wait_for(&fake.url()).output().exits(Exit::Unavailable);
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
}

#[test]
fn an_unknown_name_is_not_yet_and_asked_for_again() {
    if !root() {
        return;
    }
    let Some(dns) = FakeDns::answering(DnsAnswer::NoSuchName) else { return };
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let url = database.url_at("db.castoff.test", database.port());
    let run = Run::new(["wait"]).env("DATABASE_URL", url).resolv_conf(dns.resolv_conf());
    not_yet(&run.clone().option(["--wait-timeout", "700ms"]), "lookup").says("waiting for db.castoff.test:");
    let mut running = run.spawn();
    running.until("wait.retry");
    dns.answer(DnsAnswer::Address(std::net::Ipv4Addr::LOCALHOST));
    running.wait().succeeds();
}

#[test]
fn a_name_server_that_hangs_ends_with_the_wait() {
    if !root() {
        return;
    }
    let Some(dns) = FakeDns::answering(DnsAnswer::Silence) else { return };
    let run = wait_for("postgres://u:p@db.castoff.test:5432/d").resolv_conf(dns.resolv_conf());
    let run = run.output().exits(Exit::Unavailable);
    assert!(dns.questions() > 0, "somebody was asked: {run}");
    assert!(run.elapsed < Duration::from_secs(4), "the resolver's own patience is longer: {run}");
}

/// What a server says of itself while it is on its way, by its SQLSTATE.
#[test]
fn what_passes_by_itself_is_not_yet() {
    for (code, message) in [
        ("57P03", "the database system is starting up"),
        ("57P03", "the database system is in recovery mode"),
        ("57P01", "terminating connection due to administrator command"),
        ("57P02", "terminating connection because of crash of another server process"),
        ("53300", "sorry, too many clients already"),
        ("XX000", "something nobody has seen before"),
    ] {
        let fake = FakePostgres::refusing(code, message);
        not_yet(&wait_for(&fake.url()), message);
        assert!(fake.attempts() > 1, "{code}");
    }
}

#[test]
fn what_stays_refused_is_never() {
    for (code, message) in [
        ("28P01", "password authentication failed for user \"app\""),
        (
            "28000",
            "no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", database \"app\", no encryption",
        ),
        ("28000", "role \"app\" is not permitted to log in"),
        ("3D000", "database \"app\" does not exist"),
        ("42501", "permission denied for database \"app\""),
    ] {
        let fake = FakePostgres::refusing(code, message);
        assert!(
            never(&wait_for(&fake.url())).stderr.contains(&message.replace('"', "\\\"")),
            "{code} is quoted"
        );
    }
}

#[test]
fn a_real_server_refuses_a_wrong_password_role_and_database_for_good() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (name, port) = (database.name(), database.port());
    let right = crate::harness::secrets::encode(database.password());
    never(&wait_for(&format!("postgres://{name}:wrong@127.0.0.1:{port}/{name}"))).says("28P01");
    never(&wait_for(&format!("postgres://nobody:wrong@127.0.0.1:{port}/{name}")));
    never(&wait_for(&format!("postgres://{name}:{right}@127.0.0.1:{port}/nowhere"))).says("nowhere");
}

#[test]
fn a_real_mariadb_refuses_a_wrong_password_user_and_database_for_good() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let (name, port) = (database.name(), database.port());
    let right = crate::harness::secrets::encode(database.password());
    never(&wait_for(&format!("mysql://{name}:wrong@127.0.0.1:{port}/{name}"))).says("1045");
    never(&wait_for(&format!("mysql://nobody:wrong@127.0.0.1:{port}/{name}")));
    never(&wait_for(&format!("mysql://{name}:{right}@127.0.0.1:{port}/nowhere")));
}

#[test]
fn a_server_that_starts_late_is_waited_for() {
    let Some(server) = Postgres::prepared(&[]) else { return };
    server.start();
    let database = Database::on_postgres(&server);
    server.stop(Signal::SIGINT);
    let mut running = Run::start(&database, &Migrations::three(), ["/bin/echo", "started"]).spawn();
    running.until("wait.retry");
    server.start();
    let run = running.wait().succeeds();
    assert_eq!(run.stdout, "started\n");
    assert!(run.event("wait.ready")["attempts"].as_u64() > Some(1), "{run}");
}

#[test]
fn a_mariadb_without_networking_is_not_yet() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&[]);
    let database = Database::on_mariadb(&server);
    server.stop(Signal::SIGKILL);
    server.start(&["--skip-networking"]);
    not_yet(&Run::new(["wait", "--wait-timeout", "700ms"]).database(&database), "refused");
    server.stop(Signal::SIGKILL);
    server.start(&[]);
    Run::new(["wait"]).database(&database).output().succeeds();
}

#[test]
fn a_mariadb_without_a_free_slot_is_not_yet() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--max-connections=10", "--extra-max-connections=1"]);
    let database = Database::on_mariadb(&server);
    let held: Vec<_> = (0..11).filter_map(|_| server.connect("mysql").ok()).collect();
    not_yet(&Run::new(["wait", "--wait-timeout", "700ms"]).database(&database), "too many connections");
    drop(held);
    Run::new(["wait"]).database(&database).output().succeeds();
}

#[test]
fn exhausted_slots_are_not_yet() {
    let settings =
        [("max_connections", "4"), ("superuser_reserved_connections", "1"), ("max_wal_senders", "0")];
    let Some(server) = Postgres::started(&settings) else { return };
    let database = Database::on_postgres(&server);
    let held: Vec<_> = (0..4).map(|_| server.admin()).collect();
    let run = Run::migrate(&database, &Migrations::three());
    not_yet(&run.clone().option(["--wait-timeout", "700ms"]), "53300");
    let mut running = run.spawn();
    running.until("wait.retry");
    drop(held);
    running.wait().succeeds();
}

#[test]
fn standbys_are_not_ready_to_be_migrated() {
    let Some(primary) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&primary);
    let files = Migrations::three();
    for (hot, reason) in [(false, "57P03"), (true, "standby")] {
        let standby = primary.standby(hot);
        if hot {
            standby.start();
        } else {
            standby.launch();
        }
        let url = database.url_at("127.0.0.1", standby.port());
        let run = Run::migrate(&database, &files).env("DATABASE_URL", url);
        not_yet(&run.option(["--wait-timeout", "2s"]), reason);
    }
}

#[test]
fn a_server_that_takes_no_writes_is_not_ready() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let name = database.name();
    database.exec(&format!("ALTER ROLE {name} SET default_transaction_read_only = on"));
    let run = Run::migrate(&database, &Migrations::three());
    not_yet(&run.clone().option(["--wait-timeout", "700ms"]), "read");
    let mut running = run.spawn();
    running.until("wait.retry");
    database.exec(&format!("ALTER ROLE {name} RESET default_transaction_read_only"));
    running.wait().succeeds();
}

#[test]
fn a_repeated_reason_is_logged_once_per_change() {
    let fake = FakePostgres::playing(|connection| {
        connection.startup();
        let (code, text) = if connection.attempt < 3 {
            ("57P03", "the database system is starting up")
        } else {
            ("53300", "sorry, too many clients already")
        };
        connection.error("FATAL", code, text);
    });
    let run = wait_for(&fake.url()).option(["--wait-timeout", "2s"]).output().exits(Exit::Unavailable);
    let reasons = run.events("wait.retry");
    assert!(fake.attempts() > 4, "{} attempts", fake.attempts());
    assert_eq!(reasons.len(), 2, "{run}");
    assert_eq!(reasons[0]["attempt"], 1);
    assert_eq!(reasons[1]["attempt"], 4);
}

#[test]
fn attempts_begin_at_once_and_spread_out() {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    let run = wait_for(&fake.url()).option(["--wait-timeout", "3s"]).output().exits(Exit::Unavailable);
    // Full jitter from 50 ms to 1 s: about ten in three seconds, never a storm and never only a few.
    assert!((5..40).contains(&fake.attempts()), "{} attempts: {run}", fake.attempts());
}

#[test]
fn the_last_sleep_is_cut_to_the_deadline() {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    // A busy machine only ever adds; a sleep that is not cut adds in most of the attempts.
    let best = (0..5)
        .map(|_| {
            wait_for(&fake.url())
                .option(["--wait-timeout", "1500ms"])
                .output()
                .exits(Exit::Unavailable)
                .elapsed
        })
        .inspect(|elapsed| assert!(*elapsed >= Duration::from_millis(1400), "too early: {elapsed:?}"))
        .min()
        .expect("five runs");
    assert!(best < Duration::from_millis(1700), "{best:?}");
}

#[test]
fn sqlite_says_what_is_wrong_with_its_file() {
    let home = crate::harness::Scratch::new("sqlite");
    let garbage =
        home.write("garbage.db", "this is not a database, and it is long enough to be told so".repeat(30));
    let run = |path: &str| wait_for(&format!("sqlite:{path}")).output();
    let missing = run(&home.path().join("no/such/app.db").display().to_string());
    assert!([69, 77].contains(&missing.code), "{missing}");
    missing.says("no/such");
    let not_one = run(&garbage.display().to_string());
    assert!([69, 77].contains(&not_one.code), "{not_one}");
    not_one.says("garbage.db");
}
