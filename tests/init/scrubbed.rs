//! What stays is small, has no privilege it does not need, and holds no secret.

use super::{Exit, Run, root, staying};
use crate::harness::{Database, Engine, Migrations, Scratch};

/// Everything a process shows of itself. The harness looks for secrets in all that the application prints.
const SHOWS: &str = "cat /proc/1/environ /proc/1/cmdline; echo; cat /proc/1/comm";

#[test]
fn pid_1_holds_no_secret() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let url = database.url();
    let run = Run::start(&database, &files, ["/bin/sh", "-c", SHOWS]).without("DATABASE_URL").pid1();
    let by_flag = run.clone().option(["--init", "--database-url", &url]);
    let by_variable = run.option(["--init"]).env("CASTOFF_DATABASE_URL", &url);
    for run in [by_flag, by_variable] {
        let run = run.env("KEPT", "as it is").output().succeeds();
        assert!(run.stdout.contains("KEPT=as it is\0"), "the environment is the application's: {run}");
        assert!(!run.stdout.contains(&url) && !run.stdout.contains("postgres://"), "{run}");
        assert!(run.stdout.contains("\0/bin/sh\0-c\0") && run.stdout.ends_with("castoff:run\n"), "{run}");
    }
}

/// The check above means nothing if castoff, before it executes itself again, does not hold them.
#[test]
fn castoff_holds_them_while_it_waits() {
    let url = "postgres://user:S3cret-of-the-flag@127.0.0.1:1/d";
    let mut running = Run::new(["--init", "--database-url", url, "--", "/bin/true"])
        .migrations(&Migrations::three())
        .env("CASTOFF_WAIT_TIMEOUT", "60s")
        .spawn();
    running.until("wait.retry");
    let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", running.pid())).expect("its arguments");
    assert!(cmdline.contains(url), "{cmdline}");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait().exits_with(143);
}

#[test]
fn it_is_small() {
    let script = "grep -E '^(Rss|Vm|Threads)' /proc/$PPID/status";
    let run = staying(&["--mode=off"], &["/bin/sh", "-c", script]).output().succeeds();
    let number = |name: &str| -> u64 {
        let line = run.stdout.lines().find(|line| line.starts_with(name)).expect("a line of the status");
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    };
    assert_eq!(number("Threads:"), 1, "no runtime: {run}");
    assert!(number("RssAnon:") < 2048, "kilobytes that are its own: {run}");
}

#[test]
fn it_is_the_user_as_well() {
    if !root() {
        return;
    }
    let script = "grep -hE '^(Uid|Gid|Groups|CapEff|CapPrm):' /proc/1/status; echo; \
                  grep -hE '^(Uid|Gid|Groups|CapEff|CapPrm):' /proc/self/status; echo $HOME; kill -TERM 1; \
                  while :; do sleep 0.01; done";
    // As in a container that drops all capabilities but those to become somebody.
    let bounded = ["/usr/bin/setpriv", "--bounding-set=-kill", "--inh-caps=-kill", "--"];
    let run = staying(&["--mode=off", "--user", "1234:1235"], &["/bin/sh", "-c", script]);
    let run = run.under(bounded).pid1().output().exits_with(143);
    let (supervisor, application) = run.stdout.split_once("\n\n").expect("two processes");
    assert!(supervisor.starts_with("Uid:\t1234\t1234\t1234\t1234\nGid:\t1235"), "{run}");
    assert_eq!(application, format!("{supervisor}\n/\n"));
}

#[test]
fn a_user_who_may_not_execute_castoff_is_told_so_before_waiting() {
    if !root() {
        return;
    }
    let home = Scratch::new("init-mode");
    let own = home.path().join("castoff");
    std::fs::copy(env!("CARGO_BIN_EXE_castoff"), &own).expect("a copy of castoff");
    for (mode, allowed) in [(0o700, false), (0o755, true)] {
        let mode: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&own, mode).expect("its mode");
        let words = ["--", "/usr/bin/env", &own.display().to_string(), "--init", "--user=1234", "--"];
        let run = Run::new([&words[..], &["/bin/echo", "started"]].concat()).directly();
        if allowed {
            assert_eq!(run.env("CASTOFF_MODE", "off").output().succeeds().stdout, "started\n");
            continue;
        }
        let at_once = run.clone().env("CASTOFF_MODE", "off").output().exits(Exit::OsError);
        assert!(at_once.stderr.contains("execute itself again"), "{at_once}");
        let late = run.env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d").migrations(&Migrations::three());
        let late = late.output().exits(Exit::OsError);
        assert!(late.stderr.contains("chmod=755") && late.events("wait.retry").is_empty(), "{late}");
    }
}

/// Its file may be gone, on a read-only root or in an image that deletes it.
#[test]
fn castoff_whose_file_has_been_deleted_executes_itself_again() {
    let home = Scratch::new("init-deleted");
    let own = home.path().join("castoff");
    std::fs::copy(env!("CARGO_BIN_EXE_castoff"), &own).expect("a copy of castoff");
    let ready = home.path().join("ready");
    let awaited = format!("file://{}", ready.display());
    let own_path = own.display().to_string();
    let words = ["--", "/usr/bin/env", &own_path, "--mode=wait", "--wait-for", &awaited, "--init", "--"];
    let run = Run::new([&words[..], &["/bin/echo", "started"]].concat()).directly();
    let mut running = run.spawn();
    running.until("wait.retry");
    std::fs::remove_file(&own).expect("castoff goes");
    std::fs::write(&ready, "").expect("what is waited for comes");
    assert_eq!(running.wait().succeeds().stdout, "started\n");
}

#[test]
fn its_name_for_itself_is_no_way_to_call_it() {
    let run = Run::new(["--", "/bin/bash", "-c", "exec -a castoff:run \"$0\" --init -- /bin/true"]);
    let run = run.command([
        "/bin/bash",
        "-c",
        "exec -a castoff:run \"$0\" --init -- /bin/true",
        env!("CARGO_BIN_EXE_castoff"),
    ]);
    run.directly().output().exits(Exit::Usage).says("castoff --init -- COMMAND");
    // As an application it is a name like any other.
    let home = Scratch::new("init-name");
    let program = home.path().join("castoff:run");
    std::fs::copy("/bin/echo", &program).expect("a program");
    let run = staying(&["--mode=off"], &[&program.display().to_string(), "started"]);
    assert_eq!(run.output().succeeds().stdout, "started\n");
}
