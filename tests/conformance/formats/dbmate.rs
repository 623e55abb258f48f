//! dbmate 2.36: `<VERSION>….sql` with `-- migrate:up` in it, `schema_migrations`; `pkg/dbmate`, `pkg/driver`.

use crate::harness::{Database, Engine};
use crate::tool::{
    Aftermath, Cause, Habits, HalfUndone, Ledger, Lock, Mark, Outcome, Recorded, Script, TextRow, Tool, row,
};

conformance!(Dbmate);

struct Dbmate;

impl Tool for Dbmate {
    fn name(&self) -> &'static str {
        "dbmate"
    }

    fn files(&self, script: &Script) -> Vec<(String, String)> {
        let option = if script.apart { " transaction:false" } else { "" };
        let down = script.down.text().map_or(String::new(), |sql| format!("-- migrate:down{option}\n{sql}"));
        let text = format!("-- migrate:up{option}\n{}\n{down}", script.sql);
        vec![(format!("{}_{}.sql", self.id(script), script.name), text)]
    }

    fn id(&self, script: &Script) -> String {
        format!("2025010100{:04}", script.number)
    }

    fn ledger(&self, engine: Engine) -> Ledger {
        let create = match engine {
            Engine::Postgres => "create table if not exists {table} (version varchar primary key)",
            Engine::MySql => "create table if not exists `{table}` (version varchar(128) primary key)",
            Engine::Sqlite => "create table if not exists \"{table}\" (version varchar(128) primary key)",
        };
        Ledger {
            table: "schema_migrations",
            create: vec![create],
            columns: vec!["version"],
            order: "version",
        }
    }

    fn rows(&self, _: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let mut rows: Vec<_> = recorded.iter().map(|recorded| row([&self.id(recorded.script)])).collect();
        rows.sort();
        rows
    }

    /// What is applied is a set of versions, and nothing else is kept.
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: false,
            fails_on_edited: false,
            sees_gaps: true,
            fails_on_missing: false,
            out_of_order: "apply",
        }
    }

    /// The version is recorded last, and a failure never.
    fn aftermath(&self, engine: Engine, _: Cause, apart: bool) -> Aftermath {
        Aftermath { mark: None, stays: engine == Engine::MySql || apart, blocks: false }
    }

    /// `DeleteMigration` comes after the block, and nothing says that it was begun.
    fn half_undone(&self, engine: Engine, (before, this): (u32, u32), apart: bool) -> Option<HalfUndone> {
        let recorded = vec![(before, Mark::Applied), (this, Mark::Applied)];
        Some(HalfUndone { recorded, stays: engine == Engine::MySql || apart, blocks: false })
    }

    fn locks(&self, _: &Database) -> Vec<Lock> {
        Vec::new()
    }

    /// The directive is not found behind it.
    fn byte_order_mark(&self, _: Engine) -> Outcome {
        Outcome::Refused
    }

    /// There is one around it, and SQLite nests none.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Fails } else { Outcome::Applied }
    }
}
