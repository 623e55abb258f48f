//! What Go's database drivers make of a session, and leave it as, where castoff's own driver does something else.

use super::session;
use crate::engine::Engine;

/// The collation that go-sql-driver/mysql names in its handshake: `defaultCollationID` of its `collations.go`. SQL mode and
/// time zone stay the server's.
const MYSQL: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci";

/// mattn/go-sqlite3 and modernc.org/sqlite leave foreign keys as SQLite has them by default; castoff's driver switches them
/// on.
const SQLITE: &str = "PRAGMA foreign_keys = OFF";

/// What lib/pq asks for in its `connector.go`, beside UTF-8; the time zone stays the server's.
const LIB_PQ: [&str; 2] = ["SET DateStyle = 'ISO, MDY'", "SET extra_float_digits = 2"];

/// A session of lib/pq, go-sql-driver/mysql or one of the drivers for SQLite.
pub(super) fn session(engine: Engine) -> Vec<String> {
    let mut settings = pgx_session(engine);
    if engine == Engine::Postgres {
        settings.extend(LIB_PQ.map(String::from));
    }
    settings
}

/// The same with pgx, which asks a PostgreSQL server for nothing (`config.go` of its `pgconn`).
pub(super) fn pgx_session(engine: Engine) -> Vec<String> {
    match engine {
        Engine::Postgres => session::servers_own(),
        Engine::MySql => vec![MYSQL.into()],
        Engine::Sqlite => vec![SQLITE.into()],
    }
}
