//! `--format auto`: whose files they are, by their layout, and where two tools' fits, by the history in the database.

use std::path::{Path, PathBuf};

use castoff::exit::Exit;
use serde_json::{Value, json};

use crate::harness::{Database, Engine, Finished, Migrations, PgBouncer, Proxy, Run, on_every_engine};

on_every_engine!(
    a_reversible_pair_is_whose_history_is_there,
    a_v_file_is_whose_history_is_there,
    a_table_of_the_name_with_other_columns_is_nobodys,
    waiting_needs_no_decision,
    a_table_that_cannot_be_looked_at_ends_the_decision,
    dbmates_files_on_golang_migrates_table_are_refused,
);

/// A layout that two tools read, and those two with their tables.
struct Shared {
    files: Migrations,
    /// The same with one more.
    more: Migrations,
    tools: [(&'static str, &'static str); 2],
}

impl Shared {
    fn new(files: &[(&str, &str)], tools: [(&'static str, &'static str); 2]) -> Self {
        let [first, .., second] = files else { panic!("two migrations") };
        let one: Vec<_> = files.iter().filter(|file| *file != second).copied().collect();
        assert!(one.contains(first));
        Self { files: Migrations::of(&one), more: Migrations::of(files), tools }
    }

    /// sqlx's reversible pair is golang-migrate's layout.
    fn pair() -> Self {
        let files = [
            ("1_a.up.sql", "CREATE TABLE a (id INT);\n"),
            ("1_a.down.sql", "DROP TABLE a;\n"),
            ("2_b.up.sql", "CREATE TABLE b (id INT);\n"),
        ];
        Self::new(&files, [("sqlx", "_sqlx_migrations"), ("golang-migrate", "schema_migrations")])
    }

    /// Flyway's `V1__x.sql` is refinery's layout.
    fn versioned() -> Self {
        let files =
            [("V1__a.sql", "CREATE TABLE a (id INT);\n"), ("V2__b.sql", "CREATE TABLE b (id INT);\n")];
        Self::new(&files, [("flyway", "flyway_schema_history"), ("refinery", "refinery_schema_history")])
    }
}

fn a_reversible_pair_is_whose_history_is_there(database: &Database) {
    is_whose_history_is_there(database, &Shared::pair());
}

fn a_v_file_is_whose_history_is_there(database: &Database) {
    is_whose_history_is_there(database, &Shared::versioned());
}

fn status(database: &Database, files: &Migrations) -> Run {
    Run::new(["status", "--json"]).database(database).migrations(files)
}

fn document(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn is_whose_history_is_there(database: &Database, shared: &Shared) {
    let Shared { files, more, tools } = shared;
    nobody_is_named(database, shared, "a history table of none of them");
    assert!(!database.has_table("a"), "nothing was run");

    for (tool, table) in tools {
        Run::migrate(database, files).option(["--format", tool]).output().succeeds();
        for run in [Run::migrate(database, files), Run::start(database, files, ["/bin/echo", "started"])] {
            let run = run.output().succeeds();
            assert_eq!(run.applied(), [""; 0], "{run}");
        }
        let said = document(&status(database, files).output().succeeds());
        assert_eq!((&said["format"], &said["state"]), (&json!(tool), &json!("up-to-date")), "{said}");

        let said = document(&status(database, more).output().exits(Exit::Pending));
        assert_eq!((&said["format"], &said["pending"]), (&json!(tool), &json!(["2"])), "{said}");
        assert_eq!(Run::migrate(database, more).output().succeeds().applied(), ["2"]);
        let said = document(&status(database, more).output().succeeds());
        assert_eq!((&said["format"], &said["state"]), (&json!(tool), &json!("up-to-date")), "{said}");

        database.exec("DROP TABLE a");
        database.exec("DROP TABLE b");
        database.exec(&format!("ALTER TABLE {table} RENAME TO kept_{table}"));
        nobody_is_named(database, shared, "a history table of none of them");
    }

    for (_, table) in tools {
        database.exec(&format!("ALTER TABLE kept_{table} RENAME TO {table}"));
    }
    nobody_is_named(database, shared, "the history tables of");
    assert!(!database.has_table("a"), "nothing was run");
}

/// 64 with both names, and why, whatever is asked for.
fn nobody_is_named(database: &Database, shared: &Shared, why: &str) {
    let Shared { files, tools, .. } = shared;
    for run in [
        status(database, files),
        Run::migrate(database, files),
        Run::start(database, files, ["/bin/echo", "started"]),
        Run::migrate(database, files).option(["--format", "auto"]),
    ] {
        let run = run.output().exits(Exit::Usage);
        let reason = run.field("exit", "reason");
        assert!(tools.iter().all(|(tool, _)| reason.contains(tool)) && reason.contains(why), "{run}");
        assert!(run.field("exit", "hint").contains("--format"), "{run}");
        assert!(!run.stdout.contains("started"), "{run}");
    }
}

/// dbmate's and Rails' `schema_migrations` is not golang-migrate's.
fn a_table_of_the_name_with_other_columns_is_nobodys(database: &Database) {
    let shared = Shared::pair();
    for columns in ["version VARCHAR(128) PRIMARY KEY", "version BIGINT, dirty BOOLEAN, more INT"] {
        database.exec(&format!("CREATE TABLE schema_migrations ({columns})"));
        nobody_is_named(database, &shared, "a history table of none of them");
        database.exec("DROP TABLE schema_migrations");
    }
    // Capitals and the order of the columns are not what tells them apart.
    database.exec("CREATE TABLE schema_migrations (dirty BOOLEAN, VERSION BIGINT PRIMARY KEY)");
    if database.engine() == Engine::Postgres {
        database.exec(&format!("GRANT SELECT ON schema_migrations TO {}", database.name()));
    }
    let said = document(&status(database, &shared.files).output());
    assert_eq!(said["format"], "golang-migrate", "{said}");
}

/// Readiness has nothing to do with the files.
fn waiting_needs_no_decision(database: &Database) {
    let Shared { files, .. } = Shared::pair();
    Run::new(["wait"]).database(database).migrations(&files).output().succeeds();
    let run = Run::start(database, &files, ["/bin/echo", "started"]).option(["--mode", "wait"]).output();
    assert_eq!(run.succeeds().stdout, "started\n");
}

/// Looking again would not help.
fn a_table_that_cannot_be_looked_at_ends_the_decision(database: &Database) {
    let Shared { files, .. } = Shared::pair();
    let (exit, why) = match database.engine() {
        Engine::Postgres => {
            database.exec("CREATE SCHEMA elsewhere");
            (Exit::Refused, "permission denied for schema elsewhere")
        }
        Engine::Sqlite => (Exit::Data, "unknown database 'elsewhere'"),
        // What an account may not see is not there.
        Engine::MySql => (Exit::Usage, "a history table of none of them"),
    };
    for run in [status(database, &files), Run::migrate(database, &files)] {
        let run = run.option(["--history-table", "elsewhere.done"]).output().exits(exit);
        assert!(run.field("exit", "reason").contains(why), "{run}");
        assert_eq!(run.events("wait.retry").len(), 0, "{run}");
    }
}

/// The layouts are told apart by what stands in the files; the tables only have the same name.
fn dbmates_files_on_golang_migrates_table_are_refused(database: &Database) {
    let theirs = Shared::pair().files;
    Run::migrate(database, &theirs).option(["--format", "golang-migrate"]).output().succeeds();
    let ours = Migrations::of(&[("2_b.sql", "-- migrate:up\nCREATE TABLE b (id INT);\n-- migrate:down\n")]);
    let run = Run::migrate(database, &ours).output().exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("schema_migrations is not"), "{run}");
    assert!(!database.has_table("b"));
    let said = document(&status(database, &theirs).output().succeeds());
    assert_eq!(said["state"], "up-to-date", "its history is as it was: {said}");
}

/// The folders of `migrations/` that are for SQLite or for every engine.
fn corpora() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = std::fs::read_dir(root).expect("the corpora").flatten().map(|entry| entry.path());
    let folders = entries.filter(|path| path.is_dir()).map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let sqlite = path.join("sqlite");
        (name, if sqlite.is_dir() { sqlite } else { path })
    });
    folders.collect()
}

/// In an empty database: those that only one tool could have written are known by their files, the others are named.
#[test]
fn every_corpus_is_recognised_by_its_files() {
    let shared = [("golang-migrate", "sqlx"), ("refinery", "flyway")];
    let corpora = corpora();
    assert_eq!(corpora.len(), castoff::format::FORMATS.len(), "a corpus for each format");
    for (name, folder) in corpora {
        let database = Database::sqlite();
        let run = Run::new(["status", "--json"]).database(&database).env("CASTOFF_MIGRATIONS", &folder);
        let Some((_, other)) = shared.iter().find(|(shared, _)| *shared == name) else {
            let run = run.output().exits(Exit::Pending);
            assert_eq!(document(&run)["format"], name.as_str(), "{run}");
            continue;
        };
        let run = run.output().exits(Exit::Usage);
        let reason = run.field("exit", "reason");
        assert!(reason.contains(&name) && reason.contains(other), "{run}");
    }
}

/// Neither tool finds its directive behind the mark; as another tool's the whole file would be run, the way down too.
#[test]
fn a_byte_order_mark_makes_no_file_another_tool_s() {
    for sql in [
        "-- migrate:up\nCREATE TABLE a (id INT);\n-- migrate:down\n",
        "-- +goose Up\nCREATE TABLE a (id INT);\n",
    ] {
        let database = Database::sqlite();
        let files = Migrations::of(&[("1_a.sql", &format!("\u{feff}{sql}"))]);
        let run = Run::migrate(&database, &files).output().exits(Exit::Data);
        assert!(run.field("exit", "reason").contains("byte order mark"), "{run}");
        assert!(!database.has_table("a"));
    }
}

/// Which passes on nothing of what the URL asks.
#[test]
fn through_a_pooler_the_history_is_looked_for_where_the_url_says() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "") else { return };
    database.exec(&format!("CREATE SCHEMA app AUTHORIZATION {}", database.name()));
    let Shared { files, .. } = Shared::pair();
    let there = |url: String| format!("{url}?search_path=app");
    let run = Run::migrate(&database, &files).option(["--format", "golang-migrate"]);
    run.env("DATABASE_URL", there(database.url())).output().succeeds();
    let run = Run::migrate(&database, &files).env("DATABASE_URL", there(pooler.url(&database)));
    run.output().succeeds().event("migrate.none");
}

/// The simple queries of the only connection, and that none of them writes.
fn queries(database: &Database, files: &Migrations) -> usize {
    let proxy = Proxy::before(database.port());
    let run = Run::start(database, files, ["/bin/echo", "started"]);
    let run = run.env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port())).output().succeeds();
    run.event("migrate.none");
    let sessions: Vec<_> = proxy.sessions().into_iter().filter(|session| !session.is_empty()).collect();
    assert_eq!(sessions.len(), 1, "one connection: {sessions:?}");
    let messages: Vec<_> = sessions[0].iter().filter(|(kind, _)| *kind != 'X').collect();
    for (kind, text) in &messages {
        let text = String::from_utf8_lossy(text).to_uppercase();
        assert!(
            *kind == 'Q'
                && !["CREATE ", "INSERT ", "UPDATE ", "LOCK("].iter().any(|word| text.contains(word))
        );
    }
    messages.len()
}

#[test]
fn the_database_is_asked_only_where_the_files_leave_it_open() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Shared { files, .. } = Shared::pair();
    Run::migrate(&database, &files).option(["--format", "sqlx"]).output().succeeds();
    let undecided = queries(&database, &files);

    let alone = Migrations::of(&[("1_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n")]);
    Run::migrate(&database, &alone).option(["--format", "dbmate"]).output().succeeds();
    assert_eq!(queries(&database, &alone), 1, "nothing pending costs one query");
    assert!((2..=4).contains(&undecided), "the columns of two tables are looked at once: {undecided}");
}
