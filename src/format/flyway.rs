//! Flyway's migrations, community edition, 13.0: SQL files for PostgreSQL, MySQL, MariaDB and SQLite.
//!
//! Constants name the file of flyway/flyway they were read from. Versioned, baseline and repeatable migrations are run as
//! `flyway migrate` runs them, and SQL callbacks around them (`callbacks`); placeholders, `.conf` files and the variables of
//! the official image are heeded or refused by name (`settings`).
//!
//! `docs/design/formats.md` says what differs.

use std::path::Path;

use crate::engine::{Engine, Ledger, LockKey, Row, TableName, Value};
use crate::exit::{Exit, Failure, Result};
use crate::format::{
    Amendment, Assessment, Atomicity, Entry, Files, Format, Habits, Migration, OutOfOrder, Parameter, Repair,
    Resolution, Site, Step, Told, Turn, Undo, Wishes, has_directives,
};
use disk::Disk;
use kept::Kept;
use kind::Kind;
use name::{File, Named};
use settings::Settings;

mod callbacks;
mod checksum;
mod conf;
mod disk;
mod encoding;
mod history;
mod kept;
mod kind;
mod ledger;
mod lock;
mod name;
mod parser;
mod placeholders;
mod read;
mod record;
mod restore;
mod script;
mod settings;
#[cfg(test)]
mod tests;
mod transaction;
mod version;

/// The Flyway format.
pub struct Flyway;

impl Format for Flyway {
    fn name(&self) -> &'static str {
        "flyway"
    }

    fn wants(&self, path: &Path) -> bool {
        name::file(path) != File::Other
    }

    /// Dotted versions, `R__`, `B__`, a `.conf` or a callback are Flyway's alone; `V1__x.sql` is refinery's too.
    fn recognises(&self, files: &Files) -> bool {
        let settings = Settings::default();
        let is_migration = |path: &Path| match name::file(path) {
            File::Sql(stem) | File::Program(stem, _) => {
                matches!(
                    name::parse(stem, &settings),
                    Named::Versioned(..) | Named::Baseline(..) | Named::Repeatable(_)
                )
            }
            File::Conf | File::Other => false,
        };
        files.contents.keys().any(|path| is_migration(path)) && !has_directives(files)
    }

    fn columns(&self) -> &'static [&'static str] {
        &ledger::COLUMNS
    }

    fn read(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
        read::read(files, told)
    }

    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger {
        ledger::ledger(engine, table)
    }

    fn wishes(&self, told: &Told<'_>) -> Result<Wishes> {
        let settings = Settings::read(told.environment)?;
        let schema = match (settings.schema, told.engine) {
            (Some(schema), Engine::Postgres) => Some(schema),
            (None, _) => None,
            (Some(schema), Engine::Sqlite) if schema == "main" => None,
            (Some(_), engine) => {
                return Err(Failure::message(
                    Exit::Usage,
                    format!("castoff does not follow FLYWAY_DEFAULT_SCHEMA and FLYWAY_SCHEMAS on {engine}"),
                )
                .hint("name the database in the URL, and unset them"));
            }
        };
        let usual = self.ledger(told.engine, None).table.name;
        let named = settings.table.is_some() || schema.is_some();
        // Without `validate` Flyway passes over what comes late, unless it is told to apply it.
        let unvalidated = (!settings.validates).then_some(false);
        let late = match settings.out_of_order {
            Some(true) => Some(OutOfOrder::Apply),
            _ if !settings.validates => Some(OutOfOrder::Skip),
            _ => None,
        };
        Ok(Wishes {
            directory: settings.directory,
            history_table: named.then(|| TableName { schema, name: settings.table.unwrap_or(usual) }),
            fails_on_edited: unvalidated,
            fails_on_missing: unvalidated,
            out_of_order: late,
            takes_foreign_tables: settings.baseline_at.is_some(),
        })
    }

    fn lock_keys(&self, at: &Site<'_>) -> Vec<LockKey> {
        lock::keys(at)
    }

    /// `validateOnMigrate` and `ignoreMigrationPatterns=*:future` of `ClassicConfiguration`; `Flyway.migrate` refuses a
    /// schema that is not empty and has no history.
    fn habits(&self, _: Engine) -> Habits {
        Habits {
            fails_on_edited: true,
            fails_on_missing: true,
            out_of_order: OutOfOrder::Fail,
            refuses_foreign_tables: true,
            ..Habits::LENIENT
        }
    }

    fn assess(&self, at: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        history::assess(at, migrations, history)
    }

    fn session_settings(&self, engine: Engine) -> Vec<String> {
        restore::session_settings(engine)
    }

    /// `DbMigrate.doMigrateGroup`.
    fn step(&self, at: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        let Site { engine, facts, .. } = *at;
        let mut migration = turn.migration.clone();
        for part in &mut migration.parts {
            complete(&mut part.sql, &mut part.written, at);
            if let Some(rows) = &mut part.rows {
                complete(rows, &mut None, at);
            }
        }
        let before_12 = engine == Engine::Postgres && major(&facts.server_version) < 12;
        let apart = migration.no_transaction
            || before_12
                && migration.parts.iter().any(|part| transaction::cannot_run_inside(engine, &part.sql, true));
        let mut step = Step {
            resumed: turn.resumed,
            atomicity: if apart { Atomicity::Apart } else { Atomicity::Together },
            mark: Vec::new(),
            before: restore::entries(at),
            after: Vec::new(),
            finally: Vec::new(),
            failed: Vec::new(),
            undo: Vec::new(),
            back: None,
            migration,
        };
        let kind = Kind::of(turn.migration);
        if kind == Kind::Callback {
            return Some(step);
        }
        let kept = Kept::of(turn.migration);
        let row = row(turn.migration, &kind, kept.as_ref(), at);
        let insert = |success| row.insert(at, Parameter::ElapsedMillis, success);
        // `JdbcTableSchemaHistory.doAddAppliedMigration`: whatever role the script has taken.
        step.after = restore::entries(at);
        if !apart && engine != Engine::MySql {
            step.after.push(insert(true));
            return Some(step);
        }
        // What stays of the script stays with the row; the first DDL statement of MySQL commits it.
        let mark = if apart { &mut step.mark } else { &mut step.before };
        if !turn.resumed {
            mark.push(insert(false));
        }
        step.after.push(row.complete(engine));
        step.failed = restore::entries(at);
        step.undo = restore::entries(at);
        step.failed.push(row.insert_unless_failed(at, Parameter::ElapsedMillis));
        step.undo.push(row.forget());
        Some(step)
    }

    /// `undo` is a command of its paid editions.
    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Err(
            "Flyway's undo migrations (U__) are not in its community edition, which castoff follows: write a new V__ \
             migration that undoes it, and deploy that",
        )
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some("say executeInTransaction=false in a file of the same name with .conf behind it")
    }

    fn minds_line_endings(&self) -> bool {
        false
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::by_resolve(id)
    }

    /// `flyway repair` takes the rows of failures away; a row without a run is what `skipExecutingMigrations` writes.
    fn resolve(&self, at: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        const ID: &str = "an id is a version, or R__ and a description, as `castoff status` shows it";
        let Amendment { resolution, id, migrations, history } = *asked;
        let (live, disk) = (record::live(history)?, Disk::of(migrations));
        let records: Vec<_> = live.iter().filter(|record| disk.id_of(record) == id).collect();
        let failed = records.iter().find(|record| !record.success);
        let forget = failed.map(|record| record.row().forget());
        let refuse = |why: &str| Failure::message(Exit::Data, format!("migration {id} {why}"));
        if resolution == Resolution::RolledBack {
            return match forget {
                Some(forget) => Ok(vec![forget]),
                None if records.is_empty() => Err(refuse("was never applied to this database").hint(ID)),
                None => Err(refuse("is not in a failed state: it is recorded as applied")
                    .hint("only what failed can be rolled back; undo it with a new migration")),
            };
        }
        let repeats = disk.repeatable(id).is_some();
        let is_recorded = failed.is_none() && !records.is_empty() && !repeats;
        let migration = asked.recordable(is_recorded, ID)?;
        let (kind, kept) = (Kind::of(migration), Kept::of(migration));
        if matches!(kind, Kind::Callback | Kind::Marker(_)) {
            return Err(refuse("leaves no row that could be written").hint(ID));
        }
        let row = row(migration, &kind, kept.as_ref(), at);
        let nothing = Parameter::Fixed(Value::Int(0));
        Ok(forget.into_iter().chain([row.insert(at, nothing, true)]).collect())
    }
}

/// Whether a file can be of no other tool that calls its files `V1__x.sql`.
pub(super) fn is_its_alone(path: &Path) -> bool {
    match name::file(path) {
        File::Sql(stem) => match name::parse(stem, &Settings::default()) {
            Named::Versioned(version, _) => version.as_str().contains('.'),
            Named::Baseline(..) | Named::Repeatable(_) | Named::Callback(..) => true,
            Named::Misnamed(_) | Named::Other => false,
        },
        File::Conf => true,
        // Rust's are not among them.
        File::Program(stem, _) => {
            !matches!(name::parse(stem, &Settings::default()), Named::Misnamed(_) | Named::Other)
        }
        File::Other => false,
    }
}

/// The row of an entry of the list.
fn row<'a>(
    migration: &'a Migration,
    kind: &'a Kind,
    kept: Option<&'a Kept>,
    at: &Site<'_>,
) -> ledger::Record<'a> {
    let checksum = kept.map(|kept| kept.written(at));
    // `CoreMigrationType` and `BaselineMigrationType` of `flyway-core/…/api`.
    let (version, kind, checksum) = match kind {
        Kind::Versioned(version) => (Some(version), "SQL", checksum),
        Kind::Baseline(version) => (Some(version), "SQL_BASELINE", checksum),
        Kind::Marker(version) => (Some(version), "BASELINE", None),
        Kind::Repeatable | Kind::Callback => (None, "SQL", checksum),
    };
    ledger::Record {
        version: version.map(version::Version::as_str),
        description: &migration.description,
        kind,
        script: kept.map_or("", |kept| &kept.script),
        checksum,
        installed_by: kept.and_then(|kept| kept.installed_by.as_deref()),
    }
}

/// Puts what the database knows into a text; what stood there before is what may be shown.
fn complete(text: &mut String, written: &mut Option<String>, at: &Site<'_>) {
    if let Some(completed) = placeholders::completed(text, at) {
        let before = std::mem::replace(text, completed);
        written.get_or_insert(before);
    }
}

/// The first number of a server's version.
fn major(version: &str) -> u32 {
    let digits = version.split(|letter: char| !letter.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
}
