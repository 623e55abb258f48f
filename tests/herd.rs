//! Many replicas at once: every one becomes the application, and each migration is applied once.
//!
//! The small herds always; with `CASTOFF_FULL=1` also the sizes of a large deployment.

use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, Engine, Finished, Migrations, Postgres, Run, Running, eventually, full, heavy,
};
use crate::lock::slow_sql;

/// What every replica becomes.
const APPLICATION: [&str; 2] = ["/bin/echo", "started"];

/// Starts them as fast as the machine can.
fn launch(run: &Run, size: usize) -> Vec<Running> {
    (0..size).map(|_| run.spawn()).collect()
}

/// Starts them and waits for all.
fn herd(run: &Run, size: usize) -> Vec<Finished> {
    collect(launch(run, size))
}

fn collect(replicas: Vec<Running>) -> Vec<Finished> {
    replicas.into_iter().map(|replica| replica.wait_within(Duration::from_mins(3))).collect()
}

/// Three migrations that would each fail if they ran twice, and one that would count twice.
fn files() -> Migrations {
    let files = Migrations::three();
    files.write(
        "20250303000000_count.sql",
        "CREATE TABLE IF NOT EXISTS ran (id INT);\nINSERT INTO ran VALUES (1);\n",
    );
    files
}

/// All became the application; together they applied each migration once.
fn all_started(replicas: &[Finished], database: &Database, migrations: usize) {
    for replica in replicas {
        assert_eq!((replica.code, replica.stdout.as_str()), (0, "started\n"), "{replica}");
    }
    let mut applied: Vec<String> = replicas.iter().flat_map(Finished::applied).collect();
    applied.sort_unstable();
    applied.dedup();
    let all: usize = replicas.iter().map(|replica| replica.applied().len()).sum();
    assert_eq!((applied.len(), all), (migrations, migrations), "each migration once: {applied:?}");
    assert_eq!(database.one("SELECT count(*) FROM ran"), "1");
}

/// For the reader of a full run's output.
fn slowest(what: &str, replicas: &[Finished]) {
    let slowest = replicas.iter().map(|replica| replica.elapsed).max().unwrap_or_default();
    eprintln!("{what}: the slowest of {} replicas took {slowest:?}", replicas.len());
}

#[test]
fn before_the_server_is_up() {
    let _alone = heavy();
    let Some(server) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&server);
    server.stop(Signal::SIGINT);
    let files = files();
    let mut running = launch(&Run::start(&database, &files, APPLICATION), 8);
    for replica in &mut running {
        replica.until("wait.retry");
    }
    server.start();
    all_started(&collect(running), &database, 4);
}

#[test]
fn with_nothing_pending_nobody_takes_a_lock() {
    let _alone = heavy();
    let Some(server) = Postgres::started(&[("log_statement", "all")]) else { return };
    let database = Database::on_postgres(&server);
    let files = files();
    let first = Run::start(&database, &files, APPLICATION).output().succeeds();
    let locking = || server.log().matches("pg_try_advisory_lock").count();
    assert!(locking() > 0, "the server's log shows who tries a lock");
    let before = locking();
    let mut replicas = herd(&Run::start(&database, &files, APPLICATION), 20);
    assert_eq!(locking(), before, "nobody has tried");
    assert!(replicas.iter().all(|replica| replica.events("lock.acquired").is_empty()));
    assert!(replicas.iter().all(|replica| replica.events("migrate.none").len() == 1));
    slowest("20 with nothing pending", &replicas);
    replicas.push(first);
    all_started(&replicas, &database, 4);
}

#[test]
fn more_than_the_server_has_slots() {
    let _alone = heavy();
    let (size, slots) = if full() { (150, "100") } else { (20, "12") };
    let Some(server) = Postgres::started(&[("max_connections", slots), ("max_wal_senders", "0")]) else {
        return;
    };
    let database = Database::on_postgres(&server);
    let files = files();
    files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, 2));
    let replicas = herd(&Run::start(&database, &files, APPLICATION), size);
    all_started(&replicas, &database, 5);
    slowest(&format!("{size} against {slots} slots"), &replicas);
    if !full() {
        let turned_away = replicas.iter().filter(|replica| replica.stderr.contains("53300")).count();
        assert!(turned_away > 0, "there were slots for all, so nothing was tested");
    }
}

/// Files of which the last fails, and counts its executions where no rollback undoes that.
fn failing(database: &Database) -> Migrations {
    let name = database.name();
    let files = files();
    let (prepare, run) = match database.engine() {
        Engine::Postgres => (
            format!("CREATE SEQUENCE executions; ALTER SEQUENCE executions OWNER TO {name}"),
            "SELECT nextval('executions');\nSELECT pg_sleep(0.5);\nINSERT INTO nowhere VALUES (1);\n",
        ),
        _ => (
            "CREATE TABLE executions (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE = Aria".to_owned(),
            "INSERT INTO executions VALUES ();\nSELECT SLEEP(0.5);\nINSERT INTO nowhere VALUES (1);\n",
        ),
    };
    database.exec(&prepare);
    files.write("30000101000000_bad.sql", run);
    files
}

/// All ended in 80, none became the application, and at most three ran into the failure by themselves.
fn all_failed(replicas: &[Finished], database: &Database) {
    let sql = match database.engine() {
        Engine::Postgres => "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM executions",
        _ => "SELECT count(*) FROM executions",
    };
    let executions: usize = database.one(sql).parse().expect("a number");
    for replica in replicas {
        let code = i32::from(Exit::MigrationFailed.code());
        assert_eq!((replica.code, replica.stdout.as_str()), (code, ""), "{replica}");
        assert!(replica.field("exit", "reason").contains("30000101000000"), "{replica}");
        assert!(!replica.field("exit", "hint").is_empty(), "{replica}");
    }
    assert!((1..=3).contains(&executions), "{executions} executions by {} replicas", replicas.len());
    assert_eq!(database.versions().len(), 4, "what came before the failure stays");
    eprintln!("{executions} executions of a failing migration by {} replicas", replicas.len());
}

#[test]
fn one_failure_is_one_failure() {
    let _alone = heavy();
    for &size in if full() { &[20, 50][..] } else { &[20] } {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        let files = failing(&database);
        let run = Run::start(&database, &files, APPLICATION).option(["--format", "sqlx"]);
        all_failed(&herd(&run, size), &database);
    }
}

#[test]
fn one_failure_is_one_failure_on_mariadb() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = failing(&database);
    let run = Run::start(&database, &files, APPLICATION).option(["--format", "sqlx"]);
    all_failed(&herd(&run, 8), &database);
}

/// The mark is of one content of one file: another image's fix is not taken for the failure.
#[test]
fn a_mended_file_is_run_although_the_broken_one_has_just_failed() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let broken = failing(&database);
    let mended = files();
    mended.write("30000101000000_bad.sql", "CREATE TABLE nowhere (id INT);\n");
    let mut failed = Run::start(&database, &broken, APPLICATION).option(["--format", "sqlx"]).spawn();
    failed.until("migration.failed");
    let marked =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'castoff failed 30000101000000/%'";
    eventually("the failure is shown to the others", || (database.one(marked) == "1").then_some(()));
    let mended = Run::start(&database, &mended, APPLICATION).output().succeeds();
    assert_eq!(
        (mended.stdout.as_str(), mended.applied()),
        ("started\n", vec!["30000101000000".to_owned()]),
        "{mended}"
    );
    failed.wait().exits(Exit::MigrationFailed);
}

/// SQLite counts nothing that a rollback does not undo, so the replicas' own words must do.
#[test]
fn one_failure_is_one_failure_on_sqlite() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Sqlite) else { return };
    let files = files();
    files.write(
        "30000101000000_bad.sql",
        format!("{}INSERT INTO nowhere VALUES (1);\n", slow_sql(Engine::Sqlite, 1)),
    );
    let replicas = herd(&Run::start(&database, &files, APPLICATION), 8);
    for replica in &replicas {
        assert_eq!((replica.code, replica.stdout.as_str()), (80, ""), "{replica}");
    }
    let executions: usize = replicas.iter().map(|replica| replica.events("migration.failed").len()).sum();
    assert!((1..=3).contains(&executions), "{executions} executions");
}
