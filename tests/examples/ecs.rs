//! `examples/ecs`: the image it shows, run as ECS runs its task definition.

use std::fs;

use serde_json::{Value, json};

use crate::docker::{Container, Network};
use crate::ecs_task::Definition;
use crate::example::Example;
use crate::harness::eventually;
use crate::rds::{PASSWORD, Rds};
use crate::readme;

const FIRST: &str = "20251030031945_first_mig";
const LAST: &str = "20251104212242_add_cognito_username";
const MIGRATIONS: &str = "packages/prisma/migrations";

/// The service: its files, and the network with its database.
struct Dentia {
    definition: Definition,
    readme: String,
    // In the order in which they can be removed.
    database: Rds,
    network: Network,
    example: Example,
}

impl Dentia {
    fn new() -> Option<Self> {
        let dentia = Self::before_the_database()?;
        dentia.database.start(&dentia.network);
        Some(dentia)
    }

    /// Without a server yet.
    fn before_the_database() -> Option<Self> {
        let example = Example::new("ecs", &["dentia-frontend"])?;
        let network = Network::new();
        let database = Rds::new("dentia_admin", "dentia")?;
        let definition = Definition::new(&read(&example, "task-definition.json")).secret(&database.secret());
        Some(Self { definition, readme: read(&example, "README.md"), database, network, example })
    }

    /// What the pipeline does, and the image's id.
    fn build(&self) -> String {
        let said = self.example.run("docker build --tag dentia-frontend .");
        assert_eq!(said.code, 0, "{}", said.text);
        let id = self.example.run("docker image inspect --format '{{.Id}}' dentia-frontend");
        id.text.trim().to_owned()
    }

    fn start(&self, image: &str) -> Container {
        self.definition.start(&self.network, image)
    }

    /// A one-off task with this command, to its end.
    fn one_off(&self, image: &str, command: &Value) -> (i32, Container) {
        let overrides = json!({ "containerOverrides": [{ "name": "frontend", "command": command }] });
        let task = self.definition.run_task(&self.network, image, &overrides.to_string());
        (task.wait(), task)
    }

    /// The README's blocks of JSON that are no part of a file.
    fn snippets(&self) -> Vec<Value> {
        let blocks = readme::blocks(&self.readme).into_iter().filter(|block| block.info == "json");
        blocks.map(|block| serde_json::from_str(&block.text).expect("JSON")).collect()
    }
}

fn read(example: &Example, file: &str) -> String {
    fs::read_to_string(example.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn applied(task: &Container) -> usize {
    task.events("migration.applied").len()
}

#[test]
fn tasks_that_start_at_once_migrate_once_and_log_what_cloudwatch_is_asked_for() {
    let Some(dentia) = Dentia::before_the_database() else { return };
    let image = dentia.build();

    // All are there and knocking when the database opens.
    let tasks: Vec<Container> = (0..4).map(|_| dentia.start(&image)).collect();
    for task in &tasks {
        task.until("wait.retry");
    }
    dentia.database.start(&dentia.network);
    for task in &tasks {
        assert_eq!(
            task.until_application(),
            "application: listening on 3000, database db/dentia?schema=public"
        );
    }
    let mut counts: Vec<usize> = tasks.iter().map(applied).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, 3]);
    assert_eq!(dentia.database.query(r#"SELECT count(*) FROM public."User""#), "0");

    for task in &tasks {
        task.until("exec");
    }
    let migrator = tasks.iter().find(|task| applied(task) > 0).expect("one of them");
    let shown = readme::blocks_below(&dentia.readme, "## In CloudWatch", "text");
    let shown: Vec<String> = shown[0].lines().map(str::to_owned).collect();
    let (stdout, stderr) = migrator.output();
    assert_eq!(readme::missing(&shown, &(stderr + &stdout)), [""; 0]);

    for task in &tasks {
        assert!(dentia.definition.healthy(task));
        assert_eq!(task.processes().len(), 1, "{:?}", task.processes());
        let (stdout, stderr) = task.output();
        assert!(!format!("{stdout}{stderr}").contains(PASSWORD), "a password in the log");
        assert_eq!(task.stop(), 0, "the stop signal is the application's own now");
    }
    let late = dentia.start(&image);
    late.until_application();
    assert_eq!(late.events("migrate.none").len(), 1);
    assert!(late.events("lock.acquired").is_empty(), "a start with nothing pending takes no lock");
}

#[test]
fn the_application_has_the_password_as_it_is_and_the_secret_stays_with_castoff() {
    let Some(dentia) = Dentia::new() else { return };
    let image = dentia.build();
    let look = "const url = new URL(process.env.DATABASE_URL);\
                console.log('application: ' + decodeURIComponent(url.password));\
                console.log(Object.keys(process.env).filter(name => name.startsWith('CASTOFF_DATABASE_S')).length)";
    let (code, task) = dentia.one_off(&image, &json!(["node", "-e", look]));
    assert_eq!(code, 0, "{:?}", task.output());
    assert_eq!(task.output().0, format!("application: {PASSWORD}\n0\n"));
}

#[test]
fn a_url_works_encoded_and_says_what_to_encode_if_it_is_not() {
    let Some(dentia) = Dentia::new() else { return };
    let image = dentia.build();
    let secret = &dentia.snippets()[0];
    let definition = |url: &str| {
        let definition = Definition::new(&read(&dentia.example, "task-definition.json"));
        let definition = definition.without("CASTOFF_DATABASE_PARAMS").without("CASTOFF_EXPORT_DATABASE_URL");
        definition.secrets(&json!([secret])).secret(url)
    };

    let raw = format!("postgresql://dentia_admin:{PASSWORD}@db:5432/dentia?schema=public");
    let refused = definition(&raw).start(&dentia.network, &image);
    assert_eq!(refused.wait(), 64, "{:?}", refused.output());
    let shown = readme::blocks_below(&dentia.readme, "## The password", "text");
    assert_eq!(refused.until("exit")["reason"], shown[0].trim());
    assert!(!refused.output().1.contains("S7#tY4"), "the error shows the password");

    let encoded = "postgresql://dentia_admin:S7%23tY4%5EzN9_Rq2%2BxS8%21nV9d@db:5432/dentia?schema=public";
    let started = definition(encoded).start(&dentia.network, &image);
    started.until_application();
    assert_eq!(applied(&started), 3);
}

#[test]
fn run_task_overrides_the_command_and_the_entry_point_stays() {
    let Some(dentia) = Dentia::new() else { return };
    let image = dentia.build();
    let shown = dentia.readme.split("--overrides '").nth(1).expect("overrides");
    let shown = shown.split('\'').next().expect("a closing quote");

    let status = dentia.definition.run_task(&dentia.network, &image, shown);
    assert_eq!(status.wait(), 82, "{:?}", status.output());
    assert!(status.output().0.contains(LAST), "{:?}", status.output());
    assert_eq!(dentia.database.query("SELECT to_regclass('_prisma_migrations') IS NULL"), "t");

    let (code, migrate) = dentia.one_off(&image, &json!(["castoff", "migrate"]));
    assert_eq!((code, applied(&migrate)), (0, 3), "{:?}", migrate.output());
    let status = dentia.definition.run_task(&dentia.network, &image, shown);
    assert_eq!(status.wait(), 0, "{:?}", status.output());
}

#[test]
fn a_task_that_is_stopped_while_it_migrates_leaves_nothing_half_done() {
    let Some(dentia) = Dentia::new() else { return };
    let gate = "CREATE TABLE half_done (id int);\nSELECT CASE WHEN to_regclass('public.gate') IS NULL THEN pg_sleep(3600) END;\n";
    dentia.example.write(&format!("{MIGRATIONS}/20251201000000_slow/migration.sql"), gate);
    let image = dentia.build();

    let task = dentia.start(&image);
    eventually("the slow one runs", || (task.events("migration.start").len() == 4).then_some(()));
    assert_eq!(task.stop(), 143, "{:?}", task.output());
    assert_eq!(task.until("signal")["phase"], "migrate");
    assert_eq!(dentia.database.query("SELECT to_regclass('public.half_done') IS NULL"), "t");
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep'";
    assert_eq!(dentia.database.query(asleep), "0", "the statement is cancelled");
    assert_eq!(dentia.database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");

    dentia.database.query("CREATE TABLE public.gate (id int)");
    let next = dentia.start(&image);
    next.until_application();
    assert_eq!(applied(&next), 1, "the next task begins where this one was");
}

#[test]
fn what_exists_already_is_resolved_as_applied() {
    let Some(dentia) = Dentia::new() else { return };
    let image = dentia.build();
    let (code, first) = dentia.one_off(&image, &json!(["castoff", "migrate"]));
    assert_eq!(code, 0, "{:?}", first.output());
    dentia.example.write(
        &format!("{MIGRATIONS}/20251201000000_add_phone/migration.sql"),
        "ALTER TABLE \"User\" ADD COLUMN \"phone\" TEXT;\n",
    );
    let image = dentia.build();
    dentia.database.query("ALTER TABLE \"User\" ADD COLUMN \"phone\" TEXT");

    let fails = dentia.start(&image);
    assert_eq!(fails.wait(), 80, "{:?}", fails.output());
    assert!(fails.until("migration.failed")["error"].to_string().contains("already exists"));
    let blocked = dentia.start(&image);
    assert_eq!(blocked.wait(), 65, "{:?}", blocked.output());
    let hint = blocked.until("exit").to_string();
    assert!(hint.contains("castoff resolve") && hint.contains("20251201000000_add_phone"), "{hint}");

    let command = with_id(&dentia.snippets()[1], "20251201000000_add_phone");
    assert_eq!(command[2], "--applied");
    let (code, resolved) = dentia.one_off(&image, &command);
    assert_eq!(code, 0, "{:?}", resolved.output());
    dentia.start(&image).until_application();
}

#[test]
fn a_mended_migration_runs_after_the_failure_is_resolved_as_rolled_back() {
    let Some(dentia) = Dentia::new() else { return };
    let file = format!("{MIGRATIONS}/{LAST}/migration.sql");
    let mended = read(&dentia.example, &file);
    dentia.example.write(&file, &format!("{mended}\nALTER TABLE \"Usr\" ADD COLUMN \"x\" TEXT;\n"));
    let image = dentia.build();

    let fails = dentia.start(&image);
    assert_eq!(fails.wait(), 80, "{:?}", fails.output());
    assert_eq!(fails.until("migration.failed")["line"], mended.lines().count() + 2);
    assert_eq!(applied(&fails), 2);
    dentia.example.write(&file, &mended);
    let image = dentia.build();
    let blocked = dentia.start(&image);
    assert_eq!(blocked.wait(), 65, "{:?}", blocked.output());
    let unmoved = dentia.definition.clone().with("CASTOFF_MODE", "wait").start(&dentia.network, &image);
    unmoved.until_application();

    let command = with_id(&dentia.snippets()[2], LAST);
    assert_eq!(command[2], "--rolled-back");
    let (code, resolved) = dentia.one_off(&image, &command);
    assert_eq!(code, 0, "{:?}", resolved.output());
    let starts = dentia.start(&image);
    starts.until_application();
    assert_eq!(applied(&starts), 1);
    starts.until("exec");
    let query = &readme::blocks_below(&dentia.readme, "## In CloudWatch", "text")[1];
    let names: Vec<&str> = query.split('"').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 6, "{query}");
    for name in names {
        let seen = fails.events(name).len() + starts.events(name).len();
        assert!(seen > 0, "Logs Insights would never find {name}");
    }
    assert_eq!(
        dentia
            .database
            .query(&format!("SELECT count(*) FROM _prisma_migrations WHERE migration_name = '{FIRST}'")),
        "1"
    );
}

/// The command the README shows, for this migration.
fn with_id(shown: &Value, id: &str) -> Value {
    let mut command = shown.clone();
    *command.as_array_mut().and_then(|words| words.last_mut()).expect("a migration") = json!(id);
    command
}
