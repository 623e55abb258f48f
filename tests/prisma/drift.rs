//! `migrate deploy` looks neither for edited nor for missing files; castoff says so and starts as well.

use castoff::exit::Exit;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{FIRST, SECOND, THIRD, VECTOR, VECTOR_SHA256, file, status, three, warnings};
use crate::harness::{
    Database, Engine, FakeConnection, FakePostgres, Finished, Migrations, Run, on_every_engine,
};

on_every_engine!(
    an_edited_file_is_a_warning_unless_policy_says_otherwise,
    other_line_endings_are_no_edit,
    a_checksum_without_leading_zeros_is_known,
    an_old_image_starts,
    what_is_missing_in_the_middle_stops_neither_prisma_nor_castoff,
    what_sorts_before_the_applied_is_applied,
    a_directory_without_its_file_stops_what_would_apply_it,
    whatever_else_lies_about_is_no_migration,
    the_lock_file_names_the_engine,
);

const ECHO: [&str; 2] = ["/bin/echo", "started"];

fn starts(database: &Database, files: &Migrations) -> Finished {
    let run = Run::start(database, files, ECHO).output().succeeds();
    assert_eq!(run.stdout, "started\n", "{run}");
    run
}

fn remove(files: &Migrations, migration: &str) {
    std::fs::remove_dir_all(files.path().join(migration)).expect("the migration's directory");
}

fn an_edited_file_is_a_warning_unless_policy_says_otherwise(database: &Database) {
    let files = three();
    starts(database, &files);
    files.write(&file(FIRST), "CREATE TABLE t (id BIGINT);\n");
    let run = starts(database, &files);
    assert!(warnings(&run) > 0 && run.stderr.contains(FIRST), "{run}");
    assert_eq!(status(database, &files, 0)["edited"], json!([FIRST]));
    let strict = Run::start(database, &files, ECHO).option(["--on-edited", "fail"]);
    strict.output().exits(Exit::Data).says(FIRST);
}

fn other_line_endings_are_no_edit(database: &Database) {
    let files = three();
    starts(database, &files);
    let windows = VECTOR.replace('\n', "\r\n");
    files.write(&file(FIRST), &windows);
    assert_eq!(status(database, &files, 0)["state"], "up-to-date");
    assert_eq!(warnings(&starts(database, &files)), 0);

    // The other way round, as a checkout on Windows would have recorded it.
    let recorded = hex::encode(Sha256::digest(&windows));
    database.exec(&format!(
        "UPDATE _prisma_migrations SET checksum = '{recorded}' WHERE migration_name = '{FIRST}'"
    ));
    files.write(&file(FIRST), VECTOR);
    assert_eq!(status(database, &files, 0)["state"], "up-to-date");
}

fn a_checksum_without_leading_zeros_is_known(database: &Database) {
    let files = three();
    starts(database, &files);
    // As the first releases of Prisma wrote it: each byte as short as it goes.
    let bytes = hex::decode(VECTOR_SHA256).expect("hexadecimal");
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:x}")).collect();
    let legacy = digits.concat();
    assert!(legacy.len() < VECTOR_SHA256.len(), "the vector has such bytes");
    let set = |checksum: &str| {
        let row = format!("WHERE migration_name = '{FIRST}'");
        database.exec(&format!("UPDATE _prisma_migrations SET checksum = '{checksum}' {row}"));
    };
    set(&legacy);
    assert_eq!(status(database, &files, 0)["state"], "up-to-date");
    set(&digits.split_first().expect("a byte").1.concat());
    assert_eq!(status(database, &files, 0)["state"], "edited", "the check can fail");
}

fn an_old_image_starts(database: &Database) {
    let files = three();
    starts(database, &files);
    remove(&files, THIRD);
    let run = starts(database, &files);
    assert!(warnings(&run) > 0 && run.events("lock.acquired").is_empty(), "{run}");
    let said = status(database, &files, 0);
    assert_eq!((&said["state"], &said["missing"]), (&"ahead".into(), &json!([THIRD])), "{said}");
}

fn what_is_missing_in_the_middle_stops_neither_prisma_nor_castoff(database: &Database) {
    let files = three();
    starts(database, &files);
    remove(&files, SECOND);
    let run = starts(database, &files);
    assert!(warnings(&run) > 0 && run.stderr.contains(SECOND), "{run}");
    let said = status(database, &files, 0);
    assert_eq!((&said["state"], &said["missing"]), (&"diverged".into(), &json!([SECOND])), "{said}");
    Run::start(database, &files, ECHO)
        .option(["--on-missing", "fail"])
        .output()
        .exits(Exit::Data)
        .says(SECOND);

    files.write(&file("20250104000000_fourth"), "CREATE TABLE fourth (id INT);\n");
    assert_eq!(status(database, &files, 82)["pending"], json!(["20250104000000_fourth"]));
    assert_eq!(starts(database, &files).applied(), ["20250104000000_fourth"]);
}

fn what_sorts_before_the_applied_is_applied(database: &Database) {
    let files = three();
    starts(database, &files);
    files.write(&file("20250101120000_late"), "CREATE TABLE late (id INT);\n");
    assert_eq!(starts(database, &files).applied(), ["20250101120000_late"]);
}

fn a_directory_without_its_file_stops_what_would_apply_it(database: &Database) {
    let files = three();
    std::fs::remove_file(files.path().join(file(THIRD))).expect("the file");
    let run = Run::migrate(database, &files).output().exits(Exit::Data).says(THIRD).says("migration.sql");
    assert!(!run.field("exit", "hint").is_empty());
    assert!(!database.has_table("t"), "nothing is applied of what cannot be applied whole");

    files.write(&file(THIRD), "SELECT 1;\n");
    starts(database, &files);
    // Once it is applied Prisma does not look.
    std::fs::remove_file(files.path().join(file(THIRD))).expect("the file");
    starts(database, &files);
}

fn whatever_else_lies_about_is_no_migration(database: &Database) {
    let files = three();
    files.write("README.md", "how we write migrations");
    files.write("20990101000000_not_a_directory.sql", "NONSENSE;");
    files.write(&format!("{SECOND}/README.md"), "why");
    files.write(&format!("{SECOND}/down.sql"), "DROP TABLE t;");
    files.write(&format!("{SECOND}/archive/migration.sql"), "NONSENSE;");
    // Which makes the directory look like sqlx's as well.
    let run = Run::start(database, &files, ECHO);
    run.output().exits(Exit::Usage).says("sqlx").says("prisma");
    // A name is a name: it needs no digits, and sorts where it sorts.
    files.write(&file("zz top"), "CREATE TABLE zz (id INT);\n");
    let run = Run::start(database, &files, ECHO).option(["--format", "prisma"]).output().succeeds();
    assert_eq!(run.applied(), [FIRST, SECOND, THIRD, "zz top"]);
    assert_eq!(database.prisma_applied().len(), 4);
}

/// Prisma's word for an engine, and that of another.
fn providers(engine: Engine) -> (&'static str, &'static str) {
    match engine {
        Engine::Postgres => ("postgresql", "sqlite"),
        Engine::MySql => ("mysql", "postgresql"),
        Engine::Sqlite => ("sqlite", "mysql"),
    }
}

fn the_lock_file_names_the_engine(database: &Database) {
    let (own, other) = providers(database.engine());
    let files = three();
    let comment = "# Please do not edit this file manually\n";
    files.write("migration_lock.toml", format!("{comment}provider = \"{other}\"\n"));
    let run = Run::migrate(database, &files).output().exits(Exit::Data);
    run.says("migration_lock.toml").says(other);
    assert!(!database.has_table("_prisma_migrations"));

    files.write("migration_lock.toml", format!("{comment}provider = \"{own}\"\n"));
    starts(database, &files);
}

/// Runs where the database would never answer: what is wrong with the files is said without one.
fn without_a_database(files: &Migrations) -> Finished {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let run = Run::new(["migrate"]).env("DATABASE_URL", fake.url()).migrations(files).output();
    assert_eq!(fake.attempts(), 0, "nobody is asked while the files are wrong: {run}");
    run
}

#[test]
fn migrations_of_another_provider_are_refused_before_waiting() {
    let files = three();
    files.write("migration_lock.toml", "provider = \"mysql\"\n");
    without_a_database(&files).exits(Exit::Data).says("mysql");
    files.write("migration_lock.toml", "");
    without_a_database(&files).exits(Exit::Data).says("migration_lock.toml");
}

#[test]
fn a_script_that_is_not_utf8_is_refused_before_waiting() {
    let files = three();
    files.write(&file(SECOND), b"INSERT INTO t VALUES ('caf\xe9');\n");
    without_a_database(&files).exits(Exit::Data).says(SECOND);
}

#[test]
fn a_directory_with_nothing_but_the_lock_file_is_an_error() {
    let files = Migrations::of(&[("migration_lock.toml", "provider = \"postgresql\"\n")]);
    without_a_database(&files).exits(Exit::NoInput);
}
