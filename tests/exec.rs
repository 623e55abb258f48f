//! After the hand-over nothing of castoff remains: the application is compared with one started directly.

use std::collections::BTreeSet;

use castoff::exit::Exit;

use crate::harness::{Database, Engine, FakeConnection, FakePostgres, Migrations, Run, Scratch, root};

/// Runs a command through castoff, migrations included, and directly, both under `wrapper`; gives both outputs.
fn both<const N: usize>(wrapper: &[&str], command: [&str; N]) -> Option<(String, String)> {
    let database = Database::on(Engine::Postgres)?;
    let files = Migrations::three();
    let run = Run::start(&database, &files, command).under(wrapper).secrets_on_stdout();
    let through = run.output().succeeds();
    assert_eq!(through.applied().len(), 3, "the start was a real one: {through}");
    let directly = run.directly().output().succeeds();
    Some((through.stdout, directly.stdout))
}

/// Inherited oddities a container runtime, a shell or `nohup` may leave.
const WRAPPERS: [&[&str]; 6] = [
    &[],
    &["/usr/bin/env", "--ignore-signal=PIPE,HUP"],
    &["/usr/bin/env", "--default-signal", "--block-signal=USR1,CHLD,WINCH"],
    &["/usr/bin/env", "--ignore-signal=TERM,INT,QUIT,CHLD", "--block-signal=TERM,HUP,PIPE"],
    &["/bin/sh", "-c", "umask 027; ulimit -n 512; exec 7</dev/null; exec \"$@\"", "sh"],
    &["/bin/sh", "-c", "exec 0<&-; exec \"$@\"", "sh"],
];

#[test]
fn signal_mask_and_dispositions_are_as_they_were_found() {
    for wrapper in WRAPPERS {
        let Some((through, directly)) = both(wrapper, ["/bin/cat", "/proc/self/status"]) else { return };
        let fields = ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "Threads", "Uid", "Gid", "Groups"];
        let more = ["CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Umask"];
        for name in fields.iter().chain(&more) {
            let line = |text: &str| text.lines().find(|line| line.starts_with(*name)).map(str::to_owned);
            assert_eq!(line(&through), line(&directly), "{name} under {wrapper:?}");
        }
    }
}

#[test]
fn ignored_and_blocked_signals_were_really_inherited() {
    // The comparison above means nothing where the wrapper does nothing.
    let run =
        Run::new(["--mode", "off", "--", "/bin/cat", "/proc/self/status"]).under(WRAPPERS[3]).directly();
    let status = run.output().succeeds().stdout;
    let mask = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line of the status");
        u64::from_str_radix(line.split_whitespace().nth(1).expect("a mask"), 16).expect("hexadecimal")
    };
    let (term, pipe) = (1 << (libc::SIGTERM - 1), 1 << (libc::SIGPIPE - 1));
    assert_eq!((mask("SigIgn") & term, mask("SigBlk") & pipe), (term, pipe));
}

#[test]
fn no_descriptor_is_added_or_lost() {
    for wrapper in WRAPPERS {
        let list = ["/bin/sh", "-c", "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done"];
        let Some((through, directly)) = both(wrapper, list) else { return };
        assert_eq!(through, directly, "under {wrapper:?}");
    }
}

#[test]
fn the_environment_is_unchanged() {
    let Some((through, directly)) = both(&[], ["/usr/bin/env", "-0"]) else { return };
    assert_eq!(through, directly);
    assert!(through.contains("DATABASE_URL="), "the application keeps the URL it was given");
}

#[test]
fn castoffs_own_secrets_are_removed_from_the_environment() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let run = Run::start(&database, &files, ["/usr/bin/env"])
        .without("DATABASE_URL")
        .env("CASTOFF_DATABASE_URL", database.url())
        .env("KEPT", "as it is")
        .output()
        .succeeds();
    let names: BTreeSet<&str> = run.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(!names.contains("CASTOFF_DATABASE_URL"), "{run}");
    assert!(names.contains("KEPT") && names.contains("CASTOFF_MIGRATIONS"), "{run}");
}

#[test]
fn arguments_reach_the_application_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"not \xff utf8");
    let run = Run::new(["--mode", "off", "--", "cat", "/proc/self/cmdline", "/dev/null", "/dev/null"]);
    let through = run.output().succeeds().stdout;
    assert_eq!(through, run.directly().output().succeeds().stdout);
    assert!(through.starts_with("cat\0"), "argv[0] is the name that was given: {through:?}");
    let words =
        ["--mode".as_ref(), "off".as_ref(), "--".as_ref(), "/usr/bin/printf".as_ref(), "[%s]".as_ref()];
    let rest = ["", " two words ", "--", "--help", "$HOME", "*"].map(std::ffi::OsStr::new);
    let run = Run::new(words.into_iter().chain(rest).chain([odd]));
    let output = run.output().succeeds().stdout;
    assert_eq!(output, run.directly().output().succeeds().stdout);
    assert!(output.starts_with("[][ two words ][--][--help][$HOME][*]"), "{output}");
}

#[test]
fn umask_directory_and_limits_are_unchanged() {
    let script = "umask; pwd -P; ulimit -a; cat /proc/self/oom_score_adj; nice";
    for wrapper in WRAPPERS {
        let Some((through, directly)) = both(wrapper, ["/bin/sh", "-c", script]) else { return };
        assert_eq!(through, directly, "under {wrapper:?}");
    }
    let home = Scratch::new("cwd");
    let run = Run::new(["--mode", "off", "--", "/bin/pwd", "-P"]).cwd(home.path()).output().succeeds();
    assert_eq!(run.stdout.trim(), home.path().display().to_string());
}

#[test]
fn the_application_as_pid_1_is_alone() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let script = "echo pid $$; echo /proc/[0-9]*; read -r name </proc/1/comm; echo \"$name\"; \
                  read -r children </proc/1/task/1/children; echo \"[$children]\"";
    let run =
        Run::start(&database, &Migrations::three(), ["/bin/sh", "-c", script]).pid1().output().succeeds();
    assert_eq!(
        run.stdout.trim(),
        "pid 1\n/proc/1\nsh\n[]",
        "no child, no zombie, no name of castoff's is left"
    );
}

#[test]
fn standard_streams_are_the_applications() {
    let run =
        Run::new(["--mode", "off", "--", "/bin/sh", "-c", "readlink /proc/$$/fd/0; echo out; echo err >&2"]);
    let run = run.output().succeeds();
    assert_eq!(run.stdout, "/dev/null\nout\n");
    assert!(run.stderr.ends_with("err\n"), "{run}");
}

#[test]
fn the_code_is_the_applications_after_the_hand_over() {
    for code in [0, 1, 3, 64, 80, 255] {
        let script = format!("exit {code}");
        Run::new(["--mode", "off", "--", "/bin/sh", "-c", &script]).output().exits_with(code);
    }
    let run = Run::new(["--mode", "off", "--", "/bin/sh", "-c", "kill -KILL $$"]).output();
    assert!(run.killed && run.code == 128 + libc::SIGKILL, "{run}");
}

/// Runs a command that cannot be executed, with a database that never answers: it is said without asking it.
fn cannot_start(command: &[&str], exit: Exit) -> crate::harness::Finished {
    let fake = FakePostgres::playing(FakeConnection::silence);
    let files = Migrations::three();
    let run =
        Run::new([&["--"], command].concat()).env("DATABASE_URL", fake.url()).migrations(&files).output();
    assert_eq!(fake.attempts(), 0, "a typo fails before anybody is waited for: {run}");
    run.exits(exit)
}

#[test]
fn a_command_that_does_not_exist_is_127() {
    cannot_start(&["no-such-application", "--port"], Exit::NotFound).says("no-such-application");
    cannot_start(&["/no/such/application"], Exit::NotFound).says("/no/such/application");
}

#[test]
fn a_file_that_is_not_executable_is_126() {
    let home = Scratch::new("app");
    let file = home.write("app", "#!/bin/sh\n");
    cannot_start(&[&file.display().to_string()], Exit::NotExecutable).says("app");
    cannot_start(&["/etc"], Exit::NotExecutable).says("/etc");
}

#[test]
fn each_reason_has_its_own_message() {
    let home = Scratch::new("app");
    let executable = |name: &str, content: &str| {
        let path = home.write(name, content);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("the file's mode");
        path.display().to_string()
    };
    let orphan = executable("orphan", "#!/no/such/interpreter -x\n");
    let bare = executable("bare", "echo no interpreter line\n");
    cannot_start(&[&orphan], Exit::NotExecutable).says("/no/such/interpreter");
    cannot_start(&[&bare], Exit::NotExecutable).says("#!");
    let garbage = executable("garbage", "\u{7f}ELF but not really");
    cannot_start(&[&garbage], Exit::NotExecutable).says("garbage");
}

#[test]
fn the_command_is_looked_up_in_the_path_in_order() {
    let home = Scratch::new("path");
    let first = home.write("first/app", "not executable");
    let second = home.write("second/app", "#!/bin/sh\necho second\n");
    std::fs::set_permissions(&second, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let directories =
        [first.parent().unwrap(), second.parent().unwrap()].map(|path| path.display().to_string());
    let run = Run::new(["--mode", "off", "--", "app"]).env("PATH", directories.join(":")).output().succeeds();
    assert_eq!(run.stdout, "second\n", "as execvp does, what cannot be executed is passed over");
}

#[test]
fn castoff_as_its_own_application_runs_the_subcommand_alone() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    for name in ["castoff", "/castoff", env!("CARGO_BIN_EXE_castoff")] {
        let run = Run::start(&database, &files, [name, "status", "--json"]).output().exits(Exit::Pending);
        let status: serde_json::Value = serde_json::from_str(&run.stdout).expect("one JSON document");
        assert_eq!(status["state"], "pending", "nothing was migrated on the way");
    }
    assert_eq!(database.history(), []);
    Run::start(&database, &files, ["castoff", "migrate"]).output().succeeds();
    Run::start(&database, &files, ["castoff", "status"]).output().succeeds();
}

#[test]
fn another_command_is_started_at_once_where_only_one_is_meant() {
    let run = |command: &[&str]| {
        Run::new([&["--only-for", "/bin/echo serve*", "--"], command].concat())
            .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
            .env("CASTOFF_WAIT_TIMEOUT", "300ms")
            .migrations(&Migrations::three())
            .output()
    };
    let other = run(&["/bin/echo", "shell"]).succeeds();
    assert_eq!(other.stdout, "shell\n");
    assert!(other.events("wait.retry").is_empty());
    run(&["/bin/echo", "serve", "--port", "80"]).exits(Exit::Unavailable);
}

#[test]
fn mode_off_starts_the_application_whatever_else_is_wrong() {
    let run = Run::new(["--", "/bin/echo", "started"])
        .env("CASTOFF_MODE", "off")
        .env("CASTOFF_WAIT_TIMEOUT", "soon")
        .env("DATABASE_URL", "nonsense")
        .env("CASTOFF_MIGRATIONS", "/no/such/place")
        .env("CASTOFF_TYPO", "1")
        .output()
        .succeeds();
    assert_eq!(run.stdout, "started\n");
}
