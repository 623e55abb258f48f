//! castoff waits until the database is ready, applies pending migrations under its lock, and becomes the application.
//!
//! # Layout
//!
//! The modules stand in the order of the program's life.
//!
//! - [`config`]: raw arguments become one validated `Config` before anything runs.
//! - `signals`, `log`, [`exit`]: what a PID 1 needs at any moment.
//! - `application`: the command castoff will become, looked up before waiting.
//! - `wait`, `lock`, `migrate`, `exec`: the four phases.
//! - [`engine`]: the servers. [`format`]: the migration tools. [`script`]: SQL text. They meet on plain data.
//!
//! The library exists for the binary and its tests; it is no public interface.

pub mod application;
pub mod backoff;
pub mod cli;
pub mod config;
pub mod database;
pub mod engine;
pub mod exec;
pub mod exit;
pub mod format;
pub mod script;
