//! Alembic: revision files in Python, and `alembic_version`, which holds the heads.
//!
//! castoff reads both and runs neither: it knows what is pending without starting Python, and the migrate command
//! applies it. Everything here mirrors Alembic 1.20.1; the functions named are those of its package `alembic`.

use std::path::{Path, PathBuf};

use self::directory::{cannot_read, revision_files};
use self::graph::Graph;
use self::locate::{Layout, Surroundings};
use self::revision::Revision;
use super::{
    Amendment, Assessment, Files, Format, Gathered, Habits, Migration, Repair, Site, Step, Told, Turn, Undo,
};
use crate::engine::{Engine, Ledger, Row, TableName};
use crate::exit::{Exit, Failure, Result};

mod config;
mod directory;
mod environment;
mod graph;
mod history;
mod ini;
mod locate;
mod order;
mod python;
mod revision;

/// The Alembic format.
#[derive(Debug)]
pub struct Alembic;

/// `version_table_impl` of `ddl/impl.py`, the same on every engine.
const CREATE: &str = "CREATE TABLE {table} (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT {name}_pkc PRIMARY KEY (version_num)
)";

/// Why a question has no answer.
#[derive(Debug)]
enum Trouble {
    /// Only Python could tell. castoff says so, and leaves it to Alembic.
    NeedsPython(String),
    /// Alembic could not go on either.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Format for Alembic {
    fn name(&self) -> &'static str {
        "alembic"
    }

    fn recognises(&self, files: &Files) -> bool {
        let has_environment = files.contents.contains_key(Path::new("env.py"));
        files.contents.iter().any(|(path, content)| {
            let in_versions = path.starts_with("versions");
            if path.extension().is_some_and(|extension| extension == "py") {
                let belongs = in_versions || path.components().count() == 1;
                in_versions && has_environment || belongs && Revision::read(path, content).is_ok()
            } else {
                path.components().count() == 1 && config::names_scripts(path, content)
            }
        })
    }

    fn wants(&self, path: &Path) -> bool {
        path.extension()
            .is_some_and(|extension| ["py", "ini", "toml"].iter().any(|known| extension == *known))
    }

    fn columns(&self) -> &'static [&'static str] {
        &["version_num"]
    }

    /// A directory of revisions, or one with `versions` in it, without any configuration.
    fn read(&self, files: &Files, _: &Told<'_>) -> Result<Vec<Migration>> {
        let place = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
        let has_versions = files.contents.keys().any(|path| place(path) == Path::new("versions"));
        let wanted = PathBuf::from(if has_versions { "versions" } else { "" });
        let inside = files.contents.iter().filter(|(path, _)| {
            place(path) == wanted
                && path.file_name().is_some_and(|name| directory::is_revision(name.as_encoded_bytes()))
        });
        let revisions: std::result::Result<Vec<_>, Trouble> =
            inside.map(|(path, content)| Revision::read(&files.directory.join(path), content)).collect();
        match revisions.and_then(migrations) {
            Ok(list) => Ok(list),
            Err(Trouble::Failure(failure)) => Err(failure),
            Err(Trouble::NeedsPython(why)) => {
                Err(failed(why, "write plain strings there, as Alembic's template does"))
            }
        }
    }

    fn gather(&self, named: Option<&Path>, table: Option<&TableName>) -> Result<Option<Gathered>> {
        let config = std::env::var_os(locate::CONFIG);
        let here = Surroundings { directory: Path::new(""), config: config.as_deref() };
        gathered(here, named, table).map(Some)
    }

    fn ledger(&self, _: Engine, table: Option<&TableName>) -> Ledger {
        let usual = || TableName { schema: None, name: environment::TABLE.into() };
        let table = table.cloned().unwrap_or_else(usual);
        let create = vec![CREATE.replace("{name}", &table.name)];
        Ledger { table, select: "SELECT version_num FROM {table} ORDER BY version_num".into(), create }
    }

    /// `get_revisions` of `script/revision.py` fails for a head that no file has; there is no checksum.
    fn habits(&self, _: Engine) -> Habits {
        Habits { fails_on_missing: true, ..Habits::LENIENT }
    }

    fn keeps_checksums(&self) -> bool {
        false
    }

    fn assess(&self, _: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
        history::assess(migrations, history)
    }

    fn session_settings(&self, _: Engine) -> Vec<String> {
        Vec::new()
    }

    fn default_command(&self) -> Option<&'static str> {
        Some("alembic upgrade heads")
    }

    /// A revision is a program.
    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str> {
        Err("its revisions are programs, and Alembic has a command for this: alembic downgrade -1")
    }

    fn step(&self, _: &Site<'_>, _: &Turn<'_>) -> Option<Step> {
        None
    }

    fn outside_transaction(&self) -> Option<&'static str> {
        Some("use `with op.get_context().autocommit_block():` in the revision")
    }

    fn repair(&self, table: &TableName, id: &str) -> Repair {
        Repair {
            applied: format!("run `alembic stamp {id}`"),
            rolled_back: format!("take {id} out of {table} with `alembic stamp`"),
        }
    }

    fn resolve(&self, _: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<super::Entry>> {
        let id = asked.id;
        Err(Failure::message(Exit::Usage, "alembic has no `resolve`: its history is the heads alone")
            .hint(format!("`alembic stamp {id}` says that everything up to {id} is in the database")))
    }
}

/// Everything a project's configuration leads to.
fn gathered(here: Surroundings<'_>, named: Option<&Path>, table: Option<&TableName>) -> Result<Gathered> {
    let opaque =
        |directory: PathBuf, why: String| Gathered { directory, opaque: Some(why), ..Gathered::default() };
    let layout = match here.locate(named) {
        Ok(layout) => layout,
        Err(Trouble::NeedsPython(why)) => return Ok(opaque(named.unwrap_or(Path::new(".")).to_owned(), why)),
        Err(Trouble::Failure(failure)) => return Err(failure),
    };
    let found = named
        .map(Path::to_owned)
        .or_else(|| layout.script.clone())
        .or_else(|| layout.versions.first().cloned());
    let directory = found.unwrap_or_default();
    let environment = layout.config.as_ref().map(|config| (locate::CONFIG, config.into()));
    let table = match (table, &layout.script) {
        (Some(_), _) | (None, None) => Ok(None),
        (None, Some(script)) => environment::version_table(script),
    };
    let gathered = match (table, revisions(&layout).and_then(migrations)) {
        (Err(Trouble::Failure(failure)), _) | (_, Err(Trouble::Failure(failure))) => return Err(failure),
        (Err(Trouble::NeedsPython(why)), _) => opaque(directory, why),
        (Ok(history_table), Err(Trouble::NeedsPython(why))) => {
            Gathered { history_table, ..opaque(directory, why) }
        }
        (Ok(history_table), Ok(list)) => Gathered { directory, list, history_table, ..Gathered::default() },
    };
    Ok(Gathered { environment, ..gathered })
}

/// The revisions of a layout, in the order in which Alembic loads them.
fn revisions(layout: &Layout) -> std::result::Result<Vec<Revision>, Trouble> {
    let files = revision_files(&layout.versions, layout.search)?;
    let read = |file: &PathBuf| {
        let content = std::fs::read(file).map_err(|error| cannot_read(file, error))?;
        Revision::read(file, &content)
    };
    files.iter().map(read).collect()
}

/// The revisions as migrations, in the order in which an empty database is upgraded.
fn migrations(revisions: Vec<Revision>) -> std::result::Result<Vec<Migration>, Trouble> {
    let graph = Graph::new(revisions)?;
    let migration = |(revision, requires): (&Revision, Vec<&str>)| Migration {
        id: revision.id.clone(),
        file: revision.file.clone(),
        description: revision.message.clone(),
        parts: Vec::new(),
        checksum: Vec::new(),
        no_transaction: false,
        unusable: None,
        requires: requires.into_iter().map(str::to_owned).collect(),
    };
    Ok(graph.in_order().into_iter().map(migration).collect())
}

/// Something that Alembic could not work with either.
fn failed(why: impl std::fmt::Display, hint: impl Into<String>) -> Failure {
    Failure::message(Exit::Data, why).hint(hint)
}

/// The same, at a line of a file.
fn broken(file: &Path, line: usize, why: impl std::fmt::Display, hint: &str) -> Trouble {
    Trouble::Failure(failed(format!("{}:{line}: {why}", file.display()), hint))
}

#[cfg(test)]
mod tests;
