//! User-level locks: `GET_LOCK`, who holds one, and the second one that says that a migration failed.
//!
//! They belong to the server, not to a database, and on Galera or group replication to one node: replicas that
//! connect to different nodes do not exclude each other.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::literal;
use crate::engine::{DbError, Holder, LockKey, Row, Verdict};

/// The longest a session of ours may be idle, in seconds, before the server ends it and frees its lock.
///
/// A killed process is noticed at once, since its kernel closes the connection; this is for a machine that vanished,
/// which the server would otherwise miss for `wait_timeout`'s eight hours or its kernel's two. It is also long
/// enough for every pause castoff makes between two statements; whoever idles longer has to ask something meanwhile.
const WAIT_TIMEOUT: u32 = 300;

/// Takes the lock if it is free: 1, or 0, or NULL for an error. It never waits.
pub(super) fn take(name: &str) -> String {
    format!("SELECT GET_LOCK({}, 0)", literal(name))
}

/// Gives the lock back.
pub(super) fn release(name: &str) -> String {
    format!("SELECT RELEASE_LOCK({})", literal(name))
}

/// 1 if this very session holds the lock.
pub(super) fn is_ours(name: &str) -> String {
    format!("SELECT COALESCE(IS_USED_LOCK({}) = CONNECTION_ID(), 0)", literal(name))
}

/// 1 if anybody holds the lock.
pub(super) fn is_held(name: &str) -> String {
    format!("SELECT IS_USED_LOCK({}) IS NOT NULL", literal(name))
}

/// The single value of the single row that the statements above return.
pub(super) fn truth(results: &[Vec<Row>]) -> Result<bool, DbError> {
    match results.first().and_then(|rows| rows.first()).and_then(|row| row.first()) {
        Some(Some(value)) => Ok(value == "1"),
        _ => Err(DbError {
            verdict: Verdict::Statement,
            message: "the server could not handle the lock (out of memory, or the query was killed)".into(),
            ..DbError::default()
        }),
    }
}

/// The lock's name on this engine.
///
/// # Errors
///
/// Another engine's key, which would be a bug.
pub(super) fn name(key: &LockKey) -> Result<&str, DbError> {
    match key {
        LockKey::Name(name) => Ok(name),
        LockKey::Number(_) | LockKey::File => Err(DbError {
            verdict: Verdict::Never,
            message: format!("MySQL has no lock {key:?}"),
            ..DbError::default()
        }),
    }
}

/// Who holds a lock: first what every account may ask, then what few may, whose refusal the caller does without.
///
/// `PROCESSLIST` shows an account its own sessions and with PROCESS those of others. Its TIME says since when a
/// session has been doing what it does; since when it has been connected is not kept anywhere.
pub(super) fn holder_query(name: &str) -> String {
    let holder = format!("IS_USED_LOCK({})", literal(name));
    format!(
        "SELECT {holder}; \
         SELECT USER, HOST, DATE_FORMAT(UTC_TIMESTAMP() - INTERVAL TIME SECOND, '%Y-%m-%dT%H:%i:%sZ') \
         FROM information_schema.PROCESSLIST WHERE ID = {holder}; \
         SELECT ATTR_VALUE FROM performance_schema.session_connect_attrs \
         WHERE PROCESSLIST_ID = {holder} AND ATTR_NAME = 'program_name'"
    )
}

/// Reads what [`holder_query`] returned; `None` if nobody holds the lock.
///
/// Where the server knows no program's name, and sqlx sends none, the account stands for it.
pub(super) fn holder(results: &[Vec<Row>]) -> Option<Holder> {
    let value = |result: usize, index: usize| {
        let row = results.get(result)?.first()?;
        row.get(index).cloned().flatten().filter(|value| !value.is_empty())
    };
    let pid = value(0, 0)?;
    Some(Holder {
        application_name: value(2, 0).or_else(|| value(1, 0)),
        pid: pid.parse().ok(),
        client: value(1, 1),
        since: value(1, 2),
    })
}

/// Settings of the session that holds the lock.
///
/// No limit of the server on a statement's time ends a migration. What MySQL and MariaDB cannot do is notice that a
/// client is gone while a statement runs (measured on MariaDB 10.11: the statement runs to its end, and so do those
/// behind it in the same text; only `SLEEP` and `GET_LOCK` look every 5 s). So a castoff that is killed while it
/// migrates leaves its lock held for as long as its script takes, and nobody else starts in the meantime.
pub(super) fn secure_query() -> String {
    // The comments are statements to servers of that version only: MariaDB from 10.1.1, MySQL from 5.7.8.
    format!(
        "SET SESSION wait_timeout = {WAIT_TIMEOUT} /*M!100101 , SESSION max_statement_time = 0 */ \
         /*!50708 , SESSION max_execution_time = 0 */"
    )
}

/// Lets statements queue for a table no longer than this, nor than before; answers how many seconds that was. A limit
/// that is no number of seconds is rounded down, but none is below one second, the server's least.
pub(super) fn limit_query(limit: Duration) -> String {
    let seconds = limit.as_secs().max(1);
    format!(
        "SELECT @@SESSION.lock_wait_timeout; \
         SET SESSION lock_wait_timeout = LEAST(@@SESSION.lock_wait_timeout, {seconds})"
    )
}

/// Lets them queue as long as before.
pub(super) fn limit_back_query(seconds: u64) -> String {
    format!("SET SESSION lock_wait_timeout = {seconds}")
}

/// Reads what [`limit_query`] returned.
pub(super) fn seconds(results: &[Vec<Row>]) -> Option<u64> {
    results.first()?.first()?.first()?.as_ref()?.parse().ok()
}

/// The lock that says that the migration `mark` failed just now, in this database: such locks are the whole server's,
/// and two databases may have the same migrations.
pub(super) fn failure_name(database: &str, mark: &str) -> String {
    let digest = Sha256::digest(format!("{database}\0{mark}"));
    let mut name = "castoff-failed-".to_owned();
    for byte in digest.iter().take(8) {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{failure_name, holder, truth};

    #[test]
    fn the_same_migration_of_another_database_has_not_failed() {
        assert_ne!(failure_name("a", "1/00"), failure_name("b", "1/00"));
        assert_ne!(failure_name("a", "1/00"), failure_name("a", "2/00"));
    }

    #[test]
    fn a_failure_s_lock_fits_the_server_s_64_characters() {
        let name = failure_name("app", &"x".repeat(500));
        assert!(name.starts_with("castoff-failed-") && name.len() == 31, "{name}");
    }

    #[test]
    fn a_lock_the_server_could_not_handle_is_neither_taken_nor_held_by_another() {
        assert!(truth(&[vec![vec![Some("1".into())]]]).expect("taken"));
        assert!(!truth(&[vec![vec![Some("0".into())]]]).expect("held"));
        assert!(truth(&[vec![vec![None]]]).is_err());
    }

    #[test]
    fn a_holder_the_account_may_not_see_is_a_number_and_nothing_else() {
        let hidden = holder(&[vec![vec![Some("7".into())]], Vec::new()]).expect("somebody");
        assert_eq!((hidden.pid, hidden.application_name, hidden.client), (Some(7), None, None));
        assert_eq!(holder(&[vec![vec![None]], Vec::new()]), None);
    }
}
