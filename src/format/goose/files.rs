//! What of a directory is goose's, and what of that castoff can run.

use std::ffi::OsStr;
use std::path::{Component, Path};

use super::parser::{self, Direction};
use crate::exit::Result;
use crate::format::{Files, Migration, Part, Told, refuse_twins, unreadable, utf8, without_mark};

/// Whether a script says where its way up begins, or a program uses the library.
pub(super) fn are_goose_s(files: &Files) -> bool {
    files.contents.iter().any(|(path, content)| match Kind::of(path) {
        Some((kind, name)) if version(name).is_ok() => match kind {
            Kind::Sql => parser::is_goose(without_mark(&String::from_utf8_lossy(content))),
            Kind::Go => String::from_utf8_lossy(content).contains("pressly/goose"),
        },
        _ => false,
    })
}

/// `collectMigrationsFS` and `collectGoMigrations` of `migrate.go`; without the scripts that have no such direction.
pub(super) fn read(files: &Files, direction: Direction, told: &Told<'_>) -> Result<Vec<Migration>> {
    let mut found: Vec<(i64, Migration)> = Vec::new();
    for (path, content) in &files.contents {
        let Some((kind, name)) = Kind::of(path) else { continue };
        let file = files.directory.join(path);
        let version = match version(name) {
            Ok(version) => version,
            Err(why) if kind == Kind::Sql => {
                return Err(unreadable(&file, why).hint(
                    "name it like 20260102030405_add_orders.sql, or move it out of the migrations directory",
                ));
            }
            // `collectGoMigrations`: helpers may stand beside the migrations.
            Err(_) => continue,
        };
        let migration = match kind {
            Kind::Sql => {
                sql_migration(version, &file, (utf8(&file, content, "the database")?, direction), told)
            }
            Kind::Go => Some(Migration {
                unusable: Some(
                    "it is a Go migration, which only the program that it is built into can run".into(),
                ),
                ..migration(version, &file)
            }),
        };
        found.extend(migration.map(|migration| (version, migration)));
    }
    found.sort_by_key(|(version, _)| *version);
    let migrations: Vec<_> = found.into_iter().map(|(_, migration)| migration).collect();
    refuse_twins(&migrations)?;
    Ok(migrations)
}

/// What a file is to goose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sql,
    Go,
}

impl Kind {
    /// The kind of a file and its name; `None` for what is of no interest.
    pub(super) fn of(path: &Path) -> Option<(Self, &str)> {
        let mut parts = path.components();
        let (Some(Component::Normal(_)), None) = (parts.next(), parts.next()) else { return None };
        let name = path.to_str()?;
        match path.extension().and_then(OsStr::to_str) {
            Some("sql") => Some((Self::Sql, name)),
            Some("go") if !name.ends_with("_test.go") => Some((Self::Go, name)),
            _ => None,
        }
    }
}

/// `NumericComponent` of `migration.go`.
pub(super) fn version(name: &str) -> std::result::Result<i64, String> {
    let Some((digits, _)) = name.split_once('_') else {
        return Err("its name does not hold a version before a `_`".into());
    };
    match digits.parse::<i64>() {
        Ok(version) if version >= 1 => Ok(version),
        Ok(_) => Err("its version is not greater than zero".into()),
        Err(_) => Err(format!("its name does not begin with an integer version but with \"{digits}\"")),
    }
}

fn migration(version: i64, file: &Path) -> Migration {
    Migration {
        id: version.to_string(),
        file: file.to_owned(),
        description: String::new(),
        parts: Vec::new(),
        checksum: Vec::new(),
        no_transaction: false,
        unusable: None,
        requires: Vec::new(),
    }
}

/// goose reads a file only when it is its turn: one that it could not read does not matter once it is applied.
///
/// `None` where the script says nothing of that direction.
fn sql_migration(
    version: i64,
    file: &Path,
    (text, direction): (&str, Direction),
    told: &Told<'_>,
) -> Option<Migration> {
    let lookup = |name: &str| {
        let Some((_, value)) = told.environment.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        value.to_str().map(|value| Some(value.to_owned())).ok_or_else(|| format!("${name} is not UTF-8"))
    };
    let read = migration(version, file);
    match parser::parse(text, direction, &lookup) {
        Ok(script) => script.map(|script| Migration {
            parts: script.statements.into_iter().map(Part::from).collect(),
            no_transaction: !script.transaction,
            ..read
        }),
        Err(mistake) => Some(Migration {
            unusable: Some(format!("line {}: {}; {}", mistake.line, mistake.what, mistake.hint)),
            ..read
        }),
    }
}

impl From<parser::Statement> for Part {
    fn from(parser::Statement { sql, written, line }: parser::Statement) -> Self {
        Self { sql, line, written, ..Self::default() }
    }
}
