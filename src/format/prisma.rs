//! Prisma Migrate: `<name>/migration.sql`, `migration_lock.toml` and `_prisma_migrations`.
//!
//! Everything here mirrors `schema-engine` of prisma-engines, as Prisma 6 and 7 ship it: `commands/apply_migrations.rs`,
//! `sql_migration_persistence.rs` and the flavours of its SQL connector.

use std::path::{Component, Path};

use sha2::{Digest, Sha256};

use super::{
    Amendment, Assessment, Atomicity, Entry, Files, Format, Habits, Migration, Parameter, Part, Repair,
    Resolution, Site, Step, Told, Turn, Undo, session, unreadable, utf8,
};
use crate::engine::{DbError, Engine, Ledger, LockKey, Row, TableName, Value};
use crate::exit::{Exit, Failure, Result};

mod history;
mod ledger;
mod order;
mod provider;
#[cfg(test)]
mod tests;

/// The Prisma format.
#[derive(Debug)]
pub struct Prisma;

/// The file in a migration's directory.
const SCRIPT: &str = "migration.sql";

/// The key of `acquire_lock`, `sql-schema-connector/src/flavour/postgres.rs`.
const LOCK_POSTGRES: i64 = 72_707_369;

/// The lock of `acquire_lock`, `sql-schema-connector/src/flavour/mysql.rs`; server-wide, for all databases.
const LOCK_MYSQL: &str = "prisma_migrate";

/// The schema of a URL without `?schema=`.
const SCHEMA: &str = "public";

/// The row of a migration that was begun and is neither finished nor rolled back. There is at most one, since it
/// keeps the tool and castoff from beginning another.
const UNFINISHED: &str = "WHERE migration_name = ? AND finished_at IS NULL AND rolled_back_at IS NULL";

impl Format for Prisma {
    fn name(&self) -> &'static str {
        "prisma"
    }

    fn recognises(&self, files: &Files) -> bool {
        let is_script = |path: &Path| {
            path.components().count() == 2 && path.file_name().is_some_and(|name| name == SCRIPT)
        };
        files.contents.contains_key(Path::new(provider::FILE))
            || files.contents.keys().any(|path| is_script(path))
    }

    fn wants(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| name == SCRIPT) || path == Path::new(provider::FILE)
    }

    fn columns(&self) -> &'static [&'static str] {
        ledger::COLUMNS
    }

    /// `list_migrations`: every directory is a migration, in the order of their names.
    fn read(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
        provider::check(files, told.engine)?;
        let mut migrations = Vec::new();
        for path in &files.directories {
            let mut parts = path.components();
            let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { continue };
            let file = files.directory.join(path).join(SCRIPT);
            let Some(id) = name.to_str() else {
                return Err(
                    unreadable(&file, "the name of its directory is not UTF-8").hint("rename the directory")
                );
            };
            let content = files.contents.get(&path.join(SCRIPT));
            let sql = content.map(|content| utf8(&file, content, "Prisma")).transpose()?;
            migrations.push(Migration {
                id: id.to_owned(),
                description: String::new(),
                checksum: Sha256::digest(sql.unwrap_or_default()).to_vec(),
                parts: vec![Part::whole(sql.unwrap_or_default())],
                no_transaction: false,
                // P3015 of `user-facing-errors`.
                unusable: sql
                    .is_none()
                    .then(|| "it is missing: restore the file, or delete its directory".to_owned()),
                requires: Vec::new(),
                file,
            });
        }
        migrations.sort_by(|one, other| order::compare(&one.id, &other.id));
        Ok(migrations)
    }

    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger {
        ledger::ledger(engine, table)
    }

    fn lock_keys(&self, at: &Site<'_>) -> Vec<LockKey> {
        match at.engine {
            Engine::Postgres => vec![LockKey::Number(LOCK_POSTGRES)],
            Engine::MySql => vec![LockKey::Name(LOCK_MYSQL.into())],
            // Prisma opens the file with `locking_mode=EXCLUSIVE`, which no other connection of ours could share.
            Engine::Sqlite => Vec::new(),
        }
    }

    /// `migrate deploy` looks neither for edited nor for missing files; P3005 is its answer to a schema it does not know.
    fn habits(&self, engine: Engine) -> Habits {
        Habits {
            refuses_foreign_tables: true,
            schema: (engine == Engine::Postgres).then_some(SCHEMA),
            ..Habits::LENIENT
        }
    }

    fn assess(&self, _: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        history::assess(migrations, history)
    }

    fn session_settings(&self, engine: Engine) -> Vec<String> {
        match engine {
            Engine::Postgres => session::servers_own(),
            Engine::MySql | Engine::Sqlite => Vec::new(),
        }
    }

    /// `apply_migration`: a row says that it began, another write that it went through, a last one that it is finished.
    ///
    /// On PostgreSQL the last two share the script's transaction, which nobody can see afterwards, and which makes the
    /// outcome certain whenever castoff or its connection ends.
    fn step(&self, at: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        let (engine, Turn { migration, resumed, .. }) = (at.engine, *turn);
        let name = || Parameter::Fixed(Value::Text(migration.id.clone()));
        let (now, clock) = ledger::now(engine);
        let update = |set: String, params: Vec<Parameter>| Entry {
            sql: format!("UPDATE {{table}} SET {set} {UNFINISHED}"),
            params: params.into_iter().chain([name()]).collect(),
        };
        let begun = Entry {
            sql: format!(
                "INSERT INTO {{table}} (id, checksum, started_at, migration_name) VALUES (?, ?, {now}, ?)"
            ),
            params: vec![Parameter::Uuid, checksum(migration), Parameter::Now(clock), name()],
        };
        Some(Step {
            migration: migration.clone(),
            resumed,
            atomicity: atomicity(engine, migration),
            mark: if resumed { Vec::new() } else { vec![begun] },
            before: Vec::new(),
            after: vec![
                update("applied_steps_count = applied_steps_count + 1".into(), vec![]),
                update(format!("finished_at = {now}"), vec![Parameter::Now(clock)]),
            ],
            finally: Vec::new(),
            failed: vec![update("logs = ?".into(), vec![Parameter::Error])],
            undo: vec![update(format!("rolled_back_at = {now}"), vec![Parameter::Now(clock)])],
            back: None,
        })
    }

    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Err(
            "write a new migration that undoes it, and deploy that: `prisma migrate diff` from the schema as it is to the \
             one before writes its SQL",
        )
    }

    /// `ApplyMigrationError` of `user-facing-errors/src/schema_engine.rs`, as `record_failed_step` stores it; without
    /// the server's DETAIL, which quotes data, and the tool's own trace.
    fn failure(&self, engine: Engine, migration: &Migration, error: &DbError) -> String {
        let severity = if engine == Engine::Postgres { "ERROR: " } else { "" };
        format!(
            "A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read \
             more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\
             \n\nMigration name: {}\n\nDatabase error code: {}\n\nDatabase error:\n{severity}{}",
            migration.id,
            error.code.as_deref().unwrap_or_default(),
            error.message
        )
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        None
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::by_resolve(id)
    }

    /// `commands/mark_migration_applied.rs` and `commands/mark_migration_rolled_back.rs`.
    fn resolve(&self, at: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        let (engine, id) = (at.engine, asked.id);
        let rows = history::of(id, asked.history)?;
        let (now, clock) = ledger::now(engine);
        let name = || Parameter::Fixed(Value::Text(id.to_owned()));
        let rolled_back = Entry {
            sql: format!("UPDATE {{table}} SET rolled_back_at = {now} {UNFINISHED}"),
            params: vec![Parameter::Now(clock), name()],
        };
        let unfinished = rows.iter().any(|row| !row.finished && !row.rolled_back);
        let refuse = |why: String| Failure::message(Exit::Data, format!("migration {id} {why}"));
        match asked.resolution {
            Resolution::Applied => {
                let finished = rows.iter().any(|row| row.finished);
                let whole_name = "an id is the whole name of the migration's directory";
                let migration = asked.recordable(finished, whole_name)?;
                let applied = Entry {
                    sql: format!(
                        "INSERT INTO {{table}} (id, checksum, logs, started_at, finished_at, migration_name) \
                         VALUES (?, ?, '', {now}, {now}, ?)"
                    ),
                    params: vec![
                        Parameter::Uuid,
                        checksum(migration),
                        Parameter::Now(clock),
                        Parameter::Now(clock),
                        name(),
                    ],
                };
                Ok(if unfinished { vec![rolled_back, applied] } else { vec![applied] })
            }
            Resolution::RolledBack => match rows.as_slice() {
                [] => Err(refuse("was never applied to this database".into()).hint(
                    "an id is the whole name of the migration's directory, as `castoff status` shows it",
                )),
                rows if rows.iter().all(|row| row.finished) => {
                    Err(refuse("is not in a failed state: it is recorded as finished".into())
                        .hint("only what failed can be rolled back; undo it with a new migration"))
                }
                _ => Ok(if unfinished { vec![rolled_back] } else { Vec::new() }),
            },
        }
    }
}

fn checksum(migration: &Migration) -> Parameter {
    Parameter::Fixed(Value::Text(hex::encode(&migration.checksum)))
}

/// On the other two every statement is committed, which the `PRAGMA`s of Prisma's own SQLite scripts rely on.
fn atomicity(engine: Engine, migration: &Migration) -> Atomicity {
    let together = engine == Engine::Postgres && migration.is_implicit_transaction();
    if together { Atomicity::Together } else { Atomicity::Apart }
}
