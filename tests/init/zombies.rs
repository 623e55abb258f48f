//! Orphans are adopted and waited for.

use super::{PYTHON, Run, Tool, python, root, tools};

const ORPHANS: &str = include_str!("../apps/orphans.py");

/// Runs `orphans.py`, which calls a process a zombie that has been one for this many seconds.
fn zombies(run: &Run) -> String {
    run.output().succeeds().stdout
}

fn application(patience: &'static str) -> [&'static str; 4] {
    [PYTHON, "-c", ORPHANS, patience]
}

#[test]
fn pid_1_waits_for_orphans() {
    if !root() || !python() {
        return;
    }
    for tool in tools() {
        assert_eq!(zombies(&tool.run(&application("60")).pid1()), "zombies: 0\n", "{tool:?}");
    }
}

#[test]
fn an_application_that_castoff_has_become_has_to_do_it_itself() {
    if !root() || !python() {
        return;
    }
    let run = Run::new([&["--mode=off", "--"][..], &application("0.2")].concat()).pid1();
    assert_eq!(zombies(&run), "zombies: 5\n", "nobody waits for them");
}

/// Under another PID 1 that adopts them and does not wait: castoff and catatonit see to it that they are adopted first;
/// tini does so if it is told to, and dumb-init cannot.
#[test]
fn who_is_not_pid_1_adopts_them_too() {
    if !root() || !python() {
        return;
    }
    let idle = "import subprocess, sys; sys.exit(subprocess.Popen(sys.argv[1:]).wait())";
    for tool in tools() {
        let (patience, zombies_left) = match tool {
            Tool::Castoff | Tool::Catatonit => ("60", 0),
            Tool::Tini | Tool::DumbInit => ("0.2", 5),
        };
        let run = tool.run(&application(patience)).under([PYTHON, "-c", idle]).pid1();
        assert_eq!(zombies(&run), format!("zombies: {zombies_left}\n"), "{tool:?}");
    }
}
