//! sqlx-cli and castoff take turns on one database and leave what sqlx-cli alone would have left.

use castoff::exit::Exit;
use serde_json::Value;

use crate::corpus::{first_half, whole};
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, MariaDb, Migrations, Run, on_every_engine};
use crate::sqlx_cli::SqlxCli;

/// The same migrations on a database of the same kind, by the tool alone.
fn by_sqlx_alone(beside: &Database, files: &Migrations) -> Option<Database> {
    let database = Database::on(beside.engine())?;
    SqlxCli::on(&database)?.run(files);
    Some(database)
}

fn status(database: &Database, files: &Migrations) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files);
    serde_json::from_str(&run.output().stdout).expect("status --json prints JSON")
}

/// Nothing is pending for either, and the database is what sqlx-cli alone makes of the same files.
fn all_is_as_sqlx_alone_leaves_it(database: &Database, sqlx: &SqlxCli, files: &Migrations) {
    let Some(alone) = by_sqlx_alone(database, files) else { return };
    assert_alike(&dump(database), &dump(&alone));

    let info = sqlx.info(files);
    assert_eq!(info, SqlxCli::on(&alone).expect("it was there").info(files));
    assert!(info.lines().all(|line| line.contains("/installed ")), "{info}");
    assert_eq!(sqlx.run(files), 0, "sqlx still found something pending");

    assert_eq!(status(database, files)["state"], "up-to-date");
    let log = Run::migrate(database, files).output().succeeds();
    assert!(log.applied().is_empty(), "castoff still found something pending: {log}");
}

/// The comparison itself, tried on two databases by the same tool and on one changed letter.
fn a_dump_tells_two_databases_apart_by_one_letter(database: &Database) {
    let Some(sqlx) = SqlxCli::on(database) else { return };
    let files = whole("sqlx", database.engine());
    sqlx.run(&files);
    let Some(other) = by_sqlx_alone(database, &files) else { return };
    assert_alike(&dump(database), &dump(&other));

    database.exec("UPDATE venue SET name = 'kammerspiele' WHERE id = 1");
    assert_ne!(dump(database), dump(&other));
    other.exec("UPDATE venue SET name = 'kammerspiele' WHERE id = 1");
    other.exec("UPDATE _sqlx_migrations SET description = 'House rules' WHERE version = 20250121103000");
    assert_ne!(dump(database), dump(&other));
}

fn castoff_goes_on_where_sqlx_stopped(database: &Database) {
    let Some(sqlx) = SqlxCli::on(database) else { return };
    let (half, files) = (first_half("sqlx", database.engine()), whole("sqlx", database.engine()));
    assert!(sqlx.run(&half) > 0);
    assert!(sqlx.info(&files).contains("/pending "), "the check can fail");
    assert_eq!(status(database, &files)["state"], "pending");

    let log = Run::migrate(database, &files).output().succeeds();
    assert!(!log.applied().is_empty(), "castoff had something to do: {log}");
    all_is_as_sqlx_alone_leaves_it(database, &sqlx, &files);
}

fn sqlx_goes_on_where_castoff_stopped(database: &Database) {
    let Some(sqlx) = SqlxCli::on(database) else { return };
    let (half, files) = (first_half("sqlx", database.engine()), whole("sqlx", database.engine()));
    Run::migrate(database, &half).output().succeeds();

    let info = sqlx.info(&half);
    assert!(info.lines().all(|line| line.contains("/installed ")), "{info}");
    assert!(sqlx.run(&files) > 0);
    all_is_as_sqlx_alone_leaves_it(database, &sqlx, &files);
}

fn castoff_alone_leaves_what_sqlx_alone_leaves(database: &Database) {
    let Some(sqlx) = SqlxCli::on(database) else { return };
    let files = whole("sqlx", database.engine());
    Run::migrate(database, &files).output().succeeds();
    all_is_as_sqlx_alone_leaves_it(database, &sqlx, &files);
}

fn castoff_applies_again_what_sqlx_took_back(database: &Database) {
    let Some(sqlx) = SqlxCli::on(database) else { return };
    let files = whole("sqlx", database.engine());
    Run::migrate(database, &files).output().succeeds();
    let before = dump(database);

    sqlx.revert(&files);
    assert_ne!(dump(database), before, "the check can fail");
    let log = Run::migrate(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["20250225093000"], "{log}");
    all_is_as_sqlx_alone_leaves_it(database, &sqlx, &files);
}

fn both_see_an_edited_file(database: &Database) {
    let Some(sqlx) = SqlxCli::on(database) else { return };
    let files = whole("sqlx", database.engine());
    Run::migrate(database, &files).output().succeeds();

    files.write("20250121103000_house_rules.sql", "-- empty now\n");
    let info = sqlx.info(&files);
    let edited: Vec<&str> = info.lines().filter(|line| line.contains("different checksum")).collect();
    assert!(matches!(edited[..], [line] if line.starts_with("20250121103000/")), "{info}");
    assert!(!sqlx.try_migrate("run", &files).status.success(), "sqlx went on");

    assert_eq!(status(database, &files)["edited"], serde_json::json!(["20250121103000"]));
    drop(Run::migrate(database, &files).output().exits(Exit::Data));
}

on_every_engine!(
    a_dump_tells_two_databases_apart_by_one_letter,
    castoff_goes_on_where_sqlx_stopped,
    sqlx_goes_on_where_castoff_stopped,
    castoff_alone_leaves_what_sqlx_alone_leaves,
    castoff_applies_again_what_sqlx_took_back,
    both_see_an_edited_file,
);

/// Half of a file took effect: `DROP` commits on MariaDB, and the statement after it fails.
fn half_a_failure(database: &Database) -> Migrations {
    let files = first_half("sqlx", database.engine());
    files.write("20990101000000_half.sql", "DROP TABLE house_rule;\nSELECT nothing FROM nowhere;\n");
    files
}

#[test]
fn sqlx_knows_castoffs_mark_of_a_half_applied_migration() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let Some(sqlx) = SqlxCli::on(&database) else { return };
    let files = half_a_failure(&database);
    drop(Run::migrate(&database, &files).output().exits(Exit::MigrationFailed));

    let run = sqlx.try_migrate("run", &files);
    // sqlx-cli prints its errors to stdout.
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(!run.status.success() && said.contains("20990101000000 is partially applied"), "{said}");
}

#[test]
fn castoff_knows_sqlxs_mark_of_a_half_applied_migration() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let Some(sqlx) = SqlxCli::on(&database) else { return };
    let files = half_a_failure(&database);
    assert!(!sqlx.try_migrate("run", &files).status.success());

    let status = status(&database, &files);
    assert_eq!(status["state"], "failed", "{status}");
    assert_eq!(status["failed"][0]["id"], "20990101000000", "{status}");
    drop(Run::migrate(&database, &files).output().exits(Exit::Data));
}

/// sqlx's session settings (time zone, `||`) show only where the server's own differ.
#[test]
fn a_server_in_another_time_zone_gets_the_same_rows() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--default-time-zone=+05:00"]);
    let (by_castoff, by_sqlx) = (Database::on_mariadb(&server), Database::on_mariadb(&server));
    let Some(sqlx) = SqlxCli::on(&by_sqlx) else { return };
    let files = whole("sqlx", Engine::MySql);

    Run::migrate(&by_castoff, &files).output().succeeds();
    sqlx.run(&files);
    assert_alike(&dump(&by_castoff), &dump(&by_sqlx));
    let first = "SELECT unix_timestamp(starts_at) FROM performance WHERE id = 1";
    assert_eq!(by_castoff.one(first), "1739557800", "2025-02-14 18:30 UTC");
}
