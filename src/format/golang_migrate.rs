//! golang-migrate 4: `<VERSION>_<TITLE>.up.<EXTENSION>`, `.down.`, and `schema_migrations`, whose one row is the version.
//!
//! Everything here mirrors `migrate.go`, `source` and `database/{postgres,mysql,sqlite3}` of golang-migrate 4.

use std::path::{Path, PathBuf};

use super::{
    Amendment, Assessment, Atomicity, Entry, Files, Format, Habits, Migration, OutOfOrder, Part, Repair,
    Site, Step, Told, Turn, Undo, crc32, go_drivers, has_directives, same_version, utf8,
};
use crate::engine::{Engine, Ledger, LockKey, Row, TableName};
use crate::exit::Result;

mod history;
mod name;
mod split;
mod undo;

use name::{Direction, Name};

/// The golang-migrate format.
#[derive(Debug)]
pub struct GolangMigrate;

/// `DefaultMigrationsTable` of `database/postgres/postgres.go`, `database/mysql/mysql.go` and
/// `database/sqlite3/sqlite3.go`.
const TABLE: &str = "schema_migrations";

/// `ensureVersionTable` of `database/postgres/postgres.go`.
const CREATE_POSTGRES: &str =
    "CREATE TABLE IF NOT EXISTS {table} (version bigint not null primary key, dirty boolean not null)";

/// `ensureVersionTable` of `database/mysql/mysql.go`.
const CREATE_MYSQL: &str =
    "CREATE TABLE {table} (version bigint not null primary key, dirty boolean not null)";

/// `ensureVersionTable` of `database/sqlite3/sqlite3.go` and `database/sqlite/sqlite.go`. SQLite keeps the text.
const CREATE_SQLITE: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS {table} (version uint64,dirty bool)",
    "CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON {table} (version)",
];

/// `advisoryLockIDSalt` of `database/util.go`.
const LOCK_SALT: u32 = 1_486_364_155;

impl Format for GolangMigrate {
    fn name(&self) -> &'static str {
        "golang-migrate"
    }

    /// `PartialDriver.Init` of `source/iofs/iofs.go`: one level, and silence about what has another name.
    fn wants(&self, path: &Path) -> bool {
        Name::of(path).is_some()
    }

    /// Where one file of a version has a direction, golang-migrate passes over those that have none; sqlx does not.
    fn recognises(&self, files: &Files) -> bool {
        let mut paths = files.contents.keys();
        let named = paths.clone().any(|path| Name::of(path).is_some());
        named && !paths.any(|path| name::lacks_direction(path)) && !has_directives(files)
    }

    fn columns(&self) -> &'static [&'static str] {
        &["version", "dirty"]
    }

    fn read(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
        let mut found = scripts(files, Direction::Up, told)?;
        // The way up stands before the way down.
        found.dedup_by_key(|(name, _)| name.version);
        Ok(found.into_iter().map(|(_, migration)| migration).collect())
    }

    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger {
        Ledger {
            table: table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() }),
            select: "SELECT version, CASE WHEN dirty THEN 1 ELSE 0 END FROM {table} LIMIT 1".into(),
            create: match engine {
                Engine::Postgres => vec![CREATE_POSTGRES.into()],
                Engine::MySql => vec![CREATE_MYSQL.into()],
                Engine::Sqlite => CREATE_SQLITE.map(String::from).to_vec(),
            },
        }
    }

    /// `Lock` of `database/postgres/postgres.go` and `database/mysql/mysql.go`. Whoever hands golang-migrate a URL, as its
    /// command does, locks the URL's path with its slash; whoever hands it a connection, what the server calls the database.
    fn lock_keys(&self, at: &Site<'_>) -> Vec<LockKey> {
        let (database, table) = (at.facts.database.as_str(), at.table.name.as_str());
        match at.engine {
            Engine::Postgres => {
                let schema = at.table.schema.as_deref().unwrap_or(&at.facts.schema);
                let by = |database: &str| {
                    LockKey::Number(i64::from(lock_id(&format!("{schema}\0{table}\0{database}"))))
                };
                vec![by(&format!("/{database}")), by(database)]
            }
            Engine::MySql => vec![LockKey::Name(lock_id(&format!("{database}:{table}")).to_string())],
            Engine::Sqlite => Vec::new(),
        }
    }

    /// `readUp` of `migrate.go`: only what is greater than the row's version, whose file must be there.
    fn habits(&self, _: Engine) -> Habits {
        Habits { fails_on_missing: true, out_of_order: OutOfOrder::Skip, ..Habits::LENIENT }
    }

    fn keeps_checksums(&self) -> bool {
        false
    }

    fn keeps_every_version(&self) -> bool {
        false
    }

    fn assess(&self, _: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        history::assess(migrations, history)
    }

    fn session_settings(&self, engine: Engine) -> Vec<String> {
        go_drivers::session(engine)
    }

    /// `runMigrations` of `migrate.go`: `SetVersion(v, true)`, the script, `SetVersion(v, false)`.
    ///
    /// Where the script is one transaction, the last shares it, so that a run that was broken off can be told from one
    /// that went through.
    fn step(&self, at: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        let Turn { migration, resumed, previous } = *turn;
        Some(Step {
            migration: migration.clone(),
            resumed,
            atomicity: atomicity(at.engine, migration),
            mark: if resumed { Vec::new() } else { history::row(Some(&migration.id), true) },
            before: Vec::new(),
            after: history::clean(at.engine, &migration.id),
            finally: Vec::new(),
            failed: history::row(Some(&migration.id), true),
            undo: history::row(previous, false),
            back: None,
        })
    }

    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Ok(self)
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some("put the statement into a file of its own: golang-migrate begins no transaction for one")
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::by_resolve(id)
    }

    /// `Force` of `migrate.go`.
    fn resolve(&self, _: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        history::resolve(asked)
    }
}

/// `Run` of the three drivers: SQLite's begins a transaction, PostgreSQL's leaves that to the server.
fn atomicity(engine: Engine, migration: &Migration) -> Atomicity {
    match engine {
        Engine::Postgres if migration.is_implicit_transaction() => Atomicity::Together,
        Engine::Sqlite if !migration.no_transaction => Atomicity::Together,
        Engine::Postgres | Engine::MySql | Engine::Sqlite => Atomicity::Apart,
    }
}

/// Every file, that of a version's way up before that of its way down; only those of one direction are run.
fn scripts<'a>(
    files: &'a Files,
    direction: Direction,
    told: &Told<'_>,
) -> Result<Vec<(Name<'a>, Migration)>> {
    let mut found = Vec::new();
    for (path, content) in &files.contents {
        if let Some(name) = Name::of(path) {
            let content = (name.direction == direction).then_some(content.as_slice());
            found.push((name, migration(name, files.directory.join(path), content, told)?));
        }
    }
    found.sort_by_key(|(name, _)| (name.version, name.direction));
    // `ErrDuplicateMigration` of `source/errors.go`.
    let mut pairs = found.iter().zip(found.iter().skip(1));
    let twins =
        pairs.find(|((one, _), (other, _))| (one.version, one.direction) == (other.version, other.direction));
    if let Some(((_, one), (_, other))) = twins {
        return Err(same_version(one, other));
    }
    Ok(found)
}

/// `newMigration` of `migrate.go`: nothing is run of a version without this way, but it is recorded.
fn migration(name: Name<'_>, file: PathBuf, content: Option<&[u8]>, told: &Told<'_>) -> Result<Migration> {
    let parts = match content {
        Some(content) => {
            let sql = utf8(&file, content, "the database")?;
            // Only `database/postgres/postgres.go` knows the parameter.
            let apart = told.multi_statement && told.engine == Engine::Postgres;
            if apart { split::parts(sql) } else { vec![Part::whole(sql)] }
        }
        None => Vec::new(),
    };
    let fits = i64::try_from(name.version).is_ok();
    Ok(Migration {
        id: name.version.to_string(),
        file,
        description: name.title.to_owned(),
        parts,
        checksum: Vec::new(),
        // Only `database/sqlite3/sqlite3.go` and `database/sqlite/sqlite.go` know this one.
        no_transaction: told.no_tx_wrap && told.engine == Engine::Sqlite,
        unusable: (!fits)
            .then(|| format!("its version is greater than {}, the greatest the history holds", i64::MAX)),
        requires: Vec::new(),
    })
}

/// `GenerateAdvisoryLockId` of `database/util.go`, of names that are joined already.
fn lock_id(names: &str) -> u32 {
    crc32(names).wrapping_mul(LOCK_SALT)
}

#[cfg(test)]
mod tests;
