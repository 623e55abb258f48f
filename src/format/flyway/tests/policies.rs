//! What is pending, late, edited and missing (`MigrationInfoImpl.getState` and `validate`).

use super::*;

fn three() -> Vec<Migration> {
    read(&[
        ("V1__a.sql", "SELECT 1"),
        ("V2__b.sql", "SELECT 2"),
        ("V3__c.sql", "SELECT 3"),
        ("R__r.sql", "SELECT 9"),
    ])
}

#[test]
fn everything_is_applied_in_order_and_then_nothing_is_pending() {
    let list = three();
    assert_eq!(assess(&list, &[]).pending, ["1", "2", "3", "R__r"]);
    let history: Vec<Row> =
        (1..).zip(["1", "2", "3", "R__r"]).map(|(rank, id)| applied(rank, &list, id)).collect();
    let seen = assess(&list, &history);
    assert!(seen.pending.is_empty() && seen.edited.is_empty() && seen.missing.is_empty());
    let names: Vec<_> = seen.applied.iter().map(|applied| applied.id.as_str()).collect();
    assert_eq!(names, ["1", "2", "3", "R__r"]);
}

#[test]
fn what_sorts_before_something_applied_is_late() {
    let list = three();
    let seen = assess(&list, &[applied(1, &list, "1"), applied(2, &list, "3")]);
    assert_eq!((seen.pending, seen.late), (vec!["2".to_owned(), "R__r".into()], vec!["2".to_owned()]));
}

#[test]
fn checksum_description_and_type_are_minded_of_versioned_migrations_only() {
    let list = three();
    for edited in [
        row(1, "1", "a", "SQL", Some(7), true),
        row(1, "1", "a", "SQL", None, true),
        row(1, "1", "other", "SQL", super::super::kept::Kept::of(&list[0]).map(|kept| kept.raw), true),
        row(1, "1", "a", "JDBC", super::super::kept::Kept::of(&list[0]).map(|kept| kept.raw), true),
    ] {
        assert_eq!(assess(&list, &[edited]).edited, ["1"]);
    }
    let seen = assess(&list, &[row(1, "", "r", "SQL", Some(7), true)]);
    assert!(seen.edited.is_empty() && seen.pending.contains(&"R__r".to_owned()));
    // What a baseline was set above is held against nothing.
    let above = [
        row(1, "1", "a", "SQL", Some(7), true),
        row(2, "2", "<< Flyway Baseline >>", "BASELINE", None, true),
        row(3, "3", "c", "SQL", Some(7), true),
    ];
    assert_eq!(assess(&list, &above).edited, ["3"]);
}

#[test]
fn a_version_is_the_same_whatever_its_zeros() {
    let list = read(&[("V1.0__a.sql", "SELECT 1")]);
    let checksum = super::super::kept::Kept::of(&list[0]).map(|kept| kept.raw);
    let seen = assess(&list, &[row(1, "01", "a", "SQL", checksum, true)]);
    assert!(seen.pending.is_empty() && seen.edited.is_empty());
    assert_eq!(seen.applied[0].id, "1.0");
}

#[test]
fn only_the_last_run_of_a_repeatable_counts() {
    let list = three();
    let old = row(1, "", "r", "SQL", Some(7), true);
    assert!(!assess(&list, &[old.clone(), applied(2, &list, "R__r")]).pending.contains(&"R__r".to_owned()));
    let back = row(3, "", "r", "SQL", Some(7), true);
    let seen = assess(&list, &[old, applied(2, &list, "R__r"), back]);
    assert!(seen.pending.contains(&"R__r".to_owned()));
    assert_eq!(seen.applied.len(), 1);
}

#[test]
fn a_newer_database_is_ahead_and_pending_repeatables_run_all_the_same() {
    let list = three();
    let mut history: Vec<Row> =
        (1..).zip(["1", "2", "3"]).map(|(rank, id)| applied(rank, &list, id)).collect();
    history.push(row(4, "4", "d", "SQL", Some(1), true));
    history.push(row(5, "", "new", "SQL", Some(1), true));
    let seen = assess(&list, &history);
    assert_eq!(seen.missing, ["4", "R__new"]);
    assert!(seen.missing_are_newer && seen.newer_may_be_missing);
    assert_eq!(seen.pending, ["R__r"]);
}

#[test]
fn what_is_missing_below_the_highest_file_is_no_rollback() {
    let list = three();
    let seen = assess(&list, &[row(1, "1.5", "x", "SQL", Some(1), true)]);
    assert_eq!(seen.missing, ["1.5"]);
    assert!(!seen.missing_are_newer);
    let seen = assess(&list, &[row(1, "", "gone", "SQL", Some(1), true), applied(2, &list, "1")]);
    assert_eq!(seen.missing, ["R__gone"]);
    assert!(!seen.missing_are_newer);
}

#[test]
fn a_failure_blocks_unless_it_is_one_that_a_newer_image_left() {
    let list = three();
    let failed = assess(&list, &[row(1, "1", "a", "SQL", Some(1), false)]);
    assert_eq!(failed.unfinished[0].id, "1");
    assert!(failed.pending.first().is_some_and(|id| id == "2"));
    let failed = assess(&list, &[row(1, "", "r", "SQL", Some(1), false)]);
    assert_eq!(failed.unfinished[0].id, "R__r");
    assert!(!failed.pending.contains(&"R__r".to_owned()));
    let newer = row(1, "9", "z", "SQL", Some(1), false);
    let seen = assess(&list, std::slice::from_ref(&newer));
    assert!(seen.unfinished.is_empty() && seen.missing == ["9"] && seen.missing_are_newer);
    let seen = assess(&list, &[newer, row(2, "10", "y", "SQL", Some(1), false)]);
    assert_eq!(seen.unfinished.len(), 2);
}

#[test]
fn a_baseline_row_stands_for_everything_up_to_its_version() {
    let list = three();
    let seen = assess(&list, &[row(1, "2", "<< Flyway Baseline >>", "BASELINE", None, true)]);
    assert_eq!(seen.pending, ["3", "R__r"]);
    assert!(seen.late.is_empty() && seen.missing.is_empty() && seen.edited.is_empty());
}

#[test]
fn a_baseline_migration_is_for_databases_without_a_history() {
    let list = read(&[
        ("V1__a.sql", "SELECT 1"),
        ("V2__b.sql", "SELECT 2"),
        ("B1__all.sql", "SELECT 1"),
        ("B2__all.sql", "SELECT 12"),
        ("V3__c.sql", "SELECT 3"),
    ]);
    assert_eq!(assess(&list, &[]).pending, ["B2", "3"]);
    assert_eq!(assess(&list, &[applied(1, &list, "1")]).pending, ["2", "3"]);
    let seen = assess(&list, &[applied(1, &list, "B2"), applied(2, &list, "3")]);
    assert!(seen.pending.is_empty() && seen.late.is_empty() && seen.edited.is_empty());
}

#[test]
fn a_schema_that_is_taken_over_gets_its_baseline_first() {
    let variables = [("FLYWAY_BASELINE_ON_MIGRATE", "true"), ("FLYWAY_BASELINE_VERSION", "2")];
    let contents = [("V1__a.sql", ""), ("V2__b.sql", ""), ("V3__c.sql", "SELECT 3")];
    let list = Flyway.read(&files(&contents), &told_by(Postgres, &variables)).unwrap();
    assert_eq!(assess(&list, &[]).pending, ["1", "2", "3"]);
    let at = site_of(Postgres, TABLE);
    let facts = Facts { holds_tables: true, ..at.facts.clone() };
    let seen = Flyway.assess(&Site { facts: &facts, ..at }, &list, &[]).unwrap();
    assert_eq!(seen.pending, ["<< baseline >> 2", "3"]);
    let step = step_of(Postgres, &list, "<< baseline >> 2");
    assert!(step.migration.parts.is_empty() && step.is_recorded());
    let wishes = Flyway.wishes(&told_by(Postgres, &variables)).unwrap();
    assert!(wishes.takes_foreign_tables);
}

#[test]
fn what_was_deleted_from_the_history_is_pending_again_and_not_missing() {
    let list = three();
    let history = [
        applied(1, &list, "1"),
        row(2, "1.5", "gone", "SQL", Some(1), true),
        row(3, "1.5", "gone", "DELETE", Some(1), true),
        row(4, "1", "a", "DELETE", None, true),
        row(5, "", "old", "SQL", Some(1), true),
        row(6, "", "old", "DELETE", Some(1), true),
        row(0, "", "<< Flyway Schema Creation >>", "SCHEMA", None, true),
    ];
    let seen = assess(&list, &history);
    assert_eq!(seen.pending, ["1", "2", "3", "R__r"]);
    assert!(seen.missing.is_empty() && seen.applied.is_empty());
    let undone = [applied(1, &list, "1"), row(2, "1", "a", "UNDO_SQL", Some(1), true)];
    assert_eq!(assess(&list, &undone).pending, ["1", "2", "3", "R__r"]);
}

#[test]
fn what_is_not_to_be_executed_is_neither_pending_nor_missing() {
    let list = read(&[
        ("V1__a.sql", "SELECT 1"),
        ("V2__b.sql", "SELECT 2"),
        ("V2__b.sql.conf", "shouldExecute=${flyway:environment}==prod"),
    ]);
    assert_eq!(assess(&list, &[]).pending, ["1"]);
    assert!(assess(&list, &[row(1, "2", "b", "SQL", Some(1), true)]).edited.is_empty());
}

#[test]
fn variables_stand_in_for_habits() {
    let wishes = |variables: &[(&str, &str)]| Flyway.wishes(&told_by(Postgres, variables)).unwrap();
    assert_eq!(wishes(&[]), crate::format::Wishes::default());
    assert_eq!(wishes(&[("FLYWAY_OUT_OF_ORDER", "true")]).out_of_order, Some(OutOfOrder::Apply));
    let unvalidated = wishes(&[("FLYWAY_VALIDATE_ON_MIGRATE", "false")]);
    assert_eq!(unvalidated.fails_on_edited, Some(false));
    assert_eq!(unvalidated.out_of_order, Some(OutOfOrder::Skip));
    let table =
        wishes(&[("FLYWAY_TABLE", "versions"), ("FLYWAY_SCHEMAS", "app, other")]).history_table.unwrap();
    assert_eq!(table, TableName { schema: Some("app".into()), name: "versions".into() });
    let refused = Flyway.wishes(&told_by(MySql, &[("FLYWAY_DEFAULT_SCHEMA", "app")])).unwrap_err();
    assert_eq!(refused.exit, Exit::Usage);
}
