//! A file is sent whole, except where a statement in it cannot run in a transaction; and what is known when the
//! connection ends in the middle.

use castoff::exit::Exit;

use super::failures::is_blocked;
use super::{FIRST, SECOND, file, files, states, status};
use crate::harness::{Database, Engine, Gate, Migrations, PrismaState, Proxy, Run};

/// How many simple queries that hold this word went over the wire.
fn queries_with(proxy: &Proxy, word: &str) -> usize {
    let sessions = proxy.sessions().into_iter().flatten();
    let texts = sessions.filter(|(kind, _)| *kind == 'Q');
    texts.filter(|(_, body)| String::from_utf8_lossy(body).contains(word)).count()
}

fn through(proxy: &Proxy, database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
}

#[test]
fn a_file_is_one_message() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    // The words alone, in a comment and a string, split nothing.
    let sql = "-- CREATE INDEX CONCURRENTLY is for another day; VACUUM as well\n\
               CREATE TABLE kept (note TEXT DEFAULT 'VACUUM; REINDEX');\nINSERT INTO kept DEFAULT VALUES;\n";
    through(&proxy, &database, &files(&[sql])).output().succeeds();
    assert_eq!(queries_with(&proxy, "kept"), 1);
}

const APART: [(&str, &str); 4] = [
    ("build", "CREATE INDEX CONCURRENTLY kept_id ON kept (id);\n"),
    ("drop", "CREATE INDEX kept_id ON kept (id);\nDROP INDEX CONCURRENTLY kept_id;\n"),
    ("vacuum", "VACUUM kept;\n"),
    ("reindex", "CREATE INDEX kept_id ON kept (id);\nREINDEX INDEX CONCURRENTLY kept_id;\n"),
];

#[test]
fn with_a_statement_that_no_transaction_holds_each_is_sent_by_itself() {
    for (what, statement) in APART {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        let sql = format!(
            "-- CreateTable\nCREATE TABLE kept (id INT);\n\n{statement}INSERT INTO kept VALUES (1);\n"
        );
        // Whole it cannot run, so that the test is known to test something.
        let whole = database.client().try_rows(&sql).expect_err("no transaction holds it");
        assert!(whole.to_string().contains("transaction block"), "{what}: {whole}");
        Run::migrate(&database, &files(&[&sql])).output().succeeds();
        assert_eq!(database.one("SELECT count(*) FROM kept"), "1", "{what}");
        assert_eq!(database.prisma_applied(), [FIRST], "{what}");
    }
}

#[test]
fn a_failure_among_them_is_named_with_its_line_and_what_came_before_stays() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let second = "CREATE TABLE kept (id INT);\nVACUUM kept;\n\nINSERT INTO nowhere\nVALUES (1);\nSELECT 1;\n";
    let files = files(&["SELECT 1;\n", second, "CREATE TABLE c (id INT);\n"]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let failed = run.event("migration.failed");
    assert_eq!((failed["id"].as_str(), failed["line"].as_u64()), (Some(SECOND), Some(4)), "{run}");
    assert!(failed["statement"].as_str().is_some_and(|sql| sql.starts_with("INSERT INTO nowhere")), "{run}");
    assert!(!run.stderr.contains("rolled back"), "its beginning stayed: {run}");
    assert!(database.has_table("kept"));
    assert_eq!(states(&database), [PrismaState::Applied, PrismaState::Unfinished]);
    is_blocked(&database, &files);
}

/// A build that fails leaves an invalid index behind, which `IF NOT EXISTS` would later pass over.
#[test]
fn a_failed_build_is_a_failure() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = files(&[
        "CREATE TABLE a (id INT);\nINSERT INTO a VALUES (1), (1);\n",
        "-- CreateIndex\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);\n",
    ]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.field("migration.failed", "id"), SECOND);
    assert_eq!(states(&database), [PrismaState::Applied, PrismaState::Unfinished], "{run}");

    database.exec("DELETE FROM a");
    Run::new(["resolve", "--rolled-back", SECOND]).database(&database).migrations(&files).output().succeeds();
    Run::migrate(&database, &files).output().succeeds();
    assert_eq!(database.one("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass"), "t");
}

/// The row of a whole file is finished in the file's own transaction, so that it can be asked what became of it.
#[test]
fn a_connection_lost_in_a_whole_file_is_opened_again_and_the_file_applied_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let second = format!("CREATE TABLE b (id INT);\n{}", gate.sql());
    let files = files(&["CREATE TABLE a (id INT);\n", &second]);
    let running = Run::migrate(&database, &files).spawn();
    let first = gate.end_visitor();
    while gate.visitor() == first {
        std::thread::yield_now();
    }
    gate.open();
    let run = running.wait().succeeds();
    assert_eq!(database.prisma_applied(), [FIRST, SECOND], "{run}");
    let unfinished = states(&database).into_iter().filter(|state| *state == PrismaState::Unfinished).count();
    assert_eq!(unfinished, 0, "nothing of the first try blocks: {:?}", database.prisma_history());
    assert_eq!(status(&database, &files, 0)["state"], "up-to-date");
}

/// Here nobody can know how far it got.
#[test]
fn a_connection_lost_among_single_statements_is_an_unknown_outcome() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { continue };
        let mut gate = Gate::closed(&database);
        let vacuum = if engine == Engine::Postgres { "VACUUM b;\n" } else { "" };
        let second = format!("CREATE TABLE b (id INT);\n{vacuum}{}", gate.sql());
        let files = files(&["CREATE TABLE a (id INT);\n", &second]);
        let running = Run::migrate(&database, &files).spawn();
        gate.end_visitor();
        let run = running.wait();
        assert!([74, 80].contains(&run.code), "{engine}: {run}");
        assert!(database.has_table("b"));
        assert_eq!(states(&database), [PrismaState::Applied, PrismaState::Unfinished], "{engine}: {run}");
        is_blocked(&database, &files);
        drop(gate);
    }
}

/// It commits a part by itself, so that a rerun after a lost connection would run that part twice.
#[test]
fn a_script_with_its_own_commit_is_not_run_again() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = Migrations::new();
    files.write(&file(SECOND), format!("CREATE TABLE IF NOT EXISTS b (id INT);\nCOMMIT;\n{}", gate.sql()));
    let running = Run::migrate(&database, &files).spawn();
    gate.end_visitor();
    let run = running.wait();
    assert!([74, 80].contains(&run.code), "{run}");
    assert_eq!(states(&database), [PrismaState::Unfinished]);
    is_blocked(&database, &files);
}
