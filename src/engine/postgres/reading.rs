//! The one query of a start with nothing pending, and the few others about the server's state.

use std::time::Duration;

use crate::engine::postgres::settings::durable;
use crate::engine::postgres::{identifier, literal};
use crate::engine::{DbError, Holder, Ledger, Row, TableName, Verdict};

/// Whether a waiter may keep its connection: at least a quarter of the slots is free, of the server's, the role's and
/// the database's.
///
/// Only sessions that are in a database count against `max_connections` as ours do; the columns that tell client
/// backends apart are hidden from other roles, `datid` and `usesysid` are not. A negative limit is none. The function and not the view on it,
/// whose joins cost a fresh session a millisecond.
const SLOTS_TO_SPARE: &str = "(SELECT bool_and(slots < 0 OR (slots - used) * 4 > slots) FROM \
    (SELECT count(datid) AS all_used, count(datid) FILTER (WHERE usesysid = me.oid) AS my_used, \
    count(datid) FILTER (WHERE datid = here.oid) AS here_used, \
    min(me.rolconnlimit) AS my_slots, min(here.datconnlimit) AS here_slots \
    FROM pg_stat_get_activity(NULL), (SELECT oid, rolconnlimit FROM pg_roles WHERE rolname = current_user) AS me, \
    (SELECT oid, datconnlimit FROM pg_database WHERE datname = current_database()) AS here) AS activity, \
    LATERAL (VALUES (current_setting('max_connections')::int \
    - current_setting('superuser_reserved_connections')::int \
    - coalesce(current_setting('reserved_connections', true)::int, 0), all_used), \
    (my_slots, my_used), (here_slots, here_used)) AS limits (slots, used))";

/// Everything a decision needs, in one simple-protocol message: facts first, then the history.
///
/// The history comes last because a missing table ends the message with 42P01, after the facts have arrived.
/// `settings` are the user's run-time parameters where a pooler did not pass them on; `SET LOCAL` holds to the end
/// of the message's implicit transaction.
pub(super) fn query(ledger: Option<&Ledger>, settings: &[(String, String)]) -> String {
    let mut sql = set_local(settings);
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
    sql.push_str(&format!(
        "SELECT current_setting('server_version'), current_setting('server_version_num'), current_database()::text, \
         pg_backend_pid()::text, ({schema})::text, current_setting('transaction_read_only'), \
         pg_is_in_recovery(), current_setting('castoff.nonce', true), current_user::text, {SLOTS_TO_SPARE}",
    ));
    if let (Some(ledger), Some(table)) = (ledger, table) {
        sql.push_str("; ");
        sql.push_str(&ledger.select.replace("{table}", &table));
    }
    sql
}

fn set_local(settings: &[(String, String)]) -> String {
    let setting =
        |(name, value): &(String, String)| format!("SET LOCAL {} = {}; ", identifier(name), literal(value));
    settings.iter().map(setting).collect()
}

/// The columns of a table, as the history table is looked for.
pub(super) fn columns_query(table: &TableName, settings: &[(String, String)]) -> String {
    let settings = set_local(settings);
    format!(
        "{settings}SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass({}) AND attnum > 0 AND NOT attisdropped \
         ORDER BY attnum",
        literal(&qualified(table))
    )
}

/// Whether a schema without a history table exists, and holds other tables: asked only then, since a start with
/// nothing pending never needs it. A table that belongs to an extension (`spatial_ref_sys`) is nobody's.
pub(super) fn schema_query(schema: &str) -> String {
    let schema = literal(schema);
    format!(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = {schema}), EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p') \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))"
    )
}

/// Reads the answer of [`schema_query`].
pub(super) fn schema(rows: &[Row]) -> (bool, bool) {
    let column = |index: usize| {
        rows.first().and_then(|row| row.get(index)).is_some_and(|value| value.as_deref() == Some("t"))
    };
    (column(0), column(1))
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
    pub(super) user: String,
    pub(super) slots_to_spare: bool,
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
            Some(user),
            Some(slots_to_spare),
        ] = row.as_slice()
        else {
            return Err(unusable());
        };
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
            user: user.clone(),
            slots_to_spare: slots_to_spare == "t",
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

/// A row of `a`, `pg_stat_activity`, as [`holder`] reads it, with the process id from `pid`: a row of that view may be
/// missing.
macro_rules! holder_columns {
    ($pid:literal) => {
        concat!(
            "a.application_name, ",
            $pid,
            "::text, host(a.client_addr), \
             to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        )
    };
}

pub(super) use holder_columns;

/// The other sessions of this database whose application name starts like this: every role is shown names and pids.
pub(super) fn sessions_query(prefix: &str) -> String {
    format!(
        "SELECT {} FROM pg_stat_activity a WHERE left(a.application_name, {}) = {} \
         AND a.datname = current_database() AND a.pid <> pg_backend_pid()",
        holder_columns!("a.pid"),
        prefix.chars().count(),
        literal(prefix)
    )
}

/// Who holds an advisory lock of this database.
pub(super) fn holder_query(key: i64) -> String {
    let is_key = is_key(key);
    format!(
        "SELECT {} FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.granted AND {is_key} AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        holder_columns!("l.pid")
    )
}

/// Reads columns of [`holder_query`].
pub(super) fn holder(row: &[Option<String>]) -> Holder {
    let column = |index: usize| row.get(index).cloned().flatten().filter(|value| !value.is_empty());
    Holder {
        application_name: column(0),
        pid: column(1).and_then(|pid| pid.parse().ok()),
        client: column(2),
        since: column(3),
    }
}

/// Makes the session that holds the lock a [`durable`] one, so that a castoff that is gone leaves nothing running, with the
/// search path it started with: a script made by `pg_dump` empties that, and the next migration must not depend on which
/// one ran before it in the same process.
///
/// How long a statement may queue for a lock is as the session began: one file's `SET` is not the next one's.
///
/// The last row of the answer says whether this session holds the locks, and how long that is, in milliseconds; 0 for ever.
pub(super) fn secure_query(version: u32, keys: &[i64]) -> String {
    let settings = durable(version);
    let calls: Vec<String> =
        settings.iter().map(|(name, value)| format!("set_config('{name}', '{value}', false)")).collect();
    let ours: Vec<String> = keys.iter().map(|key| is_key(*key)).collect();
    format!(
        "RESET search_path; RESET lock_timeout; SELECT {}; \
         SELECT count(*) = {}, (SELECT setting FROM pg_settings WHERE name = 'lock_timeout') FROM pg_locks l \
         WHERE l.pid = pg_backend_pid() AND l.granted AND ({})",
        calls.join(", "),
        keys.len(),
        ours.join(" OR ")
    )
}

/// Reads the last row of [`secure_query`]'s answer.
pub(super) fn secured(row: Option<&Row>) -> (bool, Option<Duration>) {
    let column = |index: usize| row.and_then(|row| row.get(index)).and_then(Option::as_deref);
    let milliseconds = column(1).and_then(|value| value.parse().ok()).filter(|value| *value > 0);
    (column(0) == Some("t"), milliseconds.map(Duration::from_millis))
}

/// The condition that a row `l` of `pg_locks` is this advisory lock, which stands there in two halves.
fn is_key(key: i64) -> String {
    let bits = key.cast_unsigned();
    format!(
        "(l.locktype = 'advisory' AND l.classid = {}::oid AND l.objid = {}::oid AND l.objsubid = 1)",
        bits >> 32,
        bits & 0xffff_ffff
    )
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
