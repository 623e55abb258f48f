//! Whatever a script does to its session, and whatever the server becomes meanwhile, the invariants hold.

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Migrations, Run, eventually};

const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = \
                     (SELECT oid FROM pg_database WHERE datname = current_database())";

const SLEEPERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

fn sleeping(database: &Database) {
    eventually("a statement sleeps", || (database.one(SLEEPERS) != "0").then_some(()));
}

#[test]
fn no_migration_runs_unlocked_after_a_script_that_gave_every_lock_back() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for first in ["SELECT pg_advisory_unlock_all();", "-- no-transaction\nDISCARD ALL"] {
        database.exec("DROP TABLE IF EXISTS _sqlx_migrations");
        let files = Migrations::of(&[("1_a.sql", first), ("2_b.sql", "SELECT pg_sleep(3);")]);
        let running = Run::migrate(&database, &files).spawn();
        let mut held = None;
        eventually("the end, or the second migration", || {
            if database.one(SLEEPERS) != "0" {
                held = Some(database.one(LOCKS));
            }
            let done = database.has_table("_sqlx_migrations")
                && database.history().iter().any(|row| row.version == 2);
            (held.is_some() || done).then_some(())
        });
        drop(running.wait());
        assert_ne!(held.as_deref(), Some("0"), "the second migration ran without a lock after {first:?}");
    }
}

#[test]
fn a_script_that_resets_the_session_does_not_make_it_outlive_a_killed_castoff() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "RESET ALL;"), ("2_b.sql", "SELECT pg_sleep(20);")]);
    let mut running = Run::migrate(&database, &files).spawn();
    sleeping(&database);
    running.signal(Signal::SIGKILL);
    drop(running.wait());
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(database.one(SLEEPERS), "0");
}

#[test]
fn a_step_outside_a_transaction_does_not_inherit_an_emptied_search_path() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let dump = "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.t (i INT);";
    let index = "-- no-transaction\nCREATE INDEX CONCURRENTLY t_i ON t (i);";
    Run::migrate(&database, &Migrations::of(&[("1_a.sql", dump), ("2_b.sql", index)])).output().succeeds();
}

#[test]
fn a_waiter_whose_server_has_become_read_only_waits_for_one_that_takes_writes() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "SELECT pg_sleep(5);")]);
    let mut holder = Run::migrate(&database, &files).spawn();
    sleeping(&database);
    let mut waiter = Run::migrate(&database, &files).option(["--lock-timeout", "20s"]).spawn();
    waiter.until("lock.waiting");
    holder.signal(Signal::SIGKILL);
    database.exec(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    database.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND \
         application_name LIKE 'castoff/%'",
    );
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(!waiter.has_logged("migration.start"), "on a server that takes no writes");
    database
        .client()
        .try_rows(&format!(
            "SET transaction_read_only = off; ALTER DATABASE {} RESET default_transaction_read_only",
            database.name()
        ))
        .expect("the database takes writes again");
    waiter.wait().succeeds();
}

#[test]
fn a_waiter_asks_for_a_changed_password_again() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "SELECT pg_sleep(6);")]);
    let passwords = Migrations::of(&[("now", database.password())]);
    let url = format!("postgres://{0}@127.0.0.1:{1}/{0}", database.name(), database.port());
    let command = format!("cat {}", passwords.path().join("now").display());
    let run = Run::new(["migrate"]).migrations(&files).env("DATABASE_URL", url);
    let run = run.env("CASTOFF_DATABASE_PASSWORD_COMMAND", command).option(["--lock-timeout", "25s"]);
    let _holder = run.spawn();
    sleeping(&database);
    let mut waiter = run.spawn();
    waiter.until("lock.waiting");
    passwords.write("now", "another");
    database.exec(&format!("ALTER ROLE {} PASSWORD 'another'", database.name()));
    database.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND \
         application_name LIKE 'castoff/%' AND wait_event IS DISTINCT FROM 'PgSleep'",
    );
    waiter.wait().succeeds();
}

#[test]
fn a_question_mark_in_the_history_table_s_name_is_no_parameter() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = Run::migrate(&database, &Migrations::three()).option(["--history-table", "odd?name"]);
    run.output().succeeds();
    run.output().succeeds();
    assert!(database.has_table("\"odd?name\""));
}

#[test]
fn a_search_path_without_a_schema_is_said_in_words() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let url = format!("{}?search_path=nosuch", database.url());
    let run = Run::migrate(&database, &Migrations::three()).env("DATABASE_URL", url);
    let finished = run.output();
    assert!(!finished.stderr.contains("zero-length"), "{finished}");
    assert_ne!(finished.code, i32::from(Exit::MigrationFailed.code()), "no migration failed: {finished}");
}
