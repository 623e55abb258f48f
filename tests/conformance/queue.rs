//! A migration that has to queue for a table's lock does so in short tries, and the history says of each what the tool says
//! of one that runs.

use serde_json::{Value, json};

use crate::harness::{Client, Engine, Running};
use crate::project::Project;
use crate::site::{Site, has_not_started, has_started};
use crate::tool::{Cause, Mark};

/// MariaDB's least is a second.
fn limit(site: &Site) -> [&'static str; 2] {
    ["--ddl-lock-timeout", if site.engine() == Engine::Postgres { "200ms" } else { "1s" }]
}

/// The table of the first migration, applied, and somebody who reads it and does not end the transaction.
fn with_reader(site: &Site) -> (Project, Client) {
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE a (id INT);\n");
    site.starts(&project);
    let mut reader = site.database.client();
    reader.exec("BEGIN");
    reader.exec("SELECT * FROM a");
    (project, reader)
}

fn until_retry(running: &mut Running, attempt: u64) {
    running.until_line("a retry", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["event"] == "migration.retry" && line["attempt"] == attempt).then_some(())
    });
}

/// In the middle of a script: on PostgreSQL all of it is rolled back each time, on MariaDB what came before is not repeated.
pub(crate) fn behind_a_reader(site: &Site) {
    let (mut project, mut reader) = with_reader(site);
    let sql = "CREATE TABLE half (id INT);\nINSERT INTO half VALUES (1);\nALTER TABLE a ADD b INT;\n\
               INSERT INTO half VALUES (2);\n";
    project.add(20, "second", sql);
    let mut running = site.run(&project).option(limit(site)).spawn();
    until_retry(&mut running, 2);
    let mut recorded = vec![(10, Mark::Applied)];
    let aftermath = site.tool.aftermath(site.engine(), Cause::Kill, false);
    recorded.extend(aftermath.mark.map(|mark| (20, mark)));
    site.assert_history(&project, &recorded);
    assert_eq!(site.database.has_table("half"), aftermath.stays);
    reader.exec("COMMIT");
    let run = has_started(running.wait());
    assert_eq!((run.applied(), site.count("half")), (project.ids(&[20]), 2), "{run}");
    site.assert_applied(&project, &[10, 20]);
}

/// A script between `BEGIN` and `COMMIT`, which no tool's transaction holds together.
pub(crate) fn behind_a_reader_in_a_transaction_of_its_own(site: &Site) {
    let (mut project, mut reader) = with_reader(site);
    project.add(20, "second", "BEGIN;\nCREATE TABLE half (id INT);\nALTER TABLE a ADD b INT;\nCOMMIT;\n");
    let limited = site.run(&project).option(limit(site));
    let stayed = has_not_started(limited.clone().option(["--ddl-lock-retries", "0"]).output(), 80);
    assert_eq!(stayed.event("migration.failed")["line"], project.line(20, "ALTER"), "{stayed}");
    assert_eq!(site.status(&project, 82)["pending"], json!(project.ids(&[20])), "{stayed}");
    let mut running = limited.spawn();
    until_retry(&mut running, 2);
    assert!(!site.database.has_table("half"), "it was rolled back");
    reader.exec("COMMIT");
    let run = has_started(running.wait());
    assert_eq!((run.applied(), site.count("half")), (project.ids(&[20]), 0), "{run}");
    site.starts(&project).event("migrate.none");
}

/// Nothing has failed but to get a lock, so the next start does it without anybody's help.
pub(crate) fn behind_a_reader_who_stays(site: &Site) {
    let (mut project, mut reader) = with_reader(site);
    project.add(20, "second", "ALTER TABLE a ADD b INT;\n");
    let run = site.run(&project).option(limit(site)).option(["--ddl-lock-retries", "1"]);
    let run = has_not_started(run.output(), 80);
    assert_eq!(run.event("migration.failed")["id"], project.id(20), "{run}");
    assert_eq!(run.events("migration.retry").len(), 1, "{run}");
    assert_eq!(site.status(&project, 82)["pending"], json!(project.ids(&[20])));
    reader.exec("COMMIT");
    assert_eq!(site.starts(&project).applied(), project.ids(&[20]));
    site.starts(&project).event("migrate.none");
}
