//! Prisma Migrate: `<name>/migration.sql`, `_prisma_migrations`; `schema-engine` of prisma-engines.

use sha2::{Digest, Sha256};

use crate::harness::{Database, Engine};
use crate::tool::{
    Aftermath, Cause, Habits, Ledger, Lock, Mark, Outcome, Recorded, Script, TextRow, Tool, row, truth,
};

conformance!(Prisma);

struct Prisma;

impl Tool for Prisma {
    fn name(&self) -> &'static str {
        "prisma"
    }

    fn files(&self, script: &Script) -> Vec<(String, String)> {
        vec![(format!("{}/migration.sql", self.id(script)), script.sql.clone())]
    }

    fn id(&self, script: &Script) -> String {
        format!("2025010100{:04}_{}", script.number, script.name)
    }

    fn ledger(&self, engine: Engine) -> Ledger {
        let create = match engine {
            Engine::Postgres => {
                "CREATE TABLE {table} (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, \
                 finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ, \
                 started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)"
            }
            Engine::MySql => {
                "CREATE TABLE {table} (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, \
                 finished_at DATETIME(3), migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at DATETIME(3), \
                 started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), \
                 applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0) \
                 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
            }
            Engine::Sqlite => {
                "CREATE TABLE \"{table}\" (\n    \"id\"                    TEXT PRIMARY KEY NOT NULL,\n    \
                 \"checksum\"              TEXT NOT NULL,\n    \"finished_at\"           DATETIME,\n    \
                 \"migration_name\"        TEXT NOT NULL,\n    \"logs\"                  TEXT,\n    \
                 \"rolled_back_at\"        DATETIME,\n    \
                 \"started_at\"            DATETIME NOT NULL DEFAULT current_timestamp,\n    \
                 \"applied_steps_count\"   INTEGER UNSIGNED NOT NULL DEFAULT 0\n)"
            }
        };
        Ledger {
            table: "_prisma_migrations",
            create: vec![create],
            columns: vec![
                "length(id)",
                "checksum",
                "started_at <= finished_at",
                "migration_name",
                "logs IS NOT NULL",
                "rolled_back_at IS NULL",
                "applied_steps_count",
            ],
            order: "migration_name",
        }
    }

    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let mut rows: Vec<_> = recorded.iter().collect();
        rows.sort_by_key(|recorded| recorded.script.number);
        let text = |Recorded { script, content, mark }: &Recorded<'_>| {
            let done = *mark == Mark::Applied;
            let mut text = row([
                "36",
                &hex::encode(Sha256::digest(content)),
                truth(engine, true),
                &self.id(script),
                truth(engine, *mark == Mark::Failed),
                truth(engine, true),
                if done { "1" } else { "0" },
            ]);
            text[2] = text[2].take().filter(|_| done);
            text
        };
        rows.into_iter().map(text).collect()
    }

    /// `migrate deploy` looks for none of them; the checksum shows an edited file all the same.
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: true,
            fails_on_edited: false,
            sees_gaps: true,
            fails_on_missing: false,
            out_of_order: "apply",
        }
    }

    /// The row that is written first stays (P3009). PostgreSQL takes a text of several statements as one transaction, unless
    /// it is split.
    fn aftermath(&self, engine: Engine, cause: Cause, apart: bool) -> Aftermath {
        let mark = if cause == Cause::Failure { Mark::Failed } else { Mark::Unfinished };
        Aftermath { mark: Some(mark), stays: engine != Engine::Postgres || apart, blocks: true }
    }

    fn locks(&self, database: &Database) -> Vec<Lock> {
        match database.engine() {
            Engine::Postgres => vec![Lock::Number(72_707_369)],
            Engine::MySql => vec![Lock::Name("prisma_migrate".into())],
            Engine::Sqlite => Vec::new(),
        }
    }

    fn byte_order_mark(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Applied } else { Outcome::Fails }
    }

    fn transaction_of_its_own(&self, _: Engine) -> Outcome {
        Outcome::Applied
    }

    /// A migration is its directory, and no two have one name.
    fn duplicate_version(&self) -> Outcome {
        Outcome::Applied
    }
}
