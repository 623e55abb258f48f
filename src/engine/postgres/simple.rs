//! The simple protocol, in which castoff speaks for itself: it prepares nothing and leaves no portal open.

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::errors::{self, Stage};
use crate::engine::{DbError, Row};

/// Sends one simple query and collects the rows of each of its statements.
///
/// An error keeps what came before it, because a missing history table is one.
pub(super) async fn simple_query(connection: &mut PgConnection, sql: String) -> (Vec<Row>, Option<DbError>) {
    let mut rows = Vec::new();
    let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
    loop {
        match stream.try_next().await {
            Ok(Some(row)) => rows.push(text(&row)),
            Ok(None) => return (rows, None),
            Err(error) => return (rows, Some(errors::classify(&error, Stage::Working))),
        }
    }
}

/// A row of the simple protocol, which sends every value as text.
fn text(row: &PgRow) -> Row {
    (0..row.len())
        .map(|index| {
            let value = row.try_get_raw(index).ok()?;
            value.as_str().ok().map(str::to_owned)
        })
        .collect()
}
