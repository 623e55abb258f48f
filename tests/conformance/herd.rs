//! Many replicas at once: every one becomes the application, and each migration is applied once.

use std::time::Duration;

use crate::harness::{Engine, Finished, Running, heavy};
use crate::project::Project;
use crate::site::{Site, has_not_started, has_started};
use crate::stand::Stand;
use crate::tool::Lock;

/// Nobody takes the row of the running one for a failure.
pub(crate) fn twenty_in_the_middle_of_a_slow_migration(site: &Site) {
    let _alone = heavy();
    let mut stand = Stand::closed(site);
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE a (id INT);\n");
    let slow = format!("CREATE TABLE half (id INT);\n{}INSERT INTO a VALUES (1);\n", stand.sql());
    project.add(20, "slow", &slow);
    let run = site.run(&project);
    let mut first = run.spawn();
    stand.hold(site, &mut first, &project.id(20));
    for lock in site.tool.locks(&site.database) {
        assert!(is_held(site, &lock), "{lock:?}");
    }
    let said = site.status(&project, 82);
    assert!(["migrating", "pending"].contains(&said["state"].as_str().expect("a state")), "{said}");

    let mut replicas: Vec<Running> = (0..20).map(|_| run.spawn()).collect();
    for replica in &mut replicas {
        replica.until("lock.waiting");
    }
    assert!(!first.has_logged("migrate.done"), "all came in the middle of it");
    for replica in &replicas {
        assert!(!replica.has_logged("exit") && !replica.has_logged("lock.acquired"));
    }
    stand.let_go(&mut first);
    stand.open();
    replicas.push(first);
    all_started(site, &project, &[10, 20], collect(replicas));
    assert_eq!(site.count("a"), 1);
    for lock in site.tool.locks(&site.database) {
        assert!(site.database.engine() == Engine::MySql || !is_held(site, &lock), "{lock:?} is given back");
    }
}

pub(crate) fn fifty_at_once(site: &Site) {
    let _alone = heavy();
    let mut project = Project::three(site.tool);
    // It would count twice if it ran twice.
    project.add(40, "count", "CREATE TABLE IF NOT EXISTS ran (id INT);\nINSERT INTO ran VALUES (1);\n");
    let run = site.run(&project);
    let replicas = collect((0..50).map(|_| run.spawn()).collect());
    all_started(site, &project, &[10, 20, 30, 40], replicas);
    assert_eq!((site.count("ran"), site.count("orders")), (1, 1));
}

/// What has just failed in one is not run by the others in turn, whatever the tool records of a failure.
pub(crate) fn one_failure_is_one_failure(site: &Site) {
    let mut stand = Stand::closed(site);
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE a (id INT);\n");
    project.add(20, "failing", &format!("{}INSERT INTO nowhere VALUES (1);\n", stand.sql()));
    let run = site.run(&project);
    let mut first = run.spawn();
    stand.hold(site, &mut first, &project.id(20));
    let mut replicas: Vec<Running> = (0..5).map(|_| run.spawn()).collect();
    for replica in &mut replicas {
        replica.until("lock.waiting");
    }
    stand.let_go(&mut first);
    stand.open();
    let first = has_not_started(first.wait(), 80);
    assert_eq!(first.event("migration.failed")["id"], project.id(20), "{first}");
    for replica in collect(replicas) {
        let replica = has_not_started(replica, 80);
        assert!(replica.field("exit", "reason").contains(&project.id(20)), "{replica}");
        assert!(replica.events("migration.start").is_empty(), "{replica}");
    }
}

fn collect(replicas: Vec<Running>) -> Vec<Finished> {
    replicas.into_iter().map(|replica| replica.wait_within(Duration::from_mins(3))).collect()
}

fn all_started(site: &Site, project: &Project, numbers: &[u32], replicas: Vec<Finished>) {
    let mut applied: Vec<String> =
        replicas.into_iter().flat_map(|replica| has_started(replica).applied()).collect();
    applied.sort_unstable();
    let mut ids = project.ids(numbers);
    ids.sort_unstable();
    assert_eq!(applied, ids, "each migration once, whoever it was");
    site.assert_applied(project, numbers);
}

/// Whether anybody holds a lock.
fn is_held(site: &Site, lock: &Lock) -> bool {
    let sql = match lock {
        Lock::Number(key) => format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND ((classid::bigint << 32) | objid::bigint) = {key}"
        ),
        Lock::Name(name) => format!("SELECT IS_USED_LOCK('{name}') IS NOT NULL"),
    };
    site.database.one(&sql) == "1"
}
