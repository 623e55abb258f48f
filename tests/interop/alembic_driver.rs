//! The real Alembic, in a Python process that answers questions.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Database, Engine, missing};

/// The process; it ends when its questions do.
pub(crate) struct Driver {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The corpus, which is one project for every engine.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/alembic")
}

impl Driver {
    /// `None`, said loudly, where Alembic is not installed.
    pub(crate) fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/tools/alembic/bin/python");
        if !python.exists() {
            missing("alembic", "scripts/test installs it below target/tools");
            return None;
        }
        let mut command = Command::new(python);
        command.arg(root.join("tests/interop/alembic/driver.py"));
        command.env_clear().env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let answers = BufReader::new(child.stdout.take().expect("its standard output"));
        Some(Self { questions: child.stdin.take(), child, answers })
    }

    fn ask(&mut self, question: &Value) -> Result<Value, String> {
        let questions = self.questions.as_mut().expect("an open pipe");
        writeln!(questions, "{question}").and_then(|()| questions.flush()).expect("a question is sent");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// The revisions of the project that Alembic finds in this directory, in the order of an upgrade; and for each set
    /// of revisions, which of them a database would hold and what would be pending there.
    pub(crate) fn graph(&mut self, project: &Path, sets: &[Vec<String>]) -> Result<Value, String> {
        self.ask(&json!({"do": "graph", "cwd": project, "sets": sets}))
    }

    /// `alembic COMMAND…` on a database: what it printed, and how the database stands then.
    pub(crate) fn run(
        &mut self,
        project: &Path,
        database: &Database,
        command: &[&str],
    ) -> Result<Value, String> {
        self.run_with(project, database, command, &json!({}))
    }

    /// The same with what `env.py` tells `context.configure`.
    pub(crate) fn run_with(
        &mut self,
        project: &Path,
        database: &Database,
        command: &[&str],
        context: &Value,
    ) -> Result<Value, String> {
        self.ask(&json!({
            "do": "run",
            "cwd": project,
            "url": database.url(),
            "engine": for_sqlalchemy(database),
            "command": command,
            "context": context,
        }))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.questions.take());
        drop(self.child.wait());
    }
}

/// The address with the driver that it is to be opened with.
fn for_sqlalchemy(database: &Database) -> String {
    match database.engine() {
        Engine::Postgres => database.url().replace("postgres://", "postgresql+psycopg://"),
        Engine::MySql => database.url().replace("mysql://", "mysql+pymysql://"),
        Engine::Sqlite => format!("sqlite:///{}", database.name()),
    }
}

/// The strings of an array.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap_or_else(|| panic!("{value} is no array"));
    items.iter().map(|item| item.as_str().expect("a string").to_owned()).collect()
}
