//! What castoff must know of SQL text without running it: pure functions over a script, per engine.
//!
//! A script is sent whole, as the tools do. This module finds its statements so that a failure can be named by
//! line and statement, so that a script can be split where one of its statements cannot run in a transaction, and so that
//! what no server can run is refused before anything is applied. It lexes; it does not parse: a text that the
//! server refuses is cut somewhere plausible, and one it accepts is cut where the server cuts it.
//!
//! # Why a scanner of our own
//!
//! `sqlparser`'s tokenizer (0.63) was tried first. It returns no tokens at all for a text with one it does not
//! like, and it dislikes texts the servers accept: a string literal with `*/` inside MySQL's `/*! … */`, an
//! unterminated comment at the end of a SQLite script; and an unterminated literal must here still be a
//! statement that can be named. It tells positions in lines and columns where bytes are needed, blurs the bounds of
//! executable comments, and holds a whole list of owned tokens for what is one pass over borrowed text.
//!
//! # Limits
//!
//! Settings that change the meaning of quotes are taken at their defaults: `standard_conforming_strings`
//! on, no `ANSI_QUOTES`, `NO_BACKSLASH_ESCAPES` or `ORACLE` in `sql_mode`. A MySQL comment `/*!80000 … */` counts as
//! executed, whatever the server's version.

mod body;
#[cfg(test)]
mod corpus;
mod cursor;
mod excerpt;
mod index;
mod program;
mod refusal;
mod scan;
mod statements;
mod transaction;

pub(crate) use excerpt::MASK;
pub use excerpt::excerpt;
pub use index::{ConcurrentIndex, QualifiedName, concurrent_index};
pub use refusal::{Refusal, refusal};
pub use statements::{Statement, line_at, statements};
pub use transaction::{controls_transaction, runs_outside_transaction};
