//! sqlx 0.9: `<VERSION>_<DESCRIPTION>.sql`, `_sqlx_migrations`; `sqlx-core/src/migrate`, `sqlx-*/src/migrate.rs`.

use sha2::{Digest, Sha384};

use crate::harness::{Database, Engine, keys};
use crate::tool::{
    Aftermath, Cause, Down, Habits, HalfUndone, Ledger, Lock, Mark, Outcome, Recorded, Script, TextRow, Tool,
    row, truth,
};

conformance!(Sqlx);

struct Sqlx;

impl Tool for Sqlx {
    fn name(&self) -> &'static str {
        "sqlx"
    }

    fn files(&self, script: &Script) -> Vec<(String, String)> {
        let marker = if script.apart { "-- no-transaction\n" } else { "" };
        let file = |kind, sql: &str| {
            (format!("{}_{}{kind}.sql", script.number, script.name), format!("{marker}{sql}"))
        };
        match &script.down {
            Down::Sql(down) => vec![file(".up", &script.sql), file(".down", down)],
            Down::Trap | Down::Missing => vec![file("", &script.sql)],
        }
    }

    fn id(&self, script: &Script) -> String {
        script.number.to_string()
    }

    fn ledger(&self, engine: Engine) -> Ledger {
        let (create, checksum) = match engine {
            Engine::Postgres => (
                "CREATE TABLE IF NOT EXISTS {table} (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
                 installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
                 checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)",
                "encode(checksum, 'hex')",
            ),
            Engine::MySql | Engine::Sqlite => (
                "CREATE TABLE IF NOT EXISTS {table} (\n    version BIGINT PRIMARY KEY,\n    \
                 description TEXT NOT NULL,\n    \
                 installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    success BOOLEAN NOT NULL,\n    \
                 checksum BLOB NOT NULL,\n    execution_time BIGINT NOT NULL\n)",
                "lower(hex(checksum))",
            ),
        };
        Ledger {
            table: "_sqlx_migrations",
            create: vec![create],
            columns: vec!["version", "description", "success", checksum, "execution_time > 0"],
            order: "version",
        }
    }

    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let mut rows: Vec<_> = recorded.iter().collect();
        rows.sort_by_key(|recorded| recorded.script.number);
        let text = |Recorded { script, content, mark }: &Recorded<'_>| {
            let done = truth(engine, *mark == Mark::Applied);
            let timed = truth(engine, matches!(mark, Mark::Applied | Mark::HalfUndone));
            let checksum = hex::encode(Sha384::digest(content));
            row([&script.number.to_string(), &script.name.replace('_', " "), done, &checksum, timed])
        };
        rows.into_iter().map(text).collect()
    }

    /// `validate_applied_migrations`: `VersionMissing`, `VersionMismatch`; what is applied is a set.
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: true,
            fails_on_edited: true,
            sees_gaps: true,
            fails_on_missing: true,
            out_of_order: "apply",
        }
    }

    /// PostgreSQL and SQLite roll back. MySQL never honours the marker, and its DDL commits the row that says that the
    /// migration is not done. Without a transaction castoff writes that row first, which sqlx itself calls dirty.
    fn aftermath(&self, engine: Engine, _: Cause, apart: bool) -> Aftermath {
        let stays = engine == Engine::MySql || apart;
        Aftermath { mark: stays.then_some(Mark::Unfinished), stays, blocks: stays }
    }

    /// `revert` of MySQL says that it was begun, and DDL commits that; castoff says so without a transaction as well.
    fn half_undone(&self, engine: Engine, (before, this): (u32, u32), apart: bool) -> Option<HalfUndone> {
        let stays = engine == Engine::MySql || apart;
        let mark = if stays { Mark::HalfUndone } else { Mark::Applied };
        Some(HalfUndone { recorded: vec![(before, Mark::Applied), (this, mark)], stays, blocks: stays })
    }

    fn locks(&self, database: &Database) -> Vec<Lock> {
        let key = keys::sqlx(&database.name());
        match database.engine() {
            Engine::Postgres => vec![Lock::Number(key)],
            Engine::MySql => vec![Lock::Name(format!("{key:x}"))],
            Engine::Sqlite => Vec::new(),
        }
    }

    /// It is part of the text that is sent.
    fn byte_order_mark(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Applied } else { Outcome::Fails }
    }

    /// `execute_migration` begins one around it, and SQLite nests none.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Fails } else { Outcome::Applied }
    }
}
