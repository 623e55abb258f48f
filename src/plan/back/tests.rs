//! How far back, by files and rows alone.

use super::{Back, Look};
use crate::cli::Until;
use crate::engine::{Engine, Facts, Row};
use crate::exit::{Exit, Result};
use crate::format::golang_migrate::GolangMigrate;
use crate::format::sqlx::Sqlx;
use crate::format::testing::{files, site, told};
use crate::format::{Format, OutOfOrder, Wishes};
use crate::migrations::Migrations;
use crate::plan::{Interrupted, Planned, Plans, Policy, Residue};

const FILES: [(&str, &str); 6] = [
    ("1_a.up.sql", ""),
    ("1_a.down.sql", "DROP TABLE a"),
    ("2_b.up.sql", ""),
    ("2_b.down.sql", "DROP TABLE b"),
    ("3_c.up.sql", ""),
    ("3_c.down.sql", "DROP TABLE c"),
];

fn migrations(format: &'static dyn Format, contents: &[(&str, &str)]) -> Migrations {
    let (files, told) = (files(contents), told(Engine::Postgres));
    let undo = format.undo().expect("it has one");
    Migrations {
        directory: "migrations".into(),
        format,
        format_was_detected: false,
        list: format.read(&files, &told).unwrap(),
        downs: undo.read_back(&files, &told).unwrap(),
        history_table: None,
        wishes: Wishes::default(),
        opaque: None,
        environment: None,
    }
}

/// sqlx's row, whole or begun.
fn row(migrations: &Migrations, id: &str, success: bool) -> Row {
    let checksum = migrations.get(id).map(|found| hex::encode(&found.checksum)).unwrap_or_default();
    [id, if success { "1" } else { "0" }, &checksum, "0"].map(|text| Some(text.to_owned())).to_vec()
}

fn rows(migrations: &Migrations, ids: &[&str]) -> Vec<Row> {
    ids.iter().map(|id| row(migrations, id, true)).collect()
}

/// What is to be done with this history, after a connection was lost at one of them.
fn steps(
    migrations: &Migrations,
    back: &Back<'_>,
    history: &[Row],
    lost: Option<&str>,
) -> Result<Vec<Planned>> {
    let ledger = migrations.ledger(Engine::Postgres, None);
    let policy = Policy { fails_on_edited: true, fails_on_missing: true, out_of_order: OutOfOrder::Apply };
    let interrupted = lost.map(|id| Interrupted { id, previous: None });
    let plans = Plans {
        migrations,
        engine: Engine::Postgres,
        ledger: &ledger,
        policy,
        interrupted,
        owes: false,
        back: Some(back),
    };
    let seen = migrations.format.assess(&site(Engine::Postgres), &migrations.list, history)?;
    let facts = Facts { schema_exists: true, ..Facts::default() };
    Look { back, plans: &plans, seen: &seen, facts: &facts }.steps()
}

fn ids(steps: &[Planned]) -> Vec<&str> {
    steps.iter().map(|planned| planned.step.migration.id.as_str()).collect()
}

/// What goes of three that are applied.
fn gone(until: &Until) -> Result<Vec<String>> {
    let migrations = migrations(&Sqlx, &FILES);
    let history = rows(&migrations, &["1", "2", "3"]);
    let steps = steps(&migrations, &Back::new(until), &history, None)?;
    Ok(ids(&steps).into_iter().map(str::to_owned).collect())
}

#[test]
fn as_many_go_as_are_asked_for_or_all_that_are_newer() {
    assert_eq!(gone(&Until::Steps(1)).unwrap(), ["3"]);
    assert_eq!(gone(&Until::Steps(2)).unwrap(), ["3", "2"]);
    assert_eq!(gone(&Until::Steps(u64::MAX)).unwrap(), ["3", "2", "1"]);
    assert_eq!(gone(&Until::To("1".into())).unwrap(), ["3", "2"]);
    assert_eq!(gone(&Until::To("3".into())).unwrap(), [""; 0]);
    assert_eq!(gone(&Until::To("0".into())).unwrap(), ["3", "2", "1"]);
}

#[test]
fn nothing_goes_back_to_what_is_not_applied() {
    for id in ["4", "-1", "01"] {
        let failure = gone(&Until::To(id.into())).unwrap_err();
        assert_eq!(failure.exit, Exit::Data);
        assert!(failure.hint.unwrap().contains("newest first, 3, 2, 1"), "{id}");
    }
}

#[test]
fn what_is_not_whole_or_not_here_stops_everything() {
    let migrations = migrations(&Sqlx, &FILES);
    let history = |ids: &[&str], last: bool| {
        let mut rows = rows(&migrations, ids);
        rows.extend(ids.last().filter(|_| !last).map(|_| row(&migrations, "3", false)));
        rows
    };
    let (one, all) = (Until::Steps(1), Until::Steps(9));
    let said = |until: &Until, history: &[Row]| {
        steps(&migrations, &Back::new(until), history, None).unwrap_err().reason()
    };
    assert!(said(&one, &history(&["1", "2"], false)).contains("migration 3 was begun"));
    assert!(
        said(&one, &history(&["1", "7"], true))
            .contains("migration 7 would have to be reverted and is not in")
    );
    assert!(said(&all, &history(&["1", "2", "7"], true)).contains("migration 7"));
    let files: Vec<_> = FILES.into_iter().filter(|(name, _)| *name != "1_a.down.sql").collect();
    let lacking = super::tests::migrations(&Sqlx, &files);
    let failure = steps(&lacking, &Back::new(&all), &rows(&lacking, &["1", "2"]), None).unwrap_err();
    assert_eq!(failure.reason(), "migrations/1_a.up.sql would have to be reverted and has no down script");
    assert_eq!(failure.hint.unwrap(), "write 1_a.down.sql beside it; nothing was reverted");
}

#[test]
fn a_file_that_is_gone_stops_what_its_tool_would_not_go_past() {
    let migrations = migrations(&Sqlx, &FILES[2..]);
    let history = rows(&migrations, &["1", "2", "3"]);
    let failure = steps(&migrations, &Back::new(&Until::Steps(1)), &history, None).unwrap_err();
    assert!(failure.reason().contains("1 applied and not in migrations"), "{failure}");
}

#[test]
fn a_lost_connection_makes_it_no_more_than_was_asked_for() {
    let migrations = migrations(&Sqlx, &FILES);
    let until = Until::Steps(2);
    let back = Back::new(&until);
    let all = rows(&migrations, &["1", "2", "3"]);
    assert_eq!(ids(&steps(&migrations, &back, &all, None).unwrap()), ["3", "2"]);
    // The first went through, or it did not.
    assert_eq!(ids(&steps(&migrations, &back, &all[..2], Some("3")).unwrap()), ["2"]);
    assert_eq!(ids(&steps(&migrations, &back, &all, Some("3")).unwrap()), ["3", "2"]);
    assert_eq!(ids(&steps(&migrations, &back, &all[..1], Some("2")).unwrap()), [""; 0]);
}

/// golang-migrate's mark is the version before, which nobody has touched.
#[test]
fn a_mark_of_our_own_is_no_failure_where_nothing_can_have_stayed() {
    let row = |version: &str, dirty: &str| [vec![Some(version.to_owned()), Some(dirty.to_owned())]];
    let migrations = migrations(&GolangMigrate, &FILES);
    let until = Until::To("0".into());
    let back = Back::new(&until);
    assert_eq!(ids(&steps(&migrations, &back, &row("3", "0"), None).unwrap()), ["3", "2", "1"]);
    for (version, lost, left) in [("2", "3", &["3", "2", "1"][..]), ("-1", "1", &["1"])] {
        let again = steps(&migrations, &back, &row(version, "1"), Some(lost)).unwrap();
        assert_eq!(ids(&again), left);
        assert!(again[0].step.resumed && again[0].step.mark.is_empty(), "the mark is there");
        assert!(!again.iter().skip(1).any(|planned| planned.step.resumed));
    }
    let failure = steps(&migrations, &back, &row("1", "1"), Some("3")).unwrap_err();
    assert_eq!(failure.exit, Exit::Data, "that is another one's");
    assert_eq!(steps(&migrations, &Back::new(&until), &row("2", "1"), None).unwrap_err().exit, Exit::Data);
}

#[test]
fn what_may_have_stayed_in_part_is_not_run_again() {
    let mut files = FILES;
    files[5].1 = "-- no-transaction\nDROP INDEX CONCURRENTLY i";
    let migrations = migrations(&Sqlx, &files);
    let mut history = rows(&migrations, &["1", "2"]);
    history.push(row(&migrations, "3", false));
    let until = Until::Steps(1);
    let back = Back::new(&until);
    let all = rows(&migrations, &["1", "2", "3"]);
    let planned = steps(&migrations, &back, &all, None).unwrap();
    assert!(matches!(planned[0].residue, Residue::Part { unless_first: false, .. }));
    assert_eq!(steps(&migrations, &back, &history, Some("3")).unwrap_err().exit, Exit::Data);
}

#[test]
fn no_start_builds_the_index_again_that_a_way_down_did_not() {
    let mut files = FILES;
    files[5].1 = "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b)";
    let migrations = migrations(&Sqlx, &files);
    let history = rows(&migrations, &["1", "2", "3"]);
    let planned = steps(&migrations, &Back::new(&Until::Steps(1)), &history, None).unwrap();
    assert!(matches!(planned[0].residue, Residue::Part { .. }), "{:?}", planned[0].residue);
}
