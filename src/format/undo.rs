//! The way back: what takes an applied migration back, for the tools that know one.

use std::path::Path;

use super::{Assessment, Entry, Files, Migration, Repair, Site, Step, Told, Turn};
use crate::engine::TableName;
use crate::exit::Result;

/// How a tool takes its migrations back.
pub trait Undo: Sync {
    /// Whether a file is read for the way back alone; by its path below the directory.
    fn wants_besides(&self, _: &Path) -> bool {
        false
    }

    /// Reads the ways down, each under the id of the migration that it takes back. Those that are not there are left out.
    ///
    /// # Errors
    ///
    /// 65 for what the tool could not read either.
    fn read_back(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>>;

    /// What a person writes who wants a migration to have a way down.
    fn how_to_write(&self, migration: &Migration) -> String;

    /// Everything that is applied, in the order in which the tool takes it back.
    fn newest_first(&self, seen: &Assessment, _: &[Migration]) -> Vec<String> {
        seen.applied.iter().rev().map(|applied| applied.id.clone()).collect()
    }

    /// A way down with its bookkeeping. The turn's `migration` is the way down, and its `previous` what is the newest once
    /// it has been gone.
    fn step_back(&self, at: &Site<'_>, turn: &Turn<'_>) -> Step;

    /// The migration whose way back may have left the same mark as a broken-off `id`, and how that is repaired.
    fn with_mark_of<'a>(&self, _: &'a [Migration], _id: &str) -> Option<(&'a str, Repair)> {
        None
    }
}

impl Step {
    /// The step back of a tool that takes the row away once its script has run, in the same transaction if it has one.
    pub(super) fn forgotten_when_done(turn: &Turn<'_>, table: &TableName, column: &str, row: Entry) -> Self {
        let id = &turn.migration.id;
        let repair = Repair {
            applied: "run it again".into(),
            rolled_back: format!("take its row away: DELETE FROM {table} WHERE {column} = '{id}'"),
        };
        Self { back: Some(repair), ..Self::recorded_when_done(turn, vec![row]) }
    }
}
