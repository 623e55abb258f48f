//! The real `refinery`, called as a person calls it.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::{Database, Engine, Migrations, missing};
use crate::tool::Tool;

/// The tool on one database.
pub(crate) struct RefineryCli {
    program: PathBuf,
    url: String,
}

impl Tool for RefineryCli {
    const FORMAT: &'static str = "refinery";

    fn on(database: &Database) -> Option<Self> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/refinery");
        if !program.exists() {
            missing("refinery", "scripts/test installs it below target/tools");
            return None;
        }
        if database.engine() == Engine::Sqlite {
            // The tool opens only a file that is there; castoff creates it.
            database.exec("SELECT 1");
        }
        Some(Self { program, url: database.url() })
    }

    /// With the library's own policies, which the command line has to be told.
    fn run(&self, files: &Migrations) -> Result<usize, String> {
        self.migrate(&["-d", "-m"], files)
    }

    /// It has no command that only looks.
    fn status(&self, _: &Migrations) -> String {
        String::new()
    }
}

impl RefineryCli {
    /// `refinery migrate ARGS…`: how many it applied, or what it complained of.
    pub(crate) fn migrate(&self, args: &[&str], files: &Migrations) -> Result<usize, String> {
        let mut command = Command::new(&self.program);
        command.env_clear().env("URL", &self.url).current_dir("/");
        command.args(["migrate", "-e", "URL", "-p"]).arg(files.path()).args(args);
        let Output { status, stdout, stderr } = command.output().expect("refinery runs");
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        if !status.success() {
            return Err(said);
        }
        Ok(said.lines().filter(|line| line.starts_with("applying migration: ")).count())
    }
}
