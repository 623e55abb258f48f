//! The migration tools castoff can stand in for, behind one trait.
//!
//! A [`Format`] is the only place that knows a tool. It is pure: it runs no SQL and touches no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::engine::{Engine, Facts, Ledger, LockKey, Row, Statement, TableName};
use crate::exit::{Exit, Failure, Result};

pub mod sqlx;

/// The formats built in, in the order `--version` lists them.
pub static FORMATS: &[&dyn Format] = &[&sqlx::Sqlx];

/// The files of a migrations directory: path relative to it → content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The directory as the user named it, for messages.
    pub directory: PathBuf,
    /// Every regular file below it that a migration tool could mean.
    pub contents: BTreeMap<PathBuf, Vec<u8>>,
}

/// One migration as its tool sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The tool's own name for it (sqlx: the version).
    pub id: String,
    /// Its file, below the directory as the user named it.
    pub file: PathBuf,
    /// The tool's description of it; empty where it has none.
    pub description: String,
    /// The text to run.
    pub sql: String,
    /// The tool's checksum of it; empty where it keeps none.
    pub checksum: Vec<u8>,
    /// Whether the file asks to run outside a transaction, in the tool's own way.
    pub no_transaction: bool,
}

/// What the files and the history say of each other. Ids are the tool's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// What the history says was applied, oldest first.
    pub applied: Vec<Applied>,
    /// On disk and not applied, in the order in which they would be.
    pub pending: Vec<String>,
    /// Rows that say a migration was begun and not finished, or failed.
    pub unfinished: Vec<Unfinished>,
    /// Applied with another content than on disk.
    pub edited: Vec<String>,
    /// Applied and not on disk.
    pub missing: Vec<String>,
    /// Whether everything missing is newer than everything on disk: an old image on a newer database.
    pub missing_are_newer: bool,
}

/// A migration the history knows as done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The tool's own name for it.
    pub id: String,
    /// When, RFC 3339 in UTC, where the tool records it.
    pub at: Option<String>,
}

/// A migration the history knows as begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The tool's own name for it.
    pub id: String,
    /// What the tool recorded of the failure, if it records any.
    pub error: Option<String>,
    /// Whether the file on disk is the one that was begun.
    pub same_file: bool,
}

/// A migration and the bookkeeping around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The migration.
    pub migration: Migration,
    /// Whether the history already holds the unfinished row of an interrupted run that this one completes.
    pub resumed: bool,
    /// Whether script and bookkeeping share one transaction.
    pub atomicity: Atomicity,
    /// Bookkeeping before the script.
    pub before: Vec<Statement>,
    /// Bookkeeping after it.
    pub after: Vec<Statement>,
    /// Bookkeeping once all that is committed; the tool accepts that a crash loses it.
    pub finally: Vec<Statement>,
    /// Takes back `before` where the server said that nothing of an [`Atomicity::Apart`] script stayed.
    pub undo: Vec<Statement>,
}

/// Whether a script and its bookkeeping are one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// One transaction around everything.
    Together,
    /// The script runs by itself, between its marks.
    Apart,
}

/// What a tool does by itself with files that no longer fit the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Whether an edited file stops the tool.
    pub fails_on_edited: bool,
    /// Whether an applied migration that is not on disk stops the tool.
    pub fails_on_missing: bool,
}

/// One migration tool.
pub trait Format: Sync {
    /// The name of `--format`.
    fn name(&self) -> &'static str;

    /// Whether this directory looks like the tool's.
    fn recognises(&self, files: &Files) -> bool;

    /// Reads the directory, in the order in which the tool applies it.
    fn read(&self, files: &Files) -> Result<Vec<Migration>>;

    /// The history table on an engine; `table` replaces the tool's own name for it.
    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger;

    /// The key the tool itself locks, where it does.
    fn lock_keys(&self, engine: Engine, facts: &Facts) -> Vec<LockKey>;

    /// What the tool does by itself with drift.
    fn habits(&self) -> Habits;

    /// Holds the files against the history; pure.
    fn assess(&self, migrations: &[Migration], history: &[Row]) -> Result<Assessment>;

    /// The statements that make a session mean what it means under the tool.
    fn session_settings(&self, engine: Engine) -> Vec<String>;

    /// The migration with its bookkeeping. `resumed` if the history holds its unfinished row.
    fn step(&self, engine: Engine, migration: &Migration, resumed: bool) -> Step;
}

/// A file that its tool could not read either.
fn unreadable(file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::message(Exit::Data, format!("cannot read the migration {}: {why}", file.display()))
}
