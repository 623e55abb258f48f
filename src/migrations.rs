//! The migrations on disk: the directory, the format it is in, and what is to be done about drift.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::{Engine, Ledger, TableName};
use crate::exit::{Exit, Failure, Result};
use crate::format::{DEFAULT_DIRECTORIES, FORMATS, Files, Format, Gathered, Migration, Told, Wishes};

/// How deep directories are searched: a link that leads back up must not be followed for ever.
const MAX_DEPTH: usize = 16;

/// Where to look for migrations, and what is known of them.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The directory that the user named.
    pub directory: Option<&'a Path>,
    /// The format that the user named.
    pub format: Option<&'a str>,
    /// The history table that the user named.
    pub history_table: Option<TableName>,
    /// What the tool is told besides.
    pub told: Told<'a>,
}

/// What a search comes to.
pub enum Found {
    /// Migrations whose tool is known.
    Settled(Migrations),
    /// Files that could be of several tools.
    Undecided(Undecided),
}

/// Files that could be of several tools: the history table in the database tells whose they are.
pub struct Undecided {
    files: Files,
    formats: Vec<&'static dyn Format>,
    history_table: Option<TableName>,
}

/// The migrations of one directory, read once before anything is waited for.
pub struct Migrations {
    /// The directory as the user named it.
    pub directory: PathBuf,
    /// The tool whose files they are.
    pub format: &'static dyn Format,
    /// Whether `auto` chose the format.
    pub format_was_detected: bool,
    /// The migrations in the order in which the tool applies them.
    pub list: Vec<Migration>,
    /// What takes them back, where that was asked for; each has the id of what it takes back.
    pub downs: Vec<Migration>,
    /// The history table that the user or the tool's configuration names, if any.
    pub history_table: Option<TableName>,
    /// What the tool's own variables say.
    pub wishes: Wishes,
    /// Why what is pending cannot be known from the files, where only the tool can tell.
    pub opaque: Option<String>,
    /// A variable that makes the migrate command read the same files, where it would not find them by itself.
    pub environment: Option<(&'static str, OsString)>,
}

impl Search<'_> {
    /// Reads the directory.
    ///
    /// # Errors
    ///
    /// 66 without a directory or a migration in it, 65 for what cannot be read, 64 for a choice that only the user can
    /// make.
    pub fn run(&self) -> Result<Found> {
        let format = self.format.map(named).transpose()?;
        if let Some(format) = format
            && let Some(gathered) = format.gather(self.directory, self.history_table.as_ref())?
        {
            let table = self.history_table.clone();
            return Migrations::gathered(gathered, format, false, table).map(Found::Settled);
        }
        let directory = match self.directory {
            Some(directory) => directory.to_owned(),
            None => match self.own_directory(format)? {
                Some(directory) => directory,
                None => only_default()?,
            },
        };
        let candidates: Vec<_> = FORMATS
            .iter()
            .copied()
            .filter(|known| format.is_none_or(|named| named.name() == known.name()))
            .collect();
        let files = files(&directory, &candidates, self.told.goes_back)?;
        let table = self.history_table.clone();
        let fitting = match format {
            Some(format) => vec![format],
            None => candidates.into_iter().filter(|format| format.recognises(&files)).collect(),
        };
        match fitting.as_slice() {
            [] => Err(empty(&directory)),
            [only] => Migrations::of(&files, *only, format.is_none(), table, &self.told).map(Found::Settled),
            _ => Ok(Found::Undecided(Undecided { files, formats: fitting, history_table: table })),
        }
    }
}

impl Search<'_> {
    /// The directory that a tool's own variable names. Without a format, a variable that its tool could not read says
    /// nothing of whose files there are.
    fn own_directory(&self, format: Option<&'static dyn Format>) -> Result<Option<PathBuf>> {
        if let Some(format) = format {
            return Ok(format.wishes(&self.told)?.directory);
        }
        let named: BTreeSet<PathBuf> =
            FORMATS.iter().filter_map(|format| format.wishes(&self.told).ok()?.directory).collect();
        if named.len() > 1 {
            let named: Vec<_> = named.iter().map(|path| path.to_string_lossy()).collect();
            return Err(several(&named.iter().map(AsRef::as_ref).collect::<Vec<_>>()));
        }
        Ok(named.into_iter().next())
    }
}

impl Undecided {
    /// The tools it could be, each with the history table it would have.
    ///
    /// # Errors
    ///
    /// 64 for a variable of one of these tools that castoff cannot honour.
    pub fn candidates(&self, told: &Told<'_>) -> Result<Vec<(&'static dyn Format, TableName)>> {
        let candidate = |format: &&'static dyn Format| {
            let wished = format.wishes(told)?.history_table;
            let table = self.history_table.as_ref().or(wished.as_ref());
            Ok((*format, format.ledger(told.engine, table).table))
        };
        self.formats.iter().map(candidate).collect()
    }

    /// Reads the files, now that the database has said whose history it holds.
    ///
    /// # Errors
    ///
    /// 64 where it holds that of none, or of several; else as [`Search::run`].
    pub fn settle(&self, owners: &[&'static dyn Format], told: &Told<'_>) -> Result<Migrations> {
        if let [only] = owners {
            return Migrations::of(&self.files, *only, true, self.history_table.clone(), told);
        }
        let names = |formats: &[&dyn Format], between| {
            let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
            names.join(between)
        };
        let holds = if owners.is_empty() {
            "the database holds a history table of none of them".to_owned()
        } else {
            format!("the database holds the history tables of {}", names(owners, " and "))
        };
        Err(Failure::message(
            Exit::Usage,
            format!(
                "{} could be in the format of {}, and {holds}",
                self.files.directory.display(),
                names(&self.formats, " or ")
            ),
        )
        .hint("say which with --format (CASTOFF_FORMAT)"))
    }
}

impl Migrations {
    fn of(
        files: &Files,
        format: &'static dyn Format,
        format_was_detected: bool,
        history_table: Option<TableName>,
        told: &Told<'_>,
    ) -> Result<Self> {
        if format_was_detected
            && let Some(gathered) = format.gather(Some(&files.directory), history_table.as_ref())?
        {
            return Self::gathered(gathered, format, true, history_table);
        }
        let wishes = format.wishes(told)?;
        let list = format.read(files, told)?;
        let downs = match format.undo() {
            Ok(undo) if told.goes_back => undo.read_back(files, told)?,
            _ => Vec::new(),
        };
        let directory = files.directory.clone();
        if list.is_empty() {
            return Err(empty(&directory));
        }
        Ok(Self {
            directory,
            format,
            format_was_detected,
            list,
            downs,
            history_table: history_table.or_else(|| wishes.history_table.clone()),
            wishes,
            opaque: None,
            environment: None,
        })
    }

    fn gathered(
        gathered: Gathered,
        format: &'static dyn Format,
        format_was_detected: bool,
        named: Option<TableName>,
    ) -> Result<Self> {
        let Gathered { directory, list, opaque, history_table, environment } = gathered;
        if list.is_empty() && opaque.is_none() {
            return Err(empty(&directory));
        }
        let history_table = named.or(history_table);
        Ok(Self {
            directory,
            format,
            format_was_detected,
            list,
            downs: Vec::new(),
            history_table,
            wishes: Wishes::default(),
            opaque,
            environment,
        })
    }

    /// The history table on an engine; in this schema, unless the user named another with the table.
    pub fn ledger(&self, engine: Engine, schema: Option<&str>) -> Ledger {
        let mut ledger = self.format.ledger(engine, self.history_table.as_ref());
        ledger.table.schema = ledger.table.schema.or_else(|| schema.map(str::to_owned));
        // SQLite takes no schema in `CREATE INDEX … ON table`, and takes a table without one for this one.
        if engine == Engine::Sqlite && ledger.table.schema.as_deref() == Some("main") {
            ledger.table.schema = None;
        }
        if let Some(create) = self.format.create(engine, &self.list) {
            ledger.create = create;
        }
        ledger
    }

    /// One migration by its id.
    pub fn get(&self, id: &str) -> Option<&Migration> {
        self.list.iter().find(|migration| migration.id == id)
    }
}

fn only_default() -> Result<PathBuf> {
    let found: Vec<&str> =
        DEFAULT_DIRECTORIES.into_iter().filter(|directory| Path::new(directory).is_dir()).collect();
    match found.as_slice() {
        [one] => Ok(PathBuf::from(one)),
        [] => Err(Failure::message(
            Exit::NoInput,
            format!(
                "there is no migrations directory: none of {} exists here",
                DEFAULT_DIRECTORIES.join(", ")
            ),
        )
        .hint(if Path::new("alembic.ini").is_file() {
            "there is an alembic.ini: name it with --migrations (CASTOFF_MIGRATIONS), or say --format alembic \
             (CASTOFF_FORMAT)"
        } else {
            "copy the migrations into the image and name them with --migrations (CASTOFF_MIGRATIONS)"
        })),
        found => Err(several(found)),
    }
}

fn several(found: &[&str]) -> Failure {
    Failure::message(Exit::Usage, format!("there are several migrations directories: {}", found.join(", ")))
        .hint("name the one to use with --migrations (CASTOFF_MIGRATIONS)")
}

fn named(name: &str) -> Result<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name).ok_or_else(|| {
        Failure::message(Exit::Usage, format!("--format (CASTOFF_FORMAT) is {name}, which is not built in"))
            .hint(format!("use {}", names()))
    })
}

fn names() -> String {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name()).collect();
    names.join(", ")
}

fn empty(directory: &Path) -> Failure {
    Failure::message(Exit::NoInput, format!("there is no migration in {}", directory.display())).hint(
        format!("check what was copied into the image, and --migrations (CASTOFF_MIGRATIONS); formats built in: {}", names()),
    )
}

/// Every file that one of these formats wants. Hidden entries are skipped: a Kubernetes volume of configuration shows its files twice, once
/// through links and once in a hidden directory.
fn files(directory: &Path, formats: &[&dyn Format], goes_back: bool) -> Result<Files> {
    let mut files = Files { directory: directory.to_owned(), ..Files::default() };
    let read = if is_configuration(directory) {
        alone(&mut files)
    } else {
        collect(
            Path::new(""),
            0,
            &|path| formats.iter().any(|format| wants(*format, path, goes_back)),
            &mut files,
        )
    };
    read.map_err(|(path, error)| {
        let exit = if path == directory { Exit::NoInput } else { Exit::Data };
        Failure::new(exit, anyhow::Error::new(error).context(format!("cannot read {}", path.display()))).hint(
            match exit {
                Exit::NoInput => {
                    "check what was copied into the image, and --migrations (CASTOFF_MIGRATIONS)"
                }
                _ => "check the file's permissions for the user the container runs as",
            },
        )
    })?;
    Ok(files)
}

/// Whether a tool's configuration was named instead of a directory.
fn is_configuration(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ini" || extension == "toml") && path.is_file()
}

/// Only that file: its directory is not searched.
fn alone(files: &mut Files) -> std::result::Result<(), (PathBuf, io::Error)> {
    let file = files.directory.clone();
    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
    let content = fs::read(&file).map_err(|error| (file, error))?;
    files.contents.insert(name, content);
    Ok(())
}

/// Whether a file is of any interest, for the way down too where that is asked for.
fn wants(format: &dyn Format, path: &Path, goes_back: bool) -> bool {
    format.wants(path) || goes_back && format.undo().is_ok_and(|undo| undo.wants_besides(path))
}

fn collect(
    below: &Path,
    depth: usize,
    wanted: &dyn Fn(&Path) -> bool,
    files: &mut Files,
) -> std::result::Result<(), (PathBuf, io::Error)> {
    let directory = if depth == 0 { files.directory.clone() } else { files.directory.join(below) };
    let entries = fs::read_dir(&directory).map_err(|error| (directory.clone(), error))?;
    for entry in entries {
        let entry = entry.map_err(|error| (directory.clone(), error))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let below = below.join(&name);
        // Follows links, as the tools do.
        let metadata = fs::metadata(&path).map_err(|error| (path.clone(), error))?;
        if metadata.is_dir() {
            if depth == MAX_DEPTH {
                let why = io::Error::other(format!("directories are nested more than {MAX_DEPTH} deep"));
                return Err((path, why));
            }
            collect(&below, depth + 1, wanted, files)?;
            files.directories.insert(below);
        } else if metadata.is_file() && wanted(&below) {
            files.contents.insert(below, fs::read(&path).map_err(|error| (path, error))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Found, Migrations, Search};
    use crate::engine::Engine;
    use crate::exit::{Exit, Result};
    use crate::format::testing::told;
    use std::fs;
    use std::path::Path;

    fn read(directory: &Path, format: Option<&str>) -> Result<Migrations> {
        let told = told(Engine::Postgres);
        match (Search { directory: Some(directory), format, history_table: None, told }).run()? {
            Found::Settled(migrations) => Ok(migrations),
            Found::Undecided(_) => panic!("{} could be several tools'", directory.display()),
        }
    }

    #[test]
    fn a_config_map_s_hidden_copy_is_not_read_twice() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("..2026")).unwrap();
        fs::write(root.path().join("..2026/1_a.sql"), "SELECT 1").unwrap();
        std::os::unix::fs::symlink("..2026/1_a.sql", root.path().join("1_a.sql")).unwrap();
        let migrations = read(root.path(), None).unwrap();
        assert_eq!(migrations.list.len(), 1);
        assert!(migrations.format_was_detected);
    }

    #[test]
    fn a_directory_that_leads_back_to_itself_is_not_followed_for_ever() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(".", root.path().join("again")).unwrap();
        let failure = read(root.path(), None).err().unwrap();
        assert_eq!(failure.exit, Exit::Data);
        assert!(failure.reason().contains("nested"), "{failure}");
    }

    #[test]
    fn a_missing_and_an_empty_directory_are_66() {
        let root = tempfile::tempdir().unwrap();
        for path in [root.path(), Path::new("/nonexistent")] {
            let failure = read(path, None).err().unwrap();
            assert_eq!(failure.exit, Exit::NoInput, "{failure}");
            let failure = read(path, Some("sqlx")).err().unwrap();
            assert_eq!(failure.exit, Exit::NoInput, "{failure}");
        }
    }
}
