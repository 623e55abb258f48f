//! A lock that is lost around the hooks.

use castoff::exit::Exit;

use super::{ENDS, Yard, holder, until_gone, with, within_hook};
use crate::harness::{Database, Engine, Gate, Migrations, Proxy, Run, eventually};

/// Ends the session that holds the lock, as an administrator would.
fn end_holder(database: &Database) {
    let pid = holder(database);
    assert_eq!(database.one(&format!("SELECT pg_terminate_backend({pid})")), "t");
    until_gone(pid, database);
}

#[test]
fn a_backup_without_its_lock_is_ended_and_taken_again() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, files) = (Yard::new(), Migrations::three());
    let mut running = within_hook(&with(&database, &files, &yard.waits("before"), &yard.notes("after")));
    end_holder(&database);
    running.until_line("ready", |line| (line == "ready").then_some(()));
    yard.go("before");
    let run = running.wait_within(ENDS).succeeds();
    assert_eq!(yard.noted(), ["before", "before", "after told"], "{run}");
    assert_eq!((run.applied().len(), run.events("hook.start").len()), (3, 3), "{run}");
}

#[test]
fn a_seed_without_its_lock_is_ended_and_told() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, files) = (Yard::new(), Migrations::three());
    let running = within_hook(&with(&database, &files, "/bin/true", &yard.waits("after")));
    end_holder(&database);
    let run = running.wait_within(ENDS).exits(Exit::OutcomeUnknown);
    let (reason, hint) = (run.field("exit", "reason"), run.field("exit", "hint"));
    assert!(reason.contains("after-migrate hook") && reason.contains("the migrations are applied"), "{run}");
    assert!(hint.contains("does not run it"), "{run}");
    assert_eq!(database.versions().len(), 3);
}

/// The connection is lost while the last migration runs: the backup is not replaced, and the seed not forgotten.
#[test]
fn a_connection_lost_in_between_neither_repeats_the_backup_nor_forgets_the_seed() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, mut gate) = (Yard::new(), Gate::closed(&database));
    let files = Migrations::of(&[("1_gated.sql", &gate.sql())]);
    let running = with(&database, &files, &yard.notes("before"), &yard.notes("after")).spawn();
    let ended = gate.end_visitor();
    eventually("another session stands before the gate", || (gate.visitor() != ended).then_some(()));
    gate.open();
    let run = running.wait().succeeds();
    assert_eq!(yard.noted(), ["before told", "after told"], "{run}");
}

/// Another replica has done the rest meanwhile: what this one applied may still be without its seed.
#[test]
fn a_seed_that_is_owed_runs_although_nothing_is_pending_any_more() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, mut gate) = (Yard::new(), Gate::closed(&database));
    let files = Migrations::of(&[("1_gated.sql", &gate.sql())]);
    let proxy = Proxy::before(database.port());
    let run = with(&database, &files, "/bin/true", &yard.notes("after"));
    let mut first = run.env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port())).spawn();
    gate.visitor();
    proxy.close();
    proxy.cut();
    gate.deserted();
    let other = Run::migrate(&database, &files).spawn();
    gate.visitor();
    gate.open();
    other.wait().succeeds();
    first.until("connection.lost");
    proxy.open();
    let first = first.wait().succeeds();
    assert_eq!((yard.noted(), first.applied().len()), (vec!["after told".to_owned()], 0), "{first}");
}
