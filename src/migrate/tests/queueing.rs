//! What becomes of statements that do not get their lock in time.

use std::collections::VecDeque;

use tokio::time::{Instant, sleep};

use super::*;
use crate::format::sqlx::Sqlx;

const FIVE: Duration = Duration::from_secs(5);

/// Scripts that do not get their lock, so many times.
fn blocked(times: usize) -> Server {
    Server { scripts: vec![Some(timeout()); times].into(), ..Server::default() }
}

fn timeout() -> DbError {
    DbError { lock_timeout: true, ..error(Verdict::NotYet, "canceling statement due to lock timeout") }
}

async fn limited(
    format: &'static dyn Format,
    (engine, retries): (Engine, u32),
    server: &Arc<Mutex<Server>>,
    files: &[(&str, &str)],
    stopper: &mut Stopper<'_>,
) -> (Result<End>, Vec<String>) {
    let queueing = Some(Queueing { limit: FIVE, retries });
    let end = migrate_as(format, server, files, stopper, (engine, queueing)).await;
    (end, log(server).into_iter().filter(|line| !line.contains("set_config")).collect())
}

/// Prisma on PostgreSQL: a mark before the transaction.
async fn as_prisma(
    retries: u32,
    server: Server,
    sql: &str,
    stopper: &mut Stopper<'_>,
) -> (Result<End>, Vec<String>) {
    let files = [("1_a/migration.sql", sql)];
    limited(&Prisma, (Engine::Postgres, retries), &server.shared(), &files, stopper).await
}

/// sqlx on MySQL: a row that the first schema change commits.
async fn on_mysql(sql: &str, server: Server) -> (Result<End>, Vec<String>) {
    let mut stopper = Stopper::new(pending(), None);
    let (server, files) = (server.shared(), [("1_a.sql", sql)]);
    let (end, log) = limited(&Sqlx, (Engine::MySql, 3), &server, &files, &mut stopper).await;
    (end, log.into_iter().map(|line| line.trim().to_owned()).skip_while(|line| line != "BEGIN").collect())
}

#[tokio::test(start_paused = true)]
async fn the_transaction_is_rolled_back_and_tried_again_under_the_same_mark() {
    let mut stopper = Stopper::new(pending(), None);
    let started = Instant::now();
    let (end, log) = as_prisma(20, blocked(2), "ALTER TABLE t ADD a INT", &mut stopper).await;
    assert_eq!(end.unwrap(), End::Applied(1));
    let attempt = ["BEGIN within 5s", "ALTER TABLE t ADD a INT"];
    let expected: Vec<&str> = ["CREATE", "INSERT"]
        .into_iter()
        .chain([attempt[0], attempt[1], "ROLLBACK"].repeat(2))
        .chain(attempt)
        .chain(["UPDATE", "UPDATE", "COMMIT"])
        .collect();
    assert_eq!(log, expected);
    assert!(started.elapsed() >= Duration::from_millis(1500), "it pauses: {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_the_last_try_the_mark_is_taken_back_since_nothing_has_failed_but_to_get_a_lock() {
    let mut stopper = Stopper::new(pending(), None);
    let (end, log) = as_prisma(2, blocked(9), "ALTER TABLE t ADD a INT", &mut stopper).await;
    let failure = end.unwrap_err();
    assert_eq!(failure.exit, Exit::MigrationFailed);
    let hint = failure.hint.unwrap();
    assert!(hint.contains("waited for a lock 3 times") && !hint.contains("fix"), "{hint}");
    assert_eq!(log.iter().filter(|line| *line == "BEGIN within 5s").count(), 3);
    assert_eq!(log[log.len() - 3..], ["ROLLBACK", "UPDATE", "announce failure"], "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_a_pause_at_once_and_takes_the_mark_back() {
    let server = blocked(9);
    let started = Instant::now();
    let mut stopper = Stopper::new(
        async {
            sleep(Duration::from_millis(100)).await;
            15
        },
        None,
    );
    let (end, log) = as_prisma(20, server, "ALTER TABLE t ADD a INT", &mut stopper).await;
    assert_eq!(end.unwrap_err().exit, Exit::Signal(15));
    assert_eq!(started.elapsed(), Duration::from_millis(100));
    assert_eq!(log.last().map(String::as_str), Some("UPDATE"), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn the_migrate_timeout_counts_the_pauses() {
    let mut stopper = Stopper::new(pending(), Some(Duration::from_secs(3)));
    let started = Instant::now();
    let (end, _) = as_prisma(20, blocked(99), "ALTER TABLE t ADD a INT", &mut stopper).await;
    assert_eq!(end.unwrap_err().exit, Exit::MigrateTimeout);
    assert_eq!(started.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_script_has_set_itself_fails_as_with_the_tool() {
    let mut stopper = Stopper::new(pending(), None);
    let sql = "-- ours\nSET lock_timeout = '1s'; ALTER TABLE t ADD a INT";
    let (end, log) = as_prisma(20, blocked(1), sql, &mut stopper).await;
    assert_eq!(end.unwrap_err().exit, Exit::MigrationFailed);
    assert_eq!(log.iter().filter(|line| line.contains("ALTER")).count(), 1, "{log:?}");
    assert!(log.contains(&"UPDATE".to_owned()) && log.contains(&"announce failure".to_owned()), "{log:?}");

    let sql = "ALTER TABLE t ADD a INT; SET lock_timeout = '1s'";
    let (end, _) = as_prisma(20, blocked(1), sql, &mut stopper).await;
    assert_eq!(end.unwrap(), End::Applied(1), "it was ours that passed");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_one_transaction_or_could_not_be_sent_again_is_not_limited() {
    for sql in [
        "PREPARE p AS SELECT 1; ALTER TABLE t ADD a INT",
        "-- no-transaction\nVACUUM",
        "ALTER TABLE t ADD a INT; COMMIT;",
    ] {
        let mut stopper = Stopper::new(pending(), None);
        let server = blocked(1).shared();
        let files = [("1_a.sql", sql)];
        let (end, log) = limited(&Sqlx, (Engine::Postgres, 20), &server, &files, &mut stopper).await;
        assert_eq!(end.unwrap_err().exit, Exit::MigrationFailed, "{sql}");
        assert!(!log.iter().any(|line| line.contains("within")), "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_the_script_s_own_is_tried_again_as_a_whole_until_it_is_committed() {
    let mut stopper = Stopper::new(pending(), None);
    let sql = "BEGIN; ALTER TABLE t ADD a INT; COMMIT;";
    let (end, log) = as_prisma(20, blocked(1), sql, &mut stopper).await;
    assert_eq!(end.unwrap(), End::Applied(1));
    let expected =
        ["CREATE", "INSERT", "limit 5s", sql, "ROLLBACK", "limit 5s", sql, "no limit", "UPDATE", "UPDATE"];
    assert_eq!(log[..expected.len()], expected);

    let (end, log) = as_prisma(0, blocked(1), sql, &mut stopper).await;
    assert!(end.unwrap_err().hint.unwrap().contains("nothing of it was left"));
    assert_eq!(log[log.len() - 4..], ["no limit", "ROLLBACK", "UPDATE", "announce failure"], "{log:?}");

    // In sqlx's transaction it has committed that as well.
    let server = Server { executions: [None, Some(timeout())].into(), ..Server::default() };
    let files = [("1_a.sql", sql)];
    let (end, log) = limited(&Sqlx, (Engine::Postgres, 20), &server.shared(), &files, &mut stopper).await;
    assert_eq!(end.unwrap_err().exit, Exit::MigrationFailed);
    assert_eq!(log.iter().filter(|line| *line == sql).count(), 1, "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_lost_meanwhile_is_taken_again_before_anything_is_tried() {
    let server = Server { loses_locks: true, ..blocked(1) };
    let mut stopper = Stopper::new(pending(), None);
    let (end, log) = as_prisma(20, server, "ALTER TABLE t ADD a INT", &mut stopper).await;
    assert!(matches!(end, Ok(End::Lost { rerunnable: true, .. })), "{end:?}");
    assert_eq!(log.last().map(String::as_str), Some("ROLLBACK"), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn on_mysql_the_same_statement_is_tried_again_and_no_earlier_one() {
    let sql = "INSERT INTO t VALUES (1); ALTER TABLE t ADD a INT; DROP TABLE u; INSERT INTO t VALUES (2)";
    let mut server = blocked(2);
    server.scripts.push_front(None);
    server.completed = VecDeque::from([1, 0]);
    let (end, log) = on_mysql(sql, server).await;
    assert_eq!(end.unwrap(), End::Applied(1));
    let expected = [
        "BEGIN",
        "INSERT",
        "INSERT INTO t VALUES (1);",
        "limit 5s",
        "ALTER TABLE t ADD a INT; DROP TABLE u;",
        "DROP TABLE u;",
        "DROP TABLE u;",
        "no limit",
        "INSERT INTO t VALUES (2)",
        "UPDATE",
        "COMMIT",
        "UPDATE",
    ];
    assert_eq!(log, expected);
}

#[tokio::test(start_paused = true)]
async fn on_mysql_what_waited_for_rows_or_sets_the_limit_itself_fails() {
    for sql in ["UPDATE t SET a = 1", "-- ours\nSET lock_wait_timeout = 3; ALTER TABLE t ADD a INT"] {
        let (end, log) = on_mysql(sql, blocked(1)).await;
        let failure = end.unwrap_err();
        assert_eq!(failure.exit, Exit::MigrationFailed);
        assert!(!failure.hint.unwrap().contains("--ddl-lock"));
        assert_eq!(log[1..], ["INSERT", sql, "ROLLBACK", "announce failure"], "{log:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_mysql_a_first_statement_that_never_got_its_lock_has_left_nothing() {
    let (end, log) = on_mysql("ALTER TABLE t ADD a INT", blocked(9)).await;
    let hint = end.unwrap_err().hint.unwrap();
    assert!(hint.contains("nothing of it was left"), "{hint}");
    assert_eq!(log.iter().filter(|line| line.starts_with("ALTER")).count(), 4);
    assert_eq!(log[log.len() - 4..], ["no limit", "ROLLBACK", "DELETE", "announce failure"], "{log:?}");
    let mut second = blocked(9);
    second.completed = VecDeque::from([1]);
    let (end, _) = on_mysql("ALTER TABLE t ADD a INT; DROP TABLE u", second).await;
    let hint = end.unwrap_err().hint.unwrap();
    assert!(hint.contains("may have stayed"), "{hint}");
}
