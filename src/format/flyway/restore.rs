//! Every migration begins in the session as it was found, with the history's schema first
//! (`Connection.restoreOriginalState` and `changeCurrentSchemaTo` of each engine).

use crate::engine::{Engine, Value};
use crate::format::{Entry, Site};

/// Keeps what is restored, in variables that nothing else reads.
pub(super) fn session_settings(engine: Engine) -> Vec<String> {
    let settings: &[&str] = match engine {
        // `ConnectionFactoryImpl.runInitialQueries` of the JDBC driver.
        Engine::Postgres => &[
            "SET extra_float_digits = 3",
            "SELECT set_config('castoff.search_path', current_setting('search_path'), false), \
             set_config('castoff.role', current_setting('role'), false)",
        ],
        Engine::MySql => &[
            "SET @castoff_foreign_key_checks = @@foreign_key_checks, @castoff_sql_safe_updates = @@sql_safe_updates",
        ],
        // The JDBC driver leaves them as SQLite has them.
        Engine::Sqlite => &["PRAGMA foreign_keys = OFF"],
    };
    settings.iter().map(|setting| (*setting).to_owned()).collect()
}

/// `PostgreSQLConnection.changeCurrentSchemaTo`: the schema, and behind it the search path as it was, unless that begins
/// with it.
const POSTGRES: &str = "SELECT pg_catalog.set_config('role', coalesce(current_setting('castoff.role', true), 'none'), false), \
    pg_catalog.set_config('search_path', CASE \
    WHEN kept = name OR pg_catalog.left(kept, pg_catalog.length(name) + 1) = name || ',' THEN kept \
    WHEN kept = '' THEN pg_catalog.quote_ident(name) \
    ELSE pg_catalog.quote_ident(name) || ',' || kept END, false) \
    FROM (SELECT CAST(? AS text) AS name, \
    coalesce(current_setting('castoff.search_path', true), current_setting('search_path')) AS kept) AS session";

/// `MySQLConnection.doRestoreOriginalState`.
const MYSQL: &str = "SET foreign_key_checks = IFNULL(@castoff_foreign_key_checks, @@foreign_key_checks), \
    sql_safe_updates = IFNULL(@castoff_sql_safe_updates, @@sql_safe_updates)";

/// What is sent before each script.
pub(super) fn entries(at: &Site<'_>) -> Vec<Entry> {
    match at.engine {
        Engine::Postgres => {
            let schema = at.table.schema.as_ref().unwrap_or(&at.facts.schema);
            vec![Entry::fixed(POSTGRES, [Value::Text(schema.clone())])]
        }
        Engine::MySql => vec![Entry::fixed(MYSQL, [])],
        Engine::Sqlite => Vec::new(),
    }
}
