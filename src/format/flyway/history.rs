//! The rows of the history held against the files (`MigrationInfoServiceImpl.java`, `MigrationInfoImpl.java`).

use std::collections::{BTreeMap, HashSet};

use super::callbacks::{self, Moment};
use super::disk::{Disk, File, Levels};
use super::kind::Kind;
use super::name::abbreviated;
use super::record::{Record, live};
use crate::engine::{Engine, Row};
use crate::exit::Result;
use crate::format::{Applied, Assessment, Migration, Site, Unfinished, timestamp};

/// What stands for an empty description (`SchemaHistory.NO_DESCRIPTION_MARKER`).
const NO_DESCRIPTION: &str = "<< no description >>";

/// What files and history say of each other.
pub(super) fn assess(at: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
    let live = live(history)?;
    let disk = Disk::of(migrations);
    let mut seen = Assessment { newer_may_be_missing: true, ..Assessment::default() };
    // `Flyway.migrate` sets a baseline where there is no history yet, and something to set it for.
    let marker = disk.marker().filter(|_| history.is_empty() && at.facts.holds_tables);
    seen.pending.extend(marker.map(|(marker, _)| marker.id.clone()));
    let levels = Levels::of(&live, &disk, marker.map(|(_, version)| version));
    let are_newer = versioned(at, &disk, &live, &levels, &mut seen);
    let versioned_rank = |record: &&Record<'_>| record.version.is_some() && disk.find(record).is_some();
    let newest_rank = live.iter().filter(versioned_rank).map(|record| record.rank).max();
    seen.missing_are_newer = repeatable(at, &disk, &live, newest_rank, &mut seen) && are_newer;
    for record in live.iter().filter(|record| record.success) {
        let id = disk.id_of(record);
        if record.version.is_none() {
            seen.applied.retain(|applied| applied.id != id);
        }
        seen.applied.push(Applied { id, at: record.at.and_then(timestamp) });
    }
    seen.accompanying = accompanying(&disk, &seen.pending);
    Ok(seen)
}

/// Returns whether everything missing is newer than everything on disk.
fn versioned(
    at: &Site<'_>,
    disk: &Disk<'_>,
    live: &[Record<'_>],
    levels: &Levels,
    seen: &mut Assessment,
) -> bool {
    let failures = live.iter().filter(|record| !record.success).count();
    let mut are_newer = true;
    let mut recorded = HashSet::new();
    for record in live.iter().filter(|record| record.version.is_some() && !record.is_synthetic()) {
        let file = disk.find(record);
        recorded.extend(file.map(|file| file.migration.id.as_str()));
        let is_future = file.is_none() && record.version > levels.resolved;
        // `DbMigrate.migrateGroup` goes on over the one failure that a newer image left behind.
        if !(record.success || is_future && failures == 1) {
            let same = file.is_some_and(|file| has_content(file, record, at));
            // The row is completed by its version as the file has it: `1.0` would not be found as `1`.
            let is_named_alike = file.is_some_and(|file| file.migration.id == record.id());
            let may_resume = same && is_named_alike && at.engine == Engine::Postgres;
            seen.unfinished.push(Unfinished { id: disk.id_of(record), error: None, may_resume });
            continue;
        }
        match file {
            None => {
                seen.missing.push(disk.id_of(record));
                are_newer &= is_future;
            }
            Some(file) if record.version > levels.baseline && is_edited(file, record, at) => {
                seen.edited.push(file.migration.id.clone());
            }
            Some(_) => {}
        }
    }
    for file in disk.files() {
        let id = &file.migration.id;
        if recorded.contains(id.as_str()) || !levels.is_pending(&file.kind) || file.is_skipped() {
            continue;
        }
        seen.pending.push(id.clone());
        if file.kind.version() < levels.applied.as_ref() {
            seen.late.push(id.clone());
        }
    }
    are_newer
}

/// Returns whether everything missing is newer than everything on disk.
///
/// Repeatable migrations have no version, so what counts is when each was first applied: behind the last versioned one of
/// these files. Flyway calls every missing one an error; but so an old image would fail behind a newer one.
fn repeatable(
    at: &Site<'_>,
    disk: &Disk<'_>,
    live: &[Record<'_>],
    newest_rank: Option<i64>,
    seen: &mut Assessment,
) -> bool {
    let mut runs: BTreeMap<String, Vec<&Record<'_>>> = BTreeMap::new();
    for record in live.iter().filter(|record| record.version.is_none()) {
        runs.entry(record.id()).or_default().push(record);
    }
    let mut are_newer = true;
    for (id, runs) in &runs {
        if runs.iter().any(|record| !record.success) {
            seen.unfinished.push(Unfinished { id: id.clone(), error: None, may_resume: false });
        } else if disk.repeatable(id).is_none() {
            seen.missing.push(id.clone());
            are_newer &= runs.iter().map(|record| record.rank).min() > newest_rank;
        }
    }
    for file in disk.files().filter(|file| file.kind == Kind::Repeatable) {
        let id = &file.migration.id;
        // The rows stand in the order of their ranks.
        let last = runs.get(id).and_then(|runs| runs.last());
        let is_current = last.is_some_and(|record| !record.success || has_content(file, record, at));
        if !is_current && !file.is_skipped() {
            seen.pending.push(id.clone());
        }
    }
    are_newer
}

/// What `validate` minds of a versioned migration: another type, checksum or description.
fn is_edited(file: &File<'_>, record: &Record<'_>, at: &Site<'_>) -> bool {
    let Some(kept) = &file.kept else { return false };
    let description = if record.description == NO_DESCRIPTION { "" } else { record.description };
    !kept.is_skipped
        && (!record.is_sql()
            || !has_content(file, record, at)
            || abbreviated(&file.migration.description) != description)
}

/// Whether a row is of what is in the file; castoff cannot tell of what it cannot look into.
fn has_content(file: &File<'_>, record: &Record<'_>, at: &Site<'_>) -> bool {
    file.kept.as_ref().is_none_or(|kept| kept.matches(record.checksum, record.version.is_none(), at))
}

/// The callbacks that run along with what is pending.
fn accompanying(disk: &Disk<'_>, pending: &[String]) -> Vec<String> {
    let repeats = pending.iter().any(|id| disk.repeatable(id).is_some());
    let runs_along = |file: &&File<'_>| {
        let event = file.migration.id.split("__").next().unwrap_or_default();
        file.kind == Kind::Callback
            && (repeats || callbacks::moment(event, false) != Moment::BeforeRepeatables)
    };
    disk.files().filter(runs_along).map(|file| file.migration.id.clone()).collect()
}
