//! `examples/compose-prisma`: replicas that migrate when they start, or after a one-off service has.

use crate::example::Example;

const FIRST_START: &str = "## The first start, with a late database";
const FAILURE: &str = "## When a migration fails";
const REPAIR: &str = "### Repair and go on";
const BY_HAND: &str = "### Or finish it by hand";
const ONE_OFF: &str = "## One service migrates before the others start";

const APPLIED: [&str; 3] =
    ["20250106120000_init t f", "20250120090000_check_ins t f", "20250203150000_goal_due_index t f"];
const LISTENING: &str = "goal-tracker listens on port 3000 as process 1";

fn example() -> Option<Example> {
    Example::new("compose-prisma", &["goal-tracker-api"])
}

/// What `_prisma_migrations` says, oldest first: a migration, whether it finished, whether it is marked as rolled back.
fn history(example: &Example) -> Vec<String> {
    let sql = "SELECT migration_name, finished_at IS NOT NULL, rolled_back_at IS NOT NULL FROM _prisma_migrations \
               ORDER BY started_at";
    let psql = "docker compose exec db psql -XAtqF ' ' --username goals goaltracker --command";
    let said = example.run(&format!("{psql} \"{sql}\""));
    assert_eq!(said.code, 0, "{}", said.text);
    said.text.lines().map(str::to_owned).collect()
}

/// The services that run, each replica once.
fn running(example: &Example) -> String {
    let names = "docker ps --format '{{.Label \"com.docker.compose.service\"}}'";
    let said = example.run(&format!(
        "{names} --filter label=com.docker.compose.project=$COMPOSE_PROJECT_NAME | sort | tr '\\n' ' '"
    ));
    said.text.trim().to_owned()
}

#[test]
fn replicas_outwait_a_late_database_and_one_of_them_migrates() {
    let Some(example) = example() else { return };
    example.follow(FIRST_START);

    example.until_logged(3, LISTENING);
    example.until_logged(1, "applied prisma/migrations/20250106120000_init/migration.sql");
    assert_eq!(history(&example), APPLIED);
}

/// The example, its three replicas listening.
fn started() -> Option<Example> {
    let example = example()?;
    let up = example.run("docker compose build && docker compose up --detach");
    assert_eq!(up.code, 0, "{}", up.text);
    example.until_logged(3, LISTENING);
    Some(example)
}

#[test]
fn a_migration_that_fails_is_switched_off_undone_and_run_again() {
    let Some(example) = started() else { return };
    example.follow(FAILURE);
    let failed = "20250310080000_one_title_per_user f f";
    assert_eq!(history(&example), [&APPLIED[..], &[failed]].concat());

    example.follow(REPAIR);
    let undone = "20250310080000_one_title_per_user f t";
    let applied = "20250310080000_one_title_per_user t f";
    assert_eq!(history(&example), [&APPLIED[..], &[undone, applied]].concat());
}

#[test]
fn a_migration_that_fails_is_finished_by_hand() {
    let Some(example) = started() else { return };
    example.follow(FAILURE);
    example.follow(BY_HAND);

    let undone = "20250310080000_one_title_per_user f t";
    let applied = "20250310080000_one_title_per_user t f";
    assert_eq!(history(&example), [&APPLIED[..], &[undone, applied]].concat());
}

#[test]
fn a_service_of_the_same_image_migrates_before_the_replicas_start() {
    let Some(example) = example() else { return };
    example.run("docker compose build");
    example.follow(ONE_OFF);
    assert_eq!(history(&example), APPLIED);
    assert_eq!(running(&example), "api api api db", "the one-off service has ended");
}

#[test]
fn a_one_off_service_that_fails_keeps_new_replicas_from_starting_and_alone_it_leaves_the_old_ones_alone() {
    let Some(example) = example() else { return };
    let compose = "docker compose --file compose.one-off.yaml";
    let up = example.run(&format!("docker compose build && {compose} up --detach"));
    assert_eq!(up.code, 0, "{}", up.text);
    example.until_logged(3, LISTENING);
    example.write(
        "prisma/migrations/20250310080000_wrong/migration.sql",
        "ALTER TABLE \"Gaol\" ADD \"note\" TEXT;\n",
    );
    assert_eq!(example.run("docker compose build").code, 0);

    let replicas = format!("{compose} ps --quiet api");
    let before = example.run(&replicas).text;
    let alone = example.run(&format!("{compose} run --rm migrate && {compose} up --detach"));
    assert_eq!((alone.code, alone.text.contains("code=80")), (80, true), "{}", alone.text);
    assert_eq!(example.run(&replicas).text, before, "the replicas run on");

    let up = example.run(&format!("{compose} up --detach"));
    assert_ne!(up.code, 0, "{}", up.text);
    let replicas = "docker ps --quiet --filter name=$COMPOSE_PROJECT_NAME.api";
    let inspect = "xargs --no-run-if-empty docker inspect --format '{{.Image}}'";
    let images = example.run(&format!("{replicas} | {inspect}"));
    let newest = example.run("docker image inspect --format '{{.Id}}' goal-tracker-api").text;
    assert!(!images.text.contains(newest.trim()), "no replica of the new image runs: {}", images.text);
}
