//! Alembic's revisions, read and never run: what is pending is known without a Python anywhere.

use std::os::unix::fs::PermissionsExt;

use castoff::exit::Exit;
use castoff::format::{FORMATS, Format};
use serde_json::{Value, json};

use crate::harness::{Database, Engine, Finished, Migrations, Run, Scratch, on_every_engine};

on_every_engine!(
    the_heads_in_the_table_decide_what_is_pending,
    with_nothing_pending_no_process_is_started_and_no_lock_is_taken,
    an_unknown_head_starts_the_application_with_a_warning,
);

fn format() -> &'static dyn Format {
    *FORMATS.iter().find(|format| format.name() == "alembic").expect("the format")
}

/// Two branches and their merge, as `alembic revision` would have written them.
pub(crate) fn project() -> Migrations {
    let project = Migrations::of(&[
        ("alembic.ini", "[alembic]\nscript_location = %(here)s/scripts\n"),
        ("scripts/env.py", "from alembic import context\n"),
    ]);
    for (id, down, depends_on) in [
        ("aaaa", "None", "None"),
        ("bbbb", "'aaaa'", "None"),
        ("cccc", "'aaaa'", "None"),
        ("dddd", "('bbbb', 'cccc')", "None"),
    ] {
        let source = format!(
            "\"\"\"make {id}\n\nRevision ID: {id}\n\"\"\"\nfrom typing import Sequence, Union\n\nfrom alembic import op\n\n\
             revision: str = '{id}'\ndown_revision: Union[str, Sequence[str], None] = {down}\n\
             branch_labels = None\ndepends_on = {depends_on}\n\n\ndef upgrade() -> None:\n    op.execute('CREATE')\n"
        );
        project.write(&format!("scripts/versions/{id}_make.py"), source);
    }
    project
}

/// What Alembic would have left in this database.
pub(crate) fn stamp(database: &Database, heads: &[&str]) {
    if !database.has_table("alembic_version") {
        // Made by whom it belongs to: a table that changes hands refuses castoff for a moment.
        let owner = match database.engine() {
            Engine::Postgres => format!("SET ROLE {}; ", database.name()),
            Engine::MySql | Engine::Sqlite => String::new(),
        };
        for statement in format().ledger(database.engine(), None).create {
            database.exec(&format!("{owner}{}", statement.replace("{table}", "alembic_version")));
        }
    }
    database.exec("DELETE FROM alembic_version");
    for head in heads {
        database.exec(&format!("INSERT INTO alembic_version VALUES ('{head}')"));
    }
}

fn status(database: &Database, project: &Migrations) -> Finished {
    Run::new(["status", "--json"]).database(database).migrations(project).output()
}

fn document(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn the_heads_in_the_table_decide_what_is_pending(database: &Database) {
    let project = project();
    let seen = document(&status(database, &project).exits(Exit::Pending));
    assert_eq!((&seen["format"], &seen["state"]), (&json!("alembic"), &json!("pending")));
    assert_eq!(seen["pending"], json!(["aaaa", "cccc", "bbbb", "dddd"]));
    assert!(!database.has_table("alembic_version"), "nothing was written");

    stamp(database, &["bbbb"]);
    let seen = document(&status(database, &project).exits(Exit::Pending));
    let applied = |id: &str| json!({"id": id, "applied_at": null});
    assert_eq!(seen["applied"], json!([applied("aaaa"), applied("bbbb")]));
    assert_eq!(seen["pending"], json!(["cccc", "dddd"]));

    stamp(database, &["bbbb", "cccc"]);
    assert_eq!(document(&status(database, &project).exits(Exit::Pending))["pending"], json!(["dddd"]));
    stamp(database, &["dddd"]);
    let seen = document(&status(database, &project).succeeds());
    assert_eq!((&seen["state"], &seen["pending"]), (&json!("up-to-date"), &json!([])));
    // Downgraded to the base: the table stays, and it is empty.
    stamp(database, &[]);
    assert_eq!(
        document(&status(database, &project).exits(Exit::Pending))["pending"].as_array().map(Vec::len),
        Some(4)
    );
}

/// A directory in which an `alembic` and a `python` leave a mark when they are started.
fn witnesses() -> Scratch {
    let witnesses = Scratch::new("witnesses");
    for name in ["alembic", "python", "python3"] {
        let program = witnesses.write(name, "#!/bin/sh\ntouch \"$0.was-started\"\nexit 1\n");
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).expect("its mode");
    }
    witnesses
}

fn with_nothing_pending_no_process_is_started_and_no_lock_is_taken(database: &Database) {
    let (project, witnesses) = (project(), witnesses());
    stamp(database, &["dddd"]);
    let run = Run::start(database, &project, ["/bin/echo", "started"])
        .env("PATH", format!("{}:/usr/bin:/bin", witnesses.path().display()))
        .output()
        .succeeds();
    assert_eq!(run.stdout, "started\n");
    assert_eq!(run.events("migrate.none").len(), 1, "{run}");
    assert!(run.events("lock.acquired").is_empty(), "{run}");
    let marks = std::fs::read_dir(witnesses.path()).expect("the witnesses").count();
    assert_eq!(marks, 3, "a program was started: {run}");
}

fn an_unknown_head_starts_the_application_with_a_warning(database: &Database) {
    let project = project();
    stamp(database, &["eeee"]);
    let seen = document(&status(database, &project).succeeds());
    assert_eq!(
        (&seen["state"], &seen["missing"], &seen["pending"]),
        (&json!("ahead"), &json!(["eeee"]), &json!([]))
    );
    let run = Run::start(database, &project, ["/bin/echo", "started"]).output().succeeds();
    assert_eq!(run.stdout, "started\n");
    assert!(run.log.iter().any(|line| line["level"] == "warn" && line.to_string().contains("eeee")), "{run}");
}

#[test]
fn the_version_table_is_the_one_that_env_py_or_the_user_names() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let project = project();
    project.write("scripts/env.py", "context.configure(connection=c, version_table_schema='tools')\n");
    stamp(&database, &["dddd"]);
    database
        .exec("CREATE SCHEMA tools; CREATE TABLE tools.alembic_version (version_num VARCHAR(32) NOT NULL)");
    database.exec(&format!(
        "ALTER SCHEMA tools OWNER TO {0}; ALTER TABLE tools.alembic_version OWNER TO {0}",
        database.name()
    ));
    assert_eq!(document(&status(&database, &project))["state"], "pending");
    let named = Run::new(["status", "--json", "--history-table", "public.alembic_version"]);
    assert_eq!(document(&named.database(&database).migrations(&project).output())["state"], "up-to-date");
}

#[test]
fn what_only_python_knows_is_said_with_its_place() {
    let database = Database::sqlite();
    let project = project();
    project.write("scripts/versions/eeee_odd.py", "revision = 'eeee'\ndown_revision = newest()\n");
    let run = status(&database, &project).exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("scripts/versions/eeee_odd.py, line 2: "), "{run}");

    project.write("scripts/versions/eeee_odd.py", "revision = 'eeee'\ndown_revision = 'dddd'\n");
    project.write("scripts/env.py", "context.configure(version_table=settings.table)\n");
    let run = status(&database, &project).exits(Exit::Data);
    assert!(run.field("exit", "reason").contains("--history-table"), "{run}");
}

#[test]
fn a_history_that_does_not_fit_together_is_65_before_the_database_is_waited_for() {
    let project = project();
    project.remove("scripts/versions/aaaa_make.py");
    let nowhere = Run::new(["migrate"]).env("DATABASE_URL", "postgres://app:secretpassword@127.0.0.1:9/app");
    let run = nowhere.migrations(&project).output().exits(Exit::Data);
    let reason = run.field("exit", "reason");
    assert!(reason.contains("bbbb_make.py:10: down_revision names \"aaaa\""), "{run}");
    assert!(run.events("wait.retry").is_empty(), "{run}");
}

#[test]
fn a_project_is_found_in_the_working_directory_where_the_format_is_named() {
    let (database, project) = (Database::sqlite(), project());
    let here = Run::new(["status", "--json"]).database(&database).cwd(project.path());
    let seen = document(&here.clone().option(["--format", "alembic"]).output().exits(Exit::Pending));
    assert_eq!(seen["migrations"], project.path().join("scripts").display().to_string());
    // Without the format only the directories of the contract are looked at, and the hint says what to do.
    let run = here.output().exits(Exit::NoInput);
    assert!(run.field("exit", "hint").contains("--format alembic"), "{run}");
    let nothing = Scratch::new("nothing");
    let run = Run::new(["status", "--format", "alembic"]).database(&database).cwd(nothing.path()).output();
    drop(run.exits(Exit::NoInput));
}
