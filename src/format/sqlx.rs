//! sqlx 0.8 and 0.9: `<VERSION>_<DESCRIPTION>.sql`, `.up.sql`, `.down.sql` and `_sqlx_migrations`.
//!
//! Everything here mirrors `sqlx-core/src/migrate` and `sqlx-{postgres,mysql,sqlite}/src/migrate.rs` of sqlx 0.9.0.

use std::collections::HashMap;
use std::path::Path;

use sqlx::migrate::MigrationType;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::{
    Amendment, Applied, Assessment, Atomicity, Entry, Files, Format, Habits, Migration, Parameter, Part,
    Repair, Site, Step, Told, Turn, Undo, Unfinished, crc32, foreign_row, has_directives, refuse_twins,
    timestamp, unreadable, utf8,
};
use crate::engine::{Engine, Ledger, LockKey, Row, TableName, Value};
use crate::exit::Result;

mod repair;
mod undo;

/// The sqlx format.
#[derive(Debug)]
pub struct Sqlx;

/// The history table's name; `sqlx-core/src/migrate/migrator.rs`.
const TABLE: &str = "_sqlx_migrations";

/// The factor of the lock id; `generate_lock_id` in `sqlx-postgres/src/migrate.rs` and its twin for MySQL.
const LOCK_FACTOR: i64 = 0x3d32_ad9e;

/// A file that begins with these bytes runs outside a transaction; `sqlx-core/src/migrate/source.rs`.
const NO_TRANSACTION: &str = "-- no-transaction";

/// `ensure_migrations_table` of `sqlx-postgres/src/migrate.rs`.
const CREATE_POSTGRES: &str = "CREATE TABLE IF NOT EXISTS {table} (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);";

/// `ensure_migrations_table` of `sqlx-mysql/src/migrate.rs` and `sqlx-sqlite/src/migrate.rs`.
const CREATE_OTHERS: &str = "CREATE TABLE IF NOT EXISTS {table} (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);";

impl Format for Sqlx {
    fn name(&self) -> &'static str {
        "sqlx"
    }

    fn recognises(&self, files: &Files) -> bool {
        files.contents.keys().any(|path| split(path).is_some_and(|(version, _)| version.is_ok()))
            && !has_directives(files)
    }

    fn columns(&self) -> &'static [&'static str] {
        &["version", "description", "installed_on", "success", "checksum", "execution_time"]
    }

    fn read(&self, files: &Files, _: &Told<'_>) -> Result<Vec<Migration>> {
        of_kind(files, |kind| !kind.is_down_migration())
    }

    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger {
        let (checksum, installed_on, create) = match engine {
            Engine::Postgres => {
                ("encode(checksum, 'hex')", "extract(epoch FROM installed_on)::bigint", CREATE_POSTGRES)
            }
            Engine::MySql => ("LOWER(HEX(checksum))", "UNIX_TIMESTAMP(installed_on)", CREATE_OTHERS),
            Engine::Sqlite => ("lower(hex(checksum))", "strftime('%s', installed_on)", CREATE_OTHERS),
        };
        Ledger {
            table: table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() }),
            select: format!(
                "SELECT version, CASE WHEN success THEN 1 ELSE 0 END, {checksum}, {installed_on} \
                 FROM {{table}} ORDER BY version"
            ),
            create: vec![create.into()],
        }
    }

    fn lock_keys(&self, at: &Site<'_>) -> Vec<LockKey> {
        let id = LOCK_FACTOR.wrapping_mul(i64::from(crc32(&at.facts.database)));
        match at.engine {
            Engine::Postgres => vec![LockKey::Number(id)],
            Engine::MySql => vec![LockKey::Name(format!("{id:x}"))],
            Engine::Sqlite => Vec::new(),
        }
    }

    /// `validate_applied_migrations` and `run_direct` of `sqlx-core/src/migrate/migrator.rs`: `VersionMissing` and
    /// `VersionMismatch` both end the run; every version that is not there is applied.
    fn habits(&self, _: Engine) -> Habits {
        Habits { fails_on_edited: true, fails_on_missing: true, ..Habits::LENIENT }
    }

    fn assess(&self, _: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        let on_disk: HashMap<&str, &Migration> =
            migrations.iter().map(|migration| (migration.id.as_str(), migration)).collect();
        let mut assessment = Assessment::default();
        let mut known: HashMap<String, ()> = HashMap::new();
        for row in history {
            let [Some(id), Some(success), checksum, installed_on] = row.as_slice() else {
                return Err(foreign_row("sqlx", row));
            };
            known.insert(id.clone(), ());
            let migration = on_disk.get(id.as_str());
            let same = migration.is_some_and(|found| Some(hex::encode(&found.checksum)) == *checksum);
            if success != "1" {
                assessment.unfinished.push(Unfinished { id: id.clone(), error: None, may_resume: same });
                continue;
            }
            assessment
                .applied
                .push(Applied { id: id.clone(), at: installed_on.as_deref().and_then(timestamp) });
            match migration {
                None => assessment.missing.push(id.clone()),
                Some(_) if !same => assessment.edited.push(id.clone()),
                Some(_) => {}
            }
        }
        let pending = migrations.iter().filter(|migration| !known.contains_key(&migration.id));
        assessment.pending = pending.map(|migration| migration.id.clone()).collect();
        let number = |id: &str| id.parse::<i64>().ok();
        let last = assessment.applied.iter().filter_map(|applied| number(&applied.id)).max();
        assessment.late = assessment.pending.iter().filter(|id| number(id) < last).cloned().collect();
        let newest = migrations.iter().filter_map(|migration| migration.id.parse::<i64>().ok()).max();
        assessment.missing_are_newer =
            assessment.missing.iter().all(|id| id.parse::<i64>().ok().is_some_and(|id| Some(id) > newest));
        Ok(assessment)
    }

    fn session_settings(&self, engine: Engine) -> Vec<String> {
        match engine {
            // `PgConnectOptions::new_without_pgpass`; the rest of sqlx's startup parameters every session has.
            Engine::Postgres => vec!["SET extra_float_digits = 2".into()],
            // `sqlx-mysql/src/options/connect.rs`: `||` is concatenation, times are UTC. And what it asks for before that
            // (`sqlx-mysql/src/connection/stream.rs`).
            Engine::MySql => vec![
                "SET sql_mode=(SELECT CONCAT(@@sql_mode, ',IGNORE_SPACE,PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION')),\
                 time_zone='+00:00',NAMES utf8mb4"
                    .into(),
            ],
            // foreign_keys is set when the file is opened.
            Engine::Sqlite => Vec::new(),
        }
    }

    fn step(&self, at: &Site<'_>, turn: &Turn<'_>) -> Option<Step> {
        let (engine, Turn { migration, resumed, .. }) = (at.engine, *turn);
        // `execute_migration` of MySQL never looks at `no_tx`.
        let apart = migration.no_transaction && engine != Engine::MySql;
        let marked = apart || engine == Engine::MySql;
        let insert = |success: &str| insert(migration, success);
        let on_row = |sql: &str| on_row(sql, &migration.id);
        // On MySQL the first DDL statement commits it.
        let begun = if marked && !resumed { vec![insert("FALSE")] } else { Vec::new() };
        let (mark, before) = if apart { (begun, Vec::new()) } else { (Vec::new(), begun) };
        Some(Step {
            migration: migration.clone(),
            resumed,
            atomicity: if apart { Atomicity::Apart } else { Atomicity::Together },
            mark,
            before,
            after: if marked {
                vec![on_row("UPDATE {table} SET success = TRUE WHERE version = ?")]
            } else {
                vec![insert("TRUE")]
            },
            finally: vec![Entry {
                sql: "UPDATE {table} SET execution_time = ? WHERE version = ?".into(),
                params: vec![Parameter::ElapsedNanos, Parameter::Fixed(version(&migration.id))],
            }],
            failed: Vec::new(),
            undo: if marked {
                vec![on_row("DELETE FROM {table} WHERE version = ? AND success = FALSE")]
            } else {
                Vec::new()
            },
            back: None,
        })
    }

    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Ok(self)
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some("make `-- no-transaction` the first line of the file")
    }

    fn repair(&self, _: &TableName, id: &str) -> Repair {
        Repair::by_resolve(id)
    }

    fn resolve(&self, at: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
        repair::resolve(&self.assess(at, asked.migrations, asked.history)?, asked)
    }
}

/// The row of a migration; `success` is SQL.
fn insert(migration: &Migration, success: &str) -> Entry {
    let sql = format!(
        "INSERT INTO {{table}} ( version, description, success, checksum, execution_time ) \
         VALUES ( ?, ?, {success}, ?, -1 )"
    );
    let description = Value::Text(migration.description.clone());
    Entry::fixed(sql, [version(&migration.id), description, Value::Bytes(migration.checksum.clone())])
}

/// A statement about the row of one version.
fn on_row(sql: &str, id: &str) -> Entry {
    Entry::fixed(sql, [version(id)])
}

fn version(id: &str) -> Value {
    Value::Int(id.parse().unwrap_or_default())
}

/// The scripts of one kind, in the order of their versions.
fn of_kind(files: &Files, wanted: impl Fn(MigrationType) -> bool) -> Result<Vec<Migration>> {
    let mut migrations: Vec<(i64, Migration)> = Vec::new();
    for (path, content) in &files.contents {
        let Some((version, rest)) = split(path) else { continue };
        let file = files.directory.join(path);
        let version = version.map_err(|text| {
            unreadable(&file, format!("its name does not begin with an integer version but with \"{text}\""))
                .hint(
                    "name it like 20260102030405_add_orders.sql, or move it out of the migrations directory",
                )
        })?;
        let kind = MigrationType::from_filename(rest);
        if wanted(kind) {
            migrations.push((version, migration(version, rest, kind, file, content)?));
        }
    }
    migrations.sort_by_key(|(version, _)| *version);
    let migrations: Vec<_> = migrations.into_iter().map(|(_, migration)| migration).collect();
    refuse_twins(&migrations)?;
    Ok(migrations)
}

/// Splits a file name as sqlx does; `None` for what it silently ignores, the text where the version is no integer.
fn split(path: &Path) -> Option<(std::result::Result<i64, String>, &str)> {
    if path.parent().is_some_and(|parent| parent != Path::new("")) {
        return None;
    }
    let (version, rest) = path.to_str()?.split_once('_')?;
    rest.strip_suffix(".sql")?;
    Some((version.parse().map_err(|_| version.to_owned()), rest))
}

fn migration(
    version: i64,
    rest: &str,
    kind: MigrationType,
    file: std::path::PathBuf,
    content: &[u8],
) -> Result<Migration> {
    let sql = utf8(&file, content, "sqlx")?;
    let suffix = if kind.is_reversible() { ".up.sql" } else { ".sql" };
    let description = rest.trim_end_matches(suffix).replace('_', " ");
    let no_transaction = sql.starts_with(NO_TRANSACTION);
    let sqlx = sqlx::migrate::Migration::new(
        version,
        description.clone().into(),
        kind,
        AssertSqlSafe(sql).into_sql_str(),
        no_transaction,
    );
    Ok(Migration {
        id: version.to_string(),
        file,
        description,
        parts: vec![Part::whole(sql)],
        checksum: sqlx.checksum.into_owned(),
        no_transaction,
        unusable: None,
        requires: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::Sqlx;
    use crate::engine::{Engine, LockKey};
    use crate::exit::Exit;
    use crate::format::testing::{files, site, step, told};
    use crate::format::{Atomicity, Format, Migration};

    /// The file F of the published test vectors.
    const F: &str = "CREATE TABLE t (id INT);\n";

    fn read(names: &[(&str, &str)]) -> Vec<Migration> {
        Sqlx.read(&files(names), &told(Engine::Postgres)).unwrap()
    }

    fn row(version: &str, success: &str, checksum: &str) -> Vec<Option<String>> {
        vec![Some(version.into()), Some(success.into()), Some(checksum.into()), Some("0".into())]
    }

    #[test]
    fn checksums_are_sqlx_s() {
        let [migration] = &read(&[("1_init.sql", F)])[..] else { panic!("one migration") };
        assert_eq!(
            hex::encode(&migration.checksum),
            "3116b86cdc3edfa205a86055248b7532802f8174c05c4f466ebc1da8ca00a7c2\
             be73f9aae8a224c740c23eda1ae6a0c9"
        );
    }

    #[test]
    fn lock_keys_are_sqlx_s() {
        assert_eq!(Sqlx.lock_keys(&site(Engine::Postgres)), [LockKey::Number(3_469_795_979_745_788_610)]);
        assert_eq!(Sqlx.lock_keys(&site(Engine::MySql)), [LockKey::Name("3027310f4fd382c2".into())]);
    }

    #[test]
    fn names_are_read_as_sqlx_reads_them() {
        let migrations = read(&[
            ("10_b_c.up.sql", ""),
            ("10_b_c.down.sql", ""),
            ("9_a.sql", "-- no-transaction\nVACUUM"),
            ("README.md", ""),
            ("11-x.sql", ""),
            ("sub/12_d.sql", ""),
        ]);
        let seen: Vec<_> =
            migrations.iter().map(|m| (m.id.as_str(), m.description.as_str(), m.no_transaction)).collect();
        assert_eq!(seen, [("9", "a", true), ("10", "b c", false)]);
    }

    #[test]
    fn a_version_that_is_no_number_or_stands_twice_is_refused_by_name() {
        let failure = Sqlx.read(&files(&[("x1_a.sql", "")]), &told(Engine::Postgres)).unwrap_err();
        assert_eq!(failure.exit, Exit::Data);
        assert!(failure.reason().contains("x1_a.sql"), "{failure}");
        let failure =
            Sqlx.read(&files(&[("1_a.sql", ""), ("01_b.sql", "")]), &told(Engine::Postgres)).unwrap_err();
        assert!(failure.reason().contains("1_a.sql") && failure.reason().contains("01_b.sql"), "{failure}");
    }

    #[test]
    fn history_and_files_are_held_against_each_other() {
        let migrations = read(&[("1_a.sql", F), ("2_b.sql", F), ("3_c.sql", F), ("5_e.sql", F)]);
        let sum = hex::encode(&migrations[0].checksum);
        let history = [row("1", "1", &sum), row("2", "1", "00"), row("3", "0", &sum), row("4", "1", &sum)];
        let seen = Sqlx.assess(&site(Engine::Postgres), &migrations, &history).unwrap();
        assert_eq!(seen.edited, ["2"]);
        assert_eq!(seen.pending, ["5"]);
        assert!(seen.late.is_empty());
        assert_eq!(seen.missing, ["4"]);
        assert!(!seen.missing_are_newer);
        assert_eq!(seen.unfinished[0].id, "3");
        assert!(seen.unfinished[0].may_resume);
        assert_eq!(seen.applied[0].at.as_deref(), Some("1970-01-01T00:00:00Z"));
    }

    #[test]
    fn what_sorts_before_something_applied_is_late() {
        let migrations = read(&[("1_a.sql", F), ("2_b.sql", F), ("10_c.sql", F)]);
        let sum = hex::encode(&migrations[0].checksum);
        let seen = Sqlx.assess(&site(Engine::Postgres), &migrations, &[row("2", "1", &sum)]).unwrap();
        assert_eq!((seen.pending, seen.late), (vec!["1".to_owned(), "10".into()], vec!["1".to_owned()]));
    }

    #[test]
    fn a_file_with_another_tool_s_directives_is_not_sqlx_s() {
        assert!(Sqlx.recognises(&files(&[("1_a.sql", "-- a comment\nSELECT 1")])));
        assert!(!Sqlx.recognises(&files(&[("1_a.sql", "-- migrate:up\nSELECT 1")])));
        assert!(!Sqlx.recognises(&files(&[("1_a.sql", "\n-- +goose Up\nSELECT 1;")])));
    }

    #[test]
    fn an_old_image_sees_that_everything_missing_is_newer() {
        let migrations = read(&[("9_a.sql", F)]);
        let sum = hex::encode(&migrations[0].checksum);
        let seen = Sqlx
            .assess(&site(Engine::Postgres), &migrations, &[row("9", "1", &sum), row("10", "1", &sum)])
            .unwrap();
        assert!(seen.missing_are_newer);
        assert_eq!(seen.missing, ["10"]);
    }

    #[test]
    fn a_step_outside_a_transaction_is_marked_before_it_runs() {
        let [migration] = &read(&[("1_i.sql", "-- no-transaction\nVACUUM")])[..] else { panic!("one") };
        let marked = step(&Sqlx, Engine::Postgres, migration, false).unwrap();
        assert_eq!(marked.atomicity, Atomicity::Apart);
        assert!(marked.mark[0].sql.contains("FALSE") && marked.after[0].sql.contains("success = TRUE"));
        assert!(step(&Sqlx, Engine::Postgres, migration, true).unwrap().mark.is_empty());
        assert_eq!(step(&Sqlx, Engine::MySql, migration, false).unwrap().atomicity, Atomicity::Together);
    }
}
