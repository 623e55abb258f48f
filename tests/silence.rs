//! A server that falls silent holds nobody: limits pass and signals are obeyed all the same.

use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Database, Engine, Migrations, Proxy, Run, Running, eventually};

const BOUND: Duration = Duration::from_secs(15);

/// A backend that is stopped, as on a machine that hangs; goes on when dropped.
struct Frozen(Pid);

impl Frozen {
    fn backend(database: &Database, condition: &str) -> Self {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'castoff/%' \
             AND {condition} ORDER BY backend_start DESC LIMIT 1"
        );
        let pid = eventually("the backend is there", || {
            let rows = database.rows(&sql);
            rows.first()?.first()?.as_ref()?.parse().ok()
        });
        kill(Pid::from_raw(pid), Signal::SIGSTOP).expect("a backend that can be stopped");
        Self(Pid::from_raw(pid))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

fn slow(database: &Database) -> (Migrations, Running) {
    let files = Migrations::of(&[("1_a.sql", "SELECT pg_sleep(20);")]);
    let mut running = Run::migrate(database, &files).spawn();
    running.until("migration.start");
    (files, running)
}

#[test]
fn the_lock_timeout_passes_while_a_poll_is_unanswered() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (files, _holder) = slow(&database);
    let mut waiter = Run::migrate(&database, &files).option(["--lock-timeout", "2s"]).spawn();
    waiter.until("lock.waiting");
    let _frozen = Frozen::backend(&database, "wait_event IS DISTINCT FROM 'PgSleep'");
    waiter.wait_within(BOUND).exits(Exit::LockTimeout);
}

#[test]
fn a_signal_ends_a_migration_whose_server_does_not_answer() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (_files, mut running) = slow(&database);
    let _frozen = Frozen::backend(&database, "wait_event = 'PgSleep'");
    running.signal(Signal::SIGTERM);
    running.wait_within(BOUND).exits(Exit::Signal(15));
}

#[test]
fn a_signal_ends_a_migration_that_cannot_be_cancelled_for_want_of_a_slot() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec(&format!("ALTER ROLE {} CONNECTION LIMIT 1", database.name()));
    let (_files, mut running) = slow(&database);
    eventually("it sleeps", || {
        (database.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") != "0")
            .then_some(())
    });
    running.signal(Signal::SIGTERM);
    running.wait_within(Duration::from_secs(5)).exits(Exit::Signal(15));
    eventually("nothing is left running", || {
        (database.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") == "0")
            .then_some(())
    });
}

#[test]
fn waiters_leave_the_application_room_within_its_role_s_connection_limit() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec(&format!("ALTER ROLE {} CONNECTION LIMIT 4", database.name()));
    let (files, _holder) = slow(&database);
    let waiters: Vec<_> = (0..6).map(|_| Run::migrate(&database, &files).spawn()).collect();
    eventually("every waiter has seen the lock, or the role's limit", || {
        let seen = |waiter: &Running| waiter.has_logged("lock.waiting") || waiter.has_logged("wait.retry");
        waiters.iter().all(seen).then_some(())
    });
    let application = Run::new(["wait"]).database(&database).option(["--wait-timeout", "3s"]).output();
    application.succeeds();
}

#[test]
fn a_signal_ends_castoff_while_the_history_table_cannot_be_created_yet() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut other = database.client();
    other.exec("BEGIN");
    other.exec("CREATE TABLE _sqlx_migrations (version BIGINT)");
    let mut running = Run::migrate(&database, &Migrations::three()).spawn();
    running.until("lock.acquired");
    eventually("it waits for the other", || {
        (database.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0")
            .then_some(())
    });
    running.signal(Signal::SIGTERM);
    running.wait_within(Duration::from_secs(5)).exits(Exit::Signal(15));
}

#[test]
fn a_lock_that_cannot_be_given_back_does_not_hold_the_application_back() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    proxy.silent_from("pg_advisory_unlock");
    let run = Run::migrate(&database, &Migrations::three());
    let running = run.env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port())).spawn();
    running.wait_within(BOUND).succeeds();
}

#[test]
fn a_signal_ends_status_whose_server_does_not_answer() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    database.exec("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 1");
    let proxy = Proxy::before(database.port());
    proxy.silent_from("pg_locks");
    let run = Run::new(["status"]).migrations(&files);
    let mut running = run.env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port())).spawn();
    running.until("wait.ready");
    running.signal(Signal::SIGTERM);
    running.wait_within(BOUND).exits(Exit::Signal(15));
}
