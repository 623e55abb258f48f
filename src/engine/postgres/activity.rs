//! The query that sees what a backend does, and its answer read.
//!
//! One message of several statements, each row of which begins with what it is. The first statement is the one that every
//! server answers to everybody; what a server that only speaks PostgreSQL's protocol refuses behind it is done without.

use std::time::Duration;

use super::reading::{holder, holder_columns};
use crate::duration::whole;
use crate::engine::{Activity, Blocker, Done, Engine, Progress, Row, Sight};
use crate::script;

/// How many of those that make it wait are asked for.
const BLOCKERS: u32 = 5;

/// How much of a blocker's query leaves the server: its first word may stand behind comments.
const QUERY_PREFIX: u32 = 1000;

/// Nothing to be seen.
pub(super) const NOTHING: Activity =
    Activity { waits_for: None, blockers: Vec::new(), progress: None, completed: None };

/// The views that count, with the first `server_version_num` that has each
/// (<https://www.postgresql.org/docs/current/progress-reporting.html>): command, table, phase, done, total, and whether
/// that is counted in bytes.
const COUNTED: [(u32, &str); 5] = [
    (
        120_000,
        "SELECT command, relid, phase, \
         CASE WHEN phase LIKE 'waiting%' THEN lockers_done WHEN phase LIKE '%tuples%' THEN tuples_done ELSE blocks_done END, \
         CASE WHEN phase LIKE 'waiting%' THEN lockers_total WHEN phase LIKE '%tuples%' THEN tuples_total ELSE blocks_total END, \
         false FROM pg_stat_progress_create_index",
    ),
    (
        120_000,
        "SELECT command, relid, phase, heap_blks_scanned, heap_blks_total, false FROM pg_stat_progress_cluster",
    ),
    (
        90_600,
        "SELECT 'VACUUM', relid, phase, \
         CASE phase WHEN 'vacuuming heap' THEN heap_blks_vacuumed ELSE heap_blks_scanned END, heap_blks_total, false \
         FROM pg_stat_progress_vacuum",
    ),
    (
        130_000,
        "SELECT 'ANALYZE', relid, phase, sample_blks_scanned, sample_blks_total, false FROM pg_stat_progress_analyze",
    ),
    (140_000, "SELECT command, relid, NULL, bytes_processed, bytes_total, true FROM pg_stat_progress_copy"),
];

/// Whether the backend is there, what it waits for, who makes it wait, and how far it is.
pub(super) fn query(backend: &str, version: u32) -> String {
    let mut sql = format!(
        "SELECT 'session' FROM pg_stat_activity WHERE pid = {backend}; \
         SELECT 'lock', locktype, relation::regclass::text FROM pg_locks WHERE pid = {backend} AND NOT granted; \
         SELECT 'blocker', {}, a.state, extract(epoch FROM clock_timestamp() - a.state_change)::bigint::text, \
         left(a.query, {QUERY_PREFIX}) FROM unnest(pg_blocking_pids({backend})) AS b (pid) \
         LEFT JOIN pg_stat_activity a ON a.pid = b.pid LIMIT {BLOCKERS}",
        holder_columns!("b.pid")
    );
    let known = COUNTED.iter().filter(|(since, _)| version >= *since);
    let counted: Vec<String> = known.map(|(_, select)| format!("{select} WHERE pid = {backend}")).collect();
    if !counted.is_empty() {
        sql.push_str(&format!(
            "; SELECT 'progress', command, relid::regclass::text, phase, done::text, total::text, bytes FROM ({}) \
             AS counted (command, relid, phase, done, total, bytes)",
            counted.join(" UNION ALL ")
        ));
    }
    sql
}

/// Reads the answer to [`query`].
pub(super) fn read(rows: &[Row]) -> Sight {
    let mut activity = NOTHING;
    let mut there = false;
    for row in rows {
        match (row.first().and_then(Option::as_deref), row.get(1..).unwrap_or_default()) {
            (Some("session"), _) => there = true,
            (Some("lock"), row) => activity.waits_for = waits_for(row),
            (Some("blocker"), row) => activity.blockers.push(blocker(row)),
            (Some("progress"), row) => activity.progress = progress(row),
            _ => {}
        }
    }
    if there { Sight::There(activity) } else { Sight::Gone }
}

fn column(row: &[Option<String>], index: usize) -> Option<&str> {
    row.get(index).and_then(Option::as_deref).filter(|value| !value.is_empty())
}

/// The kinds of `pg_locks.locktype` (<https://www.postgresql.org/docs/current/view-pg-locks.html>) a statement queues for.
fn waits_for(row: &[Option<String>]) -> Option<String> {
    let of_table = |what: &str| match named(column(row, 1)) {
        Some(table) => format!("{what} {table}"),
        None => format!("{what} a table"),
    };
    Some(match column(row, 0)? {
        "relation" => of_table("a lock on"),
        "tuple" => of_table("a row of"),
        "transactionid" => "another transaction to end".to_owned(),
        // What a concurrent index build waits for: whoever may still see the table as it was.
        "virtualxid" => "an older transaction to end".to_owned(),
        "advisory" => "an advisory lock".to_owned(),
        other => format!("a lock ({other})"),
    })
}

fn blocker(row: &[Option<String>]) -> Blocker {
    let mut holder = holder(row);
    let number = |index| column(row, index).and_then(|value| value.parse().ok());
    let for_how_long = || number(5).map(|seconds| format!(" for {}", whole(Duration::from_secs(seconds))));
    let state = match column(row, 4) {
        // The pid that `pg_blocking_pids` gives a prepared transaction.
        None if holder.pid == Some(0) => {
            holder.pid = None;
            Some("a prepared transaction that is neither committed nor rolled back".to_owned())
        }
        state => state.map(|state| state.to_owned() + &for_how_long().unwrap_or_default()),
    };
    Blocker { holder, state, verb: column(row, 6).and_then(|query| script::verb(Engine::Postgres, query)) }
}

fn progress(row: &[Option<String>]) -> Option<Progress> {
    let command = column(row, 0)?;
    let number = |index| column(row, index).and_then(|value| value.parse().ok()).unwrap_or(0);
    let in_bytes = column(row, 5) == Some("t");
    let (done, total) = (number(3), number(4));
    Some(Progress {
        command: match named(column(row, 1)) {
            Some(table) => format!("{command} on {table}"),
            None => command.to_owned(),
        },
        phase: column(row, 2).map(str::to_owned),
        done: if in_bytes && total == 0 { Done::Bytes(done) } else { Done::of(done, total) },
    })
}

/// A table's name; one that was made in the transaction that is watched has but a number for others.
fn named(table: Option<&str>) -> Option<&str> {
    table.filter(|table| !table.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::{query, read};
    use crate::engine::{Activity, Done, Row, Sight};

    fn row(columns: &[&str]) -> Row {
        columns.iter().map(|column| (!column.is_empty()).then(|| (*column).to_owned())).collect()
    }

    fn seen(rows: &[&[&str]]) -> Activity {
        let rows: Vec<Row> = [&["session"][..]].iter().chain(rows).map(|columns| row(columns)).collect();
        match read(&rows) {
            Sight::There(activity) => activity,
            other => panic!("the session is there: {other:?}"),
        }
    }

    #[test]
    fn a_backend_without_a_row_is_gone() {
        assert_eq!(read(&[]), Sight::Gone);
    }

    #[test]
    fn a_server_is_asked_only_for_the_views_it_has() {
        assert!(!query("7", 90_500).contains("progress"));
        let old = query("7", 110_000);
        assert!(old.contains("progress_vacuum") && !old.contains("progress_create_index"), "{old}");
        assert!(query("7", 150_000).contains("progress_copy"));
    }

    #[test]
    fn whoever_blocks_is_told_with_what_the_server_shows_of_it() {
        let secret = "UPDATE users SET password = 'hunter2'";
        let activity = seen(&[
            &["lock", "relation", "users"],
            &["blocker", "psql", "4711", "10.0.0.7", "", "idle in transaction", "125", secret],
            &["blocker", "", "12", "", "", "", "", "<insufficient privilege>"],
            &["blocker", "", "0", "", "", "", "", ""],
        ]);
        assert_eq!(activity.waits_for.as_deref(), Some("a lock on users"));
        let [shown, hidden, prepared] = activity.blockers.as_slice() else { panic!("{activity:?}") };
        assert_eq!((shown.holder.pid, shown.verb), (Some(4711), Some("UPDATE")));
        assert_eq!(shown.state.as_deref(), Some("idle in transaction for 2m 5s"));
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
        assert_eq!((hidden.holder.pid, &hidden.state, hidden.verb), (Some(12), &None, None));
        assert!(prepared.holder.pid.is_none() && prepared.state.is_some(), "{prepared:?}");
    }

    #[test]
    fn what_the_server_counts_is_a_share_where_it_knows_the_whole() {
        let done =
            |columns: &[&str]| seen(&[columns]).progress.map(|progress| (progress.command, progress.done));
        let index = ["progress", "CREATE INDEX", "big", "building index: scanning table", "43", "172", "f"];
        assert_eq!(done(&index), Some(("CREATE INDEX on big".to_owned(), Done::Percent(25.0))));
        let phase = ["progress", "CREATE INDEX", "16400", "initializing", "0", "0", "f"];
        assert_eq!(done(&phase), Some(("CREATE INDEX".to_owned(), Done::Unknown)));
        let copy = ["progress", "COPY FROM", "t", "", "65536", "0", "t"];
        assert_eq!(done(&copy), Some(("COPY FROM on t".to_owned(), Done::Bytes(65536))));
    }
}
