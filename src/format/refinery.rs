//! refinery 0.9 and 0.10: `V<VERSION>__<NAME>.sql`, `U<VERSION>__<NAME>.sql` and `refinery_schema_history`.
//!
//! Everything here mirrors `refinery_core` 0.10: `util.rs`, `runner.rs`, `traits/mod.rs` and `drivers/`. The policies are the
//! library's own; the command line has to be told them.

use std::path::Path;

use super::{
    Amendment, Assessment, Clock, Entry, Files, Format, Habits, Migration, OutOfOrder, Parameter, Part,
    Repair, Site, Step, Told, Turn, Undo, flyway, has_directives, refuse_twins, session, unreadable, utf8,
};
use crate::engine::{Engine, Ledger, Row, TableName, Value};
use crate::exit::Result;
use checksum::{Width, checksum};

mod checksum;
mod history;
mod name;
#[cfg(test)]
mod tests;

/// The refinery format.
#[derive(Debug)]
pub struct Refinery;

/// `DEFAULT_MIGRATION_TABLE_NAME` and `ASSERT_MIGRATIONS_TABLE_QUERY` of `refinery_core/src/traits/mod.rs`.
const TABLE: &str = "refinery_schema_history";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS {table}(
             version int4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255));";

impl Format for Refinery {
    fn name(&self) -> &'static str {
        "refinery"
    }

    fn wants(&self, path: &Path) -> bool {
        name::parse(path).is_some()
    }

    /// Flyway's layout begins like this one. What only Flyway has, refinery could not use or would pass over.
    fn recognises(&self, files: &Files) -> bool {
        let mut names = files.contents.keys().filter_map(|path| name::parse(path)).peekable();
        names.peek().is_some()
            && names.all(|name| name.number().is_some())
            && !files.contents.keys().any(|path| flyway::is_its_alone(path))
            && !has_directives(files)
    }

    fn columns(&self) -> &'static [&'static str] {
        &["version", "name", "applied_on", "checksum"]
    }

    /// `find_migration_files` and `Migration::unapplied`: directories within directories, in the order of the versions.
    fn read(&self, files: &Files, _: &Told<'_>) -> Result<Vec<Migration>> {
        let mut migrations = Vec::new();
        for (path, content) in &files.contents {
            let Some(name) = name::parse(path) else { continue };
            let file = files.directory.join(path);
            let version = name.number().ok_or_else(|| {
                unreadable(&file, format!("its version, {}, is not an integer", name.version))
                    .hint("give it another version, such as V12; refinery refuses it as well")
            })?;
            let sql = utf8(&file, content, "refinery")?;
            let sum = checksum(name.words, version, sql, narrowest(version));
            migrations.push((
                version,
                Migration {
                    id: version.to_string(),
                    description: name.words.to_owned(),
                    parts: if name.program { Vec::new() } else { vec![Part::whole(sql)] },
                    checksum: sum.to_be_bytes().to_vec(),
                    no_transaction: false,
                    unusable: name.program.then(|| {
                        "it is a Rust program, which only the application that embeds it can run: apply it with refinery \
                         itself, or write it as a .sql file"
                            .to_owned()
                    }),
                    requires: Vec::new(),
                    file,
                },
            ));
        }
        migrations.sort_by_key(|(version, _)| *version);
        let migrations: Vec<_> = migrations.into_iter().map(|(_, migration)| migration).collect();
        refuse_twins(&migrations)?;
        Ok(migrations)
    }

    fn ledger(&self, _: Engine, table: Option<&TableName>) -> Ledger {
        Ledger {
            table: table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() }),
            select: "SELECT version, name, applied_on, checksum FROM {table} ORDER BY version".into(),
            create: vec![CREATE.into()],
        }
    }

    /// A version that `i32` cannot hold says that the tool was built with `int8-versions`.
    fn create(&self, _: Engine, migrations: &[Migration]) -> Option<Vec<String>> {
        let wide = migrations.iter().any(|migration| migration.id.parse().map(narrowest) == Ok(Width::Eight));
        wide.then(|| vec![CREATE.replace("int4", "int8")])
    }

    /// `Runner::new`: `abort_divergent` and `abort_missing`, the latter for either direction.
    fn habits(&self, _: Engine) -> Habits {
        Habits {
            fails_on_edited: true,
            fails_on_missing: true,
            out_of_order: OutOfOrder::Fail,
            ..Habits::LENIENT
        }
    }

    fn assess(&self, _: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        history::assess(migrations, history)
    }

    fn session_settings(&self, engine: Engine) -> Vec<String> {
        match engine {
            // `postgres` and `tokio-postgres` ask for no time zone.
            Engine::Postgres => session::servers_own(),
            // The handshake of `mysql` (`src/conn/mod.rs`) and `mysql_async`, on any server.
            Engine::MySql => vec!["SET NAMES utf8mb4 COLLATE utf8mb4_general_ci".into()],
            // Foreign keys are on in the library that rusqlite's `bundled` links, as in ours.
            Engine::Sqlite => Vec::new(),
        }
    }

    /// `migrate` of `refinery_core/src/traits/sync.rs`. There the row is written in a transaction of its own; in the
    /// script's nobody can tell afterwards, and the outcome is certain.
    fn step(&self, at: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        Some(Step::recorded_when_done(turn, vec![applied(at, turn.migration)]))
    }

    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Err("write a new migration that undoes it, and deploy that")
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some(
            "refinery runs every migration in a transaction: leave CONCURRENTLY out, or run the statement by hand",
        )
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::of_what_left_no_row(id)
    }

    /// `Target::FakeVersion` records without running.
    fn resolve(&self, at: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        let what_is_an_id = "an id is a version without its letter";
        let migration = asked.recordable_as_done("refinery", asked.has_row(), what_is_an_id)?;
        Ok(vec![applied(at, migration)])
    }
}

/// The narrowest build of the tool that knows this version.
fn narrowest(version: i64) -> Width {
    if i32::try_from(version).is_ok() { Width::Four } else { Width::Eight }
}

/// `insert_migration_query` of `refinery_core/src/traits/mod.rs`.
///
/// The checksum depends on how the tool was built, and only the table tells that: the server chooses.
fn applied(at: &Site<'_>, migration: &Migration) -> Entry {
    let version = migration.id.parse().unwrap_or_default();
    let sql = migration.parts.first().map(|part| part.sql.as_str()).unwrap_or_default();
    let sum = |width| {
        let sum = checksum(&migration.description, version, sql, width);
        Parameter::Fixed(Value::Text(sum.to_string()))
    };
    let text = |text: &str| Parameter::Fixed(Value::Text(text.to_owned()));
    let either = [sum(Width::Eight), sum(Width::Four)];
    let (chosen, choice) = match at.engine {
        _ if narrowest(version) == Width::Eight => ("?", vec![sum(Width::Eight)]),
        Engine::Postgres => (
            "CASE pg_typeof((SELECT version FROM {table} LIMIT 1))::text WHEN 'bigint' THEN ? ELSE ? END",
            either.to_vec(),
        ),
        Engine::MySql => (
            "IF(EXISTS (SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
             AND COLUMN_NAME = 'version' AND DATA_TYPE = 'bigint'), ?, ?)",
            [text(&at.facts.schema), text(&at.table.name)].into_iter().chain(either).collect(),
        ),
        Engine::Sqlite => (
            "CASE WHEN EXISTS (SELECT 1 FROM pragma_table_info(?) WHERE name = 'version' AND lower(type) = 'int8') \
             THEN ? ELSE ? END",
            [text(&at.table.name)].into_iter().chain(either).collect(),
        ),
    };
    let row =
        [Parameter::Fixed(Value::Int(version)), text(&migration.description), Parameter::Now(Clock::Rfc3339)];
    Entry {
        sql: format!(
            "INSERT INTO {{table}} (version, name, applied_on, checksum) VALUES (?, ?, ?, {chosen})"
        ),
        params: row.into_iter().chain(choice).collect(),
    }
}
