//! What any tool and castoff, taking turns on one database, have to agree on.

use serde_json::Value;

use crate::corpus::{first_half, whole};
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, Migrations, Run};

/// A migration tool, called as a person calls it, on one database.
pub(crate) trait Tool: Sized {
    /// The name of `--format`.
    const FORMAT: &'static str;

    /// `None`, said loudly, where it is not installed.
    fn on(database: &Database) -> Option<Self>;

    /// Applies what is pending; says how many that were, or else what it complained of.
    fn run(&self, files: &Migrations) -> Result<usize, String>;

    /// What it says of each migration, once nothing is pending; empty where it says nothing.
    fn status(&self, files: &Migrations) -> String;
}

/// `castoff migrate` in the tool's format.
pub(crate) fn migrate<T: Tool>(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).env("CASTOFF_FORMAT", T::FORMAT)
}

/// `castoff status --json` in the tool's format.
pub(crate) fn status<T: Tool>(database: &Database, files: &Migrations) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files);
    let run = run.env("CASTOFF_FORMAT", T::FORMAT).output();
    serde_json::from_str(&run.stdout).expect("status --json prints JSON")
}

/// The same migrations on a database of the same kind, by the tool alone.
pub(crate) fn alone<T: Tool>(beside: &Database, files: &Migrations) -> Option<Database> {
    let database = Database::on(beside.engine())?;
    T::on(&database)?.run(files).expect("the tool applies the corpus");
    Some(database)
}

/// Nothing is pending for either, and the database is what the tool alone makes of the same files.
pub(crate) fn all_is_as_the_tool_alone_leaves_it<T: Tool>(database: &Database, tool: &T, files: &Migrations) {
    let Some(alone) = alone::<T>(database, files) else { return };
    assert_alike(&dump(database), &dump(&alone));
    assert_eq!(tool.status(files), T::on(&alone).expect("it was there").status(files));
    assert_eq!(tool.run(files), Ok(0), "the tool still found something pending");

    assert_eq!(status::<T>(database, files)["state"], "up-to-date");
    let log = migrate::<T>(database, files).output().succeeds();
    assert!(log.applied().is_empty(), "castoff still found something pending: {log}");
}

pub(crate) fn castoff_goes_on_where_the_tool_stopped<T: Tool>(database: &Database) {
    let Some(tool) = T::on(database) else { return };
    let (half, files) = (first_half(T::FORMAT, database.engine()), whole(T::FORMAT, database.engine()));
    assert!(tool.run(&half).expect("the tool applies half") > 0);
    assert_eq!(status::<T>(database, &files)["state"], "pending");

    let log = migrate::<T>(database, &files).output().succeeds();
    assert!(!log.applied().is_empty(), "castoff had something to do: {log}");
    all_is_as_the_tool_alone_leaves_it(database, &tool, &files);
}

pub(crate) fn the_tool_goes_on_where_castoff_stopped<T: Tool>(database: &Database) {
    let Some(tool) = T::on(database) else { return };
    let (half, files) = (first_half(T::FORMAT, database.engine()), whole(T::FORMAT, database.engine()));
    migrate::<T>(database, &half).output().succeeds();

    assert_eq!(tool.run(&half), Ok(0), "the tool knows what castoff did");
    assert!(tool.run(&files).expect("the tool applies the rest") > 0);
    all_is_as_the_tool_alone_leaves_it(database, &tool, &files);
}

pub(crate) fn castoff_alone_leaves_what_the_tool_alone_leaves<T: Tool>(database: &Database) {
    let Some(tool) = T::on(database) else { return };
    let files = whole(T::FORMAT, database.engine());
    migrate::<T>(database, &files).output().succeeds();
    all_is_as_the_tool_alone_leaves_it(database, &tool, &files);
}

/// The comparison itself, tried on two databases by the same tool and on one changed letter.
pub(crate) fn a_dump_tells_two_databases_apart_by_one_letter<T: Tool>(
    database: &Database,
    edit_history: &str,
) {
    let Some(tool) = T::on(database) else { return };
    let files = whole(T::FORMAT, database.engine());
    tool.run(&files).expect("the tool applies the corpus");
    let Some(other) = alone::<T>(database, &files) else { return };
    assert_alike(&dump(database), &dump(&other));

    database.exec("UPDATE venue SET name = 'kammerspiele' WHERE id = 1");
    assert_ne!(dump(database), dump(&other));
    other.exec("UPDATE venue SET name = 'kammerspiele' WHERE id = 1");
    assert_alike(&dump(database), &dump(&other));
    other.exec(edit_history);
    assert_ne!(dump(database), dump(&other));
}

pub(crate) fn a_script_with_a_transaction_of_its_own_fares_alike<T: Tool>(
    database: &Database,
    names: [&str; 2],
) {
    let Some(beside) = Database::on(database.engine()) else { return };
    let Some(tool) = T::on(&beside) else { return };
    let own = "BEGIN;\nCREATE TABLE own (id INT);\nCOMMIT;\n";
    let files = Migrations::of(&[(names[0], own), (names[1], "CREATE TABLE next (id INT);\n")]);
    let run = migrate::<T>(database, &files).output();
    // On PostgreSQL Diesel records it, misses its own transaction, and goes on when it is started again.
    let said = tool.run(&files).or_else(|_| tool.run(&files));
    assert_eq!(run.code == 0, said.is_ok(), "{said:?}: {run}");
    if run.code == 0 {
        assert_alike(&dump(database), &dump(&beside));
    }
}

/// Every setting of a session that a script could notice, as a script sees them. castoff's own are those that make a session
/// safe to die on and let traffic pass; PostgreSQL's GMT is UTC, and what a language brings along comes with its first block.
const SETTINGS: [(Engine, &str); 3] = [
    (
        Engine::Postgres,
        "SELECT name, replace(setting, 'GMT', 'UTC') AS setting FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE 'plpgsql.%' \
         AND name NOT IN ('application_name', 'client_connection_check_interval', 'idle_in_transaction_session_timeout', \
         'idle_session_timeout', 'lock_timeout', 'statement_timeout', 'tcp_keepalives_count', \
         'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_user_timeout')",
    ),
    (
        Engine::MySql,
        "SELECT variable_name, variable_value FROM information_schema.session_variables WHERE variable_name NOT IN \
         ('GTID_BINLOG_STATE', 'GTID_CURRENT_POS', 'IN_TRANSACTION', 'LAST_GTID', 'LAST_INSERT_ID', \
         'LOCK_WAIT_TIMEOUT', 'PSEUDO_THREAD_ID', 'RAND_SEED1', 'RAND_SEED2', 'TIMESTAMP', 'WAIT_TIMEOUT')",
    ),
    (
        Engine::Sqlite,
        "SELECT * FROM pragma_foreign_keys, pragma_defer_foreign_keys, pragma_recursive_triggers, \
         pragma_ignore_check_constraints, pragma_legacy_alter_table, pragma_trusted_schema, pragma_synchronous, \
         pragma_journal_mode, pragma_cell_size_check, pragma_reverse_unordered_selects",
    ),
];

/// A session means the same to a script, down to the last setting.
pub(crate) fn a_session_has_the_settings_of_the_tools_own<T: Tool>(database: &Database, name: &str) {
    let Some(beside) = Database::on(database.engine()) else { return };
    let Some(tool) = T::on(&beside) else { return };
    let (_, settings) =
        SETTINGS.iter().find(|(engine, _)| *engine == database.engine()).expect("every engine");
    let files = Migrations::of(&[(name, &*format!("CREATE TABLE seen AS {settings};\n"))]);
    migrate::<T>(database, &files).output().succeeds();
    assert_eq!(tool.run(&files), Ok(1));
    let seen = |database: &Database| {
        let mut rows = database.rows("SELECT * FROM seen");
        rows.sort();
        rows
    };
    let (ours, theirs) = (seen(database), seen(&beside));
    let different: Vec<_> = ours.iter().zip(&theirs).filter(|(one, other)| one != other).collect();
    assert!(!ours.is_empty() && ours.len() == theirs.len() && different.is_empty(), "{different:#?}");
}
