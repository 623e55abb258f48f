//! The rows of `_prisma_migrations` held against the directories.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::order;
use crate::engine::Row;
use crate::exit::Result;
use crate::format::{Applied, Assessment, Migration, Unfinished, foreign_row, timestamp};

/// The length of a checksum in hexadecimal; early versions of Prisma wrote it without leading zeros.
const DIGITS: usize = 64;

/// One row.
pub(super) struct Record<'a> {
    name: &'a str,
    checksum: &'a str,
    pub(super) finished: bool,
    pub(super) rolled_back: bool,
    logs: Option<&'a str>,
    finished_at: Option<&'a str>,
}

impl<'a> Record<'a> {
    fn read(row: &'a Row) -> Result<Self> {
        let [Some(name), Some(checksum), Some(finished), Some(rolled_back), logs, finished_at] =
            row.as_slice()
        else {
            return Err(foreign_row("Prisma", row));
        };
        Ok(Self {
            name,
            checksum,
            finished: finished == "1",
            rolled_back: rolled_back == "1",
            logs: logs.as_deref(),
            finished_at: finished_at.as_deref(),
        })
    }
}

/// The rows of one migration.
pub(super) fn of<'a>(id: &str, history: &'a [Row]) -> Result<Vec<Record<'a>>> {
    let mut records = history.iter().map(Record::read).collect::<Result<Vec<_>>>()?;
    records.retain(|record| record.name == id);
    Ok(records)
}

/// `diagnose_migration_history` and the checks of `apply_migrations`.
pub(super) fn assess(migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
    let on_disk: HashMap<&str, &Migration> =
        migrations.iter().map(|migration| (migration.id.as_str(), migration)).collect();
    let mut assessment = Assessment::default();
    let mut known = HashSet::new();
    for row in history {
        let record = Record::read(row)?;
        if record.rolled_back {
            continue;
        }
        let id = || record.name.to_owned();
        let again = !known.insert(record.name);
        if !record.finished {
            let error = record.logs.map(essence).filter(|error| !error.is_empty());
            assessment.unfinished.push(Unfinished { id: id(), error, may_resume: false });
            continue;
        }
        if again {
            continue;
        }
        assessment.applied.push(Applied { id: id(), at: record.finished_at.and_then(timestamp) });
        match on_disk.get(record.name) {
            None => assessment.missing.push(id()),
            Some(migration)
                if migration.unusable.is_none() && !is_checksum(record.checksum, &migration.text()) =>
            {
                assessment.edited.push(id());
            }
            Some(_) => {}
        }
    }
    let pending = migrations.iter().filter(|migration| !known.contains(migration.id.as_str()));
    assessment.pending = pending.map(|migration| migration.id.clone()).collect();
    let comes_late = |id: &&String| {
        assessment.applied.iter().any(|applied| order::compare(id, &applied.id) == Ordering::Less)
    };
    assessment.late = assessment.pending.iter().filter(comes_late).cloned().collect();
    let newest = migrations.last().map(|migration| migration.id.as_str()).unwrap_or_default();
    assessment.missing_are_newer = assessment.missing.iter().all(|id| order::compare(id, newest).is_gt());
    Ok(assessment)
}

/// `script_matches_checksum` of `schema-connector/src/checksum.rs`: line endings may have changed on the way.
fn is_checksum(recorded: &str, script: &str) -> bool {
    let unix = script.replace("\r\n", "\n");
    let windows = unix.replace('\n', "\r\n");
    [script, &unix, &windows].into_iter().any(|text| {
        let digest = Sha256::digest(text);
        if recorded.len() == DIGITS { hex::encode(digest) == recorded } else { unpadded(&digest) == recorded }
    })
}

/// Every byte in hexadecimal, without leading zeros.
fn unpadded(bytes: &[u8]) -> String {
    let digits =
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf].into_iter().skip(usize::from(*byte < 0x10)));
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// What the server said, without the sentences and traces that Prisma wraps around it.
fn essence(logs: &str) -> String {
    let said = logs.split_once("Database error:\n").map_or(logs, |(_, said)| said);
    let lines = said.trim().lines().take_while(|line| !is_trace(line)).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// What a span trace, or the dump of an error with the data it quotes, begins with.
fn is_trace(line: &str) -> bool {
    let first = line.trim_start();
    ["DbError {", "DETAIL:", "0: ", "Position:"].iter().any(|beginning| first.starts_with(beginning))
}
