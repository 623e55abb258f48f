//! What Prisma generates for SQLite, and Prisma itself at the same file.

use std::time::Duration;

use castoff::exit::Exit;

use super::{FIRST, SECOND, VECTOR, files, states};
use crate::harness::{Database, PrismaState, Run};

/// A parent is dropped and built anew. With the foreign keys on, its children would go with it.
#[test]
fn a_redefined_table_keeps_the_rows_that_refer_to_it() {
    let database = Database::sqlite();
    let files = files(&[
        "CREATE TABLE \"User\" (\n    \"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,\n    \"name\" TEXT\n);\n\n\
         CREATE TABLE \"Post\" (\n    \"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,\n    \"userId\" INTEGER NOT NULL,\n    \
         CONSTRAINT \"Post_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\" (\"id\") ON DELETE CASCADE ON UPDATE CASCADE\n);\n\
         INSERT INTO \"User\" VALUES (1, 'Ana');\nINSERT INTO \"Post\" VALUES (1, 1), (2, 1);\n",
        "-- RedefineTables\nPRAGMA defer_foreign_keys=ON;\nPRAGMA foreign_keys=OFF;\n\
         CREATE TABLE \"new_User\" (\n    \"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,\n    \"name\" TEXT NOT NULL\n);\n\
         INSERT INTO \"new_User\" (\"id\", \"name\") SELECT \"id\", \"name\" FROM \"User\";\n\
         DROP TABLE \"User\";\nALTER TABLE \"new_User\" RENAME TO \"User\";\n\
         PRAGMA foreign_keys=ON;\nPRAGMA defer_foreign_keys=OFF;\n",
        // Afterwards they are on again.
        "DELETE FROM \"User\";\n",
    ]);
    let mut before = Run::migrate(&database, &files);
    std::fs::rename(files.path().join(super::THIRD), files.path().join(".later")).expect("the third one");
    before = before.option(["--format", "prisma"]);
    before.output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM \"Post\""), "2");
    std::fs::rename(files.path().join(".later"), files.path().join(super::THIRD)).expect("the third one");
    before.output().succeeds();
    assert_eq!(database.one("SELECT count(*) FROM \"Post\""), "0", "the foreign keys cascade again");
}

/// Prisma's lock on SQLite is the file's own: `locking_mode=EXCLUSIVE` keeps everybody out from its first write on.
#[test]
fn castoff_waits_while_prisma_has_the_file() {
    let database = Database::sqlite();
    let files = files(&[VECTOR]);
    let mut prisma = database.client();
    prisma.exec("PRAGMA main.locking_mode=EXCLUSIVE");
    prisma.exec("CREATE TABLE prismas (id INT)");
    prisma.exec("DROP TABLE prismas");
    let mut running = Run::migrate(&database, &files).spawn();
    running.until_line("castoff says what it waits for", |line| {
        (line.contains("lock.waiting") || line.contains("wait.retry")).then_some(())
    });
    drop(prisma);
    assert_eq!(running.wait().succeeds().applied(), [FIRST]);
}

#[test]
fn a_file_that_stays_taken_is_not_ready() {
    let database = Database::sqlite();
    let mut prisma = database.client();
    prisma.exec("PRAGMA main.locking_mode=EXCLUSIVE");
    prisma.exec("CREATE TABLE prismas (id INT)");
    let run =
        Run::migrate(&database, &files(&[VECTOR])).option(["--wait-timeout", "1s", "--lock-timeout", "1s"]);
    let run = run.spawn().wait_within(Duration::from_secs(30));
    assert!([69, 75].contains(&run.code), "a retry would help: {run}");
}

/// Autocommit, as Prisma's `execute_batch`: a script that opens a transaction itself is all or nothing.
#[test]
fn a_script_with_its_own_transaction_leaves_nothing_when_it_fails() {
    let database = Database::sqlite();
    let second = "BEGIN;\nCREATE TABLE b (id INT);\nINSERT INTO nowhere VALUES (1);\nCOMMIT;\n";
    let files = files(&[VECTOR, second]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.field("migration.failed", "line"), "3", "{run}");
    assert!(!database.has_table("b"));
    let rows = database.prisma_history();
    assert_eq!(
        states(&database),
        [PrismaState::Applied, PrismaState::Unfinished],
        "the mark is written: {rows:?}"
    );
    assert!(rows[1].logs.as_ref().is_some_and(|logs| logs.contains(SECOND)), "{rows:?}");
}
