//! `--mode await`: others apply what is pending.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::*;
use crate::lock::{gated, hold_own_lock, migrating};

on_every_engine!(
    it_starts_when_others_have_applied_everything,
    who_may_only_read_can_wait,
    what_nobody_applies_is_named_at_the_end,
    a_failure_that_stays_is_told_soon,
    a_signal_ends_the_wait_at_once,
);

fn it_starts_when_others_have_applied_everything(database: &Database) {
    let files = Migrations::three();
    let mut waiting = start(database, &files, "await").spawn();
    let said = waiting.until("lock.waiting");
    assert!(said["holder"].is_null(), "{said}");
    assert!(
        said["message"].as_str().is_some_and(|text| text.contains("3 migrations are pending: 1, ")),
        "{said}"
    );
    assert!(!waiting.has_logged("exec"));
    let applied = Run::migrate(database, &files).output().succeeds();
    assert_eq!(applied.applied().len(), 3, "the lock was free: {applied}");
    let run = only_looked(waiting.wait());
    run.event("migrate.none");
    only_looked(start(database, &files, "await").output());
}

fn who_may_only_read_can_wait(database: &Database) {
    let files = Migrations::three();
    let mut waiting = start(database, &files, "await").env("DATABASE_URL", reader(database)).spawn();
    waiting.until("lock.waiting");
    Run::migrate(database, &files).output().succeeds();
    only_looked(waiting.wait());
}

fn what_nobody_applies_is_named_at_the_end(database: &Database) {
    let files = Migrations::three();
    let run = start(database, &files, "await").option(["--lock-timeout", "700ms"]);
    let ended = ends(run.output(), Exit::Pending, "3 migrations are pending: 1, 20250102030405");
    assert!(ended.elapsed >= Duration::from_millis(700), "{ended}");
    ended.event("lock.waiting");
    for limit in ["100ms", "400ms", "500ms", "600ms"] {
        // A last look that the limit left no time for is no trouble of the server's.
        let ended = ends(
            start(database, &files, "await").option(["--lock-timeout", limit]).output(),
            Exit::Pending,
            "",
        );
        assert!(ended.events("wait.retry").is_empty(), "{ended}");
    }
    let held = hold_own_lock(database);
    ends(run.output(), Exit::Pending, "is at it");
    drop(held);
    assert!(!database.has_table("_sqlx_migrations"));
}

/// Nobody is at it, so that a mark is no sign of work any more once its holder has had the time to come back.
fn a_failure_that_stays_is_told_soon(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 20250203040506");
    let run = ends(start(database, &files, "await").output(), Exit::Data, "20250203040506 was begun earlier");
    assert!(run.elapsed >= Duration::from_secs(3), "{run}");
    // Drift is no work of anybody's.
    database.exec("UPDATE _sqlx_migrations SET success = true");
    files.write("1_users.sql", "SELECT 1;\n");
    let held = hold_own_lock(database);
    ends(start(database, &files, "await").output(), Exit::Data, "1_users.sql changed after it was applied");
    drop(held);
}

fn a_signal_ends_the_wait_at_once(database: &Database) {
    let files = Migrations::three();
    let mut waiting = start(database, &files, "await").pid1().spawn();
    waiting.until("lock.waiting");
    waiting.signal(Signal::SIGTERM);
    let run = waiting.wait().exits_with(143);
    assert_eq!((run.event("signal")["phase"].as_str(), run.stdout.as_str()), (Some("lock"), ""), "{run}");
}

#[test]
fn the_process_that_applies_them_is_named_and_its_failure_is_everybody_s() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { return };
        let (files, mut gate) = gated(&database);
        files.write("30000101000000_slow.sql", format!("{}INSERT INTO nowhere VALUES (1);\n", gate.sql()));
        let holder = migrating(&Run::migrate(&database, &files));
        gate.visitor();
        let mut waiting: Vec<_> = (0..3).map(|_| start(&database, &files, "await").spawn()).collect();
        for waiter in &mut waiting {
            let said = waiter.until("lock.waiting");
            assert!(said["holder"]["pid"].is_number(), "{said}");
        }
        gate.open();
        holder.wait().exits(Exit::MigrationFailed);
        for waiter in waiting {
            let run = ends(waiter.wait(), Exit::MigrationFailed, "30000101000000");
            assert_eq!(run.events("lock.waiting").len(), 1, "the holder has not changed: {run}");
        }
    }
}

#[test]
fn what_prisma_records_of_a_failure_is_told_at_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files =
        Migrations::of(&[("20250101000000_first/migration.sql", "INSERT INTO nowhere VALUES (1);\n")]);
    Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let run = ends(start(&database, &files, "await").output(), Exit::Data, "20250101000000_first was begun");
    assert!(run.elapsed < Duration::from_secs(3), "{run}");
    database.exec("UPDATE _prisma_migrations SET logs = NULL");
    let held = hold_own_lock_of_prisma(&database);
    let run = start(&database, &files, "await").option(["--lock-timeout", "4s"]).output();
    ends(run, Exit::Pending, "20250101000000_first is being applied");
    drop(held);
}

/// The tool itself at work, as far as anybody can see.
fn hold_own_lock_of_prisma(database: &Database) -> crate::harness::Client {
    let mut client = database.client();
    client.exec("SELECT pg_advisory_lock(72707369)");
    client
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let Some(server) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&server);
    let files = Migrations::three();
    let mut waiting = start(&database, &files, "await").spawn();
    waiting.until("lock.waiting");
    server.stop(Signal::SIGINT);
    waiting.until("wait.retry");
    server.start();
    Run::migrate(&database, &files).output().succeeds();
    only_looked(waiting.wait());
}

#[test]
fn a_waiter_that_only_looks_holds_nothing_on_the_server() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let mut waiting = start(&database, &files, "await").spawn();
    waiting.until("lock.waiting");
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND state = 'idle' AND backend_xmin IS NULL",
        database.name()
    );
    eventually("it is between two looks", || (database.one(&sessions) == "1").then_some(()));
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(database.one(held), "0");
    drop(waiting);
}

/// Alembic's own process is started by whoever migrates; the waiter reads the files and needs no Python.
#[test]
fn the_heads_that_somebody_else_s_alembic_leaves_end_the_wait() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let project = crate::alembic::project();
    ends(start(&database, &project, "verify").output(), Exit::Pending, "4 migrations are pending: aaaa");
    let mut waiting = start(&database, &project, "await").spawn();
    waiting.until("lock.waiting");
    crate::alembic::stamp(&database, &["dddd"]);
    only_looked(waiting.wait());
    only_looked(start(&database, &project, "verify").output());
}

/// One environment for all services: whoever migrates creates the database, the others wait for that too.
#[test]
fn a_database_that_others_create_is_waited_for() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let name = format!("{}_new", database.name());
    let url = format!("{}_new", database.url());
    database.exec(&format!("ALTER ROLE {} CREATEDB", database.name()));
    let missing = start(&database, &files, "await").env("DATABASE_URL", &url);
    missing.output().exits(Exit::Refused).says("does not exist");
    let shared = |run: Run| run.env("DATABASE_URL", &url).env("CASTOFF_CREATE_DATABASE", "true");
    let mut waiting = shared(start(&database, &files, "await")).spawn();
    waiting.until("wait.retry");
    shared(Run::migrate(&database, &files)).output().succeeds();
    only_looked(waiting.wait());
    database.exec(&format!("DROP DATABASE {name}"));
}
