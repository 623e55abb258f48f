//! A connection that was lost in the middle of a migration, and what its end means.

use crate::exit::{Exit, Failure};
use crate::plan::Interrupted;

/// What to do where nobody can tell how far a migration got.
const LOOK_FIRST: &str = "see what of it is in the database before starting again";

/// A migration whose connection was lost in the middle.
pub(super) struct Lost {
    pub(super) id: String,
    pub(super) previous: Option<String>,
    pub(super) reason: String,
    pub(super) rerunnable: bool,
    pub(super) goes_back: bool,
}

impl Lost {
    pub(super) fn interrupted(&self) -> Interrupted<'_> {
        Interrupted { id: &self.id, previous: self.previous.as_deref() }
    }

    /// The history does not tell how far the work got, or cannot be asked.
    pub(super) fn outcome_unknown(&self, why: impl std::fmt::Display) -> Failure {
        let Self { id, reason, goes_back, .. } = self;
        let doing = if *goes_back { "reverting" } else { "applying" };
        Failure::message(
            Exit::OutcomeUnknown,
            format!(
                "the connection was lost while {doing} migration {id} ({reason}), and how far it got could not be \
                 learned: {why}"
            ),
        )
        .hint(LOOK_FIRST)
    }

    /// What came instead of learning the outcome. A signal stays a signal, and a failure that another replica met
    /// at this migration is an outcome.
    pub(super) fn unlearned(&self, failure: Failure) -> Failure {
        match failure.exit {
            Exit::Signal(_) | Exit::MigrationFailed => failure,
            _ => {
                let unknown = self.outcome_unknown(&failure);
                match failure.hint {
                    Some(hint) => unknown.hint(format!("{LOOK_FIRST}; for the connection: {hint}")),
                    None => unknown,
                }
            }
        }
    }

    /// The failure, and what it means if a connection was lost before.
    pub(super) fn explain(lost: Option<&Self>, failure: Failure) -> Failure {
        match lost {
            Some(lost) => lost.unlearned(failure),
            None => failure,
        }
    }
}

/// A migration that ends the connection each time has failed.
pub(super) fn lost_twice(id: &str, reason: &str) -> Failure {
    Failure::message(
        Exit::MigrationFailed,
        format!("migration {id} failed: the server ended the connection twice while running it: {reason}"),
    )
    .hint("see the server's log: it may have crashed or run out of memory at this migration")
}
