//! The life of the program on every engine: wait, migrate, become the application; then with less and less to do.

use serde_json::Value;
use sha2::{Digest, Sha384};

use crate::harness::{Database, Engine, Migrations, Run, on_every_engine};

on_every_engine!(
    a_cold_start_applies_everything_and_becomes_the_application,
    the_history_is_what_sqlx_would_have_written,
    migrate_alone_ends_with_zero,
    a_reversible_pair_is_one_migration,
    another_history_table_is_used_when_asked_for,
    text_logs_say_the_same_in_readable_lines,
    every_line_has_the_fields_of_its_event,
);

/// The application of these tests: says its process id.
const SAY_PID: [&str; 3] = ["/bin/sh", "-c", "echo application $$"];

fn a_cold_start_applies_everything_and_becomes_the_application(database: &Database) {
    let files = Migrations::three();
    let mut running = Run::start(database, &files, SAY_PID).spawn();
    let pid = running.pid();
    let run = running.wait().succeeds();
    assert_eq!(run.stdout, format!("application {pid}\n"), "the application has castoff's process id");
    assert_eq!(run.field("wait.ready", "engine"), database.engine().name());
    assert!(!run.field("wait.ready", "server_version").is_empty());
    assert_eq!(run.applied(), ["1", "20250102030405", "20250203040506"]);
    assert_eq!(run.event("migrate.done")["applied"], 3);
    assert!(run.field("exec", "command").contains("/bin/sh"));
    let order = ["wait.ready", "lock.acquired", "migrate.start", "migration.start", "migrate.done", "exec"];
    let places = order.map(|event| position(&run.log, event));
    assert!(places.is_sorted(), "{order:?} came as {places:?} in {run}");
    let orders = database.rows("SELECT id, user_id FROM orders");
    assert_eq!(orders, [vec![Some("10".to_owned()), Some("1".to_owned())]]);
}

/// Where the first line of this event is.
fn position(log: &[Value], event: &str) -> usize {
    log.iter().position(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"))
}

fn the_history_is_what_sqlx_would_have_written(database: &Database) {
    let files = Migrations::three();
    // The file of the reference's test vector.
    files.write("3_the test_vector.sql", "CREATE TABLE t (id INT);\n");
    Run::migrate(database, &files).output().succeeds();
    let history = database.history();
    let vector = "3116b86cdc3edfa205a86055248b7532802f8174c05c4f466ebc1da8ca00a7c2\
                  be73f9aae8a224c740c23eda1ae6a0c9";
    assert_eq!(history[1].checksum, vector);
    let found: Vec<_> = history.iter().map(|row| (row.version, row.description.as_str())).collect();
    let expected = [
        (1, "users"),
        (3, "the test vector"),
        (20_250_102_030_405, "add orders table"),
        (20_250_203_040_506, "backfill"),
    ];
    assert_eq!(found, expected);
    let first = std::fs::read(files.path().join("1_users.sql")).unwrap();
    assert_eq!(history[0].checksum, sha384(&first));
    for row in &history {
        assert!(row.success && row.execution_time > 0, "{row:?}");
    }
    let now = match database.engine() {
        Engine::Postgres => "now() - installed_on < interval '5 minutes'",
        Engine::MySql => "timestampdiff(SECOND, installed_on, now()) < 300",
        Engine::Sqlite => "strftime('%s', 'now') - strftime('%s', installed_on) < 300",
    };
    assert_eq!(database.one(&format!("SELECT count(*) FROM _sqlx_migrations WHERE {now}")), "4");
}

/// What sqlx stores as a checksum, in lowercase hexadecimal.
pub(crate) fn sha384(content: &[u8]) -> String {
    hex::encode(Sha384::digest(content))
}

fn migrate_alone_ends_with_zero(database: &Database) {
    let run = Run::migrate(database, &Migrations::three()).output().succeeds();
    assert_eq!(run.stdout, "", "stdout belongs to applications and reports");
    assert!(run.events("exec").is_empty());
}

fn a_reversible_pair_is_one_migration(database: &Database) {
    let files = Migrations::of(&[
        ("1_pair.up.sql", "CREATE TABLE up (id INT);\n"),
        ("1_pair.down.sql", "DROP TABLE up;\n"),
        ("README.md", "not a migration"),
        ("notes.sql", "not one either: no version"),
    ]);
    // Pairs alone could be golang-migrate's as well.
    let run = Run::migrate(database, &files).option(["--format", "sqlx"]).output().succeeds();
    assert_eq!(run.applied(), ["1"]);
    assert_eq!(database.history()[0].description, "pair");
    assert!(database.has_table("up"));
}

fn another_history_table_is_used_when_asked_for(database: &Database) {
    let files = Migrations::three();
    let run = || Run::migrate(database, &files).option(["--history-table", "castoff_history"]).output();
    assert_eq!(run().succeeds().applied().len(), 3);
    assert_eq!(run().succeeds().applied().len(), 0);
    assert_eq!(database.one("SELECT count(*) FROM castoff_history"), "3");
    assert!(!database.has_table("_sqlx_migrations"));
}

fn text_logs_say_the_same_in_readable_lines(database: &Database) {
    let run = Run::start(database, &Migrations::three(), SAY_PID)
        .without("CASTOFF_LOG_FORMAT")
        .without("CASTOFF_LOG_LEVEL")
        .output()
        .succeeds();
    assert!(run.log.is_empty(), "text is the default: {run}");
    assert!(run.stderr.contains("20250102030405") && run.stderr.contains("/bin/sh"), "{run}");
    assert!(run.stderr.lines().all(|line| !line.trim().is_empty()), "one line per transition: {run}");
}

fn every_line_has_the_fields_of_its_event(database: &Database) {
    let fields: [(&str, &[&str]); 8] = [
        ("wait.ready", &["engine", "server_version", "elapsed_ms", "attempts"]),
        ("lock.acquired", &["elapsed_ms"]),
        ("migrate.start", &["pending"]),
        ("migration.start", &["id"]),
        ("migration.applied", &["id", "elapsed_ms"]),
        ("migrate.done", &["applied", "elapsed_ms"]),
        ("exec", &["command", "total_ms", "wait_ms", "lock_ms", "migrate_ms"]),
        ("migrate.none", &[]),
    ];
    let files = Migrations::three();
    let first = Run::start(database, &files, ["/bin/true"]).output().succeeds();
    let second = Run::start(database, &files, ["/bin/true"]).output().succeeds();
    for (event, names) in fields {
        let lines: Vec<_> = [first.events(event), second.events(event)].concat();
        assert!(!lines.is_empty(), "{event} is missing from {first}{second}");
        for line in lines {
            for name in ["ts", "level", "event", "message"].iter().chain(names) {
                assert!(line.get(*name).is_some_and(|value| !value.is_null()), "{name} of {line}");
            }
        }
    }
    assert_eq!(first.log.len(), first.stderr.lines().count(), "every line is JSON: {first}");
}
