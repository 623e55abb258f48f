//! What castoff is doing, and where it shows: in the log, and in the process's command name.

use std::ffi::CString;

use nix::sys::prctl;

/// How the command name of a castoff begins that has not become the application yet.
const PREFIX: &str = "castoff:";

/// A phase of a container's life, as everybody calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Until the database is usable and everything else named is ready.
    Wait,
    /// Until the lock is ours, or not needed any more.
    Lock,
    /// Migrations are applied.
    Migrate,
    /// The application runs.
    Run,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 4] = [Self::Wait, Self::Lock, Self::Migrate, Self::Run];

    /// The word for it in logs, command names and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Lock => "lock",
            Self::Migrate => "migrate",
            Self::Run => "run",
        }
    }

    /// Shows the phase in this process's command name, where `castoff health` finds it: `castoff:wait`, `castoff:lock`,
    /// `castoff:migrate`. Exec gives the process the application's name.
    ///
    /// Names the calling thread, so it has to be the main one.
    pub fn enter(self) {
        if let Ok(name) = CString::new(format!("{PREFIX}{}", self.name())) {
            // The kernel takes any name; there would be nothing to do about it.
            let _ = prctl::set_name(&name);
        }
    }

    /// The phase that the calling thread has entered; `None` before the first.
    pub fn entered() -> Option<Self> {
        Self::shown_by(prctl::get_name().ok()?.to_str().ok()?)
    }

    /// The phase that a command name shows; `None` for a process that is no castoff, or shows none.
    pub fn shown_by(command: &str) -> Option<Self> {
        let name = command.trim_end().strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;
    use nix::sys::prctl;

    /// The longest command name the kernel keeps, in bytes (`TASK_COMM_LEN` less its NUL).
    const LONGEST_NAME: usize = 15;

    #[test]
    fn the_phase_shows_in_the_command_name_and_is_read_from_it() {
        for phase in Phase::ALL {
            phase.enter();
            let shown = prctl::get_name().unwrap().into_string().unwrap();
            assert_eq!(shown, format!("castoff:{}", phase.name()));
            assert!(shown.len() <= LONGEST_NAME, "{shown}");
            assert_eq!(Phase::shown_by(&format!("{shown}\n")), Some(phase));
            assert_eq!(Phase::entered(), Some(phase));
        }
    }

    #[test]
    fn other_names_show_no_phase() {
        for name in ["node", "castoff", "castoff:", "castoff:waiting", "wait", ""] {
            assert_eq!(Phase::shown_by(name), None, "{name}");
        }
    }
}
