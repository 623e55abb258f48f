//! golang-migrate 4: `<VERSION>_<TITLE>.up.sql` and `.down.sql`, `schema_migrations`; `migrate.go`, `source`, `database`.

use crate::harness::{Database, Engine, keys};
use crate::tool::{
    Aftermath, Cause, Habits, HalfUndone, Ledger, Lock, Mark, Outcome, Recorded, Script, TextRow, Tool, row,
    truth,
};

conformance!(GolangMigrate);

struct GolangMigrate;

impl Tool for GolangMigrate {
    fn name(&self) -> &'static str {
        "golang-migrate"
    }

    fn files(&self, script: &Script) -> Vec<(String, String)> {
        let name = |way| format!("{:04}_{}.{way}.sql", script.number, script.name);
        let down = script.down.text().map(|sql| (name("down"), sql.to_owned()));
        [(name("up"), script.sql.clone())].into_iter().chain(down).collect()
    }

    fn id(&self, script: &Script) -> String {
        script.number.to_string()
    }

    /// `database/sqlite3` begins a transaction around every script, and no script has a say in that.
    fn runs_apart(&self, engine: Engine) -> bool {
        engine != Engine::Sqlite
    }

    /// `ensureVersionTable`.
    fn ledger(&self, engine: Engine) -> Ledger {
        let create = match engine {
            Engine::Postgres | Engine::MySql => {
                vec!["CREATE TABLE {table} (version bigint not null primary key, dirty boolean not null)"]
            }
            Engine::Sqlite => vec![
                "CREATE TABLE IF NOT EXISTS {table} (version uint64,dirty bool)",
                // In the schema of the other table there is one of this name.
                "DROP INDEX version_unique",
                "CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON {table} (version)",
            ],
        };
        Ledger { table: "schema_migrations", create, columns: vec!["version", "dirty"], order: "version" }
    }

    /// `SetVersion`: one row, of what ran last.
    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow> {
        let last = recorded.last().map(|Recorded { script, mark, .. }| {
            row([&script.number.to_string(), truth(engine, *mark != Mark::Applied)])
        });
        last.into_iter().collect()
    }

    /// `readUp`: what is greater than the row's version, the file of which must be there (`versionExists`).
    fn habits(&self) -> Habits {
        Habits {
            sees_edited: false,
            fails_on_edited: false,
            sees_gaps: false,
            fails_on_missing: true,
            out_of_order: "skip",
        }
    }

    /// The row is dirty before a script and clean after it. PostgreSQL takes a text of several statements as one
    /// transaction, unless it is split.
    fn aftermath(&self, engine: Engine, cause: Cause, apart: bool) -> Aftermath {
        let mark = if cause == Cause::Failure { Mark::Failed } else { Mark::Unfinished };
        let stays = match engine {
            Engine::Postgres => apart,
            Engine::MySql => true,
            Engine::Sqlite => false,
        };
        Aftermath { mark: Some(mark), stays, blocks: true }
    }

    /// `runMigrations`: the row is that of the version before, dirty until the script has run, whatever becomes of it.
    fn half_undone(&self, engine: Engine, (before, _): (u32, u32), apart: bool) -> Option<HalfUndone> {
        let Aftermath { stays, .. } = self.aftermath(engine, Cause::Failure, apart);
        Some(HalfUndone { recorded: vec![(before, Mark::Failed)], stays, blocks: true })
    }

    /// `GenerateAdvisoryLockId`, of the path of a URL and of the name that the server has for the database.
    fn locks(&self, database: &Database) -> Vec<Lock> {
        let name = database.name();
        let number = |database: &str| {
            Lock::Number(keys::golang_migrate(&format!("public\0schema_migrations\0{database}")).into())
        };
        match database.engine() {
            Engine::Postgres => vec![number(&format!("/{name}")), number(&name)],
            Engine::MySql => {
                vec![Lock::Name(keys::golang_migrate(&format!("{name}:schema_migrations")).to_string())]
            }
            Engine::Sqlite => Vec::new(),
        }
    }

    /// It is part of the text that is sent.
    fn byte_order_mark(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Applied } else { Outcome::Fails }
    }

    /// `executeQuery` of `database/sqlite3` begins one around it, and SQLite nests none.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome {
        if engine == Engine::Sqlite { Outcome::Fails } else { Outcome::Applied }
    }
}
