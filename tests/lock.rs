//! One of many migrates: who holds what, who waits how, and when waiting ends.

use std::fs::File;
use std::time::{Duration, SystemTime};

use castoff::exit::Exit;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{
    Client, Database, Engine, Gate, Migrations, Run, Running, eventually, keys, on_every_engine, secrets,
};

mod lost;
mod scarce;

on_every_engine!(
    a_waiter_names_the_holder_and_becomes_the_application_without_the_lock,
    a_waiter_becomes_the_application_while_the_lock_is_still_held,
    a_lock_that_stays_held_ends_in_75,
    every_lock_is_held_while_migrating_and_given_back,
    a_person_running_the_tool_excludes_castoff,
    a_lock_whose_holder_dies_is_taken_over,
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

/// Three migrations and one that stands before a gate: a holder of the lock for as long as the test needs one.
pub(crate) fn gated(database: &Database) -> (Migrations, Gate) {
    let gate = Gate::closed(database);
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", gate.sql());
    (files, gate)
}

fn a_waiter_names_the_holder_and_becomes_the_application_without_the_lock(database: &Database) {
    let files = slow(database, 3);
    let mut holder = migrating(&Run::migrate(database, &files));
    let process = i64::from(holder.pid().as_raw());
    let mut waiter = Run::start(database, &files, ["/bin/echo", "started"]).spawn();
    let waiting = waiter.until("lock.waiting");
    let named = &waiting["holder"];
    let hostname = nix::unistd::gethostname().expect("a hostname").to_string_lossy().into_owned();
    let us = format!("castoff/{} {hostname}", env!("CARGO_PKG_VERSION"));
    match database.engine() {
        Engine::Postgres => {
            assert_eq!(
                (named["application_name"].as_str(), named["client"].as_str()),
                (Some(&*us), Some("127.0.0.1"))
            );
            assert_eq!(named["pid"].to_string(), database.one(&holder_of(keys::sqlx(&database.name()))));
        }
        // The server shows an account and an address; castoff cannot name itself to it.
        Engine::MySql => {
            assert_eq!(named["application_name"], database.name());
            assert!(
                named["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1")),
                "{named}"
            );
            assert_eq!(
                named["pid"].to_string(),
                database.one(&format!("SELECT IS_USED_LOCK('{}')", own_name(database)))
            );
        }
        Engine::Sqlite => {
            assert_eq!(
                (named["application_name"].as_str(), named["pid"].as_i64()),
                (Some(&*us), Some(process))
            );
        }
    }
    let since = humantime::parse_rfc3339(named["since"].as_str().expect("since when")).expect("RFC 3339");
    let age = (SystemTime::now() + Duration::from_secs(2)).duration_since(since).expect("not in the future");
    assert!(age < Duration::from_mins(2), "{named}");
    assert_eq!(holder.wait().succeeds().applied().len(), 4);
    let waiter = waiter.wait().succeeds();
    assert_eq!(waiter.stdout, "started\n");
    assert_eq!(waiter.events("lock.waiting").len(), 1, "the holder has not changed: {waiter}");
    assert!(waiter.events("lock.acquired").is_empty() && waiter.applied().is_empty(), "{waiter}");
}

/// Somebody else's hold on castoff's own lock, until dropped.
pub(crate) enum Held {
    #[expect(dead_code, reason = "held, not used")]
    Session(Client),
    #[expect(dead_code, reason = "held, not used")]
    File(Flock<File>),
}

fn own_key(database: &Database) -> i64 {
    let name = database.name();
    // What is a schema elsewhere is the database on MySQL.
    let schema = if database.engine() == Engine::MySql { &name } else { "public" };
    keys::own(&name, schema, "_sqlx_migrations")
}

/// The name of castoff's own lock on MySQL.
fn own_name(database: &Database) -> String {
    format!("castoff-{:016x}", own_key(database))
}

/// The server's id of the session that holds this key.
fn holder_of(key: i64) -> String {
    format!(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
         AND ((classid::bigint << 32) | objid::bigint) = {key}"
    )
}

/// Tries castoff's own lock as another of its instances would.
fn try_own_lock(database: &Database) -> Option<Held> {
    let (mut client, key) = (database.client(), own_key(database));
    let taken = match database.engine() {
        Engine::Postgres => client.one(&format!("SELECT pg_try_advisory_lock({key})")) == "t",
        Engine::MySql => client.one(&format!("SELECT GET_LOCK('{}', 0)", own_name(database))) == "1",
        Engine::Sqlite => {
            // What a holder has written there is not ours to truncate.
            let mut options = File::options();
            let options = options.write(true).create(true).truncate(false);
            let file = options.open(format!("{}.castoff", database.name())).expect("the lock file");
            return Flock::lock(file, FlockArg::LockExclusiveNonblock).ok().map(Held::File);
        }
    };
    taken.then_some(Held::Session(client))
}

pub(crate) fn hold_own_lock(database: &Database) -> Held {
    try_own_lock(database).expect("nobody holds the lock")
}

fn a_waiter_becomes_the_application_while_the_lock_is_still_held(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    let last = "version = 20250203040506";
    database.exec(&format!("CREATE TABLE kept AS SELECT * FROM _sqlx_migrations WHERE {last}"));
    database.exec(&format!("DELETE FROM _sqlx_migrations WHERE {last}"));
    let held = hold_own_lock(database);
    let mut waiter = Run::start(database, &files, ["/bin/echo", "started"]).spawn();
    waiter.until("lock.waiting");
    assert!(!waiter.has_logged("exec"));
    database.exec("INSERT INTO _sqlx_migrations SELECT * FROM kept");
    let waiter = waiter.wait().succeeds();
    assert_eq!(waiter.stdout, "started\n");
    assert!(waiter.events("lock.acquired").is_empty() && waiter.applied().is_empty(), "{waiter}");
    drop(held);
}

fn a_lock_that_stays_held_ends_in_75(database: &Database) {
    let files = Migrations::three();
    let held = hold_own_lock(database);
    let run = Run::start(database, &files, ["/bin/echo", "started"]).option(["--lock-timeout", "600ms"]);
    let finished = run.output().exits(Exit::LockTimeout);
    finished.event("lock.waiting");
    assert!(finished.elapsed >= Duration::from_millis(600), "{finished}");
    assert!(!finished.field("exit", "hint").is_empty(), "{finished}");
    assert_eq!((finished.stdout.as_str(), database.history()), ("", vec![]));
    drop(held);
    assert_eq!(run.output().succeeds().applied().len(), 3);
}

/// Every advisory lock of one 64-bit key in a database, in order.
pub(crate) fn held_keys(database: &Database) -> Vec<i64> {
    let sql = "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted \
               AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let rows = database.rows(sql);
    let mut keys: Vec<i64> =
        rows.iter().map(|row| row[0].as_ref().expect("a key").parse().expect("a number")).collect();
    keys.sort_unstable();
    keys
}

fn every_lock_is_held_while_migrating_and_given_back(database: &Database) {
    let files = slow(database, 2);
    let holder = migrating(&Run::migrate(database, &files));
    let tools = keys::sqlx(&database.name());
    match database.engine() {
        Engine::Postgres => {
            let mut expected = [own_key(database), tools];
            expected.sort_unstable();
            assert_eq!(held_keys(database), expected);
        }
        Engine::MySql => {
            let sql = format!("SELECT IS_USED_LOCK('{}') = IS_USED_LOCK('{tools:x}')", own_name(database));
            assert_eq!(database.one(&sql), "1", "one session holds both");
        }
        Engine::Sqlite => {}
    }
    assert!(try_own_lock(database).is_none(), "castoff's own is held");
    holder.wait().succeeds();
    assert!(try_own_lock(database).is_some(), "castoff's own is given back");
    match database.engine() {
        Engine::Postgres => assert!(held_keys(database).is_empty()),
        Engine::MySql => assert_eq!(database.one(&format!("SELECT IS_FREE_LOCK('{tools:x}')")), "1"),
        Engine::Sqlite => {}
    }
}

fn a_person_running_the_tool_excludes_castoff(database: &Database) {
    let (mut tool, key) = (database.client(), keys::sqlx(&database.name()));
    match database.engine() {
        Engine::Postgres => {
            tool.exec(&format!("SET application_name = 'psql'; SELECT pg_advisory_lock({key})"));
        }
        Engine::MySql => assert_eq!(tool.one(&format!("SELECT GET_LOCK('{key:x}', 0)")), "1"),
        // sqlx has no lock on SQLite.
        Engine::Sqlite => return,
    }
    let files = Migrations::three();
    let mut running = Run::migrate(database, &files).spawn();
    let waiting = running.until("lock.waiting");
    let name = if database.engine() == Engine::Postgres { "psql" } else { "root" };
    // On MariaDB an account without PROCESS sees only a number.
    let seen = &waiting["holder"]["application_name"];
    assert!(seen == name || database.engine() == Engine::MySql && seen.is_null(), "{waiting}");
    assert_eq!(database.history(), []);
    drop(tool);
    assert_eq!(running.wait().succeeds().applied().len(), 3);
}

#[test]
fn a_holder_of_another_role_is_named_by_what_the_server_shows_of_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (files, mut gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    let (name, password) = (format!("{}_other", database.name()), secrets::invent());
    database.exec(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD '{password}'; GRANT SELECT ON _sqlx_migrations TO {name}"
    ));
    let own = format!("{}:{}", database.name(), secrets::encode(database.password()));
    let url = database.url().replace(&own, &format!("{name}:{}", secrets::encode(&password)));
    let mut waiter = Run::start(&database, &files, ["/bin/echo", "started"]).env("DATABASE_URL", url).spawn();
    let Value::Object(named) = waiter.until("lock.waiting")["holder"].take() else { panic!("an object") };
    assert!(named["application_name"].as_str().is_some_and(|name| name.starts_with("castoff/")), "{named:?}");
    assert_eq!(
        (named["pid"].as_i64(), &named["client"], &named["since"]),
        (Some(gate.visitor()), &Value::Null, &Value::Null)
    );
    gate.open();
    holder.wait().succeeds();
    assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    database.exec(&format!("DROP OWNED BY {name}; DROP ROLE {name}"));
}

#[test]
fn the_locks_of_two_databases_are_two_locks() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let (Some(one), Some(other)) = (Database::on(engine), Database::on(engine)) else { continue };
        let (files, gate) = gated(&one);
        let holder = migrating(&Run::migrate(&one, &files));
        let run =
            Run::migrate(&other, &Migrations::three()).option(["--lock-timeout", "2s"]).output().succeeds();
        assert!(run.events("lock.waiting").is_empty(), "{run}");
        gate.open();
        holder.wait().succeeds();
    }
}

/// How many of castoff's sessions wait inside the server, or hold a snapshot while they wait outside it.
fn in_the_way(database: &Database) -> String {
    database.one(
        "SELECT count(*) FROM pg_stat_activity a WHERE datname = current_database() AND usename = current_database() \
         AND (EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'advisory' AND NOT granted) \
         OR state LIKE 'idle%' AND backend_xmin IS NOT NULL)",
    )
}

#[test]
fn a_waiter_never_blocks_inside_the_server() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let held = hold_own_lock(&database);
    let files = Migrations::three();
    let running = Run::migrate(&database, &files).spawn();
    let polls = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'castoff/%' AND state = 'idle' \
                 AND datname = current_database() AND query LIKE '%advisory%'";
    let mut seen = 0;
    eventually("fifty looks at a waiter that polls", || {
        assert_eq!(in_the_way(&database), "0");
        seen += u32::from(database.one(polls) != "0");
        (seen == 50).then_some(())
    });
    drop(held);
    running.wait().succeeds();
}

/// The same look where it must see something.
#[test]
fn a_session_that_blocks_inside_the_server_is_seen() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (files, mut gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    gate.visitor();
    assert_eq!(in_the_way(&database), "1");
    gate.open();
    holder.wait().succeeds();
}

fn a_lock_whose_holder_dies_is_taken_over(database: &Database) {
    // On MariaDB the server looks for its client only every five seconds, and only in statements like this one.
    let (files, gate) = if database.engine() == Engine::Sqlite {
        (slow(database, 2), None)
    } else {
        let (files, gate) = gated(database);
        (files, Some(gate))
    };
    let mut holder = migrating(&Run::migrate(database, &files));
    let mut heir = Run::start(database, &files, ["/bin/echo", "started"]).spawn();
    heir.until("lock.waiting");
    holder.signal(Signal::SIGKILL);
    assert!(holder.wait().killed);
    heir.until("lock.acquired");
    if let Some(gate) = gate {
        gate.open();
    }
    let heir = heir.wait().succeeds();
    assert_eq!((heir.applied(), heir.stdout.as_str()), (vec!["30000101000000".to_owned()], "started\n"));
    assert_eq!(database.versions().len(), 4);
}

/// Replicas that wait for a person do not take each other for the holder.
#[test]
fn replicas_that_wait_for_a_person_name_the_person() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut tool = database.client();
    let key = keys::sqlx(&database.name());
    tool.exec(&format!("SET application_name = 'psql'; SELECT pg_advisory_lock({key})"));
    let files = Migrations::three();
    let run = Run::migrate(&database, &files).option(["--lock-timeout", "4s"]);
    let replicas: Vec<Running> = (0..4).map(|_| run.spawn()).collect();
    for replica in replicas {
        let replica = replica.wait().exits(Exit::LockTimeout);
        assert!(replica.field("exit", "reason").contains("psql"), "{replica}");
        let named: Vec<String> = replica
            .events("lock.waiting")
            .iter()
            .map(|line| line["holder"]["application_name"].to_string())
            .collect();
        let from_then_on = named.iter().skip_while(|name| !name.contains("psql")).count();
        assert_eq!(from_then_on, 1, "once named, the person stays the holder: {replica}");
    }
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
