//! `examples/ci-step`: the workflow migrates in a container of its own, then starts the service's containers.

use yaml_rust2::{Yaml, YamlLoader};

use crate::bases::stand_in;
use crate::example::Example;

const IMAGE: &str = "civicbetter-api";
const BROKEN: &str = "20250401120000_one_vote";

/// The example, and a database outside of compose, at an address that containers of every network reach.
struct Service {
    example: Example,
    dotenv: String,
}

impl Service {
    fn new() -> Option<Self> {
        let example = Example::new("ci-step", &[IMAGE])?;
        let database = stand_in("postgres:17")?;
        let run = |script: &str| {
            let said = example.run(script);
            assert_eq!(said.code, 0, "{}", said.text);
            said.text.trim().to_owned()
        };
        let gateway = run("docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'");
        let id = run(&format!(
            "docker run --detach --publish {gateway}::5432 --env POSTGRES_USER=civic --env POSTGRES_DB=civicbetter \
             --env 'POSTGRES_PASSWORD=r&d #1' {database}"
        ));
        let address = run(&format!("docker port {id} 5432/tcp"));
        let dotenv =
            format!("DATABASE_URL=postgresql://civic:r%26d%20%231@{address}/civicbetter?schema=public");
        Some(Self { example, dotenv })
    }

    /// What GitHub's runner does: the steps one after the other, until one fails. Returns the last one's name, its exit
    /// code, and all that was printed.
    fn deploy(&self, sha: &str) -> (String, i32, String) {
        let file = std::fs::read_to_string(self.example.path(".github/workflows/deploy.yaml"))
            .expect("the workflow");
        let workflow = YamlLoader::load_from_str(&file).expect("YAML").remove(0);
        let job = &workflow["jobs"]["deploy"];
        let mut text = String::new();
        let mut last = (String::new(), 0);
        for step in job["steps"].as_vec().expect("steps") {
            let Some(script) = step["run"].as_str() else {
                assert!(step["uses"].as_str().is_some(), "{step:?}");
                continue;
            };
            let variables: Vec<(String, String)> = [&workflow["env"], &job["env"], &step["env"]]
                .into_iter()
                .flat_map(|of| self.variables(of, sha))
                .collect();
            let variables: Vec<(&str, &str)> =
                variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let said = self.example.run_with(&format!("set -e\n{script}"), &variables);
            text += &said.text;
            last = (step["name"].as_str().expect("a name").to_owned(), said.code);
            if said.code != 0 {
                break;
            }
        }
        (last.0, last.1, text)
    }

    /// An `env:` with the expressions in it evaluated.
    fn variables(&self, env: &Yaml, sha: &str) -> Vec<(String, String)> {
        let evaluate = |value: &str| match value {
            "${{ github.sha }}" => sha.to_owned(),
            "${{ secrets.DOTENV }}" => self.dotenv.clone(),
            value => {
                assert!(!value.contains("${{"), "nobody evaluates {value}");
                value.to_owned()
            }
        };
        let entries = env.as_hash().into_iter().flatten();
        let text = |yaml: &Yaml| yaml.as_str().expect("a string").to_owned();
        entries.map(|(name, value)| (text(name), evaluate(&text(value)))).collect()
    }

    /// Deploys, to the last step.
    fn deploy_well(&self, sha: &str) -> String {
        let (step, code, text) = self.deploy(sha);
        assert_eq!((step.as_str(), code), ("Show what the database has", 0), "{text}");
        text
    }

    /// The ids of the service's containers that run, once both listen.
    fn containers(&self) -> Vec<String> {
        self.example.until_logged(2, "civicbetter listens on port 3000 as process 1");
        let ids = self.example.run("docker compose ps --quiet api").text;
        ids.split_whitespace().map(str::to_owned).collect()
    }
}

#[test]
fn the_pipeline_migrates_once_and_the_containers_only_start() {
    let Some(service) = Service::new() else { return };
    let text = service.deploy_well("11f3c0a");
    assert_eq!(text.matches(" applied prisma/migrations/").count(), 2, "{text}");
    assert!(text.contains("up-to-date: civicbetter"), "{text}");

    assert_eq!(service.containers().len(), 2);
    let logs = service.example.run("docker compose logs api").text;
    assert_eq!(logs.matches("INFO  becoming bun").count(), 2, "{logs}");
    assert!(!logs.contains("migration"), "the containers leave the migrations alone: {logs}");
}

#[test]
fn a_migration_that_fails_stops_the_pipeline_and_not_the_service() {
    let Some(service) = Service::new() else { return };
    let example = &service.example;
    service.deploy_well("11f3c0a");
    let before = service.containers();

    example.write(
        &format!("prisma/migrations/{BROKEN}/migration.sql"),
        "ALTER TABLE \"Votes\" ADD \"at\" DATE;\n",
    );
    let (step, code, text) = service.deploy("22b7d1e");
    assert_eq!((step.as_str(), code), ("Migrate", 80), "{text}");
    assert!(text.contains(&format!("prisma/migrations/{BROKEN}/migration.sql")), "{text}");
    let (step, code, text) = service.deploy("22b7d1e");
    assert_eq!((step.as_str(), code), ("Migrate", 65), "the job is run again as it is: {text}");
    assert_eq!(service.containers(), before, "the containers run on");

    let resolve =
        format!("docker run --rm --env-file .env {IMAGE}:22b7d1e castoff resolve --rolled-back {BROKEN}");
    let said = example.run(&resolve);
    assert_eq!(said.code, 0, "{}", said.text);
    example.write(
        &format!("prisma/migrations/{BROKEN}/migration.sql"),
        "ALTER TABLE \"Vote\" ADD \"at\" DATE;\n",
    );
    service.deploy_well("33a9e2f");
    assert_ne!(service.containers(), before, "the repaired release is deployed");
}

#[test]
fn an_image_older_than_the_database_is_deployed_again() {
    let Some(service) = Service::new() else { return };
    let newer = format!("prisma/migrations/{BROKEN}");
    service.example.write(&format!("{newer}/migration.sql"), "ALTER TABLE \"Vote\" ADD \"at\" DATE;\n");
    service.deploy_well("33a9e2f");
    std::fs::remove_dir_all(service.example.path(&newer)).expect("the older tree has it not");
    let text = service.deploy_well("11f3c0a");
    assert!(text.contains("WARN  the database is ahead of this image"), "{text}");
    assert!(text.contains("ahead: civicbetter"), "{text}");
    assert_eq!(service.containers().len(), 2);
}

#[test]
fn each_step_works_by_hand() {
    let Some(service) = Service::new() else { return };
    service.example.write(".env", &format!("{}\n", service.dotenv));
    service.example.follow("## By hand");
}
