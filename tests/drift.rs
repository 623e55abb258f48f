//! Files that no longer fit the history, and directories that cannot be trusted.

use castoff::exit::Exit;

use crate::harness::{
    Database, Engine, FakeConnection, FakePostgres, Finished, Migrations, Run, on_every_engine,
};

on_every_engine!(
    an_edited_file_stops_the_start,
    an_edited_file_is_a_warning_when_policy_says_so,
    a_missing_file_between_others_is_divergence,
    a_missing_file_is_a_warning_when_policy_says_so,
    an_old_image_on_a_newer_database_warns_and_starts,
    an_old_image_with_something_pending_has_diverged,
);

const ECHO: [&str; 2] = ["/bin/echo", "started"];

fn an_edited_file_stops_the_start(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.write("1_users.sql", "CREATE TABLE users (id INT PRIMARY KEY);\n");
    let run = Run::start(database, &files, ECHO).output().exits(Exit::Data);
    assert_eq!(run.stdout, "");
    assert_eq!(run.event("exit")["code"], 65);
    assert!(run.field("exit", "reason").contains('1'), "the reason names the migration: {run}");
    assert!(!run.field("exit", "hint").is_empty());
}

fn an_edited_file_is_a_warning_when_policy_says_so(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.write("1_users.sql", "CREATE TABLE users (id INT PRIMARY KEY);\n");
    let run = Run::start(database, &files, ECHO).option(["--on-edited", "warn"]).output().succeeds();
    assert_eq!(run.stdout, "started\n");
    assert!(warnings(&run) > 0, "{run}");
}

fn a_missing_file_between_others_is_divergence(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.remove("20250102030405_add orders table.sql");
    let run = Run::start(database, &files, ECHO).output().exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("20250102030405"), "{run}");
}

fn a_missing_file_is_a_warning_when_policy_says_so(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.remove("20250102030405_add orders table.sql");
    let run = Run::start(database, &files, ECHO).option(["--on-missing", "warn"]).output().succeeds();
    assert_eq!(run.stdout, "started\n");
    assert!(warnings(&run) > 0, "{run}");
}

fn an_old_image_on_a_newer_database_warns_and_starts(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.remove("20250203040506_backfill.sql");
    let run = Run::start(database, &files, ECHO).output().succeeds();
    assert_eq!(run.stdout, "started\n", "a rollback must not become an outage");
    assert!(warnings(&run) > 0 && run.events("lock.acquired").is_empty(), "{run}");
}

fn an_old_image_with_something_pending_has_diverged(database: &Database) {
    let files = Migrations::three();
    Run::migrate(database, &files).output().succeeds();
    files.remove("20250203040506_backfill.sql");
    files.write("7_pending.sql", "CREATE TABLE pending (id INT);\n");
    Run::start(database, &files, ECHO).output().exits(Exit::Data);
    assert!(!database.has_table("pending"), "nothing is applied to a diverged history");
}

fn warnings(run: &Finished) -> usize {
    run.log
        .iter()
        .filter(|line| line["level"].as_str().is_some_and(|level| level.eq_ignore_ascii_case("warn")))
        .count()
}

/// Runs where the database would never answer: what is wrong with the files is said without one.
fn without_a_database(files: &Migrations) -> Finished {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let run = Run::new(["migrate"]).env("DATABASE_URL", fake.url()).migrations(files).output();
    assert_eq!(fake.attempts(), 0, "nobody is asked while the files are wrong: {run}");
    run
}

#[test]
fn two_files_of_one_version_are_refused() {
    let files = Migrations::of(&[("1_a.sql", "SELECT 1;"), ("01_b.sql", "SELECT 2;")]);
    without_a_database(&files).exits(Exit::Data).says("1_a.sql").says("01_b.sql");
}

#[test]
fn a_version_that_is_no_number_is_refused() {
    let files = Migrations::of(&[("1_a.sql", "SELECT 1;"), ("first_b.sql", "SELECT 2;")]);
    without_a_database(&files).exits(Exit::Data).says("first_b.sql");
}

#[test]
fn a_file_that_is_not_utf8_is_refused() {
    let files = Migrations::of(&[("1_a.sql", "SELECT 1;")]);
    files.write("2_latin.sql", b"INSERT INTO t VALUES ('caf\xe9');\n");
    without_a_database(&files).exits(Exit::Data).says("2_latin.sql");
}

#[test]
fn an_empty_directory_is_an_error() {
    without_a_database(&Migrations::new()).exits(Exit::NoInput);
}

#[test]
fn a_directory_without_a_migration_is_an_error() {
    without_a_database(&Migrations::of(&[("README.md", "nothing")])).exits(Exit::NoInput);
}

#[test]
fn a_missing_directory_is_an_error_that_names_it() {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let run =
        Run::new(["migrate", "--migrations", "/no/such/place"]).env("DATABASE_URL", fake.url()).output();
    run.exits(Exit::NoInput).says("/no/such/place");
}

#[test]
fn what_castoff_cannot_run_is_refused_before_anything_is_applied() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for (culprit, line) in [
        ("CREATE TABLE b (id INT);\nCOPY b (id) FROM STDIN;\n1\n\\.\n", 2),
        ("CREATE TABLE b (id INT);\n\n\\set x 1\n", 3),
        ("copy\n  b\nfrom\n  stdin with csv;\n", 1),
    ] {
        let files = Migrations::of(&[("1_a.sql", "CREATE TABLE a (id INT);\n"), ("2_b.sql", culprit)]);
        let run = Run::migrate(&database, &files).output().exits(Exit::Data).says("2_b.sql");
        assert!(run.field("exit", "reason").contains(&format!("{line}")), "line {line} is named: {run}");
        assert_eq!((database.has_table("a"), database.history()), (false, vec![]), "nothing was applied");
    }
}

#[test]
fn what_only_looks_like_a_copy_is_run() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let sql = "CREATE TABLE a (t TEXT);\n-- COPY a FROM STDIN;\n/* \\d a */\n\
               INSERT INTO a VALUES ('COPY a FROM STDIN;\n\\d');\n";
    let files = Migrations::of(&[("1_a.sql", sql)]);
    Run::migrate(&database, &files).output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM a"), "1");
}

#[test]
fn files_behind_symbolic_links_are_read_and_directories_passed_over() {
    // As Kubernetes mounts a ConfigMap.
    let files = Migrations::new();
    files.write("..2026/1_a.sql", "CREATE TABLE a (id INT);\n");
    files.write("nested/2_b.sql", "CREATE TABLE b (id INT);\n");
    std::os::unix::fs::symlink("..2026/1_a.sql", files.path().join("1_a.sql")).expect("a link");
    let database = Database::sqlite();
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), ["1"]);
    assert!(database.has_table("a") && !database.has_table("b"));
}
