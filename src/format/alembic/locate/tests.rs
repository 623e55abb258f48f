//! Every way in which a project can be laid out or named.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::Trouble;
use super::{Layout, Surroundings};
use crate::exit::Exit;

const INI: &str = "[alembic]\nscript_location = %(here)s/db/alembic\n";
const TOML: &str = "[tool.alembic]\nscript_location = '%(here)s/db/alembic'\n";

/// A directory with these files; an empty text for those whose content does not matter.
struct Project(tempfile::TempDir);

impl Project {
    fn of(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Seen from the directory itself.
    fn locate(&self, named: Option<&str>) -> Result<Layout, Trouble> {
        self.from(self.path(), None, named)
    }

    fn from(&self, directory: &Path, config: Option<&str>, named: Option<&str>) -> Result<Layout, Trouble> {
        let named = named.map(|named| self.path().join(named));
        Surroundings { directory, config: config.map(OsStr::new) }.locate(named.as_deref())
    }

    /// The directories of revisions, relative to the project.
    fn versions(&self, named: Option<&str>) -> Vec<PathBuf> {
        self.relative(self.locate(named))
    }

    fn relative(&self, layout: Result<Layout, Trouble>) -> Vec<PathBuf> {
        let layout = layout.unwrap_or_else(|trouble| panic!("{trouble:?}"));
        layout.versions.iter().map(|path| path.strip_prefix(self.path()).unwrap_or(path).to_owned()).collect()
    }
}

fn paths<const N: usize>(paths: [&str; N]) -> Vec<PathBuf> {
    paths.map(PathBuf::from).to_vec()
}

fn refusal(found: Result<Layout, Trouble>) -> (Exit, String) {
    match found {
        Err(Trouble::Failure(failure)) => (failure.exit, failure.reason()),
        other => panic!("{other:?}"),
    }
}

fn needs_python(found: Result<Layout, Trouble>) -> String {
    match found {
        Err(Trouble::NeedsPython(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_project_is_found_by_each_of_its_names() {
    for config in [("alembic.ini", INI), ("pyproject.toml", TOML)] {
        let project = Project::of(&[config, ("db/alembic/env.py", ""), ("db/alembic/versions/a.py", "")]);
        for named in [None, Some(""), Some(config.0), Some("db/alembic"), Some("db/alembic/versions")] {
            assert_eq!(project.versions(named), paths(["db/alembic/versions"]), "{named:?} {config:?}");
            assert_eq!(project.locate(named).unwrap().script, Some(project.path().join("db/alembic")));
        }
    }
}

#[test]
fn a_directory_of_nothing_but_revisions_is_what_it_is() {
    let project = Project::of(&[("x/a.py", "")]);
    assert_eq!(project.versions(Some("x")), paths(["x"]));
    assert_eq!(project.locate(Some("x")).unwrap().script, None);
}

#[test]
fn a_script_directory_is_read_with_the_configuration_that_uses_it() {
    let ini =
        format!("{INI}path_separator = os\nversion_locations = %(here)s/a:%(here)s/b\nsourceless = true\n");
    let project = Project::of(&[("alembic.ini", &ini), ("db/alembic/env.py", ""), ("other/env.py", "")]);
    assert_eq!(project.versions(Some("db/alembic")), paths(["a", "b"]));
    assert!(project.locate(Some("db/alembic")).unwrap().search.sourceless);
    assert_eq!(project.versions(Some("other")), paths(["other/versions"]), "it belongs to another directory");
}

#[test]
fn flask_s_configuration_without_a_location_means_its_own_directory() {
    let ini = "[alembic]\nrecursive_version_locations = true\n";
    let project = Project::of(&[("migrations/alembic.ini", ini), ("migrations/env.py", "")]);
    for named in [None, Some("migrations"), Some("migrations/alembic.ini")] {
        assert_eq!(project.versions(named), paths(["migrations/versions"]), "{named:?}");
        assert!(project.locate(named).unwrap().search.recursive);
    }
}

#[test]
fn relative_locations_count_from_the_working_directory_and_else_from_the_configuration() {
    let ini = "[alembic]\nscript_location = s\npath_separator = newline\nversion_locations =\n  v\n  w\n";
    let project =
        Project::of(&[("alembic.ini", ini), ("s/env.py", ""), ("work/s/env.py", ""), ("none/x", "")]);
    assert_eq!(project.versions(Some("alembic.ini")), paths(["v", "w"]));
    let from = |directory: &str| {
        project.relative(project.from(&project.path().join(directory), None, Some("alembic.ini")))
    };
    assert_eq!(from("work"), paths(["work/v", "work/w"]));
    assert_eq!(from("none"), paths(["v", "w"]));
}

#[test]
fn alembic_config_is_honoured_as_alembic_s_command_line_does() {
    let project = Project::of(&[
        ("alembic.ini", INI),
        ("conf/other.ini", "[alembic]\nscript_location = %(here)s/scripts\n"),
        ("conf/pyproject.toml", "[tool.alembic]\nscript_location = '%(here)s/toml'\n"),
        ("db/alembic/env.py", ""),
        ("conf/scripts/env.py", ""),
        ("conf/toml/env.py", ""),
    ]);
    let with = |config: &str, named| project.relative(project.from(project.path(), Some(config), named));
    assert_eq!(with("conf/other.ini", None), paths(["conf/scripts/versions"]));
    assert_eq!(with("", None), paths(["db/alembic/versions"]));
    assert_eq!(with("conf/other.ini", Some("alembic.ini")), paths(["db/alembic/versions"]));
    // The ini file comes first all the same.
    assert_eq!(with("conf/pyproject.toml", None), paths(["db/alembic/versions"]));
    fs::remove_file(project.path().join("alembic.ini")).unwrap();
    assert_eq!(with("conf/pyproject.toml", None), paths(["conf/toml/versions"]));
}

#[test]
fn without_a_configuration_the_usual_directories_are_looked_at() {
    let project = Project::of(&[
        ("pyproject.toml", "[tool.ruff]\n"),
        ("db/migrations/env.py", ""),
        ("alembic/env.py", ""),
    ]);
    assert_eq!(project.versions(None), paths(["db/migrations/versions"]));
    let project = Project::of(&[("alembic/env.py", "")]);
    assert_eq!(project.versions(None), paths(["alembic/versions"]));
    let project = Project::of(&[("db/migrations/env.py", ""), ("migrations/env.py", "")]);
    let (exit, reason) = refusal(project.locate(None));
    assert_eq!(exit, Exit::Usage);
    assert!(reason.contains("migrations, db/migrations"), "{reason}");
}

#[test]
fn what_is_not_there_is_66_and_says_what_was_looked_for() {
    let project = Project::of(&[("alembic.ini", INI), ("empty.ini", "[alembic]\n"), ("x/a.sql", "")]);
    for (named, said) in [
        (Some("gone"), "gone does not exist"),
        (Some("empty.ini"), "empty.ini names no script_location"),
        (Some("alembic.ini"), "db/alembic does not exist"),
        (None, "db/alembic does not exist"),
    ] {
        let (exit, reason) = refusal(project.locate(named));
        assert_eq!(exit, Exit::NoInput);
        assert!(reason.contains(said), "{reason}");
    }
    let (exit, reason) = refusal(Project::of(&[]).locate(None));
    assert!(exit == Exit::NoInput && reason.contains("no alembic.ini"), "{reason}");
}

#[test]
fn what_lies_in_a_package_needs_python_until_the_user_says_where_it_is() {
    let ini = "[alembic]\nscript_location = shop:db\nrecursive_version_locations = true\n";
    let project = Project::of(&[("alembic.ini", ini), ("shop/db/env.py", "")]);
    assert!(needs_python(project.locate(None)).contains("shop:db"));
    assert_eq!(project.versions(Some("shop/db")), paths(["shop/db/versions"]));
    assert!(project.locate(Some("shop/db")).unwrap().search.recursive);
    let ini = "[alembic]\nscript_location = s\npath_separator = space\nversion_locations = a shop:db\n";
    let project = Project::of(&[("alembic.ini", ini), ("s/env.py", "")]);
    assert!(needs_python(project.locate(None)).contains("shop:db"));
}

#[test]
fn several_databases_are_more_than_castoff_looks_at() {
    let ini = "[alembic]\nscript_location = s\ndatabases = one, two\n";
    let project = Project::of(&[("alembic.ini", ini), ("s/env.py", "")]);
    assert!(needs_python(project.locate(None)).contains("several databases"));
}

#[test]
fn alembic_is_told_of_a_configuration_that_it_would_not_come_across() {
    let project = Project::of(&[("alembic.ini", INI), ("db/alembic/env.py", ""), ("else/where", "")]);
    let file = project.path().join("alembic.ini");
    let told = |directory: &str, config, named| {
        project.from(&project.path().join(directory), config, named).unwrap().config
    };
    assert_eq!(told("else", None, Some("")), Some(file.clone()));
    assert_eq!(told("else", None, Some("alembic.ini")), Some(file.clone()));
    assert_eq!(told("else", file.to_str(), Some("alembic.ini")), None, "it knows by ALEMBIC_CONFIG");
    assert_eq!(told("", None, Some("alembic.ini")), None, "it finds it by itself");
    assert_eq!(told("", None, None), None);
    assert_eq!(told("", None, Some("db/alembic")), None);
}
