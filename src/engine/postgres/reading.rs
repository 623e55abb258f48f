//! The one query of a start with nothing pending, and the few others about the server's state.

use crate::engine::postgres::{identifier, literal};
use crate::engine::{DbError, Holder, Ledger, Row, TableName, Verdict};

/// A waiter keeps its connection only while at least a quarter of all slots is free.
const SPARE_SHARE: u32 = 4;

/// Everything a decision needs, in one simple-protocol message: facts first, then the history.
///
/// The history comes last because a missing table ends the message with 42P01, after the facts have arrived.
/// `settings` are the user's run-time parameters where a pooler did not pass them on; `SET LOCAL` holds to the end
/// of the message's implicit transaction.
pub(super) fn query(ledger: Option<&Ledger>, settings: &[(String, String)]) -> String {
    let mut sql = String::new();
    for (name, value) in settings {
        sql.push_str(&format!("SET LOCAL {} = {}; ", identifier(name), literal(value)));
    }
    let table = ledger.map(|ledger| qualified(&ledger.table));
    let history = match &table {
        Some(table) => format!("to_regclass({})::oid", literal(table)),
        None => "NULL::oid".to_owned(),
    };
    let schema = match ledger.and_then(|ledger| ledger.table.schema.as_deref()) {
        Some(schema) => literal(schema),
        None => format!(
            "coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = {history}), current_schema())"
        ),
    };
    // A table that belongs to an extension (PostGIS's spatial_ref_sys) is nobody's schema.
    // Only rows of sessions that are in a database count against max_connections as ours do; the columns that tell
    // client backends apart are hidden from other roles, `datid` is not.
    sql.push_str(&format!(
        "SELECT current_setting('server_version'), current_setting('server_version_num'), current_database()::text, \
         pg_backend_pid()::text, ({schema})::text, current_setting('transaction_read_only'), \
         pg_is_in_recovery(), current_setting('castoff.nonce', true), current_setting('max_connections'), \
         (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int \
         - (SELECT count(datid) FROM pg_stat_activity))::text, \
         EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p') AND c.oid IS DISTINCT FROM {history} \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))",
    ));
    if let (Some(ledger), Some(table)) = (ledger, table) {
        sql.push_str("; ");
        sql.push_str(&ledger.select.replace("{table}", &table));
    }
    sql
}

/// The table as the user or the tool named it; the server resolves what is left open.
fn qualified(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(&table.name)),
        None => identifier(&table.name),
    }
}

/// The first row of the answer.
pub(super) struct Answer {
    pub(super) server_version: String,
    pub(super) version: u32,
    pub(super) database: String,
    pub(super) backend: String,
    pub(super) schema: String,
    pub(super) read_only: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) slots_to_spare: bool,
    pub(super) holds_tables: bool,
}

impl Answer {
    /// Reads the columns of [`query`].
    pub(super) fn parse(row: &Row) -> Result<Self, DbError> {
        let [
            Some(server_version),
            Some(version),
            Some(database),
            Some(backend),
            schema,
            Some(read_only),
            Some(recovery),
            nonce,
            Some(slots),
            Some(free),
            Some(holds_tables),
        ] = row.as_slice()
        else {
            return Err(unusable());
        };
        let slots: u32 = slots.parse().unwrap_or(0);
        let free: i64 = free.parse().unwrap_or(0);
        Ok(Self {
            // Debian prints "15.20 (Debian 15.20-0+deb12u1)"; the number is enough.
            server_version: server_version.split(' ').next().unwrap_or(server_version).to_owned(),
            version: version.parse().unwrap_or(0),
            database: database.clone(),
            backend: backend.clone(),
            schema: schema.clone().unwrap_or_default(),
            read_only: match (recovery == "t", read_only == "on") {
                (true, _) => Some("the server is a standby and takes no writes".to_owned()),
                (false, true) => Some("the server takes no writes: transaction_read_only is on".to_owned()),
                (false, false) => None,
            },
            nonce: nonce.clone().filter(|nonce| !nonce.is_empty()),
            slots_to_spare: free > i64::from(slots / SPARE_SHARE),
            holds_tables: holds_tables == "t",
        })
    }
}

/// An answer that is not the one asked for: whatever this is, it is not a session to migrate on.
pub(super) fn unusable() -> DbError {
    DbError {
        verdict: Verdict::Lost,
        message: "the server answered castoff's first query with something else".into(),
        ..DbError::default()
    }
}

/// Who holds an advisory lock of this database. A 64-bit key stands in two halves in `pg_locks`.
pub(super) fn holder_query(key: i64) -> String {
    let bits = key.cast_unsigned();
    let (high, low) = (bits >> 32, bits & 0xffff_ffff);
    format!(
        "SELECT a.application_name, l.pid::text, host(a.client_addr), \
         to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {high}::oid AND l.objid = {low}::oid \
         AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

/// Reads a row of [`holder_query`].
pub(super) fn holder(row: &Row) -> Holder {
    let column = |index: usize| row.get(index).cloned().flatten().filter(|value| !value.is_empty());
    Holder {
        application_name: column(0),
        pid: column(1).and_then(|pid| pid.parse().ok()),
        client: column(2),
        since: column(3),
    }
}

/// Run-time parameters of the session that holds the lock, so that a castoff that is gone leaves nothing running.
///
/// - `client_connection_check_interval` (PostgreSQL 14): the server looks for us while a statement runs, so that a
///   killed castoff's statement ends in half a second instead of when it is done.
/// - keepalives and `tcp_user_timeout` (PostgreSQL 12): a machine that vanished is noticed within half a minute.
/// - no timeout of the role or database ends our session while it waits for its own work.
pub(super) fn secure_query(version: u32) -> String {
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
    let calls: Vec<String> =
        settings.iter().map(|(name, value)| format!("set_config('{name}', '{value}', false)")).collect();
    format!("SELECT {}", calls.join(", "))
}

#[cfg(test)]
mod tests {
    use super::holder_query;

    #[test]
    fn a_key_is_looked_up_in_the_halves_the_server_shows() {
        let sql = holder_query(0x3027_310f_4fd3_82c2);
        assert!(sql.contains("classid = 807874831::oid AND l.objid = 1339261634::oid"), "{sql}");
        assert!(holder_query(-1).contains("classid = 4294967295::oid AND l.objid = 4294967295::oid"));
    }
}
