//! Alembic and castoff, which starts it, take turns on one database and leave what Alembic alone would have left.

use castoff::exit::Exit;

use crate::alembic_command::start;
use crate::alembic_driver::{Driver, corpus};
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, on_every_engine};

/// What a database holds. Rows come in the order in which they were last written, which is not the same for all who
/// arrive at the same heads.
fn holdings(database: &Database) -> String {
    let text = dump(database);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The corpus on a database of the same kind, by the tool alone.
fn by_alembic_alone(beside: &Database, alembic: &mut Driver) -> Option<Database> {
    let database = Database::on(beside.engine())?;
    alembic.run(&corpus(), &database, &["upgrade", "heads"]).expect("Alembic upgrades");
    Some(database)
}

fn castoff_goes_on_where_alembic_stopped(database: &Database) {
    let (Some(mut alembic), Some(start)) = (Driver::start(), start(database, &corpus())) else { return };
    let Some(alone) = by_alembic_alone(database, &mut alembic) else { return };
    alembic.run(&corpus(), database, &["upgrade", "e9840c5f6b1a"]).expect("half is applied");
    assert_ne!(holdings(database), holdings(&alone), "the check can fail");
    let run = start.output().succeeds();
    assert_eq!(
        (&run.event("migrate.start")["pending"], &run.event("migrate.done")["applied"]),
        (&5.into(), &5.into())
    );
    assert_alike(&holdings(database), &holdings(&alone));

    alembic.run(&corpus(), database, &["downgrade", "house@-1"]).expect("one is taken back");
    let run = start.output().succeeds();
    assert_eq!(run.event("migrate.start")["pending"], 1, "{run}");
    assert_alike(&holdings(database), &holdings(&alone));
}

fn an_empty_database_ends_as_alembic_alone_leaves_it(database: &Database) {
    let (Some(mut alembic), Some(start)) = (Driver::start(), start(database, &corpus())) else { return };
    start.output().succeeds();
    let Some(alone) = by_alembic_alone(database, &mut alembic) else { return };
    assert_alike(&holdings(database), &holdings(&alone));
    let nothing = alembic.run(&corpus(), database, &["upgrade", "heads"]).expect("Alembic has nothing to do");
    assert_eq!(nothing["pending"], serde_json::json!([]));
}

fn a_command_that_stops_halfway_has_not_reached_the_heads(database: &Database) {
    let Some(start) = start(database, &corpus()) else { return };
    let run = start.env("CASTOFF_MIGRATE_COMMAND", "alembic upgrade 2f6610a8d3c9").output();
    let run = run.exits(Exit::MigrationFailed);
    let reason = run.field("exit", "reason");
    assert!(reason.ends_with(" still pending: 90ab44f1c6e2, 6c1f3387be05, b7d05e2c9a48"), "{reason}");
    assert_eq!(run.stdout, "", "the application does not start");
}

fn alembic_reads_the_configuration_that_castoff_was_named(database: &Database) {
    let Some(start) = start(database, "/".as_ref()) else { return };
    let file = corpus().join("alembic.ini");
    let run = start.clone().option(["--migrations".as_ref(), file.as_os_str()]).output().succeeds();
    assert_eq!(run.event("migrate.done")["applied"], 8, "{run}");
    let run = start.option(["--migrations".as_ref(), corpus().as_os_str()]).output().succeeds();
    assert_eq!(run.events("migrate.none").len(), 1, "{run}");
}

on_every_engine!(
    alembic_reads_the_configuration_that_castoff_was_named,
    castoff_goes_on_where_alembic_stopped,
    an_empty_database_ends_as_alembic_alone_leaves_it,
    a_command_that_stops_halfway_has_not_reached_the_heads,
);
