//! Diesel 2.3: `<VERSION>_<NAME>/up.sql`, `__diesel_schema_migrations`; `diesel_migrations` and `migrations_internals`.

use crate::harness::{Database, Engine};
use crate::tool::{
    Aftermath, Cause, Habits, HalfUndone, Ledger, Lock, Mark, Outcome, Recorded, Script, TextRow, Tool, row,
    truth,
};

conformance!(Diesel);

struct Diesel;

impl Tool for Diesel {
    fn name(&self) -> &'static str {
        "diesel"
    }

    fn files(&self, script: &Script) -> Vec<(String, String)> {
        let directory = format!("2025-01-01-00{:04}_{}", script.number, script.name);
        let mut files = vec![(format!("{directory}/up.sql"), script.sql.clone())];
        files.extend(script.down.text().map(|sql| (format!("{directory}/down.sql"), sql.to_owned())));
        if script.apart {
            files.push((format!("{directory}/metadata.toml"), "run_in_transaction = false\n".into()));
        }
        files
    }

    /// `version_from_string`: without the hyphens.
    fn id(&self, script: &Script) -> String {
        format!("2025010100{:04}", script.number)
    }

    fn ledger(&self, _: Engine) -> Ledger {
        Ledger {
            table: "__diesel_schema_migrations",
            create: vec![
                "CREATE TABLE IF NOT EXISTS {table} (\n       version VARCHAR(50) PRIMARY KEY NOT NULL,\n       \
                 run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP\n);\n",
            ],
            columns: vec!["version", "run_on IS NOT NULL"],
            order: "version",
        }
    }

    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let mut ids: Vec<String> = recorded.iter().map(|recorded| self.id(recorded.script)).collect();
        ids.sort_unstable();
        ids.iter().map(|id| row([id, truth(engine, true)])).collect()
    }

    /// `pending_migrations`: what is on disk and not in the history, and nothing else is looked at.
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: false,
            fails_on_edited: false,
            sees_gaps: true,
            fails_on_missing: false,
            out_of_order: "apply",
        }
    }

    /// `run_migration` writes one row, after the script.
    fn aftermath(&self, engine: Engine, _: Cause, apart: bool) -> Aftermath {
        Aftermath { mark: None, stays: engine == Engine::MySql || apart, blocks: false }
    }

    /// `revert_migration` takes the row away after the script.
    fn half_undone(&self, engine: Engine, (before, this): (u32, u32), apart: bool) -> Option<HalfUndone> {
        let recorded = vec![(before, Mark::Applied), (this, Mark::Applied)];
        Some(HalfUndone { recorded, stays: engine == Engine::MySql || apart, blocks: false })
    }

    fn locks(&self, _: &Database) -> Vec<Lock> {
        Vec::new()
    }

    /// `batch_execute` sends it.
    fn byte_order_mark(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Applied } else { Outcome::Fails }
    }

    /// There is one around it already, and SQLite nests none.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Fails } else { Outcome::Applied }
    }
}
