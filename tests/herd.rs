//! Many replicas at once: every one becomes the application, and each migration is applied once.

use crate::harness::{Database, Engine, Finished, Migrations, Postgres, Run, Running, full, heavy};
use crate::lock::{migrating, slow_sql};

/// Starts them as fast as the machine can and waits for all.
fn herd(run: &Run, size: usize) -> Vec<Finished> {
    let running: Vec<Running> = (0..size).map(|_| run.spawn()).collect();
    running.into_iter().map(|replica| replica.wait_within(std::time::Duration::from_mins(3))).collect()
}

/// Three migrations that would each fail if they ran twice, and one that counts.
fn files() -> Migrations {
    let files = Migrations::three();
    files.write("20250303000000_count.sql", "CREATE TABLE ran (id INT);\nINSERT INTO ran VALUES (1);\n");
    files
}

/// All became the application; together they applied each migration once.
fn all_started(replicas: &[Finished], migrations: usize) {
    for replica in replicas {
        assert_eq!((replica.code, replica.stdout.as_str()), (0, "started\n"), "{replica}");
    }
    let applied: usize = replicas.iter().map(|replica| replica.applied().len()).sum();
    assert_eq!(applied, migrations);
}

/// A small herd always, the whole ones where they are asked for.
fn sizes(whole: &[usize]) -> Vec<usize> {
    if full() { whole.to_vec() } else { vec![8] }
}

#[test]
fn on_an_empty_database() {
    let _alone = heavy();
    for size in sizes(&[8, 20, 50]) {
        for engine in Engine::ALL {
            let Some(database) = Database::on(engine) else { continue };
            let replicas = herd(&Run::start(&database, &files(), ["/bin/echo", "started"]), size);
            all_started(&replicas, 4);
            assert_eq!(database.one("SELECT count(*) FROM ran"), "1");
        }
    }
}

#[test]
fn before_the_server_is_up() {
    let _alone = heavy();
    let Some(server) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&server);
    server.stop(nix::sys::signal::Signal::SIGINT);
    let run = Run::start(&database, &files(), ["/bin/echo", "started"]);
    let mut running: Vec<Running> = (0..8).map(|_| run.spawn()).collect();
    for replica in &mut running {
        replica.until("wait.retry");
    }
    server.start();
    let replicas: Vec<Finished> = running.into_iter().map(Running::wait).collect();
    all_started(&replicas, 4);
}

#[test]
fn with_nothing_pending() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = files();
    Run::migrate(&database, &files).output().succeeds();
    let replicas =
        herd(&Run::start(&database, &files, ["/bin/echo", "started"]), if full() { 20 } else { 8 });
    all_started(&replicas, 0);
    assert!(replicas.iter().all(|replica| replica.events("lock.acquired").is_empty()));
}

#[test]
fn in_the_middle_of_a_long_migration() {
    let _alone = heavy();
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (size, seconds) = if full() { (20, 10) } else { (8, 3) };
    let files = files();
    files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, seconds));
    let run = Run::start(&database, &files, ["/bin/echo", "started"]);
    let first = migrating(&run);
    let mut replicas = herd(&run, size);
    replicas.push(first.wait());
    all_started(&replicas, 5);
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
    let replicas = herd(&Run::start(&database, &files, ["/bin/echo", "started"]), size);
    all_started(&replicas, 5);
    assert_eq!(database.one("SELECT count(*) FROM ran"), "1");
}

#[test]
fn one_failure_is_one_failure() {
    let _alone = heavy();
    for engine in Engine::ALL {
        let Some(database) = Database::on(engine) else { continue };
        let files = files();
        let sql = format!("{}INSERT INTO nowhere VALUES (1);\n", slow_sql(engine, 1));
        files.write("30000101000000_bad.sql", sql);
        let run = Run::start(&database, &files, ["/bin/echo", "started"]);
        let size = if full() && engine == Engine::Postgres { 50 } else { 12 };
        let replicas = herd(&run, size);
        let mut executions = 0;
        for replica in &replicas {
            assert_eq!((replica.code, replica.stdout.as_str()), (80, ""), "{replica}");
            executions += replica.events("migration.failed").len();
        }
        assert!((1..=3).contains(&executions), "{executions} executions by {size} replicas on {engine}");
    }
}
