//! Histories that nobody has thought of, and every way to lay them out: Alembic's own reading is the expected one.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

use castoff::engine::{Engine, Facts};
use castoff::environment::Environment;
use castoff::exit::{Exit, Failure};
use castoff::format::{Assessment, Site, Told};
use castoff::migrations::{Found, Migrations, Search};
use fastrand::Rng;

use crate::alembic_driver::{Driver, strings};
use crate::harness::{Run, Scratch, full};

/// A revision of an invented history.
struct Invented {
    id: String,
    down: Vec<String>,
    depends_on: Vec<String>,
    label: Option<String>,
}

/// A history without a circle: each revision refers only to earlier ones.
fn invent(random: &mut Rng) -> Vec<Invented> {
    let mut history: Vec<Invented> = Vec::new();
    for _ in 0..random.usize(1..24) {
        let some = |random: &mut Rng, most: usize| {
            let mut names = BTreeSet::new();
            for _ in 0..random.usize(..=most) {
                if let Some(earlier) = random.choice(&history) {
                    names.insert(earlier.id.clone());
                }
            }
            let mut names: Vec<String> = names.into_iter().collect();
            random.shuffle(&mut names);
            names
        };
        // Mostly lines, sometimes a second base, a branch or a merge.
        let down = match random.u8(..10) {
            0 => Vec::new(),
            1..=2 => some(random, 3),
            3..=4 => some(random, 1),
            _ => history.last().map(|last| last.id.clone()).into_iter().collect(),
        };
        let mut depends_on = if random.u8(..4) == 0 { some(random, 2) } else { Vec::new() };
        for name in &mut depends_on {
            let label = history.iter().find(|other| other.id == *name).and_then(|other| other.label.clone());
            if let Some(label) = label.filter(|_| random.bool()) {
                *name = label;
            }
        }
        let id = format!("{:012x}", random.u64(..1 << 48));
        let label = (random.u8(..6) == 0).then(|| format!("label{}", history.len()));
        history.push(Invented { id, down, depends_on, label });
    }
    history
}

/// A value as one of the many ways in which people write it.
fn written(random: &mut Rng, names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quoted(random, name)).collect();
    match (quoted.as_slice(), random.u8(..5)) {
        ([], 0..=2) => "None".into(),
        ([], 3) => "()".into(),
        ([], _) => "[]".into(),
        ([one], 0..=1) => one.clone(),
        ([one], 2) => format!("({one})"),
        (several, 3) => format!("[{}]", several.join(", ")),
        (several, 4) => format!("(  # these\n    {},\n)", several.join(",  # and\n    ")),
        (several, _) => format!("({},)", several.join(", ")),
    }
}

fn quoted(random: &mut Rng, name: &str) -> String {
    let (start, end) = name.split_at(random.usize(..=name.len()));
    match random.u8(..6) {
        0 => format!("\"{name}\""),
        1 => format!("'''{name}'''"),
        2 => format!("r'{name}'"),
        3 if !start.is_empty() => format!("'{start}' \"{end}\""),
        4 => {
            let mut letters = name.chars();
            let first = letters.next().map(u32::from).unwrap_or_default();
            format!("'\\x{first:02x}{}'", letters.as_str())
        }
        _ => format!("'{name}'"),
    }
}

fn source(random: &mut Rng, revision: &Invented) -> String {
    let annotation = if random.bool() { ": Union[str, Sequence[str], None]" } else { "" };
    let Invented { id, down, depends_on, label } = revision;
    let id = quoted(random, id);
    let (down, depends_on) = (written(random, down), written(random, depends_on));
    let labels: Vec<String> = label.clone().into_iter().collect();
    let labels = written(random, &labels);
    let text = format!(
        "\"\"\"invented\n\nrevision = 'not this'\n\"\"\"\nfrom typing import Sequence, Union\n\
         # down_revision = 'nor this'\nrevision{annotation} = {id}; down_revision{annotation} = {down}\n\
         branch_labels{annotation} = {labels}\ndepends_on = {depends_on}\n\n\n\
         def upgrade() -> None:\n    revision = 'nor this'\n    print(f\"{{revision!r:>{{10}}}} '\")\n"
    );
    if random.u8(..4) == 0 { text.replace('\n', "\r\n") } else { text }
}

/// Writes a history as a project, in one or two directories of revisions and under names that say nothing.
fn write(random: &mut Rng, history: &[Invented]) -> Scratch {
    let project = Scratch::new("invented");
    project.write("scripts/env.py", "");
    let two = random.bool();
    let locations =
        if two { "\npath_separator = os\nversion_locations = %(here)s/one:%(here)s/two" } else { "" };
    project.write("alembic.ini", format!("[alembic]\nscript_location = %(here)s/scripts{locations}\n"));
    for revision in history {
        let directory = match (two, random.bool()) {
            (false, _) => "scripts/versions",
            (true, true) => "one",
            (true, false) => "two",
        };
        let name = format!("{directory}/{:04x}_{}.py", random.u16(..), revision.id);
        let text = source(random, revision);
        project.write(&name, text);
    }
    project
}

fn read(project: &Path) -> Result<Migrations, Failure> {
    let environment = Environment::default();
    let told = Told {
        engine: Engine::Sqlite,
        environment: &environment,
        multi_statement: false,
        no_tx_wrap: false,
        goes_back: false,
    };
    let search = Search { directory: Some(project), format: Some("alembic"), history_table: None, told };
    match search.run()? {
        Found::Settled(migrations) => Ok(migrations),
        Found::Undecided(_) => panic!("the format was named"),
    }
}

fn ids(migrations: &Migrations) -> Vec<String> {
    migrations.list.iter().map(|migration| migration.id.clone()).collect()
}

fn assess(migrations: &Migrations, heads: &[String]) -> Assessment {
    let rows: Vec<_> = heads.iter().map(|head| vec![Some(head.clone())]).collect();
    let (facts, table) = (Facts::default(), migrations.ledger(Engine::Sqlite, None).table);
    let site = Site { engine: Engine::Sqlite, facts: &facts, table: &table };
    migrations.format.assess(&site, &migrations.list, &rows).expect("heads are rows")
}

#[test]
fn invented_histories_are_read_as_alembic_reads_them() {
    let Some(mut alembic) = Driver::start() else { return };
    let (mut in_order, mut cases) = (0, 0);
    for seed in 0..if full() { 1500 } else { 150 } {
        let random = &mut Rng::with_seed(seed);
        let history = invent(random);
        let project = write(random, &history);
        let everything: Vec<String> = history.iter().map(|revision| revision.id.clone()).collect();
        let sets: Vec<Vec<String>> =
            (0..6).map(|_| everything.iter().filter(|_| random.u8(..4) == 0).cloned().collect()).collect();
        let answer =
            alembic.graph(project.path(), &sets).unwrap_or_else(|error| panic!("seed {seed}: {error}"));

        let migrations = read(project.path()).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert_eq!(migrations.opaque, None, "seed {seed}");
        let order = strings(&answer["order"]);
        // Where one revision has several dependencies, Alembic's order is that of a Python set.
        if history.iter().all(|revision| revision.depends_on.len() < 2) {
            assert_eq!(ids(&migrations), order, "seed {seed}");
            in_order += 1;
        } else {
            let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
                (ids(&migrations).into_iter().collect(), order.into_iter().collect());
            assert_eq!(ours, theirs, "seed {seed}");
        }
        for (position, migration) in migrations.list.iter().enumerate() {
            let before = |id: &String| migrations.list[..position].iter().any(|earlier| earlier.id == *id);
            assert!(migration.requires.iter().all(before), "seed {seed}: {} comes too early", migration.id);
        }
        for case in answer["cases"].as_array().expect("a list") {
            let seen = assess(&migrations, &strings(&case["heads"]));
            let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
                (seen.pending.into_iter().collect(), strings(&case["pending"]).into_iter().collect());
            assert_eq!(ours, theirs, "seed {seed}: {case}");
            assert_eq!(seen.missing, [""; 0], "seed {seed}");
            cases += 1;
        }
    }
    assert!(in_order > 50 && cases > 500, "{in_order} and {cases} are too few to mean anything");
}

/// A project of these files, with their content.
fn project(files: &[(&str, &str)]) -> Scratch {
    let project = Scratch::new("layout");
    for (name, text) in files {
        project.write(name, text);
    }
    project
}

/// The text of a revision that follows nothing.
fn base(id: &str) -> String {
    format!("revision = {id:?}\ndown_revision = None\n")
}

#[test]
fn histories_that_alembic_refuses_are_65() {
    let Some(mut alembic) = Driver::start() else { return };
    let ini = ("alembic.ini", "[alembic]\nscript_location = .\n");
    let revision = |id: &str, rest: &str| format!("revision = {id:?}\n{rest}\n");
    for (why, files) in [
        ("no such revision", vec![revision("a", "down_revision = 'gone'")]),
        ("no such dependency", vec![revision("a", "down_revision = None\ndepends_on = 'gone'")]),
        (
            "half an id is no dependency",
            vec![base("abcdef"), revision("b", "down_revision = None\ndepends_on = 'abcd'")],
        ),
        ("half an id is no parent", vec![base("abcdef"), revision("b", "down_revision = 'abcd'")]),
        (
            "a label is no parent",
            vec![base("a") + "branch_labels = 'l'\n", revision("b", "down_revision = 'l'")],
        ),
        ("itself", vec![revision("a", "down_revision = 'a'")]),
        ("it depends on itself", vec![revision("a", "down_revision = None\ndepends_on = 'a'")]),
        ("a circle", vec![revision("a", "down_revision = 'b'"), revision("b", "down_revision = 'a'")]),
        (
            "a circle of dependencies",
            vec![
                revision("a", "down_revision = None\ndepends_on = 'b'"),
                revision("b", "down_revision = 'a'"),
            ],
        ),
        ("a label twice", vec![base("a") + "branch_labels = 'l'\n", base("b") + "branch_labels = 'l'\n"]),
        ("a label that is an id", vec![base("a") + "branch_labels = 'b'\n", base("b")]),
        ("a letter that no id has", vec![base("a@b")]),
        ("a number", vec!["revision = None\ndown_revision = None\n".to_owned()]),
    ] {
        let scratch = project(&[ini, ("env.py", "")]);
        for (number, text) in files.iter().enumerate() {
            scratch.write(&format!("versions/r{number}.py"), text);
        }
        alembic.graph(scratch.path(), &[]).expect_err(why);
        let failure = read(scratch.path()).err().unwrap_or_else(|| panic!("{why}: castoff reads it"));
        assert_eq!(failure.exit, Exit::Data, "{why}: {failure}");
        assert!(failure.reason().contains("versions/r"), "{why}: {failure}");
    }
}

#[test]
fn an_id_that_stands_twice_is_65_although_alembic_only_warns() {
    let Some(mut alembic) = Driver::start() else { return };
    let ini = ("alembic.ini", "[alembic]\nscript_location = .\n");
    let scratch =
        project(&[ini, ("env.py", ""), ("versions/a.py", &base("a")), ("versions/b.py", &base("a"))]);
    let order = alembic.graph(scratch.path(), &[]).expect("Alembic goes on");
    assert_eq!(strings(&order["order"]), ["a"], "with one of the two");
    let failure = read(scratch.path()).err().expect("castoff does not");
    assert!(
        failure.reason().contains("versions/a.py") && failure.reason().contains("versions/b.py"),
        "{failure}"
    );
}

/// Seen from the project's own directory, without being told where anything is.
fn seen_by_castoff(directory: &Path) -> Vec<String> {
    let database = directory.join("app.db");
    let run = Run::new(["status", "--json", "--format", "alembic"])
        .cwd(directory)
        .env("DATABASE_URL", format!("sqlite:{}", database.display()))
        .output();
    let status: serde_json::Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
    strings(&status["pending"])
}

#[test]
fn every_layout_is_found_as_alembic_finds_it() {
    let Some(mut alembic) = Driver::start() else { return };
    let (a, b, c, d) = (base("aa"), base("bb"), base("cc"), base("dd"));
    let four = [("v/a.py", &*a), ("v/sub/b.py", &*b), ("w x/c.py", &*c), ("d.py", &*d), ("s/env.py", "")];
    let ini = |options: &str| ("alembic.ini", format!("[alembic]\nscript_location = s\n{options}\n"));
    let toml = |options: &str| {
        ("pyproject.toml", format!("[tool.alembic]\nscript_location = '%(here)s/s'\n{options}\n"))
    };
    for (configuration, expected) in [
        (ini("path_separator = os\nversion_locations = v:w x"), vec!["aa", "cc"]),
        (ini("path_separator = newline\nversion_locations =\n  v\n  # not this\n  w x\n"), vec!["aa", "cc"]),
        (ini("path_separator = space\nversion_locations = v  v/sub"), vec!["aa", "bb"]),
        (ini("version_path_separator = ;\nversion_locations = v; w x ;"), vec!["aa", "cc"]),
        (ini("path_separator = ;\nversion_path_separator = os\nversion_locations = v;w x"), vec!["aa", "cc"]),
        (ini("version_locations = v, v/sub"), vec!["aa", "bb"]),
        (ini("version_locations = v v ,nowhere"), vec!["aa", "dd"]),
        (
            ini("recursive_version_locations = true\npath_separator = os\nversion_locations = %(here)s/v"),
            vec!["aa", "bb"],
        ),
        (
            ini("recursive_version_locations = True\npath_separator = os\nversion_locations = %(here)s/v"),
            vec!["aa"],
        ),
        (ini("place = v\npath_separator = os\nversion_locations = %(PLACE)s/sub"), vec!["bb"]),
        (toml("version_locations = ['%(here)s/v', \"w x\"]"), vec!["aa", "cc"]),
        (toml("version_locations = [\n  'v', # x\n]\nrecursive_version_locations = true"), vec!["aa", "bb"]),
    ] {
        let scratch = project(&four);
        scratch.write(configuration.0, &configuration.1);
        let answer =
            alembic.graph(scratch.path(), &[]).unwrap_or_else(|error| panic!("{configuration:?}: {error}"));
        let mut order = strings(&answer["order"]);
        assert_eq!(seen_by_castoff(scratch.path()), order, "{configuration:?}");
        order.sort();
        assert_eq!(order, expected, "{configuration:?}");
    }
}

#[test]
fn files_beside_the_revisions_count_as_for_alembic() {
    let Some(mut alembic) = Driver::start() else { return };
    let (a, b, c, hidden) = (base("aa"), base("bb"), base("cc"), base("hidden"));
    let broken = "this is no Python";
    let scratch = project(&[
        ("alembic.ini", "[alembic]\nscript_location = s\nrecursive_version_locations = true\n"),
        ("s/env.py", ""),
        ("s/versions/a.py", &a),
        ("s/versions/__init__.py", broken),
        ("s/versions/__init__helper.py", broken),
        ("s/versions/.#a.py", broken),
        ("s/versions/.hidden.py", &hidden),
        ("s/versions/README.md", broken),
        ("s/versions/old.py.bak", broken),
        ("s/versions/2025/01/b.py", &b),
        ("s/versions/__pycache__/c.py", broken),
        ("elsewhere/c.py", &c),
        ("elsewhere/notes.txt", broken),
    ]);
    let versions = scratch.path().join("s/versions");
    symlink("../../elsewhere/c.py", versions.join("linked.py")).expect("a link");
    symlink("../../elsewhere/c.py", versions.join("linked_again.py")).expect("a link");
    symlink("../../elsewhere/notes.txt", versions.join("notes.py")).expect("a link");
    symlink("../../elsewhere", versions.join("directory")).expect("a link");
    let order = strings(&alembic.graph(scratch.path(), &[]).expect("Alembic reads it")["order"]);
    assert_eq!(seen_by_castoff(scratch.path()), order);
    assert_eq!(order.len(), 4, "{order:?}");
}
