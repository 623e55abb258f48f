//! What SQLite's errors mean for somebody who waits: one table, keyed by the primary result code.

use crate::engine::{DbError, Verdict};

/// Another connection holds SQLite's own lock (<https://www.sqlite.org/rescode.html#busy>).
pub(super) const BUSY: u32 = 5;
/// A statement was cancelled (<https://www.sqlite.org/rescode.html#interrupt>).
pub(super) const INTERRUPT: u32 = 9;
/// The statement itself is wrong (<https://www.sqlite.org/rescode.html#error>).
pub(super) const ERROR: u32 = 1;

/// When an error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// While opening and reading, when nothing had been written.
    Reading,
    /// In a statement that may write.
    Working,
}

struct Rule {
    /// <https://www.sqlite.org/rescode.html>: the primary code is the low byte of an extended one.
    code: u32,
    /// What it means while reading; a statement that may write always ends as [`Verdict::Statement`].
    reading: Verdict,
    hint: Option<&'static str>,
}

const fn rule(code: u32, reading: Verdict, hint: &'static str) -> Rule {
    Rule { code, reading, hint: Some(hint) }
}

const RULES: &[Rule] = &[
    // A wrong statement of castoff's own: the history table is not what the format expects.
    Rule { code: ERROR, reading: Verdict::Statement, hint: None },
    rule(3, Verdict::NotYet, "check the permissions of the file and its directory"),
    rule(BUSY, Verdict::NotYet, "another process is writing to the database; let it finish or stop it"),
    rule(6, Verdict::NotYet, "another statement of this session still uses the table"),
    rule(
        8,
        Verdict::NotYet,
        "the file or its directory takes no writes: check its permissions and how the volume is mounted",
    ),
    Rule { code: INTERRUPT, reading: Verdict::Statement, hint: None },
    rule(10, Verdict::NotYet, "the disk or the volume failed; look at the system's log"),
    rule(
        11,
        Verdict::Never,
        "the file is damaged: restore a backup, or save what can be saved with `sqlite3 FILE .recover`",
    ),
    rule(13, Verdict::NotYet, "the disk, the volume or its quota is full: make room and start again"),
    rule(
        14,
        Verdict::NotYet,
        "check the permissions of the file and its directory; a database in WAL mode also needs a writable directory",
    ),
    rule(
        26,
        Verdict::Never,
        "the file is not a SQLite database, or it is encrypted: check the path in the database URL",
    ),
];

/// Sorts an error of sqlx.
pub(super) fn classify(error: &sqlx::Error, stage: Stage) -> DbError {
    match error {
        sqlx::Error::Database(database) => {
            // sqlx gives the extended code as a decimal number.
            let code = database.code().and_then(|code| code.parse().ok()).unwrap_or(ERROR);
            numbered(code, database.message().to_owned(), stage)
        }
        // The thread that owns the database is gone, and with it what it was doing.
        sqlx::Error::WorkerCrashed => DbError {
            verdict: Verdict::Lost,
            message: "SQLite's thread ended unexpectedly".to_owned(),
            ..DbError::default()
        },
        other => DbError {
            verdict: if stage == Stage::Working { Verdict::Statement } else { Verdict::NotYet },
            message: other.to_string(),
            ..DbError::default()
        },
    }
}

/// An error of SQLite by its extended result code.
pub(super) fn numbered(code: u32, message: String, stage: Stage) -> DbError {
    let rule = RULES.iter().find(|rule| rule.code == primary(code));
    DbError {
        verdict: match stage {
            Stage::Working => Verdict::Statement,
            Stage::Reading => rule.map_or(Verdict::NotYet, |rule| rule.reading),
        },
        code: Some(code.to_string()),
        message,
        hint: rule.and_then(|rule| rule.hint).map(str::to_owned),
        ..DbError::default()
    }
}

/// Whether an error is this primary result code, in any of its extended forms.
pub(super) fn is(error: &DbError, code: u32) -> bool {
    error.code.as_deref().and_then(|code| code.parse().ok()).map(primary) == Some(code)
}

fn primary(code: u32) -> u32 {
    code & 0xff
}

#[cfg(test)]
mod tests {
    use super::{RULES, Stage, is, numbered};
    use crate::engine::Verdict;

    #[test]
    fn a_file_that_is_no_database_is_refused_for_good_and_a_busy_one_is_not() {
        let verdict = |code| numbered(code, String::new(), Stage::Reading).verdict;
        assert_eq!(verdict(26), Verdict::Never);
        assert_eq!(verdict(11), Verdict::Never);
        assert_eq!(verdict(5), Verdict::NotYet);
        assert_eq!(verdict(14), Verdict::NotYet);
        // Unknown to the table.
        assert_eq!(verdict(99), Verdict::NotYet);
    }

    #[test]
    fn whatever_fails_at_work_is_a_failed_statement() {
        for rule in RULES {
            assert_eq!(numbered(rule.code, String::new(), Stage::Working).verdict, Verdict::Statement);
        }
    }

    #[test]
    fn an_extended_code_is_sorted_as_its_primary_one() {
        // SQLITE_CORRUPT_INDEX and SQLITE_BUSY_SNAPSHOT.
        assert_eq!(numbered(779, String::new(), Stage::Reading).verdict, Verdict::Never);
        assert!(is(&numbered(517, String::new(), Stage::Working), super::BUSY));
    }

    #[test]
    fn a_full_disk_says_what_to_do() {
        let error = numbered(13, "database or disk is full".to_owned(), Stage::Working);
        assert!(error.hint.is_some_and(|hint| hint.contains("make room")));
    }
}
