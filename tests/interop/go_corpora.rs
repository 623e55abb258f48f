//! The corpora of the tools that no package registry of ours ships, Go programs and Flyway: castoff makes of them what it makes
//! of sqlx's.

use crate::corpus::{first_half, whole};
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, Run, on_every_engine};

on_every_engine!(
    golang_migrate_s_corpus_leads_where_sqlx_s_does,
    goose_s_corpus_leads_where_sqlx_s_does,
    flyway_s_corpus_leads_where_sqlx_s_does,
);

fn golang_migrate_s_corpus_leads_where_sqlx_s_does(database: &Database) {
    in_two_starts(database, "golang-migrate");
    leads_where_sqlx_s_does(database, "schema_migrations");
}

fn goose_s_corpus_leads_where_sqlx_s_does(database: &Database) {
    in_two_starts(database, "goose");
    leads_where_sqlx_s_does(database, "goose_db_version");
}

fn flyway_s_corpus_leads_where_sqlx_s_does(database: &Database) {
    Run::migrate(database, &whole("flyway", database.engine())).output().succeeds();
    leads_where_sqlx_s_does(database, "flyway_schema_history");
}

/// As far as the files were there.
fn in_two_starts(database: &Database, format: &str) {
    let engine = database.engine();
    for files in [first_half(format, engine), whole(format, engine)] {
        let run = Run::migrate(database, &files).option(["--format", format]).output().succeeds();
        assert!(!run.applied().is_empty(), "{run}");
    }
}

fn leads_where_sqlx_s_does(database: &Database, history: &str) {
    let engine = database.engine();
    let Some(by_sqlx) = Database::on(engine) else { return };
    Run::migrate(&by_sqlx, &whole("sqlx", engine)).output().succeeds();
    assert_alike(&without_history(database, history), &without_history(&by_sqlx, "_sqlx_migrations"));
}

fn without_history(database: &Database, history: &str) -> String {
    database.exec(&format!("DROP TABLE {history}"));
    let text = dump(database);
    // What sqlx's driver asks of the session stays in what was made in it.
    let asked = |line: &&str| database.engine() == Engine::MySql && line.contains("SET sql_mode ");
    text.lines().filter(|line| !asked(line)).collect::<Vec<_>>().join("\n")
}
