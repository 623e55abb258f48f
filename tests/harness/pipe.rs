//! SQL through the engine's own client, as a person would pipe it.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Database, Engine};

impl Database {
    /// Runs a script as the application's role; the client ends at the first error. SQLite's shell is its library.
    pub(crate) fn pipe(&self, sql: &str) {
        let mut client = match self.engine() {
            Engine::Sqlite => return self.exec(sql),
            Engine::Postgres => {
                let mut psql = Command::new("psql");
                psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]);
                psql.arg(self.url());
                psql
            }
            Engine::MySql => {
                let (name, port) = (self.name(), self.port());
                let mut mariadb = Command::new("mariadb");
                mariadb.args(["--no-defaults", "--host=127.0.0.1", "--default-character-set=utf8mb4"]);
                mariadb.arg(format!("--port={port}")).arg(format!("--user={name}")).arg(&name);
                mariadb.env("MYSQL_PWD", self.password());
                mariadb
            }
        };
        let client = client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut running = client.spawn().expect("the client of the server's package");
        running.stdin.take().expect("its stdin").write_all(sql.as_bytes()).expect("it reads");
        let output = running.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}\n{sql}", self.engine());
    }
}
