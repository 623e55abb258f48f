//! What castoff reads before it decides anything, and how names are written.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Row as _, Sqlite, TypeInfo as _, ValueRef as _};

use super::raw;
use crate::engine::{Ledger, Row, TableName};

/// The schema every database has (<https://www.sqlite.org/lang_naming.html>).
pub(super) const MAIN: &str = "main";

/// What the database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) version: String,
    pub(super) holds_tables: bool,
    pub(super) history: Option<Vec<Row>>,
}

/// Reads the schema, which touches the file, and the history if its table is there.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    ledger: Option<&Ledger>,
) -> Result<Answer, sqlx::Error> {
    let table = ledger.map(|ledger| &ledger.table);
    let row = sqlx::query(AssertSqlSafe(schema_query(table)))
        .bind(table.map(|table| table.name.clone()).unwrap_or_default())
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    let version = row.try_get(0)?;
    let holds_tables = row.try_get(1)?;
    let history = match ledger {
        Some(ledger) if row.try_get::<bool, _>(2)? => {
            let select = ledger.select.replace("{table}", &qualified(&ledger.table));
            let rows = sqlx::raw_sql(AssertSqlSafe(select)).fetch_all(connection).await?;
            Some(rows.iter().map(text).collect::<Result<_, _>>()?)
        }
        _ => None,
    };
    Ok(Answer { version, holds_tables, history })
}

/// The columns of a table in their order; `None` if there is no such table.
pub(super) async fn columns(
    connection: &mut SqliteConnection,
    table: &TableName,
) -> Result<Option<Vec<String>>, sqlx::Error> {
    let rows = sqlx::query("SELECT name FROM pragma_table_info(?1, ?2) ORDER BY cid")
        .bind(table.name.clone())
        .bind(table.schema.clone().unwrap_or_else(|| MAIN.to_owned()))
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let columns = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    Ok((!columns.is_empty()).then_some(columns))
}

/// SQLite's version; whether there are other tables than the history; whether there is a history.
///
/// Names compare as SQLite compares them, without regard to ASCII case; `sqlite_` tables are its own.
fn schema_query(table: Option<&TableName>) -> String {
    let schema = identifier(table.and_then(|table| table.schema.as_deref()).unwrap_or(MAIN));
    format!(
        "SELECT sqlite_version(), \
         EXISTS (SELECT 1 FROM {schema}.sqlite_schema WHERE type = 'table' AND name <> ?1 COLLATE NOCASE \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'), \
         EXISTS (SELECT 1 FROM {schema}.sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE)"
    )
}

/// The history table as statements name it.
///
/// Without a schema of its own it stays without one: it is then the main database's, and SQLite takes no schema in
/// `CREATE INDEX … ON table`.
pub(super) fn qualified(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(&table.name)),
        None => identifier(&table.name),
    }
}

/// A statement with the history table's name in it.
pub(super) fn named(sql: &str, table: &TableName) -> String {
    let quoted = match &table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
        None => quote(&table.name),
    };
    sql.replace("{quoted table}", &quoted).replace("{table}", &qualified(table))
}

/// A name, quoted only if it has to be: SQLite keeps the text of a `CREATE TABLE`, quotes included, and a dump shows it.
fn identifier(name: &str) -> String {
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        && name.starts_with(|first: char| !first.is_ascii_digit());
    if plain && !raw::is_keyword(name) { name.to_owned() } else { quote(name) }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A row as text, whatever its columns hold.
fn text(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    (0..row.len())
        .map(|index| {
            let value = row.try_get_raw(index)?;
            if value.is_null() {
                return Ok(None);
            }
            let kind = value.type_info().name().to_owned();
            let text = match kind.as_str() {
                "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(|number| number.to_string()),
                "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(|number| number.to_string()),
                "BLOB" => <Vec<u8> as Decode<Sqlite>>::decode(value).map(|bytes| hexadecimal(&bytes)),
                // SQLite promises no valid UTF-8 in what others have written.
                _ => <Vec<u8> as Decode<Sqlite>>::decode(value)
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            };
            text.map(Some).map_err(sqlx::Error::Decode)
        })
        .collect()
}

/// As SQLite's own `hex()`.
fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{identifier, qualified};
    use crate::engine::TableName;

    #[test]
    fn a_plain_name_stays_as_its_tool_writes_it() {
        assert_eq!(identifier("_sqlx_migrations"), "_sqlx_migrations");
    }

    #[test]
    fn a_name_that_needs_quotes_gets_them() {
        assert_eq!(identifier("order"), "\"order\"");
        assert_eq!(identifier("my \"history\""), "\"my \"\"history\"\"\"");
        assert_eq!(identifier("1st"), "\"1st\"");
        assert_eq!(identifier(""), "\"\"");
    }

    #[test]
    fn a_schema_is_named_only_if_it_was_asked_for() {
        let mut table = TableName { schema: None, name: "history".into() };
        assert_eq!(qualified(&table), "history");
        table.schema = Some("main".into());
        assert_eq!(qualified(&table), "main.history");
    }
}
