//! A lock and the work under it are lost together, and what became of them is read from the history.

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Finished, Gate, MariaDb, Migrations, Postgres, Proxy, Run, Running};
use crate::lock::{held_keys, migrating};

/// Two migrations of which the first stands before a gate, after work that would fail if it were done twice.
fn counted(gate: &Gate) -> Migrations {
    Migrations::of(&[
        (
            "30000101000000_gated.sql",
            &format!("CREATE TABLE ran (id INT PRIMARY KEY);\nINSERT INTO ran VALUES (1);\n{}", gate.sql()),
        ),
        ("30000101000001_after.sql", "INSERT INTO ran VALUES (2);\n"),
    ])
}

/// The same for an engine whose DDL commits: only what it can roll back.
fn counted_rows(database: &Database, gate: &Gate) -> Migrations {
    database.exec("CREATE TABLE ran (id INT PRIMARY KEY)");
    Migrations::of(&[
        ("30000101000000_gated.sql", &format!("INSERT INTO ran VALUES (1);\n{}", gate.sql())),
        ("30000101000001_after.sql", "INSERT INTO ran VALUES (2);\n"),
    ])
}

fn start(database: &Database, files: &Migrations) -> Run {
    Run::start(database, files, ["/bin/echo", "started"]).option(["--format", "sqlx"])
}

/// It noticed the loss once, did all the work once, and became the application.
fn recovered(run: &Finished, database: &Database) {
    assert_eq!((run.stdout.as_str(), run.events("connection.lost").len()), ("started\n", 1), "{run}");
    assert_eq!(run.applied(), ["30000101000000", "30000101000001"], "{run}");
    done_once(database);
}

fn done_once(database: &Database) {
    assert_eq!(database.one("SELECT count(*) FROM ran"), "2");
    assert_eq!(database.versions(), [30_000_101_000_000, 30_000_101_000_001]);
}

#[test]
fn a_session_ended_in_the_middle_is_opened_again_and_the_work_done_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let running = migrating(&start(&database, &files));
    let ended = gate.end_visitor();
    another_visitor(&mut gate, ended);
    assert!(!database.has_table("ran"), "what the ended session did is gone");
    assert_eq!(held_keys(&database).len(), 2, "both locks are held again");
    gate.open();
    recovered(&running.wait().succeeds(), &database);
    assert!(held_keys(&database).is_empty());
}

/// Waits for a session other than this one before the gate.
fn another_visitor(gate: &mut Gate, than: i64) {
    crate::harness::eventually("another session stands before the gate", || {
        (gate.visitor() != than).then_some(())
    });
}

#[test]
fn a_session_on_mariadb_ended_in_the_middle_is_opened_again_and_the_work_done_once() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted_rows(&database, &gate);
    let running = migrating(&start(&database, &files));
    let ended = gate.end_visitor();
    another_visitor(&mut gate, ended);
    assert_eq!(database.one("SELECT count(*) FROM ran"), "0", "what the ended session did is gone");
    gate.open();
    recovered(&running.wait().succeeds(), &database);
}

/// What DDL has committed cannot be taken back: the mark of sqlx stays, and says so to the next start.
#[test]
fn on_mariadb_what_was_committed_in_the_middle_is_not_run_again() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let running = migrating(&start(&database, &files));
    gate.end_visitor();
    let run = running.wait().exits(Exit::OutcomeUnknown);
    unknown(&run, &database);
    gate.open();
    start(&database, &files).output().exits(Exit::Data);
    assert_eq!(database.one("SELECT count(*) FROM ran"), "1");
}

/// It did not become the application, says what to look at, and the history holds the mark.
fn unknown(run: &Finished, database: &Database) {
    assert_eq!(run.stdout, "", "{run}");
    let (reason, hint) = (run.field("exit", "reason"), run.field("exit", "hint"));
    assert!(reason.contains("30000101000000") && reason.contains("_sqlx_migrations"), "{run}");
    assert!(hint.contains("castoff resolve --rolled-back 30000101000000"), "{run}");
    let history = database.history();
    assert_eq!(
        history.iter().map(|row| (row.version, row.success)).collect::<Vec<_>>(),
        [(30_000_101_000_000, false)]
    );
}

#[test]
fn a_session_that_ends_at_the_same_migration_twice_is_a_failed_migration() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let running = migrating(&start(&database, &files));
    let ended = gate.end_visitor();
    another_visitor(&mut gate, ended);
    gate.end_visitor();
    let run = running.wait().exits(Exit::MigrationFailed);
    assert!(run.stdout.is_empty() && run.stderr.contains("twice"), "{run}");
    assert_eq!((database.history(), held_keys(&database)), (vec![], vec![]));
    gate.open();
    assert_eq!(start(&database, &files).output().succeeds().applied().len(), 2);
}

#[test]
fn with_a_replica_waiting_the_work_of_an_ended_session_is_done_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let holder = migrating(&start(&database, &files));
    let mut waiter = start(&database, &files).spawn();
    waiter.until("lock.waiting");
    let ended = gate.end_visitor();
    another_visitor(&mut gate, ended);
    gate.open();
    let replicas = [holder.wait().succeeds(), waiter.wait().succeeds()];
    assert!(replicas.iter().all(|replica| replica.stdout == "started\n"));
    assert_eq!(replicas.iter().map(|replica| replica.applied().len()).sum::<usize>(), 2);
    done_once(&database);
}

#[test]
fn a_waiter_whose_session_is_ended_waits_on() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let holder = migrating(&start(&database, &files));
    let mut waiter = start(&database, &files).spawn();
    waiter.until("lock.waiting");
    let working = gate.visitor();
    let ended = database.rows(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_database() AND pid <> {working}"
    ));
    assert!(!ended.is_empty(), "the waiter's session is ended");
    let back = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database() AND pid <> {working}"
    );
    crate::harness::eventually("the waiter is back", || (database.one(&back) != "0").then_some(()));
    gate.open();
    holder.wait().succeeds();
    assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    done_once(&database);
}

/// A castoff that migrates on a server of its own, with a gate that goes down with the server.
fn on_a_server_that_can_crash(
    script: &str,
) -> Option<(std::sync::Arc<Postgres>, Database, Migrations, Running)> {
    // A mark that is committed has to survive the crash.
    let server = Postgres::started(&[("synchronous_commit", "on")])?;
    let database = Database::on_postgres(&server);
    let mut gate = Gate::closed(&database);
    let files = Migrations::of(&[
        ("30000101000000_gated.sql", &format!("{script}{}", gate.sql())),
        ("30000101000001_after.sql", "INSERT INTO ran VALUES (2);\n"),
    ]);
    let run = start(&database, &files).option(["--wait-timeout", "30s"]);
    let running = migrating(&run);
    gate.visitor();
    server.crash();
    Some((server, database, files, running))
}

const WORK: &str = "CREATE TABLE ran (id INT PRIMARY KEY);\nINSERT INTO ran VALUES (1);\n";

#[test]
fn a_server_killed_in_the_middle_and_started_again_is_migrated_once() {
    let Some((server, database, _files, mut running)) = on_a_server_that_can_crash(WORK) else { return };
    running.until("connection.lost");
    running.until("wait.retry");
    server.start();
    recovered(&running.wait().succeeds(), &database);
}

#[test]
fn with_a_replica_waiting_a_killed_server_is_migrated_once() {
    let Some(server) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&server);
    let gate = Gate::closed(&database);
    let files = counted(&gate);
    let run = start(&database, &files);
    let mut holder = migrating(&run);
    let mut waiter = run.spawn();
    waiter.until("lock.waiting");
    server.crash();
    holder.until("wait.retry");
    server.start();
    let replicas = [holder.wait().succeeds(), waiter.wait().succeeds()];
    assert!(replicas.iter().all(|replica| replica.stdout == "started\n"));
    assert_eq!(replicas.iter().map(|replica| replica.applied().len()).sum::<usize>(), 2);
    done_once(&database);
}

#[test]
fn a_server_killed_inside_a_step_without_a_transaction_leaves_the_outcome_unknown() {
    let script = format!("-- no-transaction\n{WORK}");
    let Some((server, database, files, mut running)) = on_a_server_that_can_crash(&script) else { return };
    running.until("wait.retry");
    server.start();
    unknown(&running.wait().exits(Exit::OutcomeUnknown), &database);
    start(&database, &files).output().exits(Exit::Data);
}

#[test]
fn a_server_on_mariadb_killed_in_the_middle_and_started_again_is_migrated_once() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&[]);
    let database = Database::on_mariadb(&server);
    let mut gate = Gate::closed(&database);
    let files = counted_rows(&database, &gate);
    let mut running = migrating(&start(&database, &files));
    gate.visitor();
    server.stop(Signal::SIGKILL);
    running.until("connection.lost");
    running.until("wait.retry");
    server.start(&[]);
    recovered(&running.wait().succeeds(), &database);
}

#[test]
fn a_server_gone_for_good_in_the_middle_leaves_the_outcome_unknown() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let proxy = Proxy::before(database.port());
    let run = start(&database, &files)
        .env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
        .option(["--wait-timeout", "1s"]);
    let running = migrating(&run);
    gate.visitor();
    proxy.close();
    proxy.cut();
    let run = running.wait().exits(Exit::OutcomeUnknown);
    assert!(run.stdout.is_empty() && run.field("exit", "reason").contains("30000101000000"), "{run}");
    assert!(!run.field("exit", "hint").is_empty(), "{run}");
    gate.open();
}

#[test]
fn a_connection_cut_in_the_middle_is_opened_again_and_the_work_done_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = counted(&gate);
    let proxy = Proxy::before(database.port());
    let run = start(&database, &files).env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()));
    let mut running = migrating(&run);
    let orphan = gate.visitor();
    proxy.cut();
    running.until("connection.lost");
    // The orphan holds the locks until the server looks for its client.
    another_visitor(&mut gate, orphan);
    gate.open();
    recovered(&running.wait().succeeds(), &database);
}

/// Before the first write a lost server is waited for, and its absence is no riddle.
#[test]
fn a_server_gone_for_good_before_the_first_write_was_not_ready() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let held = super::hold_own_lock(&database);
    let proxy = Proxy::before(database.port());
    let files = Migrations::three();
    let mut running = Run::migrate(&database, &files)
        .env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
        .option(["--wait-timeout", "1s", "--lock-timeout", "4s"])
        .spawn();
    running.until("lock.waiting");
    proxy.close();
    proxy.cut();
    let run = running.wait();
    assert!(
        [Exit::Unavailable, Exit::LockTimeout].map(|exit| i32::from(exit.code())).contains(&run.code),
        "{run}"
    );
    assert!(!run.field("exit", "reason").contains("still held"), "nobody has seen the lock lately: {run}");
    drop(held);
}
