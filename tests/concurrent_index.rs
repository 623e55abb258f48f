//! `CREATE INDEX CONCURRENTLY` beside waiting replicas, and what becomes of a build that does not end well.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Finished, Migrations, Run, Running, eventually, full, heavy, keys};

mod invalid;

/// A table whose indexing takes so long that a deadlock, noticed after a second, would be one.
///
/// Cores differ, so it grows until a plain build takes a second and a half; a concurrent one scans twice.
fn fill_until_slow(database: &Database) {
    fill(database, if full() { 2_000_000 } else { 500_000 });
    let mut client = database.client();
    for _ in 0..5 {
        let start = Instant::now();
        client.exec("CREATE INDEX probe ON big (hash)");
        let elapsed = start.elapsed();
        client.exec("DROP INDEX probe");
        if elapsed > Duration::from_millis(1500) {
            return;
        }
        client.exec("INSERT INTO big SELECT -id, md5(hash) FROM big");
    }
}

/// A table to be indexed.
fn fill(database: &Database, rows: usize) {
    database.exec(&format!(
        "CREATE TABLE big AS SELECT g AS id, md5(g::text) AS hash FROM generate_series(1, {rows}) AS g; \
         ALTER TABLE big OWNER TO {}",
        database.name()
    ));
}

/// The one large table, made once: with neither index nor history, nobody else in it, and no other heavy test beside.
struct Big {
    database: MutexGuard<'static, Option<Database>>,
    _alone: MutexGuard<'static, ()>,
}

fn big() -> Option<Big> {
    static BIG: Mutex<Option<Database>> = Mutex::new(None);
    let alone = heavy();
    let mut database = BIG.lock().unwrap_or_else(PoisonError::into_inner);
    if database.is_none() {
        let new = Database::on(Engine::Postgres)?;
        fill_until_slow(&new);
        *database = Some(new);
    }
    let big = Big { database, _alone: alone };
    big.exec("DROP INDEX IF EXISTS big_hash; DROP TABLE IF EXISTS _sqlx_migrations");
    Some(big)
}

impl std::ops::Deref for Big {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database.as_ref().expect("made by big()")
    }
}

const BUILD: &str = "-- no-transaction\nCREATE INDEX CONCURRENTLY big_hash ON big (hash);\n";

fn build() -> Migrations {
    Migrations::of(&[("1_index.sql", BUILD)])
}

/// `auto` would not touch a database that holds tables and no history.
fn migrate(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).option(["--format", "sqlx"])
}

fn start(database: &Database, files: &Migrations) -> Run {
    Run::start(database, files, ["/bin/echo", "started"]).option(["--format", "sqlx"])
}

fn is_valid(database: &Database) -> Option<bool> {
    let sql = "SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = 'big_hash'";
    database.rows(sql).first().map(|row| row[0].as_deref() == Some("t"))
}

/// A castoff whose build the server is seen to be in.
fn building(database: &Database, run: &Run) -> Running {
    let running = run.spawn();
    let sql = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() \
               AND phase LIKE 'building index%'";
    eventually("the server builds the index", || (database.one(sql) != "0").then_some(()));
    running
}

/// How long the build of a process took.
fn build_time(run: &Finished) -> Duration {
    let elapsed = run.event("migration.applied")["elapsed_ms"].as_u64().expect("milliseconds");
    Duration::from_millis(elapsed)
}

#[test]
fn three_waiting_replicas_do_not_disturb_a_concurrent_build() {
    let Some(database) = big() else { return };
    let files = build();
    let run = start(&database, &files);
    let holder = building(&database, &run);
    let mut waiters: Vec<Running> = (0..3).map(|_| run.spawn()).collect();
    for waiter in &mut waiters {
        waiter.until("lock.waiting");
    }
    assert!(!holder.has_logged("migration.applied"), "the waiters came while the index was being built");
    let holder = holder.wait().succeeds();
    let took = build_time(&holder);
    // A shorter one would end before the server looks for deadlocks, and prove nothing.
    assert!(took > Duration::from_millis(1200), "built in {took:?}: more rows are needed");
    eprintln!("the index was built in {took:?} beside three waiters");
    for replica in waiters.into_iter().map(Running::wait).chain([holder]) {
        assert_eq!(replica.succeeds().stdout, "started\n");
    }
    assert_eq!(is_valid(&database), Some(true));
    assert_eq!(database.versions(), [1]);
}

/// The same where it must fail, so that the test above is known to test something; and what is left is healed.
#[test]
fn three_blocked_waiters_kill_a_concurrent_build() {
    let Some(database) = big() else { return };
    let files = build();
    let holder = building(&database, &start(&database, &files));
    let key = keys::own(&database.name(), "public", "_sqlx_migrations");
    let blocked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let failed = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let sql = format!("SET application_name = 'blocked'; SELECT pg_advisory_lock({key})");
                // Ended below, unless the server has done it before.
                drop(database.client().try_rows(&sql));
            });
        }
        eventually("three waiters are blocked", || (database.one(blocked) == "3").then_some(()));
        let failed = holder.wait().exits(Exit::MigrationFailed);
        database.exec(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'blocked'",
        );
        failed
    });
    assert!(failed.field("migration.failed", "error").contains("deadlock detected"), "{failed}");
    assert_eq!((failed.stdout.as_str(), is_valid(&database)), ("", Some(false)), "{failed}");
    let healed = start(&database, &files).output().succeeds();
    assert_eq!((healed.stdout.as_str(), is_valid(&database)), ("started\n", Some(true)), "{healed}");
    assert_eq!(database.versions(), [1]);
}

#[test]
fn a_build_killed_in_the_middle_is_healed_by_the_next_start() {
    let Some(database) = big() else { return };
    let files = build();
    let mut killed = building(&database, &migrate(&database, &files));
    killed.signal(Signal::SIGKILL);
    assert!(killed.wait().killed);
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database()";
    eventually("the orphan has been ended", || (database.one(busy) == "0").then_some(()));
    assert_eq!(is_valid(&database), Some(false), "the kill has left an INVALID index behind");
    let marks: Vec<bool> = database.history().iter().map(|row| row.success).collect();
    assert_eq!(marks, [false], "and its mark");
    let healed = start(&database, &files).output().succeeds();
    assert_eq!(healed.stdout, "started\n");
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}

#[test]
fn a_session_ended_inside_a_build_is_opened_again_and_the_index_built() {
    let Some(database) = big() else { return };
    let files = build();
    let running = building(&database, &start(&database, &files));
    database
        .exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_database()");
    let run = running.wait().succeeds();
    assert_eq!((run.stdout.as_str(), run.events("connection.lost").len()), ("started\n", 1), "{run}");
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}
