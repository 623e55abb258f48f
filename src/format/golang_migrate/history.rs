//! The one row of the history, and what it says of all files.

use crate::engine::{Engine, Row, Value};
use crate::exit::{Exit, Failure, Result};
use crate::format::{Amendment, Applied, Assessment, Entry, Migration, Resolution, Unfinished, foreign_row};

const TOOL: &str = "golang-migrate";

/// `NilVersion` of `database/driver.go`: nothing is applied. There is a row of it only where it is dirty, because the way
/// down of the very first migration was begun.
pub(super) const NOTHING: &str = "-1";

/// The row, if there is one.
fn read(history: &[Row]) -> Result<Option<(i64, bool)>> {
    let Some(row) = history.first() else { return Ok(None) };
    let [Some(version), Some(dirty)] = row.as_slice() else { return Err(foreign_row(TOOL, row)) };
    let version = version.parse().map_err(|_| foreign_row(TOOL, row))?;
    Ok(Some((version, dirty == "1")))
}

fn version(migration: &Migration) -> Option<i64> {
    migration.id.parse().ok()
}

/// `Up`, `readUp` and `versionExists` of `migrate.go`.
pub(super) fn assess(migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
    let mut assessment = Assessment::default();
    let current = read(history)?;
    let (reached, dirty) = current.unwrap_or((i64::MIN, false));
    for migration in migrations {
        let id = migration.id.clone();
        match version(migration) {
            Some(version) if version == reached && dirty => {}
            Some(version) if version <= reached => assessment.applied.push(Applied { id, at: None }),
            _ => assessment.pending.push(id),
        }
    }
    let Some((reached, dirty)) = current else { return Ok(assessment) };
    if dirty {
        assessment.unfinished.push(Unfinished { id: reached.to_string(), error: None, may_resume: false });
    } else if !migrations.iter().any(|migration| version(migration) == Some(reached)) {
        assessment.applied.push(Applied { id: reached.to_string(), at: None });
        assessment.missing.push(reached.to_string());
        assessment.missing_are_newer =
            migrations.iter().all(|migration| version(migration).is_some_and(|version| version < reached));
    }
    Ok(assessment)
}

/// A version as the history holds it.
pub(super) fn value(id: &str) -> Value {
    Value::Int(id.parse().unwrap_or_default())
}

/// `SetVersion` of the three drivers; no row at all where there is no version.
///
/// On PostgreSQL golang-migrate empties the table by `TRUNCATE`, which waits for whoever reads it, a backup for example,
/// and leaves the same.
pub(super) fn row(id: Option<&str>, dirty: bool) -> Vec<Entry> {
    let mut entries = vec![Entry::fixed("DELETE FROM {table}", [])];
    if let Some(id) = id {
        let sql = format!("INSERT INTO {{table}} (version, dirty) VALUES (?, {dirty})");
        entries.push(Entry::fixed(sql, [value(id)]));
    }
    entries
}

/// The second `SetVersion` of a migration, whose row is there already unless its script took it away or wrote another.
///
/// Not all scripts share a transaction with it. So each statement by itself leaves a row that is true.
pub(super) fn clean(engine: Engine, id: &str) -> Vec<Entry> {
    let from = if engine == Engine::MySql { " FROM DUAL" } else { "" };
    let missing = format!(
        "INSERT INTO {{table}} (version, dirty) SELECT ?, true{from} WHERE NOT EXISTS (SELECT 1 FROM {{table}})"
    );
    vec![
        Entry::fixed("DELETE FROM {table} WHERE version <> ?", [value(id)]),
        Entry::fixed(missing, [value(id)]),
        Entry::fixed("UPDATE {table} SET dirty = false WHERE version = ?", [value(id)]),
    ]
}

/// `Force` of `migrate.go`, with what it leaves to the person: which version that is.
pub(super) fn resolve(asked: &Amendment<'_>) -> Result<Vec<Entry>> {
    let Amendment { resolution, id, migrations, history } = *asked;
    let refuse = |why: &str, hint: String| {
        Err(Failure::message(Exit::Data, format!("migration {id} {why}")).hint(hint))
    };
    let seen = assess(migrations, history)?;
    let broken = seen.unfinished.first().map(|unfinished| unfinished.id.as_str());
    match (resolution, broken) {
        (_, Some(broken)) if broken != id => {
            refuse("is not the one that failed", format!("resolve migration {broken} first"))
        }
        (Resolution::Applied, Some(_)) => Ok(row(Some(id).filter(|id| *id != NOTHING), false)),
        (Resolution::Applied, None) => {
            let recorded = seen.applied.iter().any(|applied| applied.id == id);
            let what_is_an_id =
                "an id is the version at the beginning of a file's name, without zeros before it";
            asked.recordable(recorded, what_is_an_id)?;
            Ok(row(Some(id), false))
        }
        (Resolution::RolledBack, Some(_)) => {
            let this = id.parse().ok();
            let before = migrations
                .iter()
                .rfind(|migration| version(migration).is_some_and(|version| Some(version) < this));
            Ok(row(before.map(|migration| migration.id.as_str()), false))
        }
        (Resolution::RolledBack, None) => refuse(
            "is not in a failed state",
            "only what failed can be rolled back; undo it with a new migration".into(),
        ),
    }
}
