//! The Flyway format: what generic cases do not know, such as placeholders, repeatables, callbacks and baselines.

use castoff::exit::Exit;
use serde_json::Value;

use crate::harness::{Database, Engine, Finished, Migrations, Run, on_every_engine};

// Where Flyway begins: a schema that is taken over, and a baseline migration.
mod baseline;
// SQL before and after.
mod callbacks;
// `COPY` and the rows behind it.
mod copy;
// What is missing or pending after a rollback, and what the tool's own variables say.
mod policies;
// `${…}` and `.conf`.
mod placeholders;
// `R__…`.
mod repeatable;
// What one script leaves for the next.
mod session;

on_every_engine!(the_corpus_is_applied_and_recorded, java_is_refused_before_anything_is_applied);

/// A row, column by column, as text.
type TextRow = Vec<Option<String>>;

const TABLE: &str = "flyway_schema_history";

/// The files of `migrations/flyway` for an engine.
fn corpus(format: &str, engine: Engine) -> Migrations {
    let root =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(format).join(engine.name());
    let (files, mut directories) = (Migrations::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("the corpus") {
            let path = entry.expect("an entry of the corpus").path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).expect("a path below the corpus");
            files.write(name.to_str().expect("an ASCII name"), std::fs::read(&path).expect("a file"));
        }
    }
    files
}

/// A start of the application that must succeed.
fn starts(database: &Database, files: &Migrations) -> Finished {
    has_started(Run::start(database, files, ["/bin/echo", "started"]).output())
}

fn has_started(run: Finished) -> Finished {
    let run = run.succeeds();
    assert_eq!(run.stdout, "started\n", "{run}");
    run
}

/// `castoff status --json`, after checking its exit code.
fn status(database: &Database, files: &Migrations, code: i32) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files).output().exits_with(code);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

/// Version, description, type, script and success of every row, by rank.
fn history(database: &Database) -> Vec<TextRow> {
    database.rows(&format!(
        "SELECT version, description, type, script, CASE WHEN success THEN 'yes' ELSE 'no' END FROM {TABLE} \
         ORDER BY installed_rank"
    ))
}

/// The scripts of every row, by rank, without their folders.
fn scripts(database: &Database) -> Vec<String> {
    let script = |row: &TextRow| row[3].clone().expect("a script");
    history(database)
        .iter()
        .map(script)
        .map(|path| path.rsplit('/').next().unwrap_or("").to_owned())
        .collect()
}

fn the_corpus_is_applied_and_recorded(database: &Database) {
    let files = corpus("flyway", database.engine());
    let run = starts(database, &files);
    let (first, last) = ("2025.01.07.1", "R__guest_list");
    let applied = run.applied();
    assert_eq!((applied[0].as_str(), applied[applied.len() - 1].as_str()), (first, last), "{run}");
    let rows = history(database);
    assert_eq!(rows.len(), applied.len());
    assert_eq!(rows[0][3].as_deref(), Some("programme/V2025.01.07.1__venues_and_performances.sql"));
    assert_eq!(rows[rows.len() - 1][0], None);
    let ranks = database.rows(&format!("SELECT installed_rank FROM {TABLE} ORDER BY installed_rank"));
    let expected: Vec<TextRow> = (1..=rows.len()).map(|rank| vec![Some(rank.to_string())]).collect();
    assert_eq!(ranks, expected);
    starts(database, &files).event("migrate.none");

    // The schema is the one of the other formats.
    let other = Database::on(database.engine()).expect("a second database");
    Run::migrate(&other, &corpus("sqlx", database.engine())).output().succeeds();
    for table in ["venue", "performance", "customer", "booking", "house_rule", "guest_list"] {
        let rows = |database: &Database| database.rows(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3"));
        assert_eq!(rows(database), rows(&other), "{table}");
    }
}

fn java_is_refused_before_anything_is_applied(database: &Database) {
    let files =
        Migrations::of(&[("V1.0__a.sql", "CREATE TABLE a (id INT);\n"), ("V2__Backfill.java", "class V2")]);
    let run = Run::migrate(database, &files).output().exits(Exit::Data).says("V2__Backfill.java");
    assert!(run.applied().is_empty() && !database.has_table("a"), "{run}");
    files.remove("V2__Backfill.java");
    starts(database, &files);
}

#[test]
fn a_bare_version_could_be_refinery_s_and_the_history_decides() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("V1__a.sql", "CREATE TABLE a (id INT);\n")]);
    let run = Run::migrate(&database, &files).output().exits(Exit::Usage);
    run.says("flyway").says("refinery");
    Run::migrate(&database, &files).env("CASTOFF_FORMAT", "flyway").output().succeeds();
    files.write("V2__b.sql", "CREATE TABLE b (id INT);\n");
    assert_eq!(starts(&database, &files).applied(), ["2"]);
}

#[test]
fn the_row_names_who_applied_it() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { return };
        let files =
            Migrations::of(&[("V1.0__a.sql", "CREATE TABLE a (id INT);\n"), ("R__r.sql", "SELECT 1;\n")]);
        starts(&database, &files);
        let user = format!("SELECT DISTINCT installed_by FROM {TABLE}");
        assert_eq!(database.one(&user), database.name());
        files.write("V2__b.sql", "CREATE TABLE b (id INT);\n");
        let named =
            Run::start(&database, &files, ["/bin/echo", "started"]).env("FLYWAY_INSTALLED_BY", "deployer");
        has_started(named.output());
        assert_eq!(database.one(&format!("{user} WHERE version = '2'")), "deployer");
    }
}

/// The row that is there before the script runs says at its end how long that took.
#[test]
fn a_row_that_is_completed_says_how_long_it_took() {
    for (engine, slow) in [(Engine::Postgres, "SELECT pg_sleep(0.2);\n"), (Engine::MySql, "DO SLEEP(0.2);\n")]
    {
        let Some(database) = Database::on(engine) else { return };
        let files =
            Migrations::of(&[("V1.0__a.sql", slow), ("V1.0__a.sql.conf", "executeInTransaction=false\n")]);
        starts(&database, &files);
        let took: u32 =
            database.one(&format!("SELECT execution_time FROM {TABLE}")).parse().expect("a number");
        assert!((200..10_000).contains(&took), "{engine:?}: {took}");
    }
}

/// Flyway's lock is bound to a transaction, unless it is told otherwise; castoff's session excludes both.
#[test]
fn flyway_itself_is_kept_out_while_castoff_migrates() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = crate::harness::Gate::closed(&database);
    let files = Migrations::of(&[("V1.0__a.sql", ""), ("R__r.sql", "SELECT 1;\n")]);
    files.write("V1.0__a.sql", gate.sql());
    let running = Run::migrate(&database, &files).spawn();
    gate.visitor();
    let key =
        77_431_708_279_161 + i64::from(crate::harness::keys::java_hash(&format!("\"public\".\"{TABLE}\"")));
    assert_eq!(key, 77_433_833_903_597);
    assert_eq!(database.one(&format!("SELECT pg_try_advisory_xact_lock({key})")), "f");
    gate.open();
    running.wait().succeeds();
    assert_eq!(database.one(&format!("SELECT pg_try_advisory_xact_lock({key})")), "t");
}

/// What Flyway's `repair` takes away, and what it leaves.
#[test]
fn a_failure_on_mysql_is_resolved_as_repair_would() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("sub/V1.1__b.sql", "CREATE TABLE b (id INT);\nINSERT INTO nowhere VALUES (1);\n"),
    ]);
    let failed = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(failed.event("migration.failed")["line"], 2, "{failed}");
    assert_eq!(history(&database)[1][4].as_deref(), Some("no"));
    let blocked = Run::migrate(&database, &files).output().exits(Exit::Data);
    assert!(blocked.field("exit", "hint").contains("castoff resolve --rolled-back 1.1"), "{blocked}");
    assert_eq!(status(&database, &files, 65)["failed"][0]["id"], "1.1");

    database.exec("DROP TABLE b");
    let resolve = |how, id| Run::new(["resolve", how, id]).database(&database).migrations(&files).output();
    resolve("--rolled-back", "1.1").succeeds();
    assert_eq!(history(&database).len(), 1);
    resolve("--applied", "1.1").succeeds();
    let rows = history(&database);
    assert_eq!(rows[1][3].as_deref(), Some("sub/V1.1__b.sql"));
    starts(&database, &files).event("migrate.none");
}

/// A migration of nothing but DML is rolled back on MySQL too, and Flyway records its failure all the same.
#[test]
fn a_failure_that_mysql_rolled_back_is_recorded_as_well() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT PRIMARY KEY);\n"),
        ("V1.1__b.sql", "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\n"),
    ]);
    Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(history(&database)[1][4].as_deref(), Some("no"));
    assert_eq!(database.one("SELECT count(*) FROM a"), "0");
}
