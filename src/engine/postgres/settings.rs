//! The run-time parameters of a session that a dead castoff leaves nothing behind of, and that holds up nobody.

use std::time::Duration;

use crate::duration::milliseconds;

/// The parameters for a server of this `server_version_num`.
///
/// - `client_connection_check_interval` (PostgreSQL 14): the server looks for its client while a statement runs, so that
///   the statement of one that was killed ends in half a second instead of when it is done.
/// - keepalives and `tcp_user_timeout` (PostgreSQL 12): a machine that vanished is noticed within half a minute.
/// - no timeout of the role or database ends the session while it waits for its own work.
pub(crate) fn durable(version: u32) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("idle_in_transaction_session_timeout", "0"),
        ("statement_timeout", "0"),
    ];
    if version >= 120_000 {
        settings.push(("tcp_user_timeout", "25000"));
    }
    if version >= 140_000 {
        settings.push(("idle_session_timeout", "0"));
        settings.push(("client_connection_check_interval", "500"));
    }
    if version >= 170_000 {
        settings.push(("transaction_timeout", "0"));
    }
    settings
}

/// The longest `lock_timeout` the server takes, in milliseconds (`src/backend/utils/misc/guc_tables.c`).
const LONGEST: u64 = i32::MAX.cast_unsigned() as u64;

/// What is to be set so that a statement queues for a lock no longer than `limit`; nothing where it would not anyway.
pub(super) fn limit(limit: Duration, usual: Option<Duration>) -> Option<String> {
    // 0 would be for ever.
    let limit = milliseconds(limit).clamp(1, LONGEST);
    let is_shorter = usual.is_some_and(|usual| milliseconds(usual) <= limit);
    (!is_shorter).then(|| format!("lock_timeout = {limit}"))
}

/// Opens a transaction with such a limit.
pub(super) fn begin_within(most: Duration, usual: Option<Duration>) -> String {
    match limit(most, usual) {
        Some(limit) => format!("BEGIN; SET LOCAL {limit}"),
        None => "BEGIN".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::begin_within;

    #[test]
    fn the_shorter_limit_holds_and_none_is_ever_longer_than_asked_for() {
        let set = |milliseconds: i32| format!("BEGIN; SET LOCAL lock_timeout = {milliseconds}");
        let second = Duration::from_secs(1);
        assert_eq!(begin_within(5 * second, None), set(5000));
        assert_eq!(begin_within(5 * second, Some(second)), "BEGIN");
        assert_eq!(begin_within(second, Some(5 * second)), set(1000));
        assert_eq!(begin_within(Duration::from_micros(1), None), set(1));
        assert_eq!(begin_within(Duration::MAX, None), set(i32::MAX));
    }
}
