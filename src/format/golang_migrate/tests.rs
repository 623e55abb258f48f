//! What golang-migrate's own source says, on data alone.

use super::GolangMigrate;
use crate::engine::{Engine, LockKey, Value};
use crate::exit::Exit;
use crate::format::testing::{files, site, site_of, told};
use crate::format::{
    Amendment, Assessment, Atomicity, Entry, Format, Migration, OutOfOrder, Resolution, Step, Told, Turn,
};

fn read(names: &[(&str, &str)]) -> Vec<Migration> {
    GolangMigrate.read(&files(names), &told(Engine::Postgres)).unwrap()
}

/// Versions 1, 2, which has only a way down, and 10.
fn three() -> Vec<Migration> {
    read(&[
        ("10_c.up.sql", "SELECT 10;"),
        ("1_a.up.sql", "SELECT 1;"),
        ("1_a.down.sql", "SELECT -1;"),
        ("2_b.down.sql", "SELECT -2;"),
    ])
}

fn assess(version: &str, dirty: &str) -> Assessment {
    let row = vec![Some(version.to_owned()), Some(dirty.to_owned())];
    GolangMigrate.assess(&site_of(Engine::Postgres, "schema_migrations"), &three(), &[row]).unwrap()
}

fn applied(seen: &Assessment) -> Vec<&str> {
    seen.applied.iter().map(|applied| applied.id.as_str()).collect()
}

fn step(engine: Engine, sql: &str) -> Step {
    let migration = read(&[("3_c.up.sql", sql)]).remove(0);
    let turn = Turn { migration: &migration, resumed: false, previous: Some("2") };
    GolangMigrate.step(&site_of(engine, "schema_migrations"), &turn).unwrap()
}

#[test]
fn lock_keys_are_golang_migrate_s() {
    let keys = |engine| GolangMigrate.lock_keys(&site_of(engine, "schema_migrations"));
    assert_eq!(keys(Engine::Postgres), [LockKey::Number(1_726_534_663), LockKey::Number(1_787_120_056)]);
    assert_eq!(keys(Engine::MySql), [LockKey::Name("2938252834".into())]);
    assert_eq!(keys(Engine::Sqlite), []);
    let other = GolangMigrate.lock_keys(&site_of(Engine::MySql, "done"));
    assert_ne!(other, keys(Engine::MySql), "the table is part of the key");
}

#[test]
fn versions_are_read_in_their_order_and_one_without_a_way_up_is_there_and_empty() {
    let migrations = three();
    let seen: Vec<_> = migrations
        .iter()
        .map(|migration| (migration.id.as_str(), migration.parts.len(), migration.file.display().to_string()))
        .collect();
    assert_eq!(
        seen,
        [
            ("1", 1, "migrations/1_a.up.sql".to_owned()),
            ("2", 0, "migrations/2_b.down.sql".to_owned()),
            ("10", 1, "migrations/10_c.up.sql".to_owned()),
        ]
    );
}

#[test]
fn a_version_that_stands_twice_in_one_direction_is_refused_by_name() {
    for twice in [["1_a.up.sql", "01_b.up.sql"], ["1_a.down.sql", "1_a.down.pgsql"]] {
        let failure =
            GolangMigrate.read(&files(&twice.map(|name| (name, ""))), &told(Engine::Sqlite)).unwrap_err();
        assert_eq!(failure.exit, Exit::Data);
        assert!(twice.iter().all(|name| failure.reason().contains(name)), "{failure}");
    }
}

#[test]
fn a_version_that_the_table_cannot_hold_is_unusable() {
    let migrations = read(&[("9223372036854775807_a.up.sql", ""), ("9223372036854775808_b.up.sql", "")]);
    let unusable: Vec<bool> = migrations.iter().map(|migration| migration.unusable.is_some()).collect();
    assert_eq!(unusable, [false, true]);
}

#[test]
fn a_script_is_cut_at_semicolons_only_where_that_is_asked_of_postgresql() {
    let cut = |engine| {
        let told = Told { multi_statement: true, ..told(engine) };
        let migrations = GolangMigrate.read(&files(&[("1_a.up.sql", "SELECT 1;\nSELECT 2;")]), &told);
        migrations.unwrap().remove(0)
    };
    assert_eq!(cut(Engine::MySql).parts.len(), 1);
    let migration = cut(Engine::Postgres);
    assert_eq!(migration.parts.len(), 2);
    let turn = Turn { migration: &migration, resumed: false, previous: None };
    let step = GolangMigrate.step(&site_of(Engine::Postgres, "schema_migrations"), &turn).unwrap();
    assert_eq!(step.atomicity, Atomicity::Apart);
}

#[test]
fn sqlite_s_transaction_is_left_out_only_where_that_is_asked() {
    for (engine, asked, expected) in [
        (Engine::Sqlite, true, Atomicity::Apart),
        (Engine::Sqlite, false, Atomicity::Together),
        (Engine::Postgres, true, Atomicity::Together),
    ] {
        let told = Told { no_tx_wrap: asked, ..told(engine) };
        let migration = GolangMigrate.read(&files(&[("1_a.up.sql", "SELECT 1;")]), &told).unwrap().remove(0);
        let turn = Turn { migration: &migration, resumed: false, previous: None };
        let step = GolangMigrate.step(&site_of(engine, "schema_migrations"), &turn).unwrap();
        assert_eq!(step.atomicity, expected, "{engine:?}");
    }
}

#[test]
fn everything_up_to_the_row_counts_as_applied_and_nothing_is_ever_late() {
    let seen = assess("2", "0");
    assert_eq!(applied(&seen), ["1", "2"]);
    assert_eq!(seen.pending, ["10"]);
    assert!(seen.late.is_empty() && seen.missing.is_empty() && seen.unfinished.is_empty());
    assert_eq!(GolangMigrate.habits(Engine::Postgres).out_of_order, OutOfOrder::Skip);
}

#[test]
fn without_a_row_everything_is_pending() {
    let site = site_of(Engine::Postgres, "schema_migrations");
    let seen = GolangMigrate.assess(&site, &three(), &[]).unwrap();
    assert_eq!(seen.pending, ["1", "2", "10"]);
    assert!(seen.applied.is_empty());
}

#[test]
fn a_version_that_is_not_on_disk_is_missing_and_newer_only_if_it_is_the_greatest() {
    let between = assess("5", "0");
    assert_eq!((between.missing.as_slice(), between.missing_are_newer), (&["5".to_owned()][..], false));
    assert_eq!(between.pending, ["10"]);
    let ahead = assess("11", "0");
    assert_eq!((ahead.missing.as_slice(), ahead.missing_are_newer), (&["11".to_owned()][..], true));
    assert_eq!(applied(&ahead), ["1", "2", "10", "11"]);
    assert!(ahead.pending.is_empty());
}

#[test]
fn a_dirty_row_is_a_migration_that_was_begun_and_that_only_a_person_can_judge() {
    let seen = assess("2", "1");
    assert_eq!(applied(&seen), ["1"]);
    assert_eq!(seen.pending, ["10"]);
    let [unfinished] = &seen.unfinished[..] else { panic!("one") };
    assert!(unfinished.id == "2" && !unfinished.may_resume && unfinished.error.is_none());
    assert_eq!(assess("-1", "1").unfinished[0].id, "-1");
}

#[test]
fn a_row_of_another_tool_is_refused() {
    let site = site_of(Engine::Postgres, "schema_migrations");
    let row = vec![Some("20250101".to_owned()), None];
    assert_eq!(GolangMigrate.assess(&site, &three(), &[row]).unwrap_err().exit, Exit::Data);
}

#[test]
fn a_migration_is_marked_dirty_before_it_runs_and_clean_with_it() {
    let step = step(Engine::Postgres, "CREATE TABLE t (a INT);");
    assert_eq!(step.atomicity, Atomicity::Together);
    let row = |sql: &str, version| Entry::fixed(sql, [Value::Int(version)]);
    let nothing = Entry::fixed("DELETE FROM {table}", []);
    let insert = "INSERT INTO {table} (version, dirty) VALUES (?, true)";
    assert_eq!(step.mark, [nothing.clone(), row(insert, 3)]);
    assert_eq!(step.after.last(), Some(&row("UPDATE {table} SET dirty = false WHERE version = ?", 3)));
    assert_eq!(step.failed, step.mark, "whatever the script made of the row");
    let insert = "INSERT INTO {table} (version, dirty) VALUES (?, false)";
    assert_eq!(step.undo, [nothing, row(insert, 2)], "as it was");
}

#[test]
fn what_stood_first_is_taken_back_to_no_row_at_all() {
    let migration = three().remove(0);
    let turn = Turn { migration: &migration, resumed: false, previous: None };
    let step = GolangMigrate.step(&site_of(Engine::Sqlite, "schema_migrations"), &turn).unwrap();
    assert_eq!(step.undo, [Entry::fixed("DELETE FROM {table}", [])]);
}

#[test]
fn a_script_shares_a_transaction_with_its_mark_where_the_tool_s_is_one() {
    let alone = |engine, sql| step(engine, sql).atomicity == Atomicity::Apart;
    assert!(alone(Engine::MySql, "SELECT 1"));
    assert!(!alone(Engine::Sqlite, "SELECT 1; SELECT 2"));
    assert!(alone(Engine::Postgres, "BEGIN; SELECT 1; COMMIT;"));
    assert!(alone(Engine::Postgres, "CREATE INDEX CONCURRENTLY i ON t (a)"));
    assert!(!alone(Engine::Postgres, "SELECT 1; SELECT 2;"));
}

#[test]
fn files_with_a_direction_are_its_own_unless_others_have_none() {
    let recognised = |names: &[&str]| {
        let contents: Vec<_> = names.iter().map(|name| (*name, "SELECT 1;")).collect();
        GolangMigrate.recognises(&files(&contents))
    };
    assert!(recognised(&["1_a.up.sql"]) && recognised(&["1_a.down.pgsql", "README.md", "notes.sql"]));
    assert!(!recognised(&["1_a.sql"]) && !recognised(&["1_a.up.sql", "2_b.sql"]));
    let goose = files(&[("1_a.up.sql", "-- +goose Up\nSELECT 1;")]);
    assert!(!GolangMigrate.recognises(&goose));
}

fn resolved(resolution: Resolution, id: &str, row: Option<(&str, &str)>) -> Result<Vec<Entry>, String> {
    let history: Vec<_> = row
        .map(|(version, dirty)| vec![Some(version.to_owned()), Some(dirty.to_owned())])
        .into_iter()
        .collect();
    GolangMigrate
        .resolve(
            &site(Engine::Postgres),
            &Amendment { resolution, id, migrations: &three(), history: &history },
        )
        .map_err(|failure| failure.reason())
}

#[test]
fn what_failed_is_resolved_as_force_would() {
    let versions = |entries: Result<Vec<Entry>, String>| {
        entries.map(|entries| entries.last().map(|entry| entry.params.len()))
    };
    let last = |entries: Result<Vec<Entry>, String>| entries.unwrap().pop().unwrap();
    let clean = |version| {
        Entry::fixed("INSERT INTO {table} (version, dirty) VALUES (?, false)", [Value::Int(version)])
    };
    assert_eq!(last(resolved(Resolution::Applied, "10", Some(("10", "1")))), clean(10));
    assert_eq!(last(resolved(Resolution::RolledBack, "10", Some(("10", "1")))), clean(2));
    assert_eq!(last(resolved(Resolution::Applied, "2", None)), clean(2), "a baseline");
    let first = resolved(Resolution::RolledBack, "1", Some(("1", "1")));
    assert_eq!(versions(first), Ok(Some(0)), "no row is left");
}

#[test]
fn what_did_not_fail_is_not_resolved() {
    for (resolution, id, row, why) in [
        (Resolution::Applied, "1", Some(("10", "1")), "is not the one that failed"),
        (Resolution::RolledBack, "1", Some(("10", "1")), "is not the one that failed"),
        (Resolution::Applied, "1", Some(("2", "0")), "already recorded"),
        (Resolution::Applied, "7", None, "is not on disk"),
        (Resolution::RolledBack, "2", Some(("2", "0")), "not in a failed state"),
    ] {
        let refused = resolved(resolution, id, row).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
