//! What is recorded by hand: a row as `sqlx migrate override skip` of sqlx 0.9 writes it, or none, as sqlx's own message about
//! a dirty version asks for.

use super::{insert, on_row, version};
use crate::engine::Value;
use crate::exit::{Exit, Failure, Result};
use crate::format::{Amendment, Assessment, Entry, Resolution};

/// The entries of `castoff resolve`.
pub(super) fn resolve(seen: &Assessment, asked: &Amendment<'_>) -> Result<Vec<Entry>> {
    let id = asked.id;
    let has_failed = seen.unfinished.iter().any(|unfinished| unfinished.id == id);
    if asked.resolution == Resolution::RolledBack {
        return if has_failed {
            Ok(vec![on_row("DELETE FROM {table} WHERE version = ? AND success = FALSE", id)])
        } else {
            Err(Failure::message(Exit::Data, format!("migration {id} is not in a failed state"))
                .hint("only what failed can be rolled back; `castoff revert` takes back what is applied"))
        };
    }
    let is_recorded = seen.applied.iter().any(|applied| applied.id == id);
    let what_is_an_id = "an id is the version at the beginning of a file's name, without zeros before it";
    let migration = asked.recordable(is_recorded, what_is_an_id)?;
    if !has_failed {
        return Ok(vec![insert(migration, "TRUE")]);
    }
    // The file may have been mended since.
    let known_by = [Value::Text(migration.description.clone()), Value::Bytes(migration.checksum.clone())];
    let sql = "UPDATE {table} SET success = TRUE, description = ?, checksum = ? WHERE version = ?";
    Ok(vec![Entry::fixed(sql, known_by.into_iter().chain([version(id)]))])
}

#[cfg(test)]
mod tests {
    use crate::engine::{Engine, Row};
    use crate::exit::{Exit, Result};
    use crate::format::sqlx::Sqlx;
    use crate::format::testing::{files, site, told};
    use crate::format::{Amendment, Entry, Format, Resolution};

    /// With the row of version 1, if there is one: whether it is a success.
    fn resolve(resolution: Resolution, id: &str, row: Option<bool>) -> Result<Vec<Entry>> {
        let migrations = Sqlx.read(&files(&[("1_a.sql", "SELECT 1")]), &told(Engine::Postgres)).unwrap();
        let success = |whole: bool| if whole { "1" } else { "0" };
        let row =
            row.map(|whole| ["1", success(whole), "00", "0"].map(|text| Some(text.to_owned())).to_vec());
        let history: Vec<Row> = row.into_iter().collect();
        let asked = Amendment { resolution, id, migrations: &migrations, history: &history };
        Sqlx.resolve(&site(Engine::Postgres), &asked)
    }

    fn words(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.sql.split(' ').next().unwrap()).collect()
    }

    #[test]
    fn a_failure_is_forgotten_and_what_was_finished_by_hand_is_recorded_anew() {
        assert_eq!(words(&resolve(Resolution::RolledBack, "1", Some(false)).unwrap()), ["DELETE"]);
        assert_eq!(words(&resolve(Resolution::Applied, "1", Some(false)).unwrap()), ["UPDATE"]);
        assert_eq!(words(&resolve(Resolution::Applied, "1", None).unwrap()), ["INSERT"]);
    }

    #[test]
    fn what_contradicts_the_history_is_refused() {
        for (resolution, id, row) in [
            (Resolution::RolledBack, "1", Some(true)),
            (Resolution::RolledBack, "1", None),
            (Resolution::Applied, "1", Some(true)),
            (Resolution::Applied, "2", Some(false)),
        ] {
            assert_eq!(
                resolve(resolution, id, row).unwrap_err().exit,
                Exit::Data,
                "{resolution:?} {id} {row:?}"
            );
        }
    }
}
