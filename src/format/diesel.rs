//! Diesel 2: `<VERSION>_<NAME>/up.sql`, `metadata.toml` and `__diesel_schema_migrations`.
//!
//! Everything here mirrors `migrations_internals`, `diesel_migrations` and `diesel` of Diesel 2.3.

use std::collections::HashSet;
use std::path::{Component, Path};

use super::{
    Amendment, Applied, Assessment, Entry, Files, Format, Habits, Migration, Part, Repair, Site, Step, Told,
    Turn, Undo, foreign_row, refuse_twins, session, timestamp, unreadable, utf8,
};
use crate::engine::{Engine, Ledger, Row, TableName, Value};
use crate::exit::Result;

mod metadata;
#[cfg(test)]
mod tests;
mod updated_at;

/// The Diesel format.
#[derive(Debug)]
pub struct Diesel;

/// The files in a migration's directory.
const SCRIPT: &str = "up.sql";
const WAY_DOWN: &str = "down.sql";

/// The history table's name, and how it is created; `diesel/src/migration/setup_migration_table.sql`.
const TABLE: &str = "__diesel_schema_migrations";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS {table} (
       version VARCHAR(50) PRIMARY KEY NOT NULL,
       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
";

impl Format for Diesel {
    fn name(&self) -> &'static str {
        "diesel"
    }

    fn wants(&self, path: &Path) -> bool {
        path.components().count() == 2
            && path.file_name().is_some_and(|name| name == SCRIPT || name == metadata::FILE)
    }

    fn recognises(&self, files: &Files) -> bool {
        files.contents.keys().any(|path| self.wants(path) && path.ends_with(SCRIPT))
    }

    fn columns(&self) -> &'static [&'static str] {
        &["version", "run_on"]
    }

    /// `FileBasedMigrations`: every directory is a migration, in the order of their versions as text.
    fn read(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
        let mut migrations = Vec::new();
        for path in &files.directories {
            let mut components = path.components();
            let (Some(Component::Normal(name)), None) = (components.next(), components.next()) else {
                continue;
            };
            let file = files.directory.join(path).join(SCRIPT);
            let Some(name) = name.to_str() else {
                return Err(
                    unreadable(&file, "the name of its directory is not UTF-8").hint("rename the directory")
                );
            };
            let Some(content) = files.contents.get(&path.join(SCRIPT)) else {
                return Err(unreadable(&file, "there is no such file in its directory").hint(
                    "restore the file, or move the directory out of the migrations; Diesel refuses it as well",
                ));
            };
            migrations.push(migration(files, path, name, (SCRIPT, content), told)?);
        }
        migrations.sort_by(|one, other| one.id.cmp(&other.id));
        refuse_twins(&migrations)?;
        Ok(migrations)
    }

    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger {
        // The times are UTC: PostgreSQL's column has no zone, and MySQL's is converted by the session's.
        let run_on = match engine {
            Engine::Postgres => "floor(extract(epoch FROM run_on))::bigint",
            Engine::MySql => "UNIX_TIMESTAMP(run_on)",
            Engine::Sqlite => "strftime('%s', run_on)",
        };
        Ledger {
            table: table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() }),
            select: format!("SELECT version, {run_on} FROM {{table}} ORDER BY run_on, version"),
            create: vec![CREATE.into()],
        }
    }

    /// `pending_migrations` of `diesel_migrations/src/migration_harness.rs`: whatever is on disk and not in the history.
    fn habits(&self, _: Engine) -> Habits {
        Habits::LENIENT
    }

    fn keeps_checksums(&self) -> bool {
        false
    }

    fn assess(&self, _: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        let on_disk: HashSet<&str> = migrations.iter().map(|migration| migration.id.as_str()).collect();
        let mut assessment = Assessment::default();
        let mut known = HashSet::new();
        for row in history {
            let [Some(id), run_on] = row.as_slice() else { return Err(foreign_row("Diesel", row)) };
            known.insert(id.as_str());
            assessment.applied.push(Applied { id: id.clone(), at: run_on.as_deref().and_then(timestamp) });
            if !on_disk.contains(id.as_str()) {
                assessment.missing.push(id.clone());
            }
        }
        let ids = migrations.iter().map(|migration| migration.id.as_str());
        let newest_on_disk = ids.clone().max().unwrap_or_default();
        let newest = known.iter().copied().max().unwrap_or_default();
        assessment.pending = ids.filter(|id| !known.contains(id)).map(str::to_owned).collect();
        assessment.late = assessment.pending.iter().filter(|id| id.as_str() < newest).cloned().collect();
        assessment.missing_are_newer = assessment.missing.iter().all(|id| id.as_str() > newest_on_disk);
        Ok(assessment)
    }

    /// `set_config_options` of `diesel/src/pg/connection/mod.rs` and `diesel/src/mysql/connection/mod.rs`.
    fn session_settings(&self, engine: Engine) -> Vec<String> {
        match engine {
            Engine::Postgres => {
                let mut settings = session::servers_own();
                settings.push("SET TIME ZONE 'UTC'".into());
                settings
            }
            Engine::MySql => vec![
                "SET time_zone = '+00:00', character_set_client = 'utf8mb4', \
                 character_set_connection = 'utf8mb4', character_set_results = 'utf8mb4'"
                    .into(),
            ],
            // It sets nothing. Foreign keys are on in the library that Diesel's `sqlite-bundled` links, as in ours.
            Engine::Sqlite => Vec::new(),
        }
    }

    /// `run_migration` of `diesel_migrations/src/migration_harness.rs`.
    fn step(&self, _: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        Some(Step::recorded_when_done(turn, vec![applied(&turn.migration.id)]))
    }

    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Ok(self)
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some("write `run_in_transaction = false` into a metadata.toml beside the file")
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::of_what_left_no_row(id)
    }

    fn resolve(&self, _: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        let what_is_an_id =
            "an id is what the directory's name begins with, up to the first `_`, without `-`";
        asked.recordable_as_done("Diesel", asked.has_row(), what_is_an_id)?;
        Ok(vec![applied(asked.id)])
    }
}

/// `revert_migration` of `diesel_migrations/src/migration_harness.rs`.
impl Undo for Diesel {
    fn wants_besides(&self, path: &Path) -> bool {
        path.components().count() == 2 && path.ends_with(WAY_DOWN)
    }

    fn read_back(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
        let mut downs = Vec::new();
        for path in &files.directories {
            let content = files.contents.get(&path.join(WAY_DOWN));
            if let (Some(name), Some(content)) = (path.to_str(), content) {
                downs.push(migration(files, path, name, (WAY_DOWN, content), told)?);
            }
        }
        Ok(downs)
    }

    fn how_to_write(&self, _: &Migration) -> String {
        format!("write a {WAY_DOWN} beside it, with SELECT 1; in it if nothing is to be undone")
    }

    /// `applied_migrations`: by version, whenever they ran.
    fn newest_first(&self, seen: &Assessment, _: &[Migration]) -> Vec<String> {
        let mut ids: Vec<_> = seen.applied.iter().map(|applied| applied.id.clone()).collect();
        ids.sort_by(|one, other| other.cmp(one));
        ids
    }

    fn step_back(&self, at: &Site<'_>, turn: &Turn<'_>) -> Step {
        let version = Value::Text(turn.migration.id.clone());
        let row = Entry::fixed("DELETE FROM {table} WHERE version = ?", [version]);
        Step::forgotten_when_done(turn, at.table, "version", row)
    }
}

/// One of the two scripts in a directory. The metadata beside them is about both.
fn migration(
    files: &Files,
    directory: &Path,
    name: &str,
    (script, content): (&str, &[u8]),
    told: &Told<'_>,
) -> Result<Migration> {
    let file = files.directory.join(directory).join(script);
    let (parts, unusable) = match parts(utf8(&file, content, "Diesel")?, told.engine) {
        Ok(parts) => (parts, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let metadata = files.contents.get(&directory.join(metadata::FILE)).map(Vec::as_slice);
    Ok(Migration {
        id: version(name),
        file,
        description: String::new(),
        parts,
        checksum: Vec::new(),
        no_transaction: !metadata::runs_in_transaction(metadata),
        unusable,
        requires: Vec::new(),
    })
}

/// The row of a migration; the table fills the time in.
fn applied(id: &str) -> Entry {
    Entry::fixed("INSERT INTO {table} (version) VALUES (?)", [Value::Text(id.to_owned())])
}

/// `version_from_string` of `migrations_internals/src/lib.rs`.
fn version(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// What is sent, or why nothing can be; `run_sql_from_file` looks at a script only when it is its turn.
fn parts(sql: &str, engine: Engine) -> std::result::Result<Vec<Part>, String> {
    if sql.is_empty() {
        return Err(
            "it is empty, which Diesel refuses: write SELECT 1; into it if nothing is to be done".into()
        );
    }
    updated_at::parts(engine, sql)
}
