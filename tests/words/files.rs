//! 65 and 66: the migrations cannot be trusted, or are not there.

use crate::harness::{Database, Migrations, Run};

use super::Situation;
use super::stage::Stage;

/// Everything applied, and then something else on disk.
fn after(stage: &mut Stage, change: impl FnOnce(&Database, &Migrations)) -> Option<String> {
    let (database, files) = (stage.sqlite(), stage.three());
    Run::migrate(&database, &files).output().succeeds();
    change(&database, &files);
    let path = node(stage);
    stage.tell(Run::start(&database, &files, ["node", "server.js"]).env("PATH", path))
}

/// Nothing applied yet, and this file among the others.
fn with(stage: &mut Stage, name: &str, sql: &[u8]) -> Option<String> {
    let (database, files) = (stage.sqlite(), stage.three());
    files.write(name, sql);
    stage.tell(Run::migrate(&database, &files).option(["--format", "sqlx"]))
}

/// Where there is an application of this name.
fn node(stage: &mut Stage) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let home = stage.directory("/usr/local/bin");
    let node = home.write("node", "#!/bin/sh\necho started\n");
    std::fs::set_permissions(node, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let path = home.path().display().to_string();
    stage.keep(home);
    path
}

pub(super) const SITUATIONS: [Situation; 12] = [
    ("a migration that was edited after it was applied", |stage| {
        after(stage, |_, files| files.write("1_users.sql", "CREATE TABLE users (id BIGINT);\n"))
    }),
    ("an applied migration that is in the image no more", |stage| {
        after(stage, |_, files| {
            files.remove("20250102030405_add orders table.sql");
            files.write("30000101000000_new.sql", "SELECT 1;\n");
        })
    }),
    ("an older image on a newer database, which starts", |stage| {
        after(stage, |_, files| files.remove("20250203040506_backfill.sql"))
    }),
    ("a migration that failed in an earlier start", |stage| {
        after(stage, |database, _| {
            database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 20250203040506");
        })
    }),
    ("a migration that comes late, where that is not wanted", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        Run::migrate(&database, &files).output().succeeds();
        files.write("2_late.sql", "SELECT 1;\n");
        stage.tell(Run::migrate(&database, &files).option(["--out-of-order", "fail"]))
    }),
    ("two migrations of one version", |stage| with(stage, "01_again.sql", b"SELECT 1;\n")),
    ("a file that is not UTF-8", |stage| with(stage, "2_latin1.sql", b"SELECT 1;\n-- caf\xe9\n")),
    ("a file whose name has no version", |stage| with(stage, "v2_seed.sql", b"SELECT 1;\n")),
    ("a command of a client program", |stage| {
        let database = stage.postgres()?;
        let sql = "CREATE TABLE t (a INT);\nCOPY t FROM STDIN;\n1\n\\.\n";
        let files = stage.files(Migrations::of(&[("1_dump.sql", sql)]));
        stage.tell(Run::migrate(&database, &files).option(["--format", "sqlx"]))
    }),
    ("revert without a down script", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        Run::migrate(&database, &files).output().succeeds();
        stage.tell(Run::new(["revert"]).database(&database).migrations(&files))
    }),
    ("no migrations directory", |stage| {
        let (database, home) = (stage.sqlite(), stage.directory("/app"));
        stage.tell(Run::new(["migrate"]).database(&database).cwd(home.path()))
    }),
    ("a migrations directory without a migration", |stage| {
        let (database, files) = (stage.sqlite(), stage.files(Migrations::new()));
        stage.tell(Run::migrate(&database, &files))
    }),
];
