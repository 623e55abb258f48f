use super::Diesel;
use crate::engine::{Engine, Row, Value};
use crate::exit::{Exit, Result};
use crate::format::testing::{self, site, step, told};
use crate::format::{Amendment, Atomicity, Files, Format, Migration, Parameter, Resolution};

/// The file F of the published test vectors.
const F: &str = "CREATE TABLE t (id INT);\n";

fn files(contents: &[(&str, &str)]) -> Files {
    let mut files = testing::files(contents);
    let parents = files.contents.keys().filter_map(|path| path.parent().map(Into::into));
    files.directories = parents.collect();
    files
}

fn try_read(contents: &[(&str, &str)], engine: Engine) -> Result<Vec<Migration>> {
    Diesel.read(&files(contents), &told(engine))
}

fn read(contents: &[(&str, &str)]) -> Vec<Migration> {
    try_read(contents, Engine::Postgres).unwrap()
}

fn row(version: &str) -> Row {
    vec![Some(version.into()), Some("0".into())]
}

#[test]
fn a_version_is_what_stands_before_the_first_underscore_without_hyphens() {
    let migrations = read(&[
        ("2024-01-02-030405-0000_add_orders/up.sql", F),
        ("20230102030405_users/up.sql", F),
        ("3/up.sql", F),
        ("00000000000000_diesel_initial_setup/up.sql", F),
    ]);
    let ids: Vec<_> = migrations.iter().map(|migration| migration.id.as_str()).collect();
    assert_eq!(ids, ["00000000000000", "20230102030405", "202401020304050000", "3"], "sorted as text");
    assert_eq!(migrations[1].file.to_str(), Some("migrations/20230102030405_users/up.sql"));
    assert_eq!(migrations[1].parts[0].sql, F);
}

#[test]
fn the_same_version_written_twice_is_refused() {
    let failure = try_read(&[("2024-01_a/up.sql", F), ("202401_b/up.sql", F)], Engine::Sqlite).unwrap_err();
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.reason().ends_with("have the same version 202401"), "{failure}");
}

#[test]
fn a_directory_without_a_script_is_refused_by_name() {
    let mut files = files(&[("1_a/up.sql", F)]);
    files.directories.insert("2_b".into());
    files.directories.insert("1_a/deeper".into());
    let failure = Diesel.read(&files, &told(Engine::MySql)).unwrap_err();
    assert!(failure.reason().contains("migrations/2_b/up.sql"), "{failure}");
}

#[test]
fn a_script_that_diesel_would_not_run_matters_only_where_it_is_pending() {
    let call = "SELECT diesel_manage_updated_at(name) FROM sqlite_schema;\n";
    let migrations = try_read(&[("1_a/up.sql", ""), ("2_b/up.sql", call)], Engine::Sqlite).unwrap();
    assert!(migrations[0].unusable.as_ref().unwrap().starts_with("it is empty"));
    assert!(migrations[1].unusable.as_ref().unwrap().starts_with("line 1: "));
}

#[test]
fn metadata_decides_whether_script_and_row_share_a_transaction() {
    let migrations = read(&[
        ("1_a/up.sql", F),
        ("2_b/up.sql", F),
        ("2_b/metadata.toml", "run_in_transaction = false\n"),
        ("3_c/up.sql", F),
        ("3_c/metadata.toml", ""),
        ("4_d/up.sql", F),
        ("4_d/metadata.toml", "run_in_transaction = true\n"),
    ]);
    let together = |migration| {
        step(&Diesel, Engine::Postgres, migration, false).unwrap().atomicity == Atomicity::Together
    };
    assert_eq!(migrations.iter().map(together).collect::<Vec<_>>(), [true, false, false, true]);
}

#[test]
fn the_row_comes_after_the_script_and_a_failure_leaves_none() {
    let [migration] = &read(&[("2024-01-02_a/up.sql", F)])[..] else { panic!("one") };
    let step = step(&Diesel, Engine::Sqlite, migration, false).unwrap();
    assert_eq!(step.after[0].sql, "INSERT INTO {table} (version) VALUES (?)");
    assert_eq!(step.after[0].params, [Parameter::Fixed(Value::Text("20240102".into()))]);
    let others = [&step.mark, &step.before, &step.finally, &step.failed, &step.undo];
    assert!(others.iter().all(|entries| entries.is_empty()));
    assert_eq!(Diesel.lock_keys(&site(Engine::Postgres)), [], "Diesel locks nothing");
}

#[test]
fn history_and_files_are_held_against_each_other() {
    let migrations = read(&[("1_a/up.sql", F), ("2_b/up.sql", F), ("4_d/up.sql", F)]);
    let history = [row("1"), row("3")];
    let seen = Diesel.assess(&site(Engine::Postgres), &migrations, &history).unwrap();
    assert_eq!((&seen.pending[..], &seen.late[..]), (&["2".into(), "4".into()][..], &["2".into()][..]));
    assert_eq!((&seen.missing[..], seen.missing_are_newer), (&["3".into()][..], false));
    assert_eq!(seen.applied[0].at.as_deref(), Some("1970-01-01T00:00:00Z"));
    let seen = Diesel.assess(&site(Engine::Postgres), &migrations, &[row("4"), row("5")]).unwrap();
    assert!(seen.missing_are_newer, "an old image on a newer database");
    assert!(Diesel.assess(&site(Engine::Postgres), &migrations, &[vec![None, None]]).is_err());
}

#[test]
fn its_layout_is_a_directory_with_a_script_for_the_way_up() {
    assert!(Diesel.recognises(&files(&[("1_a/up.sql", F)])));
    assert!(!Diesel.recognises(&files(&[("1_a/migration.sql", F)])));
    assert!(!Diesel.recognises(&files(&[("up.sql", F), ("1_a/b/up.sql", F)])));
    for (path, wanted) in [("1_a/up.sql", true), ("1_a/metadata.toml", true), ("1_a/down.sql", false)] {
        assert_eq!(Diesel.wants(path.as_ref()), wanted, "{path}");
    }
}

#[test]
fn a_migration_finished_by_hand_can_be_recorded_once() {
    let migrations = read(&[("1_a/up.sql", F)]);
    let resolve = |resolution, id, history: &[Row]| {
        Diesel.resolve(&site(Engine::MySql), &Amendment { resolution, id, migrations: &migrations, history })
    };
    assert_eq!(resolve(Resolution::Applied, "1", &[]).unwrap().len(), 1);
    assert_eq!(resolve(Resolution::Applied, "1", &[row("1")]).unwrap_err().exit, Exit::Data);
    assert_eq!(resolve(Resolution::Applied, "1_a", &[]).unwrap_err().exit, Exit::Data);
    assert_eq!(resolve(Resolution::RolledBack, "1", &[]).unwrap_err().exit, Exit::Usage);
}
