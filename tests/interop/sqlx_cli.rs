//! The real `sqlx`, called as a person calls it.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::{Database, Engine, Migrations, missing};

/// The tool on one database.
pub(crate) struct SqlxCli {
    program: PathBuf,
    url: String,
}

impl SqlxCli {
    /// `None`, said loudly, where it is not installed.
    pub(crate) fn on(database: &Database) -> Option<Self> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/sqlx");
        if !program.exists() {
            missing("sqlx-cli", "scripts/test installs it below target/tools");
            return None;
        }
        // For SQLite the tool creates a file only if it is asked to; castoff always does.
        let suffix = if database.engine() == Engine::Sqlite { "?mode=rwc" } else { "" };
        Some(Self { program, url: format!("{}{suffix}", database.url()) })
    }

    /// `sqlx migrate SUBCOMMAND`.
    pub(crate) fn try_migrate(&self, subcommand: &str, files: &Migrations) -> Output {
        self.try_with(&[subcommand], files)
    }

    fn try_with(&self, words: &[&str], files: &Migrations) -> Output {
        let mut command = Command::new(&self.program);
        command.env_clear().env("DATABASE_URL", &self.url).current_dir(files.path());
        command.arg("migrate").args(words).args(["--no-dotenv", "--source", "."]).output().expect("sqlx runs")
    }

    fn migrate(&self, subcommand: &str, files: &Migrations) -> String {
        let Output { status, stdout, stderr } = self.try_migrate(subcommand, files);
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "sqlx migrate {subcommand}: {stdout}{stderr}");
        stdout.into_owned()
    }

    /// Applies what is pending; says how many that were.
    pub(crate) fn run(&self, files: &Migrations) -> usize {
        self.migrate("run", files).lines().filter(|line| line.starts_with("Applied ")).count()
    }

    /// Takes the newest one back.
    pub(crate) fn revert(&self, files: &Migrations) {
        self.migrate("revert", files);
    }

    /// Takes everything back that is newer than this one.
    pub(crate) fn revert_to(&self, target: &str, files: &Migrations) {
        let output = self.try_with(&["revert", "--target-version", target], files);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// What it says of each migration.
    pub(crate) fn info(&self, files: &Migrations) -> String {
        self.migrate("info", files)
    }
}
