//! The last phase: castoff becomes the application.

use crate::application::Application;
use crate::exit::Failure;
use crate::signals::Signals;
use crate::user::User;
use nix::sys::prctl;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::execve;
use std::ffi::CString;
use std::time::Duration;

/// How often children are looked for, and the pause between: a killed process takes a moment to end.
const REAP_LOOKS: usize = 20;
const REAP_PAUSE: Duration = Duration::from_millis(5);

/// The longest command name the kernel keeps, in bytes (`TASK_COMM_LEN` less its NUL).
const LONGEST_NAME: usize = 15;

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
    let let_go = match signals.let_go() {
        Ok(let_go) => let_go,
        Err(failure) => return failure,
    };
    if let Some(Err(failure)) = user.map(User::assume) {
        let_go.take_back();
        return failure;
    }
    let Err(errno) = execve(application.path(), application.argv(), application.environment());
    let_go.take_back();
    application.refused(errno)
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

/// Shows the phase in PID 1's command name, where `castoff health` finds it: `castoff:wait`, `castoff:lock`,
/// `castoff:migrate`. Exec gives the process the application's name.
///
/// Names the calling thread, so it has to be the main one.
pub fn name_phase(phase: &str) {
    let mut name = format!("castoff:{phase}").into_bytes();
    name.truncate(LONGEST_NAME);
    if let Ok(name) = CString::new(name) {
        // The kernel takes any name; there would be nothing to do about it.
        let _ = prctl::set_name(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, name_phase};
    use nix::sys::prctl;

    #[test]
    fn the_phase_shows_in_the_command_name() {
        for phase in ["wait", "lock", "migrate"] {
            name_phase(phase);
            let expected = format!("castoff:{phase}");
            assert_eq!(prctl::get_name().unwrap().to_str(), Ok(expected.as_str()));
            assert!(expected.len() <= LONGEST_NAME);
        }
    }
}
