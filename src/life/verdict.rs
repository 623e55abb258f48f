//! What the end of a command means, and how it is said.

use super::errand::{Errand, Why};
use crate::command::{Ended, Line, Status};
use crate::exit::{Exit, Failure};

/// What the end of a command means.
pub(super) enum Judgement {
    Succeeded,
    Failed(Failure),
    Stopped(Failure),
    Lost(String),
}

pub(super) fn judge(errand: &Errand<'_>, ended: Ended<Why>) -> Judgement {
    let Ended { status, halted, interrupted } = ended;
    let what = format!("{} {status}{}", errand.name(), errand.consequence);
    match (halted, interrupted) {
        (Some(Why::Lost(reason)), _) => Judgement::Lost(reason),
        (Some(Why::Stop(stop)), _) => Judgement::Stopped(stop.failure(&what)),
        (None, Some(signal)) => {
            tracing::info!(event = "signal", name = %signal, phase = "migrate", "{signal} came from the terminal");
            Judgement::Stopped(Failure::message(
                Exit::Signal(signal as i32),
                format!("stopped from the terminal; {what}"),
            ))
        }
        (None, None) if status == Status::Exited(0) => Judgement::Succeeded,
        (None, None) => Judgement::Failed(Failure::message(Exit::MigrationFailed, what).hint(errand.hint)),
    }
}

/// The command was ended in the middle, or its end was not seen, and the history does not say that all is well.
pub(super) fn outcome_unknown(line: &Line, reason: &str, why: impl std::fmt::Display) -> Failure {
    Failure::message(
        Exit::OutcomeUnknown,
        format!(
            "the lock was lost while the migrate command `{}` ran ({reason}), and how far it got could not be learned: \
             {why}",
            line.name()
        ),
    )
    .hint("see what of it is in the database before starting again")
}

/// What came instead of learning the outcome. A signal stays a signal, and a failure that another replica met is one.
pub(super) fn unlearned(line: &Line, reason: &str, failure: Failure) -> Failure {
    match failure.exit {
        Exit::Signal(_) | Exit::MigrationFailed => failure,
        _ => outcome_unknown(line, reason, &failure),
    }
}
