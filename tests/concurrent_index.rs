//! `CREATE INDEX CONCURRENTLY` beside waiting replicas, killed in the middle, and beside somebody else's.

use std::time::{Duration, Instant};

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Migrations, Run, Running, eventually, full, heavy};

/// A table whose indexing takes so long that a deadlock, noticed after a second, would be one.
///
/// Cores differ, so it grows until a plain build takes a second; a concurrent one scans twice.
fn fill_until_slow(database: &Database) {
    fill(database, if full() { 2_000_000 } else { 500_000 });
    let mut client = database.client();
    for _ in 0..5 {
        let start = Instant::now();
        client.exec("CREATE INDEX probe ON big (hash)");
        let elapsed = start.elapsed();
        client.exec("DROP INDEX probe");
        if elapsed > Duration::from_secs(1) {
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

const BUILD: &str = "-- no-transaction\nCREATE INDEX CONCURRENTLY big_hash ON big (hash);\n";

/// What castoff is called with: `auto` would not touch a database that holds tables and no history.
fn migrate(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).option(["--format", "sqlx"])
}

fn is_valid(database: &Database) -> Option<bool> {
    let sql = "SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = 'big_hash'";
    database.rows(sql).first().map(|row| row[0].as_deref() == Some("t"))
}

/// A castoff whose build the server is seen to be in.
fn building(database: &Database, run: &Run) -> Running {
    let running = run.spawn();
    let sql = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()";
    eventually("the server builds the index", || (database.one(sql) != "0").then_some(()));
    running
}

#[test]
fn three_waiting_replicas_do_not_disturb_a_concurrent_build() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill_until_slow(&database);
    let files = Migrations::of(&[("1_index.sql", BUILD)]);
    let run = Run::start(&database, &files, ["/bin/echo", "started"]).option(["--format", "sqlx"]);
    let holder = building(&database, &run);
    let mut waiters: Vec<Running> = (0..3).map(|_| run.spawn()).collect();
    for waiter in &mut waiters {
        waiter.until("lock.waiting");
    }
    assert!(!holder.has_logged("migration.applied"), "the waiters came while the index was being built");
    for waiter in waiters {
        assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    }
    let holder = holder.wait().succeeds();
    let built_in = holder.event("migration.applied")["elapsed_ms"].as_u64();
    assert!(built_in > Some(1000), "a shorter build would prove nothing: {holder}");
    assert_eq!(is_valid(&database), Some(true));
    assert_eq!(database.versions(), [1]);
}

/// The same where it must fail, so that the test above is known to test something.
#[test]
fn three_blocked_waiters_kill_a_concurrent_build() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill_until_slow(&database);
    let mut holder = database.client();
    holder.exec("SELECT pg_advisory_lock(42)");
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    database.client().try_rows("SELECT pg_advisory_lock(42), pg_advisory_unlock(42)")
                })
            })
            .collect();
        let blocked =
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 42";
        eventually("three waiters are blocked", || (database.one(blocked) == "3").then_some(()));
        let built = holder.try_rows("CREATE INDEX CONCURRENTLY big_hash ON big (hash)");
        drop(holder);
        let results: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().expect("a waiter")).collect();
        let dead = results.iter().map(Result::is_err).chain([built.is_err()]).filter(|dead| *dead).count();
        assert!(dead > 0, "somebody must have been told of the deadlock");
    });
}

#[test]
fn a_build_killed_in_the_middle_is_healed_by_the_next_start() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill_until_slow(&database);
    let files = Migrations::of(&[("1_index.sql", BUILD)]);
    let run = migrate(&database, &files);
    let mut killed = building(&database, &run);
    eventually("there is an index that is not valid", || (is_valid(&database) == Some(false)).then_some(()));
    killed.signal(Signal::SIGKILL);
    assert!(killed.wait().killed);
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CONCURRENTLY%' AND pid <> pg_backend_pid() \
                AND datname = current_database() AND state = 'active'";
    eventually("the orphan has been ended", || (database.one(busy) == "0").then_some(()));
    assert_eq!(is_valid(&database), Some(false), "the kill has left an INVALID index behind");
    run.output().succeeds();
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}

#[test]
fn an_invalid_index_is_not_taken_for_a_valid_one_with_if_not_exists() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    // A unique index on equal values stays behind INVALID.
    database.exec("UPDATE big SET hash = 'same' WHERE id <= 2");
    let mut client = database.client();
    assert!(client.try_rows("CREATE UNIQUE INDEX CONCURRENTLY big_hash ON big (hash)").is_err());
    assert_eq!(is_valid(&database), Some(false));
    database.exec(&format!("ALTER INDEX big_hash OWNER TO {}", database.name()));
    let sql = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS big_hash ON big (hash);\n";
    migrate(&database, &Migrations::of(&[("1_index.sql", sql)])).output().succeeds();
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}

#[test]
fn an_index_that_somebody_else_is_building_is_left_alone() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    // A writer that stays open: a concurrent build waits for it, its index INVALID meanwhile.
    let mut writer = database.client();
    writer.exec("BEGIN; INSERT INTO big VALUES (0, 'open')");
    std::thread::scope(|scope| {
        let theirs =
            scope.spawn(|| database.client().try_rows("CREATE INDEX CONCURRENTLY big_hash ON big (hash)"));
        eventually("somebody else's index is there", || (is_valid(&database) == Some(false)).then_some(()));
        let files = Migrations::of(&[("1_index.sql", BUILD)]);
        let run = migrate(&database, &files).output().exits(Exit::MigrationFailed);
        assert!(run.stderr.contains("big_hash"), "the index is named: {run}");
        assert_eq!(is_valid(&database), Some(false), "it is still there");
        writer.exec("COMMIT");
        theirs.join().expect("their thread").expect("their build succeeds");
    });
    assert_eq!(is_valid(&database), Some(true));
}
