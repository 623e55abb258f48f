//! What a session has, and castoff's has not, under a tool whose driver asks a PostgreSQL server for nothing.

/// The statements that give a session the time zone and date style which the server has for it.
pub(super) fn servers_own() -> Vec<String> {
    vec![SERVERS_TIME_ZONE.into(), OWN_TIME_ZONE.into()]
}

/// Gives the session the time zone and date style of the server's own files, for a role that may read them. Others cannot
/// know: sqlx's wish hides what the server would have taken, and the files are shown to superusers alone.
const SERVERS_TIME_ZONE: &str = "DO $$ BEGIN \
    PERFORM set_config(name, setting, false) FROM pg_catalog.pg_file_settings \
    WHERE lower(name) IN ('timezone', 'datestyle') AND applied; \
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";

/// Gives the session the time zone and date style of its role and database, which the tool's session has and
/// ours has not: sqlx asks for UTC when it connects (`sqlx-postgres/src/connection/establish.rs`).
///
/// The most specific setting counts, as in the server's `process_settings`.
const OWN_TIME_ZONE: &str = "SELECT set_config(name, value, false) FROM (SELECT DISTINCT ON (name) name, value \
    FROM (SELECT lower(split_part(setting, '=', 1)) AS name, substr(setting, strpos(setting, '=') + 1) AS value, \
    setrole <> 0 AS by_role, setdatabase <> 0 AS by_database FROM pg_db_role_setting, unnest(setconfig) AS setting \
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
    AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))) AS settings \
    WHERE name IN ('timezone', 'datestyle') ORDER BY name, by_role DESC, by_database DESC) AS chosen";
