//! A row of the history.

use super::kind::{baseline_id, repeatable_id};
use super::ledger;
use super::version::Version;
use crate::engine::Row;
use crate::exit::{Failure, Result};
use crate::format::foreign_row;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Record<'a> {
    pub(super) rank: i64,
    pub(super) version: Option<Version>,
    pub(super) description: &'a str,
    /// `type`
    kind: &'a str,
    pub(super) checksum: Option<i32>,
    pub(super) success: bool,
    /// Seconds since the Unix epoch.
    pub(super) at: Option<&'a str>,
}

impl<'a> Record<'a> {
    fn read(row: &'a Row) -> Result<Self> {
        let [Some(rank), version, Some(description), Some(kind), checksum, Some(success), at] =
            row.as_slice()
        else {
            return Err(not_flyways(row));
        };
        let checksum = checksum.as_ref().map(|text| text.parse().map_err(|_| not_flyways(row)));
        let version = version.as_ref().map(|text| Version::parse(text).ok_or_else(|| not_flyways(row)));
        Ok(Self {
            rank: rank.parse().map_err(|_| not_flyways(row))?,
            version: version.transpose()?,
            description,
            kind,
            checksum: checksum.transpose()?,
            success: success == "1",
            at: at.as_deref(),
        })
    }

    /// Whether it is about the table itself (`CoreMigrationType.isSynthetic`).
    pub(super) fn is_synthetic(&self) -> bool {
        ["SCHEMA", "BASELINE", "DELETE"].contains(&self.kind)
    }

    /// Whether it is of a baseline migration, in whatever language (`BaselineMigrationType`).
    pub(super) fn is_baseline(&self) -> bool {
        self.kind.ends_with("_BASELINE")
    }

    /// Whether it says from where on migrations count.
    pub(super) fn sets_baseline(&self) -> bool {
        self.kind == "BASELINE" || self.is_baseline()
    }

    /// Whether it is of a SQL file.
    pub(super) fn is_sql(&self) -> bool {
        self.kind == "SQL" || self.kind == "SQL_BASELINE"
    }

    /// The id of the migration it is about.
    pub(super) fn id(&self) -> String {
        match &self.version {
            Some(version) if self.is_baseline() => baseline_id(version.as_str()),
            Some(version) => version.as_str().to_owned(),
            None => repeatable_id(self.description),
        }
    }

    /// The same as a row to be written, for what finds it by.
    pub(super) fn row(&self) -> ledger::Record<'_> {
        ledger::Record {
            version: self.version.as_ref().map(Version::as_str),
            description: self.description,
            kind: "",
            script: "",
            checksum: None,
            installed_by: None,
        }
    }
}

fn not_flyways(row: &Row) -> Failure {
    foreign_row("Flyway", row)
}

/// The rows that still say something about a migration, by rank: not those that were deleted or undone, nor those that say
/// so (`MigrationInfoServiceImpl.markAsDeleted`).
pub(super) fn live(history: &[Row]) -> Result<Vec<Record<'_>>> {
    let mut live: Vec<Record<'_>> = Vec::new();
    for row in history {
        let record = Record::read(row)?;
        if record.kind == "DELETE" || record.kind.starts_with("UNDO") {
            let same = |other: &Record<'_>| {
                !other.is_synthetic()
                    && other.version == record.version
                    && (record.version.is_some() || other.description == record.description)
            };
            if record.success
                && let Some(last) = live.iter().rposition(same)
            {
                live.remove(last);
            }
        } else if record.kind != "SCHEMA" {
            live.push(record);
        }
    }
    Ok(live)
}
