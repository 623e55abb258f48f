//! `examples/alembic-secrets`: its pipeline's commands, and its application as App Runner starts it.

use std::fs;

use serde_json::Value;

use crate::docker::{Container, Network, docker};
use crate::example::{Example, Said};
use crate::rds::{PASSWORD, Rds};
use crate::{image, readme};

const HEAD: &str = "c5d2714e9f08";
const BEFORE: &str = "8b64e0f31ac5";
const LAST_FILE: &str = "alembic/versions/20250802_c5d2714e9f08_index_transactions.py";

/// What `configure-aws-credentials` leaves in a pipeline's environment.
const CREDENTIALS: [(&str, &str); 4] = [
    ("AWS_DEFAULT_REGION", "us-east-2"),
    ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIEXAMPLE"),
    ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luEXAMPLE"),
];

/// The service: its files, and the network with its database.
struct Buffet {
    readme: String,
    // In the order in which they can be removed.
    database: Rds,
    network: Network,
    example: Example,
}

impl Buffet {
    fn new() -> Option<Self> {
        let example = Example::new("alembic-secrets", &["better-call-buffet", "buffet-migrations"])?;
        let network = Network::new();
        let database = Rds::new("buffet", "buffet")?;
        database.start(&network);
        let buffet = Self { readme: read(&example, "README.md"), database, network, example };
        buffet.build("");
        assert_eq!(buffet.database.query("SELECT 1"), "1");
        Some(buffet)
    }

    /// The commands of the pipeline that begin so.
    fn commands(&self, start: &str) -> Vec<String> {
        let pipeline = read(&self.example, "deploy.yml");
        let lines = pipeline.lines().map(|line| line.trim().trim_start_matches("run: "));
        let found: Vec<String> = lines.filter(|line| line.starts_with(start)).map(str::to_owned).collect();
        assert!(!found.is_empty(), "the pipeline has no {start:?}");
        found
    }

    /// The pipeline's images, or one of them.
    fn build(&self, options: &str) {
        for command in self.commands(&format!("docker build {options}")) {
            let said = self.example.run(&command);
            assert_eq!(said.code, 0, "{}", said.text);
        }
    }

    /// A command as the pipeline runs it, with these variables besides.
    fn pipeline(&self, command: &str, variables: &[(&str, &str)]) -> Said {
        let place = [("CASTOFF_TEST_NETWORK", self.network.name()), ("CASTOFF_DATABASE_HOST", "db")];
        let said = self.example.run_with(command, &[&place, variables].concat());
        assert!(!said.text.contains(PASSWORD), "a password in the log");
        said
    }

    /// `castoff migrate` and `castoff status`, as the pipeline calls them.
    fn migrate_and_status(&self) -> [Said; 2] {
        let commands = self.commands("docker run");
        assert_eq!(commands.len(), 2, "{commands:?}");
        [0, 1].map(|at| self.pipeline(&commands[at], &CREDENTIALS))
    }

    /// An instance, as App Runner starts it, but for these variables; an empty one is left out.
    fn instance(&self, variables: &[(&str, &str)]) -> Container {
        let service: Value =
            serde_json::from_str(&read(&self.example, "apprunner-service.json")).expect("JSON");
        let configuration = &service["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"];
        let port = configuration["Port"].as_str().expect("a port");
        let mut environment = vec![("PORT".to_owned(), port.to_owned())];
        for (name, value) in configuration["RuntimeEnvironmentVariables"].as_object().expect("variables") {
            environment.push((name.clone(), value.as_str().expect("a text").to_owned()));
        }
        for (name, _) in configuration["RuntimeEnvironmentSecrets"].as_object().expect("secrets") {
            environment.push((name.clone(), self.database.secret()));
        }
        for (name, value) in variables {
            environment.retain(|(known, _)| known != name);
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        let options: Vec<String> =
            environment.iter().map(|(name, value)| format!("--env={name}={value}")).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let image = self.example.run("docker image inspect --format '{{.Id}}' better-call-buffet").text;
        Container::run(&self.network, &options, image.trim(), &[])
    }

    /// The lines that the README shows below this heading.
    fn shown(&self, heading: &str, at: usize) -> Vec<String> {
        readme::blocks_below(&self.readme, heading, "text")[at].lines().map(str::to_owned).collect()
    }
}

fn read(example: &Example, file: &str) -> String {
    fs::read_to_string(example.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_pipeline_migrates_and_the_application_only_starts() {
    let Some(buffet) = Buffet::new() else { return };

    let [migrate, status] = buffet.migrate_and_status();
    assert_eq!(migrate.code, 0, "{}", migrate.text);
    let heading = "## What a migration looks like";
    assert_eq!(readme::missing(&buffet.shown(heading, 0), &migrate.text), [""; 0], "{}", migrate.text);
    assert_eq!(status.code, 0, "{}", status.text);
    assert_eq!(readme::missing(&buffet.shown(heading, 1), &status.text), [""; 0], "{}", status.text);
    assert_eq!(buffet.database.query("SELECT version_num FROM alembic_version"), HEAD);

    let [again, _] = buffet.migrate_and_status();
    assert_eq!(again.code, 0, "{}", again.text);
    assert_eq!(readme::missing(&buffet.shown(heading, 2), &again.text), [""; 0], "{}", again.text);
    assert!(!again.text.contains("alembic.runtime"), "no Python is started: {}", again.text);

    let instance = buffet.instance(&[("CASTOFF_LOG_FORMAT", "json")]);
    assert_eq!(instance.until_application(), format!("application: listening on 8080, revision {HEAD}"));
    assert_eq!(instance.events("exec")[0]["migrate_ms"], 0);
    assert!(instance.events("lock.acquired").is_empty());
    assert_eq!(instance.processes().len(), 1, "{:?}", instance.processes());
    let ask = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health')";
    assert!(instance.exec_succeeds(&["python", "-c", ask]));
    assert!(!format!("{:?}", instance.output()).contains(PASSWORD), "a password in the log");
    assert_eq!(instance.stop(), 0, "the stop signal is the application's own now");
}

#[test]
fn the_pipelines_codes_say_what_to_do() {
    let Some(buffet) = Buffet::new() else { return };
    let migrate = &buffet.commands("docker run")[0];
    let table = buffet.readme.split("\n## The pipeline\n").nth(1).expect("the pipeline");
    let listed = |code: i32| assert!(table.contains(&format!("| {code} |")), "the README lists {code}");

    let impatient = migrate.replace("--rm", "--rm --env CASTOFF_WAIT_TIMEOUT=2s");
    let without_credentials = buffet.pipeline(&impatient, &[]);
    assert_eq!(without_credentials.code, 69, "{}", without_credentials.text);
    assert!(without_credentials.text.contains("`aws` ended with code 253"), "{}", without_credentials.text);
    listed(69);

    let file = read(&buffet.example, LAST_FILE);
    buffet.example.write(LAST_FILE, &file.replace("\"transactions\",", "\"transaction\","));
    buffet.build("--target migrations");
    let [fails, status] = buffet.migrate_and_status();
    assert_eq!(fails.code, 80, "{}", fails.text);
    assert!(fails.text.contains("relation \"transaction\" does not exist"), "{}", fails.text);
    assert_eq!(status.code, 82, "the revisions before it stay: {}", status.text);
    assert_eq!(buffet.database.query("SELECT version_num FROM alembic_version"), BEFORE);
    listed(80);
    buffet.example.write(LAST_FILE, &file);
    buffet.build("--target migrations");
    assert_eq!(buffet.migrate_and_status().map(|said| said.code), [0, 0]);

    buffet.database.query("ALTER ROLE buffet PASSWORD 'rotated'");
    let refused = buffet.pipeline(migrate, &CREDENTIALS);
    assert_eq!(refused.code, 77, "{}", refused.text);
    listed(77);
}

#[test]
fn a_secret_asked_for_on_the_runner_needs_no_aws_in_the_container() {
    let Some(buffet) = Buffet::new() else { return };
    let block = readme::blocks_below(&buffet.readme, "## The credentials", "sh").remove(0);
    // The first line asks AWS, on the runner.
    let (export, command) = block.split_once('\n').expect("two lines");
    assert!(export.starts_with("export CASTOFF_DATABASE_SECRET="), "{export}");
    let said = buffet.pipeline(command, &[("CASTOFF_DATABASE_SECRET", &buffet.database.secret())]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(buffet.database.query("SELECT version_num FROM alembic_version"), HEAD);
}

#[test]
fn instances_that_come_past_the_pipeline_migrate_one_at_a_time() {
    let Some(buffet) = Buffet::new() else { return };
    let instances: Vec<Container> = (0..3).map(|_| buffet.instance(&[("CASTOFF_MODE", "migrate")])).collect();
    for instance in &instances {
        instance.until_application();
    }
    let ran = instances.iter().map(|instance| instance.output().1.matches("Running upgrade").count());
    assert_eq!(ran.sum::<usize>(), 3, "each revision once");
}

#[test]
fn a_downgrade_is_a_one_off_command_and_an_older_image_starts_on_a_newer_database() {
    let Some(buffet) = Buffet::new() else { return };
    let [migrate, _] = buffet.migrate_and_status();
    assert_eq!(migrate.code, 0, "{}", migrate.text);

    fs::remove_file(buffet.example.path(LAST_FILE)).expect("the newest revision");
    buffet.build("--target app");
    let old = buffet.instance(&[("CASTOFF_MODE", "migrate"), ("CASTOFF_LOG_FORMAT", "json")]);
    old.until_application();
    assert!(old.log().iter().any(|line| line["level"] == "warn" && line.to_string().contains(HEAD)));

    // The container for migrations knows the revision still.
    let command = readme::blocks_below(&buffet.readme, "## Going back", "sh").remove(0);
    let said = buffet.pipeline(&command, &CREDENTIALS);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(buffet.database.query("SELECT version_num FROM alembic_version"), BEFORE);
}

#[test]
fn an_image_without_python_starts_the_application_where_nothing_is_pending_and_only_there() {
    let Some(buffet) = Buffet::new() else { return };
    fs::copy(image::witness(), buffet.example.path("witness")).expect("an application without Python");
    let python = read(&buffet.example, "Dockerfile");
    let castoff = python.lines().find(|line| line.ends_with(" /castoff /castoff")).expect("castoff");
    let dockerfile = format!(
        "FROM scratch\nWORKDIR /app\n{castoff}\nCOPY witness /witness\nCOPY alembic.ini .\nCOPY alembic alembic\n\
         ENV CASTOFF_FORMAT=alembic CASTOFF_LOG_FORMAT=json\nENTRYPOINT [\"/castoff\", \"--\"]\nCMD [\"/witness\"]\n"
    );
    buffet.example.write("without/Dockerfile", &dockerfile);
    let folder = buffet.example.path("");
    let file = buffet.example.path("without/Dockerfile");
    let paths = [&file, &folder].map(|path| path.to_str().expect("a path in UTF-8").to_owned());
    let image = docker(&["build", "--quiet", "--label", "castoff.test", "--file", &paths[0], &paths[1]]);
    let secret = format!("--env=CASTOFF_DATABASE_SECRET={}", buffet.database.secret());
    let start = || Container::run(&buffet.network, &[&secret], &image, &[]);

    let pending = start();
    assert_ne!(pending.wait(), 0, "nobody could migrate");
    assert_eq!(pending.output().0, "", "the application is not started: {:?}", pending.output());

    assert_eq!(buffet.migrate_and_status()[0].code, 0);
    let starts = start();
    assert!(starts.until_application().contains("pid=1"));
    assert_eq!(starts.events("migrate.none").len(), 1);
}
