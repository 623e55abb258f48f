//! dbmate: `<version>….sql` with `-- migrate:up` and `-- migrate:down` in it, and `schema_migrations`.
//!
//! Everything here mirrors `pkg/dbmate/{db,migration}.go` and `pkg/driver/{postgres,mysql,sqlite}` of dbmate 2.36.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{
    Amendment, Applied, Assessment, Entry, Files, Format, Habits, Migration, Part, Repair, Site, Step, Told,
    Turn, Undo, Wishes, go_drivers, same_version, utf8, without_mark,
};
use crate::engine::{Engine, Ledger, Row, TableName, Value};
use crate::exit::{Exit, Failure, Result};

mod blocks;
mod variables;

use blocks::Block;

/// The dbmate format.
#[derive(Debug)]
pub struct Dbmate;

/// The history table's name; `New` of `pkg/dbmate/db.go`. golang-migrate and Rails call theirs the same.
const TABLE: &str = "schema_migrations";

/// `CreateMigrationsTable` of `pkg/driver/postgres/postgres.go`, since 2.27; shorter in older ones, which changes nothing.
const CREATE_POSTGRES: &str = "create table if not exists {table} (version varchar primary key)";

/// `CreateMigrationsTable` of `pkg/driver/mysql/mysql.go` and `pkg/driver/sqlite/sqlite.go`. SQLite keeps the text, quotes and
/// all.
const CREATE_OTHERS: &str = "create table if not exists {quoted table} (version varchar(128) primary key)";

impl Format for Dbmate {
    fn name(&self) -> &'static str {
        "dbmate"
    }

    fn recognises(&self, files: &Files) -> bool {
        let has_up = |content: &Vec<u8>| {
            std::str::from_utf8(content).is_ok_and(|text| blocks::has_up(without_mark(text)))
        };
        files.contents.iter().any(|(path, content)| version(path).is_some() && has_up(content))
    }

    fn columns(&self) -> &'static [&'static str] {
        &["version"]
    }

    /// `FindMigrations`: in the order of the files' names, byte by byte.
    fn read(&self, files: &Files, _: &Told<'_>) -> Result<Vec<Migration>> {
        let mut migrations: Vec<Migration> = Vec::new();
        for (path, content) in &files.contents {
            let Some(version) = version(path) else { continue };
            let file = files.directory.join(path);
            let content = utf8(&file, content, "dbmate")?;
            let migration = migration(version, file, blocks::up(content));
            if let Some(other) = migrations.iter().find(|other| other.id == version) {
                return Err(same_version(other, &migration));
            }
            migrations.push(migration);
        }
        Ok(migrations)
    }

    fn wishes(&self, told: &Told<'_>) -> Result<Wishes> {
        variables::wishes(told)
    }

    /// `migrationsTableNameParts` of `pkg/driver/postgres/postgres.go`: the first one, to the letter, even `$user`.
    fn schema_in(&self, search_path: &str) -> Option<String> {
        let first = search_path.split(',').next().unwrap_or_default().trim();
        Some(first.to_owned()).filter(|first| !first.is_empty())
    }

    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger {
        let create = match engine {
            Engine::Postgres => CREATE_POSTGRES,
            Engine::MySql | Engine::Sqlite => CREATE_OTHERS,
        };
        Ledger {
            table: table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() }),
            // Every column, so that another tool's table of this name is seen to be that.
            select: "SELECT * FROM {table}".into(),
            create: vec![create.into()],
        }
    }

    fn habits(&self, _: Engine) -> Habits {
        Habits::LENIENT
    }

    fn keeps_checksums(&self) -> bool {
        false
    }

    fn assess(&self, at: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        let mut recorded = BTreeSet::new();
        for row in history {
            let [Some(version)] = row.as_slice() else { return Err(not_its_table(at.table)) };
            recorded.insert(version.as_str());
        }
        let on_disk: BTreeSet<&str> = migrations.iter().map(|migration| migration.id.as_str()).collect();
        let pending = migrations.iter().map(|migration| &migration.id);
        let pending: Vec<String> = pending.filter(|id| !recorded.contains(id.as_str())).cloned().collect();
        // What `--strict` compares, as text: files that are gone count for nothing.
        let newest_applied = recorded.intersection(&on_disk).max();
        let late = pending.iter().filter(|id| newest_applied.is_some_and(|newest| id.as_str() < *newest));
        let missing = recorded.difference(&on_disk);
        Ok(Assessment {
            applied: recorded.iter().map(|id| Applied { id: (*id).to_owned(), at: None }).collect(),
            late: late.cloned().collect(),
            missing: missing.clone().map(|id| (*id).to_owned()).collect(),
            missing_are_newer: missing.clone().all(|id| Some(id) > on_disk.last()),
            pending,
            ..Assessment::default()
        })
    }

    /// Its lib/pq is newer than golang-migrate's and fixes nothing but the date style (`connector.go` of 1.12).
    fn session_settings(&self, engine: Engine) -> Vec<String> {
        let mut settings = go_drivers::pgx_session(engine);
        if engine == Engine::Postgres {
            settings.push("SET DateStyle = 'ISO, MDY'".into());
        }
        settings
    }

    /// `Migrate`: the version is recorded after the script, in its transaction if it has one. A failure leaves no row.
    fn step(&self, _: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        Some(Step::recorded_when_done(turn, vec![insert(&turn.migration.id)]))
    }

    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Ok(self)
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some("write `transaction:false` behind the `-- migrate:up` or `-- migrate:down` it stands under")
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::of_what_left_no_row(id)
    }

    fn resolve(&self, _: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        asked.recordable_as_done(
            "dbmate",
            asked.has_row(),
            "an id is the digits that the file's name begins with",
        )?;
        Ok(vec![insert(asked.id)])
    }
}

/// `Rollback` of `pkg/dbmate/db.go`.
impl Undo for Dbmate {
    fn read_back(&self, files: &Files, _: &Told<'_>) -> Result<Vec<Migration>> {
        let mut downs = Vec::new();
        for (path, content) in &files.contents {
            let Some(version) = version(path) else { continue };
            let file = files.directory.join(path);
            let content = utf8(&file, content, "dbmate")?;
            downs.push(migration(version, file, blocks::down(content)));
        }
        Ok(downs)
    }

    fn how_to_write(&self, _: &Migration) -> String {
        "write it behind `-- migrate:down`".into()
    }

    /// In the order of the files' names. What is not on disk dbmate passes over; here it has its place by its version.
    fn newest_first(&self, seen: &Assessment, migrations: &[Migration]) -> Vec<String> {
        let name = |id: &String| {
            let found = migrations.iter().find(|migration| migration.id == *id);
            let name =
                found.and_then(|migration| Some(migration.file.file_name()?.as_encoded_bytes().to_vec()));
            name.unwrap_or_else(|| id.as_bytes().to_vec())
        };
        let mut ids: Vec<_> = seen.applied.iter().map(|applied| applied.id.clone()).collect();
        ids.sort_by_cached_key(|id| Reverse(name(id)));
        ids
    }

    fn step_back(&self, at: &Site<'_>, turn: &Turn<'_>) -> Step {
        let version = Value::Text(turn.migration.id.clone());
        let row = Entry::fixed("delete from {table} where version = ?", [version]);
        Step::forgotten_when_done(turn, at.table, "version", row)
    }
}

/// A file with one of its blocks, or why dbmate could not run it: it reads a file only when it is its turn.
fn migration(version: &str, file: PathBuf, block: std::result::Result<Block<'_>, String>) -> Migration {
    let (parts, no_transaction, unusable) = match block {
        Ok(block) => {
            let part = Part { line: block.line, ..Part::whole(block.text) };
            (vec![part], !block.transaction, None)
        }
        Err(why) => (Vec::new(), false, Some(why)),
    };
    Migration {
        id: version.to_owned(),
        file,
        description: String::new(),
        parts,
        checksum: Vec::new(),
        no_transaction,
        unusable,
        requires: Vec::new(),
    }
}

/// `InsertMigration` of the drivers.
fn insert(id: &str) -> Entry {
    Entry::fixed("insert into {table} (version) values (?)", [Value::Text(id.to_owned())])
}

/// The version in a file's name, zeros and all; `migrationFileRegexp` of `pkg/dbmate/db.go`: `^(\d+).*\.sql$`.
fn version(path: &Path) -> Option<&str> {
    if path.parent().is_some_and(|parent| parent != Path::new("")) {
        return None;
    }
    let name = path.as_os_str().as_encoded_bytes();
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (version, rest) = name.split_at_checked(digits).filter(|(version, _)| !version.is_empty())?;
    (rest.ends_with(b".sql") && !rest.contains(&b'\n')).then(|| std::str::from_utf8(version).ok()).flatten()
}

/// A row that dbmate would not have written.
fn not_its_table(table: &TableName) -> Failure {
    Failure::message(
        Exit::Data,
        format!("{table} is not a history table of dbmate's: it has more than the column `version`"),
    )
    .hint(format!(
        "golang-migrate's has the same name: check --format (CASTOFF_FORMAT), or name another table with \
         --history-table (CASTOFF_HISTORY_TABLE) or {}",
        variables::TABLE
    ))
}

#[cfg(test)]
mod tests;
