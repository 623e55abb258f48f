//! The real `prisma migrate`, called as a person calls it, on its WebAssembly engine.
//!
//! No registry ships the native engine of today's command line, so this is the newest release that brings an engine of
//! its own. `prisma/prisma.config.mjs` says what stands in for its driver.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::harness::{Database, Migrations, missing};

/// The tool on one database.
pub(crate) struct PrismaCli {
    program: PathBuf,
    url: String,
}

/// What it printed, on both channels, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; -1 for a signal.
    pub(crate) code: i32,
    /// Everything it printed.
    pub(crate) text: String,
}

impl PrismaCli {
    /// `None`, said loudly, where it is not installed.
    pub(crate) fn on(database: &Database) -> Option<Self> {
        Self::with_url(database.url())
    }

    /// The same, in the schema of this name.
    pub(crate) fn in_schema(database: &Database, schema: &str) -> Option<Self> {
        Self::with_url(format!("{}?schema={schema}", database.url()))
    }

    fn with_url(url: String) -> Option<Self> {
        let program = root().join("target/tools/prisma/node_modules/prisma/build/index.js");
        let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
        if !program.exists() || !node.is_ok_and(|status| status.success()) {
            missing("prisma", "scripts/test installs it below target/tools, and Node.js where there is none");
            return None;
        }
        Some(Self { program, url })
    }

    /// `prisma migrate ARGS…`, not started yet.
    pub(crate) fn command(&self, args: &[&str], files: &Migrations) -> Command {
        let own = root().join("tests/interop/prisma/prisma.config.mjs");
        let mut command = Command::new("node");
        command.arg(&self.program).arg("migrate").args(args).arg("--config").arg(&own).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir("/");
        command.env("DATABASE_URL", &self.url).env("ORACLE_MIGRATIONS", files.path());
        // It asks nobody for newer versions and downloads no engine. For the ones it does not use a file that is there
        // will do; `resolve` asks one of them whether the server can be reached.
        command.envs([("CHECKPOINT_DISABLE", "1"), ("PRISMA_HIDE_UPDATE_MESSAGE", "1"), ("NO_COLOR", "1")]);
        command.envs(
            ["PRISMA_QUERY_ENGINE_LIBRARY", "PRISMA_SCHEMA_ENGINE_BINARY"]
                .map(|engine| (engine, "/bin/true")),
        );
        command
    }

    /// `prisma migrate ARGS…`, to its end.
    pub(crate) fn migrate(&self, args: &[&str], files: &Migrations) -> Said {
        let Output { status, stdout, stderr } = self.command(args, files).output().expect("node runs");
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        Said { code: status.code().unwrap_or(-1), text: format!("{stdout}{stderr}") }
    }

    /// Applies what is pending; says what that was.
    pub(crate) fn deploy(&self, files: &Migrations) -> Vec<String> {
        let said = self.migrate(&["deploy"], files).succeeds();
        let names = said.text.lines().filter_map(|line| line.trim().strip_prefix("└─ ")?.strip_suffix('/'));
        names.map(str::to_owned).collect()
    }

    /// `prisma migrate status`.
    pub(crate) fn status(&self, files: &Migrations) -> Said {
        self.migrate(&["status"], files)
    }

    /// `prisma migrate resolve --applied` or `--rolled-back`.
    pub(crate) fn resolve(&self, how: &str, id: &str, files: &Migrations) -> Said {
        self.migrate(&["resolve", how, id], files)
    }
}

impl Said {
    /// Fails with everything printed unless it ended well.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "prisma migrate: {}", self.text);
        self
    }

    /// Fails with everything printed unless it ended badly with these words, its error code for one.
    pub(crate) fn fails(self, words: &str) -> Self {
        assert!(self.code == 1 && self.text.contains(words), "{words:?}: {self:?}");
        self
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
