//! One of many migrates: who holds what, who waits how, and when waiting ends.

use std::fs::File;

use castoff::exit::Exit;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;

use crate::harness::{
    Client, Database, Engine, Migrations, Postgres, Run, Running, eventually, keys, on_every_engine,
};

on_every_engine!(
    a_waiter_names_the_holder_and_becomes_the_application_without_the_lock,
    a_lock_that_stays_held_ends_in_75,
);

/// A migration that takes some seconds, without work for the server.
fn slow(database: &Database, seconds: u32) -> Migrations {
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", slow_sql(database.engine(), seconds));
    files
}

/// Statements that keep a session of this engine busy.
pub(crate) fn slow_sql(engine: Engine, seconds: u32) -> String {
    match engine {
        Engine::Postgres => format!("SELECT pg_sleep({seconds});\n"),
        Engine::MySql => format!("SELECT SLEEP({seconds});\n"),
        // SQLite has no sleep; about five million steps a second even in a debug build.
        Engine::Sqlite => format!(
            "CREATE TABLE counted AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {}) \
             SELECT count(*) AS n FROM c;\n",
            u64::from(seconds) * 5_000_000
        ),
    }
}

/// A castoff that migrates, seen to be inside its slow migration.
pub(crate) fn migrating(run: &Run) -> Running {
    let mut running = run.spawn();
    running.until_line("the slow migration's start", |line| {
        (line.contains("\"migration.start\"") && line.contains("30000101000000")).then_some(())
    });
    running
}

fn a_waiter_names_the_holder_and_becomes_the_application_without_the_lock(database: &Database) {
    let files = slow(database, 3);
    let holder = migrating(&Run::migrate(database, &files));
    let mut waiter = Run::start(database, &files, ["/bin/echo", "started"]).spawn();
    let waiting = waiter.until("lock.waiting");
    let named = waiting["holder"].to_string();
    let hostname = nix::unistd::gethostname().expect("a hostname").to_string_lossy().into_owned();
    assert!(
        named.contains("castoff/") && named.contains(&hostname) || database.engine() == Engine::MySql,
        "{named}"
    );
    assert_eq!(holder.wait().succeeds().applied().len(), 4);
    let waiter = waiter.wait().succeeds();
    assert_eq!(waiter.stdout, "started\n");
    assert!(waiter.events("lock.acquired").is_empty() && waiter.applied().is_empty(), "{waiter}");
}

/// Somebody else's hold on castoff's own lock, until dropped.
enum Held {
    #[expect(dead_code, reason = "held, not used")]
    Session(Client),
    #[expect(dead_code, reason = "held, not used")]
    File(Flock<File>),
}

fn hold_own_lock(database: &Database) -> Held {
    let name = database.name();
    let mut client = database.client();
    match database.engine() {
        Engine::Postgres => {
            client.exec(&format!(
                "SELECT pg_advisory_lock({})",
                keys::own(&name, "public", "_sqlx_migrations")
            ));
        }
        Engine::MySql => {
            // What is a schema elsewhere is the database here.
            let key = keys::own(&name, &name, "_sqlx_migrations");
            assert_eq!(client.one(&format!("SELECT GET_LOCK('castoff-{key:016x}', 0)")), "1");
        }
        Engine::Sqlite => {
            let file = File::create(format!("{name}.castoff")).expect("the lock file");
            let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error);
            return Held::File(held.expect("the lock file is free"));
        }
    }
    Held::Session(client)
}

fn a_lock_that_stays_held_ends_in_75(database: &Database) {
    let files = Migrations::three();
    let held = hold_own_lock(database);
    let run = Run::migrate(database, &files).option(["--lock-timeout", "600ms"]);
    let finished = run.output().exits(Exit::LockTimeout);
    finished.event("lock.waiting");
    assert!(!finished.field("exit", "hint").is_empty(), "{finished}");
    assert_eq!(database.history(), []);
    drop(held);
    assert_eq!(run.output().succeeds().applied().len(), 3);
}

/// Every advisory lock of a database, as 64-bit keys in order.
fn held_keys(database: &Database) -> Vec<i64> {
    let sql = "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted \
               AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = database.rows(sql);
    let mut keys: Vec<i64> =
        rows.iter().map(|row| row[0].as_ref().expect("a key").parse().expect("a number")).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn castoffs_own_key_and_sqlxs_are_both_held_and_both_given_back() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = slow(&database, 1);
    let holder = migrating(&Run::migrate(&database, &files));
    let mut expected =
        [keys::own(&database.name(), "public", "_sqlx_migrations"), keys::sqlx(&database.name())];
    expected.sort_unstable();
    assert_eq!(held_keys(&database), expected);
    holder.wait().succeeds();
    assert!(held_keys(&database).is_empty());
}

#[test]
fn a_person_running_the_tool_excludes_castoff() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut tool = database.client();
    tool.exec(&format!("SELECT pg_advisory_lock({})", keys::sqlx(&database.name())));
    let files = Migrations::three();
    let mut running = Run::migrate(&database, &files).spawn();
    running.until("lock.waiting");
    assert_eq!(database.history(), []);
    drop(tool);
    assert_eq!(running.wait().succeeds().applied().len(), 3);
}

#[test]
fn a_person_running_the_tool_excludes_castoff_on_mariadb() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let mut tool = database.client();
    assert_eq!(tool.one(&format!("SELECT GET_LOCK('{:x}', 0)", keys::sqlx(&database.name()))), "1");
    let files = Migrations::three();
    let mut running = Run::migrate(&database, &files).spawn();
    running.until("lock.waiting");
    assert_eq!(database.history(), []);
    drop(tool);
    assert_eq!(running.wait().succeeds().applied().len(), 3);
}

#[test]
fn the_locks_of_two_databases_are_two_locks() {
    let Some(one) = Database::on(Engine::Postgres) else { return };
    let Some(other) = Database::on(Engine::Postgres) else { return };
    let files = slow(&one, 30);
    let _holder = migrating(&Run::migrate(&one, &files));
    let run = Run::migrate(&other, &Migrations::three()).option(["--lock-timeout", "2s"]).output().succeeds();
    assert!(run.events("lock.waiting").is_empty(), "{run}");
}

#[test]
fn a_waiter_never_blocks_inside_the_server() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let _held = hold_own_lock(&database);
    let files = Migrations::three();
    let mut running = Run::migrate(&database, &files).spawn();
    running.until("lock.waiting");
    let busy = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = \
                (SELECT oid FROM pg_database WHERE datname = current_database())";
    let snapshots = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'castoff/%' \
                     AND datname = current_database() AND state = 'idle' AND backend_xmin IS NOT NULL";
    for _ in 0..50 {
        assert_eq!(database.one(busy), "0");
        assert_eq!(database.one(snapshots), "0");
    }
}

#[test]
fn a_lock_whose_holder_dies_is_taken_over() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = slow(&database, 60);
    let mut holder = migrating(&Run::migrate(&database, &files));
    let mut waiter = Run::migrate(&database, &files).spawn();
    waiter.until("lock.waiting");
    files.write("30000101000000_slow.sql", "SELECT 1;\n");
    let mut heir = Run::migrate(&database, &files).spawn();
    heir.until("lock.waiting");
    // The waiter still has the slow file in hand: out of the way, so that the heir must take over.
    waiter.signal(Signal::SIGTERM);
    waiter.wait().exits(Exit::Signal(libc::SIGTERM));
    holder.signal(Signal::SIGKILL);
    assert_eq!(heir.wait().succeeds().applied(), ["30000101000000"]);
    assert_eq!(database.versions().len(), 4);
}

#[test]
fn waiters_keep_no_connection_while_slots_are_scarce() {
    let settings =
        [("max_connections", "8"), ("superuser_reserved_connections", "3"), ("max_wal_senders", "0")];
    let Some(server) = Postgres::started(&settings) else { return };
    let database = Database::on_postgres(&server);
    let files = slow(&database, 3);
    let holder = migrating(&Run::migrate(&database, &files));
    // Connected before the slots are scarce.
    let mut watch = database.client();
    let waiters: Vec<Running> =
        (0..8).map(|_| Run::start(&database, &files, ["/bin/echo", "started"]).spawn()).collect();
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database()";
    let mut seen: Vec<usize> = Vec::new();
    while !holder.has_logged("migrate.done") {
        seen.push(watch.one(connected).parse().expect("a number"));
    }
    for waiter in waiters {
        let waiter = waiter.wait().succeeds();
        assert_eq!(waiter.stdout, "started\n");
    }
    assert_eq!(holder.wait().succeeds().applied().len(), 4);
    // The holder, its watchdog, and whoever is just asking. Waiters that kept their connections would fill the five
    // slots all the time.
    let scarce = seen.iter().filter(|connections| **connections <= 3).count();
    assert!(scarce * 2 > seen.len(), "{seen:?}");
}

#[test]
fn the_sqlite_lock_file_names_its_holder_and_stays() {
    let database = Database::sqlite();
    let files = slow(&database, 2);
    let mut holder = migrating(&Run::migrate(&database, &files));
    let pid = holder.pid();
    let path = format!("{}.castoff", database.name());
    let content = std::fs::read_to_string(&path).expect("the lock file");
    assert!(content.contains(&pid.to_string()), "{content:?} names {pid}");
    holder.wait().succeeds();
    assert!(std::path::Path::new(&path).exists(), "left in place, like -wal");
}

#[test]
fn after_the_hand_over_no_session_is_left() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let mut running = Run::start(&database, &files, ["/bin/sh", "-c", "echo started >&2; sleep 60"]).spawn();
    running.until_line("the application's first words", |line| (line == "started").then_some(()));
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database()";
    eventually("the server has forgotten castoff's sessions", || {
        (database.one(sessions) == "0").then_some(())
    });
    assert!(held_keys(&database).is_empty());
}
