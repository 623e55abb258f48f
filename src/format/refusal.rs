//! What is said of files and rows that no tool could work with, in the same words for all of them.

use std::path::Path;

use super::Migration;
use crate::engine::Row;
use crate::exit::{Exit, Failure, Result};

/// Refuses two migrations with one id, which stand side by side in the tool's order.
pub(super) fn refuse_twins(migrations: &[Migration]) -> Result<()> {
    let twins = migrations.iter().zip(migrations.iter().skip(1)).find(|(one, other)| one.id == other.id);
    let Some((one, other)) = twins else { return Ok(()) };
    Err(same_version(one, other))
}

/// Two files that cannot both be recorded.
pub(super) fn same_version(one: &Migration, other: &Migration) -> Failure {
    let (first, second) = (one.file.display(), other.file.display());
    Failure::message(Exit::Data, format!("{first} and {second} have the same version {}", one.id))
        .hint("give one of them another version; nothing was applied")
}

/// The text of a file that has to be UTF-8.
pub(super) fn utf8<'a>(file: &Path, content: &'a [u8], tool: &str) -> Result<&'a str> {
    std::str::from_utf8(content).map_err(|error| {
        let line = content.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        unreadable(file, format!("line {line} is not UTF-8"))
            .hint(format!("save the file as UTF-8; {tool} refuses it as well"))
    })
}

/// A row that is not one of the tool's.
pub(super) fn foreign_row(tool: &str, row: &Row) -> Failure {
    Failure::message(Exit::Data, format!("a row of the history table is not one of {tool}'s: {row:?}"))
        .hint("check --history-table (CASTOFF_HISTORY_TABLE) and --format (CASTOFF_FORMAT)")
}

/// A file that its tool could not read either.
pub(super) fn unreadable(file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::message(Exit::Data, format!("cannot read the migration {}: {why}", file.display()))
}
