//! Directories of migrations in sqlx's layout, written by the tests themselves.

use std::path::Path;
use std::sync::Arc;

use super::Scratch;

/// A migrations directory; it stays as long as a call that uses it.
pub(crate) struct Migrations(Arc<Scratch>);

impl Migrations {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Scratch::new("migrations")))
    }

    /// One with the files of `names_and_sql`.
    pub(crate) fn of(names_and_sql: &[(&str, &str)]) -> Self {
        let new = Self::new();
        for (name, sql) in names_and_sql {
            new.write(name, sql);
        }
        new
    }

    /// Three small migrations that every engine can run.
    pub(crate) fn three() -> Self {
        Self::of(&[
            ("1_users.sql", "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(100) NOT NULL);\n"),
            (
                "20250102030405_add orders table.sql",
                "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NOT NULL);\nINSERT INTO users VALUES (1, 'a;b -- c');\n",
            ),
            ("20250203040506_backfill.sql", "INSERT INTO orders SELECT id * 10, id FROM users;\n"),
        ])
    }

    /// Writes or replaces one file.
    pub(crate) fn write(&self, name: &str, sql: impl AsRef<[u8]>) {
        self.0.write(name, sql);
    }

    /// Removes one file.
    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.0.path().join(name)).expect("the migration is there");
    }

    /// Keeps the directory in place.
    pub(super) fn keep(&self) -> Arc<Scratch> {
        Arc::clone(&self.0)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
