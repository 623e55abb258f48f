//! What the suite has to know of a migration tool.

use crate::harness::{Database, Engine};

/// One row, column by column, as text; `None` is NULL.
pub(crate) type TextRow = Vec<Option<String>>;

/// One migration, before a tool has given it a name.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Its place in the order, from 1 to 9999.
    pub(crate) number: u32,
    /// What it is called, in lowercase words with `_` between them, unless the case is about names.
    pub(crate) name: String,
    /// What it does; every statement ends at the end of a line.
    pub(crate) sql: String,
    /// Whether it asks to run outside a transaction, in the tool's own way if it has one.
    pub(crate) apart: bool,
    /// What takes it back.
    pub(crate) down: Down,
}

/// What takes a migration back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// Nothing that may ever run: a statement that fails, where the tool asks for one.
    Trap,
    /// Nothing at all, not even where the tool asks for it.
    Missing,
    /// This; every statement ends at the end of a line.
    Sql(String),
}

impl Down {
    /// The text, if there is to be one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Trap => Some("DROP TABLE nothing;\n"),
            Self::Missing => None,
            Self::Sql(sql) => Some(sql),
        }
    }
}

/// What became of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is done.
    Applied,
    /// A statement in it failed.
    Failed,
    /// Whoever ran it was killed.
    Unfinished,
    /// It was applied, and its way down begun.
    HalfUndone,
}

/// A migration that has left something in the history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded<'a> {
    /// The migration.
    pub(crate) script: &'a Script,
    /// The text of its file as it was when it ran.
    pub(crate) content: &'a [u8],
    /// What became of it.
    pub(crate) mark: Mark,
}

/// A tool's history table on one engine.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Its name, without a schema.
    pub(crate) table: &'static str,
    /// The tool's own statements that make it, in the place where castoff makes it; `{table}` stands for the name.
    pub(crate) create: Vec<&'static str>,
    /// What is compared of a row: columns, and expressions where a value is of the moment (a time, a random id).
    pub(crate) columns: Vec<&'static str>,
    /// The order in which [`Tool::rows`] gives the rows.
    pub(crate) order: &'static str,
}

/// What the tool makes of files that no longer fit the history, unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Whether the history shows that a file has changed after it was applied.
    pub(crate) sees_edited: bool,
    /// Whether that stops the tool.
    pub(crate) fails_on_edited: bool,
    /// Whether the history shows that a file is gone where newer ones are there; a history of one row does not.
    pub(crate) sees_gaps: bool,
    /// Whether an applied migration that is not on disk stops the tool.
    pub(crate) fails_on_missing: bool,
    /// What becomes of a new file that sorts before applied ones: `apply`, `skip` or `fail`.
    pub(crate) out_of_order: &'static str,
}

/// How a migration came to its end before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A statement failed.
    Failure,
    /// castoff was killed, and its session with it.
    Kill,
}

/// What is left of a migration that was broken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aftermath {
    /// What the history says of it, if anything.
    pub(crate) mark: Option<Mark>,
    /// Whether the statements before the break have stayed.
    pub(crate) stays: bool,
    /// Whether the next start is refused (65) until somebody has mended the history; it runs the file again otherwise.
    pub(crate) blocks: bool,
}

/// What is left of a way down that was broken off behind a `DROP TABLE`.
#[derive(Clone, Debug)]
pub(crate) struct HalfUndone {
    /// The history.
    pub(crate) recorded: Vec<(u32, Mark)>,
    /// Whether what was dropped before the break stays away.
    pub(crate) stays: bool,
    /// Whether whatever is next is refused (65) until somebody has mended the history.
    pub(crate) blocks: bool,
}

/// What becomes of a script that is not as scripts usually are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is applied.
    Applied,
    /// It is run and fails (80).
    Fails,
    /// It is refused (65) before anything is applied.
    Refused,
}

/// A lock that the tool itself takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// A PostgreSQL advisory lock of one 64-bit number.
    Number(i64),
    /// A MySQL user-level lock.
    Name(String),
}

/// A migration tool as its own sources and documentation describe it.
pub(crate) trait Tool: Sync {
    /// The name of `--format`.
    fn name(&self) -> &'static str;

    /// The files of a migration, below the migrations directory: first the one that holds the script.
    fn files(&self, script: &Script) -> Vec<(String, String)>;

    /// The tool's own name for a migration.
    fn id(&self, script: &Script) -> String;

    /// A statement in the middle of a script that asks to run outside a transaction, because none can hold it: of a table
    /// `half`, begins with `VACUUM`.
    fn outside(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Postgres => "VACUUM half;\n",
            Engine::MySql => "",
            Engine::Sqlite => "VACUUM;\n",
        }
    }

    /// Whether such a script runs; with a tool that has no way to ask, its statement fails.
    fn runs_apart(&self, _engine: Engine) -> bool {
        true
    }

    /// The history table.
    fn ledger(&self, engine: Engine) -> Ledger;

    /// The rows of the history after these, in the order in which they ran.
    fn rows(&self, engine: Engine, recorded: &[Recorded<'_>]) -> Vec<TextRow>;

    /// The ids that `status` can know as applied, after these have been, in the order in which they ran.
    fn applied(&self, ids: &[String]) -> Vec<String> {
        ids.to_vec()
    }

    /// What it makes of drift.
    fn habits(&self) -> Habits;

    /// What is left of a broken-off migration whose first statement is DDL; `apart` if it asks to run outside a
    /// transaction and holds [a statement](Self::outside) that has to.
    fn aftermath(&self, engine: Engine, cause: Cause, apart: bool) -> Aftermath;

    /// What is left where the way down of `this` was broken off, which ran after `before`; `None` for a tool without ways
    /// down. `apart` as for [`aftermath`](Self::aftermath).
    fn half_undone(&self, _engine: Engine, (_before, _this): (u32, u32), _apart: bool) -> Option<HalfUndone> {
        None
    }

    /// The locks it takes in this database while it migrates.
    fn locks(&self, database: &Database) -> Vec<Lock>;

    /// A file that begins with U+FEFF.
    fn byte_order_mark(&self, engine: Engine) -> Outcome;

    /// A script with a `BEGIN` and a `COMMIT` of its own.
    fn transaction_of_its_own(&self, engine: Engine) -> Outcome;

    /// Two files of one version; `Applied` where both are migrations of their own.
    fn duplicate_version(&self) -> Outcome {
        Outcome::Refused
    }

    /// A name of the strangest kind that the tool takes for a migration's.
    fn odd_name(&self) -> &'static str {
        "añadir pedidos ✓ 表"
    }
}

/// A row of these values.
pub(crate) fn row<const N: usize>(values: [&str; N]) -> TextRow {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

/// A boolean as the engine shows it.
pub(crate) fn truth(engine: Engine, value: bool) -> &'static str {
    match (engine, value) {
        (Engine::Postgres, true) => "t",
        (Engine::Postgres, false) => "f",
        (_, true) => "1",
        (_, false) => "0",
    }
}
