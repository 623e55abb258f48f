//! What goose's own source says, on data alone.

use std::path::Path;

use super::Goose;
use super::files::version;
use crate::engine::{Engine, LockKey};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::format::testing::{files, site_of, step, told};
use crate::format::{Assessment, Atomicity, Format, Migration, OutOfOrder, Told, Wishes};

const UP: &str = "-- +goose Up\nSELECT 1;\n";

fn read(names: &[(&str, &str)]) -> Vec<Migration> {
    Goose.read(&files(names), &told(Engine::Postgres)).unwrap()
}

fn assess(rows: &[(i64, bool)]) -> Assessment {
    let migrations = read(&[("1_a.sql", UP), ("00002_b.sql", UP), ("10_c.sql", UP)]);
    let row = |(version, applied): &(i64, bool)| {
        vec![Some(version.to_string()), Some(i64::from(*applied).to_string()), Some("0".into())]
    };
    let history: Vec<_> = rows.iter().map(row).collect();
    Goose.assess(&site_of(Engine::Postgres, "goose_db_version"), &migrations, &history).unwrap()
}

fn applied(seen: &Assessment) -> Vec<&str> {
    seen.applied.iter().map(|applied| applied.id.as_str()).collect()
}

#[test]
fn versions_stand_before_the_first_underscore_and_are_greater_than_zero() {
    assert_eq!(version("00012_a_b.sql"), Ok(12));
    for name in ["a.sql", "x1_a.sql", "0_a.sql", "-1_a.sql", "9223372036854775808_a.sql", "_a.sql"] {
        assert!(version(name).is_err(), "{name}");
    }
}

#[test]
fn statements_are_parts_with_their_lines() {
    let [migration] = &read(&[("7_a.sql", "-- +goose Up\n\nSELECT 1;\nSELECT\n2;\n")])[..] else {
        panic!("one")
    };
    let parts: Vec<_> = migration.parts.iter().map(|part| (part.line, part.sql.as_str())).collect();
    assert_eq!(parts, [(3, "SELECT 1;"), (4, "SELECT\n2;")]);
    assert_eq!((migration.id.as_str(), migration.no_transaction), ("7", false));
}

#[test]
fn variables_come_from_the_environment_and_messages_show_their_names() {
    let text = "-- +goose ENVSUB ON\n-- +goose Up\nSELECT '$TOKEN', '${EMPTY-x}', '$NONE';\n";
    let environment: Environment = [("TOKEN", "geheim"), ("EMPTY", "")].into_iter().collect();
    let told = Told { environment: &environment, ..told(Engine::Postgres) };
    let migration = Goose.read(&files(&[("1_a.sql", text)]), &told).unwrap().remove(0);
    let [part] = &migration.parts[..] else { panic!("one") };
    assert_eq!(part.sql, "SELECT 'geheim', '', '';");
    assert_eq!(part.shown(), "SELECT '$TOKEN', '${EMPTY-x}', '$NONE';");
}

#[test]
fn what_cannot_be_run_is_said_of_the_file_and_not_before_it_is_its_turn() {
    let migrations = read(&[
        ("1_a.sql", "-- +goose Up\n\nSELECT 1\n"),
        ("2_b.go", "package migrations"),
        ("2_b_test.go", "package migrations"),
        ("helpers.go", "package migrations"),
    ]);
    let [broken, go] = &migrations[..] else { panic!("{migrations:?}") };
    assert!(broken.unusable.as_deref().unwrap().starts_with("line 3: "), "{broken:?}");
    assert!(go.unusable.as_deref().unwrap().contains("Go migration"), "{go:?}");
}

#[test]
fn a_name_without_a_version_and_a_version_that_stands_twice_are_refused() {
    let refused = |names: &[(&str, &str)]| Goose.read(&files(names), &told(Engine::Sqlite)).unwrap_err();
    let failure = refused(&[("schema.sql", UP)]);
    assert!(failure.exit == Exit::Data && failure.reason().contains("schema.sql"), "{failure}");
    let failure = refused(&[("1_a.sql", UP), ("0001_b.go", "")]);
    assert!(failure.reason().contains("1_a.sql") && failure.reason().contains("0001_b.go"), "{failure}");
}

#[test]
fn only_the_directory_itself_is_read() {
    assert!(read(&[("sub/1_a.sql", UP), ("1_a.SQL", UP), ("1_a.txt", UP)]).is_empty());
}

#[test]
fn its_directives_tell_it_from_others() {
    for (name, text, its) in [
        ("1_a.sql", UP, true),
        ("1_a.sql", "-- comment\n-- +GOOSE up\n", false),
        ("1_a.sql", "-- comment\n-- +goose up\n", true),
        ("1_a.sql", "SELECT 1;", false),
        ("a.sql", UP, false),
        ("1_a.go", "import \"github.com/pressly/goose/v3\"", true),
        ("1_a.go", "package main", false),
    ] {
        assert_eq!(Goose.recognises(&files(&[(name, text)])), its, "{name}: {text}");
    }
}

#[test]
fn the_newest_row_of_a_version_says_whether_it_is_applied() {
    let seen = assess(&[(0, true), (1, true), (2, true), (1, false), (2, false), (1, true)]);
    assert_eq!(applied(&seen), ["1"]);
    assert_eq!(seen.pending, ["2", "10"]);
    assert!(seen.late.is_empty());
    assert_eq!(seen.applied[0].at.as_deref(), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn what_is_smaller_than_the_greatest_that_is_applied_is_late() {
    let seen = assess(&[(0, true), (2, true)]);
    assert_eq!((seen.pending, seen.late), (vec!["1".to_owned(), "10".into()], vec!["1".to_owned()]));
    assert_eq!(Goose.habits(Engine::MySql).out_of_order, OutOfOrder::Fail);
}

#[test]
fn what_is_not_on_disk_is_missing_and_the_first_row_is_not() {
    let seen = assess(&[(0, true), (1, true), (2, true), (10, true), (11, true)]);
    assert_eq!((seen.missing.as_slice(), seen.missing_are_newer), (&["11".to_owned()][..], true));
    let seen = assess(&[(0, true), (1, true), (5, true)]);
    assert_eq!((seen.missing.as_slice(), seen.missing_are_newer), (&["5".to_owned()][..], false));
    assert!(!Goose.habits(Engine::Postgres).fails_on_missing);
}

#[test]
fn its_variables_name_files_and_table() {
    let environment: Environment =
        [("GOOSE_MIGRATION_DIR", "db/goose"), ("GOOSE_TABLE", "ops.versions")].into_iter().collect();
    let wishes = |engine| Goose.wishes(&Told { environment: &environment, ..told(engine) }).unwrap();
    let on_postgres = wishes(Engine::Postgres);
    assert_eq!(on_postgres.directory.as_deref(), Some(Path::new("db/goose")));
    assert_eq!(on_postgres.history_table.unwrap().to_string(), "ops.versions");
    assert_eq!(wishes(Engine::Sqlite).history_table.unwrap().schema, None);
    assert_eq!(Goose.wishes(&told(Engine::MySql)).unwrap(), Wishes::default());
}

#[test]
fn the_lock_is_the_one_of_its_session_locker() {
    let keys = |engine| Goose.lock_keys(&site_of(engine, "goose_db_version"));
    assert_eq!(keys(Engine::Postgres), [LockKey::Number(4_097_083_626)]);
    assert_eq!((keys(Engine::MySql), keys(Engine::Sqlite)), (vec![], vec![]));
}

#[test]
fn a_step_is_one_transaction_unless_the_file_says_otherwise() {
    for engine in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
        let together = step(&Goose, engine, &read(&[("1_a.sql", UP)])[0], false).unwrap();
        assert_eq!(together.atomicity, Atomicity::Together);
        assert!(together.mark.is_empty() && together.before.is_empty() && together.failed.is_empty());
        let [first, row] = &together.after[..] else { panic!("{together:?}") };
        assert!(first.sql.contains("WHERE NOT EXISTS") && row.sql.ends_with("VALUES (?, true)"));
        let marked = format!("-- +goose NO TRANSACTION\n{UP}");
        let apart = step(&Goose, engine, &read(&[("1_a.sql", &marked)])[0], false).unwrap();
        assert_eq!(apart.atomicity, Atomicity::Apart);
    }
}
