//! A tool and a database: where a case is played.

use serde_json::Value;

use crate::harness::{Database, Engine, Finished, Run};
use crate::project::Project;
use crate::tool::{Ledger, Mark, TextRow, Tool};

/// What every replica becomes.
const APPLICATION: [&str; 2] = ["/bin/echo", "started"];

/// A case is played here.
pub(crate) struct Site {
    pub(crate) tool: &'static dyn Tool,
    pub(crate) database: Database,
}

impl Site {
    /// Which engine.
    pub(crate) fn engine(&self) -> Engine {
        self.database.engine()
    }

    /// A start of the application with these migrations.
    pub(crate) fn run(&self, project: &Project) -> Run {
        Run::start(&self.database, &project.files, APPLICATION).env("CASTOFF_FORMAT", self.tool.name())
    }

    /// A start that must succeed.
    pub(crate) fn starts(&self, project: &Project) -> Finished {
        has_started(self.run(project).output())
    }

    /// A start with these options that must succeed.
    pub(crate) fn starts_with<'a>(&self, project: &Project, options: impl AsRef<[&'a str]>) -> Finished {
        has_started(self.run(project).option(options.as_ref()).output())
    }

    /// A start that must not come to the application: its code, a reason and what to do about it.
    pub(crate) fn does_not_start(&self, project: &Project, code: i32) -> Finished {
        has_not_started(self.run(project).output(), code)
    }

    /// Three migrations, applied.
    pub(crate) fn three_applied(&self) -> Project {
        let project = Project::three(self.tool);
        self.starts(&project);
        project
    }

    /// `resolve`, `--applied` or `--rolled-back`, of this one.
    pub(crate) fn resolve(&self, project: &Project, how: &str, id: &str) -> Finished {
        let run = Run::new(["resolve", how, id]).database(&self.database).migrations(&project.files);
        run.env("CASTOFF_FORMAT", self.tool.name()).output()
    }

    /// `revert` with these options.
    pub(crate) fn revert<'a>(&self, project: &Project, options: impl AsRef<[&'a str]>) -> Run {
        let run = Run::new(["revert"]).database(&self.database).migrations(&project.files);
        run.env("CASTOFF_FORMAT", self.tool.name()).option(options.as_ref())
    }

    /// `status --json`, after checking its exit code.
    pub(crate) fn status(&self, project: &Project, code: i32) -> Value {
        self.status_with(project, [], code)
    }

    /// `status --json` with options, after checking its exit code.
    pub(crate) fn status_with<'a>(
        &self,
        project: &Project,
        options: impl AsRef<[&'a str]>,
        code: i32,
    ) -> Value {
        let run = Run::new(["status", "--json"]).database(&self.database).migrations(&project.files);
        let run =
            run.env("CASTOFF_FORMAT", self.tool.name()).option(options.as_ref()).output().exits_with(code);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
    }

    /// The history: what can be compared of each row, in the tool's order. Empty where there is no table.
    pub(crate) fn history(&self) -> Vec<TextRow> {
        let ledger = self.tool.ledger(self.engine());
        if !self.database.has_table(ledger.table) {
            return Vec::new();
        }
        let columns = ledger.columns.join(", ");
        self.database.rows(&format!("SELECT {columns} FROM {} ORDER BY {}", ledger.table, ledger.order))
    }

    /// The history to the last digit, for comparison with itself.
    pub(crate) fn whole_history(&self) -> Vec<TextRow> {
        let Ledger { table, order, .. } = self.tool.ledger(self.engine());
        let sql = match self.engine() {
            Engine::Postgres => format!("SELECT r::text FROM (SELECT * FROM {table} ORDER BY {order}) r"),
            Engine::MySql => format!("CHECKSUM TABLE {table} EXTENDED"),
            Engine::Sqlite => {
                let columns = format!(
                    "SELECT group_concat('quote(\"' || name || '\")') FROM pragma_table_info('{table}')"
                );
                format!("SELECT {} FROM {table} ORDER BY {order}", self.database.one(&columns))
            }
        };
        self.database.rows(&sql)
    }

    /// Fails unless the history holds exactly this, in the order in which they ran.
    pub(crate) fn assert_history(&self, project: &Project, recorded: &[(u32, Mark)]) {
        assert_eq!(self.history(), project.rows(self.engine(), recorded), "{recorded:?} is what happened");
    }

    /// Fails unless the history holds exactly these as done, in the order in which they ran.
    pub(crate) fn assert_applied(&self, project: &Project, numbers: &[u32]) {
        let recorded: Vec<(u32, Mark)> = numbers.iter().map(|number| (*number, Mark::Applied)).collect();
        self.assert_history(project, &recorded);
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> usize {
        self.database.one(&format!("SELECT count(*) FROM {table}")).parse().expect("a number")
    }
}

/// Fails unless castoff became the application.
pub(crate) fn has_started(run: Finished) -> Finished {
    let run = run.succeeds();
    assert_eq!((run.stdout.as_str(), run.events("exec").len()), ("started\n", 1), "{run}");
    run
}

/// Fails unless castoff ended with this code, a reason, and what to do about it.
pub(crate) fn has_not_started(run: Finished, code: i32) -> Finished {
    let run = run.exits_with(code);
    assert_eq!((run.stdout.as_str(), run.events("exec").len()), ("", 0), "{run}");
    assert_eq!(run.event("exit")["code"], code, "{run}");
    assert!(!run.field("exit", "reason").is_empty() && !run.field("exit", "hint").is_empty(), "{run}");
    run
}

/// How many warnings it logged.
pub(crate) fn warnings(run: &Finished) -> usize {
    run.log.iter().filter(|line| line["level"] == "warn").count()
}
