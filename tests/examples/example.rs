//! One example, followed as its README says, in containers that vanish with the test.
//!
//!     let Some(example) = Example::new("compose-prisma", &["goal-tracker-api"]) else { return };
//!     example.follow("## A late database");
//!     let said = example.run("docker compose run --rm api castoff status");
//!     assert_eq!(said.code, 0, "{}", said.text);
//!
//! What is run is a copy of `examples/NAME` in which image names, and nothing else, are replaced: public ones by the
//! machine's own ([`bases`]), `castoff` by the build under test, and those that the example builds by unique ones. Its
//! Dockerfiles end with a label. So tests run side by side, on a daemon that others use, without touching an image, a
//! container or a port of theirs.

use std::fs::{self, Permissions};
use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bases::{self, on_path, stand_in};
use crate::docker::available;
use crate::harness::{Scratch, eventually, missing};
use crate::project::Project;
use crate::readme::{self, Shown};

/// How long a command may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a line that is shown may take to appear.
const APPEARS: Duration = Duration::from_mins(1);

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    /// stdout and stderr, as they came.
    pub(crate) text: String,
}

/// A folder of `examples/`, copied.
pub(crate) struct Example {
    /// The first to go.
    project: Project,
    home: Scratch,
    /// Holds `docker` as the commands find it.
    tools: Scratch,
    readme: String,
    /// The images' names in the files, and here.
    images: Vec<(String, String)>,
}

impl Example {
    /// Copies a folder, named below `examples/` or absolutely. `images` are the names of the images that its own
    /// commands build.
    ///
    /// `None`, said loudly, where the machine cannot run it. Panics where a block of the README claims to show a part of
    /// a file and does not.
    pub(crate) fn new(folder: impl AsRef<Path>, images: &[&str]) -> Option<Self> {
        if !available() {
            return None;
        }
        if on_path("docker-compose").is_none() {
            missing("docker-compose", "no docker-compose on the PATH");
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
        let project = Project::new();
        let readme = fs::read_to_string(source.join("README.md")).expect("the example's README.md");
        let names = images.iter().chain(&["castoff"]);
        let images = names.map(|&name| (name.to_owned(), format!("{name}-{}", project.name()))).collect();
        let example =
            Self { home: Scratch::new("example"), tools: Scratch::new("tools"), readme, project, images };
        bases::castoff(&example.localised("castoff"))?;
        let untrue = readme::untrue_quotations(&example.readme, &source);
        assert!(untrue.is_empty(), "the README shows what is not in its files: {untrue:#?}");
        example.copy(&source, Path::new(""))?;
        let docker = example.tools.write("docker", include_str!("docker.sh"));
        fs::set_permissions(docker, Permissions::from_mode(0o755)).expect("its mode");
        Some(example)
    }

    /// Where the copy is: to read its files, or to change them as a user would.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.home.path().join(file)
    }

    /// Writes a file of the copy; image names in it are replaced.
    pub(crate) fn write(&self, file: &str, content: &str) {
        self.home.write(file, self.localised(content));
    }

    /// Runs the commands under this heading of the README, each of which must say what is shown below it and end well:
    /// where a failure is the point, the README shows `; echo $?`.
    ///
    /// A command that only looks (`docker compose logs`) is asked until it says so.
    pub(crate) fn follow(&self, heading: &str) {
        self.try_follow(heading).unwrap_or_else(|why| panic!("{why}"));
    }

    /// The same; an error says which command did not.
    pub(crate) fn try_follow(&self, heading: &str) -> Result<(), String> {
        readme::commands(&self.readme, heading).iter().try_for_each(|shown| self.expect(shown))
    }

    /// Asks this command until each of these lines is part of what it says, in the sense of [`readme`].
    pub(crate) fn until(&self, command: &str, lines: &[&str]) -> String {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        let start = Instant::now();
        loop {
            let said = self.run(command);
            let missing = readme::missing(&lines, &said.text);
            if missing.is_empty() {
                return said.text;
            }
            assert!(start.elapsed() < APPEARS, "{command}\nnever said {missing:#?} but:\n{}", said.text);
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Waits until this many lines of the logs of all its containers together hold this text.
    pub(crate) fn until_logged(&self, count: usize, text: &str) {
        let holding = |log: &String| log.lines().filter(|line| line.contains(text)).count();
        eventually(&format!("{count} times {text:?}"), || {
            (self.project.logs().iter().map(holding).sum::<usize>() == count).then_some(())
        });
    }

    fn expect(&self, Shown { command, lines }: &Shown) -> Result<(), String> {
        const LOOKS: [&str; 4] =
            ["docker compose logs", "docker compose ps", "docker logs", "docker inspect"];
        if LOOKS.iter().any(|looks| command.starts_with(looks)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            self.until(command, &lines);
            return Ok(());
        }
        let Said { code, text } = self.run(command);
        if code != 0 {
            return Err(format!("{command}\nended with {code}:\n{text}"));
        }
        let missing = readme::missing(lines, &text);
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{command}\ndid not say {missing:#?} but:\n{text}"))
        }
    }

    /// Runs a script of bash in the copy, with these images and this project; `docker compose` is docker-compose.
    pub(crate) fn run(&self, script: &str) -> Said {
        self.run_with(script, &[])
    }

    /// The same, with these variables. No other of the test's own reaches it, but for those `docker` needs.
    pub(crate) fn run_with(&self, script: &str, variables: &[(&str, &str)]) -> Said {
        let (mut output, writer) = pipe().expect("a pipe");
        let mut bash = Command::new("timeout");
        bash.arg("--kill-after=5s").arg(format!("{}s", PATIENCE.as_secs()));
        bash.args(["bash", "-o", "pipefail", "-c", &self.localised(script)]).current_dir(self.home.path());
        let path = std::env::var("PATH").unwrap_or_default();
        bash.env_clear().env("PATH", format!("{}:{path}", self.tools.path().display()));
        for name in ["HOME", "DOCKER_HOST"] {
            bash.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        bash.env("CASTOFF_TEST_DOCKER", on_path("docker").expect("it answered"));
        bash.env("COMPOSE_PROJECT_NAME", self.project.name());
        // The newer builder needs a plugin that not every client has, and looks for local images in registries.
        bash.env("DOCKER_BUILDKIT", "0").envs(variables.iter().copied());
        bash.stdin(Stdio::null());
        bash.stdout(writer.try_clone().expect("the pipe again")).stderr(writer);
        let mut child = bash.spawn().expect("bash runs");
        // The command holds the pipe's other end.
        drop(bash);
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).expect("the output is read");
        let status = child.wait().expect("bash ends");
        let text = readme::without_controls(&String::from_utf8_lossy(&bytes));
        let text = self.images.iter().fold(text, |text, (name, local)| text.replace(local, name));
        Said { code: status.code().unwrap_or(-1), text }
    }

    fn copy(&self, source: &Path, below: &Path) -> Option<()> {
        for entry in fs::read_dir(source.join(below)).expect("the example").flatten() {
            let path = below.join(entry.file_name());
            if entry.path().is_dir() {
                self.copy(source, &path)?;
                continue;
            }
            let name = path.to_str().expect("a path in UTF-8");
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
            let dockerfile = name.contains("Dockerfile");
            let text = if dockerfile || [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) {
                self.with_stand_ins(&text)?
            } else {
                text
            };
            // Else two tests that build the same have one image, which the first to end removes under the other.
            let label = format!("LABEL castoff.test= castoff.test.image={}\n", self.project.name());
            let text = if dockerfile { text + &label } else { text };
            self.home.write(name, text);
            let mode = entry.metadata().expect("its mode").permissions();
            fs::set_permissions(self.path(name), mode).expect("its mode");
        }
        Some(())
    }

    /// A Dockerfile or a compose file with local images in the places where such a file names one.
    fn with_stand_ins(&self, text: &str) -> Option<String> {
        let mut stages: Vec<String> = Vec::new();
        let mut copy = String::new();
        for line in text.lines() {
            let mut line = line.to_owned();
            let words: Vec<&str> = line.split_whitespace().collect();
            let public = match words.as_slice() {
                ["FROM" | "image:", name, ..] => Some((*name).to_owned()),
                ["COPY", from, ..] => from.strip_prefix("--from=").map(str::to_owned),
                _ => None,
            };
            let stage = match words.as_slice() {
                ["FROM", _, "AS", stage] => Some((*stage).to_owned()),
                _ => None,
            };
            if let Some(public) = public.filter(|name| name != "scratch" && !stages.contains(name)) {
                let local = match self.localised(&public) {
                    own if own != public => own,
                    _ => stand_in(&public)?,
                };
                line = line.replacen(&public, &local, 1);
            }
            stages.extend(stage);
            copy.push_str(&line);
            copy.push('\n');
        }
        Some(copy)
    }

    /// A text with the names of the images that are built here replaced. `castoff` is a word of its own in commands.
    fn localised(&self, text: &str) -> String {
        if let Some((_, local)) = self.images.iter().find(|(name, _)| name == text) {
            return local.clone();
        }
        let own = self.images.iter().filter(|(name, _)| name != "castoff");
        own.fold(text.to_owned(), |text, (name, local)| text.replace(name, local))
    }
}
