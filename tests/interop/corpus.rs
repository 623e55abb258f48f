//! The schema of `migrations/`, whole or as far as it was written on some day.

use std::path::{Path, PathBuf};

use crate::harness::{Engine, Migrations};

/// The last version that [`first_half`] holds; on every engine further ones follow.
const HALF: &str = "20250121103000";

/// The same where versions are not times but numbers.
const HALF_COUNT: usize = 4;

/// Every file of a format's corpus for this engine, by its path below the corpus.
fn files(format: &str, engine: Engine) -> Vec<(String, String)> {
    let root: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(format).join(engine.name());
    let (mut files, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        let entries =
            std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for path in entries.map(|entry| entry.expect("an entry of the corpus").path()) {
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file of the corpus");
            let name = path.strip_prefix(&root).expect("a path below the corpus");
            files.push((name.to_str().expect("an ASCII name").to_owned(), text));
        }
    }
    files.sort();
    files
}

fn written(files: impl Iterator<Item = (String, String)>) -> Migrations {
    let directory = Migrations::new();
    for (name, text) in files {
        directory.write(&name, text);
    }
    directory
}

/// All of it.
pub(crate) fn whole(format: &str, engine: Engine) -> Migrations {
    written(files(format, engine).into_iter())
}

/// What there was before the second half was written.
pub(crate) fn first_half(format: &str, engine: Engine) -> Migrations {
    let all = files(format, engine);
    let count = all.len();
    // What bears no version, such as Prisma's `migration_lock.toml`, was there from the beginning.
    let first = |name: &str| {
        let version =
            name.trim_start_matches(['V', 'U']).split('_').next().unwrap_or_default().replace('-', "");
        match version.get(..HALF.len()) {
            Some(time) => time <= HALF || !time.starts_with(char::is_numeric),
            None => version.parse().map_or(true, |number: usize| number <= HALF_COUNT),
        }
    };
    let half: Vec<_> = all.into_iter().filter(|(name, _)| first(name)).collect();
    assert!((1..count).contains(&half.len()), "{} of {count} files are no half", half.len());
    written(half.into_iter())
}
