//! What `--wait-for` and the `--target` of `health` name: things besides the configured database that must answer.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::database::Database;
use super::report::Report;
use super::settings::Settings;
use super::source::{Source, Unreadable, behind_variable};
use super::sources::Sources;
use super::sqlite::Folders;
use crate::environment::Environment;
use crate::target::Secret;
use text::{Text, read};

mod text;

/// One thing to wait for.
#[derive(Clone)]
pub struct WaitTarget {
    source: Source,
    awaited: Arc<Awaited>,
}

/// What it takes to be ready.
#[derive(Clone)]
pub enum Awaited {
    /// A port takes connections.
    Tcp(String, u16),
    /// A GET is answered with a 2xx.
    Http(Web),
    /// A unix socket takes connections.
    Unix(PathBuf),
    /// There is something at this path.
    File(PathBuf),
    /// A database answers a query; it need not take writes.
    Database(Box<Database>),
}

/// An `http:` or `https:` URL, taken apart.
#[derive(Clone)]
pub struct Web {
    /// Whether it is `https:`.
    pub tls: bool,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port, the scheme's own where none was written.
    pub port: u16,
    /// Path and query as they go into the request.
    pub path: String,
    /// The value of the `Authorization` header: what stood before the `@`.
    pub authorization: Option<Secret>,
}

impl Web {
    /// The host as a URL and the `Host` header write it, with its port unless that is the scheme's own.
    pub fn authority(&self) -> String {
        let Self { tls, host, port, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if *port == text::default_port(*tls) { host } else { format!("{host}:{port}") }
    }
}

impl WaitTarget {
    /// What it takes to be ready.
    pub fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// The same, for a thread that may outlive the wait.
    pub(crate) fn share(&self) -> Arc<Awaited> {
        Arc::clone(&self.awaited)
    }

    /// Reads the list again if it is in a file, so that what was replaced there counts from the next attempt on. A
    /// database does so by itself.
    ///
    /// # Errors
    ///
    /// Why what is there now cannot be waited for; it may be a moment before it is whole.
    pub fn refresh(&mut self) -> Result<(), String> {
        if !self.source.is_file() || matches!(*self.awaited, Awaited::Database(_)) {
            return Ok(());
        }
        let text = self.source.read().map_err(Unreadable::why)?;
        self.awaited = match read(&text).map_err(|why| format!("{}: {why}", self.source.origin))? {
            Text::Simple(awaited) => Arc::new(awaited),
            Text::Database => {
                return Err(format!("{}: a target has become a database meanwhile", self.source.origin));
            }
        };
        Ok(())
    }
}

impl fmt::Display for WaitTarget {
    /// How logs name it: without user, password and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.awaited {
            Awaited::Tcp(host, port) if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Awaited::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Awaited::Http(web) => {
                let scheme = if web.tls { "https" } else { "http" };
                let (path, query) = web.path.split_once('?').unwrap_or((&web.path, ""));
                let query = if query.is_empty() { "" } else { "?…" };
                write!(f, "{scheme}://{}{path}{query}", web.authority())
            }
            Awaited::Unix(path) => write!(f, "unix://{}", path.display()),
            Awaited::File(path) => write!(f, "file://{}", path.display()),
            Awaited::Database(database) => f.write_str(&database.target().address()),
        }
    }
}

impl fmt::Debug for WaitTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitTarget({self})")
    }
}

/// Where the targets of this flag are written: each by itself.
pub(super) fn sources(
    flag: &str,
    settings: &Settings<'_>,
    directory: &Path,
    report: &mut Report,
) -> Vec<Source> {
    settings.list(flag, directory, report)
}

/// Every target; what is wrong with any of them is in the report.
pub(super) fn collect(
    sources: Vec<Source>,
    settings: &Settings<'_>,
    folders: &Folders,
    environment: &Environment,
    report: &mut Report,
) -> Vec<WaitTarget> {
    let mut target = |source| {
        let source = behind_variable(source, settings.environment, report)?;
        let text = report.accept(source.read().map_err(Unreadable::why))?;
        let read = read(&text).map_err(|why| format!("{}: {why}", source.origin));
        let awaited = match report.accept(read)? {
            Text::Simple(awaited) => awaited,
            Text::Database => {
                let sources = Sources::of_target(source.clone(), settings.environment, folders);
                Awaited::Database(Box::new(database(sources, &source.origin, environment, report)?))
            }
        };
        Some(WaitTarget { source, awaited: Arc::new(awaited) })
    };
    sources.into_iter().filter_map(&mut target).collect()
}

fn database(
    sources: Sources,
    origin: &str,
    environment: &Environment,
    report: &mut Report,
) -> Option<Database> {
    let mut own = Report::default();
    let assembled = sources.assemble(&mut own);
    let assembled = own.accept(assembled).flatten();
    for mistake in own.mistakes() {
        let named = mistake.starts_with(origin);
        report.mistake(if named { mistake.clone() } else { format!("{origin}: {mistake}") });
    }
    // Its remarks are of what castoff will create, which it does for the configured database only.
    report.warnings.append(&mut own.warnings);
    report.notes.append(&mut own.notes);
    Some(Database::new(sources, assembled?, environment.clone()))
}
