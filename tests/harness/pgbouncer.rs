//! PgBouncer in front of a PostgreSQL of the harness.

use std::process::{Child, Stdio};

use super::client::Address;
use super::spawn::{self, as_server_user};
use super::{Client, Database, Scratch, eventually, free_port, missing};

/// A pooler for one database.
pub(crate) struct PgBouncer {
    home: Scratch,
    port: u16,
    process: Child,
}

impl PgBouncer {
    /// Starts one in `transaction` or `session` mode, with further lines of configuration.
    pub(crate) fn before(database: &Database, mode: &str, further: &str) -> Option<Self> {
        let program = "/usr/sbin/pgbouncer";
        if !std::path::Path::new(program).is_file() {
            missing("pgbouncer", "no /usr/sbin/pgbouncer");
            return None;
        }
        let home = Scratch::new("bouncer").owned_by_servers();
        let (name, port) = (database.name(), free_port());
        home.write("users", format!("\"{name}\" \"{}\"\n", database.password().replace('"', "\"\"")));
        let configuration = format!(
            "[databases]\n{name} = host=127.0.0.1 port={} dbname={name}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {home}\n\
             auth_type = scram-sha-256\nauth_file = {home}/users\nlogfile = {home}/log\n\
             pool_mode = {mode}\ndefault_pool_size = 2\n{further}\n",
            database.port(),
            home = home.path().display(),
        );
        let file = home.write("pgbouncer.ini", configuration);
        let mut command = as_server_user(program);
        command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = spawn::spawn(command).expect("pgbouncer starts");
        let new = Self { home, port, process };
        eventually("PgBouncer listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Some(new)
    }

    /// The URL of the database through the pooler.
    pub(crate) fn url(&self, database: &Database) -> String {
        database.url_at("127.0.0.1", self.port)
    }

    /// A client of the pooler's, as the database's role.
    pub(crate) fn client(&self, database: &Database) -> Client {
        let options = self.url(database).parse().expect("a URL");
        Client::connect(Address::Postgres(options)).expect("the pooler takes clients")
    }

    /// What the pooler has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
