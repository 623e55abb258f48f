//! What ECS does with a container of a task definition, in Docker.

use serde_json::Value;

use crate::docker::{Container, Network};

/// The only container of a task definition.
#[derive(Clone)]
pub(crate) struct Definition {
    container: Value,
    /// What Secrets Manager would answer, by what `valueFrom` says.
    secrets: Vec<(String, String)>,
}

impl Definition {
    /// Reads a task definition with one container.
    pub(crate) fn new(json: &str) -> Self {
        let task: Value = serde_json::from_str(json).expect("a task definition");
        assert_eq!(
            task["networkMode"], "awsvpc",
            "each task has an address of its own, as a container has here"
        );
        let containers = task["containerDefinitions"].as_array().expect("containers");
        assert_eq!(containers.len(), 1);
        Self { container: containers[0].clone(), secrets: Vec::new() }
    }

    /// Secrets Manager keeps this.
    pub(crate) fn secret(mut self, value: &str) -> Self {
        let secrets = self.container["secrets"].as_array().expect("secrets");
        let from = secrets.last().expect("a secret")["valueFrom"].as_str().expect("an ARN").to_owned();
        self.secrets.push((from, value.to_owned()));
        self
    }

    /// Another list of secrets.
    pub(crate) fn secrets(mut self, secrets: &Value) -> Self {
        self.container["secrets"] = secrets.clone();
        self
    }

    /// A variable more; the console calls this a new revision.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let environment = self.container["environment"].as_array_mut().expect("an environment");
        environment.retain(|variable| variable["name"] != name);
        environment.push(serde_json::json!({ "name": name, "value": value }));
        self
    }

    /// A variable less.
    pub(crate) fn without(mut self, name: &str) -> Self {
        let environment = self.container["environment"].as_array_mut().expect("an environment");
        environment.retain(|variable| variable["name"] != name);
        self
    }

    /// A task of the service.
    pub(crate) fn start(&self, network: &Network, image: &str) -> Container {
        self.run_task(network, image, "{}")
    }

    /// `aws ecs run-task --overrides OVERRIDES`.
    pub(crate) fn run_task(&self, network: &Network, image: &str, overrides: &str) -> Container {
        let overrides: Value = serde_json::from_str(overrides).expect("overrides");
        let mut container = self.container.clone();
        for own in overrides["containerOverrides"].as_array().into_iter().flatten() {
            assert_eq!(own["name"], container["name"], "the override is for this container");
            for (key, value) in own.as_object().expect("an object").iter().filter(|(key, _)| *key != "name") {
                assert_eq!(key, "command", "the only override known here");
                container[key] = value.clone();
            }
        }

        let mut options: Vec<String> = Vec::new();
        for (key, value) in container.as_object().expect("an object") {
            match key.as_str() {
                // The image under test is given; a port needs no mapping on a network of its own; the rest is below.
                "name" | "image" | "essential" | "portMappings" | "entryPoint" | "command"
                | "healthCheck" => {}
                "logConfiguration" => assert_eq!(value["logDriver"], "awslogs", "both streams, line by line"),
                "user" => options.push(format!("--user={}", text(value))),
                "readonlyRootFilesystem" => options.push(format!("--read-only={value}")),
                "stopTimeout" => options.push(format!("--stop-timeout={value}")),
                "environment" => options.extend(list(value).map(|variable| {
                    format!("--env={}={}", text(&variable["name"]), text(&variable["value"]))
                })),
                "secrets" => options.extend(list(value).map(|secret| {
                    let known = self.secrets.iter().find(|(from, _)| secret["valueFrom"] == from.as_str());
                    let (_, value) = known.unwrap_or_else(|| panic!("nobody knows {secret}"));
                    format!("--env={}={value}", text(&secret["name"]))
                })),
                _ => panic!("what ECS does with {key:?} is not known here"),
            }
        }
        let mut words = list(&container["entryPoint"]).chain(list(&container["command"])).map(text);
        options.push(format!("--entrypoint={}", words.next().expect("an entry point")));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Container::run(network, &options, image, &words.collect::<Vec<_>>())
    }

    /// Whether the health check succeeds in this task.
    pub(crate) fn healthy(&self, task: &Container) -> bool {
        let command: Vec<&str> = list(&self.container["healthCheck"]["command"]).map(text).collect();
        let (kind, words) = command.split_first().expect("a health check");
        assert_eq!(*kind, "CMD", "without a shell");
        task.exec_succeeds(words)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
