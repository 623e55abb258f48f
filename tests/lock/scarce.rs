//! A waiting fleet starves nobody: neither the server's other clients nor itself.

use std::sync::Arc;
use std::time::Duration;

use castoff::exit::Exit;

use crate::harness::{Client, Database, Engine, MariaDb, Postgres, Run, Running, eventually};
use crate::lock::{gated, migrating};

/// How many replicas wait.
const FLEET: usize = 8;

/// A server with five slots for ordinary roles.
fn small() -> Option<Arc<Postgres>> {
    Postgres::started(&[
        ("max_connections", "8"),
        ("superuser_reserved_connections", "3"),
        ("max_wal_senders", "0"),
    ])
}

/// A fleet that waits for one holder, each of it seen to wait.
fn waiting_fleet(run: &Run) -> Vec<Running> {
    let mut fleet: Vec<Running> = (0..FLEET).map(|_| run.spawn()).collect();
    for waiter in &mut fleet {
        waiter.until("lock.waiting");
    }
    fleet
}

/// Whether the application, an ordinary role, can connect now.
fn application_connects(database: &Database) -> bool {
    let run = Run::new(["wait", "--wait-timeout", "100ms", "--connect-timeout", "5s"]).database(database);
    run.output().code == 0
}

/// Castoff's sessions on the server, the holder's included.
fn sessions(database: &Database, client: &mut Client) -> usize {
    let sql = match database.engine() {
        Engine::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database()",
        _ => "SELECT count(*) FROM information_schema.processlist WHERE user = database()",
    };
    client.one(sql).parse().expect("a number")
}

/// In how many of a hundred looks, over a few seconds, less than this many slots were taken.
fn looks_with_a_slot(database: &Database, slots: usize) -> usize {
    let mut client = database.client();
    (0..100)
        .filter(|_| {
            std::thread::sleep(Duration::from_millis(20));
            sessions(database, &mut client) < slots
        })
        .count()
}

#[test]
fn waiters_keep_no_connection_while_slots_are_scarce() {
    let Some(server) = small() else { return };
    let database = Database::on_postgres(&server);
    let (files, gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    let fleet = waiting_fleet(&Run::start(&database, &files, ["/bin/echo", "started"]));
    leave_a_slot(&database, 5);
    eventually("the application's own connection", || application_connects(&database).then_some(()));
    gate.open();
    for waiter in fleet {
        assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    }
    assert_eq!(holder.wait().succeeds().applied().len(), 4);
}

/// Waiters look again once in a while, and not all at once; on a busy machine each look takes a while.
fn leave_a_slot(database: &Database, slots: usize) {
    let free = looks_with_a_slot(database, slots);
    assert!(free >= 50, "an ordinary role found a slot in {free} of 100 looks");
}

#[test]
fn waiters_keep_no_connection_while_slots_are_scarce_on_mariadb() {
    let Some(server) = MariaDb::prepared() else { return };
    // The fifth slot is the administrator's.
    server.start(&["--max-connections=7"]);
    let database = Database::on_mariadb(&server);
    let (files, gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    let fleet = waiting_fleet(&Run::start(&database, &files, ["/bin/echo", "started"]));
    leave_a_slot(&database, 5);
    gate.open();
    for waiter in fleet {
        assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    }
    assert_eq!(holder.wait().succeeds().applied().len(), 4);
}

/// A waiter that looks only now and then still sees that somebody else has just failed.
#[test]
fn one_failure_is_one_failure_while_slots_are_scarce() {
    let Some(server) = small() else { return };
    let database = Database::on_postgres(&server);
    database
        .exec(&format!("CREATE SEQUENCE executions; ALTER SEQUENCE executions OWNER TO {}", database.name()));
    let (files, gate) = gated(&database);
    files.write("30000101000001_bad.sql", "SELECT nextval('executions');\nINSERT INTO nowhere VALUES (1);\n");
    let run = Run::start(&database, &files, ["/bin/echo", "started"]).option(["--format", "sqlx"]);
    let holder = migrating(&run);
    let fleet = waiting_fleet(&run);
    gate.open();
    for replica in fleet.into_iter().chain([holder]) {
        assert_eq!(replica.wait().exits(Exit::MigrationFailed).stdout, "");
    }
    let executions: u32 = database.one("SELECT last_value FROM executions").parse().expect("a number");
    assert!(executions <= 3, "{executions} executions");
}

/// The same look where it must see something: with slots to spare every waiter keeps its connection.
#[test]
fn waiters_keep_their_connections_while_there_are_slots_to_spare() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (files, gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    let fleet = waiting_fleet(&Run::start(&database, &files, ["/bin/echo", "started"]));
    let mut client = database.client();
    eventually("every waiter is connected", || (sessions(&database, &mut client) > FLEET).then_some(()));
    assert_eq!(looks_with_a_slot(&database, 5), 0, "on a small server nobody else would get in");
    gate.open();
    for waiter in fleet {
        assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    }
    holder.wait().succeeds();
}
