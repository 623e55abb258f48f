//! `--mode verify`: one look.

use super::*;
use crate::lock::{gated, migrating};

on_every_engine!(
    what_is_pending_is_named_and_nothing_else_happens,
    what_migrating_would_not_cure_is_65,
    an_older_image_starts_with_a_warning,
    who_may_only_read_can_verify,
);

fn what_is_pending_is_named_and_nothing_else_happens(database: &Database) {
    let files = Migrations::three();
    let run = start(database, &files, "verify").output();
    ends(run, Exit::Pending, "3 migrations are pending: 1, 20250102030405, 20250203040506");
    assert!(!database.has_table("_sqlx_migrations") && !database.has_table("users"));
    Run::migrate(database, &files).output().succeeds();
    let run = only_looked(start(database, &files, "verify").output());
    run.event("migrate.none");
    files.write("30000101000000_new.sql", "CREATE TABLE new (id INT);\n");
    let run = start(database, &files, "verify").output();
    ends(run, Exit::Pending, "1 migration is pending: 30000101000000");
    assert!(!database.has_table("new"));
}

fn what_migrating_would_not_cure_is_65(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.write("1_users.sql", "SELECT 1;\n");
    ends(start(database, &files, "verify").output(), Exit::Data, "1_users.sql changed after it was applied");
    let run = start(database, &files, "verify").option(["--on-edited", "warn"]).output();
    assert!(only_looked(run).stderr.contains("changed after being applied"));
    files.remove("1_users.sql");
    ends(start(database, &files, "verify").output(), Exit::Data, "diverged");
    database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 20250203040506");
    ends(start(database, &files, "verify").output(), Exit::Data, "20250203040506 was begun earlier");
}

fn an_older_image_starts_with_a_warning(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.remove("20250203040506_backfill.sql");
    for mode in ["verify", "await"] {
        let run = only_looked(start(database, &files, mode).output());
        assert!(run.stderr.contains("ahead of this image"), "{run}");
    }
}

fn who_may_only_read_can_verify(database: &Database) {
    let files = Migrations::three();
    let url = reader(database);
    let run = start(database, &files, "verify").env("DATABASE_URL", url);
    ends(run.output(), Exit::Pending, "3 migrations are pending");
    Run::migrate(database, &files).output().succeeds();
    only_looked(run.output());
}

#[test]
fn what_another_replica_is_at_is_pending() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { return };
        let (files, mut gate) = gated(&database);
        let holder = migrating(&Run::migrate(&database, &files));
        gate.visitor();
        ends(start(&database, &files, "verify").output(), Exit::Pending, "30000101000000");
        gate.open();
        holder.wait().succeeds();
        only_looked(start(&database, &files, "verify").output());
    }
}
