//! Every state and every refusal, from files and rows alone.

use super::{Interrupted, Plan, Planned, Plans, Policy, State};
use crate::engine::{Engine, Facts, Reading, Row};
use crate::exit::{Exit, Failure, Result};
use crate::format::testing::told;
use crate::format::{Assessment, FORMATS, Files, Format, OutOfOrder, Wishes};
use crate::migrations::Migrations;

const STRICT: Policy =
    Policy { fails_on_edited: true, fails_on_missing: true, out_of_order: OutOfOrder::Apply };
const LENIENT: Policy =
    Policy { fails_on_edited: false, fails_on_missing: false, out_of_order: OutOfOrder::Apply };

fn migrations(files: &[(&str, &str)]) -> Migrations {
    let contents = files.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect();
    let format = FORMATS[0];
    Migrations {
        directory: "migrations".into(),
        format,
        format_was_detected: true,
        list: format
            .read(
                &Files { directory: "migrations".into(), contents, ..Files::default() },
                &told(Engine::Postgres),
            )
            .unwrap(),
        downs: Vec::new(),
        history_table: None,
        wishes: Wishes::default(),
        opaque: None,
        environment: None,
    }
}

/// The history row of a migration on disk.
fn row(migrations: &Migrations, id: &str, success: bool) -> Row {
    let checksum = hex::encode(&migrations.get(id).unwrap().checksum);
    other_row(id, success, &checksum)
}

fn other_row(id: &str, success: bool, checksum: &str) -> Row {
    let success = if success { "1" } else { "0" };
    [id, success, checksum, "0"].into_iter().map(|value| Some(value.to_owned())).collect()
}

/// What is made of the files and a history, as far as the policy lets it.
fn with<T>(migrations: &Migrations, policy: Policy, ask: impl FnOnce(&Plans<'_>) -> T) -> T {
    let ledger = migrations.ledger(Engine::Postgres, None);
    ask(&Plans {
        migrations,
        engine: Engine::Postgres,
        ledger: &ledger,
        policy,
        interrupted: None,
        owes: false,
        back: None,
    })
}

fn plan(migrations: &Migrations, history: &[Row]) -> Plan {
    with(migrations, STRICT, |plans| Plan::new(plans, &facts(false), Some(history)).unwrap())
}

fn facts(holds_tables: bool) -> Facts {
    Facts {
        server_version: "15.20".into(),
        database: "app".into(),
        user: "app".into(),
        schema: "public".into(),
        read_only: None,
        pooled: false,
        slots_to_spare: true,
        schema_exists: true,
        holds_tables,
    }
}

fn decide(
    migrations: &Migrations,
    history: &[Row],
    policy: Policy,
    facts: &Facts,
    exists: bool,
) -> Result<Vec<Planned>> {
    let reading = Reading { facts: facts.clone(), history: exists.then(|| history.to_vec()) };
    with(migrations, policy, |plans| plans.plan(&reading)?.steps(plans, &reading))
}

fn refusal(migrations: &Migrations, history: &[Row], policy: Policy) -> Failure {
    decide(migrations, history, policy, &facts(false), true).unwrap_err()
}

fn ids(migrations: &Migrations, history: &[Row], policy: Policy) -> Vec<String> {
    match decide(migrations, history, policy, &facts(false), true) {
        Ok(steps) => steps.into_iter().map(|planned| planned.step.migration.id).collect(),
        Err(failure) => panic!("{failure}"),
    }
}

const TWO: &[(&str, &str)] = &[("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2")];

#[test]
fn the_first_state_that_holds_is_the_state() {
    let on_disk = migrations(TWO);
    let done = |id| row(&on_disk, id, true);
    let begun = |id| row(&on_disk, id, false);
    let edited = other_row("1", true, "00");
    let newer = other_row("9", true, "00");
    let older = other_row("0", true, "00");
    let cases: [(&[Row], bool, State); 10] = [
        (&[done("1"), done("2")], false, State::UpToDate),
        (&[done("1"), done("2"), newer.clone()], false, State::Ahead),
        (&[done("1")], false, State::Pending),
        (&[], false, State::Pending),
        (&[done("1"), newer.clone()], false, State::Diverged),
        (&[older.clone(), done("1"), done("2")], false, State::Diverged),
        (&[edited.clone(), older.clone()], false, State::Edited),
        (&[begun("1"), edited.clone()], false, State::Failed),
        (&[begun("1")], true, State::Migrating),
        (&[done("1")], true, State::Pending),
    ];
    for (history, held, expected) in cases {
        assert_eq!(plan(&on_disk, history).state(held), expected, "{history:?}");
    }
}

#[test]
fn what_comes_late_is_applied_skipped_or_refused() {
    let on_disk = migrations(&[("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2"), ("3_c.sql", "SELECT 3")]);
    let history = [row(&on_disk, "2", true)];
    let told = |out_of_order| Policy { out_of_order, ..STRICT };
    assert_eq!(ids(&on_disk, &history, told(OutOfOrder::Apply)), ["1", "3"]);
    assert_eq!(ids(&on_disk, &history, told(OutOfOrder::Skip)), ["3"]);
    let failure = refusal(&on_disk, &history, told(OutOfOrder::Fail));
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.reason().contains("1_a.sql") && failure.reason().contains("before 2"), "{failure}");
    let all_but_late = [row(&on_disk, "2", true), row(&on_disk, "3", true)];
    let skipped = |policy| {
        with(&on_disk, policy, |plans| {
            let plan = Plan::new(plans, &facts(false), Some(&all_but_late)).unwrap();
            (plan.has_nothing_to_do(policy), plan.warnings(&on_disk, policy).len())
        })
    };
    assert_eq!(skipped(told(OutOfOrder::Skip)), (true, 1), "the application starts, with a warning");
    assert!(!skipped(told(OutOfOrder::Fail)).0);
}

#[test]
fn an_unlocked_reading_concludes_nothing_but_that_nothing_is_pending() {
    let on_disk = migrations(TWO);
    let done = |id| row(&on_disk, id, true);
    assert!(plan(&on_disk, &[done("1"), done("2")]).has_nothing_to_do(STRICT));
    assert!(plan(&on_disk, &[done("1"), done("2"), other_row("9", true, "")]).has_nothing_to_do(STRICT));
    for history in [
        vec![],
        vec![done("1")],
        vec![done("1"), row(&on_disk, "2", false)],
        vec![done("1"), other_row("2", true, "00")],
        vec![other_row("0", true, "00"), done("1"), done("2")],
    ] {
        assert!(!plan(&on_disk, &history).has_nothing_to_do(STRICT), "{history:?}");
    }
    assert!(plan(&on_disk, &[done("1"), other_row("2", true, "00")]).has_nothing_to_do(LENIENT));
}

#[test]
fn what_is_pending_is_applied_in_order_and_out_of_order_too() {
    let on_disk = migrations(&[("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2"), ("10_c.sql", "SELECT 3")]);
    assert_eq!(ids(&on_disk, &[], STRICT), ["1", "2", "10"]);
    assert_eq!(ids(&on_disk, &[row(&on_disk, "2", true)], STRICT), ["1", "10"]);
}

#[test]
fn an_earlier_failure_blocks_and_says_how_to_mend_it() {
    let on_disk = migrations(TWO);
    let failure = refusal(&on_disk, &[row(&on_disk, "1", false)], LENIENT);
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.hint.unwrap().contains("castoff resolve --rolled-back 1"));
}

#[test]
fn drift_is_refused_unless_the_user_says_otherwise() {
    let on_disk = migrations(TWO);
    let edited = [row(&on_disk, "1", true), other_row("2", true, "00")];
    assert!(refusal(&on_disk, &edited, STRICT).reason().contains("2_b.sql"));
    assert!(ids(&on_disk, &edited, LENIENT).is_empty());
    let diverged = [other_row("0", true, "00"), row(&on_disk, "1", true)];
    assert!(refusal(&on_disk, &diverged, STRICT).reason().contains("diverged"));
    assert_eq!(ids(&on_disk, &diverged, LENIENT), ["2"]);
    assert!(!plan(&on_disk, &diverged).warnings(&on_disk, LENIENT).is_empty());
}

#[test]
fn an_old_image_is_warned_about_and_starts() {
    let on_disk = migrations(TWO);
    let history = [row(&on_disk, "1", true), row(&on_disk, "2", true), other_row("3", true, "00")];
    assert!(ids(&on_disk, &history, STRICT).is_empty());
    let warnings = plan(&on_disk, &history).warnings(&on_disk, STRICT);
    assert!(warnings[0].contains("ahead of this image"), "{warnings:?}");
}

#[test]
fn a_file_with_windows_line_endings_is_recognised_as_such() {
    let on_disk = migrations(&[("1_a.sql", "SELECT 1;\r\n")]);
    let failure = refusal(&on_disk, &[other_row("1", true, "00")], STRICT);
    assert!(failure.hint.unwrap().contains("Windows line ends"));
}

#[test]
fn a_guessed_format_is_not_run_on_somebody_else_s_schema() {
    let mut on_disk = migrations(TWO);
    let decide = |on_disk: &Migrations, exists| decide(on_disk, &[], STRICT, &facts(true), exists);
    assert_eq!(decide(&on_disk, false).unwrap_err().exit, Exit::Usage);
    assert!(decide(&on_disk, true).is_ok());
    on_disk.format_was_detected = false;
    assert!(decide(&on_disk, false).is_ok());
}

#[test]
fn what_only_a_client_can_run_is_refused_before_anything_is_applied() {
    let on_disk = migrations(&[("1_a.sql", "SELECT 1;"), ("2_b.sql", "SELECT 2;\nCOPY t FROM STDIN;\n")]);
    let failure = refusal(&on_disk, &[], STRICT);
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.reason().starts_with("migrations/2_b.sql:2: "), "{failure}");
    assert_eq!(
        ids(&on_disk, &[row(&on_disk, "2", true)], STRICT),
        ["1"],
        "only what is pending is looked at"
    );
}

#[test]
fn an_interrupted_index_build_is_completed_by_itself() {
    let index = "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);\n";
    let on_disk = migrations(&[("1_i.sql", index), ("2_v.sql", "-- no-transaction\nVACUUM t;\n")]);
    let interrupted = [row(&on_disk, "1", false), row(&on_disk, "2", true)];
    assert_eq!(plan(&on_disk, &interrupted).state(false), State::Pending);
    let steps = decide(&on_disk, &interrupted, STRICT, &facts(false), true).unwrap();
    assert!(steps[0].step.resumed);
    assert_eq!(
        plan(&on_disk, &[other_row("1", false, "00")]).state(false),
        State::Failed,
        "the file changed"
    );
    assert_eq!(plan(&on_disk, &[row(&on_disk, "2", false)]).state(false), State::Failed, "no index");
}

#[test]
fn a_search_path_without_a_schema_is_said_before_anything_is_created() {
    let on_disk = migrations(TWO);
    let nowhere = Facts { schema: String::new(), ..facts(false) };
    let failure = decide(&on_disk, &[], STRICT, &nowhere, false).unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.reason().contains("no schema"), "{failure}");
}

/// One Prisma migration, and a row that says it was begun.
fn begun_by_prisma(sql: &str) -> (Migrations, Vec<Row>) {
    let format: &'static dyn Format = &crate::format::prisma::Prisma;
    let contents = [("1_a/migration.sql".into(), sql.as_bytes().to_vec())].into();
    let files = Files { directory: "migrations".into(), contents, directories: ["1_a".into()].into() };
    let list = format.read(&files, &told(Engine::Postgres)).unwrap();
    let row = ["1_a", "00", "0", "0"].into_iter().map(|value| Some(value.to_owned()));
    let on_disk = Migrations {
        directory: "migrations".into(),
        format,
        format_was_detected: false,
        list,
        downs: Vec::new(),
        history_table: None,
        wishes: Wishes::default(),
        opaque: None,
        environment: None,
    };
    (on_disk, vec![row.chain([None, None]).collect()])
}

#[test]
fn a_mark_of_our_own_lost_connection_is_no_failure_where_nothing_can_have_stayed() {
    for (sql, resumed) in [("CREATE TABLE a (n int);", true), ("CREATE TABLE a (n int); COMMIT;", false)] {
        let (on_disk, history) = begun_by_prisma(sql);
        let resumable = |interrupted: Option<&'static str>| {
            with(&on_disk, LENIENT, |plans| {
                let interrupted = interrupted.map(|id| Interrupted { id, previous: None });
                let plans = Plans { interrupted, ..*plans };
                !Plan::new(&plans, &facts(false), Some(&history)).unwrap().resumable.is_empty()
            })
        };
        assert!(!resumable(None), "somebody else's");
        assert_eq!(resumable(Some("1_a")), resumed, "{sql}");
    }
}

#[test]
fn a_recorded_failure_is_a_failure_even_while_the_lock_is_held() {
    let (on_disk, mut history) = begun_by_prisma("SELECT 1");
    let state = |history: &[Row]| plan(&on_disk, history).state(true);
    assert_eq!(state(&history), State::Migrating);
    history[0][4] = Some("ERROR: no such table".into());
    assert_eq!(state(&history), State::Failed);
}

#[test]
fn a_schema_that_the_tool_does_not_know_is_refused_with_the_way_to_baseline_it() {
    let (mut on_disk, _) = begun_by_prisma("SELECT 1");
    let failure = decide(&on_disk, &[], LENIENT, &facts(true), false).unwrap_err();
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.hint.unwrap().contains("castoff resolve --applied"));
    on_disk.format_was_detected = true;
    assert_eq!(decide(&on_disk, &[], LENIENT, &facts(true), false).unwrap_err().exit, Exit::Usage);
}

#[test]
fn files_that_do_not_show_what_is_pending_never_say_that_nothing_is() {
    let format = *FORMATS.iter().find(|format| format.name() == "alembic").unwrap();
    let mut unread = Migrations {
        directory: "migrations".into(),
        format,
        format_was_detected: false,
        list: Vec::new(),
        downs: Vec::new(),
        history_table: None,
        wishes: Wishes::default(),
        opaque: Some("only Python knows".into()),
        environment: None,
    };
    let head: Row = vec![Some("aaaa".into())];
    let ask = |unread: &Migrations| {
        with(unread, STRICT, |plans| {
            let plan = Plan::new(plans, &facts(false), Some(std::slice::from_ref(&head))).unwrap();
            let reading = Reading { facts: facts(false), history: Some(vec![head.clone()]) };
            (plan.has_nothing_to_do(STRICT), plan.steps(plans, &reading))
        })
    };
    let (nothing, steps) = ask(&unread);
    let failure = steps.expect_err("only the tool's own command can run them");
    assert!(!nothing && failure.exit == Exit::Data, "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("alembic upgrade heads")));
    unread.opaque = None;
    assert!(ask(&unread).0, "an unknown head alone is an old image");
}

#[test]
fn what_is_newer_may_be_missing_where_the_tool_goes_on_all_the_same() {
    let assessment = Assessment {
        pending: vec!["1".into()],
        missing: vec!["2".into()],
        missing_are_newer: true,
        ..Assessment::default()
    };
    let mut plan = Plan { assessment, resumable: Vec::new(), opaque: false, owes: false, going_back: None };
    assert_eq!(plan.state(false), State::Diverged);
    plan.assessment.newer_may_be_missing = true;
    assert_eq!(plan.state(false), State::Pending);
    plan.assessment.missing_are_newer = false;
    assert_eq!(plan.state(false), State::Diverged);
}

#[test]
fn what_runs_along_does_so_only_while_something_is_pending_and_in_its_place() {
    let migrations = migrations(&[("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT 2"), ("3_c.sql", "SELECT 3")]);
    let assessment = Assessment {
        pending: vec!["2".into()],
        accompanying: vec!["3".into(), "1".into()],
        ..Assessment::default()
    };
    let mut plan = Plan { assessment, resumable: Vec::new(), opaque: false, owes: false, going_back: None };
    assert_eq!(plan.to_apply(&migrations).collect::<Vec<_>>(), ["1", "2", "3"]);
    plan.assessment.pending.clear();
    assert_eq!(plan.to_apply(&migrations).count(), 0);
    assert!(plan.has_nothing_to_do(STRICT));
}
