//! Docker's command line, and containers and networks that vanish with their test.

use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::harness::{eventually, missing, root};

/// Whether a daemon answers and may be used; loud if not.
pub(crate) fn available() -> bool {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    root()
        && *ANSWERS.get_or_init(|| {
            let answers = command(&["info"]).output().is_ok_and(|output| output.status.success());
            if !answers {
                missing("docker", "no daemon answers `docker info`");
            }
            answers
        })
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    // The images need nothing of the newer builder, which not every client has.
    command.env("DOCKER_BUILDKIT", "0").args(args);
    command
}

/// Runs `docker ARGS…`, which must succeed, and returns what it printed.
pub(crate) fn docker(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(args).output().expect("docker runs");
    assert!(status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

/// Whether `docker ARGS…` succeeds.
pub(crate) fn succeeds(args: &[&str]) -> bool {
    command(args).output().expect("docker runs").status.success()
}

/// A network of its own, on which containers find one another by name.
pub(crate) struct Network(String);

impl Network {
    /// Makes one.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("castoff-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        docker(&["network", "create", &name]);
        Self(name)
    }

    /// What Docker calls it.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(command(&["network", "rm", &self.0]).output());
    }
}

/// A container, running or ended; removed on drop.
pub(crate) struct Container {
    id: String,
}

impl Container {
    /// `docker run --detach OPTIONS… IMAGE COMMAND…` on a network.
    pub(crate) fn run(network: &Network, options: &[&str], image: &str, args: &[&str]) -> Self {
        let mut words = vec!["run", "--detach", "--network", network.name()];
        words.extend(options);
        words.push(image);
        words.extend(args);
        Self { id: docker(&words) }
    }

    /// What it has printed so far, stdout and stderr.
    pub(crate) fn output(&self) -> (String, String) {
        let Output { stdout, stderr, .. } = command(&["logs", &self.id]).output().expect("docker runs");
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
    }

    /// The fields of every line castoff has logged so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.output().1.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Every line of this event.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// Waits until castoff has logged this event.
    pub(crate) fn until(&self, event: &str) -> Value {
        self.eventually(event, || self.events(event).into_iter().next())
    }

    /// Waits until a line of the log holds this text, and returns it.
    pub(crate) fn until_line(&self, text: &str) -> String {
        self.eventually(text, || self.output().1.lines().find(|line| line.contains(text)).map(str::to_owned))
    }

    /// Waits until the application has printed its line, and returns it.
    pub(crate) fn until_application(&self) -> String {
        self.eventually("the application", || {
            self.output().0.lines().find(|line| line.starts_with("application:")).map(str::to_owned)
        })
    }

    fn eventually<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        eventually(what, || {
            let answer = ask();
            if answer.is_none() && self.state("Running") != "true" {
                // It may have come between the question and the end.
                return Some(ask().unwrap_or_else(|| panic!("ended before {what}: {:?}", self.output())));
            }
            answer
        })
    }

    fn state(&self, field: &str) -> String {
        docker(&["inspect", "--format", &format!("{{{{.State.{field}}}}}"), &self.id])
    }

    /// What its health check has come to, as JSON.
    pub(crate) fn health(&self) -> String {
        docker(&["inspect", "--format", "{{json .State.Health}}", &self.id])
    }

    /// PID 1's id on this machine.
    pub(crate) fn pid(&self) -> String {
        self.state("Pid")
    }

    /// The commands that run in it, as `docker top` shows them.
    pub(crate) fn processes(&self) -> Vec<String> {
        let table = docker(&["top", &self.id, "-o", "pid,args"]);
        let rows = table.lines().skip(1).filter_map(|line| line.trim_start().split_once(' '));
        rows.map(|(_, command)| command.trim().to_owned()).collect()
    }

    /// `docker stop`, and the exit code. 137 is Docker's SIGKILL after 10 s.
    pub(crate) fn stop(&self) -> i32 {
        docker(&["stop", &self.id]);
        self.wait()
    }

    /// Waits for the end, and returns the exit code.
    pub(crate) fn wait(&self) -> i32 {
        docker(&["wait", &self.id]).parse().expect("an exit code")
    }

    /// `docker exec`, which must succeed.
    pub(crate) fn exec(&self, args: &[&str]) -> String {
        let mut words = vec!["exec", &self.id];
        words.extend(args);
        docker(&words)
    }

    /// Whether `docker exec` succeeds.
    pub(crate) fn exec_succeeds(&self, args: &[&str]) -> bool {
        let mut words = vec!["exec", &self.id];
        words.extend(args);
        succeeds(&words)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (stdout, stderr) = self.output();
            eprintln!("--- container {}\n{stdout}{stderr}", &self.id);
        }
        drop(command(&["rm", "--force", "--volumes", &self.id]).output());
    }
}
