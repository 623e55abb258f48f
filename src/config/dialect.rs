//! The schemes frameworks write before `:`, and what each means.

use crate::engine::Engine;

/// What the rest of a URL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `//user:password@hosts/database?parameters` of a server.
    Server(Engine),
    /// A SQLite file. `SQLAlchemy` (known by its `+driver`) counts slashes differently: three are relative.
    Sqlite {
        /// Whether the URL is certainly `SQLAlchemy`'s.
        sqlalchemy: bool,
    },
    /// Prisma's `file:`.
    PrismaFile,
}

impl Dialect {
    /// The engine behind it.
    pub(crate) fn engine(self) -> Engine {
        match self {
            Self::Server(engine) => engine,
            Self::Sqlite { .. } | Self::PrismaFile => Engine::Sqlite,
        }
    }
}

/// The schemes castoff knows, for messages.
pub(crate) const KNOWN: &str = "postgres://, postgresql://, mysql://, mariadb://, sqlite: or file:";

/// The meaning of a scheme (without `jdbc:`); any `+driver` after it says nothing of the database.
pub(crate) fn dialect(scheme: &str) -> Option<Dialect> {
    let scheme = scheme.to_ascii_lowercase();
    let (base, driver) = match scheme.split_once('+') {
        Some((base, driver)) => (base, Some(driver)),
        None => (scheme.as_str(), None),
    };
    match base {
        // postgis, pgsql, psql: dj-database-url and django-environ; pgx…: golang-migrate.
        "postgres" | "postgresql" | "postgis" | "pgsql" | "psql" | "pgx" | "pgx4" | "pgx5" => {
            Some(Dialect::Server(Engine::Postgres))
        }
        // mysql2, trilogy: Rails.
        "mysql" | "mysql2" | "mariadb" | "trilogy" => Some(Dialect::Server(Engine::MySql)),
        "sqlite" | "sqlite3" => Some(Dialect::Sqlite { sqlalchemy: driver.is_some() }),
        "file" if driver.is_none() => Some(Dialect::PrismaFile),
        _ => None,
    }
}

/// The engine as the parts, and as the RDS secret of AWS, name it.
pub(crate) fn engine(name: &str) -> Option<Engine> {
    match name.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" | "aurora-postgresql" => Some(Engine::Postgres),
        "mysql" | "mariadb" | "aurora-mysql" | "aurora" => Some(Engine::MySql),
        "sqlite" | "sqlite3" => Some(Engine::Sqlite),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, dialect, engine};
    use crate::engine::Engine;

    #[test]
    fn every_documented_scheme_is_known() {
        for scheme in
            ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg", "postgis", "POSTGRES"]
        {
            assert_eq!(dialect(scheme), Some(Dialect::Server(Engine::Postgres)), "{scheme}");
        }
        for scheme in ["mysql", "mysql2", "mysql+pymysql", "mariadb"] {
            assert_eq!(dialect(scheme), Some(Dialect::Server(Engine::MySql)), "{scheme}");
        }
        assert_eq!(dialect("sqlite"), Some(Dialect::Sqlite { sqlalchemy: false }));
        assert_eq!(dialect("sqlite3"), Some(Dialect::Sqlite { sqlalchemy: false }));
        assert_eq!(dialect("sqlite+aiosqlite"), Some(Dialect::Sqlite { sqlalchemy: true }));
        assert_eq!(dialect("file"), Some(Dialect::PrismaFile));
        assert_eq!(dialect("mongodb"), None);
    }

    #[test]
    fn the_secret_may_name_an_aurora() {
        assert_eq!(engine("aurora-postgresql"), Some(Engine::Postgres));
        assert_eq!(engine("mariadb"), Some(Engine::MySql));
        assert_eq!(engine("oracle"), None);
    }
}
