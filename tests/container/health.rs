//! `HEALTHCHECK` with castoff alone: in an image without a shell, without root, on a read-only file system.

use serde_json::Value;

use crate::docker::{Container, Network, available, docker};
use crate::harness::{Migrations, eventually};
use crate::image::{self, PASSWORD};

/// The strictest that is asked for in these tests: what a check may not need.
const HARDENED: [&str; 4] =
    ["--read-only", "--user=65532:65532", "--cap-drop=ALL", "--security-opt=no-new-privileges"];

/// What the image does every second.
const CHECK: &str = r#"HEALTHCHECK --interval=1s --timeout=5s --retries=1 CMD ["/castoff", "health", "--require", "database"]"#;

/// The image with its check.
fn with_check(migrations: &std::path::Path) -> Option<String> {
    let image = image::with_castoff(migrations)?;
    let context = crate::harness::Scratch::new("check");
    context.write("Dockerfile", format!("FROM {image}\n{CHECK}\n"));
    let context = context.path().to_str().expect("a path in UTF-8");
    Some(docker(&["build", "--quiet", "--label", "castoff.test", context]))
}

/// Waits until Docker calls the container this, after a check in this phase; returns what the check said.
fn until(container: &Container, status: &str, phase: &str) -> Value {
    eventually(&format!("{status} in phase {phase}"), || {
        let health: Value = serde_json::from_str(&container.health()).ok()?;
        let last = health["Log"].as_array()?.last()?["Output"].as_str()?.to_owned();
        // Docker keeps both streams in one: there is nothing but the answer.
        let said: Value = serde_json::from_str(&last).unwrap_or_else(|error| panic!("{error}: {last}"));
        assert!(!last.contains(PASSWORD), "a password in a health check");
        (health["Status"] == status && said["phase"] == phase).then_some(said)
    })
}

#[test]
fn a_container_is_healthy_while_it_waits_and_judged_when_it_runs() {
    if !available() {
        return;
    }
    let Some(image) = with_check(image::corpus().0.as_path()) else { return };
    let network = Network::new();
    let url = image::database_url();
    let options = [&HARDENED[..], &["--env", &url]].concat();
    let container = Container::run(&network, &options, &image, &[]);
    let said = until(&container, "healthy", "wait");
    assert_eq!(said["database"]["status"], "unhealthy", "{said}");

    let Some(database) = image::postgres(&network) else { return };
    container.until_application();
    let said = until(&container, "healthy", "run");
    assert_eq!(said["database"]["migrations"], "up-to-date", "{said}");
    assert_eq!(container.processes(), ["/app"], "nothing of a check is left");

    // What an exec probe of Kubernetes runs.
    assert!(container.exec_succeeds(&["/castoff", "health", "--target", "file:///app"]));
    assert!(!container.exec_succeeds(&["/castoff", "health", "--target", "file:///no/such"]));

    drop(database);
    let said = until(&container, "unhealthy", "run");
    assert_eq!(said["database"]["status"], "unhealthy", "{said}");
    assert_eq!(said["database"]["migrations"], Value::Null, "{said}");
}

/// `init: true`: PID 1 is Docker's, and castoff its child.
#[test]
fn a_migration_under_dockers_init_is_healthy() {
    if !available() {
        return;
    }
    let files = Migrations::of(&[("1_endless.sql", "SELECT pg_sleep(3600);\n")]);
    let Some(image) = with_check(files.path()) else { return };
    let network = Network::new();
    let Some(_database) = image::postgres(&network) else { return };
    let url = image::database_url();
    let options = [&HARDENED[..], &["--init", "--env", &url]].concat();
    let container = Container::run(&network, &options, &image, &[]);
    let said = until(&container, "healthy", "migrate");
    assert_eq!(said["database"]["migrations"], "pending", "{said}");
    assert_eq!(container.stop(), 143);
}
