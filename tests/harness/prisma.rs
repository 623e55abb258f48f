//! `_prisma_migrations` as the tests read it.

use super::{Database, Engine};

/// A row of `_prisma_migrations`, every column as the engine shows it as text; `None` is NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrismaRow {
    /// A random UUID.
    pub(crate) id: String,
    /// SHA-256 of the file in hexadecimal.
    pub(crate) checksum: String,
    /// When it was done.
    pub(crate) finished_at: Option<String>,
    /// The directory.
    pub(crate) name: String,
    /// What the server said when it failed.
    pub(crate) logs: Option<String>,
    /// When a person said that it was undone.
    pub(crate) rolled_back_at: Option<String>,
    /// When it began.
    pub(crate) started_at: String,
    /// 1 once its script has run.
    pub(crate) steps: String,
}

/// What became of a migration, as its row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrismaState {
    /// Begun and not finished; with logs, it failed.
    Unfinished,
    /// Done.
    Applied,
    /// Undone, by hand or by the server.
    RolledBack,
}

impl PrismaRow {
    /// What Prisma makes of it.
    pub(crate) fn state(&self) -> PrismaState {
        match (&self.rolled_back_at, &self.finished_at) {
            (Some(_), _) => PrismaState::RolledBack,
            (None, Some(_)) => PrismaState::Applied,
            (None, None) => PrismaState::Unfinished,
        }
    }

    /// Fails unless the id is a random UUID as Prisma writes it: lowercase, with dashes, version 4.
    pub(crate) fn assert_id(&self) {
        let parts: Vec<&str> = self.id.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{self:?}");
        assert!(parts.concat().bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{self:?}");
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{self:?}");
    }
}

impl Database {
    /// The history in the order of its rows' starts; empty where there is no table.
    pub(crate) fn prisma_history(&self) -> Vec<PrismaRow> {
        self.prisma_history_in("_prisma_migrations")
    }

    /// The history in this table.
    pub(crate) fn prisma_history_in(&self, table: &str) -> Vec<PrismaRow> {
        if !self.has_table(table) {
            return Vec::new();
        }
        // The names and the order of the columns are part of what is checked.
        let text = if self.engine() == Engine::MySql { "CHAR" } else { "TEXT" };
        let columns = [
            "id",
            "checksum",
            "finished_at",
            "migration_name",
            "logs",
            "rolled_back_at",
            "started_at",
            "applied_steps_count",
        ];
        let columns: Vec<String> = columns.iter().map(|column| format!("CAST({column} AS {text})")).collect();
        let order = "ORDER BY started_at, finished_at IS NOT NULL, migration_name";
        let rows = self.rows(&format!("SELECT {} FROM {table} {order}", columns.join(", ")));
        rows.into_iter().map(from_texts).collect()
    }

    /// The migrations whose row says that they are done, in the order in which they began.
    pub(crate) fn prisma_applied(&self) -> Vec<String> {
        let rows = self.prisma_history();
        rows.into_iter().filter(|row| row.state() == PrismaState::Applied).map(|row| row.name).collect()
    }
}

fn from_texts(row: Vec<Option<String>>) -> PrismaRow {
    let [id, checksum, finished_at, name, logs, rolled_back_at, started_at, steps] =
        <[Option<String>; 8]>::try_from(row).expect("eight columns");
    let text = |value: Option<String>| value.expect("a column that is NOT NULL");
    PrismaRow {
        id: text(id),
        checksum: text(checksum),
        finished_at,
        name: text(name),
        logs,
        rolled_back_at,
        started_at: text(started_at),
        steps: text(steps),
    }
}
