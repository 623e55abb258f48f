//! What takes part: castoff, what it is divided by, and what else could stand at a container's start.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::say;
use crate::schema;
use crate::server::{Server, succeed};

/// One participant: a name and the call that is measured.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    call: Box<dyn Fn() -> Command>,
}

impl Peer {
    /// A participant whose call is made anew for each run.
    pub(crate) fn new(name: &'static str, call: impl Fn() -> Command + 'static) -> Self {
        Self { name, call: Box::new(call) }
    }

    /// The call that is measured.
    pub(crate) fn command(&self) -> Command {
        (self.call)()
    }
}

/// A build of castoff.
#[derive(Debug)]
pub(crate) struct Castoff {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// Its binary.
    pub(crate) binary: PathBuf,
}

impl Castoff {
    /// The build that the claims are about.
    pub(crate) const NAME: &'static str = "castoff -- true";

    /// This build in front of an application that ends at once.
    pub(crate) fn peer(&self, migrations: &Path, url: &str) -> Peer {
        let (binary, migrations, url) = (self.binary.clone(), migrations.to_owned(), url.to_owned());
        Peer::new(self.name, move || {
            let mut command = bare(&binary);
            command.args(["--", "true"]).env("DATABASE_URL", &url).env("CASTOFF_MIGRATIONS", &migrations);
            command
        })
    }
}

/// A process without anything of the benchmark's own environment.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
    command
}

/// Everybody for a start with nothing pending, the floor first, each with its own migrations applied.
///
/// A tool that is not installed is left out, loudly.
pub(crate) fn all(
    server: &Server,
    castoffs: &[Castoff],
    floor: &Path,
    tools: &Path,
    home: &Path,
) -> Result<Vec<Peer>> {
    let (url, migrations) = prepared(server, home)?;
    let mut peers = vec![floor_peer(floor, &url)?];
    peers.extend(fronts(castoffs, &migrations, &url)?);
    peers.extend([Peer::new("true", || bare(Path::new("true"))), pg_isready(server), psql(server, &url)]);
    if let Some(binary) = installed("sqlx-cli", &tools.join("bin/sqlx"))? {
        peers.push(sqlx_cli(binary, &migrations, url));
    }
    if let Some(binary) = installed("dbmate", &tools.join("node_modules/@dbmate/linux-x64/bin/dbmate"))? {
        peers.push(dbmate(server, binary, home)?);
    }
    if let Some(binary) = installed("alembic", &tools.join("venv/bin/alembic"))? {
        peers.push(alembic(server, binary, home)?);
    }
    Ok(peers)
}

/// `psql`, which every machine with a server has, and castoff.
pub(crate) fn for_check(server: &Server, castoffs: &[Castoff], home: &Path) -> Result<Vec<Peer>> {
    let (url, migrations) = prepared(server, home)?;
    let mut peers = vec![psql(server, &url)];
    peers.extend(fronts(castoffs, &migrations, &url)?);
    Ok(peers)
}

/// The database and the migrations that castoff and sqlx share.
fn prepared(server: &Server, home: &Path) -> Result<(String, PathBuf)> {
    server.create_database("by_sqlx")?;
    Ok((server.url("by_sqlx"), schema::sqlx(home)?))
}

/// Every castoff in front of its application; the first to run applies the migrations.
fn fronts(castoffs: &[Castoff], migrations: &Path, url: &str) -> Result<Vec<Peer>> {
    let peers: Vec<Peer> = castoffs.iter().map(|castoff| castoff.peer(migrations, url)).collect();
    peers.iter().try_for_each(|peer| succeed(peer.command()))?;
    Ok(peers)
}

fn floor_peer(binary: &Path, url: &str) -> Result<Peer> {
    let binary = binary
        .canonicalize()
        .with_context(|| format!("{}: build it first, as scripts/bench does", binary.display()))?;
    let url = url.to_owned();
    Ok(Peer::new("floor", move || {
        let mut command = bare(&binary);
        command.env("DATABASE_URL", &url);
        command
    }))
}

fn pg_isready(server: &Server) -> Peer {
    let (binary, port) = (server.binary("pg_isready"), server.port().to_string());
    Peer::new("pg_isready", move || {
        let mut command = bare(&binary);
        command.args(["--quiet", "--host=127.0.0.1", "--port", &port]);
        command
    })
}

fn psql(server: &Server, url: &str) -> Peer {
    let (binary, url) = (server.binary("psql"), url.to_owned());
    Peer::new("psql -c 'select 1'", move || {
        let mut command = bare(&binary);
        command.args(["--no-psqlrc", "--quiet", &url, "--command=select 1"]);
        command
    })
}

fn sqlx_cli(binary: PathBuf, migrations: &Path, url: String) -> Peer {
    let source = migrations.display().to_string();
    Peer::new("sqlx migrate run", move || {
        let mut command = bare(&binary);
        command.args(["migrate", "run", "--no-dotenv", "--source", &source]).env("DATABASE_URL", &url);
        command
    })
}

fn dbmate(server: &Server, binary: PathBuf, home: &Path) -> Result<Peer> {
    server.create_database("by_dbmate")?;
    let folder = schema::dbmate(home)?.display().to_string();
    // Its client asks for TLS unless told otherwise, and fails where the server has none.
    let url = server.url("by_dbmate") + "?sslmode=disable";
    let peer = Peer::new("dbmate migrate", move || {
        let mut command = bare(&binary);
        command.args(["--no-dump-schema", "--migrations-dir", &folder, "migrate"]).env("DATABASE_URL", &url);
        command
    });
    succeed(peer.command())?;
    Ok(peer)
}

fn alembic(server: &Server, binary: PathBuf, home: &Path) -> Result<Peer> {
    server.create_database("by_alembic")?;
    let settings = schema::alembic(home, server, "by_alembic")?;
    let peer = Peer::new("alembic upgrade head", move || {
        let mut command = bare(&binary);
        command.arg("--config").arg(&settings).args(["upgrade", "head"]);
        command
    });
    succeed(peer.command())?;
    Ok(peer)
}

fn installed(name: &str, binary: &Path) -> Result<Option<PathBuf>> {
    if let Ok(binary) = std::path::absolute(binary)
        && binary.is_file()
    {
        return Ok(Some(binary));
    }
    say(&format!(
        "*** NOT MEASURED: {name}: there is no {}; scripts/bench installs it ***",
        binary.display()
    ))?;
    Ok(None)
}
