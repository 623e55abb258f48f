//! The one query of a start with nothing pending, and the few others about the server's state.

use super::errors::Stage;
use super::wire::{Answer, Wire};
use super::{SERVERS_SQL_MODE, UTF8, identifier, literal};
use crate::engine::{DbError, Facts, Ledger, Reading, Row, TableName, Verdict};

/// A waiter keeps its connection only while at least a quarter of all slots is free.
const SPARE_SHARE: u64 = 4;

/// What the first reading learned and later ones and the bookkeeping rely on.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    /// The database the session was opened on, which a script's `USE` does not move.
    pub(super) database: String,
    /// The setting that keeps this session from writing for as long as it lives, if there is one.
    read_only: Option<String>,
    /// The longest text the server takes, in bytes; it cuts the connection of whoever sends more.
    pub(super) max_packet: Option<usize>,
    /// Whether the schema was seen to hold tables besides the history; looking again costs a third of a millisecond
    /// for 300 tables on MariaDB, and a herd asks ten times a second.
    holds_tables: bool,
}

/// Asks everything a decision needs in one text: facts first, then the history.
///
/// The history comes last because a missing table ends the text with 1146, after the facts have arrived.
///
/// # Errors
///
/// The server's, sorted for somebody who waits; a server too old to hold two locks at once is refused for good.
pub(super) async fn read(
    wire: &mut Wire,
    home: &mut Option<Home>,
    ledger: Option<&Ledger>,
) -> Result<(Reading, u64), DbError> {
    let Answer { results, error } = wire.ask(query(home.as_ref(), ledger), Stage::Reading).await;
    let mut results = results.into_iter();
    let settings = if home.is_none() {
        results.next();
        results.next()
    } else {
        None
    };
    let (Some(facts), Some(connected)) = (results.next(), results.next()) else {
        return Err(error.unwrap_or_else(unusable));
    };
    let history = match error {
        None => results.next(),
        // ER_NO_SUCH_TABLE: there is no history yet.
        Some(error) if error.code.as_deref() == Some("1146") => None,
        Some(error) => return Err(error),
    };
    let answer = facts.first().map(Columns::parse).ok_or_else(unusable)??;
    refuse_if_old(&answer.version)?;
    let home = home.get_or_insert_with(|| Home {
        database: answer.database.clone(),
        read_only: settings
            .and_then(|rows| rows.into_iter().find(|row| is_on(column(row, 1))))
            .and_then(|row| column(&row, 0).map(str::to_owned)),
        max_packet: answer.max_packet,
        holds_tables: false,
    });
    let holds_tables = home.holds_tables || answer.holds_tables;
    // Without a ledger the history itself was counted.
    home.holds_tables |= holds_tables && ledger.is_some();
    let connected: u64 =
        connected.first().and_then(|row| column(row, 1)).and_then(|it| it.parse().ok()).unwrap_or(0);
    let schema = ledger.and_then(|ledger| ledger.table.schema.clone());
    let reading = Reading {
        facts: Facts {
            server_version: printed(&answer.version),
            schema: schema.unwrap_or_else(|| home.database.clone()),
            database: home.database.clone(),
            user: answer.user.clone(),
            read_only: answer.read_only(home),
            pooled: false,
            slots_to_spare: answer.slots_to_spare(connected),
            schema_exists: true,
            holds_tables,
        },
        history: ledger.and(history),
    };
    Ok((reading, answer.connection))
}

/// The text of [`read`].
fn query(home: Option<&Home>, ledger: Option<&Ledger>) -> String {
    let mut statements = Vec::new();
    if home.is_none() {
        // Where the server has it off, every poll would read the first one's snapshot.
        statements.push(format!("{UTF8}, autocommit = 1, {SERVERS_SQL_MODE}"));
        // Neither of these changes while a session lives, and naming one the server does not know would be an error:
        // MariaDB has tx_read_only, MySQL 8 transaction_read_only, and innodb_read_only (Aurora's readers) is there
        // only with InnoDB.
        statements.push(
            "SHOW SESSION VARIABLES WHERE Variable_name IN \
             ('tx_read_only', 'transaction_read_only', 'innodb_read_only')"
                .to_owned(),
        );
    }
    let schema =
        match ledger.and_then(|ledger| ledger.table.schema.as_deref()).or(home.map(|home| &*home.database)) {
            Some(schema) => literal(schema),
            None => "DATABASE()".to_owned(),
        };
    let tables = if home.is_some_and(|home| home.holds_tables) {
        "1".to_owned()
    } else {
        let history = ledger
            .map_or_else(String::new, |ledger| format!(" AND TABLE_NAME <> {}", literal(&ledger.table.name)));
        format!("EXISTS (SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}{history})")
    };
    statements.push(format!(
        "SELECT VERSION(), DATABASE(), CONNECTION_ID(), @@GLOBAL.read_only, \
         @@GLOBAL.max_connections, @@SESSION.max_user_connections, @@SESSION.max_allowed_packet, SUBSTRING_INDEX(USER(), '@', 1), \
         {tables}"
    ));
    statements.push("SHOW GLOBAL STATUS LIKE 'Threads_connected'".to_owned());
    if let Some(ledger) = ledger {
        let table = qualified(&ledger.table, home.map_or("", |home| &home.database));
        statements.push(ledger.select.replace("{table}", &table));
    }
    statements.join("; ")
}

/// A statement with the history table's name in it.
pub(super) fn named(sql: &str, table: &TableName, database: &str) -> String {
    let table = qualified(table, database);
    sql.replace("{quoted table}", &table).replace("{table}", &table)
}

/// The table, quoted, in its schema or in the database the session was opened on; unqualified while that is unknown.
fn qualified(table: &TableName, database: &str) -> String {
    let schema = table.schema.as_deref().unwrap_or(database);
    if schema.is_empty() {
        identifier(&table.name)
    } else {
        format!("{}.{}", identifier(schema), identifier(&table.name))
    }
}

/// The columns of a table in the database the session was opened on, unless the table names another.
pub(super) fn columns_query(table: &TableName, database: &str) -> String {
    format!(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
         ORDER BY ORDINAL_POSITION",
        literal(table.schema.as_deref().unwrap_or(database)),
        literal(&table.name)
    )
}

/// The row of facts.
struct Columns {
    version: String,
    database: String,
    connection: u64,
    read_only: bool,
    max_connections: u64,
    max_user_connections: u64,
    max_packet: Option<usize>,
    user: String,
    holds_tables: bool,
}

impl Columns {
    fn parse(row: &Row) -> Result<Self, DbError> {
        let [
            Some(version),
            database,
            Some(connection),
            read_only,
            Some(slots),
            Some(user_slots),
            packet,
            user,
            tables,
        ] = row.as_slice()
        else {
            return Err(unusable());
        };
        Ok(Self {
            version: version.clone(),
            database: database.clone().unwrap_or_default(),
            connection: connection.parse().map_err(|_| unusable())?,
            read_only: is_on(read_only.as_deref()),
            max_connections: slots.parse().unwrap_or(0),
            max_user_connections: user_slots.parse().unwrap_or(0),
            max_packet: packet.as_ref().and_then(|bytes| bytes.parse().ok()),
            user: user.clone().unwrap_or_default(),
            holds_tables: is_on(tables.as_deref()),
        })
    }

    fn read_only(&self, home: &Home) -> Option<String> {
        let setting = if self.read_only { Some("read_only") } else { home.read_only.as_deref() };
        setting.map(|setting| format!("the server takes no writes: {setting} is on"))
    }

    /// What an account with a limit of its own uses cannot be asked cheaply, so its waiters do not keep connections.
    fn slots_to_spare(&self, connected: u64) -> bool {
        let free = self.max_connections.saturating_sub(connected);
        self.max_user_connections == 0 && free > self.max_connections / SPARE_SHARE
    }
}

/// 0 and OFF are off, in MariaDB 12 too, where `read_only` has several words for on.
fn is_on(value: Option<&str>) -> bool {
    !matches!(value, None | Some("" | "0" | "OFF"))
}

fn column(row: &Row, index: usize) -> Option<&str> {
    row.get(index).and_then(Option::as_deref)
}

/// An answer that is not the one asked for: whatever this is, it is not a session to migrate on.
fn unusable() -> DbError {
    DbError {
        verdict: Verdict::Lost,
        message: "the server answered castoff's first query with something else".into(),
        ..DbError::default()
    }
}

/// Refuses servers on which a second `GET_LOCK` releases the first: MySQL before 5.7.5, MariaDB before 10.0.2.
fn refuse_if_old(version: &str) -> Result<(), DbError> {
    let (oldest, name) =
        if is_mariadb(version) { ([10, 0, 2], "MariaDB 10.0.2") } else { ([5, 7, 5], "MySQL 5.7.5") };
    match numbers(version) {
        Some(numbers) if numbers < oldest => Err(DbError {
            verdict: Verdict::Never,
            message: format!("the server is too old: {version} cannot hold two locks at once"),
            hint: Some(format!("castoff needs {name} or newer")),
            ..DbError::default()
        }),
        _ => Ok(()),
    }
}

fn is_mariadb(version: &str) -> bool {
    version.to_ascii_lowercase().contains("mariadb")
}

/// The version as people say it: `10.11.19-MariaDB`, `8.0.36`.
fn printed(version: &str) -> String {
    let number = number(version);
    if is_mariadb(version) { format!("{number}-MariaDB") } else { number.to_owned() }
}

/// The leading number, without the 5.5.5- that MariaDB puts in front of it for old replicas' sake.
fn number(version: &str) -> &str {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    version.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or(version)
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = number(version).split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { return None };
    Some([major, minor, parts.next().and_then(Result::ok).unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::{Columns, Home, numbers, printed, query, refuse_if_old};
    use crate::engine::{Ledger, TableName, Verdict};

    fn columns(max_connections: u64, max_user_connections: u64) -> Columns {
        Columns {
            version: String::new(),
            database: String::new(),
            connection: 1,
            read_only: false,
            max_connections,
            max_user_connections,
            max_packet: None,
            user: String::new(),
            holds_tables: false,
        }
    }

    #[test]
    fn a_server_is_read_from_its_row_of_facts() {
        // MariaDB 10.11.
        let row = ["10.11.19-MariaDB-0+deb12u1", "app", "42", "1", "151", "0", "16777216", "app", "1"];
        let columns = Columns::parse(&row.map(|value| Some(value.to_owned())).to_vec()).expect("facts");
        assert_eq!(
            (columns.database.as_str(), columns.connection, columns.max_connections),
            ("app", 42, 151)
        );
        assert!(columns.holds_tables);
        let reason = columns.read_only(&Home::default()).expect("read-only");
        assert_eq!(reason, "the server takes no writes: read_only is on");
    }

    #[test]
    fn a_session_that_may_never_write_names_the_setting() {
        let home = Home { read_only: Some("innodb_read_only".into()), ..Home::default() };
        let reason = columns(100, 0).read_only(&home).expect("read-only");
        assert_eq!(reason, "the server takes no writes: innodb_read_only is on");
        assert_eq!(columns(100, 0).read_only(&Home::default()), None);
    }

    #[test]
    fn versions_are_compared_by_number_whatever_a_distribution_adds() {
        assert_eq!(numbers("10.11.19-MariaDB-0+deb12u1"), Some([10, 11, 19]));
        assert_eq!(numbers("5.5.5-10.5.8-MariaDB"), Some([10, 5, 8]));
        assert_eq!(numbers("8.0.36-0ubuntu0.22.04.1"), Some([8, 0, 36]));
        assert_eq!(printed("10.11.19-MariaDB-0+deb12u1"), "10.11.19-MariaDB");
        assert_eq!(printed("8.0.36-0ubuntu0.22.04.1"), "8.0.36");
    }

    #[test]
    fn a_server_that_holds_one_lock_only_is_refused_for_good() {
        for version in ["5.6.51", "5.7.4-m14", "10.0.1-MariaDB", "5.5.68-MariaDB"] {
            let error = refuse_if_old(version).expect_err(version);
            assert_eq!(error.verdict, Verdict::Never, "{version}");
        }
        for version in ["5.7.12", "8.4.0", "10.0.2-MariaDB", "11.4.2-MariaDB-log", "unknown"] {
            assert!(refuse_if_old(version).is_ok(), "{version}");
        }
    }

    #[test]
    fn a_waiter_keeps_no_connection_where_slots_are_scarce_or_the_account_has_few() {
        assert!(columns(100, 0).slots_to_spare(74));
        assert!(!columns(100, 0).slots_to_spare(75));
        assert!(!columns(100, 10).slots_to_spare(1));
    }

    #[test]
    fn later_readings_follow_the_history_wherever_a_script_went() {
        let table = TableName { schema: None, name: "_sqlx_migrations".into() };
        let ledger = Ledger { table, select: "SELECT version FROM {table}".into(), create: Vec::new() };
        assert!(query(None, Some(&ledger)).ends_with("SELECT version FROM `_sqlx_migrations`"));
        let home = Home { database: "app".into(), ..Home::default() };
        let later = query(Some(&home), Some(&ledger));
        assert!(later.ends_with("SELECT version FROM `app`.`_sqlx_migrations`"), "{later}");
        assert!(later.contains("TABLE_SCHEMA = 'app'"), "{later}");
    }
}
