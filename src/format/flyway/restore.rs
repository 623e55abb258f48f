//! Every migration begins in the session as it was found, with the history's schema first
//! (`Connection.restoreOriginalState` and `changeCurrentSchemaTo` of each engine).
//!
//! `RESET ALL` in a script takes away what was kept. Then the session's own defaults count, which are what was kept unless a
//! pooler stood between.

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

/// The session's own defaults, for what was not kept.
const DEFAULTS: [&str; 2] = ["RESET ROLE", "RESET search_path"];

/// `PostgreSQLConnection.changeCurrentSchemaTo`: the schema, and behind it the search path as it was, unless that begins
/// with it.
const POSTGRES: &str = "SELECT pg_catalog.set_config('role', \
    coalesce(nullif(current_setting('castoff.role', true), ''), current_setting('role')), false), \
    pg_catalog.set_config('search_path', CASE \
    WHEN kept = name OR pg_catalog.left(kept, pg_catalog.length(name) + 1) = name || ',' THEN kept \
    WHEN kept = '' THEN pg_catalog.quote_ident(name) \
    ELSE pg_catalog.quote_ident(name) || ',' || kept END, false) \
    FROM (SELECT CAST(? AS text) AS name, \
    coalesce(nullif(current_setting('castoff.search_path', true), ''), current_setting('search_path')) AS kept) \
    AS session";

/// `MySQLConnection.doRestoreOriginalState`.
const MYSQL: &str = "SET foreign_key_checks = IFNULL(@castoff_foreign_key_checks, @@foreign_key_checks), \
    sql_safe_updates = IFNULL(@castoff_sql_safe_updates, @@sql_safe_updates)";

/// What is sent before each script.
pub(super) fn entries(at: &Site<'_>) -> Vec<Entry> {
    match at.engine {
        Engine::Postgres => {
            let schema = at.table.schema.as_ref().unwrap_or(&at.facts.schema);
            let set = Entry::fixed(POSTGRES, [Value::Text(schema.clone())]);
            DEFAULTS.map(|reset| Entry::fixed(reset, [])).into_iter().chain([set]).collect()
        }
        Engine::MySql => vec![Entry::fixed(MYSQL, [])],
        Engine::Sqlite => Vec::new(),
    }
}
