//! What a killed castoff's command left on the server is found by its name and waited for.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Run, Scratch};

use super::{Applied, with};

/// The application name that castoff gives this run's command.
fn name_of_the_command(database: &Database, run: &Run) -> String {
    let home = Scratch::new("name");
    let line = format!("printf %s \"$PGAPPNAME\" >{}/name; exit 1", home.path().display());
    let run = run.clone().env("CASTOFF_MIGRATE_COMMAND", super::script(&line));
    run.output().exits(Exit::MigrationFailed);
    let name = std::fs::read_to_string(home.path().join("name")).expect("it ran");
    assert!(name.len() <= 63 && name.starts_with("castoff command "), "{name}");
    assert_eq!(database.one(&format!("SELECT '{name}'::name = '{name}'")), "t");
    name
}

#[test]
fn a_session_that_is_left_is_said_and_waited_for() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = with(&database, "exit 0");
    let name = name_of_the_command(&database, &run);
    let mut left = database.client();
    // Another pod's name is another pod's, and the lock is the same.
    let (lock, _) = name.split_at("castoff command ".len() + 16);
    left.exec(&format!("SET application_name = '{lock} another-pod'"));
    let pid = left.one("SELECT pg_backend_pid()");
    let mut running = run.spawn();
    let waiting = running.until("lock.waiting");
    assert_eq!(waiting["holder"]["application_name"], format!("{lock} another-pod"));
    assert_eq!(waiting["holder"]["pid"].to_string(), pid);
    assert!(!running.has_logged("migrate.start"));
    drop(left);
    let run = running.wait().succeeds();
    assert_eq!((run.stdout.as_str(), run.events("lock.waiting").len()), ("started\n", 1), "{run}");
}

#[test]
fn it_is_waited_for_no_longer_than_for_the_lock() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = with(&database, "exit 0");
    let name = name_of_the_command(&database, &run);
    let mut left = database.client();
    left.exec(&format!("SET application_name = '{name}'"));
    let pid = left.one("SELECT pg_backend_pid()");
    let run = run.option(["--lock-timeout", "600ms"]).output().exits(Exit::LockTimeout);
    assert!(run.field("exit", "reason").contains(&pid), "{run}");
    assert!(run.field("exit", "hint").contains(&format!("pg_terminate_backend({pid})")), "{run}");
}

#[test]
fn another_lock_s_remains_are_nobody_s_concern() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut left = database.client();
    left.exec("SET application_name = 'castoff command 0000000000000000 pod'");
    with(&database, "exit 0").output().succeeds();
}

#[test]
fn castoff_s_own_migrations_wait_for_it_as_well() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    let name = name_of_the_command(&database, &applied.run(&database));
    let mut left = database.client();
    left.exec(&format!("SET application_name = '{name}'"));
    let mut running = Run::migrate(&database, &applied.files).spawn();
    running.until("lock.waiting");
    assert!(!running.has_logged("migrate.start"));
    drop(left);
    running.wait().succeeds();
    assert_eq!(database.versions(), [1, 2]);
}
