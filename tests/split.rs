//! A file without a transaction is still sent whole, and all or nothing, unless a statement in it cannot run like that.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Proxy, Run};

/// The texts of all simple queries that went over the wire and hold this word.
fn queries_with(proxy: &Proxy, word: &str) -> Vec<String> {
    let sessions = proxy.sessions().into_iter().flatten();
    let texts = sessions
        .filter(|(kind, _)| *kind == 'Q')
        .map(|(_, body)| String::from_utf8_lossy(&body).into_owned());
    texts.filter(|text| text.contains(word)).collect()
}

fn run(database: &Database, proxy: &Proxy, files: &Migrations) -> Run {
    Run::migrate(database, files).env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
}

#[test]
fn without_such_a_statement_a_file_is_one_message_and_all_or_nothing() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    // The words alone, in a comment, a string and a body, split nothing.
    let whole = "-- no-transaction\n-- VACUUM is for another day; CREATE INDEX CONCURRENTLY as well\n\
                 CREATE TABLE kept (note TEXT DEFAULT 'VACUUM; REINDEX');\n\
                 CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$ BEGIN /* ; VACUUM; */ RETURN 1; END $$;\n";
    let files = Migrations::of(&[("1_all.sql", &format!("{whole}INSERT INTO nowhere VALUES (1);\n"))]);
    let failed = run(&database, &proxy, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(failed.field("migration.failed", "line"), "5", "{failed}");
    assert_eq!(
        queries_with(&proxy, "nowhere"),
        queries_with(&proxy, "kept"),
        "one message holds the first and the last"
    );
    assert_eq!(queries_with(&proxy, "nowhere").len(), 1);
    assert!(
        !database.has_table("kept") && database.history().is_empty(),
        "nothing of it stayed, nothing is recorded"
    );
    files.write("1_all.sql", whole);
    run(&database, &proxy, &files).output().succeeds();
    assert!(database.has_table("kept"));
}

const APART: &str =
    "-- no-transaction\nCREATE TABLE kept (id INT);\nVACUUM kept;\nINSERT INTO kept VALUES (1);\n";

#[test]
fn with_such_a_statement_each_is_sent_by_itself() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // Whole it cannot run, so that the test is known to test something.
    let whole = database.client().try_rows(APART).expect_err("VACUUM cannot run inside a transaction block");
    assert!(whole.to_string().contains("VACUUM") && !database.has_table("kept"), "{whole}");
    let proxy = Proxy::before(database.port());
    let files = Migrations::of(&[("1_apart.sql", APART)]);
    run(&database, &proxy, &files).output().succeeds();
    assert_eq!(queries_with(&proxy, "kept").len(), 3);
    assert_eq!((database.one("SELECT count(*) FROM kept"), database.versions()), ("1".to_owned(), vec![1]));
}

#[test]
fn what_a_split_file_did_before_its_failure_stays_and_blocks_the_next_start() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_apart.sql", &format!("{APART}INSERT INTO nowhere VALUES (1);\n"))]);
    let failed = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(failed.field("migration.failed", "line"), "5", "{failed}");
    assert!(failed.field("migration.failed", "statement").contains("nowhere"), "{failed}");
    assert!(failed.field("migration.failed", "hint").contains("castoff resolve --applied 1"), "{failed}");
    assert_eq!(database.one("SELECT count(*) FROM kept"), "1");
    let marks: Vec<bool> = database.history().iter().map(|row| row.success).collect();
    assert_eq!(marks, [false]);
    Run::migrate(&database, &files).output().exits(Exit::Data).says("1");
    assert_eq!(database.one("SELECT count(*) FROM kept"), "1", "nothing ran a second time");
}

#[test]
fn on_sqlite_a_file_may_vacuum() {
    let database = Database::sqlite();
    let files = Migrations::of(&[("1_apart.sql", &APART.replace("VACUUM kept", "VACUUM"))]);
    Run::migrate(&database, &files).output().succeeds();
    assert_eq!((database.one("SELECT count(*) FROM kept"), database.versions()), ("1".to_owned(), vec![1]));
}
