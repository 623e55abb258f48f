//! What the daemon has of one example: containers, networks, volumes and images under one unique name, removed on drop.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

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

    /// Removes it all, and returns what docker said where it would not.
    fn remove(&self) -> Vec<String> {
        let reference = format!("reference=*-{}", self.0);
        let images = ["image", "ls", "--filter", &reference, "--format", "{{.Repository}}:{{.Tag}}"];
        let kinds: [(&[&str], Vec<String>); 4] = [
            (&["rm", "--force", "--volumes"], self.containers()),
            (&["volume", "rm"], self.listed(&["volume", "ls", "--quiet"])),
            (&["network", "rm"], self.listed(&["network", "ls", "--quiet"])),
            // What an image was built on may be what another test is building on.
            (&["rmi", "--no-prune"], said(&images).split_whitespace().map(str::to_owned).collect()),
        ];
        let mut complaints = Vec::new();
        for (command, what) in kinds.into_iter().filter(|(_, what)| !what.is_empty()) {
            match Command::new("docker").args(command).args(what).output() {
                Ok(output) if output.status.success() => {}
                Ok(output) => complaints.push(String::from_utf8_lossy(&output.stderr).into_owned()),
                Err(error) => complaints.push(error.to_string()),
            }
        }
        complaints
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
        if std::thread::panicking() {
            for id in self.containers() {
                let state = "--- {{.Name}}: {{.State.Status}} {{.State.ExitCode}}";
                eprint!("{}{}", said(&["inspect", "--format", state, &id]), said(&["logs", &id]));
            }
        }
        // A daemon with much to do may refuse what it has not finished with.
        let mut complaints = Vec::new();
        for _ in 0..20 {
            complaints = self.remove();
            if complaints.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        eprintln!("left on the daemon: {complaints:#?}");
    }
}

/// What docker prints, stdout and stderr.
fn said(args: &[&str]) -> String {
    let Ok(output) = Command::new("docker").args(args).output() else { return String::new() };
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    stdout + &stderr
}
