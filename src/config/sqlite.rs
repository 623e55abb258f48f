//! Which file a SQLite URL means. The answer is absolute, because logs are read elsewhere.

use std::path::{Path, PathBuf};

use super::dialect::Dialect;
use super::parameters::{Param, Params};
use super::report::Report;
use super::values::boolean;
use crate::format::DEFAULT_DIRECTORIES;

/// Where relative paths start.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// The working directory.
    pub(crate) working: PathBuf,
    /// The folder of Prisma's schema: the parent of the migrations directory, if there is one.
    pub(crate) schema: Option<PathBuf>,
}

impl Folders {
    /// The folders of a program started in `working` with these migrations.
    pub(crate) fn of(migrations: Option<&Path>, working: &Path) -> Self {
        Self { working: working.to_path_buf(), schema: schema_folder(migrations, working) }
    }
}

/// The file behind a URL's path, or behind a part.
pub(crate) fn locate(
    dialect: Dialect,
    path: &str,
    folders: &Folders,
    report: &mut Report,
) -> Result<String, String> {
    let working = |path: &str| folders.working.join(path);
    let file = match dialect {
        Dialect::PrismaFile => prisma(strip(path, "///", "/"), folders, report)?,
        Dialect::Sqlite { sqlalchemy } => match path.strip_prefix("//") {
            // SQLAlchemy: sqlite:///relative, sqlite:////absolute.
            Some(rest) if sqlalchemy => working(rest.strip_prefix('/').unwrap_or(rest)),
            Some(rest) if rest.starts_with("//") => working(&format!("/{}", rest.trim_start_matches('/'))),
            Some(rest) if rest.starts_with('/') => three_slashes(rest, folders)?,
            Some(rest) => working(rest),
            None => working(path),
        },
        Dialect::Server(_) => working(path),
    };
    finish(&file)
}

fn strip<'a>(path: &'a str, long: &str, short: &str) -> &'a str {
    if path.starts_with(long) { path.get(long.len() - short.len()..).unwrap_or(path) } else { path }
}

fn finish(file: &Path) -> Result<String, String> {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.is_empty() || file.is_dir() {
        return Err("names a directory; write for example sqlite:///data/app.db".to_owned());
    }
    if name == ":memory:" {
        return Err(
            "is a database in memory, which ends with castoff; write for example sqlite:///data/app.db"
                .to_owned(),
        );
    }
    // `..` is resolved by the file system, symbolic links included; a parent that is not there yet stays as written.
    let file = match file.parent().and_then(|parent| parent.canonicalize().ok()) {
        Some(parent) if file.components().any(|part| part.as_os_str() == "..") => parent.join(&*name),
        _ => file.components().collect(),
    };
    file.into_os_string().into_string().map_err(|_| "is a path that is not UTF-8".to_owned())
}

/// `sqlite:///x` is absolute for sqlx, dbmate, Rails and JDBC, and relative for `SQLAlchemy` and Django: what exists
/// decides.
fn three_slashes(path: &str, folders: &Folders) -> Result<PathBuf, String> {
    let absolute = PathBuf::from(path);
    let relative = folders.working.join(path.trim_start_matches('/'));
    if !relative.is_file() || same(&absolute, &relative) {
        return Ok(absolute);
    }
    if absolute.is_file() {
        return Err(format!(
            "could mean {} and {}, and both exist; write sqlite:/{path} for the first or sqlite:{} for the second",
            absolute.display(),
            relative.display(),
            path.trim_start_matches('/')
        ));
    }
    Ok(relative)
}

/// Prisma's `file:./dev.db`: relative to the schema's folder or to the working directory, whichever holds it.
fn prisma(path: &str, folders: &Folders, report: &mut Report) -> Result<PathBuf, String> {
    // Without the `.` of `./dev.db`, for a person who reads where it is.
    let below = |folder: &Path| folder.join(path).components().collect::<PathBuf>();
    let working = below(&folders.working);
    let Some(schema) = &folders.schema else { return Ok(working) };
    let schema = below(schema);
    if same(&schema, &working) {
        return Ok(working);
    }
    match (schema.is_file(), working.is_file()) {
        (true, true) => Err(format!(
            "could mean {} and {}, and both exist; write the absolute path, file:{}",
            schema.display(),
            working.display(),
            schema.display()
        )),
        (false, true) => Ok(working),
        (true, false) => Ok(schema),
        (false, false) => {
            let shown = finish(&schema)?;
            report.remarks.push(format!("the SQLite file is not there yet; it will be created as {shown}"));
            Ok(schema)
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let real =
        |path: &Path| match (path.parent().and_then(|parent| parent.canonicalize().ok()), path.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => path.components().collect(),
        };
    real(one) == real(other)
}

/// What mattn/go-sqlite3, the driver of dbmate, golang-migrate and goose, lets a URL say of foreign keys.
pub(crate) fn settings(params: &mut Params, report: &mut Report) -> Vec<(String, String)> {
    let Some(param) = params.take_any(&["fk", "foreignkeys"], report) else { return Vec::new() };
    let keys = report.accept(boolean(&param.value).map_err(|_| param.not_one_of("true or false")));
    keys.map(|on| ("foreign_keys".to_owned(), if on { "ON" } else { "OFF" }.to_owned())).into_iter().collect()
}

/// Refuses parameters that take the database away from the file.
pub(crate) fn refuse_memory(params: &[Param], report: &mut Report) {
    for param in params.iter().filter(|param| param.name == "mode" && param.value == "memory") {
        report.mistake(param.mistake("asks for a database in memory, which ends with castoff: remove it"));
    }
}

/// The schema's folder: the parent of the migrations directory that was named, else of the only one that is there.
fn schema_folder(migrations: Option<&Path>, working: &Path) -> Option<PathBuf> {
    let parent = |directory: &Path| working.join(directory).parent().map(Path::to_path_buf);
    if let Some(named) = migrations {
        return parent(named);
    }
    let mut there = DEFAULT_DIRECTORIES.iter().map(Path::new).filter(|known| working.join(known).is_dir());
    match (there.next(), there.next()) {
        (Some(only), None) => parent(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Folders, locate, schema_folder};
    use crate::config::report::Report;
    use crate::config::url;
    use std::fs;
    use std::path::Path;

    fn file(text: &str, folders: &Folders) -> Result<String, String> {
        let url = url::parse(text).unwrap();
        locate(url.dialect, &url.path.unwrap(), folders, &mut Report::default())
    }

    fn at(directory: &Path) -> Folders {
        Folders { working: directory.to_path_buf(), schema: schema_folder(None, directory) }
    }

    #[test]
    fn every_dialect_finds_its_file() {
        let folders = Folders { working: "/nowhere/app".into(), schema: None };
        for (text, path) in [
            ("sqlite:app.db", "/nowhere/app/app.db"),
            ("sqlite:./app.db", "/nowhere/app/app.db"),
            ("sqlite://app.db", "/nowhere/app/app.db"),
            ("sqlite:/data/app.db", "/data/app.db"),
            ("sqlite:///data/app.db?mode=rwc", "/data/app.db"),
            ("sqlite:////data/app.db", "/data/app.db"),
            ("sqlite3:db/app.sqlite3", "/nowhere/app/db/app.sqlite3"),
            ("sqlite+aiosqlite:///app.db", "/nowhere/app/app.db"),
            ("sqlite+aiosqlite:////data/app.db", "/data/app.db"),
            ("jdbc:sqlite:app.db", "/nowhere/app/app.db"),
            ("file:./dev.db", "/nowhere/app/dev.db"),
            ("file:///data/dev.db", "/data/dev.db"),
        ] {
            assert_eq!(file(text, &folders).as_deref(), Ok(path), "{text}");
        }
    }

    #[test]
    fn a_database_in_memory_or_a_directory_is_refused() {
        let folders = Folders { working: "/".into(), schema: None };
        for text in ["sqlite::memory:", "sqlite://:memory:", "sqlite:/", "sqlite:///tmp/"] {
            assert!(file(text, &folders).is_err(), "{text}");
        }
    }

    #[test]
    fn three_slashes_mean_the_file_that_exists() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().to_str().unwrap().trim_start_matches('/').to_owned();
        fs::create_dir_all(directory.path().join(&inside)).unwrap();
        let (absolute, relative) =
            (directory.path().join("a.db"), directory.path().join(&inside).join("a.db"));
        let text = format!("sqlite:///{inside}/a.db");
        let folders = at(directory.path());
        assert_eq!(file(&text, &folders).unwrap(), absolute.to_str().unwrap());
        fs::write(&relative, "").unwrap();
        assert_eq!(file(&text, &folders).unwrap(), relative.to_str().unwrap());
        fs::write(&absolute, "").unwrap();
        let error = file(&text, &folders).unwrap_err();
        assert!(
            error.contains(absolute.to_str().unwrap()) && error.contains(relative.to_str().unwrap()),
            "{error}"
        );
    }

    #[test]
    fn prismas_file_is_where_it_is_and_else_beside_the_schema() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("prisma/migrations")).unwrap();
        let folders = at(directory.path());
        let (schema, working) = (directory.path().join("prisma/dev.db"), directory.path().join("dev.db"));
        let mut report = Report::default();
        let url = url::parse("file:./dev.db").unwrap();
        let created = locate(url.dialect, &url.path.unwrap(), &folders, &mut report).unwrap();
        assert_eq!(Path::new(&created), schema);
        assert!(report.remarks[0].contains(schema.to_str().unwrap()), "{:?}", report.remarks);

        fs::write(&working, "").unwrap();
        assert_eq!(Path::new(&file("file:dev.db", &folders).unwrap()), working);
        fs::write(&schema, "").unwrap();
        let error = file("file:dev.db", &folders).unwrap_err();
        assert!(error.contains(schema.to_str().unwrap()), "{error}");
        fs::remove_file(&working).unwrap();
        assert_eq!(Path::new(&file("file:dev.db", &folders).unwrap()), schema);
    }

    #[test]
    fn prismas_file_may_lie_above_the_schema() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("prisma/migrations")).unwrap();
        let real = directory.path().canonicalize().unwrap();
        assert_eq!(Path::new(&file("file:../dev.db", &at(&real)).unwrap()), real.join("dev.db"));
    }

    #[test]
    fn the_schema_lies_beside_the_migrations_that_were_named() {
        let folder = schema_folder(Some(Path::new("db/migrations")), Path::new("/app"));
        assert_eq!(folder.as_deref(), Some(Path::new("/app/db")));
        let folder = schema_folder(Some(Path::new("/srv/prisma/migrations/")), Path::new("/app"));
        assert_eq!(folder.as_deref(), Some(Path::new("/srv/prisma")));
    }
}
