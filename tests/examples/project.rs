//! What the daemon has of one example: containers, networks, volumes and images under one unique name, removed on drop.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of an example's compose project, the label of its other containers, and the end of its images' names.
pub(crate) struct Project(String);

impl Project {
    /// One that no other test, process or person uses.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("castofftest{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Its name: lowercase letters and digits, as compose wants it.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The ids of its containers, ended ones included.
    fn containers(&self) -> Vec<String> {
        self.listed(&["ps", "--all", "--quiet"])
    }

    /// What each of its containers has printed, those that have been replaced not among them.
    pub(crate) fn logs(&self) -> Vec<String> {
        self.containers().iter().map(|id| said(&["logs", id])).collect()
    }

    /// What this command lists of it: what compose has labelled, and what `docker.sh` has.
    fn listed(&self, command: &[&str]) -> Vec<String> {
        let labels = ["com.docker.compose.project", "castoff.test.project"];
        let list = |label| {
            let filter = format!("label={label}={}", self.0);
            said(&[command, &["--filter", &filter]].concat())
        };
        labels.map(list).concat().split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let remove = |command: &[&str], what: Vec<String>| {
            if !what.is_empty() {
                drop(Command::new("docker").args(command).args(what).output());
            }
        };
        if std::thread::panicking() {
            for id in self.containers() {
                let state = "--- {{.Name}}: {{.State.Status}} {{.State.ExitCode}}";
                eprint!("{}{}", said(&["inspect", "--format", state, &id]), said(&["logs", &id]));
            }
        }
        remove(&["rm", "--force", "--volumes"], self.containers());
        remove(&["volume", "rm"], self.listed(&["volume", "ls", "--quiet"]));
        remove(&["network", "rm"], self.listed(&["network", "ls", "--quiet"]));
        let reference = format!("reference=*-{}", self.0);
        let images = said(&["image", "ls", "--filter", &reference, "--format", "{{.Repository}}:{{.Tag}}"]);
        // What an image was built on may be what another test is building on.
        remove(&["rmi", "--no-prune"], images.split_whitespace().map(str::to_owned).collect());
    }
}

/// What docker prints, stdout and stderr.
fn said(args: &[&str]) -> String {
    let Ok(output) = Command::new("docker").args(args).output() else { return String::new() };
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    stdout + &stderr
}
