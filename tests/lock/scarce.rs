//! A waiting fleet starves nobody: neither the server's other clients nor itself.

use std::sync::Arc;

use crate::harness::{Database, Engine, Postgres, Run, Running, eventually};
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
fn sessions(database: &Database) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_database()";
    database.one(sql).parse().expect("a number")
}

#[test]
fn waiters_keep_no_connection_while_slots_are_scarce() {
    let Some(server) = small() else { return };
    let database = Database::on_postgres(&server);
    let (files, gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    let fleet = waiting_fleet(&Run::start(&database, &files, ["/bin/echo", "started"]));
    // Once in a while they look again, and not all at once.
    let free = (0..100).filter(|_| sessions(&database) < 5).count();
    assert!(free >= 80, "an ordinary role found a slot in {free} of 100 looks");
    eventually("the application's own connection", || application_connects(&database).then_some(()));
    gate.open();
    for waiter in fleet {
        assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    }
    assert_eq!(holder.wait().succeeds().applied().len(), 4);
}

/// The same look where it must see something: with slots to spare every waiter keeps its connection.
#[test]
fn waiters_keep_their_connections_while_there_are_slots_to_spare() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (files, gate) = gated(&database);
    let holder = migrating(&Run::migrate(&database, &files));
    let fleet = waiting_fleet(&Run::start(&database, &files, ["/bin/echo", "started"]));
    eventually("every waiter is connected", || (sessions(&database) == FLEET + 1).then_some(()));
    gate.open();
    for waiter in fleet {
        assert_eq!(waiter.wait().succeeds().stdout, "started\n");
    }
    holder.wait().succeeds();
}
