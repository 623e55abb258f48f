//! Replicas that wait for a holder which fails, or loses its connection, find out as one.

use castoff::exit::Exit;

use super::{FIRST, SECOND, files};
use crate::harness::{Database, Engine, Finished, Gate, PrismaState, Run, Running, heavy};

/// A replica that migrates and stands before the gate, and those that came meanwhile.
fn waiting_herd(run: &Run, gate: &mut Gate, size: usize) -> Vec<Running> {
    let first = run.spawn();
    gate.visitor();
    let mut replicas: Vec<Running> = (1..size).map(|_| run.spawn()).collect();
    for replica in &mut replicas {
        replica.until("lock.waiting");
    }
    replicas.push(first);
    replicas
}

fn collect(replicas: Vec<Running>) -> Vec<Finished> {
    replicas.into_iter().map(Running::wait).collect()
}

#[test]
fn replicas_wait_for_a_holder_that_has_lost_its_connection() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = files(&["CREATE TABLE a (id INT);\n", &format!("{}INSERT INTO a VALUES (1);\n", gate.sql())]);
    let run = Run::start(&database, &files, ["/bin/echo", "started"]);
    let replicas = waiting_herd(&run, &mut gate, 5);
    gate.end_visitor();
    gate.open();
    for replica in collect(replicas) {
        assert_eq!((replica.code, replica.stdout.as_str()), (0, "started\n"), "{replica}");
    }
    assert_eq!(database.one("SELECT count(*) FROM a"), "1");
    assert_eq!(database.prisma_applied(), [FIRST, SECOND]);
}

fn one_failure_is_one_failure(engine: Engine, prepare: &str, count: &str) {
    let _alone = heavy();
    let Some(database) = Database::on(engine) else { return };
    let mut gate = Gate::closed(&database);
    database.exec(&prepare.replace("app_role", &database.name()));
    let bad = format!("{count}\n{}INSERT INTO nowhere VALUES (1);\n", gate.sql());
    let files = files(&["SELECT 1;\n", &bad]);
    let run = Run::start(&database, &files, ["/bin/echo", "started"]).option(["--format", "prisma"]);
    // The history is there before the table of executions is in the way of creating it.
    Run::new(["resolve", "--applied", FIRST]).database(&database).migrations(&files).output().succeeds();
    let replicas = waiting_herd(&run, &mut gate, 8);
    gate.open();
    for replica in collect(replicas) {
        let replica = replica.exits(Exit::MigrationFailed);
        assert_eq!(replica.stdout, "", "{replica}");
        assert!(replica.field("exit", "reason").contains(SECOND), "{replica}");
        assert!(!replica.field("exit", "hint").is_empty(), "{replica}");
    }
    let rows = database.prisma_history();
    assert_eq!((rows.len(), rows[1].state()), (2, PrismaState::Unfinished), "one try: {rows:?}");
    let executions = if engine == Engine::Postgres {
        database.one("SELECT last_value FROM executions")
    } else {
        database.one("SELECT count(*) FROM executions")
    };
    assert_eq!(executions, "1");
    // Who comes later finds a failure of the past.
    Run::migrate(&database, &files).output().exits(Exit::Data).says(SECOND);
}

#[test]
fn one_failure_of_eight_replicas_is_one_failure_on_postgresql() {
    one_failure_is_one_failure(
        Engine::Postgres,
        "CREATE SEQUENCE executions; ALTER SEQUENCE executions OWNER TO app_role",
        "SELECT nextval('executions');",
    );
}

#[test]
fn one_failure_of_eight_replicas_is_one_failure_on_mariadb() {
    one_failure_is_one_failure(
        Engine::MySql,
        "CREATE TABLE executions (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE = Aria",
        "INSERT INTO executions VALUES ();",
    );
}
