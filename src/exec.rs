//! The last phase: castoff becomes the application.

use crate::application::Application;
use crate::exit::{Failure, Result};
use crate::signals::{LetGo, Signals};
use crate::user::User;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::execve;
use std::time::Duration;

/// How often children are looked for, and the pause between: a killed process takes a moment to end.
const REAP_LOOKS: usize = 20;
const REAP_PAUSE: Duration = Duration::from_millis(5);

/// Replaces this process with the application; returns only if that fails, with the reason.
///
/// Dispositions and mask are put back exactly as they were found, and a signal that arrived until then wins over
/// the application. nix's call and not std's `Command::exec`, which makes SIGPIPE the default whatever was
/// inherited. Working directory, umask and inherited descriptors are never touched; what castoff itself opens is
/// close-on-exec, and the kernel ends all other threads. The user changes last of all, so that nothing of what comes
/// before lacks a permission.
///
/// On failure castoff's signal handlers work again.
pub fn become_application(application: &Application, user: Option<&User>, signals: &Signals) -> Failure {
    reap();
    hand_over(signals.let_go(), user, || {
        let Err(errno) = execve(application.path(), application.argv(), application.environment());
        application.refused(errno)
    })
}

/// Becomes the user and then whatever `exec` executes; returns only if either fails, with the signals taken back.
pub(crate) fn hand_over(
    signals: Result<LetGo>,
    user: Option<&User>,
    exec: impl FnOnce() -> Failure,
) -> Failure {
    let let_go = match signals {
        Ok(let_go) => let_go,
        Err(failure) => return failure,
    };
    let failure = match user.map(User::assume) {
        Some(Err(failure)) => failure,
        Some(Ok(())) | None => exec(),
    };
    let_go.take_back();
    failure
}

/// Reaps what commands left behind: PID 1 inherits every orphan, and the application is to start without children.
///
/// They have been killed already; a child that is still alive is none of ours and is not waited for any longer.
fn reap() {
    for _ in 0..REAP_LOOKS {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        std::thread::sleep(REAP_PAUSE);
    }
}
