//! What Flyway does, from files and rows alone.

use super::Flyway;
use crate::engine::Engine::{self, MySql, Postgres, Sqlite};
use crate::engine::{Facts, LockKey, Row, TableName};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::format::testing::{self, files, site_of, told};
use crate::format::{
    Assessment, Atomicity, Files, Format, Migration, OutOfOrder, Resolution, Site, Told, Turn,
};

mod policies;
mod rows;

const TABLE: &str = "flyway_schema_history";

/// The variables castoff would find.
fn told_by(engine: Engine, variables: &[(&str, &str)]) -> Told<'static> {
    let environment: Environment = variables.iter().copied().collect();
    Told { environment: Box::leak(Box::new(environment)), ..told(engine) }
}

fn read(contents: &[(&str, &str)]) -> Vec<Migration> {
    Flyway.read(&files(contents), &told(Postgres)).unwrap()
}

fn refusal(contents: &[(&str, &str)]) -> Failure {
    Flyway.read(&files(contents), &told(Postgres)).unwrap_err()
}

fn ids(list: &[Migration]) -> Vec<&str> {
    list.iter().map(|entry| entry.id.as_str()).collect()
}

/// A row as the ledger reads it: version, description, type, checksum, success.
fn row(rank: i32, version: &str, description: &str, kind: &str, checksum: Option<i32>, success: bool) -> Row {
    let version = (!version.is_empty()).then(|| version.to_owned());
    let success = if success { "1" } else { "0" };
    vec![
        Some(rank.to_string()),
        version,
        Some(description.into()),
        Some(kind.into()),
        checksum.map(|checksum| checksum.to_string()),
        Some(success.into()),
        Some("0".into()),
    ]
}

/// The row of a file that was applied as it is.
fn applied(rank: i32, list: &[Migration], id: &str) -> Row {
    let migration = list.iter().find(|entry| entry.id == id).unwrap();
    let (version, kind) = match id.strip_prefix('B') {
        Some(version) => (version, "SQL_BASELINE"),
        None if id.starts_with("R__") => ("", "SQL"),
        None => (id, "SQL"),
    };
    let checksum = super::kept::Kept::of(migration).unwrap().written(&testing::site(Postgres));
    row(rank, version, &migration.description, kind, Some(checksum), true)
}

fn assess(list: &[Migration], history: &[Row]) -> Assessment {
    Flyway.assess(&site_of(Postgres, TABLE), list, history).unwrap()
}

fn step_of(engine: Engine, list: &[Migration], id: &str) -> crate::format::Step {
    let migration = list.iter().find(|entry| entry.id == id).unwrap();
    let turn = Turn { migration, resumed: false, previous: None };
    Flyway.step(&site_of(engine, TABLE), &turn).unwrap()
}

#[test]
fn the_keys_are_flyway_s() {
    let keys = |engine| Flyway.lock_keys(&site_of(engine, TABLE));
    assert_eq!(keys(Postgres), [LockKey::Number(77_433_833_903_597)]);
    assert_eq!(keys(MySql), [LockKey::Name("Flyway--320650056".into())]);
    assert_eq!(keys(Sqlite), []);
    let table = TableName { schema: Some("audit".into()), name: TABLE.into() };
    let elsewhere = Flyway.lock_keys(&Site { table: &table, ..site_of(Postgres, TABLE) });
    assert_ne!(elsewhere, keys(Postgres));
}

#[test]
fn versions_come_first_and_repeatables_last_by_description() {
    let list = read(&[
        ("R__b_view.sql", "SELECT 1"),
        ("V10__ten.sql", "SELECT 1"),
        ("sub/V1_2__one.two.sql", "SELECT 1"),
        ("sub/deeper/V2__two.sql", "SELECT 1"),
        ("R__a_view.sql", "SELECT 1"),
        ("B2__both.sql", "SELECT 1"),
    ]);
    assert_eq!(ids(&list), ["1.2", "B2", "2", "10", "R__a_view", "R__b_view"]);
    let described: Vec<_> = list.iter().map(|entry| entry.description.as_str()).collect();
    assert_eq!(described, ["one.two", "both", "two", "ten", "a view", "b view"]);
}

#[test]
fn what_is_there_twice_names_both_files() {
    for contents in [
        [("a/V1__x.sql", ""), ("b/V1_0__y.sql", "")],
        [("a/R__x_y.sql", ""), ("b/R__x y.sql", "")],
        [("a/beforeMigrate.sql", ""), ("b/beforeMigrate.sql", "")],
    ] {
        let failure = refusal(&contents);
        assert_eq!(failure.exit, Exit::Data);
        let said = failure.to_string();
        assert!(contents.iter().all(|(name, _)| said.contains(name)), "{said}");
    }
    assert_eq!(read(&[("V1__x.sql", ""), ("B1__x.sql", "")]).len(), 2);
}

#[test]
fn java_is_refused_by_name_and_only_where_it_is_pending() {
    let list = read(&[("V1__a.sql", "SELECT 1"), ("V2__B.java", ""), ("V2__B.class", ""), ("V3__c.sh", "")]);
    assert_eq!(ids(&list), ["1", "2", "3"]);
    assert!(list[1].unusable.as_deref().unwrap().contains("Java"));
    assert!(list[2].unusable.as_deref().unwrap().contains("script"));
    let history = [applied(1, &list, "1"), row(2, "2", "B", "JDBC", None, true)];
    let seen = assess(&list, &history);
    assert_eq!((seen.pending, seen.edited, seen.missing), (vec!["3".to_owned()], vec![], vec![]));
    for callback in ["beforeMigrate.kt", "Audit.class", "callbacks.jar"] {
        let failure = refusal(&[("V1__a.sql", ""), (callback, "")]);
        assert!(failure.to_string().contains(callback) && failure.exit == Exit::Data, "{failure}");
    }
    assert_eq!(read(&[("V1__a.sql", ""), ("seed.sh", "")]).len(), 1);
}

#[test]
fn callbacks_stand_where_their_moment_is() {
    let list = read(&[
        ("afterMigrate.sql", "SELECT 9"),
        ("beforeMigrate__b.sql", "SELECT 2"),
        ("beforeMigrate__a.sql", "SELECT 1"),
        ("beforeRepeatables.sql", "SELECT 6"),
        ("afterVersioned.sql", "SELECT 5"),
        ("beforeEachMigrate.sql", "SELECT 'before'"),
        ("afterEachMigrate.sql", "SELECT 'after'"),
        ("beforeClean.sql", "DROP TABLE x"),
        ("V1__x.sql", "SELECT 3"),
        ("R__y.sql", "SELECT 7"),
    ]);
    let order = [
        "beforeMigrate__a",
        "beforeMigrate__b",
        "1",
        "afterVersioned",
        "beforeRepeatables",
        "R__y",
        "afterMigrate",
    ];
    assert_eq!(ids(&list), order);
    let parts: Vec<_> = list[2].parts.iter().map(|part| (part.sql.as_str(), part.file.is_some())).collect();
    assert_eq!(parts, [("SELECT 'before'", true), ("SELECT 3", false), ("SELECT 'after'", true)]);
    let seen = assess(&list, &[]);
    assert_eq!(seen.pending, ["1", "R__y"]);
    assert_eq!(seen.accompanying.len(), 5);
    let seen = assess(&list, &[applied(1, &list, "R__y")]);
    assert!(!seen.accompanying.contains(&"beforeRepeatables".to_owned()));
    assert!(seen.accompanying.contains(&"afterVersioned".to_owned()));
    let callback = step_of(Postgres, &list, "beforeMigrate__a");
    assert!(!callback.is_recorded() && callback.atomicity == Atomicity::Together);
}

#[test]
fn a_callback_that_castoff_cannot_run_stops_what_is_pending() {
    let list = read(&[("afterMigrateError.sql", "SELECT 1"), ("V1__x.sql", "SELECT 1")]);
    assert_eq!(assess(&list, &[]).accompanying, ["afterMigrateError"]);
    assert!(list[0].unusable.as_deref().unwrap().contains("afterMigrateError"));
    let list = read(&[("beforeEachMigrate.sql", "SELECT '${none}'"), ("V1__x.sql", "SELECT 1")]);
    assert!(list[0].unusable.as_deref().unwrap().contains("beforeEachMigrate.sql: line 1: ${none}"));
    let skip = told_by(Postgres, &[("FLYWAY_SKIP_DEFAULT_CALLBACKS", "true")]);
    let list = Flyway.read(&files(&[("afterMigrateError.sql", ""), ("V1__x.sql", "")]), &skip).unwrap();
    assert_eq!(ids(&list), ["1"]);
}

#[test]
fn only_callbacks_are_no_migrations() {
    assert!(read(&[("beforeMigrate.sql", "SELECT 1")]).is_empty());
}

#[test]
fn a_missing_value_stops_what_is_pending_and_a_repeatable_at_once() {
    let list = read(&[("V1__x.sql", "SELECT 1;\nSELECT '${who}';")]);
    let why = list[0].unusable.as_deref().unwrap();
    assert!(why.starts_with("line 2: ${who} has no value; set FLYWAY_PLACEHOLDERS_WHO"), "{why}");
    let failure = refusal(&[("R__x.sql", "\n\nSELECT '${who}';")]);
    assert!(failure.to_string().contains("R__x.sql: line 3: ${who}"), "{failure}");
    let list = read(&[("V1__x.sql", "SELECT '${who}'"), ("V1__x.sql.conf", "placeholderReplacement=false")]);
    assert_eq!((list[0].unusable.as_deref(), list[0].parts[0].sql.as_str()), (None, "SELECT '${who}'"));
}

#[test]
fn what_the_database_knows_is_put_in_when_it_is_applied() {
    let list = read(&[("V1__x.sql", "CREATE TABLE ${flyway:defaultSchema}.t (a INT)")]);
    let step = step_of(Postgres, &list, "1");
    assert_eq!(step.migration.parts[0].sql, "CREATE TABLE public.t (a INT)");
    assert!(step.migration.parts[0].shown().contains("${flyway:defaultSchema}"));
}

#[test]
fn what_runs_outside_a_transaction_is_found_or_said() {
    let index = "CREATE INDEX CONCURRENTLY i ON t (a)";
    assert!(read(&[("V1__x.sql", index)])[0].no_transaction);
    let mixed = format!("SELECT 1;\n{index};");
    let why = read(&[("V1__x.sql", &mixed)])[0].unusable.clone().unwrap();
    assert!(why.starts_with("line 2: "), "{why}");
    let allowed = told_by(Postgres, &[("FLYWAY_MIXED", "true")]);
    let list = Flyway.read(&files(&[("V1__x.sql", &mixed)]), &allowed).unwrap();
    assert!(list[0].no_transaction && list[0].unusable.is_none());
    let list = read(&[("V1__x.sql", &mixed), ("V1__x.sql.conf", "executeInTransaction=false")]);
    assert!(list[0].no_transaction && list[0].unusable.is_none());
    let list = read(&[("V1__x.sql", index), ("V1__x.sql.conf", "executeInTransaction=true")]);
    assert!(!list[0].no_transaction);
    let never = told_by(Postgres, &[("FLYWAY_EXECUTE_IN_TRANSACTION", "false")]);
    assert!(Flyway.read(&files(&[("V1__x.sql", "SELECT 1")]), &never).unwrap()[0].no_transaction);
}

#[test]
fn a_value_is_added_to_a_type_in_a_transaction_from_postgres_12_on() {
    let list = read(&[("V1__x.sql", "ALTER TYPE mood ADD VALUE 'meh'")]);
    let turn = Turn { migration: &list[0], resumed: false, previous: None };
    let at = site_of(Postgres, TABLE);
    let facts = Facts { server_version: "11.22 (Debian)".into(), ..at.facts.clone() };
    assert_eq!(Flyway.step(&at, &turn).unwrap().atomicity, Atomicity::Together);
    let old = Site { facts: &facts, ..at };
    assert_eq!(Flyway.step(&old, &turn).unwrap().atomicity, Atomicity::Apart);
}

#[test]
fn the_layout_is_recognised_unless_the_files_carry_another_tool_s_directives() {
    let recognised = |contents: &[(&str, &str)]| Flyway.recognises(&files(contents));
    assert!(recognised(&[("V1__x.sql", "")]));
    assert!(recognised(&[("deep/er/R__x.sql", ""), ("README.md", "")]));
    assert!(recognised(&[("V1__X.java", "")]));
    assert!(!recognised(&[("1_x.sql", ""), ("beforeMigrate.sql", "")]));
    assert!(!recognised(&[("V1_x.sql", "")]));
    assert!(!recognised(&[("V1__x.sql", "-- +goose Up\nSELECT 1;")]));
    assert!(!Flyway.recognises(&Files::default()));
}

/// A replica that waits with mended rows does not take the failure of the others for its own.
#[test]
fn rows_tell_one_content_from_another() {
    let content = |rows: &str| {
        let script = format!("COPY t FROM stdin;\n{rows}\\.\n");
        read(&[("V1__x.sql", script.as_str())])[0].text()
    };
    assert_eq!(content("1\n"), content("1\n"));
    assert_ne!(content("1\n"), content("one\n"));
}
