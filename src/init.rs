//! `--init`: castoff stays beside the application instead of becoming it. It forwards signals, waits for orphans, and ends
//! with the application's code, as tini does.
//!
//! It executes itself again first, with the application's environment and nothing else: what stays for the container's
//! life is a small process without a runtime, whose `/proc/1/environ` and `/proc/1/cmdline` hold nothing that the
//! application is not given. What it then has to do is said in its arguments ([`Order`]); the variables are all the
//! application's. No signal is lost between: all are blocked from before the exec, and stay pending across it.

mod arrival;
mod child;
mod order;
mod supervisor;

pub use order::{Given, Order};

use crate::application::Application;
use crate::exec::hand_over;
use crate::exit::{Exit, Failure, Result};
use crate::signals::Signals;
use crate::user::User;
use nix::errno::Errno;
use nix::unistd::execve;
use std::ffi::CStr;
use std::fmt::Display;

/// The program that is running, even where its file has been deleted or nobody may look into its directory.
pub const OWN_PROGRAM: &CStr = c"/proc/self/exe";

/// Executes castoff again, to supervise the application; returns only if that fails, with the reason.
///
/// The user changes before, not between fork and exec: the supervisor needs no privilege to signal a process of the same
/// user, and keeps none. A signal that arrived until then wins over the application, as it does over an exec.
pub fn stay(order: &Order, user: Option<&User>, signals: &Signals) -> Failure {
    hand_over(signals.hold(), user, || {
        let application = &order.application;
        let Err(errno) =
            execve(OWN_PROGRAM, &order.argv(signals.inherited().mask()), application.environment());
        refused(application, errno)
    })
}

/// Finds out whether the user may execute castoff, so that it is not waited for in vain.
///
/// # Errors
/// 71 where they may not, otherwise as [`User::try_out`].
pub fn try_out(user: &User) -> Result<()> {
    user.try_out(Some(OWN_PROGRAM)).map_err(|failure| match failure.exit {
        Exit::NotExecutable => cannot_execute("the user that --user names may not").hint(EXECUTABLE),
        _ => failure,
    })
}

const EXECUTABLE: &str =
    "let everybody execute castoff: `COPY --chmod=755 castoff /castoff` in the Dockerfile";

/// What the kernel's refusal to execute castoff means.
fn refused(application: &Application, errno: Errno) -> Failure {
    let failure = cannot_execute(std::io::Error::from(errno));
    match errno {
        Errno::E2BIG => application.refused(errno),
        Errno::EACCES | Errno::EPERM => failure.hint(EXECUTABLE),
        Errno::ENOENT => failure.hint(
            "is /proc mounted? Without it leave --init (CASTOFF_INIT) out; docker run --init does the same",
        ),
        _ => failure,
    }
}

fn cannot_execute(why: impl Display) -> Failure {
    Failure::message(
        Exit::OsError,
        format_args!("castoff cannot execute itself again, as --init needs: {why}"),
    )
}
