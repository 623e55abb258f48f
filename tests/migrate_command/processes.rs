//! The command's processes: a group of its own, no zombie while it runs, nothing of it left for the application.

use std::time::Duration;

use crate::harness::{Database, Engine, eventually, root};

use super::with;

/// How many processes were started with this argument.
fn processes(argument: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())).count()
}

#[test]
fn it_leads_a_group_of_its_own() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let shows = "read -r pid name state parent group rest </proc/self/stat; echo $pid $parent $group; \
                 read -r pid name state parent group rest </proc/$PPID/stat; echo $group";
    let run = with(&database, shows).output().succeeds();
    let numbers: Vec<&str> = run.stdout.split_whitespace().take(4).collect();
    let [own, _, group, castoffs] = numbers[..] else { panic!("{run}") };
    assert_eq!(own, group, "{run}");
    assert_ne!(group, castoffs, "{run}");
}

#[test]
fn what_it_leaves_in_its_group_ends_with_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // Ignored signals do not save it, and its hold on the output does not keep castoff.
    let line = "(trap '' TERM HUP INT; /bin/sleep 71.25; /bin/sleep 71.25) & /bin/sleep 71.25 & exit 0";
    let run = with(&database, line).output().succeeds();
    assert!(run.elapsed < Duration::from_secs(20), "{run}");
    eventually("all of it has ended", || (processes("71.25") == 0).then_some(()));
}

#[test]
fn as_pid_1_nothing_is_left_for_the_application_wherever_it_has_gone() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for line in [
        "setsid /bin/sleep 72.25 & exit 0",
        "(setsid /bin/sh -c '/bin/sleep 72.25 & exit 0' >/dev/null 2>&1 </dev/null &) ; sleep 0.05",
        "setsid --fork /bin/sh -c 'setsid --fork /bin/sleep 72.25; trap \"\" TERM; while :; do sleep 72.25; done'; sleep 0.05",
        "/bin/sleep 72.25 & kill -9 $$",
    ] {
        let shows = "read -r children </proc/1/task/1/children; echo \"[$children]\"; cat /proc/[0-9]*/comm";
        let run = with(&database, line).command(["/bin/sh", "-c", shows]).pid1().output();
        if line.contains("kill -9") {
            assert_eq!(run.code, 80, "{run}");
        } else {
            assert_eq!(run.succeeds().stdout, "[]\nsh\n", "{line}");
        }
    }
    eventually("all of it has ended", || (processes("72.25") == 0).then_some(()));
}

#[test]
fn as_pid_1_orphans_are_reaped_while_it_runs() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // The orphan's id disappears only when somebody has waited for it.
    let line = "orphan=$(/bin/sh -c '/bin/sh -c \"exit 3\" >/dev/null & echo $!'); \
                i=0; while test -e /proc/$orphan && test $i -lt 1000; do sleep 0.01; i=$((i+1)); done; \
                test -e /proc/$orphan && echo zombie; exit 0";
    let run = with(&database, line).pid1().output().succeeds();
    assert_eq!(run.stdout, "started\n");
}

#[test]
fn a_process_that_was_there_before_is_the_application_s() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let shows = "read -r child </proc/1/task/1/children; cat /proc/$child/comm";
    let run = with(&database, "exit 0").command(["/bin/sh", "-c", shows]);
    let run = run.under(["/bin/sh", "-c", "/bin/sleep 73.25 >/dev/null 2>&1 & exec \"$@\"", "sh"]).pid1();
    assert_eq!(run.output().succeeds().stdout, "sleep\n");
}
