//! What castoff is doing, and where it shows: in the log, and in the process's command name.

use std::ffi::CString;
use std::fs;
use std::path::Path;

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

    /// The phase of the container this process is in: PID 1's, or that of a castoff it has started, where an init stands
    /// before it.
    pub fn of_this_container() -> Self {
        Self::of_container(Path::new("/proc"))
    }

    fn of_container(proc: &Path) -> Self {
        let first = fs::read_to_string(proc.join("1/comm")).ok();
        let shown = first.and_then(|command| Self::shown_by(&command));
        shown.or_else(|| Self::of_children(proc)).unwrap_or(Self::Run)
    }

    fn of_children(proc: &Path) -> Option<Self> {
        let processes = fs::read_dir(proc).ok()?.flatten();
        processes.into_iter().find_map(|process| {
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            // `pid (command) state parent …`, proc(5); the command may hold anything.
            let (start, rest) = stat.rsplit_once(") ")?;
            let parent = rest.split(' ').nth(1)?;
            if parent != "1" {
                return None;
            }
            Self::shown_by(start.split_once('(')?.1)
        })
    }

    /// The phase that a command name shows; `None` for a process that is no castoff, or shows none.
    pub fn shown_by(command: &str) -> Option<Self> {
        let name = command.trim_end().strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sys::prctl;

    use super::Phase;

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

    /// A container's processes: id, command, parent.
    fn container(processes: &[(u32, &str, u32)]) -> Phase {
        let proc = tempfile::tempdir().unwrap();
        for (pid, command, parent) in processes {
            let directory = proc.path().join(pid.to_string());
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("comm"), format!("{command}\n")).unwrap();
            fs::write(directory.join("stat"), format!("{pid} ({command}) S {parent} 1 1 0 -1")).unwrap();
        }
        Phase::of_container(proc.path())
    }

    #[test]
    fn the_phase_of_a_container_is_that_of_its_first_process_or_of_the_child_of_an_init() {
        assert_eq!(container(&[(1, "castoff:migrate", 0)]), Phase::Migrate);
        assert_eq!(container(&[(1, "castoff:run", 0), (7, "node", 1)]), Phase::Run);
        assert_eq!(container(&[(1, "docker-init", 0), (7, "castoff:lock", 1)]), Phase::Lock);
        assert_eq!(container(&[(1, "tini", 0), (7, "a) S 9 (", 1), (8, "castoff:wait", 1)]), Phase::Wait);
        assert_eq!(container(&[(1, "node", 0), (9, "castoff", 0)]), Phase::Run);
        let by_hand = [(1, "node", 0), (9, "castoff:migrate", 0), (10, "castoff:lock", 7)];
        assert_eq!(container(&by_hand), Phase::Run, "somebody else's castoff says nothing of this container");
        assert_eq!(container(&[]), Phase::Run);
    }

    #[test]
    fn other_names_show_no_phase() {
        for name in ["node", "castoff", "castoff:", "castoff:waiting", "wait", ""] {
            assert_eq!(Phase::shown_by(name), None, "{name}");
        }
    }
}
