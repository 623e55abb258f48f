//! `flyway_schema_history`: how it is created and read, and the rows that are written into it.

use crate::engine::{Engine, Ledger, TableName, Value};
use crate::format::{Entry, Parameter, Site};

/// The history table's name; `ClassicConfiguration.table` of `flyway-core/…/api/configuration`.
const TABLE: &str = "flyway_schema_history";

/// The columns of the history table.
pub(super) const COLUMNS: [&str; 10] = [
    "installed_rank",
    "version",
    "description",
    "type",
    "script",
    "checksum",
    "installed_by",
    "installed_on",
    "execution_time",
    "success",
];

/// `getRawCreateScript` of `flyway-database-postgresql/…/PostgreSQLDatabase.java`; `NAME` is the table's.
const CREATE_POSTGRES: [&str; 3] = [
    "CREATE TABLE {table} (
    \"installed_rank\" INT NOT NULL,
    \"version\" VARCHAR(50),
    \"description\" VARCHAR(200) NOT NULL,
    \"type\" VARCHAR(20) NOT NULL,
    \"script\" VARCHAR(1000) NOT NULL,
    \"checksum\" INTEGER,
    \"installed_by\" VARCHAR(100) NOT NULL,
    \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(),
    \"execution_time\" INTEGER NOT NULL,
    \"success\" BOOLEAN NOT NULL
)",
    "ALTER TABLE {table} ADD CONSTRAINT \"NAME_pk\" PRIMARY KEY (\"installed_rank\")",
    "CREATE INDEX \"NAME_s_idx\" ON {table} (\"success\")",
];

/// The same of `flyway-mysql/…/MySQLDatabase.java`. MariaDB's subclass names no constraint, and MariaDB drops the name of a
/// primary key.
const CREATE_MYSQL: [&str; 2] = [
    "CREATE TABLE {table} (
    `installed_rank` INT NOT NULL,
    `version` VARCHAR(50),
    `description` VARCHAR(200) NOT NULL,
    `type` VARCHAR(20) NOT NULL,
    `script` VARCHAR(1000) NOT NULL,
    `checksum` INT,
    `installed_by` VARCHAR(100) NOT NULL,
    `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    `execution_time` INT NOT NULL,
    `success` BOOL NOT NULL,
    CONSTRAINT `NAME_pk` PRIMARY KEY (`installed_rank`)
)",
    "CREATE INDEX `NAME_s_idx` ON {table} (`success`)",
];

/// The same of `flyway-core/…/database/sqlite/SQLiteDatabase.java`. SQLite keeps the text, quotes and all.
const CREATE_SQLITE: [&str; 2] = [
    "CREATE TABLE {quoted table} (
    \"installed_rank\" INT NOT NULL PRIMARY KEY,
    \"version\" VARCHAR(50),
    \"description\" VARCHAR(200) NOT NULL,
    \"type\" VARCHAR(20) NOT NULL,
    \"script\" VARCHAR(1000) NOT NULL,
    \"checksum\" INT,
    \"installed_by\" VARCHAR(100) NOT NULL,
    \"installed_on\" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    \"execution_time\" INT NOT NULL,
    \"success\" BOOLEAN NOT NULL
)",
    "CREATE INDEX \"main\".\"NAME_s_idx\" ON \"NAME\" (\"success\")",
];

/// The history table on an engine.
///
/// Columns: rank, version, description, type, checksum, whether it succeeded, seconds of the writing.
pub(super) fn ledger(engine: Engine, table: Option<&TableName>) -> Ledger {
    let table = table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() });
    let (installed_on, create, quote): (_, &[&str], _) = match engine {
        Engine::Postgres => ("floor(extract(epoch FROM installed_on))::bigint", &CREATE_POSTGRES, '"'),
        Engine::MySql => ("UNIX_TIMESTAMP(installed_on)", &CREATE_MYSQL, '`'),
        Engine::Sqlite => ("CAST(strftime('%s', installed_on) AS INTEGER)", &CREATE_SQLITE, '"'),
    };
    let doubled = table.name.replace(quote, &format!("{quote}{quote}"));
    Ledger {
        select: format!(
            "SELECT installed_rank, version, description, type, checksum, CASE WHEN success THEN 1 ELSE 0 END, \
             {installed_on} FROM {{table}} ORDER BY installed_rank"
        ),
        create: create.iter().map(|sql| sql.replace("NAME", &doubled)).collect(),
        table,
    }
}

/// A row of the history.
#[derive(Clone, Debug)]
pub(super) struct Record<'a> {
    /// The version; a repeatable migration has none.
    pub(super) version: Option<&'a str>,
    /// The description, cut to what fits.
    pub(super) description: &'a str,
    /// `SQL` and the like.
    pub(super) kind: &'static str,
    /// The file's path below the directory.
    pub(super) script: &'a str,
    /// The checksum, if it has one.
    pub(super) checksum: Option<i32>,
    /// Whom the history is to name, if not the user of the database.
    pub(super) installed_by: Option<&'a str>,
}

/// The longest path in the history; `flyway-core/…/util/AbbreviationUtils.java` keeps its end.
const LONGEST_SCRIPT: usize = 1000;

impl Record<'_> {
    /// Writes the row with the next rank (`SchemaHistory.calculateInstalledRank`).
    pub(super) fn insert(&self, at: &Site<'_>, took: Parameter, success: bool) -> Entry {
        self.insert_where(at, took, success, "")
    }

    /// The same, unless there is such a row that says that it failed.
    pub(super) fn insert_unless_failed(&self, at: &Site<'_>, took: Parameter) -> Entry {
        let (is_this, params) = self.is_this();
        let unless = format!(" HAVING COUNT(CASE WHEN {is_this} AND NOT success THEN 1 END) = 0");
        let mut entry = self.insert_where(at, took, false, &unless);
        entry.params.extend(params);
        entry
    }

    fn insert_where(&self, at: &Site<'_>, took: Parameter, success: bool, condition: &str) -> Entry {
        let text = |text: &str| Parameter::Fixed(Value::Text(text.to_owned()));
        let script: String = if self.script.chars().count() > LONGEST_SCRIPT {
            "...".chars().chain(self.script.chars().skip(3).take(LONGEST_SCRIPT - 3)).collect()
        } else {
            self.script.to_owned()
        };
        let mut params = Vec::new();
        let version = self.version.map_or("NULL", |version| {
            params.push(text(version));
            "?"
        });
        params.extend([text(self.description), text(self.kind), text(&script)]);
        let checksum = self.checksum.map_or("NULL", |checksum| {
            params.push(Parameter::Fixed(Value::Int(checksum.into())));
            "?"
        });
        // `doGetCurrentUser` of each engine's `Database`: whom the session was opened as, whatever role a script takes.
        params.push(text(self.installed_by.unwrap_or(&at.facts.user)));
        params.push(took);
        let success = if success { "TRUE" } else { "FALSE" };
        Entry {
            sql: format!(
                "INSERT INTO {{table}} (installed_rank, version, description, type, script, checksum, installed_by, \
                 execution_time, success) SELECT COALESCE(MAX(installed_rank), 0) + 1, {version}, ?, ?, ?, {checksum}, \
                 ?, ?, {success} FROM {{table}}{condition}"
            ),
            params,
        }
    }

    /// Says of the row that it succeeded after all, as if it had been written only now.
    pub(super) fn complete(&self, engine: Engine) -> Entry {
        let now = match engine {
            Engine::Postgres => "now()",
            Engine::MySql => "CURRENT_TIMESTAMP",
            Engine::Sqlite => "strftime('%Y-%m-%d %H:%M:%f','now')",
        };
        let (is_this, params) = self.is_this();
        Entry {
            sql: format!(
                "UPDATE {{table}} SET success = TRUE, execution_time = ?, installed_on = {now} \
                 WHERE {is_this} AND NOT success"
            ),
            params: [Parameter::ElapsedMillis].into_iter().chain(params).collect(),
        }
    }

    /// Takes the row away that says it failed (`JdbcTableSchemaHistory.removeFailedMigrations`).
    pub(super) fn forget(&self) -> Entry {
        let (is_this, params) = self.is_this();
        Entry { sql: format!("DELETE FROM {{table}} WHERE {is_this} AND NOT success"), params }
    }

    fn is_this(&self) -> (&'static str, Vec<Parameter>) {
        let (condition, value) = match self.version {
            Some(version) => ("version = ?", version),
            None => ("version IS NULL AND description = ?", self.description),
        };
        (condition, vec![Parameter::Fixed(Value::Text(value.to_owned()))])
    }
}
