//! One database per test, with a role of its own, on whichever engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use castoff::engine::Engine;
use sqlx::sqlite::SqliteConnectOptions;

use super::client::{Address, TextRow};
use super::{Client, MariaDb, Postgres, Scratch, secrets};

/// Where a database lives.
enum Place {
    Postgres(Arc<Postgres>),
    MariaDb(Arc<MariaDb>),
    Sqlite(Scratch),
}

/// A database that belongs to one test; dropped with it unless the test fails.
pub(crate) struct Database {
    place: Place,
    name: String,
    password: String,
}

/// A row of `_sqlx_migrations`, the same on every engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryRow {
    /// The version.
    pub(crate) version: i64,
    /// The description.
    pub(crate) description: String,
    /// Whether it is done.
    pub(crate) success: bool,
    /// The checksum in lowercase hexadecimal.
    pub(crate) checksum: String,
    /// Nanoseconds, or sqlx's mark of an unfinished one, -1.
    pub(crate) execution_time: i64,
}

impl Database {
    /// A new database on the shared server of an engine; `None`, said loudly, where the server is missing.
    pub(crate) fn on(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Postgres => Postgres::shared().map(|server| Self::on_postgres(&server)),
            Engine::MySql => MariaDb::shared().map(|server| Self::on_mariadb(&server)),
            Engine::Sqlite => Some(Self::sqlite()),
        }
    }

    /// A new database and its owner on this server.
    pub(crate) fn on_postgres(server: &Arc<Postgres>) -> Self {
        let new = Self::named(Place::Postgres(Arc::clone(server)));
        let Self { name, password, .. } = &new;
        let mut admin = server.admin();
        admin.exec(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
        admin.exec(&format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0"));
        new
    }

    /// A new database and its user on this server.
    pub(crate) fn on_mariadb(server: &Arc<MariaDb>) -> Self {
        let new = Self::named(Place::MariaDb(Arc::clone(server)));
        let Self { name, password, .. } = &new;
        let mut admin = server.admin();
        admin.exec(&format!("CREATE DATABASE {name}"));
        admin.exec(&format!("CREATE USER {name}@'%' IDENTIFIED BY '{password}'"));
        admin.exec(&format!("GRANT ALL ON {name}.* TO {name}@'%'"));
        new
    }

    /// A file that does not exist yet.
    pub(crate) fn sqlite() -> Self {
        Self::named(Place::Sqlite(Scratch::new("sqlite")))
    }

    fn named(place: Place) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("app{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { place, name, password: secrets::invent() }
    }

    /// Which engine.
    pub(crate) fn engine(&self) -> Engine {
        match self.place {
            Place::Postgres(_) => Engine::Postgres,
            Place::MariaDb(_) => Engine::MySql,
            Place::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// The database's name, and its role's; for SQLite the file's path.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Sqlite(home) => home.path().join("app.db").display().to_string(),
            Place::Postgres(_) | Place::MariaDb(_) => self.name.clone(),
        }
    }

    /// The role's password.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The TCP port, 0 for SQLite.
    pub(crate) fn port(&self) -> u16 {
        match &self.place {
            Place::Postgres(server) => server.port(),
            Place::MariaDb(server) => server.port(),
            Place::Sqlite(_) => 0,
        }
    }

    /// The URL an application would be given.
    pub(crate) fn url(&self) -> String {
        self.url_at("127.0.0.1", self.port())
    }

    /// The same database behind another address: a proxy or a pooler.
    pub(crate) fn url_at(&self, host: &str, port: u16) -> String {
        let (name, password) = (self.name(), secrets::encode(&self.password));
        match self.engine() {
            Engine::Postgres => format!("postgres://{name}:{password}@{host}:{port}/{name}"),
            Engine::MySql => format!("mysql://{name}:{password}@{host}:{port}/{name}"),
            Engine::Sqlite => format!("sqlite:{name}"),
        }
    }

    /// A connection with every right.
    pub(crate) fn client(&self) -> Client {
        let address = match &self.place {
            Place::Postgres(server) => server.superuser(&self.name),
            Place::MariaDb(server) => server.superuser(&self.name),
            Place::Sqlite(home) => Address::Sqlite(
                SqliteConnectOptions::new().filename(home.path().join("app.db")).create_if_missing(true),
            ),
        };
        Client::connect(address).expect("the test's own database can be connected to")
    }

    /// Runs statements with every right.
    pub(crate) fn exec(&self, sql: &str) {
        self.client().exec(sql);
    }

    /// Every row, as text.
    pub(crate) fn rows(&self, sql: &str) -> Vec<TextRow> {
        self.client().rows(sql)
    }

    /// The one value of the one row.
    pub(crate) fn one(&self, sql: &str) -> String {
        self.client().one(sql)
    }

    /// Whether this table can be read.
    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.client().try_rows(&format!("SELECT 1 FROM {table} WHERE 1 = 0")).is_ok()
    }

    /// The history in the order of versions; empty where there is no table.
    pub(crate) fn history(&self) -> Vec<HistoryRow> {
        if !self.has_table("_sqlx_migrations") {
            return Vec::new();
        }
        let hex = if self.engine() == Engine::Postgres {
            "encode(checksum, 'hex')"
        } else {
            "lower(hex(checksum))"
        };
        let columns = format!("version, description, success, {hex}, execution_time");
        let rows = self.rows(&format!("SELECT {columns} FROM _sqlx_migrations ORDER BY version"));
        rows.into_iter().map(|row| HistoryRow::from_texts(&row)).collect()
    }

    /// The versions that are done.
    pub(crate) fn versions(&self) -> Vec<i64> {
        self.history().iter().filter(|row| row.success).map(|row| row.version).collect()
    }
}

impl HistoryRow {
    fn from_texts(row: &[Option<String>]) -> Self {
        let text = |column: usize| row[column].clone().expect("no column of the history is NULL");
        Self {
            version: text(0).parse().expect("a version"),
            description: text(1),
            success: ["t", "1"].contains(&text(2).as_str()),
            checksum: text(3),
            execution_time: text(4).parse().expect("nanoseconds"),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        if std::thread::panicking() {
            eprintln!("database {name} of {} kept for inspection", self.engine());
            return;
        }
        // A server that the test has stopped takes its databases with it.
        match &self.place {
            Place::Postgres(server) => {
                if let Ok(mut admin) = server.connect("postgres") {
                    drop(admin.try_rows(&format!("DROP DATABASE {name} WITH (FORCE)")));
                    drop(admin.try_rows(&format!("DROP ROLE {name}")));
                }
            }
            Place::MariaDb(server) => {
                if let Ok(mut admin) = server.connect("mysql") {
                    drop(admin.try_rows(&format!("DROP DATABASE {name}")));
                    drop(admin.try_rows(&format!("DROP USER {name}@'%'")));
                }
            }
            Place::Sqlite(_) => {}
        }
    }
}

/// Turns functions of one `&Database` into tests on every engine, or on those named.
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {
        $crate::harness::on_every_engine!(@on postgres Postgres $($test)+);
        $crate::harness::on_every_engine!(@on mariadb MySql $($test)+);
        $crate::harness::on_every_engine!(@on sqlite Sqlite $($test)+);
    };
    (@on $module:ident $engine:ident $($test:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    if let Some(database) = $crate::harness::Database::on($crate::harness::Engine::$engine) {
                        super::$test(&database);
                    }
                }
            )+
        }
    };
}
pub(crate) use on_every_engine;
