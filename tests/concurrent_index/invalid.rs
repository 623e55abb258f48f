//! An INVALID index in the way: dropped where it is certainly a leftover, else left alone and named.

use castoff::exit::Exit;

use super::{build, fill, is_valid, migrate};
use crate::harness::{Database, Engine, Finished, Migrations, Run, eventually};

/// A small table and an INVALID index on it: a unique build over equal values stays behind.
fn with_leftover(database: &Database) {
    fill(database, 1000);
    database.exec("UPDATE big SET hash = 'same' WHERE id <= 2");
    leftover(database, "big");
    database.exec(&format!("ALTER INDEX big_hash OWNER TO {}", database.name()));
}

fn leftover(database: &Database, table: &str) {
    let sql = format!("CREATE UNIQUE INDEX CONCURRENTLY big_hash ON {table} (hash)");
    assert!(database.client().try_rows(&sql).is_err());
    assert_eq!(is_valid(database), Some(false));
}

/// It failed, said which index is why and what to do, and the index is still there as it was.
fn refused(run: &Run, database: &Database) -> Finished {
    let oid = "SELECT max(oid::text) FROM pg_class WHERE relname = 'big_hash'";
    let before = database.one(oid);
    let run = run.output().exits(Exit::MigrationFailed);
    assert!(run.field("exit", "reason").contains("big_hash"), "the index is named: {run}");
    assert!(run.field("exit", "hint").contains("DROP INDEX"), "{run}");
    assert_eq!((database.one(oid), is_valid(database)), (before, Some(false)), "it is left alone");
    run
}

#[test]
fn a_leftover_of_that_name_on_that_table_is_dropped_and_built_again() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    with_leftover(&database);
    let run = migrate(&database, &build()).output().succeeds();
    assert!(run.stderr.contains("big_hash"), "the drop is said: {run}");
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}

#[test]
fn an_invalid_index_is_not_taken_for_a_valid_one_with_if_not_exists() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    with_leftover(&database);
    let sql = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS big_hash ON big (hash);\n";
    migrate(&database, &Migrations::of(&[("1_index.sql", sql)])).output().succeeds();
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}

/// The server by itself, so that the test above is known to test something.
#[test]
fn the_server_takes_an_invalid_index_for_a_valid_one_with_if_not_exists() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    with_leftover(&database);
    database.exec("CREATE INDEX CONCURRENTLY IF NOT EXISTS big_hash ON big (hash)");
    assert_eq!(is_valid(&database), Some(false));
}

#[test]
fn a_failing_unique_build_is_healed_once_the_data_is_mended() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    database.exec("UPDATE big SET hash = 'same' WHERE id <= 2");
    let sql = "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY big_hash ON big (hash);\n";
    let files = Migrations::of(&[("1_index.sql", sql), ("2_after.sql", "CREATE TABLE after_it (id INT);\n")]);
    let run = migrate(&database, &files);
    for attempt in 1..=2 {
        let failed = run.output().exits(Exit::MigrationFailed);
        assert!(
            failed.field("migration.failed", "error").contains("big_hash"),
            "attempt {attempt}: {failed}"
        );
        assert_eq!(failed.field("migration.failed", "line"), "2", "{failed}");
        assert!(database.versions().is_empty() && !database.has_table("after_it"), "{failed}");
    }
    database.exec("UPDATE big SET hash = 'other' WHERE id = 2");
    run.output().succeeds();
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1, 2]));
}

#[test]
fn an_index_that_somebody_else_is_building_is_left_alone() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    // A writer that stays open: a concurrent build waits for it, its index INVALID meanwhile.
    let mut writer = database.client();
    writer.exec("BEGIN; INSERT INTO big VALUES (0, 'open')");
    std::thread::scope(|scope| {
        let theirs =
            scope.spawn(|| database.client().try_rows("CREATE INDEX CONCURRENTLY big_hash ON big (hash)"));
        eventually("somebody else's index is there", || (is_valid(&database) == Some(false)).then_some(()));
        refused(&migrate(&database, &build()), &database);
        writer.exec("COMMIT");
        theirs.join().expect("their thread").expect("their build succeeds");
    });
    assert_eq!(is_valid(&database), Some(true));
}

#[test]
fn a_leftover_on_another_table_is_left_alone() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    let name = database.name();
    database.exec(&format!(
        "CREATE TABLE other (hash TEXT); ALTER TABLE other OWNER TO {name}; INSERT INTO other VALUES ('same'), ('same')"
    ));
    leftover(&database, "other");
    let files = build();
    let run = refused(&migrate(&database, &files), &database);
    assert!(run.stderr.contains("another table"), "{run}");
    database.exec("ALTER INDEX big_hash RENAME TO other_hash");
    migrate(&database, &files).output().succeeds();
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![1]));
}

#[test]
fn a_leftover_on_another_table_is_not_taken_for_the_index_with_if_not_exists() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    database.exec("CREATE TABLE other (hash TEXT); INSERT INTO other VALUES ('same'), ('same')");
    leftover(&database, "other");
    let run = refused(&migrate(&database, &if_not_exists()), &database);
    assert!(run.stderr.contains("another table"), "{run}");
}

fn if_not_exists() -> Migrations {
    let sql = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS big_hash ON big (hash);\n";
    Migrations::of(&[("1_index.sql", sql)])
}

#[test]
fn a_partitioned_index_is_left_alone() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let name = database.name();
    // INVALID until its partitions' indexes are attached, as an operator builds them one by one.
    database.exec(&format!(
        "CREATE TABLE big (id INT, hash TEXT) PARTITION BY RANGE (id); ALTER TABLE big OWNER TO {name}; \
         CREATE TABLE big_1 PARTITION OF big FOR VALUES FROM (0) TO (9); \
         CREATE INDEX big_hash ON ONLY big (hash)"
    ));
    assert_eq!(is_valid(&database), Some(false));
    let run = refused(&migrate(&database, &if_not_exists()), &database);
    assert!(run.stderr.contains("partitioned"), "{run}");
}

#[test]
fn a_valid_index_of_that_name_is_the_servers_business() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    fill(&database, 1000);
    database.exec("CREATE INDEX big_hash ON big (id)");
    let run = migrate(&database, &build()).output().exits(Exit::MigrationFailed);
    assert!(run.field("migration.failed", "error").contains("already exists"), "{run}");
    assert_eq!((is_valid(&database), database.versions()), (Some(true), vec![]));
}
