//! PostgreSQL on a network of its own, where an example expects its RDS instance.

use std::cell::OnceCell;

use crate::bases::stand_in;
use crate::docker::{Container, Network};
use crate::harness::eventually;
pub(crate) use crate::image::PASSWORD;

/// A server called `db`, with one database and its owner.
pub(crate) struct Rds {
    image: String,
    user: &'static str,
    database: &'static str,
    server: OnceCell<Container>,
}

impl Rds {
    /// Knows how to start one; nothing is there yet.
    pub(crate) fn new(user: &'static str, database: &'static str) -> Option<Self> {
        Some(Self { image: stand_in("postgres:17")?, user, database, server: OnceCell::new() })
    }

    /// Starts it on this network; it may not take queries yet.
    pub(crate) fn start(&self, network: &Network) {
        let Self { user, database, .. } = self;
        let variables = [("USER", *user), ("DB", *database), ("PASSWORD", PASSWORD)]
            .map(|(name, value)| format!("--env=POSTGRES_{name}={value}"));
        let mut options = vec!["--network-alias=db"];
        options.extend(variables.iter().map(String::as_str));
        let server = Container::run(network, &options, &self.image, &[]);
        assert!(self.server.set(server).is_ok(), "it is started once");
    }

    /// The secret that Secrets Manager keeps of it.
    pub(crate) fn secret(&self) -> String {
        let Self { user, database, .. } = self;
        serde_json::json!({
            "engine": "postgres", "host": "db", "port": 5432,
            "username": user, "password": PASSWORD, "dbname": database,
            "dbInstanceIdentifier": "an-instance",
        })
        .to_string()
    }

    /// Asks it, once it takes queries.
    pub(crate) fn query(&self, sql: &str) -> String {
        let server = self.server.get().expect("a server that was started");
        let words = ["psql", "-XAtq", "-U", self.user, "-d", self.database, "-c"];
        eventually("PostgreSQL takes queries", || {
            server.exec_succeeds(&[&words[..], &["SELECT 1"]].concat()).then_some(())
        });
        server.exec(&[&words[..], &[sql]].concat())
    }
}
