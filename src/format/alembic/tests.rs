//! The format as the rest of castoff uses it, and the heads of a database.

use std::fs;
use std::path::Path;

use super::locate::Surroundings;
use super::{Alembic, gathered};
use crate::engine::{Engine, Row, TableName};
use crate::exit::{Exit, Failure};
use crate::format::testing::{site, step, told};
use crate::format::{Assessment, FORMATS, Files, Format, Gathered, Migration};

/// A revision file with these assignments.
fn source(id: &str, down: &str, rest: &str) -> String {
    format!("\"\"\"make {id}\n\nRevises: {down}\n\"\"\"\nrevision = {id:?}\ndown_revision = {down}\n{rest}\n")
}

fn files(files: &[(&str, String)]) -> Files {
    let contents = files.iter().map(|(path, text)| ((*path).into(), text.clone().into_bytes())).collect();
    Files { directory: "m".into(), contents, ..Files::default() }
}

/// Two lines, the second of which needs the middle of the first, and a merge.
fn migrations() -> Vec<Migration> {
    let read = Alembic.read(
        &files(&[
            ("aaaa.py", source("aaaa", "None", "")),
            ("bbbb.py", source("bbbb", "'aaaa'", "")),
            ("cccc.py", source("cccc", "'bbbb'", "")),
            ("xxxx.py", source("xxxx", "None", "depends_on = 'bbbb'")),
            ("zzzz.py", source("zzzz", "('cccc', 'xxxx')", "")),
        ]),
        &told(Engine::Sqlite),
    );
    read.unwrap()
}

fn assess(heads: &[&str]) -> Assessment {
    let history: Vec<Row> = heads.iter().map(|head| vec![Some((*head).to_owned())]).collect();
    Alembic.assess(&site(Engine::Postgres), &migrations(), &history).unwrap()
}

fn applied(heads: &[&str]) -> Vec<String> {
    assess(heads).applied.into_iter().map(|applied| applied.id).collect()
}

#[test]
fn everything_below_a_head_is_applied() {
    assert_eq!(applied(&[]), [""; 0]);
    assert_eq!(assess(&[]).pending, ["aaaa", "bbbb", "xxxx", "cccc", "zzzz"]);
    assert_eq!(applied(&["bbbb"]), ["aaaa", "bbbb"]);
    assert_eq!(applied(&["xxxx"]), ["aaaa", "bbbb", "xxxx"], "what it depends on is there");
    assert_eq!(assess(&["cccc"]).pending, ["xxxx", "zzzz"]);
    assert_eq!(assess(&["cccc", "xxxx"]).pending, ["zzzz"]);
    assert_eq!(assess(&["zzzz"]).pending, [""; 0]);
    assert_eq!(assess(&["zzzz", "aaaa"]).pending, [""; 0], "a head below another head");
}

#[test]
fn an_unknown_head_is_newer_than_this_image() {
    let seen = assess(&["bbbb", "ffff"]);
    assert_eq!((seen.missing.as_slice(), seen.missing_are_newer), (["ffff".to_owned()].as_slice(), true));
    assert_eq!(seen.pending, [""; 0]);
    assert_eq!(applied(&["ffff"]).len(), 6, "all on disk, and the head itself");
}

#[test]
fn a_head_may_be_the_beginning_of_one_id_as_for_alembic() {
    assert_eq!(applied(&["bb"]), ["aaaa", "bbbb"]);
    assert_eq!(assess(&[""]).missing, [""]);
    let two = ["abcd1", "abcd2"].map(|id| (format!("{id}.py"), source(id, "None", "")));
    let two: Vec<(&str, String)> = two.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let two = Alembic.read(&files(&two), &told(Engine::Sqlite)).unwrap();
    assert_eq!(
        Alembic.assess(&site(Engine::Postgres), &two, &[vec![Some("abcd".into())]]).unwrap().missing,
        ["abcd"]
    );
}

#[test]
fn a_row_that_is_none_of_alembic_s_is_65() {
    for row in [vec![None], vec![Some("a".into()), None], vec![]] {
        assert_eq!(Alembic.assess(&site(Engine::Postgres), &[], &[row]).unwrap_err().exit, Exit::Data);
    }
}

#[test]
fn a_directory_of_revisions_is_recognised_and_others_are_not() {
    let revision = || source("aaaa", "None", "");
    let text = |text: &str| text.to_owned();
    for known in [
        vec![("aaaa.py", revision())],
        vec![("versions/aaaa.py", revision()), ("versions/__init__.py", text(""))],
        vec![("env.py", text("")), ("versions/aaaa.py", text("revision = make()"))],
        vec![("alembic.ini", text("[alembic]\nscript_location = x\n"))],
        vec![("pyproject.toml", text("[tool.alembic]\nscript_location = 'x'\n"))],
    ] {
        assert!(Alembic.recognises(&files(&known)), "{known:?}");
        let others = FORMATS.iter().filter(|format| format.recognises(&files(&known)));
        assert_eq!(others.count(), 1, "{known:?}");
    }
    for unknown in [
        vec![("1_a.sql", revision()), ("other/aaaa.py", revision())],
        vec![("0001_initial.py", text("class Migration(migrations.Migration):\n    dependencies = []\n"))],
        vec![("setup.ini", text("[other]\na = b\n")), ("pyproject.toml", text("[tool.ruff]\n"))],
    ] {
        assert!(!Alembic.recognises(&files(&unknown)), "{unknown:?}");
    }
}

#[test]
fn the_version_table_is_alembic_s_own_unless_named() {
    let ledger = Alembic.ledger(Engine::Postgres, None);
    assert_eq!(ledger.table, TableName { schema: None, name: "alembic_version".into() });
    assert!(ledger.create[0].contains("CONSTRAINT alembic_version_pkc PRIMARY KEY"), "{ledger:?}");
    let named = TableName { schema: Some("s".into()), name: "v".into() };
    assert_eq!(Alembic.ledger(Engine::MySql, Some(&named)).table, named);
}

/// A project as `alembic init` lays it out, with these revisions.
fn project(files: &[(&str, String)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("alembic.ini", "[alembic]\nscript_location = %(here)s/alembic\n");
    write("alembic/env.py", "from alembic import context\n");
    for (path, text) in files {
        write(path, text);
    }
    root
}

fn gather(root: &Path, named: Option<&str>, table: Option<&TableName>) -> Result<Gathered, Failure> {
    let named = named.map(|named| root.join(named));
    gathered(Surroundings { directory: root, config: None }, named.as_deref(), table)
}

#[test]
fn a_project_is_gathered_with_what_env_py_says() {
    let env = "context.configure(version_table='v', version_table_schema='s')\n".to_owned();
    let root = project(&[("alembic/versions/a.py", source("aaaa", "None", "")), ("alembic/env.py", env)]);
    let found = gather(root.path(), None, None).unwrap();
    assert_eq!(found.list.iter().map(|migration| &*migration.id).collect::<Vec<_>>(), ["aaaa"]);
    assert_eq!(found.list[0].description, "make aaaa");
    assert_eq!(found.history_table, Some(TableName { schema: Some("s".into()), name: "v".into() }));
    assert_eq!((found.opaque, found.directory), (None, root.path().join("alembic")));
    let named = gather(root.path(), Some("alembic.ini"), None).unwrap();
    assert_eq!(named.directory, root.path().join("alembic.ini"));
}

#[test]
fn what_needs_python_is_no_error_but_said() {
    let computed = "TABLE = make()\ncontext.configure(version_table=TABLE)\n".to_owned();
    for (files, said) in [
        (vec![("alembic/versions/a.py", "revision = make()\n".to_owned())], "a.py, line 1: "),
        (vec![("alembic/versions/helper.py", "x = 1\n".to_owned())], "helper.py assigns no `revision`"),
        (vec![("alembic/env.py", computed.clone())], "env.py, line 1: "),
        (vec![("alembic.ini", "[alembic]\nscript_location = app:migrations\n".to_owned())], "app:migrations"),
    ] {
        let root = project(&files);
        let found = gather(root.path(), None, None).unwrap();
        let why = found.opaque.expect(said);
        assert!(why.contains(said) && found.list.is_empty(), "{why}");
    }
    let root =
        project(&[("alembic/versions/a.py", source("aaaa", "None", "")), ("alembic/env.py", computed)]);
    let table = TableName { schema: None, name: "v".into() };
    let found = gather(root.path(), None, Some(&table)).unwrap();
    assert_eq!((found.list.len(), found.opaque), (1, None), "the user has said what env.py does not");
}

#[test]
fn what_alembic_refuses_is_an_error_with_its_file() {
    let gone = [("alembic/versions/b.py", source("bbbb", "'aaaa'", ""))];
    let failure = gather(project(&gone).path(), None, None).unwrap_err();
    assert_eq!(failure.exit, Exit::Data);
    assert!(failure.reason().contains("alembic/versions/b.py:6: down_revision names \"aaaa\""), "{failure}");
}

#[test]
fn a_revision_is_never_a_step_of_castoff_s() {
    let revisions = migrations();
    assert!(step(&Alembic, Engine::Postgres, &revisions[0], false).is_none());
    assert_eq!(Alembic.default_command(), Some("alembic upgrade heads"));
    assert_eq!(Alembic.lock_keys(&site(Engine::Postgres)), []);
}
