//! The real Alembic as the migrate command: castoff decides when it runs, and sees to it that it runs once.

use std::path::Path;
use std::time::Duration;

use castoff::exit::Exit;

use crate::alembic_driver::corpus;
use crate::harness::{Database, Engine, Finished, Run, Running, Scratch, missing, on_every_engine};

/// A start in a project, where `alembic` is on the application's PATH; `None`, said loudly, where it is not installed.
pub(crate) fn start(database: &Database, project: &Path) -> Option<Run> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/alembic/bin");
    if !programs.join("alembic").exists() {
        missing("alembic", "scripts/test installs it below target/tools");
        return None;
    }
    let run = Run::new(["--format", "alembic", "--", "/bin/echo", "started"]).database(database).cwd(project);
    let path = format!("{}:/usr/bin:/bin", programs.display());
    Some(run.env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// The corpus in a place where it can be changed.
fn copy() -> Scratch {
    let project = Scratch::new("alembic");
    for below in ["", "versions", "house"] {
        for entry in std::fs::read_dir(corpus().join(below)).expect("the corpus").flatten() {
            if entry.path().is_file() {
                let name = Path::new(below).join(entry.file_name());
                project.write(&name.to_string_lossy(), std::fs::read(entry.path()).expect("a file"));
            }
        }
    }
    project
}

fn castoff_runs_alembic_when_something_is_pending_and_only_then(database: &Database) {
    let Some(run) = start(database, &corpus()) else { return };
    let first = run.output().succeeds();
    assert_eq!((first.stdout.as_str(), first.field("migrate.done", "applied").as_str()), ("started\n", "8"));
    assert_eq!(database.one("SELECT count(*) FROM alembic_version"), "2", "two branches, two heads");
    let second = run.output().succeeds();
    assert_eq!(
        (second.events("migrate.none").len(), second.events("lock.acquired").len()),
        (1, 0),
        "{second}"
    );
    assert!(second.elapsed < first.elapsed, "no Python was started: {second}");
}

on_every_engine!(castoff_runs_alembic_when_something_is_pending_and_only_then);

#[test]
fn replicas_run_it_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(run) = start(&database, &corpus()) else { return };
    let replicas: Vec<Running> = (0..6).map(|_| run.spawn()).collect();
    let replicas: Vec<Finished> =
        replicas.into_iter().map(|replica| replica.wait_within(Duration::from_mins(2))).collect();
    let ran = replicas.iter().filter(|replica| !replica.events("migrate.start").is_empty()).count();
    assert!(replicas.iter().all(|replica| replica.stdout == "started\n"), "{replicas:?}");
    assert_eq!(ran, 1);
}

#[test]
fn a_revision_that_fails_is_80_and_the_ones_before_it_are_known() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let project = copy();
    let Some(run) = start(&database, project.path()) else { return };
    project.write(
        "versions/99_bad.py",
        "from alembic import op\nrevision = 'bad0'\ndown_revision = 'e9840c5f6b1a'\n\n\
         def upgrade():\n    op.execute('SELECT no_such_column')\n",
    );
    let failed = run.output().exits(Exit::MigrationFailed);
    assert!(
        failed.field("exit", "reason").contains("the migrate command `alembic` ended with code 1"),
        "{failed}"
    );
    assert!(
        failed.stderr.contains("no_such_column") && failed.stdout.is_empty(),
        "what it printed is there: {failed}"
    );
    let status = Run::new(["status", "--format", "alembic"]).database(&database).cwd(project.path());
    status.output().exits(Exit::Pending).stdout.contains("bad0").then_some(()).expect("it is named");
}

#[test]
fn what_only_python_knows_is_left_to_alembic_at_every_start() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let project = copy();
    let Some(run) = start(&database, project.path()) else { return };
    project.write(
        "versions/99_odd.py",
        "revision = 'odd0'\ndown_revision = str('e9840c5f6b1a')\n\ndef upgrade():\n    pass\n",
    );
    for _ in 0..2 {
        let run = run.output().succeeds();
        assert_eq!(run.event("migrate.start")["pending"], serde_json::Value::Null);
        assert_eq!(run.stdout, "started\n");
        assert!(run.stderr.contains("99_odd.py"), "why is said: {run}");
    }
    assert_eq!(database.one("SELECT count(*) FROM alembic_version WHERE version_num = 'odd0'"), "1");
    // One that is not there is said before waiting.
    let run = run.env("PATH", "/usr/bin:/bin").env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d");
    run.output().exits(Exit::MigrationFailed).says("there is no program `alembic`");
}
