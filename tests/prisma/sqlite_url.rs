//! `file:./dev.db` means the file beside the schema for Prisma's tools and the one in the working directory for others.

use castoff::exit::Exit;
use serde_json::Value;

use super::{FIRST, VECTOR, file};
use crate::harness::{Finished, Run, Scratch};

/// A project as `prisma init` makes it.
fn project() -> Scratch {
    let project = Scratch::new("project");
    project.write(&format!("prisma/migrations/{}", file(FIRST)), VECTOR);
    project.write("prisma/migrations/migration_lock.toml", "provider = \"sqlite\"\n");
    project.write("prisma/schema.prisma", "datasource db {\n  provider = \"sqlite\"\n}\n");
    project
}

fn migrate(project: &Scratch, url: &str) -> Finished {
    Run::new(["migrate"]).cwd(project.path()).env("DATABASE_URL", url).output()
}

fn exists(project: &Scratch, file: &str) -> bool {
    project.path().join(file).metadata().is_ok_and(|meta| meta.len() > 0)
}

#[test]
fn a_file_that_is_nowhere_is_created_beside_the_schema() {
    let project = project();
    let run = migrate(&project, "file:./dev.db").succeeds();
    assert_eq!(run.applied(), [FIRST]);
    assert!(exists(&project, "prisma/dev.db") && !exists(&project, "dev.db"));
    let absolute = project.path().join("prisma/dev.db").display().to_string();
    let said = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(&absolute));
    assert!(run.log.iter().any(|line| line["level"] != "debug" && said(line)), "{absolute}: {run}");
    assert!(migrate(&project, "file:./dev.db").succeeds().applied().is_empty(), "found again");
    assert!(migrate(&project, "file:dev.db?connection_limit=1").succeeds().applied().is_empty());
}

#[test]
fn a_file_in_one_of_the_two_places_is_the_one() {
    for place in ["prisma/dev.db", "dev.db"] {
        let project = project();
        // An empty file is an empty database.
        project.write(place, "");
        assert_eq!(migrate(&project, "file:./dev.db").succeeds().applied(), [FIRST]);
        assert!(exists(&project, place), "{place}");
        assert_ne!(exists(&project, "prisma/dev.db"), exists(&project, "dev.db"), "{place}");
    }
}

#[test]
fn a_file_in_both_places_is_refused() {
    let project = project();
    project.write("prisma/dev.db", "");
    project.write("dev.db", "");
    let run = migrate(&project, "file:./dev.db").exits(Exit::Usage);
    for place in ["prisma/dev.db", "dev.db"] {
        let absolute = project.path().join(place).display().to_string();
        assert!(run.stderr.contains(&absolute), "{absolute} is not named: {run}");
    }
    assert!(!exists(&project, "prisma/dev.db") && !exists(&project, "dev.db"));
}

#[test]
fn an_absolute_file_is_itself() {
    let project = project();
    let elsewhere = Scratch::new("data");
    let url = format!("file:{}/app.db", elsewhere.path().display());
    assert_eq!(migrate(&project, &url).succeeds().applied(), [FIRST]);
    assert!(exists(&elsewhere, "app.db"));
}

#[test]
fn a_path_upwards_starts_at_the_schema() {
    let project = project();
    project.write("data/.keep", "");
    assert_eq!(migrate(&project, "file:../data/app.db").succeeds().applied(), [FIRST]);
    assert!(exists(&project, "data/app.db"));
}

/// The directory of migrations need not be the usual one; the schema's is its parent.
#[test]
fn another_directory_of_migrations_has_another_parent() {
    let project = Scratch::new("project");
    project.write(&format!("db/steps/{}", file(FIRST)), VECTOR);
    let run = Run::new(["migrate", "--migrations", "db/steps"]).cwd(project.path());
    run.env("DATABASE_URL", "file:./dev.db").output().succeeds();
    assert!(exists(&project, "db/dev.db"));
}
