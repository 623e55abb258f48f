//! MariaDB servers: one shared by the test run, and private ones with options of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::client::Address;
use super::spawn::{self, as_server_user, run_to_end};
use super::{Client, Scratch, eventually, free_port, missing, scratch};

/// One server: its data, its port, and its process while it runs.
pub(crate) struct MariaDb {
    home: Scratch,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl MariaDb {
    /// The server that tests share, each with a database and a user of its own.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Option<Arc<MariaDb>>> = OnceLock::new();
        let made = SHARED.get_or_init(|| {
            let server = Self::prepared()?;
            server.start(&["--max-connections=200"]);
            Some(server)
        });
        made.clone()
    }

    /// A server of this test's own, not running yet.
    pub(crate) fn prepared() -> Option<Arc<Self>> {
        let template = template()?;
        let home = Scratch::new("my").owned_by_servers();
        let mut copy = as_server_user("cp");
        copy.arg("-a").arg(template).arg(home.path().join("data"));
        run_to_end(copy);
        Some(Arc::new(Self { home, port: free_port(), process: Mutex::new(None) }))
    }

    /// Where the unix socket is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join("sock")
    }

    /// The TCP port on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server with further options and waits until it takes queries on its socket.
    pub(crate) fn start(&self, options: &[&str]) {
        self.launch(options);
        eventually("MariaDB takes queries", || self.connect("mysql").ok());
    }

    /// Starts the server's process with further options and does not wait.
    pub(crate) fn launch(&self, options: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(self.home.path().join("log"));
        let log = log.expect("the server's log");
        let mut command = as_server_user(binary("mariadbd").expect("MariaDB's server"));
        command.arg("--no-defaults").arg(format!("--datadir={}", self.home.path().join("data").display()));
        command.arg(format!("--socket={}", self.socket().display())).arg(format!("--port={}", self.port));
        // A server that starts removes the temporary tables it finds, another server's too.
        command.arg(format!("--tmpdir={}", self.home.path().display()));
        command.args(["--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-buffer-pool-size=32M"]);
        command.args([
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-log-file-size=16M",
            "--skip-name-resolve",
        ]);
        command.args(options).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = spawn::spawn(command).expect("mariadbd starts");
        scratch::end_with_the_run(child.id(), Signal::SIGKILL);
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// Ends the server: in good order (`SIGTERM`) or not.
    pub(crate) fn stop(&self, signal: Signal) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = process.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
            kill(pid, signal).expect("the server is there to be signalled");
            child.wait().expect("the server ends");
        }
    }

    /// How a superuser connects, through the unix socket and without a password.
    pub(crate) fn superuser(&self, database: &str) -> Address {
        let options = MySqlConnectOptions::new().socket(self.socket()).username("root");
        Address::MySql(options.database(database).ssl_mode(MySqlSslMode::Disabled))
    }

    /// Connects as a superuser.
    pub(crate) fn connect(&self, database: &str) -> Result<Client, sqlx::Error> {
        Client::connect(self.superuser(database))
    }

    /// Connects as a superuser; the server must be up.
    pub(crate) fn admin(&self) -> Client {
        self.connect("mysql").expect("a superuser may connect")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.stop(Signal::SIGKILL);
    }
}

fn binary(name: &str) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = ["/usr/sbin", "/usr/bin"].iter().map(PathBuf::from).collect();
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    places.into_iter().map(|directory| directory.join(name)).find(|candidate| candidate.is_file())
}

/// A data directory made once and copied for each server.
fn template() -> Option<&'static Path> {
    static TEMPLATE: OnceLock<Option<(Scratch, PathBuf)>> = OnceLock::new();
    let made = TEMPLATE.get_or_init(|| {
        let (Some(install), Some(_)) = (binary("mariadb-install-db"), binary("mariadbd")) else {
            missing("mariadb", "no mariadb-install-db or mariadbd on the PATH");
            return None;
        };
        let home = Scratch::new("install").owned_by_servers();
        let mut command = as_server_user(install);
        command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        command.args(["--innodb-log-file-size=16M"]);
        command.arg(format!("--datadir={}", home.path().join("data").display()));
        run_to_end(command);
        let data = home.path().join("data");
        Some((home, data))
    });
    made.as_ref().map(|(_, data)| data.as_path())
}
