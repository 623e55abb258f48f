//! castoff waits until the database is ready, applies pending migrations under its lock, and becomes the application.
//!
//! # Layout
//!
//! The modules stand in the order of the program's life.
//!
//! - [`cli`], [`config`]: raw arguments become one validated [`config::Config`] before anything runs.
//! - [`signals`], [`log`], [`exit`]: what a PID 1 needs at any moment.
//! - [`application`], [`migrations`]: the command castoff will become and the files, read before waiting. [`user`]: whom
//!   it becomes on the way.
//! - [`life`]: the story. [`wait`], [`lock`], [`migrate`], [`exec`]: its four phases, which [`phase`] names; [`plan`] decides
//!   what is to be done, [`status`] and [`preview`] say it without doing it, and [`command`] runs what castoff does not do itself.
//!   [`init`]: staying beside the application instead of becoming it.
//! - [`health`]: whether a container may be left alone. [`listen`]: what probes are told before there is an application.
//! - [`engine`]: the servers. [`mod@format`]: the migration tools. [`script`]: SQL text. They meet on plain data;
//!   [`target`] says where a database is, and [`database`] connects to it as it is configured at that moment.
//!
//! The library exists for the binary and its tests; it is no public interface.

pub mod application;
pub mod attempt;
pub mod backoff;
pub mod cli;
pub mod command;
pub mod config;
pub mod database;
pub(crate) mod duration;
pub mod engine;
pub mod environment;
pub mod exec;
pub mod exit;
pub mod format;
pub mod health;
pub mod init;
pub mod life;
pub mod listen;
pub mod lock;
pub mod log;
pub mod migrate;
pub mod migrations;
pub mod phase;
pub mod plan;
pub mod preview;
pub mod script;
pub mod signals;
pub mod status;
pub mod target;
pub(crate) mod terminal;
pub mod user;
pub mod wait;
