//! castoff, driven as a process against real servers, through its contract alone.
//!
//! One binary, so that the servers are started once. Each module is a topic; `harness` starts the servers and
//! the program, collects what it prints and looks for secrets in all of it.

// How the tests start things.
#[cfg(test)]
mod harness;
// The harness tested on itself, so that a silent harness is never taken for a correct castoff.
#[cfg(test)]
mod harness_check;

// In the order of the program's life.
#[cfg(test)]
mod alembic;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod command;
#[cfg(test)]
mod concurrent_index;
#[cfg(test)]
mod config;
#[cfg(test)]
mod ddl_lock;
#[cfg(test)]
mod diesel;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod flyway;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod golang_migrate;
#[cfg(test)]
mod goose;
#[cfg(test)]
mod health;
#[cfg(test)]
mod health_listen;
#[cfg(test)]
mod herd;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod init;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod migrate_command;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod prisma;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod refinery;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod session;
#[cfg(test)]
mod session_state;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod split;
#[cfg(test)]
mod status;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod user;
#[cfg(test)]
mod wait;
#[cfg(test)]
mod wait_for;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod words;
