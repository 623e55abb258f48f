//! Which files of a version location are revisions: `_list_py_dir` and `_load_revisions` of `script/base.py`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Trouble;
use crate::exit::{Exit, Failure};

/// How Alembic is told to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// `recursive_version_locations`.
    pub(super) recursive: bool,
    /// `sourceless`: compiled files without their source count as well.
    pub(super) sourceless: bool,
}

/// How deep a version location is followed; years and months are two.
const DEEPEST: usize = 16;

/// The revision files of these locations, in the order in which Alembic loads them. A location that does not exist is
/// none, and a file that is reached twice counts once.
pub(super) fn revision_files(locations: &[PathBuf], search: Search) -> Result<Vec<PathBuf>, Trouble> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for location in locations.iter().filter(|location| location.exists()) {
        let mut listed = Vec::new();
        list(location, search, 0, &mut listed)?;
        for path in listed {
            // Alembic judges a link by the name of what it leads to.
            let real = match fs::canonicalize(&path) {
                Ok(real) => real,
                Err(error) if is_revision(path.file_name().unwrap_or_default().as_encoded_bytes()) => {
                    return Err(cannot_read(&path, error));
                }
                Err(_) => continue,
            };
            let name = real.file_name().unwrap_or_default().as_encoded_bytes();
            if is_revision(name) && seen.insert(real) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// A file that has to be there and cannot be read.
pub(super) fn cannot_read(path: &Path, error: io::Error) -> Trouble {
    let context = format!("cannot read {}", path.display());
    Trouble::Failure(
        Failure::new(Exit::Data, anyhow::Error::new(error).context(context))
            .hint("check the file's permissions for the user the container runs as"),
    )
}

/// `_only_source_rev_file`.
pub(super) fn is_revision(name: &[u8]) -> bool {
    name.ends_with(b".py") && !name.starts_with(b".#") && !name.starts_with(b"__init__")
}

fn list(directory: &Path, search: Search, level: usize, files: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    let entries = fs::read_dir(directory).map_err(|error| cannot_read(directory, error))?;
    let (mut names, mut directories): (Vec<OsString>, Vec<OsString>) = (Vec::new(), Vec::new());
    for entry in entries {
        let entry = entry.map_err(|error| cannot_read(directory, error))?;
        let kind = entry.file_type().map_err(|error| cannot_read(directory, error))?;
        // Links to directories are not followed.
        let list = if kind.is_dir() { &mut directories } else { &mut names };
        list.push(entry.file_name());
    }
    names.sort();
    directories.sort();
    if search.sourceless {
        refuse_compiled(directory, &names)?;
    }
    files.extend(names.iter().map(|name| directory.join(name)).filter(|path| !path.is_dir()));
    if search.recursive && level < DEEPEST {
        for name in directories.iter().filter(|name| *name != "__pycache__") {
            list(&directory.join(name), search, level + 1, files)?;
        }
    }
    Ok(())
}

/// A compiled revision without its source is beyond reading.
fn refuse_compiled(directory: &Path, names: &[OsString]) -> Result<(), Trouble> {
    let stem = |name: &OsString| name.to_string_lossy().split('.').next().unwrap_or_default().to_owned();
    let sources: HashSet<String> =
        names.iter().filter(|name| is_revision(name.as_encoded_bytes())).map(stem).collect();
    let cached = fs::read_dir(directory.join("__pycache__")).into_iter().flatten().flatten();
    for name in names.iter().cloned().chain(cached.map(|entry| entry.file_name())) {
        let text = name.to_string_lossy();
        let compiled = text.ends_with(".pyc") || text.ends_with(".pyo");
        if compiled && !text.starts_with("__init__") && !sources.contains(&stem(&name)) {
            return Err(Trouble::NeedsPython(format!("{} is compiled", directory.join(&name).display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::super::Trouble;
    use super::{Search, revision_files};

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn found(root: &Path, locations: &[&str], search: Search) -> Vec<PathBuf> {
        let locations: Vec<_> = locations.iter().map(|location| root.join(location)).collect();
        let files = revision_files(&locations, search).unwrap_or_else(|trouble| panic!("{trouble:?}"));
        files.into_iter().map(|file| file.strip_prefix(root).unwrap().to_owned()).collect()
    }

    const FLAT: Search = Search { recursive: false, sourceless: false };
    const DEEP: Search = Search { recursive: true, sourceless: false };

    #[test]
    fn what_alembic_takes_for_a_revision_is_taken_and_nothing_else() {
        let root = tree(&[
            "v/b.py",
            "v/a.py",
            "v/__init__.py",
            "v/.#a.py",
            "v/.hidden.py",
            "v/README",
            "v/c.pyc",
            "v/d.py~",
            "v/sub/e.py",
            "v/__pycache__/f.py",
            "w/g.py",
        ]);
        assert_eq!(
            found(root.path(), &["w", "v", "missing"], FLAT),
            ["w/g.py", "v/.hidden.py", "v/a.py", "v/b.py"].map(PathBuf::from)
        );
        assert_eq!(
            found(root.path(), &["v"], DEEP),
            ["v/.hidden.py", "v/a.py", "v/b.py", "v/sub/e.py"].map(PathBuf::from)
        );
    }

    #[test]
    fn a_file_reached_twice_counts_once_and_a_link_by_what_it_leads_to() {
        let root = tree(&["data/a.py", "data/b.txt", "v/x/c.py"]);
        symlink("../data/a.py", root.path().join("v/z.py")).unwrap();
        symlink("../data/a.py", root.path().join("v/y.py")).unwrap();
        symlink("../data/b.txt", root.path().join("v/b.py")).unwrap();
        symlink("x", root.path().join("v/w")).unwrap();
        assert_eq!(found(root.path(), &["v", "data", "v"], FLAT), ["v/y.py"].map(PathBuf::from));
        assert_eq!(found(root.path(), &["v"], DEEP), ["v/y.py", "v/x/c.py"].map(PathBuf::from));
    }

    #[test]
    fn a_revision_without_its_source_needs_python() {
        let root = tree(&[
            "v/a.py",
            "v/a.pyc",
            "v/__pycache__/a.cpython-311.pyc",
            "v/__pycache__/__init__.cpython-311.pyc",
        ]);
        let sourceless = Search { sourceless: true, ..FLAT };
        assert_eq!(found(root.path(), &["v"], sourceless), ["v/a.py"].map(PathBuf::from));
        fs::remove_file(root.path().join("v/a.py")).unwrap();
        let trouble = revision_files(&[root.path().join("v")], sourceless).unwrap_err();
        assert!(matches!(trouble, Trouble::NeedsPython(why) if why.contains("a.pyc")));
        assert_eq!(found(root.path(), &["v"], FLAT), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_no_file_to_pass_over() {
        let root = tree(&["v/a.py"]);
        symlink("gone.py", root.path().join("v/b.py")).unwrap();
        assert!(matches!(revision_files(&[root.path().join("v")], FLAT), Err(Trouble::Failure(_))));
    }
}
