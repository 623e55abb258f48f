//! `_prisma_migrations`: how it is created and read, and how a time is written into it.

use crate::engine::{Engine, Ledger, TableName};
use crate::format::Clock;

/// The history table's name; `schema-connector/src/migration_persistence.rs`.
const TABLE: &str = "_prisma_migrations";

/// Its columns.
pub(super) const COLUMNS: &[&str] = &[
    "id",
    "checksum",
    "finished_at",
    "migration_name",
    "logs",
    "rolled_back_at",
    "started_at",
    "applied_steps_count",
];

/// `create_migrations_table` of `sql-schema-connector/src/flavour/postgres.rs`.
const CREATE_POSTGRES: &str = "CREATE TABLE {table} (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
);";

/// `create_migrations_table` of `sql-schema-connector/src/flavour/mysql.rs`.
const CREATE_MYSQL: &str = "CREATE TABLE {table} (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             DATETIME(3),
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          DATETIME(3),
    started_at              DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    applied_steps_count     INTEGER UNSIGNED NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;";

/// `create_migrations_table` of `sql-schema-connector/src/flavour/sqlite.rs`. SQLite keeps the text, quotes and all.
const CREATE_SQLITE: &str = "CREATE TABLE {quoted table} (
    \"id\"                    TEXT PRIMARY KEY NOT NULL,
    \"checksum\"              TEXT NOT NULL,
    \"finished_at\"           DATETIME,
    \"migration_name\"        TEXT NOT NULL,
    \"logs\"                  TEXT,
    \"rolled_back_at\"        DATETIME,
    \"started_at\"            DATETIME NOT NULL DEFAULT current_timestamp,
    \"applied_steps_count\"   INTEGER UNSIGNED NOT NULL DEFAULT 0
);";

/// The history table on an engine.
///
/// Columns: name, checksum, whether finished, whether rolled back, logs of what is neither, seconds of the finish.
pub(super) fn ledger(engine: Engine, table: Option<&TableName>) -> Ledger {
    let (finished_at, create) = match engine {
        Engine::Postgres => ("floor(extract(epoch FROM finished_at))::bigint", CREATE_POSTGRES),
        // The times are UTC, whatever the session's time zone.
        Engine::MySql => ("TIMESTAMPDIFF(SECOND, '1970-01-01', finished_at)", CREATE_MYSQL),
        Engine::Sqlite => (
            "CASE typeof(finished_at) WHEN 'integer' THEN finished_at / 1000 ELSE CAST(strftime('%s', finished_at) AS \
             INTEGER) END",
            CREATE_SQLITE,
        ),
    };
    Ledger {
        table: table.cloned().unwrap_or_else(|| TableName { schema: None, name: TABLE.into() }),
        select: format!(
            "SELECT migration_name, checksum, CASE WHEN finished_at IS NULL THEN 0 ELSE 1 END, \
             CASE WHEN rolled_back_at IS NULL THEN 0 ELSE 1 END, \
             CASE WHEN finished_at IS NULL AND rolled_back_at IS NULL THEN logs END, {finished_at} \
             FROM {{table}} ORDER BY started_at"
        ),
        create: vec![create.into()],
    }
}

/// A placeholder for the time of writing, and what is put there.
///
/// MySQL's `DATETIME(3)` takes UTC as it stands; SQLite holds milliseconds (`quaint/src/connector/sqlite`).
pub(super) fn now(engine: Engine) -> (&'static str, Clock) {
    match engine {
        Engine::Postgres => ("CAST(? AS timestamp) AT TIME ZONE 'UTC'", Clock::Micros),
        Engine::MySql => ("?", Clock::Millis),
        Engine::Sqlite => ("?", Clock::UnixMillis),
    }
}
