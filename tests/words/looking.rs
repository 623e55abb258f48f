//! 0, 1 and 82: it goes well, or nothing is wrong but that something is still to be done.

use crate::harness::{Database, Migrations, Run};
use crate::lock::hold_own_lock;

use super::Situation;
use super::stage::Stage;

/// A database where the first migration alone is applied.
fn behind(stage: &mut Stage) -> (Database, Migrations) {
    let (database, files) =
        (stage.sqlite(), Migrations::of(&[("1_users.sql", "CREATE TABLE users (id INT);\n")]));
    let files = stage.files(files);
    Run::migrate(&database, &files).option(["--format", "sqlx"]).output().succeeds();
    files.write("2_orders.sql", "CREATE TABLE orders (id INT);\n");
    (database, files)
}

fn look(stage: &mut Stage, words: &[&str]) -> Option<String> {
    let (database, files) = behind(stage);
    stage.tell(Run::new(words).database(&database).migrations(&files))
}

pub(super) const SITUATIONS: [Situation; 12] = [
    ("everything goes well", |stage| {
        let (database, files) = (stage.postgres()?, stage.three());
        stage.tell(Run::start(&database, &files, ["/bin/echo", "started"]))
    }),
    ("nothing is pending", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        Run::migrate(&database, &files).output().succeeds();
        stage.tell(Run::start(&database, &files, ["/bin/echo", "started"]))
    }),
    ("hooks, and a wait for something else", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        let run = Run::migrate(&database, &files).option(["--before-migrate", "/bin/echo backup"]);
        stage.tell(run.option(["--after-migrate", "/bin/echo seed", "--wait-for", "file:///etc/passwd"]))
    }),
    ("status of a database that is up to date", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        Run::migrate(&database, &files).output().succeeds();
        stage.tell(Run::new(["status"]).database(&database).migrations(&files))
    }),
    ("status where something is pending", |stage| look(stage, &["status"])),
    ("plan", |stage| look(stage, &["plan"])),
    ("mode verify where something is pending", |stage| {
        look(stage, &["--mode", "verify", "--", "/bin/echo", "started"])
    }),
    ("mode await where nobody applies what is pending", |stage| {
        look(stage, &["--mode", "await", "--lock-timeout", "300ms", "--", "/bin/echo", "started"])
    }),
    ("mode await while somebody is at it", |stage| {
        let (database, files) = behind(stage);
        let held = hold_own_lock(&database);
        let run = Run::start(&database, &files, ["/bin/echo", "started"]);
        let said = stage.tell(run.option(["--mode", "await", "--lock-timeout", "300ms"]));
        drop(held);
        said
    }),
    ("revert, twice", |stage| {
        let database = stage.sqlite();
        let files = stage.files(Migrations::of(&[
            ("1_users.up.sql", "CREATE TABLE users (id INT);\n"),
            ("1_users.down.sql", "DROP TABLE users;\n"),
        ]));
        let run = |words: &[&str]| {
            Run::new(words).database(&database).migrations(&files).option(["--format", "sqlx"])
        };
        run(&["migrate"]).output().succeeds();
        Some(stage.tell(run(&["revert"]))? + &stage.tell(run(&["revert"]))?)
    }),
    ("health where all is well", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        Run::migrate(&database, &files).output().succeeds();
        stage.tell(Run::new(["health"]).database(&database).migrations(&files).pid1())
    }),
    ("health where something is missing", |stage| {
        let run = Run::new(["health", "--target", "tcp://127.0.0.1:1", "--require", "database"]);
        stage.tell(run.env("DATABASE_URL", "postgres://app:secret@127.0.0.1:1/app").pid1())
    }),
];
