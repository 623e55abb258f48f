//! What is written into the history, and when.

use super::*;
use crate::engine::Value;
use crate::format::flyway::restore;
use crate::format::{Amendment, Entry, Parameter};

fn texts(entry: &Entry) -> Vec<String> {
    let text = |parameter: &Parameter| match parameter {
        Parameter::Fixed(Value::Text(text)) => text.clone(),
        Parameter::Fixed(Value::Int(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    entry.params.iter().map(text).collect()
}

#[test]
fn a_transaction_holds_script_and_row() {
    let list = read(&[("sub/V1_2__add_it.sql", "CREATE TABLE t (id INT);\n")]);
    for engine in [Postgres, Sqlite] {
        let step = step_of(engine, &list, "1.2");
        assert_eq!(step.atomicity, Atomicity::Together);
        assert!(step.mark.is_empty() && step.failed.is_empty() && step.undo.is_empty());
        // The role and the search path that a script has taken are not those of the history.
        let [restored @ .., row] = step.after.as_slice() else { panic!("{:?}", step.after) };
        assert_eq!(restored, restore::entries(&site_of(engine, TABLE)));
        assert!(
            row.sql.contains("COALESCE(MAX(installed_rank), 0) + 1") && row.sql.contains("TRUE"),
            "{}",
            row.sql
        );
        let written = ["1.2", "add it", "SQL", "sub/V1_2__add_it.sql", "1556295178", "app", "ElapsedMillis"];
        assert_eq!(texts(row), written);
    }
}

#[test]
fn what_cannot_be_rolled_back_is_marked_before_and_completed_after() {
    let list = read(&[("V1__x.sql", "VACUUM")]);
    let step = step_of(Postgres, &list, "1");
    assert_eq!(step.atomicity, Atomicity::Apart);
    assert!(step.mark[0].sql.contains("FALSE"));
    let [completed, failed, undone] =
        [&step.after, &step.failed, &step.undo].map(|entries| entries.last().unwrap());
    assert!(completed.sql.starts_with("UPDATE") && completed.sql.contains("success = TRUE"));
    assert!(completed.sql.contains("installed_on = now()"), "{}", completed.sql);
    assert_eq!(texts(completed), ["ElapsedMillis", "1"]);
    assert!(failed.sql.contains("HAVING") && undone.sql.starts_with("DELETE"));
    assert!([&step.failed, &step.undo].iter().all(|entries| entries[0].sql == "RESET ROLE"));
    let list = read(&[("V1__x.sql", "SELECT 1")]);
    let step = step_of(MySql, &list, "1");
    assert_eq!(step.atomicity, Atomicity::Together);
    assert!(step.mark.is_empty());
    assert!(step.before.last().unwrap().sql.contains("FALSE"));
    let turn = Turn { migration: &list[0], resumed: true, previous: None };
    let again = Flyway.step(&site_of(MySql, TABLE), &turn).unwrap();
    assert!(!again.before.iter().any(|entry| entry.sql.starts_with("INSERT")));
}

#[test]
fn a_repeatable_has_no_version_and_the_checksum_of_its_replaced_text() {
    let contents = files(&[("R__v.sql", "CREATE VIEW ${name} AS SELECT 1")]);
    let told = told_by(Postgres, &[("FLYWAY_PLACEHOLDERS_NAME", "v"), ("FLYWAY_INSTALLED_BY", "deploy")]);
    let list = Flyway.read(&contents, &told).unwrap();
    let row = step_of(Postgres, &list, "R__v").after.pop().unwrap();
    assert!(row.sql.contains("SELECT COALESCE(MAX(installed_rank), 0) + 1, NULL,"), "{}", row.sql);
    let checksum = super::super::checksum::checksum("CREATE VIEW v AS SELECT 1").to_string();
    assert_eq!(texts(&row), ["v", "SQL", "R__v.sql", &checksum, "deploy", "ElapsedMillis"]);
}

#[test]
fn baselines_are_rows_of_their_own_types() {
    let list = read(&[("B3__all.sql", "SELECT 1")]);
    let row = step_of(Postgres, &list, "B3").after.pop().unwrap();
    assert_eq!(texts(&row)[..3], ["3", "all", "SQL_BASELINE"]);
    let told = told_by(Postgres, &[("FLYWAY_BASELINE_ON_MIGRATE", "true")]);
    let list = Flyway.read(&files(&[("V2__x.sql", "SELECT 1")]), &told).unwrap();
    let row = step_of(Postgres, &list, "<< baseline >> 1").after.pop().unwrap();
    let baseline = "<< Flyway Baseline >>";
    assert_eq!(texts(&row), ["1", baseline, "BASELINE", baseline, "app", "ElapsedMillis"]);
    assert!(row.sql.contains("?, ?, ?, NULL,"), "{}", row.sql);
}

#[test]
fn resolving_does_what_repair_does_and_what_a_skipped_run_writes() {
    let list = read(&[
        ("V1__a.sql", "SELECT 1"),
        ("V2__b.sql", "SELECT 2"),
        ("R__r.sql", "SELECT 3"),
        ("beforeMigrate.sql", "SELECT 4"),
    ]);
    let failed = row(2, "2", "b", "SQL", Some(1), false);
    let history = [applied(1, &list, "1"), failed];
    let resolve = |resolution, id: &str| {
        Flyway.resolve(
            &site_of(Postgres, TABLE),
            &Amendment { resolution, id, migrations: &list, history: &history },
        )
    };
    let entries = resolve(Resolution::RolledBack, "2").unwrap();
    assert_eq!((entries.len(), texts(&entries[0])), (1, vec!["2".to_owned()]));
    let entries = resolve(Resolution::Applied, "2").unwrap();
    assert!(entries[0].sql.starts_with("DELETE") && entries[1].sql.contains("TRUE"));
    assert_eq!(resolve(Resolution::Applied, "R__r").unwrap().len(), 1);
    for (resolution, id) in [
        (Resolution::RolledBack, "1"),
        (Resolution::RolledBack, "9"),
        (Resolution::Applied, "1"),
        (Resolution::Applied, "9"),
        (Resolution::Applied, "beforeMigrate"),
    ] {
        assert_eq!(resolve(resolution, id).unwrap_err().exit, Exit::Data, "{id}");
    }
}

#[test]
fn a_row_of_another_tool_is_65() {
    let failure = Flyway.assess(&site_of(Postgres, TABLE), &[], &[vec![Some("1".into())]]).unwrap_err();
    assert_eq!(failure.exit, Exit::Data);
}
