use super::*;

on_every_engine!(
    callbacks_run_around_what_is_pending,
    a_failing_callback_fails_the_run,
    what_fails_behind_the_last_migration_is_left_to_a_person
);

fn callbacks_run_around_what_is_pending(database: &Database) {
    let note = |what: &str| format!("INSERT INTO notes (what) VALUES ('{what}');\n");
    let notes = match database.engine() {
        Engine::Postgres => "CREATE TABLE notes (id INT GENERATED ALWAYS AS IDENTITY, what TEXT)",
        Engine::MySql => "CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT)",
        Engine::Sqlite => "CREATE TABLE notes (id INTEGER PRIMARY KEY, what TEXT)",
    };
    let files = Migrations::of(&[
        ("beforeMigrate.sql", &note("before")),
        ("beforeEachMigrate.sql", &note("before each")),
        ("afterEachMigrate__last.sql", &note("after each")),
        ("afterVersioned.sql", &note("versioned")),
        ("beforeRepeatables.sql", &note("repeatables")),
        ("callbacks/afterMigrate.sql", &note("after")),
        ("V2__a.sql", &note("two")),
        ("V3__b.sql", &note("three")),
        ("R__r.sql", &note("again")),
    ]);
    // The table is there before Flyway comes.
    let first = Migrations::of(&[("V1.0__notes.sql", notes)]);
    starts(database, &first);
    files.write("V1.0__notes.sql", notes);
    let run = starts(database, &files);
    assert_eq!(run.field("migrate.start", "pending"), "3", "{run}");
    assert_eq!(run.field("migrate.done", "applied"), "3", "{run}");
    let said = |database: &Database| -> Vec<String> {
        let rows = database.rows("SELECT what FROM notes ORDER BY id");
        rows.into_iter().map(|row| row[0].clone().expect("a note")).collect()
    };
    let each = |what: &str| ["before each".to_owned(), what.to_owned(), "after each".to_owned()];
    let mut expected = vec!["before".to_owned()];
    expected.extend(each("two"));
    expected.extend(each("three"));
    expected.extend(["versioned".to_owned(), "repeatables".to_owned()]);
    expected.extend(each("again"));
    expected.push("after".to_owned());
    assert_eq!(said(database), expected);
    assert_eq!(scripts(database), ["V1.0__notes.sql", "V2__a.sql", "V3__b.sql", "R__r.sql"]);
    // Nothing is pending, so nothing is run.
    starts(database, &files).event("migrate.none");
    assert_eq!(said(database), expected);
}

fn a_failing_callback_fails_the_run(database: &Database) {
    let files = Migrations::of(&[
        ("beforeMigrate.sql", "SELECT 1;\nINSERT INTO nowhere VALUES (1);\n"),
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
    ]);
    let run = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    let failed = run.event("migration.failed");
    assert_eq!((failed["id"].as_str(), failed["line"].as_u64()), (Some("beforeMigrate"), Some(2)), "{run}");
    assert!(!run.field("migration.failed", "hint").contains("resolve"), "no row is there to resolve: {run}");
    assert!(!database.has_table("a"));
    files.write("beforeMigrate.sql", "SELECT 1;\n");
    files.write("afterEachMigrate.sql", "SELECT 1;\n\nINSERT INTO nowhere VALUES (1);\n");
    let run = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    let failed = run.event("migration.failed");
    assert_eq!((failed["id"].as_str(), failed["line"].as_u64()), (Some("1.0"), Some(3)), "{run}");
    assert!(run.field("migration.failed", "file").ends_with("afterEachMigrate.sql"), "{run}");
    files.remove("afterEachMigrate.sql");
    files.write("afterMigrateError.sql", "SELECT 1;\n");
    if database.engine() != Engine::MySql {
        let run = Run::migrate(database, &files).output().exits(Exit::Data).says("afterMigrateError");
        assert!(run.applied().is_empty() && !database.has_table("a"), "{run}");
    }
}

/// The history knows nothing of it, and nothing is pending any more.
fn what_fails_behind_the_last_migration_is_left_to_a_person(database: &Database) {
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("afterMigrate.sql", "INSERT INTO nowhere VALUES (1);\n"),
    ]);
    let run = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.applied(), ["1.0"], "{run}");
    assert!(run.field("exit", "hint").contains("run its statements by hand"), "{run}");
    starts(database, &files).event("migrate.none");
}

/// Nothing is pending when castoff has its lock back.
#[test]
fn a_lock_that_is_lost_behind_the_last_migration_costs_no_callback() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("V1.1__b.sql", "DISCARD ALL;\n"),
        ("afterMigrate.sql", "INSERT INTO a VALUES (1);\n"),
    ]);
    assert_eq!(starts(&database, &files).applied(), ["1.0", "1.1", "afterMigrate"]);
    assert_eq!(database.one("SELECT count(*) FROM a"), "1");
}
