//! The command and the lock: one at a time, one failure once, a pooler refused, and a lock that is lost.

use std::time::Duration;

use castoff::exit::Exit;

use crate::harness::{
    Database, Engine, Finished, Migrations, PgBouncer, Running, Scratch, eventually, heavy, keys,
    on_every_engine,
};

use super::{Applied, applies, with};

#[test]
fn twenty_replicas_run_it_once_where_the_history_can_be_read() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    let run = applied.run(&database);
    let replicas: Vec<Running> = (0..20).map(|_| run.spawn()).collect();
    let replicas: Vec<Finished> =
        replicas.into_iter().map(|replica| replica.wait_within(Duration::from_mins(3))).collect();
    for replica in &replicas {
        assert_eq!((replica.code, replica.stdout.as_str()), (0, "started\n"), "{replica}");
    }
    assert_eq!(applied.runs(), 1);
    assert_eq!(replicas.iter().filter(|replica| !replica.events("migrate.done").is_empty()).count(), 1);
}

on_every_engine!(where_nothing_is_known_they_run_it_one_after_another, one_failure_is_one_failure);

fn where_nothing_is_known_they_run_it_one_after_another(database: &Database) {
    let home = Scratch::new("turns");
    let directory = home.path().display();
    let line = format!(
        "mkdir {directory}/busy || exit 9; echo run >>{directory}/runs; sleep 0.2; rmdir {directory}/busy"
    );
    let run = with(database, &line);
    let replicas: Vec<Running> = (0..4).map(|_| run.spawn()).collect();
    for replica in replicas {
        replica.wait().succeeds();
    }
    let runs = std::fs::read_to_string(home.path().join("runs")).expect("it ran");
    assert_eq!(runs.lines().count(), 4);
}

fn one_failure_is_one_failure(database: &Database) {
    let home = Scratch::new("fails");
    let directory = home.path().display();
    let line =
        format!("echo run >>{directory}/runs; until test -e {directory}/go; do sleep 0.02; done; exit 4");
    let run = with(database, &line);
    let mut first = run.spawn();
    first.until("migrate.start");
    let mut others: Vec<Running> = (0..3).map(|_| run.spawn()).collect();
    for other in &mut others {
        other.until("lock.waiting");
    }
    // Another command's failure is none of theirs.
    let mut different = with(database, "exit 0").spawn();
    different.until("lock.waiting");
    home.write("go", "");
    first.wait().exits(Exit::MigrationFailed).says("ended with code 4");
    for other in others {
        let other = other.wait().exits(Exit::MigrationFailed);
        assert!(other.field("exit", "reason").contains("has just failed in another replica"), "{other}");
        assert!(other.events("migrate.start").is_empty(), "{other}");
    }
    different.wait().succeeds();
    let runs = std::fs::read_to_string(home.path().join("runs")).expect("it ran");
    assert_eq!(runs, "run\n");
}

/// What it has applied before it failed is pending no longer, and still it is the same failure.
#[test]
fn a_failure_half_way_is_one_failure_as_well() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    let first = Migrations::of(&[("1_a.sql", "CREATE TABLE a (id INT)")]);
    let home = applied.home.path();
    let line = format!(
        "{}; until test -e {}/go; do sleep 0.02; done; exit 4",
        applies(first.path(), &home.join("runs")),
        home.display()
    );
    let run = with(&database, &line).migrations(&applied.files);
    let mut failing = run.spawn();
    failing.until("migrate.start");
    let mut other = run.spawn();
    other.until("lock.waiting");
    eventually("the first is applied", || (database.versions() == [1]).then_some(()));
    applied.home.write("go", "");
    failing.wait().exits(Exit::MigrationFailed).says("ended with code 4");
    other.wait().exits(Exit::MigrationFailed).says("has just failed in another replica");
    assert_eq!(applied.runs(), 1);
}

#[test]
fn the_tool_s_own_lock_is_left_to_the_tool() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let name = database.name();
    let take = format!("psql -AtXc 'SELECT pg_try_advisory_lock({})'", keys::sqlx(&name));
    let held = "psql -AtXc \"SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE granted \
                AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())\"";
    let locks = format!("{take}; {held}");
    let applied = Applied::new();
    let with_files = with(&database, &format!("{}; {locks}", applied.line)).migrations(&applied.files);
    let nothing_known = with(&database, &locks);
    let table_known = nothing_known.clone().option(["--history-table", "django_migrations"]);
    for (run, table) in
        [(with_files, "_sqlx_migrations"), (nothing_known, ""), (table_known, "django_migrations")]
    {
        let run = run.output().succeeds();
        assert_eq!(run.stdout, format!("t\n{}\nstarted\n", keys::own(&name, "public", table)));
    }
}

#[test]
fn through_a_transaction_pooler_it_does_not_run() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "") else { return };
    let home = Scratch::new("pooled");
    let line = format!("touch {}/ran", home.path().display());
    let run = with(&database, &line).env("DATABASE_URL", pooler.url(&database)).output().exits(Exit::Refused);
    assert!(run.field("exit", "hint").contains("CASTOFF_DATABASE_URL"), "{run}");
    assert!(!home.path().join("ran").exists());
}

/// Ends castoff's own session, which holds the lock.
fn end_the_session(database: &Database) {
    if database.engine() == Engine::Postgres {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE application_name LIKE 'castoff/%' AND datname = current_database()";
        assert_eq!(database.one(sql), "1");
        return;
    }
    let sql = format!("SELECT id FROM information_schema.processlist WHERE user = '{}'", database.name());
    let id = database.one(&sql);
    database.exec(&format!("KILL CONNECTION {id}"));
}

/// Whether the process with this id is there.
fn runs(pid: &str) -> bool {
    std::path::Path::new("/proc").join(pid).exists()
}

#[test]
fn a_lock_that_is_lost_ends_the_command() {
    for (engine, trap) in [(Engine::Postgres, ""), (Engine::Postgres, "trap '' TERM; "), (Engine::MySql, "")]
    {
        let Some(database) = Database::on(engine) else { return };
        let line = format!("{trap}echo pid $$ >&2; while :; do sleep 0.1; done");
        let mut running = with(&database, &line).spawn();
        let pid = running.until_line("its pid", |line| line.strip_prefix("pid ").map(str::to_owned));
        assert!(runs(&pid));
        end_the_session(&database);
        let run = running.wait().exits(Exit::OutcomeUnknown);
        assert!(run.field("exit", "reason").contains("the lock was lost while the migrate command"), "{run}");
        assert!(run.stdout.is_empty(), "{run}");
        eventually("the command has ended", || (!runs(&pid)).then_some(()));
    }
}

#[test]
fn after_a_lost_lock_the_history_tells_where_it_can() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    let line = format!("{}; echo applied >&2; while :; do sleep 0.1; done", applied.line);
    let mut running = with(&database, &line).migrations(&applied.files).spawn();
    running.until_line("applied", |line| (line == "applied").then_some(()));
    end_the_session(&database);
    assert_eq!(running.wait().succeeds().stdout, "started\n");
    // And where it says that something is missing, nobody knows how far the command got.
    applied.files.write("3_c.sql", "CREATE TABLE c (id INT)");
    let line = "echo working >&2; while :; do sleep 0.1; done";
    let mut running = with(&database, line).migrations(&applied.files).spawn();
    running.until_line("working", |line| (line == "working").then_some(()));
    end_the_session(&database);
    let run = running.wait().exits(Exit::OutcomeUnknown);
    assert_eq!(run.events("migrate.start").len(), 1, "it is not run again: {run}");
}
