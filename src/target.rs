//! Where the database is and how to log in: what every way of configuring it comes down to.

use std::fmt;
use std::path::PathBuf;

pub(crate) mod pg_options;

/// The engines built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// PostgreSQL and what speaks its protocol.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite, in this process.
    Sqlite,
}

impl Engine {
    /// Every engine, in the order `--version` lists them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::MySql, Self::Sqlite];

    /// The name used in logs and in `status --json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value that is never printed: `Debug` shows dots, there is no `Display`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps a value from being printed.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// One address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name or an address (IPv6 without brackets), and a port.
    Tcp(String, u16),
    /// A unix socket: PostgreSQL's directory and port, MySQL's socket file (its port unused).
    Unix(PathBuf, u16),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(name, port) if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path, _) => write!(f, "{}", path.display()),
        }
    }
}

/// How the connection is encrypted, in libpq's words; MySQL's own words are mapped to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// Plaintext first; TLS if the server insists.
    Allow,
    /// TLS first; plaintext if that fails.
    #[default]
    Prefer,
    /// TLS, any certificate.
    Require,
    /// TLS, a certificate of a trusted authority.
    VerifyCa,
    /// TLS, a certificate of a trusted authority for this host.
    VerifyFull,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsRoot {
    /// None was named.
    #[default]
    Unset,
    /// The system's store (`sslrootcert=system`).
    System,
    /// This PEM file, and nothing else.
    File(PathBuf),
}

/// Encryption and its certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The mode; `Require` with a root file has already become `VerifyCa`, as in libpq.
    pub mode: TlsMode,
    /// The trusted authority.
    pub root: TlsRoot,
    /// The client's certificate, a PEM file.
    pub certificate: Option<PathBuf>,
    /// The client's key, a PEM file.
    pub key: Option<PathBuf>,
}

/// `target_session_attrs` as libpq defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionAttrs {
    /// Not given: castoff needs a writable server where it may write, and takes any where it only reads.
    #[default]
    Unset,
    /// `any`
    Any,
    /// `read-write` or `primary`
    ReadWrite,
    /// `read-only` or `standby`
    ReadOnly,
    /// `prefer-standby`
    PreferStandby,
}

/// A database and the way into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The server's kind.
    pub engine: Engine,
    /// Where it listens, tried in order. Empty for SQLite.
    pub hosts: Vec<Host>,
    /// The database's name; for SQLite the file's path, never `:memory:`.
    pub database: String,
    /// The role; empty for SQLite.
    pub user: String,
    /// Its password, if any is sent.
    pub password: Option<Secret>,
    /// Encryption.
    pub tls: Tls,
    /// Run-time parameters for the session (`options=-c name=value`, `search_path`, `currentSchema`); for SQLite pragmas.
    pub settings: Vec<(String, String)>,
    /// Prisma's `?schema=`: also a `search_path` entry in `settings`, and created if it is missing where the tool does so.
    pub schema: Option<String>,
    /// Which server of a host list is wanted.
    pub session_attrs: SessionAttrs,
}

/// The run-time parameter of PostgreSQL that says where names are looked up.
pub const SEARCH_PATH: &str = "search_path";

impl Target {
    /// Whether the URL says where names are looked up.
    pub fn has_search_path(&self) -> bool {
        self.search_path().is_some()
    }

    /// Where names are looked up, if the URL says it.
    pub fn search_path(&self) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == SEARCH_PATH).map(|(_, path)| path.as_str())
    }

    /// Whether a server of the host list has to be asked if it takes writes; a single host is judged by who waits
    /// for it.
    pub fn is_choosy(&self) -> bool {
        self.hosts.len() > 1 && !matches!(self.session_attrs, SessionAttrs::Any | SessionAttrs::PreferStandby)
    }

    /// What is said of one host: its name only where there are several, since [`address`](Self::address) says the only one.
    pub(crate) fn of_host(&self, host: &Host, what: &str) -> String {
        if self.hosts.len() > 1 { format!("{host}: {what}") } else { what.to_owned() }
    }

    /// Why a server of the host list is not the one wanted.
    pub fn unsuitable(&self, is_read_only: bool) -> Option<&'static str> {
        let wants_writes = matches!(self.session_attrs, SessionAttrs::Unset | SessionAttrs::ReadWrite);
        match (wants_writes, is_read_only) {
            (true, true) => Some("the server takes no writes"),
            (false, false) => Some("the server takes writes"),
            _ => None,
        }
    }

    /// The address for messages: never a password.
    pub fn address(&self) -> String {
        if self.engine == Engine::Sqlite {
            return self.database.clone();
        }
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }
}
