//! Directories that cannot be trusted, beyond what every format is taken through in the conformance suite.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, FakeConnection, FakePostgres, Finished, Migrations, Run};

/// Runs where the database would never answer: what is wrong with the files is said without one.
fn without_a_database(files: &Migrations) -> Finished {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let run = Run::new(["migrate"]).env("DATABASE_URL", fake.url()).migrations(files).output();
    assert_eq!(fake.attempts(), 0, "nobody is asked while the files are wrong: {run}");
    run
}

#[test]
fn a_version_that_is_no_number_is_refused() {
    let files = Migrations::of(&[("1_a.sql", "SELECT 1;"), ("first_b.sql", "SELECT 2;")]);
    without_a_database(&files).exits(Exit::Data).says("first_b.sql");
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
