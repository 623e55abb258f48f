//! The migration tools castoff can stand in for, behind one trait.
//!
//! A [`Format`] is the only place that knows a tool. It is pure: it runs no SQL, and touches a file only to
//! [`gather`](Format::gather) what the tool's own configuration leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::engine::{DbError, Engine, Facts, Ledger, LockKey, Row, TableName};
use crate::environment::Environment;
use crate::exit::Result;

pub mod alembic;
pub mod dbmate;
pub mod diesel;
mod directives;
mod entry;
pub mod flyway;
mod go_drivers;
pub mod golang_migrate;
pub mod goose;
mod part;
pub mod prisma;
pub mod refinery;
mod refusal;
mod repair;
mod session;
pub mod sqlx;
#[cfg(test)]
pub(crate) mod testing;
mod toml;
mod undo;

use directives::{has_directives, without_mark};
pub use entry::{Clock, Entry, Moment, Parameter};
pub use part::{Located, Part};
use refusal::{foreign_row, refuse_twins, same_version, unreadable, utf8};
pub use repair::{Amendment, Repair, Resolution};
pub use undo::Undo;

/// The formats built in, in the order `--version` lists them.
pub static FORMATS: &[&dyn Format] = &[
    &sqlx::Sqlx,
    &prisma::Prisma,
    &golang_migrate::GolangMigrate,
    &dbmate::Dbmate,
    &goose::Goose,
    &flyway::Flyway,
    &diesel::Diesel,
    &refinery::Refinery,
    &alembic::Alembic,
];

/// Where migrations are looked for when nobody says.
pub const DEFAULT_DIRECTORIES: [&str; 4] =
    ["migrations", "prisma/migrations", "db/migrations", "db/migration"];

/// The files of a migrations directory: path relative to it → content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The directory as the user named it, for messages.
    pub directory: PathBuf,
    /// Every regular file below it that a format [wants](Format::wants).
    pub contents: BTreeMap<PathBuf, Vec<u8>>,
    /// Every directory below it, empty ones too.
    pub directories: BTreeSet<PathBuf>,
}

/// What a tool is told besides its files, before any database is asked.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The engine.
    pub engine: Engine,
    /// The environment as castoff found it, for tools that read variables of their own.
    pub environment: &'a Environment,
    /// golang-migrate's `x-multi-statement`.
    pub multi_statement: bool,
    /// golang-migrate's `x-no-tx-wrap`.
    pub no_tx_wrap: bool,
    /// Whether what is applied is to be taken back: then the ways down are read as well.
    pub goes_back: bool,
}

/// Where a tool works: what it knows of the database when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The engine.
    pub engine: Engine,
    /// What the server said of itself.
    pub facts: &'a Facts,
    /// The history table.
    pub table: &'a TableName,
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
    /// What is sent, in this order.
    pub parts: Vec<Part>,
    /// The tool's checksum of it; empty where it keeps none.
    pub checksum: Vec<u8>,
    /// Whether the file asks to run outside a transaction, in the tool's own way.
    pub no_transaction: bool,
    /// Why it cannot be run; of interest only where it is pending.
    pub unusable: Option<String>,
    /// The ids of others that are there wherever this one is, where the history records only the last of a line.
    pub requires: Vec<String>,
}

/// The migrations of a tool whose own configuration says where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// What the user named, or the directory that was found, for messages.
    pub directory: PathBuf,
    /// The migrations in the order in which the tool applies them; empty if `opaque` says why.
    pub list: Vec<Migration>,
    /// Why what is pending cannot be known from the files. No error: the tool may know, so its command runs.
    pub opaque: Option<String>,
    /// The history table that the configuration names instead of the tool's usual one.
    pub history_table: Option<TableName>,
    /// A variable that makes the tool's own command read the same files, where it would not find them by itself.
    pub environment: Option<(&'static str, OsString)>,
}

/// What the files and the history say of each other. Ids are the tool's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// What the history says was applied, oldest first.
    pub applied: Vec<Applied>,
    /// On disk and not applied, in the order in which they would be.
    pub pending: Vec<String>,
    /// Those of `pending` that sort before something that is applied: policy decides what becomes of them.
    pub late: Vec<String>,
    /// Rows that say a migration was begun and not finished, or failed.
    pub unfinished: Vec<Unfinished>,
    /// Applied with another content than on disk.
    pub edited: Vec<String>,
    /// Applied and not on disk.
    pub missing: Vec<String>,
    /// Whether everything missing is newer than everything on disk: an old image on a newer database.
    pub missing_are_newer: bool,
    /// Whether the tool applies what is pending even then, without a word about what is missing.
    pub newer_may_be_missing: bool,
    /// Those of the list that are no migrations, but run along in their place whenever something is pending.
    pub accompanying: Vec<String>,
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
    /// Whether a rerun of the file on disk may complete it by itself, as far as the tool is concerned.
    pub may_resume: bool,
}

/// A migration that is about to be applied.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The migration.
    pub migration: &'a Migration,
    /// Whether the history already holds the unfinished row of an interrupted run that this one completes.
    pub resumed: bool,
    /// The id that was recorded last before it, if any.
    pub previous: Option<&'a str>,
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
    /// Committed by itself, as a whole, before anything else: says that the migration was begun.
    pub mark: Vec<Entry>,
    /// Bookkeeping before the script, in its transaction if there is one.
    pub before: Vec<Entry>,
    /// Bookkeeping after it, in its transaction if there is one.
    pub after: Vec<Entry>,
    /// Bookkeeping once all that is committed; the tool accepts that a crash loses it.
    pub finally: Vec<Entry>,
    /// What the tool records of a failure; empty where it records none.
    pub failed: Vec<Entry>,
    /// Takes `mark` back where nothing of the script stayed: after a stop, and where the tool records no failure.
    pub undo: Vec<Entry>,
    /// Where it takes a migration back: what a person does whose way down was broken off. `applied` begins once everything
    /// that it took away is there again, and `rolled_back` once the rest is gone as well.
    pub back: Option<Repair>,
}

impl Step {
    /// The step of a tool that writes nothing but that a migration is done, in the script's transaction if it has one.
    fn recorded_when_done(turn: &Turn<'_>, row: Vec<Entry>) -> Self {
        let Turn { migration, resumed, .. } = *turn;
        Self {
            migration: migration.clone(),
            resumed,
            atomicity: if migration.no_transaction { Atomicity::Apart } else { Atomicity::Together },
            mark: Vec::new(),
            before: Vec::new(),
            after: row,
            finally: Vec::new(),
            failed: Vec::new(),
            undo: Vec::new(),
            back: None,
        }
    }

    /// Whether the history will know of it; what only runs along with migrations leaves no row.
    pub fn is_recorded(&self) -> bool {
        !(self.mark.is_empty() && self.after.is_empty())
    }

    /// Whether the history knows of it before its end. What else is sent before a script says nothing there.
    pub fn is_marked(&self) -> bool {
        self.mark.iter().chain(&self.before).any(|entry| entry.sql.contains("{table}"))
    }
}

/// Whether a script and its bookkeeping are one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// One transaction around everything.
    Together,
    /// The script runs by itself, between its marks.
    Apart,
}

/// What becomes of a migration that sorts before one that is already applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfOrder {
    /// It is applied.
    Apply,
    /// It is passed over, for good.
    Skip,
    /// It stops everything.
    Fail,
}

/// What a tool does by itself with files that no longer fit the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Whether an edited file stops the tool.
    pub fails_on_edited: bool,
    /// Whether an applied migration that is not on disk stops the tool.
    pub fails_on_missing: bool,
    /// What it does with a migration that comes late.
    pub out_of_order: OutOfOrder,
    /// Whether the tool refuses a schema that holds tables and no history.
    pub refuses_foreign_tables: bool,
    /// The schema the tool works in where the URL names none; `None` leaves that to the server.
    pub schema: Option<&'static str>,
}

impl Habits {
    /// Nothing stops the tool, and what comes late is applied.
    pub const LENIENT: Self = Self {
        fails_on_edited: false,
        fails_on_missing: false,
        out_of_order: OutOfOrder::Apply,
        refuses_foreign_tables: false,
        schema: None,
    };
}

/// What a tool's own variables say. The user's options stand above them, the tool's habits below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The migrations directory.
    pub directory: Option<PathBuf>,
    /// The history table.
    pub history_table: Option<TableName>,
    /// Whether an edited file stops the tool.
    pub fails_on_edited: Option<bool>,
    /// Whether an applied migration that is not on disk stops it.
    pub fails_on_missing: Option<bool>,
    /// What it does with a migration that comes late.
    pub out_of_order: Option<OutOfOrder>,
    /// Whether it takes a schema that holds tables and no history.
    pub takes_foreign_tables: bool,
}

/// One migration tool.
pub trait Format: Sync {
    /// The name of `--format`.
    fn name(&self) -> &'static str;

    /// Whether a file is of any interest to the tool; by its path below the directory.
    fn wants(&self, path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "sql")
    }

    /// Whether this directory looks like the tool's. Another tool's directives in the files speak against it.
    fn recognises(&self, files: &Files) -> bool;

    /// The columns of the tool's history table: what tells whose it is where two layouts fit.
    fn columns(&self) -> &'static [&'static str];

    /// Reads the directory, in the order in which the tool applies it.
    fn read(&self, files: &Files, told: &Told<'_>) -> Result<Vec<Migration>>;

    /// Reads the migrations from where the tool's own configuration says they are: in what the user named, or where the
    /// tool itself would look. `None` where there is no such configuration, and directories are simply read.
    ///
    /// `table` is the history table that the user named.
    fn gather(&self, _named: Option<&Path>, _table: Option<&TableName>) -> Result<Option<Gathered>> {
        Ok(None)
    }

    /// What the tool's own variables say, where it reads such.
    ///
    /// # Errors
    ///
    /// 64 for a value that is none, or that castoff does not follow.
    fn wishes(&self, _: &Told<'_>) -> Result<Wishes> {
        Ok(Wishes::default())
    }

    /// The schema of the history, where the tool takes it from the search path in the URL and from nothing else.
    fn schema_in(&self, _search_path: &str) -> Option<String> {
        None
    }

    /// The history table on an engine; `table` replaces the tool's own name for it.
    fn ledger(&self, engine: Engine, table: Option<&TableName>) -> Ledger;

    /// The tool's own DDL, where it depends on the files.
    fn create(&self, _: Engine, _: &[Migration]) -> Option<Vec<String>> {
        None
    }

    /// The keys the tool itself locks. Many tools lock nothing.
    fn lock_keys(&self, _: &Site<'_>) -> Vec<LockKey> {
        Vec::new()
    }

    /// What the tool does by itself, without being told.
    fn habits(&self, engine: Engine) -> Habits;

    /// Whether the history tells an edited file from the one that was applied.
    fn keeps_checksums(&self) -> bool {
        true
    }

    /// Whether the history tells every migration that was applied, and not only how far they go.
    fn keeps_every_version(&self) -> bool {
        true
    }

    /// Holds the files against the history; pure.
    fn assess(&self, at: &Site<'_>, migrations: &[Migration], history: &[Row]) -> Result<Assessment>;

    /// The statements that make a session mean what it means under the tool.
    fn session_settings(&self, engine: Engine) -> Vec<String>;

    /// The migration with its bookkeeping.
    ///
    /// `None` where it is a program that only the tool can run: then [`default_command`](Self::default_command) does.
    fn step(&self, at: &Site<'_>, turn: &Turn<'_>) -> Option<Step>;

    /// How the tool takes migrations back.
    ///
    /// # Errors
    ///
    /// Where it does not: what a person does instead.
    fn undo(&self) -> std::result::Result<&dyn Undo, &'static str>;

    /// The command that applies the migrations of a tool whose files are programs, unless the user names another.
    fn default_command(&self) -> Option<&'static str> {
        None
    }

    /// What the tool records of an error, where it does.
    fn failure(&self, _: Engine, _: &Migration, error: &DbError) -> String {
        error.to_string()
    }

    /// How a file says that it must run outside a transaction; `None` where the tool needs no telling.
    fn outside_transaction(&self) -> Option<&'static str>;

    /// Whether a file with other line endings counts as edited.
    fn minds_line_endings(&self) -> bool {
        true
    }

    /// How a broken-off migration is repaired.
    fn repair(&self, table: &TableName, id: &str) -> Repair;

    /// The entries with which the tool itself would resolve a migration by hand.
    ///
    /// # Errors
    ///
    /// 65 where files or history contradict it, 64 where the tool knows no such thing.
    fn resolve(&self, at: &Site<'_>, asked: &Amendment<'_>) -> Result<Vec<Entry>>;
}

/// Seconds since the Unix epoch as RFC 3339.
fn timestamp(seconds: &str) -> Option<String> {
    let seconds = Duration::from_secs(seconds.parse().ok()?);
    rfc3339(SystemTime::UNIX_EPOCH.checked_add(seconds)?)
}

/// A time in UTC; `None` before 1970 and after 9999, for which there are no words.
fn rfc3339(time: SystemTime) -> Option<String> {
    /// The first second of the year 10000.
    const END: u64 = 253_402_300_800;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since.as_secs() < END).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// CRC-32 as IEEE 802.3 has it: what lock keys are made of.
fn crc32(text: &str) -> u32 {
    crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(text.as_bytes())
}
