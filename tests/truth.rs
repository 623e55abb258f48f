//! What castoff says of a failure is what the database shows, and nothing is run twice.

use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Migrations, Proxy, Run, eventually};

const BATCHES: &str = "-- no-transaction
DO $$ BEGIN
  FOR batch IN 1..5 LOOP
    INSERT INTO done VALUES (batch);
    COMMIT;
    IF batch = 3 THEN RAISE EXCEPTION 'batch 3'; END IF;
    PERFORM pg_sleep(0.2);
  END LOOP;
END $$;
";

fn sleeping(database: &Database) {
    eventually("a statement sleeps", || {
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        (database.one(sleeping) != "0").then_some(())
    });
}

#[test]
fn a_block_that_commits_inside_is_not_rolled_back_when_it_fails() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "CREATE TABLE done (batch INT);"), ("2_b.sql", BATCHES)]);
    let finished = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(database.one("SELECT count(*) FROM done"), "3");
    assert!(!finished.stderr.contains("it was rolled back"), "three batches stayed: {finished}");
    assert_eq!(database.history().len(), 2, "its mark stays and blocks the next run");
}

#[test]
fn a_block_that_commits_inside_is_not_rolled_back_when_it_is_stopped() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "CREATE TABLE done (batch INT);"), ("2_b.sql", BATCHES)]);
    let mut running = Run::migrate(&database, &files).option(["--stop-grace", "10ms"]).spawn();
    sleeping(&database);
    running.signal(Signal::SIGTERM);
    let finished = running.wait().exits(Exit::Signal(15));
    assert!(!finished.stderr.contains("rolled back"), "a batch stayed: {finished}");
    assert_eq!(database.history().len(), 2, "its mark stays and blocks the next run");
}

#[test]
fn a_script_with_its_own_commit_is_not_said_to_be_rolled_back_when_it_is_stopped() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "CREATE TABLE a (i INT); COMMIT; SELECT pg_sleep(30);")]);
    let mut running = Run::migrate(&database, &files).option(["--stop-grace", "10ms"]).spawn();
    sleeping(&database);
    running.signal(Signal::SIGTERM);
    let finished = running.wait().exits(Exit::Signal(15));
    assert!(database.has_table("a"));
    assert!(!finished.stderr.contains("rolled back"), "table a stayed: {finished}");
}

#[test]
fn a_script_with_its_own_commit_is_not_run_again_after_a_lost_connection() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let sql =
        "CREATE TABLE IF NOT EXISTS paid (i INT); INSERT INTO paid VALUES (1); COMMIT; SELECT pg_sleep(2);";
    let running = Run::migrate(&database, &Migrations::of(&[("1_a.sql", sql)])).spawn();
    sleeping(&database);
    database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    );
    let finished = running.wait();
    assert_eq!(database.one("SELECT count(*) FROM paid"), "1", "paid twice: {finished}");
    finished.exits(Exit::OutcomeUnknown);
}

#[test]
fn an_own_session_that_lives_on_behind_a_broken_network_is_an_unknown_outcome() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    let files = Migrations::of(&[("1_a.sql", "SELECT pg_sleep(4);")]);
    let run = Run::migrate(&database, &files).option(["--lock-timeout", "1s"]);
    let running = run.env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port())).spawn();
    sleeping(&database);
    proxy.cut_clients();
    running.wait_within(Duration::from_secs(20)).exits(Exit::OutcomeUnknown);
}

#[test]
fn a_statement_that_was_not_ready_yet_is_no_verdict_on_the_history() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    database.exec(&format!("ALTER ROLE {} SET lock_timeout = '200ms'", database.name()));
    let mut blocker = database.client();
    blocker.exec("BEGIN");
    blocker.exec("LOCK TABLE _sqlx_migrations");
    let mut running = Run::migrate(&database, &files).spawn();
    running.until("wait.retry");
    blocker.exec("ROLLBACK");
    running.wait().succeeds();
}
