//! The rows of `refinery_schema_history` held against the files.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::checksum::{Width, checksum};
use super::name;
use crate::engine::Row;
use crate::exit::{Exit, Failure, Result};
use crate::format::{Applied, Assessment, Migration, foreign_row, rfc3339};

/// One row.
struct Record<'a> {
    version: i64,
    name: &'a str,
    applied_on: String,
    checksum: u64,
}

impl<'a> Record<'a> {
    /// refinery panics at a row that is not like this.
    fn read(row: &'a Row) -> Result<Self> {
        let [Some(version), name, applied_on, checksum] = row.as_slice() else {
            return Err(foreign_row("refinery", row));
        };
        let wrong = |column: &str, value: &Option<String>, wanted: &str| {
            let value = value.as_ref().map_or("NULL".to_owned(), |value| format!("\"{value}\""));
            Failure::message(
                Exit::Data,
                format!("the history's row of version {version} cannot be read: its {column}, {value}, is {wanted}"),
            )
            .hint(
                "mend the row by hand: refinery itself panics at it; or check --history-table (CASTOFF_HISTORY_TABLE) \
                 and --format (CASTOFF_FORMAT)",
            )
        };
        let parsed = version.parse().map_err(|_| foreign_row("refinery", row))?;
        Ok(Self {
            version: parsed,
            name: name.as_deref().ok_or_else(|| wrong("name", name, "no name"))?,
            applied_on: applied_on
                .as_deref()
                .and_then(utc)
                .ok_or_else(|| wrong("applied_on", applied_on, "no time in RFC 3339"))?,
            checksum: checksum
                .as_ref()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| wrong("checksum", checksum, "no checksum of 64 bits"))?,
        })
    }

    /// Whether this is the row of that file. A history of narrow versions may have been widened by hand.
    fn is_of(&self, migration: &Migration) -> bool {
        // Of a program nobody but the tool can tell.
        let [part] = migration.parts.as_slice() else { return self.name == migration.description };
        let matches = |width| checksum(self.name, self.version, &part.sql, width) == self.checksum;
        self.name == migration.description && (matches(Width::Four) || matches(Width::Eight))
    }
}

/// `verify_migrations` of `refinery_core/src/traits/mod.rs`.
pub(super) fn assess(migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
    let number = |migration: &Migration| migration.id.parse::<i64>().unwrap_or_default();
    let on_disk: HashMap<i64, &Migration> =
        migrations.iter().map(|migration| (number(migration), migration)).collect();
    let records = history.iter().map(Record::read).collect::<Result<Vec<_>>>()?;
    let mut assessment = Assessment::default();
    for record in &records {
        let id = record.version.to_string();
        match on_disk.get(&record.version) {
            None => assessment.missing.push(id.clone()),
            Some(migration) if !record.is_of(migration) => assessment.edited.push(id.clone()),
            Some(_) => {}
        }
        assessment.applied.push(Applied { id, at: Some(record.applied_on.clone()) });
    }
    let known: HashSet<i64> = records.iter().map(|record| record.version).collect();
    let current = known.iter().max().copied();
    for migration in migrations {
        let version = number(migration);
        if known.contains(&version) {
            continue;
        }
        assessment.pending.push(migration.id.clone());
        let unversioned = name::parse(&migration.file).is_some_and(|name| name.unversioned);
        if Some(version) < current && !unversioned {
            assessment.late.push(migration.id.clone());
        }
    }
    let newest = on_disk.keys().max().copied();
    let newer = |id: &String| id.parse::<i64>().ok() > newest;
    assessment.missing_are_newer = assessment.missing.iter().all(newer);
    Ok(assessment)
}

/// A time in RFC 3339, to the second and in UTC. refinery writes UTC; before 0.7 it wrote local time.
fn utc(text: &str) -> Option<String> {
    let (time, rest) = text.split_at_checked(19)?;
    let fraction =
        rest.strip_prefix('.').map(|digits| digits.trim_start_matches(|it: char| it.is_ascii_digit()));
    if rest.starts_with('.') && fraction.is_none_or(|zone| zone.len() + 1 == rest.len()) {
        return None;
    }
    let zone = fraction.unwrap_or(rest);
    let local = humantime::parse_rfc3339(&format!("{}Z", time.to_ascii_uppercase())).ok()?;
    let moment = if zone.eq_ignore_ascii_case("Z") {
        local
    } else {
        let (hours, minutes) = zone.get(1..)?.split_once(':')?;
        let part = |text: &str, most: u64| {
            let number = text.parse::<u64>().ok().filter(|number| *number <= most && text.len() == 2)?;
            Some(number)
        };
        let offset = Duration::from_secs((part(hours, 23)? * 60 + part(minutes, 59)?) * 60);
        match zone.as_bytes().first()? {
            b'+' => local.checked_sub(offset)?,
            b'-' => local.checked_add(offset)?,
            _ => return None,
        }
    };
    rfc3339(moment)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn a_time_is_told_in_utc_whatever_zone_it_was_written_in() {
        for (text, told) in [
            ("2026-01-02T03:04:05.678901234Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2021-03-04T05:06:07.891+01:30", "2021-03-04T03:36:07Z"),
            ("2021-03-04T23:06:07-01:00", "2021-03-05T00:06:07Z"),
            ("2021-03-04t05:06:07.1z", "2021-03-04T05:06:07Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(told), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05.1",
            "2026-01-02 03:04:05+00",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04:05+1:00",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05Zé",
            "éééééééééééé",
            "1970-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-05:00",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }
}
