//! A PostgreSQL of the benchmark's own, on loopback, with passwords as in production.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{Uid, User};
use tempfile::TempDir;

use crate::process::die_with_parent;

/// The role and the password everybody connects with.
pub(crate) const USER: &str = "app";
pub(crate) const PASSWORD: &str = "not-a-secret";

/// How long the server may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fast and forgetful: the server lives for minutes, and its disk is not what is measured.
const CONFIGURATION: &str = "listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
shared_buffers = 32MB
";

/// The superuser by socket without a password; the application as in production.
const ACCESS: &str = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// One server: its data, its port, and its process while it runs.
pub(crate) struct Server {
    binaries: PathBuf,
    home: TempDir,
    owner: Option<User>,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// A server with the role [`USER`], not running.
    pub(crate) fn prepared() -> Result<Self> {
        let binaries = newest_binaries()?;
        let home = TempDir::with_prefix("castoff-bench-")?;
        let owner = if Uid::effective().is_root() { User::from_name("postgres")? } else { None };
        if let Some(owner) = &owner {
            chown(home.path(), Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))?;
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut server = Self { binaries, home, owner, port, process: None };
        let mut initdb = server.command("initdb");
        initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pgdata"]).arg(server.data());
        succeed(initdb)?;
        let sockets = format!("unix_socket_directories = '{}'\n", server.home.path().display());
        fs::write(server.data().join("postgresql.conf"), format!("{CONFIGURATION}{sockets}port = {port}\n"))?;
        fs::write(server.data().join("pg_hba.conf"), ACCESS)?;
        server.start()?;
        server.sql(&format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"))?;
        server.stop()?;
        Ok(server)
    }

    /// Starts the server. Returns the moment at which it began to accept connections, as its log says.
    pub(crate) fn start(&mut self) -> Result<Instant> {
        ensure!(self.process.is_none(), "the server runs already");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // An immediate shutdown, unlike a SIGKILL, gives the shared memory back.
        die_with_parent(&mut command, libc::SIGQUIT);
        let mut child = command.spawn().context("postgres")?;
        let log = child.stderr.take().context("the server's log")?;
        self.process = Some(child);
        wait_for(&follow(log), "ready to accept connections")
    }

    /// Ends the server as `docker stop` does, sessions or not.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.process.take() else { return Ok(()) };
        let pid = i32::try_from(child.id())?;
        // SAFETY: a system call on integers; the process is ours and not reaped yet.
        unsafe { libc::kill(pid, libc::SIGINT) };
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("the server did not end within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// A new database of the application's role; the server must run.
    pub(crate) fn create_database(&self, name: &str) -> Result<()> {
        self.sql(&format!("CREATE DATABASE {name} OWNER {USER}"))
    }

    /// The URL of one of its databases.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The TCP port on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// One of PostgreSQL's own programs, not the distribution's wrapper around it.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn sql(&self, statement: &str) -> Result<()> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--username=postgres", "--dbname=postgres", "--host"])
            .arg(self.home.path());
        psql.args(["--port", &self.port.to_string(), "--command", statement]);
        succeed(psql)
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binary(name));
        command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin").current_dir("/");
        if let Some(owner) = &self.owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

/// The binaries of the newest version that the distribution has installed.
fn newest_binaries() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("Debian's package `postgresql` is needed")?;
    let versions = versions.flatten().map(|entry| entry.path().join("bin"));
    let version = |path: &PathBuf| -> Option<u32> { path.parent()?.file_name()?.to_str()?.parse().ok() };
    versions
        .filter(|path| path.join("initdb").is_file())
        .max_by_key(version)
        .context("no initdb in /usr/lib/postgresql")
}

/// Every line of the log with the moment it was written; read to its end, or the server would block on it.
fn follow(log: impl std::io::Read + Send + 'static) -> Receiver<(Instant, String)> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // Nobody listens any more once the server is ready.
            drop(sender.send((Instant::now(), line)));
        }
    });
    lines
}

fn wait_for(lines: &Receiver<(Instant, String)>, text: &str) -> Result<Instant> {
    let mut said = String::new();
    loop {
        let Ok((at, line)) = lines.recv_timeout(PATIENCE) else {
            bail!("the server did not say \"{text}\":\n{said}");
        };
        if line.contains(text) {
            return Ok(at);
        }
        said = said + &line + "\n";
    }
}

/// Runs a command that has to succeed.
pub(crate) fn succeed(mut command: Command) -> Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command.output().with_context(|| program.clone())?;
    ensure!(
        output.status.success(),
        "{program}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
