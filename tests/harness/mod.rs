//! Starts real servers and the program itself, and collects everything they say.
//!
//! - [`Run`] builds a call of castoff; [`Running`] is the process, [`Finished`] what came of it.
//! - [`Database`] is one database with a role of its own on a shared server; the server modules also start
//!   private servers with a configuration of their own.
//! - [`FakePostgres`], [`FakeWeb`], [`Proxy`] and [`FakeDns`] say what no real server can be made to say, and record.
//! - Nothing sleeps to synchronise: a test waits for a log line ([`Running::until`]) or for a state of the
//!   server ([`eventually`]), each with a bound that fails with everything known.
//!
//! Needs: PostgreSQL, MariaDB, PgBouncer, gosu, tini, dumb-init and catatonit from the distribution's packages, and root for
//! namespaces. What is missing is said loudly; with `CI` set, or named in `CASTOFF_REQUIRE` (comma list), it is a failure.

mod apps;
mod client;
mod database;
mod dns;
mod eventually;
mod fake;
mod finished;
mod gate;
pub(crate) mod keys;
mod mariadb;
mod migrations;
mod pgbouncer;
mod pipe;
mod postgres;
mod prisma;
mod proxy;
mod require;
mod run;
mod running;
mod scratch;
pub(crate) mod secrets;
mod spawn;
mod terminal;
mod tls;
mod web;

pub(crate) use apps::witness;
pub(crate) use client::{Client, TextRow};
pub(crate) use database::{Database, Engine, on_every_engine};
pub(crate) use dns::{DnsAnswer, FakeDns};
pub(crate) use eventually::{eventually, heavy};
pub(crate) use fake::{FakeConnection, FakePostgres};
pub(crate) use finished::Finished;
pub(crate) use gate::Gate;
pub(crate) use mariadb::MariaDb;
pub(crate) use migrations::Migrations;
pub(crate) use pgbouncer::PgBouncer;
pub(crate) use postgres::Postgres;
pub(crate) use prisma::{PrismaRow, PrismaState};
pub(crate) use proxy::Proxy;
pub(crate) use require::{full, is_demanded, missing, root};
pub(crate) use run::Run;
pub(crate) use running::Running;
pub(crate) use scratch::{Scratch, free_port};
pub(crate) use terminal::OnTerminal;
pub(crate) use tls::Certificates;
pub(crate) use web::FakeWeb;
