//! `--before-migrate` and `--after-migrate`: under the lock, only where there is something to do, and a failure is told.

use std::fs;
use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, Engine, Gate, Migrations, Run, Running, Scratch, eventually, on_every_engine, root,
};
use crate::lock::held_keys;

mod lost;

/// A place where hooks leave what they did, and hold on until they may go.
struct Yard(Scratch);

impl Yard {
    fn new() -> Self {
        Self(Scratch::new("hooks"))
    }

    /// A hook that notes a word and whether the application's variables reach it.
    fn notes(&self, word: &str) -> String {
        self.script(&format!("echo {word} ${{DATABASE_URL:+told}} >>notes"))
    }

    /// A script in the yard, without a shell of castoff's.
    fn script(&self, script: &str) -> String {
        let script = format!("cd {} && {{ {script}; }}", self.0.path().display());
        format!("/bin/sh -c {}", shell_words::quote(&script))
    }

    /// A hook that says that it runs, and ends when the test says so.
    fn waits(&self, word: &str) -> String {
        self.script(&format!(
            "echo {word} >>notes; echo ready >&2; until test -e go-{word}; do sleep 0.02; done"
        ))
    }

    fn go(&self, word: &str) {
        self.0.write(&format!("go-{word}"), "");
    }

    fn noted(&self) -> Vec<String> {
        let notes = fs::read_to_string(self.0.path().join("notes")).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }
}

/// castoff before an application, with both hooks.
fn with(database: &Database, files: &Migrations, before: &str, after: &str) -> Run {
    let run = Run::start(database, files, ["/bin/echo", "started"]).option(["--format", "sqlx"]);
    run.env("CASTOFF_BEFORE_MIGRATE", before).env("CASTOFF_AFTER_MIGRATE", after)
}

/// Starts castoff and waits until a hook says that it runs.
fn within_hook(run: &Run) -> Running {
    let mut running = run.spawn();
    running.until_line("ready", |line| (line == "ready").then_some(()));
    running
}

on_every_engine!(
    they_run_in_order_and_only_when_something_is_to_be_done,
    a_backup_that_fails_applies_nothing_and_is_one_failure,
    a_seed_that_fails_is_told_and_the_migrations_stay,
    a_hook_that_is_missing_is_found_before_anything_is_applied,
    both_run_under_the_lock
);

fn they_run_in_order_and_only_when_something_is_to_be_done(database: &Database) {
    let (yard, files) = (Yard::new(), Migrations::three());
    let run = with(database, &files, &yard.notes("before"), &yard.notes("after"));
    let first = run.output().succeeds();
    assert_eq!(yard.noted(), ["before told", "after told"]);
    assert_eq!(first.stdout, "started\n");
    let hooks = |event| first.events(event).iter().map(|line| line["hook"].clone()).collect::<Vec<_>>();
    assert_eq!(hooks("hook.start"), ["before-migrate", "after-migrate"]);
    assert_eq!(hooks("hook.done"), ["before-migrate", "after-migrate"]);
    let order: Vec<&str> = ["before-migrate", "migrate.start", "migrate.done", "after-migrate"].into();
    let at = |word: &str| first.stderr.find(word).unwrap_or_else(|| panic!("{word}: {first}"));
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{first}");
    let again = run.output().succeeds();
    assert_eq!(yard.noted().len(), 2, "nothing was pending: {again}");
}

fn a_backup_that_fails_applies_nothing_and_is_one_failure(database: &Database) {
    let (yard, files) = (Yard::new(), Migrations::three());
    let fails = yard
        .script("echo before >>notes; echo ready >&2; until test -e go-before; do sleep 0.02; done; exit 3");
    let run = with(database, &files, &fails, &yard.notes("after"));
    let first = within_hook(&run);
    let mut other = run.spawn();
    other.until("lock.waiting");
    yard.go("before");
    let first = first.wait().exits(Exit::MigrationFailed);
    let reason = first.field("exit", "reason");
    assert!(
        reason.contains("the before-migrate hook `/bin/sh` ended with code 3; nothing was applied"),
        "{first}"
    );
    let other = other.wait().exits(Exit::MigrationFailed);
    assert!(other.field("exit", "reason").contains("has just failed in another replica"), "{other}");
    assert_eq!(yard.noted(), ["before"], "it ran once, and nothing after it: {other}");
    assert!(first.stdout.is_empty() && !database.has_table("_sqlx_migrations"), "{first}");
}

fn a_seed_that_fails_is_told_and_the_migrations_stay(database: &Database) {
    let (yard, files) = (Yard::new(), Migrations::three());
    let run = with(database, &files, &yard.notes("before"), &yard.script("echo after >>notes; exit 4"));
    let first = run.output().exits(Exit::MigrationFailed);
    let reason = first.field("exit", "reason");
    assert!(
        reason.contains("the after-migrate hook `/bin/sh` ended with code 4; the migrations are applied"),
        "{first}"
    );
    assert!(first.field("exit", "hint").contains("run it by hand"), "{first}");
    assert_eq!((first.applied().len(), database.versions().len()), (3, 3));
    let again = run.output().succeeds();
    assert_eq!((again.stdout.as_str(), yard.noted().len()), ("started\n", 2), "{again}");
}

fn a_hook_that_is_missing_is_found_before_anything_is_applied(database: &Database) {
    let (yard, files) = (Yard::new(), Migrations::three());
    let run = with(database, &files, &yard.notes("before"), "no-such-seed --password hunter2hunter2");
    let run = run.output().exits(Exit::MigrationFailed);
    let reason = run.field("exit", "reason");
    assert!(reason.contains("CASTOFF_AFTER_MIGRATE") && reason.contains("no-such-seed"), "{run}");
    assert!(!run.stderr.contains("hunter2") && yard.noted().is_empty(), "{run}");
    assert!(!database.has_table("_sqlx_migrations"), "{run}");
}

fn both_run_under_the_lock(database: &Database) {
    let (yard, files) = (Yard::new(), Migrations::three());
    let holder = within_hook(&with(database, &files, &yard.waits("before"), &yard.waits("after")));
    // Another release has something to do of its own, even when everything of this one is applied.
    let newer = Migrations::three();
    newer.write("99_newer.sql", "CREATE TABLE newer (id INT);\n");
    let mut other = with(database, &newer, &yard.notes("newer"), "/bin/true").spawn();
    other.until("lock.waiting");
    for word in ["before", "after"] {
        eventually("the hook runs", || yard.noted().contains(&word.to_owned()).then_some(()));
        assert!(!other.has_logged("hook.start"));
        yard.go(word);
    }
    holder.wait().succeeds();
    other.wait().succeeds();
    assert_eq!(yard.noted(), ["before", "after", "newer told"]);
}

#[test]
fn they_stand_around_a_migrate_command_as_well() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let yard = Yard::new();
    let run = Run::new(["--", "/bin/echo", "started"]).database(&database);
    let run = run.env("CASTOFF_MIGRATE_COMMAND", yard.notes("command"));
    let both = run
        .clone()
        .env("CASTOFF_BEFORE_MIGRATE", yard.notes("before"))
        .env("CASTOFF_AFTER_MIGRATE", yard.notes("after"));
    both.output().succeeds();
    assert_eq!(yard.noted(), ["before told", "command told", "after told"]);
    // What failed has nothing to be seeded.
    let fails = both.env("CASTOFF_MIGRATE_COMMAND", "/bin/false").output().exits(Exit::MigrationFailed);
    assert_eq!(yard.noted().len(), 4, "{fails}");
}

#[test]
fn a_stop_says_what_has_run_and_what_has_not() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, files) = (Yard::new(), Migrations::three());
    let mut running = within_hook(&with(&database, &files, &yard.waits("before"), &yard.notes("after")));
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(run.field("exit", "reason").contains("nothing was applied"), "{run}");
    assert!(!database.has_table("_sqlx_migrations"), "{run}");

    let mut running = within_hook(&with(&database, &files, "/bin/true", &yard.waits("after")));
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(run.field("exit", "reason").contains("the migrations are applied"), "{run}");
    assert_eq!((database.versions().len(), held_keys(&database).len()), (3, 0), "{run}");
}

/// The stop comes at a migration: the hook behind it is not forgotten in silence.
#[test]
fn a_stop_before_the_seed_says_that_it_has_not_run() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, gate) = (Yard::new(), Gate::closed(&database));
    let files = Migrations::of(&[("1_gated.sql", &gate.sql())]);
    let mut running = with(&database, &files, "/bin/true", &yard.notes("after")).spawn();
    running.until("migration.start");
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(libc::SIGTERM));
    assert!(run.field("exit", "hint").contains("the after-migrate hook `/bin/sh` has not run"), "{run}");
    assert!(yard.noted().is_empty());
}

#[test]
fn a_hook_counts_for_the_migrate_timeout() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, files) = (Yard::new(), Migrations::three());
    let run = with(&database, &files, &yard.waits("before"), "/bin/true");
    let run = run.option(["--migrate-timeout", "500ms"]).output().exits(Exit::MigrateTimeout);
    assert!(run.field("exit", "reason").contains("nothing was applied"), "{run}");
}

#[test]
fn they_run_as_the_user() {
    if !root() {
        return;
    }
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    let run = with(&database, &files, "/usr/bin/id -u", "/usr/bin/id -g").option(["--user", "41234:41235"]);
    assert_eq!(run.output().succeeds().stdout, "41234\n41235\nstarted\n");
}

/// The backup of a careful team: it holds what was there before, and `pg_dump` found the way by what castoff told it.
#[test]
fn a_dump_before_and_a_seed_behind() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (yard, files) = (Yard::new(), Migrations::of(&[("1_shelf.sql", "CREATE TABLE shelf (id INT);\n")]));
    let place = yard.0.path().display().to_string();
    with(&database, &files, "/bin/true", "/bin/true").output().succeeds();
    files.write("2_book.sql", "CREATE TABLE book (title TEXT);\n");
    let run = with(
        &database,
        &files,
        &format!("pg_dump --file={place}/before.sql"),
        "psql --quiet --command=\"INSERT INTO book VALUES ('Moby-Dick')\"",
    );
    run.output().succeeds();
    let dump = fs::read_to_string(yard.0.path().join("before.sql")).expect("a backup");
    assert!(dump.contains("CREATE TABLE public.shelf") && !dump.contains("CREATE TABLE public.book"));
    assert_eq!(database.one("SELECT title FROM book"), "Moby-Dick");
}

/// Waits until the hook's session, or nobody, stands where the test needs it.
fn until_gone(pid: i64, database: &Database) {
    eventually("the session is gone", || {
        let left = database.one(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"));
        (left == "0").then_some(())
    });
}

/// The server's id of the session that holds castoff's locks.
fn holder(database: &Database) -> i64 {
    eventually("a session holds the lock", || {
        let sql = "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = \
                   (SELECT oid FROM pg_database WHERE datname = current_database())";
        database.rows(sql).first().map(|row| row[0].as_ref().expect("an id").parse().expect("a number"))
    })
}

/// How long a hook that was told to end may still be there.
const ENDS: Duration = Duration::from_secs(20);
