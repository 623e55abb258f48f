//! `--migrate-command`: anything may apply the migrations, and castoff sees to the lock, the process and its end.

use std::path::Path;
use std::time::Duration;

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Run, Scratch, on_every_engine, root};

mod locking;
mod processes;
mod remains;
mod stopping;
mod telling;
mod terminal;

/// A script as a command.
fn script(script: &str) -> String {
    format!("/bin/sh -c {}", shell_words::quote(script))
}

/// castoff before an application, the script as the migrate command, and nothing known of migrations.
fn with(database: &Database, line: &str) -> Run {
    let run = Run::new(["--", "/bin/echo", "started"]).database(database);
    run.env("CASTOFF_MIGRATE_COMMAND", script(line))
}

on_every_engine!(without_a_format_it_runs_at_every_start, a_failure_is_80_and_the_application_does_not_start);

fn without_a_format_it_runs_at_every_start(database: &Database) {
    let home = Scratch::new("runs");
    let line = format!("echo ran >>{}/runs", home.path().display());
    for _ in 0..2 {
        let run = with(database, &line).output().succeeds();
        assert_eq!(run.stdout, "started\n");
        assert_eq!(run.event("migrate.start")["pending"], serde_json::Value::Null);
        assert_eq!(run.event("migrate.done")["applied"], serde_json::Value::Null);
        assert_eq!(run.events("lock.acquired").len(), 1, "{run}");
    }
    let runs = std::fs::read_to_string(home.path().join("runs")).expect("it ran");
    assert_eq!(runs, "ran\nran\n");
    let migrate = Run::new(["migrate"]).database(database).env("CASTOFF_MIGRATE_COMMAND", script(&line));
    migrate.output().succeeds();
}

fn a_failure_is_80_and_the_application_does_not_start(database: &Database) {
    for (line, how) in [("exit 3", "ended with code 3"), ("kill -9 $$", "was killed by SIGKILL")] {
        let run = with(database, line).output().exits(Exit::MigrationFailed);
        let reason = run.field("exit", "reason");
        assert!(reason.contains("`/bin/sh`") && reason.contains(how), "{reason}");
        assert_eq!(run.stdout, "", "{run}");
        assert!(run.events("migrate.done").is_empty(), "{run}");
    }
    // Nothing of a failure stays.
    with(database, "exit 0").output().succeeds();
}

#[test]
fn a_command_that_is_certain_to_run_is_looked_up_before_waiting() {
    let late = |line: &str| {
        let run = Run::new(["migrate", "--migrate-command", line]);
        let run = run.env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d").output();
        assert!(run.elapsed < Duration::from_secs(10), "{run}");
        run
    };
    let run = late("no-such-program --url hunter2hunter2").exits(Exit::MigrationFailed);
    let reason = run.field("exit", "reason");
    assert!(reason.contains("--migrate-command") && reason.contains("no-such-program"), "{reason}");
    assert!(reason.contains("PATH (/usr/bin:/bin)") && !run.stderr.contains("hunter2"), "{run}");
    let run = late("/etc/passwd").exits(Exit::MigrationFailed);
    assert!(run.field("exit", "reason").contains("/etc/passwd"), "{run}");
    late("sh -c 'unfinished").exits(Exit::Usage).says("--migrate-command: a quote is not closed");
}

#[test]
fn output_is_passed_through_and_there_is_no_input() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let line = "echo to stdout; echo to stderr >&2; read -r line || echo no input; readlink /proc/self/fd/0";
    let run = with(&database, line).output().succeeds();
    assert_eq!(run.stdout, "to stdout\nno input\n/dev/null\nstarted\n");
    assert!(run.stderr.lines().any(|line| line == "to stderr"), "{run}");
}

#[test]
fn directory_umask_and_limits_are_what_castoff_was_given() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let shows = "pwd -P; umask; ulimit -n; ls /proc/self/fd | wc -l";
    let odd = ["/bin/sh", "-c", "umask 027; ulimit -n 512; exec \"$@\"", "sh"];
    let home = Scratch::new("cwd");
    let run = with(&database, shows).command(["/bin/sh", "-c", shows]).cwd(home.path());
    let run = run.under(odd).output().succeeds();
    let (command, application) = run.stdout.split_at(run.stdout.len() / 2);
    assert_eq!(command, application);
    assert!(command.starts_with(&format!("{}\n0027\n512\n", home.path().display())), "{run}");
}

#[test]
fn signals_are_blocked_and_ignored_as_castoff_was_given_them() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    // No shell: dash unblocks all signals.
    let shows = ["/bin/grep", "^Sig[BI]", "/proc/self/status"];
    let given = ["/usr/bin/env", "--ignore-signal=PIPE,HUP,USR2", "--block-signal=USR1,WINCH,CHLD,TERM"];
    let run = with(&database, "").command(shows).env("CASTOFF_MIGRATE_COMMAND", shows.join(" "));
    let run = run.under(given).output().succeeds();
    let (command, application) = run.stdout.split_at(run.stdout.len() / 2);
    assert_eq!(command, application);
    let mask = |name: &str| {
        let line = command.lines().find_map(|line| line.strip_prefix(name)).expect("a mask");
        u64::from_str_radix(line.trim(), 16).expect("hexadecimal")
    };
    let bit = |signal: libc::c_int| 1 << (signal - 1);
    assert_ne!(mask("SigIgn:") & bit(libc::SIGPIPE), 0, "{run}");
    assert_ne!(mask("SigBlk:") & bit(libc::SIGCHLD), 0, "{run}");
}

#[test]
fn it_runs_as_the_user() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = with(&database, "id -u; id -g; id -G; echo $HOME").option(["--user", "41234:41235"]);
    let run = run.command(["/usr/bin/id", "-u"]).output().succeeds();
    assert_eq!(run.stdout, "41234\n41235\n41235\n/\n41234\n");
    // Who may not become the user is told before waiting.
    let run = Run::new(["migrate", "--user", "41234", "--migrate-command", "/bin/true"])
        .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
        .under(["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    let run = run.output().exits(Exit::Refused);
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
}

/// A command that applies with psql what sqlx would have, and records it. Each run is counted.
fn applies(files: &Path, runs: &Path) -> String {
    let mut sql = String::from(
        "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
         installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, \
         execution_time BIGINT NOT NULL);",
    );
    let mut names: Vec<_> =
        std::fs::read_dir(files).expect("the files").flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names {
        let text = std::fs::read_to_string(&path).expect("a migration");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let (version, description) = name.split_once('_').expect("a version");
        let checksum = hex::encode(<sha2::Sha384 as sha2::Digest>::digest(&text));
        sql.push_str(&format!(
            "\n{text};INSERT INTO _sqlx_migrations VALUES ({version}, '{}', now(), true, '\\x{checksum}', 1);",
            description.replace('_', " ")
        ));
    }
    let file = runs.with_extension("sql");
    std::fs::write(&file, sql).expect("the script");
    format!("echo run >>{}; psql -v ON_ERROR_STOP=1 -1qXf {}", runs.display(), file.display())
}

/// Two migrations and a command that applies them.
struct Applied {
    files: Migrations,
    home: Scratch,
    line: String,
}

impl Applied {
    fn new() -> Self {
        let files =
            Migrations::of(&[("1_a.sql", "CREATE TABLE a (id INT)"), ("2_b.sql", "CREATE TABLE b (id INT)")]);
        let home = Scratch::new("applies");
        let line = applies(files.path(), &home.path().join("runs"));
        Self { files, home, line }
    }

    fn run(&self, database: &Database) -> Run {
        with(database, &self.line).migrations(&self.files)
    }

    /// How often the command ran.
    fn runs(&self) -> usize {
        let text = std::fs::read_to_string(self.home.path().join("runs")).unwrap_or_default();
        text.lines().count()
    }
}

#[test]
fn with_a_format_it_runs_only_when_something_is_pending() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    let run = applied.run(&database).output().succeeds();
    assert_eq!(run.stdout, "started\n");
    assert_eq!(run.field("migrate.start", "pending"), "2");
    assert_eq!(run.field("migrate.done", "applied"), "2");
    assert_eq!(database.versions(), [1, 2]);
    let run = applied.run(&database).output().succeeds();
    assert_eq!((run.events("migrate.none").len(), run.events("lock.acquired").len()), (1, 0), "{run}");
    assert_eq!(applied.runs(), 1);
    // Not even the program is needed then.
    let run = applied.run(&database).env("CASTOFF_MIGRATE_COMMAND", "no-such-program");
    run.output().succeeds();
    let status = Run::new(["status"]).database(&database).migrations(&applied.files);
    status.env("CASTOFF_MIGRATE_COMMAND", "no-such-program").output().succeeds();
}

#[test]
fn with_a_format_success_is_what_the_history_says() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    let run = with(&database, "exit 0").migrations(&applied.files).output().exits(Exit::MigrationFailed);
    let reason = run.field("exit", "reason");
    assert!(reason.contains("ended with code 0, but these are still pending: 1, 2"), "{reason}");
    assert!(run.events("migrate.done").is_empty() && run.stdout.is_empty(), "{run}");
    let run = with(&database, "exit 0")
        .migrations(&applied.files)
        .env("CASTOFF_MIGRATE_COMMAND", "no-such-program");
    run.output().exits(Exit::MigrationFailed).says("no-such-program");
    applied.run(&database).output().succeeds();
}

#[test]
fn drift_stops_a_command_as_it_stops_castoff() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let applied = Applied::new();
    applied.run(&database).output().succeeds();
    applied.files.write("1_a.sql", "CREATE TABLE a (id BIGINT)");
    applied.files.write("3_c.sql", "CREATE TABLE c (id INT)");
    applied.run(&database).output().exits(Exit::Data).says("1_a.sql");
    assert_eq!(applied.runs(), 1);
}

#[test]
fn a_command_alone_does_not_say_what_is_pending() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run =
        Run::new(["status", "--migrate-command", "true"]).database(&database).output().exits(Exit::NoInput);
    assert!(run.field("exit", "hint").contains("--migrations"), "{run}");
}

#[test]
fn where_castoff_only_looks_it_does_not_run() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for run in [
        Run::new(["wait"]).database(&database).env("CASTOFF_MIGRATE_COMMAND", "no-such-program"),
        with(&database, "exit 3").option(["--mode", "wait"]),
        with(&database, "exit 3").option(["--mode", "off"]),
        with(&database, "exit 3").option(["--only-for", "node*"]),
    ] {
        run.output().succeeds();
    }
}
