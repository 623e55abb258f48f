use std::path::PathBuf;

use super::Dbmate;
use crate::engine::{Engine, TableName};
use crate::environment::Environment;
use crate::exit::{Exit, Result};
use crate::format::testing::{files, site, step, told};
use crate::format::{
    Amendment, Assessment, Atomicity, Format, Migration, OutOfOrder, Resolution, Told, Wishes,
};

fn file(options: &str) -> String {
    format!("-- migrate:up{options}\nSELECT 1;\n-- migrate:down\n")
}

fn read(names: &[&str]) -> Vec<Migration> {
    let content = file("");
    let contents: Vec<(&str, &str)> = names.iter().map(|name| (*name, content.as_str())).collect();
    Dbmate.read(&files(&contents), &told(Engine::Postgres)).unwrap()
}

fn assess(names: &[&str], recorded: &[&str]) -> Assessment {
    let history: Vec<_> = recorded.iter().map(|version| vec![Some((*version).to_owned())]).collect();
    Dbmate.assess(&site(Engine::Postgres), &read(names), &history).unwrap()
}

#[test]
fn versions_are_the_digits_and_names_the_order() {
    let migrations = read(&[
        "9_b.sql",
        "10_a.sql",
        "007 x.sql",
        "1.sql",
        "a1.sql",
        "2.SQL",
        "3.sql.bak",
        "4\n.sql",
        "sub/5.sql",
    ]);
    let ids: Vec<_> = migrations.iter().map(|migration| migration.id.as_str()).collect();
    assert_eq!(ids, ["007", "1", "10", "9"]);
}

#[test]
fn a_version_that_stands_twice_is_refused_with_both_names() {
    let content = file("");
    let twice = files(&[("1_a.sql", &content), ("1_b.sql", &content), ("01_c.sql", &content)]);
    let failure = Dbmate.read(&twice, &told(Engine::Postgres)).unwrap_err();
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.reason().contains("1_a.sql") && failure.reason().contains("1_b.sql"), "{failure}");
}

#[test]
fn a_file_that_dbmate_could_not_run_matters_only_when_it_is_pending() {
    let contents = files(&[("1_a.sql", "nonsense"), ("2_b.sql", &file(" transaction:false"))]);
    let [broken, whole] = &Dbmate.read(&contents, &told(Engine::Postgres)).unwrap()[..] else {
        panic!("two")
    };
    assert!(broken.unusable.is_some() && whole.unusable.is_none());
    let step = step(&Dbmate, Engine::Postgres, whole, false).unwrap();
    assert_eq!(step.atomicity, Atomicity::Apart);
    assert!(step.mark.is_empty() && step.failed.is_empty());
}

#[test]
fn only_a_directive_makes_a_directory_dbmates() {
    assert!(Dbmate.recognises(&files(&[("1_a.sql", "SELECT 1"), ("2_b.sql", &file(""))])));
    assert!(!Dbmate.recognises(&files(&[("1_a.sql", "SELECT 1")])));
    assert!(!Dbmate.recognises(&files(&[("a.sql", &file("")), ("sub/1_a.sql", &file(""))])));
}

#[test]
fn history_and_files_are_held_against_each_other() {
    let seen = assess(&["1_a.sql", "2_b.sql", "3_c.sql", "5_e.sql"], &["4", "3", "1"]);
    assert_eq!(
        (seen.pending, seen.late, seen.missing),
        (vec!["2".into(), "5".into()], vec!["2".into()], vec!["4".into()])
    );
    assert!(!seen.missing_are_newer);
    assert_eq!(seen.applied.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["1", "3", "4"]);
    assert!(assess(&["1_a.sql"], &["1", "2"]).missing_are_newer);
}

/// `--strict` looks at the files that are there.
#[test]
fn what_is_gone_makes_nothing_late() {
    assert_eq!(assess(&["1_a.sql", "2_b.sql"], &["1", "3"]).late, [""; 0]);
}

#[test]
fn another_tools_table_of_the_name_is_not_taken_for_dbmates() {
    let history = [vec![Some("1".to_owned()), Some("f".to_owned())]];
    let failure = Dbmate.assess(&site(Engine::Postgres), &read(&["1_a.sql"]), &history).unwrap_err();
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("golang-migrate")), "{failure}");
}

#[test]
fn the_history_is_in_the_first_schema_of_the_url() {
    assert_eq!(Dbmate.schema_in(" app , public").as_deref(), Some("app"));
    assert_eq!(Dbmate.schema_in("$user").as_deref(), Some("$user"));
    assert_eq!(Dbmate.schema_in(",public"), None);
}

fn wishes(engine: Engine, variables: &[(&str, &str)]) -> Result<Wishes> {
    let environment: Environment = variables.iter().copied().collect();
    Dbmate.wishes(&Told { environment: &environment, ..told(engine) })
}

#[test]
fn variables_are_read_as_dbmate_reads_them() {
    assert_eq!(wishes(Engine::Postgres, &[("DBMATE_STRICT", "")]).unwrap(), Wishes::default());
    let directory = wishes(Engine::Sqlite, &[("DBMATE_MIGRATIONS_DIR", "db/own")]).unwrap().directory;
    assert_eq!(directory, Some(PathBuf::from("db/own")));
    let strict = |text| wishes(Engine::MySql, &[("DBMATE_STRICT", text)]).map(|said| said.out_of_order);
    assert_eq!(strict("T").unwrap(), Some(OutOfOrder::Fail));
    assert_eq!(strict("false").unwrap(), Some(OutOfOrder::Apply));
    assert_eq!(strict("yes").unwrap_err().exit, Exit::Usage);
    assert_eq!(wishes(Engine::Sqlite, &[("DBMATE_MIGRATIONS_DIR", "a,b")]).unwrap_err().exit, Exit::Usage);
}

#[test]
fn a_dot_divides_the_tables_name_on_postgresql_alone() {
    let table =
        |engine, name| wishes(engine, &[("DBMATE_MIGRATIONS_TABLE", name)]).unwrap().history_table.unwrap();
    let named = |schema: Option<&str>, name: &str| TableName {
        schema: schema.map(str::to_owned),
        name: name.to_owned(),
    };
    assert_eq!(table(Engine::Postgres, "App.Done"), named(Some("App"), "Done"));
    assert_eq!(table(Engine::Postgres, ".done"), named(None, "done"));
    assert_eq!(table(Engine::MySql, "app.done"), named(None, "app.done"));
}

#[test]
fn what_was_finished_by_hand_is_recorded_once() {
    let migrations = read(&["1_a.sql", "2_b.sql"]);
    let history = [vec![Some("1".to_owned())]];
    let resolve = |resolution, id| {
        Dbmate.resolve(
            &site(Engine::Postgres),
            &Amendment { resolution, id, migrations: &migrations, history: &history },
        )
    };
    assert_eq!(resolve(Resolution::Applied, "2").unwrap().len(), 1);
    assert_eq!(resolve(Resolution::Applied, "1").unwrap_err().exit, Exit::Data);
    assert_eq!(resolve(Resolution::Applied, "2_b").unwrap_err().exit, Exit::Data);
    assert_eq!(resolve(Resolution::RolledBack, "2").unwrap_err().exit, Exit::Usage);
}
