//! Alembic and castoff look at the same database and see the same: after every upgrade, downgrade and stamp.

use std::path::Path;

use castoff::exit::Exit;
use castoff::format::FORMATS;
use serde_json::{Value, json};

use crate::alembic_driver::{Driver, corpus, strings};
use crate::harness::{Database, Engine, Finished, Run, Scratch, on_every_engine};

fn status(database: &Database, project: &Path) -> Finished {
    Run::new(["status", "--json"])
        .database(database)
        .option(["--migrations".as_ref(), project.as_os_str()])
        .output()
}

fn document(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

/// castoff's answer is the one that Alembic has just given: nothing that Alembic would run is applied for castoff, and
/// nothing else is pending.
fn both_see_the_same(database: &Database, project: &Path, alembic: &Value, all: &[String]) {
    let run = status(database, project);
    let castoff = document(&run);
    let mut expected = strings(&alembic["pending"]);
    let pending = strings(&castoff["pending"]);
    let applied: Vec<&str> = castoff["applied"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(
        pending,
        all.iter().filter(|id| expected.contains(id)).cloned().collect::<Vec<_>>(),
        "{alembic} {run}"
    );
    assert_eq!(pending.len() + applied.len(), all.len(), "{run}");
    assert!(
        strings(&alembic["heads"]).iter().all(|head| applied.contains(&head.as_str())),
        "{alembic} {run}"
    );
    expected.sort();
    assert_eq!(castoff["state"], if expected.is_empty() { "up-to-date" } else { "pending" }, "{run}");
    assert_eq!(run.code, if expected.is_empty() { 0 } else { 82 }, "{run}");
}

fn castoff_knows_at_every_revision_what_alembic_knows(database: &Database) {
    let Some(mut alembic) = Driver::start() else { return };
    let project = corpus();
    let all = strings(&alembic.graph(&project, &[]).expect("the corpus is whole")["order"]);
    assert_eq!(all.len(), 8);
    let up = all.iter().map(|id| vec!["upgrade", id.as_str()]);
    let mut walked: Vec<usize> = Vec::new();
    let down = [
        vec!["downgrade", "sale@-1"],
        vec!["downgrade", "house@-1"],
        // A merge goes back to two heads.
        vec!["downgrade", "c41e7788a6d0"],
        vec!["upgrade", "e9840c5f6b1a"],
        vec!["upgrade", "heads"],
        vec!["downgrade", "5b3a9f0c1d72"],
        vec!["downgrade", "base"],
        vec!["upgrade", "2f6610a8d3c9"],
        vec!["stamp", "heads"],
        vec!["stamp", "c41e7788a6d0"],
        vec!["stamp", "base"],
        vec!["stamp", "house@head"],
    ];
    for command in up.chain(down) {
        let answer =
            alembic.run(&project, database, &command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        both_see_the_same(database, &project, &answer, &all);
        walked.push(strings(&answer["pending"]).len());
    }
    assert!(
        walked.contains(&0) && walked.contains(&8) && walked.iter().max() > walked.iter().min(),
        "{walked:?}"
    );
}

fn alembic_s_own_words_agree(database: &Database) {
    let Some(mut alembic) = Driver::start() else { return };
    let project = corpus();
    let mut said = |command: &[&str]| {
        let answer =
            alembic.run(&project, database, command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        answer["said"].as_str().expect("a text").to_owned()
    };
    let ids = |text: &str| {
        let mut ids: Vec<String> =
            text.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
        ids.sort();
        ids
    };
    said(&["upgrade", "c41e7788a6d0"]);
    assert_eq!(ids(&said(&["current"])), ["c41e7788a6d0"]);
    assert_eq!(document(&status(database, &project))["state"], "pending");
    said(&["upgrade", "heads"]);
    // Both: the dependency of one head is a head of its own branch.
    assert_eq!(ids(&said(&["current"])), ids(&said(&["heads"])));
    let up_to_date = document(&status(database, &project));
    assert_eq!(up_to_date["state"], "up-to-date");
    // `history` is the order from the newest to the oldest.
    let history = said(&["history"]);
    let newest_first: Vec<&str> =
        history.lines().filter_map(|line| line.split(" -> ").nth(1)?.split([' ', ',']).next()).collect();
    let applied = up_to_date["applied"].as_array().expect("a list").iter().rev();
    assert_eq!(newest_first, applied.map(|row| row["id"].as_str().expect("an id")).collect::<Vec<_>>());
}

fn an_unknown_head_is_ahead_for_castoff_and_the_end_for_alembic(database: &Database) {
    let Some(mut alembic) = Driver::start() else { return };
    let project = corpus();
    alembic.run(&project, database, &["upgrade", "c41e7788a6d0"]).expect("half is applied");
    database.exec("UPDATE alembic_version SET version_num = 'feedfacecafe'");
    let error = alembic.run(&project, database, &["upgrade", "heads"]).expect_err("Alembic cannot go on");
    assert!(error.contains("Can't locate revision identified by 'feedfacecafe'"), "{error}");

    let run = status(database, &project).succeeds();
    let seen = document(&run);
    assert_eq!((&seen["state"], &seen["missing"]), (&json!("ahead"), &json!(["feedfacecafe"])), "{run}");
    assert_eq!(seen["pending"], json!([]));
    let run = Run::new(["--"])
        .command(["/bin/true"])
        .database(database)
        .option(["--migrations".as_ref(), project.as_os_str()])
        .output();
    run.succeeds().says("feedfacecafe");
}

fn an_application_starts_with_nothing_pending_and_no_process_before_it(database: &Database) {
    let Some(mut alembic) = Driver::start() else { return };
    let project = corpus();
    alembic.run(&project, database, &["upgrade", "heads"]).expect("all is applied");
    let witness = Scratch::new("witness");
    let alone = witness.write("alembic", "#!/bin/sh\ntouch \"$0.was-started\"\nexit 1\n");
    std::fs::set_permissions(&alone, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its mode");
    let run = Run::new(["--"])
        .command(["/bin/echo", "started"])
        .database(database)
        .env("PATH", format!("{}:/usr/bin:/bin", witness.path().display()))
        .option(["--migrations".as_ref(), project.as_os_str()])
        .output()
        .succeeds();
    assert_eq!(run.stdout, "started\n");
    assert!(run.events("lock.acquired").is_empty(), "{run}");
    assert!(!witness.path().join("alembic.was-started").exists(), "{run}");
}

on_every_engine!(
    castoff_knows_at_every_revision_what_alembic_knows,
    alembic_s_own_words_agree,
    an_unknown_head_is_ahead_for_castoff_and_the_end_for_alembic,
    an_application_starts_with_nothing_pending_and_no_process_before_it,
);

#[test]
fn the_table_is_created_as_alembic_creates_it() {
    let (Some(mut alembic), Some(database)) = (Driver::start(), Database::on(Engine::Postgres)) else {
        return;
    };
    let columns = "SELECT column_name, data_type, character_maximum_length, is_nullable FROM \
                   information_schema.columns WHERE table_name = 'alembic_version'";
    let constraints = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE \
                       conrelid = 'alembic_version'::regclass";
    let seen = |database: &Database| (database.rows(columns), database.rows(constraints));
    alembic.run(&corpus(), &database, &["upgrade", "5b3a9f0c1d72"]).expect("a first revision");
    let by_alembic = seen(&database);
    let format = FORMATS.iter().find(|format| format.name() == "alembic").expect("the format");
    database.exec("DROP TABLE alembic_version");
    for statement in format.ledger(Engine::Postgres, None).create {
        database.exec(&statement.replace("{table}", "alembic_version"));
    }
    assert_eq!(seen(&database), by_alembic);
}

#[test]
fn the_version_table_that_env_py_names_is_the_one_that_is_read() {
    let (Some(mut alembic), Some(database)) = (Driver::start(), Database::on(Engine::Postgres)) else {
        return;
    };
    let project = Scratch::new("project");
    let env = std::fs::read_to_string(corpus().join("env.py")).expect("the corpus's env.py");
    let arguments = "version_table=\"versions\", version_table_schema=\"tools\", ";
    let named = env.replace("connection=connection, ", &format!("connection=connection, {arguments}"));
    assert_ne!(env, named);
    project.write("env.py", named);
    project.write("alembic.ini", "[alembic]\nscript_location = %(here)s\n");
    project.write("versions/one.py", "revision = 'one'\ndown_revision = None\ndef upgrade(): pass\n");
    database.exec(&format!("CREATE SCHEMA tools AUTHORIZATION {}", database.name()));
    // A table of the usual name that means nothing.
    database.exec("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)");
    database.exec("GRANT SELECT ON alembic_version TO PUBLIC");
    assert_eq!(document(&status(&database, project.path()))["state"], "pending");
    let context = json!({"version_table": "versions", "version_table_schema": "tools"});
    let answer =
        alembic.run_with(project.path(), &database, &["upgrade", "heads"], &context).expect("one revision");
    assert_eq!(answer["heads"], json!(["one"]));
    assert_eq!(document(&status(&database, project.path()))["state"], "up-to-date");
    let other = Run::new(["status", "--history-table", "public.alembic_version"]).database(&database);
    drop(other.option(["--migrations".as_ref(), project.path().as_os_str()]).output().exits(Exit::Pending));
}
