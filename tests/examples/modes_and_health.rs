//! `examples/modes-and-health`: a variable decides about migrations, a replica is waited for, health is told in JSON.

use serde_json::Value;

use crate::example::Example;
use crate::harness::eventually;

const PRODUCTION: &str = "## Production: migrate when it starts";
const HEALTH: &str = "## Health";
const DEVELOPMENT: &str = "## Development: migrate by hand";
const ROLES: &str = "## One image, several roles";

fn example() -> Option<Example> {
    Example::new("modes-and-health", &["digilog-settings"])
}

/// Waits until the newest probe of the container's health check came to this, and returns what it printed.
fn until_probe(example: &Example, state: &str) -> Value {
    let inspect = "docker inspect --format '{{json .State.Health.Log}}' \
                   $(docker ps --quiet --filter name=$COMPOSE_PROJECT_NAME.app)";
    eventually(&format!("a health check that says {state}"), || {
        let log: Value = serde_json::from_str(&example.run(inspect).text).ok()?;
        let output = log.as_array()?.last()?["Output"].as_str()?.to_owned();
        let said: Value = serde_json::from_str(&output).ok()?;
        (said["database"]["migrations"] == state).then_some(said)
    })
}

fn sql(example: &Example, service: &str, sql: &str) -> String {
    let psql =
        format!("docker compose exec {service} psql -XAtq --username digilog digilog --command \"{sql}\"");
    let said = example.run(&psql);
    assert_eq!(said.code, 0, "{}", said.text);
    said.text.trim().to_owned()
}

#[test]
fn production_waits_for_the_replica_too_migrates_and_tells_its_health() {
    let Some(example) = example() else { return };
    example.follow(PRODUCTION);
    assert_eq!(sql(&example, "replica", "SELECT pg_is_in_recovery()"), "t", "the replica is a standby");

    example.follow(HEALTH);
    let said = until_probe(&example, "up-to-date");
    assert_eq!(said["status"], "healthy", "{said}");
    assert_eq!(said["targets"][0]["target"], "http://localhost:3000/", "{said}");

    let broken = "20250401120000_wrong";
    example.write(
        &format!("prisma/migrations/{broken}/migration.sql"),
        "ALTER TABLE \"Settings\" ADD \"note\" TEXT;\n",
    );
    assert_eq!(example.run("docker compose build").code, 0);
    let run = example.run("docker compose run --rm app castoff migrate");
    assert_eq!(run.code, 80, "{}", run.text);
    let run = example.run("docker compose run --rm app castoff migrate");
    assert_eq!(run.code, 65, "{}", run.text);
    let said = until_probe(&example, "failed");
    assert_eq!(said["status"], "unhealthy", "the container that runs on tells it: {said}");
    let run = example.run("docker compose exec app /castoff status");
    assert!(run.code == 65 && run.text.contains(broken), "{}", run.text);

    let gone = "docker compose stop primary && docker compose exec app /castoff health";
    let run = example.run(gone);
    assert_eq!(run.code, 0, "a failover is reported and not judged: {}", run.text);
    assert!(run.text.contains("\"database\":{\"status\":\"unhealthy\""), "{}", run.text);
}

#[test]
fn development_leaves_the_migrations_to_a_person() {
    let Some(example) = example() else { return };
    example.follow(DEVELOPMENT);
    assert_eq!(until_probe(&example, "up-to-date")["status"], "healthy");
}

#[test]
fn workers_wait_for_the_service_that_migrates_and_one_off_commands_for_nothing() {
    let Some(example) = example() else { return };
    example.follow(ROLES);
    let migrated = "docker compose logs worker";
    let said = example.run(migrated);
    assert!(
        !said.text.contains("lock acquired") && !said.text.contains("migrations applied"),
        "{}",
        said.text
    );
    example.write(
        "prisma/migrations/20250401120000_more/migration.sql",
        "ALTER TABLE \"Settings\" ADD \"note\" TEXT;\n",
    );
    assert_eq!(example.run("docker compose build").code, 0);
    let verify = "docker compose run --rm -e CASTOFF_MODE=verify worker";
    let run = example.run(verify);
    assert_eq!(run.code, 82, "{}", run.text);
    assert!(run.text.contains("1 migration is pending: 20250401120000_more"), "{}", run.text);
    let run = example.run("docker compose run --rm app castoff plan");
    assert_eq!(run.code, 0, "{}", run.text);
    assert!(run.text.contains("ADD \"note\" TEXT;"), "{}", run.text);
}
