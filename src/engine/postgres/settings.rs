//! The run-time parameters of a session that a dead castoff leaves nothing behind of.

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
