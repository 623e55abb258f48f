//! The Prisma format: what it writes, whom it refuses, and what it leaves where something went wrong.

use castoff::exit::Exit;
use serde_json::Value;

use crate::harness::{
    Database, Engine, Finished, MariaDb, Migrations, Postgres, PrismaState, Run, on_every_engine, secrets,
};

// Directories that are not quite what they should be, and checksums of other releases.
mod drift;
// What fails, is stopped or killed, and how a person resolves it.
mod failures;
// Many replicas at one history.
mod herd;
// The database and the schema the history belongs to.
mod place;
// `castoff resolve`.
mod resolve;
// Files with statements that no transaction holds, and connections that end in the middle of one.
mod split;
// SQLite: its redefined tables, and Prisma at the same file.
mod sqlite_file;
// `file:` URLs.
mod sqlite_url;

on_every_engine!(
    every_directory_is_applied_once_and_recorded_as_prisma_records_it,
    with_nothing_pending_nothing_is_written,
    an_empty_file_is_a_migration,
);

/// The reference's file, and its SHA-256 there.
const VECTOR: &str = "CREATE TABLE t (id INT);\n";
const VECTOR_SHA256: &str = "1f3fb0035a049af0ffa5671f5739ba073a99aaa6d8cc6a789599c9fd9292821d";

const FIRST: &str = "20250101000000_first";
const SECOND: &str = "20250102000000_second";
const THIRD: &str = "20250103000000_third";

/// Where a migration's script is.
fn file(migration: &str) -> String {
    format!("{migration}/migration.sql")
}

/// Prisma's directories with these scripts, in this order: first, second, third.
fn files(scripts: &[&str]) -> Migrations {
    let files = Migrations::new();
    for (name, sql) in [FIRST, SECOND, THIRD].iter().zip(scripts) {
        files.write(&file(name), sql);
    }
    files
}

/// Three that every engine can run.
fn three() -> Migrations {
    files(&[
        VECTOR,
        "CREATE TABLE u (id INT, note VARCHAR(100));\nINSERT INTO t VALUES (1);\n",
        "INSERT INTO u SELECT id, 'a;b -- c' FROM t;\n",
    ])
}

/// `castoff status --json`, after checking its exit code.
fn status(database: &Database, files: &Migrations, code: i32) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files).output().exits_with(code);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn warnings(run: &Finished) -> usize {
    run.log.iter().filter(|line| line["level"] == "warn").count()
}

fn states(database: &Database) -> Vec<PrismaState> {
    database.prisma_history().iter().map(crate::harness::PrismaRow::state).collect()
}

/// Seconds since 1970 of a column of times, as the engine's own words have it.
fn seconds(database: &Database, column: &str) -> Vec<f64> {
    let value = match database.engine() {
        Engine::Postgres => format!("extract(epoch FROM {column})"),
        Engine::MySql => format!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column}) / 1000000"),
        // An integer of milliseconds, not a text.
        Engine::Sqlite => format!("CASE typeof({column}) WHEN 'integer' THEN {column} / 1000.0 END"),
    };
    let rows = database.rows(&format!("SELECT CAST({value} AS CHAR(20)) FROM _prisma_migrations"));
    rows.iter().map(|row| row[0].as_ref().expect("a time").trim().parse().expect("seconds")).collect()
}

fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs_f64()
}

fn every_directory_is_applied_once_and_recorded_as_prisma_records_it(database: &Database) {
    let files = three();
    let before = now();
    let run = Run::start(database, &files, ["/bin/echo", "started"]).output().succeeds();
    let after = now();
    assert_eq!(
        (run.stdout.as_str(), run.applied()),
        ("started\n", vec![FIRST.into(), SECOND.into(), THIRD.into()])
    );
    assert_eq!(database.one("SELECT note FROM u"), "a;b -- c");

    let rows = database.prisma_history();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, [FIRST, SECOND, THIRD]);
    assert_eq!(rows[0].checksum, VECTOR_SHA256);
    for row in &rows {
        row.assert_id();
        let rest = (row.state(), &row.logs, &row.rolled_back_at, row.steps.as_str());
        assert_eq!(rest, (PrismaState::Applied, &None, &None, "1"), "{row:?}");
    }
    let (started, finished) = (seconds(database, "started_at"), seconds(database, "finished_at"));
    for (started, finished) in started.iter().zip(&finished) {
        // Three decimals, rounded down.
        let in_order = before - 0.002 <= *started && started <= finished && *finished <= after;
        assert!(in_order, "{before} {started} {finished} {after}");
    }
}

fn with_nothing_pending_nothing_is_written(database: &Database) {
    let files = three();
    Run::migrate(database, &files).output().succeeds();
    let bytes =
        || (database.engine() == Engine::Sqlite).then(|| std::fs::read(database.name()).expect("the file"));
    let before = (database.prisma_history(), bytes());
    let run = Run::start(database, &files, ["/bin/echo", "started"]).output().succeeds();
    assert_eq!((run.stdout.as_str(), run.events("migrate.none").len()), ("started\n", 1), "{run}");
    assert!(run.events("lock.acquired").is_empty() && run.applied().is_empty(), "{run}");
    assert_eq!((database.prisma_history(), bytes()), before);
    let said = status(database, &files, 0);
    assert_eq!((&said["format"], &said["state"]), (&"prisma".into(), &"up-to-date".into()), "{said}");
    assert_eq!(said["applied"][2]["id"], THIRD, "{said}");
    let at = said["applied"][2]["applied_at"].as_str().expect("a time");
    let at = humantime::parse_rfc3339(at).expect("RFC 3339");
    assert!(at.elapsed().is_ok_and(|age| age.as_secs() < 300), "{said}");
}

/// As `prisma migrate dev --create-only` leaves it.
fn an_empty_file_is_a_migration(database: &Database) {
    let files = files(&["", "-- This is an empty migration."]);
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), [FIRST, SECOND]);
    let rows = database.prisma_history();
    assert_eq!(rows[0].checksum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(states(database), [PrismaState::Applied, PrismaState::Applied]);
}

/// The corpus knows which: `||` is OR, and a time without a zone is the server's.
#[test]
fn a_session_on_mariadb_is_as_the_server_has_it() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--default-time-zone=+05:00"]);
    let database = Database::on_mariadb(&server);
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/prisma/mysql");
    let before = now();
    let run = Run::new(["migrate", "--migrations", corpus]).database(&database).output().succeeds();
    assert_eq!(run.applied().len(), 7);
    assert_eq!(database.one("SELECT group_concat(needsHelp ORDER BY id) FROM Booking"), "1,1,0,0");
    let first = "SELECT unix_timestamp(startsAt) FROM Performance WHERE id = 1";
    assert_eq!(database.one(first), "1739543400", "19:30 five hours east of Greenwich");
    // The history's own times are UTC all the same.
    assert!(seconds(&database, "started_at").iter().all(|at| (before - 1.0..now()).contains(at)));
}

/// A time without a zone is the server's here as well, or its database's or role's, the most specific of them.
#[test]
fn a_session_on_postgresql_is_as_the_server_has_it() {
    let Some(server) = Postgres::started(&[("timezone", "Asia/Tokyo"), ("datestyle", "iso, dmy")]) else {
        return;
    };
    let database = Database::on_postgres(&server);
    let name = database.name();
    // Whom the files of the server are shown; to others they are a secret, and UTC stays.
    database.exec(&format!("ALTER ROLE {name} SUPERUSER"));
    let note =
        "CREATE TABLE noted AS SELECT extract(epoch FROM timestamptz '1/2/2025 09:00')::bigint AS at;\n";
    let noted = || {
        Run::migrate(&database, &files(&[note])).output().succeeds();
        let at = database.one("SELECT at FROM noted");
        database.exec("DROP TABLE noted, _prisma_migrations");
        at
    };
    assert_eq!(noted(), "1738368000", "nine o'clock in Tokyo on the first of February");
    database.exec(&format!("ALTER DATABASE {name} SET timezone = 'UTC'"));
    assert_eq!(noted(), "1738400400", "the same in Greenwich");
    database.exec(&format!("ALTER ROLE {name} SET timezone = 'Europe/Berlin'"));
    assert_eq!(noted(), "1738396800", "and in Berlin");
}

#[test]
fn the_corpus_runs_on_sqlite() {
    let database = Database::sqlite();
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/prisma/sqlite");
    let run = Run::new(["migrate", "--migrations", corpus]).database(&database).output().succeeds();
    assert_eq!(run.applied().len(), 8);
    assert_eq!(database.one("SELECT count(*) FROM \"GuestList\""), "2");
    assert_eq!(database.rows("PRAGMA foreign_key_check"), Vec::<Vec<Option<String>>>::new());
}

/// What a server quotes of a script when it fails is recorded, and a password in it is not.
#[test]
fn no_password_reaches_the_logs_column() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { continue };
        let password = secrets::invent().replace('\'', "");
        secrets::register(&password);
        let sql = format!("CREATE ROLE reader LOGIN PASSWORD '{password}' NONSENSE;\n");
        let run = Run::migrate(&database, &files(&[&sql])).output().exits(Exit::MigrationFailed);
        let logs = database.prisma_history()[0].logs.clone().unwrap_or_default();
        assert!(logs.contains("Database error:"), "{logs}: {run}");
        assert!(secrets::leak(logs.as_bytes()).is_none(), "{engine}: {logs}");
    }
}
