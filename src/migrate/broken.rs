//! A step that did not go through: where it broke off, and what is left of it.

use crate::engine::{DbError, Verdict};

/// A step that did not go through.
#[derive(Debug)]
pub(super) struct Broken {
    /// What it was doing.
    pub(super) during: During,
    /// The error.
    pub(super) error: DbError,
    /// What is left of it.
    pub(super) left: Left,
}

/// The part of a step that an error came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum During {
    /// Opening the transaction, or a mark before the script.
    Before,
    /// This statement of the script, counted from 0.
    Script(usize),
    /// The bookkeeping after it.
    After,
    /// The commit: deferred constraints speak here.
    Commit,
}

/// What is left in the database of a step that did not go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: the next start begins it anew.
    Nothing,
    /// Only the tool's record that it failed, which blocks the next start.
    Record,
    /// Perhaps a part of the script, and the mark that says so.
    Part,
}

/// Whether an error leaves open what happened.
pub(super) fn is_lost(error: &DbError) -> bool {
    error.verdict == Verdict::Lost
}
