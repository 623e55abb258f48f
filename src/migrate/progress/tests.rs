use std::path::PathBuf;
use std::time::Duration;

use super::{Position, Seen, Subject};
use crate::engine::{Activity, Blocker, Done, Engine, Holder, Progress};
use crate::format::{Migration, Part};
use crate::log::kept::Kept;

fn migration(parts: Vec<Part>) -> Migration {
    Migration {
        id: "2".into(),
        file: PathBuf::from("migrations/2_b.sql"),
        description: String::new(),
        parts,
        checksum: Vec::new(),
        no_transaction: false,
        unusable: None,
        requires: Vec::new(),
    }
}

/// What is told of these parts while the work is there.
fn details(parts: Vec<Part>, at: impl FnOnce(&Position), activity: Activity) -> Vec<String> {
    let (migration, position) = (migration(parts), Position::default());
    at(&position);
    let subject = Subject {
        id: Some("2"),
        name: "migrations/2_b.sql".into(),
        migration: Some((Engine::Postgres, &migration, &position)),
        count: (0, 1),
    };
    subject.details(&Seen { activity, ..Seen::default() })
}

#[test]
fn whoever_holds_it_up_comes_first() {
    let holder = Holder {
        application_name: Some("psql".into()),
        pid: Some(4711),
        client: Some("10.0.0.7".into()),
        since: None,
    };
    let state = Some("idle in transaction for 2m".into());
    let blocker = Blocker { holder, state, verb: Some("UPDATE") };
    let activity = Activity {
        waits_for: Some("a lock on users".into()),
        blockers: vec![blocker],
        ..Activity::default()
    };
    let sql = "SET x = 1;\nALTER TABLE users ADD COLUMN age int;\n";
    let told = details(vec![Part::whole(sql)], |position| position.at_statement(0, 1), activity);
    assert_eq!(
        told,
        [
            "waiting for a lock on users, held up by psql (pid 4711, from 10.0.0.7), idle in transaction for 2m, its \
             query: UPDATE",
            "line 2: ALTER TABLE users ADD COLUMN age int",
        ]
    );
}

#[test]
fn a_wait_of_which_no_more_is_known_says_so() {
    let activity = Activity { waits_for: Some("table metadata lock".into()), ..Activity::default() };
    let told = details(Vec::new(), |_| {}, activity);
    assert_eq!(told, ["waiting for table metadata lock; whose, the server does not show"]);
}

#[test]
fn what_the_server_counts_is_told_in_per_cent() {
    let progress = Progress {
        command: "CREATE INDEX on big".into(),
        phase: Some("building index: scanning table".into()),
        done: Done::of(43, 100),
    };
    let activity = Activity { progress: Some(progress), ..Activity::default() };
    let told = details(Vec::new(), |_| {}, activity);
    assert_eq!(told, ["CREATE INDEX on big: building index: scanning table, 43%"]);
}

#[test]
fn how_much_is_still_to_come_of_a_copy_castoff_itself_knows() {
    let rows = Some("0123456789".repeat(1024));
    let copy = Part { rows, ..Part::whole("COPY t FROM stdin") };
    let progress = || Progress { command: "COPY FROM on t".into(), phase: None, done: Done::Bytes(2560) };
    let activity = || Activity { progress: Some(progress()), ..Activity::default() };
    let told = details(vec![copy], |position| position.at_part(0), activity());
    assert_eq!(told, ["COPY FROM on t, 25%", "line 1: COPY t FROM stdin"]);
    let told = details(Vec::new(), |_| {}, activity());
    assert_eq!(told, ["COPY FROM on t, 2 kB"]);
}

#[test]
fn a_statement_is_told_by_its_line_and_first_words_without_secrets() {
    let long = format!("UPDATE users SET {}", "x = 1, ".repeat(40));
    let told = details(vec![Part::whole(long)], |position| position.at_part(0), Activity::default());
    let [statement] = told.as_slice() else { panic!("{told:?}") };
    assert!(statement.starts_with("line 1: UPDATE users SET x = 1,") && statement.ends_with('…'), "{told:?}");
    assert!(statement.chars().count() < 80, "{told:?}");
    let secret = "ALTER ROLE app PASSWORD 'hunter2'";
    let told = details(vec![Part::whole(secret)], |position| position.at_part(0), Activity::default());
    assert_eq!(told, ["line 1: ALTER ROLE app PASSWORD ***"]);
}

#[test]
fn of_statements_that_were_sent_together_the_server_may_tell_which_runs() {
    let parts = || vec![Part { line: 3, ..Part::whole("SELECT 1;\nSELECT 2;\n") }];
    let told = details(parts(), |position| position.at_part(0), Activity::default());
    assert_eq!(told, ["one of the 2 statements from line 3 on"]);
    let activity = Activity { completed: Some(1), ..Activity::default() };
    assert_eq!(details(parts(), |position| position.at_part(0), activity), ["line 4: SELECT 2"]);
}

#[test]
fn what_a_variable_was_replaced_with_is_never_told() {
    let part = Part { written: Some("SELECT\n${TOKEN}".into()), ..Part::whole("SELECT 'hunter2'") };
    let told = details(vec![part], |position| position.at_part(0), Activity::default());
    assert_eq!(told, ["line 1: SELECT ${TOKEN}"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_told_of_for_as_long_as_it_runs() {
    let (kept, _guard) = Kept::here();
    let work = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        7
    };
    assert_eq!(super::told("the migrate command `x`", work).await, 7);
    let lines = kept.events("migration.progress");
    let [first, second] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(first["id"].is_null() && first["elapsed_ms"] == 5000, "{first}");
    assert_eq!(second["message"], "the migrate command `x`: running for 10s");
}
