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
mod queue;
mod refusal;
mod scan;
mod statements;
mod transaction;
mod verb;
mod words;

pub(crate) use excerpt::MASK;
pub use excerpt::excerpt;
pub use index::{ConcurrentIndex, QualifiedName, concurrent_index};
pub use queue::{Stretch, bears_no_limit, limits_queueing, stretches};
pub use refusal::{Refusal, refusal};
pub use statements::{Statement, Statements, line_at, statements};
pub use transaction::{controls_transaction, is_one_transaction, runs_outside_transaction};
pub use verb::verb;
pub use words::words;

use crate::target::Engine;

/// Whether a text has to be sent statement by statement.
///
/// Sent as it is, a text of several statements is one implicit transaction, which is what its author has today; it is
/// split only where a statement in it could not run like that.
pub fn must_be_split(engine: Engine, sql: &str) -> bool {
    statements(engine, sql).iter().any(|statement| runs_outside_transaction(engine, statement.text))
}

/// Whether a statement is a procedure or block that may end transactions of its own, if it is sent alone.
pub fn may_commit_inside(statement: &str) -> bool {
    first_word_is(statement, &["DO", "CALL"])
}

/// Whether a statement begins with one of these words.
pub fn first_word_is(statement: &str, words: &[&str]) -> bool {
    let first = statement.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    words.iter().any(|word| first.eq_ignore_ascii_case(word))
}
