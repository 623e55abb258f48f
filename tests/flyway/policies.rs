use serde_json::json;

use super::*;

on_every_engine!(a_rollback_runs_the_old_repeatable_and_starts, the_tool_s_own_variables_are_heeded);

/// The old image has neither the newest version nor the new repeatable, and an older text of another one.
fn a_rollback_runs_the_old_repeatable_and_starts(database: &Database) {
    let view = |n: u32| format!("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT {n} AS n;\n");
    let old = Migrations::of(&[("V1.0__a.sql", "CREATE TABLE a (id INT);\n"), ("R__v.sql", &view(1))]);
    starts(database, &old);
    let new = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("V2.0__b.sql", "CREATE TABLE b (id INT);\n"),
        ("R__v.sql", &view(2)),
        ("R__w.sql", "SELECT 1;\n"),
    ]);
    starts(database, &new);
    assert_eq!(database.one("SELECT n FROM v"), "2");
    assert_eq!(status(database, &old, 82)["pending"], json!(["R__v"]));
    assert_eq!(starts(database, &old).applied(), ["R__v"]);
    assert_eq!(database.one("SELECT n FROM v"), "1");
    let said = status(database, &old, 0);
    assert_eq!((&said["state"], &said["missing"]), (&json!("ahead"), &json!(["2.0", "R__w"])), "{said}");
}

fn the_tool_s_own_variables_are_heeded(database: &Database) {
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("V3.0__c.sql", "CREATE TABLE c (id INT);\n"),
    ]);
    let run = Run::migrate(database, &files).env("FLYWAY_TABLE", "versions");
    run.output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM versions"), "2");
    files.write("V2.0__b.sql", "CREATE TABLE b (id INT);\n");
    run.output().exits(Exit::Data).says("V2.0__b.sql");
    let ordered = run.clone().env("FLYWAY_OUT_OF_ORDER", "true");
    assert_eq!(ordered.output().succeeds().applied(), ["2.0"]);
    // The user's word stands above the tool's.
    files.write("V2.1__b.sql", "CREATE TABLE b2 (id INT);\n");
    ordered.option(["--out-of-order", "fail"]).output().exits(Exit::Data);
    files.write("V1.0__a.sql", "CREATE TABLE a (id BIGINT);\n");
    run.output().exits(Exit::Data);
    let lenient = run.clone().env("FLYWAY_VALIDATE_ON_MIGRATE", "false").output().succeeds();
    assert!(lenient.applied().is_empty(), "{lenient}");
    run.env("FLYWAY_TARGET", "2").output().exits(Exit::Usage).says("FLYWAY_TARGET");
}

#[test]
fn the_directory_of_the_official_image_is_found() {
    let database = Database::sqlite();
    let files = Migrations::of(&[("V1.0__a.sql", "CREATE TABLE a (id INT);\n")]);
    let location = format!("filesystem:{}", files.path().display());
    let run = Run::new(["migrate"]).database(&database).env("FLYWAY_LOCATIONS", location);
    run.env("CASTOFF_FORMAT", "flyway").output().succeeds();
    assert!(database.has_table("a"));
}

/// What was recorded last need not sort last, nor need a file that was renamed have another checksum.
#[test]
fn what_is_said_of_files_that_no_longer_fit_is_true() {
    let database = Database::sqlite();
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("V3.0__c.sql", "CREATE TABLE c (id INT);\n"),
        ("R__r.sql", "SELECT 1;\n"),
    ]);
    starts(&database, &files);
    files.write("V2.0__b.sql", "SELECT 1;\n");
    let run = Run::migrate(&database, &files).output().exits(Exit::Data).says("V2.0__b.sql");
    assert!(run.field("exit", "reason").contains("before 3.0"), "{run}");
    files.remove("V2.0__b.sql");
    files.remove("V3.0__c.sql");
    files.write("V3.0__d.sql", "CREATE TABLE c (id INT);\n");
    let run = Run::migrate(&database, &files).output().exits(Exit::Data).says("V3.0__d.sql");
    assert!(!run.field("exit", "reason").contains("checksum"), "{run}");
}
