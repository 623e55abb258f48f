//! The real `dbmate`, called as a person calls it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::harness::{Database, Engine, Migrations, missing};

/// The tool on one database.
#[derive(Clone)]
pub(crate) struct Dbmate {
    program: PathBuf,
    url: String,
    environment: Vec<(&'static str, String)>,
}

/// What it printed, on both channels, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; -1 for a signal.
    pub(crate) code: i32,
    /// Everything it printed.
    pub(crate) text: String,
}

impl Dbmate {
    /// `None`, said loudly, where it is not installed.
    pub(crate) fn on(database: &Database) -> Option<Self> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("target/tools/dbmate/node_modules/@dbmate/linux-x64/bin/dbmate");
        if !program.exists() {
            missing("dbmate", "scripts/test installs it below target/tools");
            return None;
        }
        // Its driver asks a PostgreSQL server for TLS unless it is told not to.
        let suffix = if database.engine() == Engine::Postgres { "?sslmode=disable" } else { "" };
        Some(Self { program, url: format!("{}{suffix}", database.url()), environment: Vec::new() })
    }

    /// The same with another parameter in the URL.
    pub(crate) fn parameter(mut self, parameter: &str) -> Self {
        let joint = if self.url.contains('?') { '&' } else { '?' };
        self.url = format!("{}{joint}{parameter}", self.url);
        self
    }

    /// The same with a variable in its environment.
    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// `dbmate SUBCOMMAND`, to its end.
    pub(crate) fn run(&self, subcommand: &str, files: &Migrations) -> Said {
        let mut command = Command::new(&self.program);
        command.env_clear().env("DATABASE_URL", &self.url).envs(self.environment.iter().cloned());
        command.current_dir("/").stdin(Stdio::null());
        command.args(["--env-file", "/dev/null", "--no-dump-schema", "--migrations-dir"]).arg(files.path());
        let Output { status, stdout, stderr } = command.arg(subcommand).output().expect("dbmate runs");
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        Said { code: status.code().unwrap_or(-1), text: format!("{stdout}{stderr}") }
    }

    /// Applies what is pending; says which files that were.
    pub(crate) fn migrate(&self, files: &Migrations) -> Vec<String> {
        let said = self.run("migrate", files).succeeds();
        said.text.lines().filter_map(|line| line.strip_prefix("Applying: ")).map(str::to_owned).collect()
    }

    /// Takes the newest one back.
    pub(crate) fn rollback(&self, files: &Migrations) {
        self.run("rollback", files).succeeds();
    }

    /// Its list: a line for each file, `[X]` before those that are applied.
    pub(crate) fn status(&self, files: &Migrations) -> Vec<String> {
        let said = self.run("status", files).succeeds();
        said.text.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect()
    }
}

impl Said {
    /// Fails with everything printed unless it ended well.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "dbmate: {}", self.text);
        self
    }

    /// Fails with everything printed unless it ended badly with these words.
    pub(crate) fn fails(self, words: &str) -> Self {
        assert!(self.code == 2 && self.text.contains(words), "{words:?}: {self:?}");
        self
    }
}
