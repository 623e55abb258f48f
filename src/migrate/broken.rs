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
    /// The mark that is committed before anything else.
    Mark,
    /// Opening the transaction, or bookkeeping before the script.
    Before,
    /// A statement of the script.
    Script {
        /// The part it is in, from 0.
        part: usize,
        /// How many statements before it in that part went through.
        number: usize,
    },
    /// The bookkeeping after it.
    After,
    /// The commit: deferred constraints speak here.
    Commit,
}

impl During {
    /// Whether it was the first statement of all.
    pub(super) fn is_first(self) -> bool {
        self == Self::Script { part: 0, number: 0 }
    }

    /// Whether it was a statement of the script.
    pub(super) fn is_script(self) -> bool {
        matches!(self, Self::Script { .. })
    }
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
