//! PostgreSQL servers: one shared by the test run, and private ones with a configuration of their own.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::client::Address;
use super::spawn::{self, as_server_user, run_to_end};
use super::{Client, Scratch, eventually, free_port, missing, scratch};

/// One server: its data, its port, and its process while it runs.
pub(crate) struct Postgres {
    home: Scratch,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Postgres {
    /// The server that tests share, each with a database and a role of its own.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Option<Arc<Postgres>>> = OnceLock::new();
        SHARED.get_or_init(|| Self::started(&[("max_connections", "200")])).clone()
    }

    /// A server of this test's own, running.
    pub(crate) fn started(settings: &[(&str, &str)]) -> Option<Arc<Self>> {
        let server = Self::prepared(settings)?;
        server.start();
        Some(server)
    }

    /// A server of this test's own, not running yet.
    pub(crate) fn prepared(settings: &[(&str, &str)]) -> Option<Arc<Self>> {
        let template = template()?;
        let home = Scratch::new("pg").owned_by_servers();
        let mut copy = as_server_user("cp");
        copy.arg("-a").arg(template).arg(home.path().join("data"));
        run_to_end(copy);
        Some(Self::in_home(home, settings))
    }

    /// A streaming standby of this server, not running yet; `hot` says whether it takes queries.
    pub(crate) fn standby(&self, hot: bool) -> Arc<Self> {
        let home = Scratch::new("standby").owned_by_servers();
        let mut backup = as_server_user(binary("pg_basebackup").expect("PostgreSQL's binaries"));
        backup.args(["--checkpoint=fast", "--wal-method=stream", "--no-sync", "--write-recovery-conf"]);
        backup.args(["--username=postgres", "--host"]).arg(self.home.path());
        backup.arg(format!("--port={}", self.port)).arg("--pgdata").arg(home.path().join("data"));
        run_to_end(backup);
        Self::in_home(home, &[("hot_standby", if hot { "on" } else { "off" })])
    }

    fn in_home(home: Scratch, settings: &[(&str, &str)]) -> Arc<Self> {
        let server = Self { home, port: free_port(), process: Mutex::new(None) };
        let sockets = server.home.path().display().to_string();
        let port = server.port.to_string();
        server.configure(&[("unix_socket_directories", &sockets), ("port", &port)]);
        server.configure(settings);
        Arc::new(server)
    }

    /// Adds settings; a running server takes them at its next start.
    pub(crate) fn configure(&self, settings: &[(&str, &str)]) {
        let path = self.data().join("postgresql.conf");
        let mut file = OpenOptions::new().append(true).open(path).expect("postgresql.conf");
        for (name, value) in settings {
            writeln!(file, "{name} = '{value}'").expect("postgresql.conf is written");
        }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).expect("the server's log")
    }

    /// The directory of the unix socket.
    pub(crate) fn socket_directory(&self) -> &Path {
        self.home.path()
    }

    /// The TCP port on loopback, the same for the unix socket.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server and waits until it takes queries.
    pub(crate) fn start(&self) {
        self.launch();
        eventually("PostgreSQL takes queries", || self.connect("postgres").ok());
    }

    /// Starts the server's process and does not wait.
    pub(crate) fn launch(&self) {
        let log = fs::File::options().create(true).append(true).open(self.home.path().join("log"));
        let log = log.expect("the server's log");
        let mut command = as_server_user(binary("postgres").expect("PostgreSQL's binaries"));
        command.arg("-D").arg(self.data()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        // An immediate shutdown, unlike a SIGKILL, gives the shared memory back.
        let child = spawn::spawn_until(command, Signal::SIGQUIT).expect("postgres starts");
        scratch::end_with_the_run(child.id(), Signal::SIGQUIT);
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// Ends the server, as `docker stop` (`SIGINT`, fast), as a crash (`SIGQUIT`), or worse.
    pub(crate) fn stop(&self, signal: Signal) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = process.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
            kill(pid, signal).expect("the server is there to be signalled");
            child.wait().expect("the server ends");
        }
    }

    /// Kills the server, and waits until its children have noticed: before that it would not start again.
    pub(crate) fn crash(&self) {
        let parent = self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::id);
        let parent = parent.expect("the server runs");
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        self.stop(Signal::SIGKILL);
        for child in children.split_whitespace() {
            eventually("a child of the killed server has ended", || {
                // Where nobody reaps orphans a zombie stays, which holds nothing any more.
                let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
                stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z')).then_some(())
            });
        }
    }

    /// How a superuser connects, through the unix socket and without a password.
    pub(crate) fn superuser(&self, database: &str) -> Address {
        let options = PgConnectOptions::new_without_pgpass().socket(self.home.path()).port(self.port);
        Address::Postgres(options.username("postgres").database(database).ssl_mode(PgSslMode::Disable))
    }

    /// Connects as a superuser.
    pub(crate) fn connect(&self, database: &str) -> Result<Client, sqlx::Error> {
        Client::connect(self.superuser(database))
    }

    /// Connects as a superuser to the database `postgres`; the server must be up.
    pub(crate) fn admin(&self) -> Client {
        self.connect("postgres").expect("a superuser may connect")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop(Signal::SIGQUIT);
    }
}

/// A binary of the newest PostgreSQL, from the distribution's place or the `PATH`.
fn binary(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin").join(name)).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.splice(0..0, std::env::split_paths(&path).map(|directory| directory.join(name)));
    found.into_iter().rfind(|candidate| candidate.is_file())
}

/// A data directory made once by initdb and copied for each server.
fn template() -> Option<&'static Path> {
    static TEMPLATE: OnceLock<Option<(Scratch, PathBuf)>> = OnceLock::new();
    let made = TEMPLATE.get_or_init(|| {
        let Some(initdb) = binary("initdb") else {
            missing("postgres", "no initdb in /usr/lib/postgresql or on the PATH");
            return None;
        };
        let home = Scratch::new("initdb").owned_by_servers();
        let mut command = as_server_user(initdb);
        command.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        command.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"]);
        command.arg("--wal-segsize=1").arg("--pgdata").arg(home.path().join("data"));
        run_to_end(command);
        home.write("data/postgresql.conf", CONFIGURATION);
        home.write("data/pg_hba.conf", ACCESS);
        let data = home.path().join("data");
        Some((home, data))
    });
    made.as_ref().map(|(_, data)| data.as_path())
}

/// Fast and forgetful: these servers live for minutes.
const CONFIGURATION: &str = "listen_addresses = '127.0.0.1,::1'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
min_wal_size = 32MB
max_wal_size = 512MB
log_line_prefix = '%m [%p] %a '
log_timezone = 'UTC'
";

/// The superuser by socket without a password; everybody else as in production.
const ACCESS: &str = "local all         postgres                trust
local replication postgres                trust
local all         all                     scram-sha-256
host  all         all       127.0.0.1/32  scram-sha-256
host  all         all       ::1/128       scram-sha-256
";
