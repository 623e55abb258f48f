//! The main job: replicas that start before their database does.

use crate::docker::{Container, Network, available, docker};
use crate::image::{self, PASSWORD};

/// As a careful deployment runs it: nothing writable, no root, no capability.
const HARDENED: [&str; 5] = [
    "--read-only",
    "--user=65532:65532",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--env=CASTOFF_LOG_FORMAT=json",
];

fn replica(network: &Network, image: &str, args: &[&str]) -> Container {
    let url = image::database_url();
    let options = [&HARDENED[..], &["--env", &url]].concat();
    Container::run(network, &options, image, args)
}

#[test]
fn eight_replicas_outwait_a_late_database_one_migrates_and_all_become_the_application() {
    if !available() {
        return;
    }
    let (migrations, count) = image::corpus();
    let Some(image) = image::with_castoff(&migrations) else { return };
    let network = Network::new();

    let replicas: Vec<Container> = (0..8).map(|_| replica(&network, &image, &[])).collect();
    for replica in &replicas {
        replica.until("wait.retry");
    }
    let Some(database) = image::postgres(&network) else { return };

    for replica in &replicas {
        assert_eq!(replica.until_application(), "application: pid=1 uid=65532 comm=app writable=false");
    }
    for replica in &replicas {
        replica.until("exec");
    }
    let applied: Vec<usize> =
        replicas.iter().map(|replica| replica.events("migration.applied").len()).collect();
    assert_eq!(applied.iter().filter(|&&applied| applied > 0).collect::<Vec<_>>(), [&count], "{applied:?}");
    assert_eq!(
        image::query(&database, "SELECT count(*) FROM _sqlx_migrations WHERE success"),
        count.to_string()
    );
    assert_eq!(image::query(&database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
    assert_eq!(
        image::query(
            &database,
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND pid <> pg_backend_pid() AND client_addr IS NOT NULL"
        ),
        "0"
    );

    assert!(
        database.processes().len() > 1,
        "`docker top` would show more than one process if there were more"
    );
    for replica in &replicas {
        assert_eq!(replica.processes(), ["/app"]);
        let (stdout, stderr) = replica.output();
        assert!(!format!("{stdout}{stderr}").contains(PASSWORD), "a password in a log");
        assert_eq!(replica.stop(), 0, "the stop signal is the application's own now");
    }
}

#[test]
fn a_replica_of_the_same_image_that_starts_later_finds_nothing_to_do() {
    if !available() {
        return;
    }
    let (migrations, _) = image::corpus();
    let Some(image) = image::with_castoff(&migrations) else { return };
    let network = Network::new();
    let Some(_database) = image::postgres(&network) else { return };

    replica(&network, &image, &[]).until_application();
    let late = replica(&network, &image, &[]);
    late.until_application();
    assert_eq!(late.events("migrate.none").len(), 1);
    assert!(late.events("lock.acquired").is_empty(), "a start with nothing pending takes no lock");
}

#[test]
fn a_subcommand_after_the_image_runs_under_the_entrypoint() {
    if !available() {
        return;
    }
    let (migrations, count) = image::corpus();
    let Some(image) = image::with_castoff(&migrations) else { return };
    let network = Network::new();
    let Some(database) = image::postgres(&network) else { return };
    assert_eq!(image::query(&database, "SELECT 1"), "1");

    let status = replica(&network, &image, &["castoff", "status", "--json"]);
    assert_eq!(status.wait(), 82, "{:?}", status.output());
    let said: serde_json::Value = serde_json::from_str(&status.output().0).expect("JSON on stdout");
    assert_eq!(said["pending"].as_array().map(Vec::len), Some(count));

    let migrate = replica(&network, &image, &["castoff", "migrate"]);
    assert_eq!(migrate.wait(), 0, "{:?}", migrate.output());
    assert_eq!(migrate.events("migration.applied").len(), count);
}

#[test]
fn the_image_holds_castoff_and_nothing_it_would_need() {
    if !available() {
        return;
    }
    let (migrations, _) = image::corpus();
    let Some(image) = image::with_castoff(&migrations) else { return };
    let version = docker(&[
        "run",
        "--rm",
        "--network=none",
        "--read-only",
        "--entrypoint=/castoff",
        &image,
        "--version",
    ]);
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let missing = ["run", "--rm", "--network=none", &image, "/typo"];
    assert!(!crate::docker::succeeds(&missing), "the command is looked up in the image");
}
