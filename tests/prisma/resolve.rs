//! `castoff resolve`: the history as `prisma migrate resolve` would leave it, under the lock.

use castoff::exit::Exit;

use super::failures::{failing, is_blocked};
use super::{FIRST, SECOND, THIRD, file, files, states, status, three};
use crate::harness::{
    Database, Engine, Finished, Gate, Migrations, PrismaState, Run, eventually, on_every_engine,
};

on_every_engine!(
    a_failure_rolled_back_runs_again,
    a_failure_finished_by_hand_is_applied,
    tables_without_a_history_are_baselined_migration_by_migration,
    what_cannot_be_true_is_refused,
);

fn resolve(database: &Database, how: &str, id: &str, files: &Migrations) -> Finished {
    Run::new(["resolve", how, id]).database(database).migrations(files).output()
}

fn a_failure_rolled_back_runs_again(database: &Database) {
    let files = failing();
    Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    let logs = database.prisma_history()[1].logs.clone();
    // What a person does who answers "rolled back".
    database.exec("DROP TABLE IF EXISTS b");
    resolve(database, "--rolled-back", SECOND, &files).succeeds();
    assert_eq!(states(database), [PrismaState::Applied, PrismaState::RolledBack]);
    assert_eq!(database.prisma_history()[1].logs, logs, "nothing else is touched");
    assert_eq!(status(database, &files, 82)["state"], "pending");

    // Once more is no mistake, and writes nothing.
    let before = database.prisma_history();
    resolve(database, "--rolled-back", SECOND, &files).succeeds();
    assert_eq!(database.prisma_history(), before);

    files.write(&file(SECOND), "CREATE TABLE b (id INT);\n");
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), [SECOND, THIRD]);
    assert_eq!(database.prisma_applied(), [FIRST, SECOND, THIRD]);
    assert_eq!(database.prisma_history().len(), 4);
    assert_eq!(status(database, &files, 0)["state"], "up-to-date");
}

fn a_failure_finished_by_hand_is_applied(database: &Database) {
    let files = failing();
    Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    let checksum = database.prisma_history()[1].checksum.clone();
    resolve(database, "--applied", SECOND, &files).succeeds();
    assert_eq!(states(database), [PrismaState::Applied, PrismaState::RolledBack, PrismaState::Applied]);
    let row = &database.prisma_history()[2];
    row.assert_id();
    assert_eq!(row.finished_at.as_ref(), Some(&row.started_at), "one moment");
    let rest = (row.name.as_str(), row.logs.as_deref(), row.steps.as_str());
    assert_eq!((rest, &row.checksum), ((SECOND, Some(""), "0"), &checksum));

    assert_eq!(status(database, &files, 82)["state"], "pending", "the third one");
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), [THIRD]);
    assert_eq!(status(database, &files, 0)["state"], "up-to-date");
}

fn tables_without_a_history_are_baselined_migration_by_migration(database: &Database) {
    let files = three();
    // As the first two would have left them.
    database.exec("CREATE TABLE t (id INT)");
    database.exec("CREATE TABLE u (id INT, note VARCHAR(100))");
    if database.engine() == Engine::Postgres {
        database.exec(&format!("ALTER TABLE t OWNER TO {0}; ALTER TABLE u OWNER TO {0}", database.name()));
    }
    let guessed = Run::migrate(database, &files).output().exits(Exit::Usage);
    assert!(guessed.field("exit", "hint").contains("resolve --applied"), "{guessed}");
    let refused = Run::migrate(database, &files).option(["--format", "prisma"]).output().exits(Exit::Data);
    assert!(refused.field("exit", "hint").contains("castoff resolve --applied"), "{refused}");
    assert!(!database.has_table("_prisma_migrations"), "nothing is written");

    resolve(database, "--applied", FIRST, &files).succeeds();
    resolve(database, "--applied", SECOND, &files).succeeds();
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), [THIRD]);
    assert_eq!(database.prisma_applied(), [FIRST, SECOND, THIRD]);
}

fn what_cannot_be_true_is_refused(database: &Database) {
    let files = failing();
    // Before there is a history.
    resolve(database, "--rolled-back", FIRST, &files).exits(Exit::Data).says(FIRST);
    assert!(!database.has_table("_prisma_migrations"));
    Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    let before = database.prisma_history();
    for (how, id) in [
        ("--applied", FIRST),
        ("--applied", "20240101000000_nowhere"),
        ("--rolled-back", FIRST),
        ("--rolled-back", THIRD),
        ("--rolled-back", "20240101000000_nowhere"),
    ] {
        let run = resolve(database, how, id, &files).exits(Exit::Data).says(id);
        assert!(!run.field("exit", "hint").is_empty(), "{run}");
    }
    std::fs::remove_file(files.path().join(file(THIRD))).expect("the file");
    resolve(database, "--applied", THIRD, &files).exits(Exit::Data).says(THIRD);
    assert_eq!(database.prisma_history(), before);
    is_blocked(database, &files);
}

#[test]
fn it_says_what_it_needs_to_know() {
    let database = Database::sqlite();
    let run = |args: &[&str]| Run::new(args).database(&database).migrations(&three()).output();
    run(&["resolve"]).exits(Exit::Usage).says("--applied").says("--rolled-back");
    run(&["resolve", "--applied", FIRST, "--rolled-back", SECOND]).exits(Exit::Usage);
    run(&["resolve", "--applied"]).exits(Exit::Usage);
    assert!(!database.has_table("_prisma_migrations"));
}

#[test]
fn it_waits_for_whoever_migrates() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = files(&["CREATE TABLE a (id INT);\n", &gate.sql()]);
    let holder = Run::migrate(&database, &files).spawn();
    gate.visitor();
    // Not even what looks like a failure is touched while somebody is at it.
    let mut waiting =
        Run::new(["resolve", "--rolled-back", SECOND]).database(&database).migrations(&files).spawn();
    waiting.until("lock.waiting");
    assert_eq!(status(&database, &files, 82)["state"], "migrating");
    gate.open();
    holder.wait().succeeds();
    waiting.wait().exits(Exit::Data);
    assert_eq!(states(&database), [PrismaState::Applied, PrismaState::Applied]);
}

/// It may simply be tried again: no migration has failed.
#[test]
fn a_connection_lost_before_anything_was_recorded_is_no_failure() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = failing();
    Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let mut other = database.client();
    other.exec("BEGIN; UPDATE _prisma_migrations SET logs = logs");
    let resolving =
        Run::new(["resolve", "--rolled-back", SECOND]).database(&database).migrations(&files).spawn();
    eventually("its connection is ended where it waits", || {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND application_name LIKE 'castoff/%' AND datname = current_database()";
        (database.one(sql) == "1").then_some(())
    });
    resolving.wait().exits(Exit::Unavailable).says("run it again");
    other.exec("ROLLBACK");
    is_blocked(&database, &files);
}
