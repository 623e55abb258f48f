//! The real `diesel`, called as a person calls it.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::{Database, Engine, Migrations, missing};
use crate::tool::Tool;

/// The tool on one database.
pub(crate) struct DieselCli {
    program: PathBuf,
    url: String,
}

impl Tool for DieselCli {
    const FORMAT: &'static str = "diesel";

    fn on(database: &Database) -> Option<Self> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/diesel");
        if !program.exists() {
            missing("diesel", "scripts/test installs it below target/tools");
            return None;
        }
        // Diesel takes the path of a SQLite database as it is.
        let url = if database.engine() == Engine::Sqlite { database.name() } else { database.url() };
        Some(Self { program, url })
    }

    fn run(&self, files: &Migrations) -> Result<usize, String> {
        Ok(self
            .migration(&["run"], files)?
            .lines()
            .filter(|line| line.starts_with("Running migration "))
            .count())
    }

    fn status(&self, files: &Migrations) -> String {
        assert!(!self.has_pending(files), "diesel still found something pending");
        let list = self.list(files);
        assert!(list.lines().skip(1).all(|line| line.starts_with("  [X] ")), "{list}");
        list
    }
}

impl DieselCli {
    /// `diesel migration ARGS…`: what it printed, or what it complained of.
    pub(crate) fn migration(&self, args: &[&str], files: &Migrations) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.env_clear().env("DATABASE_URL", &self.url).current_dir("/");
        command.arg("migration").args(args).arg("--migration-dir").arg(files.path());
        let Output { status, stdout, stderr } = command.output().expect("diesel runs");
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        if status.success() { Ok(stdout.into_owned()) } else { Err(format!("{stdout}{stderr}")) }
    }

    /// Takes the newest one back.
    pub(crate) fn revert(&self, files: &Migrations) {
        self.migration(&["revert"], files).expect("diesel reverts");
    }

    /// Whether something is to be applied.
    pub(crate) fn has_pending(&self, files: &Migrations) -> bool {
        match self.migration(&["pending"], files).expect("diesel answers").trim() {
            "true" => true,
            "false" => false,
            other => panic!("diesel migration pending: {other}"),
        }
    }

    /// What it says of each migration.
    pub(crate) fn list(&self, files: &Migrations) -> String {
        self.migration(&["list"], files).expect("diesel lists")
    }
}
