//! The schema of `migrations/`, whole or as far as it was written on some day.

use std::path::{Path, PathBuf};

use crate::harness::{Engine, Migrations};

/// The last version that [`first_half`] holds; on every engine further ones follow.
const HALF: &str = "20250121103000";

/// Every file of a format's corpus for this engine, by name.
fn files(format: &str, engine: Engine) -> Vec<(String, String)> {
    let directory: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(format).join(engine.name());
    let entries =
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.expect("an entry of the corpus").path())
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a file of the corpus");
            (path.file_name().expect("a name").to_str().expect("an ASCII name").to_owned(), text)
        })
        .collect();
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
    let half: Vec<_> = all.into_iter().filter(|(name, _)| name.split('_').next() <= Some(HALF)).collect();
    assert!((1..count).contains(&half.len()), "{} of {count} files are no half", half.len());
    written(half.into_iter())
}
