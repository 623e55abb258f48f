use super::Refinery;
use crate::engine::{Engine, Row, Value};
use crate::exit::{Exit, Result};
use crate::format::testing::{files, site, step, told};
use crate::format::{Amendment, Atomicity, Clock, Format, Migration, Parameter, Resolution};

/// The file F of the published test vectors.
const F: &str = "CREATE TABLE t (id INT);\n";

fn try_read(contents: &[(&str, &str)]) -> Result<Vec<Migration>> {
    Refinery.read(&files(contents), &told(Engine::Postgres))
}

fn read(contents: &[(&str, &str)]) -> Vec<Migration> {
    try_read(contents).unwrap()
}

fn row(version: &str, name: &str, checksum: &str) -> Row {
    [version, name, "2026-01-02T03:04:05.6Z", checksum].map(|text| Some(text.to_owned())).to_vec()
}

/// The parameters that are text.
fn texts(params: &[Parameter]) -> Vec<&str> {
    let mut texts = Vec::new();
    for parameter in params {
        if let Parameter::Fixed(Value::Text(text)) = parameter {
            texts.push(text.as_str());
        }
    }
    texts
}

#[test]
fn files_of_every_directory_are_ordered_by_version() {
    let migrations = read(&[
        ("V10__last.sql", F),
        ("deep/er/V2__add_cars.sql", F),
        ("U3__free.sql", F),
        ("V1__init.sql", F),
        ("notes.sql", "not a migration"),
        ("V4_not_one.sql", "not a migration"),
    ]);
    let names: Vec<_> = migrations.iter().map(|it| (it.id.as_str(), it.description.as_str())).collect();
    assert_eq!(names, [("1", "init"), ("2", "add_cars"), ("3", "free"), ("10", "last")]);
    assert_eq!(migrations[0].checksum, 14_534_297_154_302_664_340_u64.to_be_bytes());
    assert_eq!(migrations[1].checksum, 1_400_439_292_116_786_763_u64.to_be_bytes());
}

#[test]
fn a_version_that_is_no_integer_and_one_that_comes_twice_are_refused() {
    for (contents, said) in [
        (&[("V1__a.sql", F), ("V1.2__b.sql", F)][..], "V1.2__b.sql"),
        (&[("V1__a.sql", F), ("sub/U01__b.sql", F)], "have the same version 1"),
        (&[("V1__a.sql", F), ("V1__a.rs", F)], "have the same version 1"),
    ] {
        let failure = try_read(contents).unwrap_err();
        assert!(failure.exit == Exit::Data && failure.reason().contains(said), "{failure}");
    }
}

#[test]
fn a_program_is_refused_by_name_where_it_is_pending() {
    let migrations =
        read(&[("V1__init.sql", F), ("V2__barrel.rs", "pub fn migration() -> String { barrel() }")]);
    assert!(migrations[1].unusable.as_ref().unwrap().starts_with("it is a Rust program"));
    let history = [row("1", "init", "14534297154302664340"), row("2", "barrel", "7")];
    let seen = Refinery.assess(&site(Engine::Postgres), &migrations, &history).unwrap();
    assert!(seen.edited.is_empty() && seen.pending.is_empty(), "only the tool knows its checksum");
}

#[test]
fn history_and_files_are_held_against_each_other() {
    let migrations = read(&[
        ("V1__init.sql", F),
        ("V2__late.sql", F),
        ("U3__free.sql", F),
        ("V4__d.sql", F),
        ("V9__new.sql", F),
    ]);
    let history = [row("1", "init", "14534297154302664340"), row("4", "d", "1"), row("5", "gone", "2")];
    let seen = Refinery.assess(&site(Engine::Postgres), &migrations, &history).unwrap();
    assert_eq!(seen.edited, ["4"]);
    assert_eq!((&seen.missing[..], seen.missing_are_newer), (&["5".to_owned()][..], false));
    assert_eq!(seen.pending, ["2", "3", "9"]);
    assert_eq!(seen.late, ["2"], "what is unversioned may come at any time");
    assert_eq!(seen.applied[0].at.as_deref(), Some("2026-01-02T03:04:05Z"));
}

#[test]
fn a_renamed_file_is_an_edited_one_and_a_wide_checksum_is_known() {
    let at = site(Engine::MySql);
    let init = [row("1", "init", "14534297154302664340")];
    let renamed = Refinery.assess(&at, &read(&[("V1__start.sql", F)]), &init).unwrap();
    assert_eq!(renamed.edited, ["1"]);
    let wide = [row("1", "u", "8041490726454550641")];
    let seen = Refinery.assess(&at, &read(&[("V1__u.sql", "CREATE TABLE u (id INT);\n")]), &wide).unwrap();
    assert!(seen.edited.is_empty());
}

#[test]
fn an_old_image_sees_that_everything_missing_is_newer() {
    let history = [row("1", "init", "14534297154302664340"), row("2", "next", "3")];
    let seen = Refinery.assess(&site(Engine::Sqlite), &read(&[("V1__init.sql", F)]), &history).unwrap();
    assert!(seen.missing_are_newer && seen.missing == ["2"]);
}

#[test]
fn a_row_at_which_refinery_would_panic_is_named() {
    let migrations = read(&[("V1__init.sql", F)]);
    for column in 1..4 {
        for wrong in [None, Some("x")] {
            // A name is any text.
            if (column, wrong) == (1, Some("x")) {
                continue;
            }
            let mut bad = row("12", "init", "1");
            bad[column] = wrong.map(str::to_owned);
            let failure = Refinery.assess(&site(Engine::Sqlite), &migrations, &[bad]).unwrap_err();
            assert!(failure.exit == Exit::Data && failure.reason().contains("version 12"), "{failure}");
        }
    }
}

#[test]
fn script_and_row_are_one_transaction_and_the_table_chooses_the_checksum() {
    let [migration] = &read(&[("V1__init.sql", F)])[..] else { panic!("one") };
    for engine in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
        let step = step(&Refinery, engine, migration, false).unwrap();
        assert_eq!(step.atomicity, Atomicity::Together);
        let [entry] = &step.after[..] else { panic!("one row") };
        assert_eq!(entry.sql.matches('?').count(), entry.params.len(), "{}", entry.sql);
        assert_eq!(entry.params[0], Parameter::Fixed(Value::Int(1)));
        assert_eq!(entry.params[2], Parameter::Now(Clock::Rfc3339));
        let texts = texts(&entry.params);
        assert_eq!(texts.first(), Some(&"init"));
        assert_eq!(texts.last(), Some(&"14534297154302664340"), "what any other table gets");
    }
}

#[test]
fn versions_that_need_64_bits_make_the_table_of_int8_versions() {
    let wide = read(&[("V1__u.sql", F), ("V20250107090000__init.sql", F)]);
    let create = Refinery.create(Engine::Postgres, &wide).unwrap();
    assert!(create[0].contains("version int8 PRIMARY KEY"), "{create:?}");
    assert_eq!(Refinery.create(Engine::Postgres, &wide[..1]), None);
    let step = step(&Refinery, Engine::MySql, &wide[1], false).unwrap();
    assert_eq!(texts(&step.after[0].params), ["init", "2777831610470514904"]);
}

#[test]
fn its_layout_is_flyways_too_unless_a_name_is_flyways_alone() {
    let recognises = |names: &[&str]| {
        Refinery.recognises(&files(&names.iter().map(|name| (*name, F)).collect::<Vec<_>>()))
    };
    assert!(recognises(&["V1__a.sql", "sub/U2__b.sql"]));
    assert!(recognises(&["V1__a.rs"]));
    assert!(!recognises(&["V1__a.sql", "V1.1__b.sql"]));
    assert!(!recognises(&["V1__a.sql", "R__views.sql"]));
    assert!(!recognises(&["1_a.sql"]));
}

#[test]
fn a_migration_finished_by_hand_can_be_recorded_once() {
    let migrations = read(&[("V1__init.sql", F), ("V2__b.rs", "")]);
    let resolve = |resolution, id, history: &[Row]| {
        Refinery
            .resolve(&site(Engine::MySql), &Amendment { resolution, id, migrations: &migrations, history })
    };
    assert_eq!(resolve(Resolution::Applied, "1", &[]).unwrap().len(), 1);
    for (id, history) in [("1", &[row("1", "init", "1")][..]), ("2", &[]), ("3", &[])] {
        assert_eq!(resolve(Resolution::Applied, id, history).unwrap_err().exit, Exit::Data, "{id}");
    }
    assert_eq!(resolve(Resolution::RolledBack, "1", &[]).unwrap_err().exit, Exit::Usage);
}
