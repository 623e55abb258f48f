//! The questions that see what a session does and who makes it wait, and their answers read.
//!
//! Measured on MariaDB 10.11; what is asked of MySQL alone is from its manual.

use std::time::Duration;

use super::UTF8;
use crate::duration::whole;
use crate::engine::{Activity, Blocker, Done, Engine, Holder, Progress, Row};
use crate::script;

/// A look that the server cannot answer at once is over before it counts as unanswered. The comments are statements to
/// servers of that kind only: seconds on MariaDB, milliseconds on MySQL.
pub(super) const LIMITS: &str = "SET NAMES utf8mb4 /*M!100101 , SESSION max_statement_time = 3 */ \
    /*!50708 , SESSION max_execution_time = 3000 */";

/// How many of those that make it wait are told of.
const BLOCKERS: u32 = 5;

/// Whether the session is there, and what it does: an account sees its own sessions without any privilege. How far a
/// statement is, MariaDB alone shows here.
pub(super) fn process_query(id: u64) -> String {
    format!(
        "SELECT STATE /*M!100000 , STAGE, MAX_STAGE, PROGRESS */ FROM information_schema.PROCESSLIST WHERE ID = {id}"
    )
}

/// The session's row of the process list.
pub(super) struct Process {
    state: Option<String>,
    /// The stage, of how many, and how much of it is done in per cent.
    stage: Option<(u32, u32, f64)>,
}

impl Process {
    pub(super) fn of(row: &Row) -> Self {
        let text = |index: usize| row.get(index).cloned().flatten().filter(|value| !value.is_empty());
        let number = |index: usize| text(index)?.parse().ok();
        let stage = match (number(1), number(2), text(3).and_then(|percent| percent.parse().ok())) {
            (Some(stage), Some(stages), Some(percent)) if stages > 0 => Some((stage, stages, percent)),
            _ => None,
        };
        Self { state: text(0), stage }
    }

    /// `Waiting for table metadata lock`, `Waiting for table flush`, `Waiting for backup lock`.
    fn waits(&self) -> Option<&str> {
        self.state.as_deref()?.strip_prefix("Waiting for ")
    }

    /// What the session does, with those that make it wait.
    pub(super) fn activity(&self, blockers: Vec<Blocker>) -> Activity {
        let row_lock = (!blockers.is_empty()).then_some("a row that another transaction has locked");
        let waits_for = self.waits().or(row_lock).map(str::to_owned);
        let progress = match (&self.state, self.stage) {
            (Some(state), Some((stage, stages, percent))) => Some(Progress {
                command: state.clone(),
                phase: Some(format!("stage {stage} of {stages}")),
                done: Done::Percent(percent),
            }),
            (Some(state), None) if waits_for.is_none() => {
                Some(Progress { command: state.clone(), ..Progress::default() })
            }
            _ => None,
        };
        Activity { waits_for, blockers, progress, completed: None }
    }
}

/// The sources of who makes a session wait, the best first.
///
/// A table's metadata lock is known to `performance_schema` alone, which MariaDB leaves off; then the open transactions
/// that are older than the wait are as near as one gets. Locks of rows are `InnoDB`'s. All of them need privileges.
pub(super) fn blocking_queries(id: u64, process: &Process) -> Vec<String> {
    let of_metadata = format!(
        "SELECT DISTINCT theirs.PROCESSLIST_ID FROM performance_schema.metadata_locks wanted \
         JOIN performance_schema.threads ours ON ours.THREAD_ID = wanted.OWNER_THREAD_ID \
         JOIN performance_schema.metadata_locks held ON held.OBJECT_TYPE = wanted.OBJECT_TYPE \
         AND held.OBJECT_SCHEMA <=> wanted.OBJECT_SCHEMA AND held.OBJECT_NAME <=> wanted.OBJECT_NAME \
         JOIN performance_schema.threads theirs ON theirs.THREAD_ID = held.OWNER_THREAD_ID \
         WHERE ours.PROCESSLIST_ID = {id} AND wanted.LOCK_STATUS = 'PENDING' AND held.LOCK_STATUS = 'GRANTED' \
         AND theirs.PROCESSLIST_ID <> {id} LIMIT {BLOCKERS}"
    );
    let open_transactions = format!(
        "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX \
         WHERE trx_mysql_thread_id NOT IN (0, {id}) AND trx_started <= NOW() - INTERVAL \
         (SELECT TIME FROM information_schema.PROCESSLIST WHERE ID = {id}) SECOND ORDER BY trx_started LIMIT {BLOCKERS}"
    );
    let of_rows = format!(
        "SELECT DISTINCT theirs.trx_mysql_thread_id FROM information_schema.INNODB_LOCK_WAITS waits \
         JOIN information_schema.INNODB_TRX ours ON ours.trx_id = waits.requesting_trx_id \
         JOIN information_schema.INNODB_TRX theirs ON theirs.trx_id = waits.blocking_trx_id \
         WHERE ours.trx_mysql_thread_id = {id} LIMIT {BLOCKERS}"
    );
    // MySQL 8 has no INNODB_LOCK_WAITS any more.
    let of_rows_by_sys = format!(
        "SELECT DISTINCT blocking_pid FROM sys.innodb_lock_waits WHERE waiting_pid = {id} LIMIT {BLOCKERS}"
    );
    match process.waits() {
        Some(what) if what.contains("metadata lock") => vec![of_metadata, open_transactions],
        Some(_) => Vec::new(),
        None => vec![of_rows, of_rows_by_sys],
    }
}

/// The session ids of an answer to [`blocking_queries`].
pub(super) fn ids(rows: &[Row]) -> Vec<u64> {
    rows.iter().filter_map(|row| row.first()?.as_deref()?.parse().ok()).collect()
}

/// What is known of these sessions: of another account's only with PROCESS.
pub(super) fn describing_query(ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let ids = ids.join(", ");
    format!(
        "{UTF8}; SELECT ID, USER, HOST, COMMAND, TIME, LEFT(INFO, 1000), NULL FROM information_schema.PROCESSLIST \
         WHERE ID IN ({ids}); \
         SELECT PROCESSLIST_ID, NULL, NULL, NULL, NULL, NULL, ATTR_VALUE FROM performance_schema.session_connect_attrs \
         WHERE PROCESSLIST_ID IN ({ids}) AND ATTR_NAME = 'program_name'"
    )
}

/// Those that make it wait, as [`describing_query`] described them.
pub(super) fn blockers(ids: &[u64], described: &[Row]) -> Vec<Blocker> {
    ids.iter().map(|id| blocker(*id, described)).collect()
}

fn blocker(id: u64, described: &[Row]) -> Blocker {
    let own = |row: &&Row| row.first().and_then(Option::as_deref) == Some(&*id.to_string());
    let value = |index: usize| {
        described
            .iter()
            .filter(own)
            .find_map(|row| row.get(index).cloned().flatten())
            .filter(|it| !it.is_empty())
    };
    let seconds = value(4).and_then(|seconds| seconds.parse().ok());
    let for_how_long = seconds.map(|seconds| format!(" for {}", whole(Duration::from_secs(seconds))));
    let state = value(3).map(|command| {
        let doing =
            if command == "Sleep" { "idle in transaction".to_owned() } else { command.to_lowercase() };
        doing + &for_how_long.unwrap_or_default()
    });
    Blocker {
        holder: Holder {
            application_name: value(6).or_else(|| value(1)),
            pid: i64::try_from(id).ok(),
            client: value(2),
            since: None,
        },
        state,
        verb: value(5).and_then(|query| script::verb(Engine::MySql, &query)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, blockers, blocking_queries};
    use crate::engine::{Done, Row};

    fn row(columns: &[&str]) -> Row {
        columns.iter().map(|column| (!column.is_empty()).then(|| (*column).to_owned())).collect()
    }

    #[test]
    fn a_stage_that_mariadb_counts_is_told_with_its_share() {
        let activity = Process::of(&row(&["copy to tmp table", "1", "2", "43.210"])).activity(Vec::new());
        let progress = activity.progress.unwrap();
        assert_eq!(
            (progress.command.as_str(), progress.phase.as_deref()),
            ("copy to tmp table", Some("stage 1 of 2"))
        );
        assert_eq!(progress.done, Done::Percent(43.21));
        // What MySQL answers, and MariaDB of a statement that it does not count.
        for columns in [&["executing"][..], &["executing", "0", "0", "0.000"]] {
            let progress = Process::of(&row(columns)).activity(Vec::new()).progress.unwrap();
            assert_eq!((progress.phase, progress.done), (None, Done::Unknown), "{columns:?}");
        }
    }

    #[test]
    fn a_wait_is_told_although_nobody_may_say_for_whom() {
        let process = Process::of(&row(&["Waiting for table metadata lock", "0", "0", "0.000"]));
        assert_eq!(process.activity(Vec::new()).waits_for.as_deref(), Some("table metadata lock"));
        assert!(blocking_queries(7, &process).first().unwrap().contains("metadata_locks"));
        let other = Process::of(&row(&["Waiting for table flush"]));
        assert!(blocking_queries(7, &other).is_empty());
    }

    #[test]
    fn a_session_of_another_account_is_a_number_and_nothing_else() {
        let described = [
            row(&["12", "app", "10.0.0.7:5000", "Sleep", "65", "", ""]),
            row(&["12", "", "", "", "", "", "mysql"]),
        ];
        let found = blockers(&[12, 13], &described);
        let [shown, hidden] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(shown.holder.application_name.as_deref(), Some("mysql"));
        assert_eq!((shown.state.as_deref(), shown.verb), (Some("idle in transaction for 1m 5s"), None));
        assert_eq!((hidden.holder.pid, &hidden.holder.client, &hidden.state), (Some(13), &None, &None));
    }
}
