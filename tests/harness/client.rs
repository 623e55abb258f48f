//! A blocking client for assertions, on the same library for every engine.

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, ValueRef};
use tokio::runtime::{Builder, Runtime};

/// One row, column by column, as text; `None` is NULL.
pub(crate) type TextRow = Vec<Option<String>>;

/// Where to connect.
#[derive(Clone)]
pub(crate) enum Address {
    Postgres(PgConnectOptions),
    MySql(MySqlConnectOptions),
    Sqlite(SqliteConnectOptions),
}

enum Session {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

/// A connection that lives until it is dropped.
pub(crate) struct Client {
    session: Option<Session>,
    runtime: Runtime,
}

impl Client {
    /// Connects once.
    pub(crate) fn connect(address: Address) -> Result<Self, sqlx::Error> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let session = runtime.block_on(async {
            Ok::<_, sqlx::Error>(match address {
                Address::Postgres(options) => {
                    Session::Postgres(options.disable_statement_logging().connect().await?)
                }
                Address::MySql(options) => {
                    Session::MySql(options.disable_statement_logging().connect().await?)
                }
                Address::Sqlite(options) => {
                    Session::Sqlite(options.disable_statement_logging().connect().await?)
                }
            })
        })?;
        Ok(Self { session: Some(session), runtime })
    }

    /// Runs statements as they stand and returns every row as text.
    pub(crate) fn try_rows(&mut self, sql: &str) -> Result<Vec<TextRow>, sqlx::Error> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        let session = self.session.as_mut().expect("an open session");
        self.runtime.block_on(async {
            Ok(match session {
                Session::Postgres(session) => query.fetch_all(session).await?.iter().map(texts).collect(),
                Session::MySql(session) => query.fetch_all(session).await?.iter().map(texts).collect(),
                Session::Sqlite(session) => query.fetch_all(session).await?.iter().map(texts).collect(),
            })
        })
    }

    /// Runs statements that must succeed and returns every row as text.
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<TextRow> {
        self.try_rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs a query that must answer with one row of one value that is not NULL.
    pub(crate) fn one(&mut self, sql: &str) -> String {
        let rows = self.rows(sql);
        let [row] = rows.as_slice() else { panic!("{sql}: one row is expected: {rows:?}") };
        let [Some(value)] = row.as_slice() else { panic!("{sql}: one value is expected: {rows:?}") };
        value.clone()
    }

    /// Runs statements that must succeed.
    pub(crate) fn exec(&mut self, sql: &str) {
        drop(self.rows(sql));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // In good order, so that the server has forgotten the session when this returns.
        let closed = match self.session.take() {
            Some(Session::Postgres(session)) => self.runtime.block_on(session.close()),
            Some(Session::MySql(session)) => self.runtime.block_on(session.close()),
            Some(Session::Sqlite(session)) => self.runtime.block_on(session.close()),
            None => Ok(()),
        };
        drop(closed);
    }
}

fn texts<'r, R: Row>(row: &'r R) -> TextRow
where
    usize: sqlx::ColumnIndex<R>,
    String: sqlx::Decode<'r, R::Database>,
{
    (0..row.len())
        .map(|column| {
            let null = row.try_get_raw(column).expect("a column").is_null();
            // The simple protocols send text whatever the type is, so no type is asked for.
            (!null).then(|| row.try_get_unchecked::<String, _>(column).expect("text"))
        })
        .collect()
}
