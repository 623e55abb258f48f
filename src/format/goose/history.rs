//! The rows of `goose_db_version` held against the files.

use std::collections::{HashMap, HashSet};

use crate::engine::{Engine, Row, Value};
use crate::exit::Result;
use crate::format::{Applied, Assessment, Entry, Migration, foreign_row, timestamp};

/// The version of the row that is there from the beginning.
const FIRST: i64 = 0;

/// `EnsureDBVersionContext` of `migrate.go`, and `UpVersions` of `internal/gooseutil/resolve.go`: the newest row of a version
/// says whether it is applied. Rows that say no are of goose before 2.7, which recorded the way down too.
pub(super) fn assess(migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
    let mut newest: HashMap<i64, usize> = HashMap::new();
    let mut rows = Vec::new();
    for (place, row) in history.iter().enumerate() {
        let [Some(version), Some(applied), tstamp] = row.as_slice() else {
            return Err(foreign_row("goose", row));
        };
        let version: i64 = version.parse().map_err(|_| foreign_row("goose", row))?;
        newest.insert(version, place);
        rows.push((version, applied == "1", tstamp.as_deref()));
    }
    let mut assessment = Assessment::default();
    let on_disk: HashSet<i64> = migrations.iter().map(version).collect();
    let mut greatest = FIRST;
    let mut applied = HashSet::new();
    for (place, (version, is_applied, tstamp)) in rows.into_iter().enumerate() {
        if version == FIRST || !is_applied || newest.get(&version) != Some(&place) {
            continue;
        }
        greatest = greatest.max(version);
        applied.insert(version);
        let id = version.to_string();
        if !on_disk.contains(&version) {
            assessment.missing.push(id.clone());
        }
        assessment.applied.push(Applied { id, at: tstamp.and_then(timestamp) });
    }
    for migration in migrations.iter().filter(|migration| !applied.contains(&version(migration))) {
        assessment.pending.push(migration.id.clone());
        if version(migration) < greatest {
            assessment.late.push(migration.id.clone());
        }
    }
    let last_on_disk = on_disk.iter().max();
    assessment.missing_are_newer =
        assessment.missing.iter().all(|id| id.parse().is_ok_and(|id: i64| Some(&id) > last_on_disk));
    Ok(assessment)
}

fn version(migration: &Migration) -> i64 {
    migration.id.parse().unwrap_or_default()
}

/// Every row of a version.
pub(super) fn forget(id: &str) -> Entry {
    Entry::fixed("DELETE FROM {table} WHERE version_id = ?", [version_of(id)])
}

fn version_of(id: &str) -> Value {
    Value::Int(id.parse().unwrap_or_default())
}

/// The row of a version, `InsertVersion` of `internal/dialects`, after that of version 0 where it is missing: goose cannot go
/// on without it (`ensureVersionTable` of `provider_run.go`, `ErrNoNextVersion` in `migrate.go`), and a table that was
/// restored or emptied may lack it.
pub(super) fn rows(engine: Engine, id: &str) -> Vec<Entry> {
    let from = if engine == Engine::MySql { " FROM DUAL" } else { "" };
    let first = format!(
        "INSERT INTO {{table}} (version_id, is_applied) SELECT {FIRST}, true{from} \
         WHERE NOT EXISTS (SELECT 1 FROM {{table}} WHERE version_id = {FIRST})"
    );
    let row = "INSERT INTO {table} (version_id, is_applied) VALUES (?, true)";
    vec![Entry::fixed(first, []), Entry::fixed(row, [version_of(id)])]
}
