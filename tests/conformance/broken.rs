//! What is broken off leaves exactly what the tool leaves, and the next start does what the tool would do.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Engine, Finished, Run, eventually, heavy};
use crate::project::Project;
use crate::site::{Site, has_not_started, has_started};
use crate::stand::Stand;
use crate::tool::{Aftermath, Cause, Mark};

/// The first statement of the broken one, a statement that no transaction holds if it is to run outside one, and the rest.
fn project(site: &Site, apart: bool, rest: &str) -> Project {
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE a (id INT);\n");
    let middle = if apart { site.tool.outside(site.engine()) } else { "" };
    let sql = format!("CREATE TABLE half (id INT);\n\n{middle}{rest}");
    if apart {
        project.add_apart(20, "second", &sql);
    } else {
        project.add(20, "second", &sql);
    }
    project.add(30, "third", "CREATE TABLE c (id INT);\n");
    project
}

const FAILING: &str = "INSERT INTO nowhere\nVALUES (1);\n";

pub(crate) fn failure_in_the_middle(site: &Site) {
    failure(site, false);
}

/// Where a tool has no way to run a script outside a transaction, the statement that needs it is what fails.
pub(crate) fn failure_without_a_transaction(site: &Site) {
    failure(site, true);
}

fn failure(site: &Site, apart: bool) {
    let mut project = project(site, apart, FAILING);
    let aftermath = site.tool.aftermath(site.engine(), Cause::Failure, apart);
    let run = has_not_started(site.run(&project).output(), 80);
    is_told(site, &project, &run, apart, aftermath);
    is_left(site, &project, aftermath);

    let again = has_not_started(site.run(&project).output(), if aftermath.blocks { 65 } else { 80 });
    assert!(again.field("exit", "reason").contains(&project.id(20)), "{again}");
    assert_eq!(again.events("migration.failed").len(), usize::from(!aftermath.blocks), "{again}");
    is_left(site, &project, aftermath);
    // A mended file is run where the tool has not recorded the failure.
    project.add(20, "second", "CREATE TABLE IF NOT EXISTS half (id INT);\n");
    is_run_again(site, &project, aftermath);
}

/// File, line and statement of what failed, and nothing that is not true.
fn is_told(site: &Site, project: &Project, run: &Finished, apart: bool, aftermath: Aftermath) {
    assert_eq!(run.applied(), [project.id(10)], "{run}");
    let culprit =
        if apart && !site.tool.runs_apart(site.engine()) { "VACUUM" } else { "INSERT INTO nowhere" };
    let failed = run.event("migration.failed");
    assert_eq!(failed["id"], project.id(20), "{run}");
    assert_eq!(failed["line"], project.line(20, culprit), "{run}");
    assert!(run.field("migration.failed", "file").ends_with(project.file(20)), "{run}");
    assert!(run.field("migration.failed", "statement").starts_with(culprit), "{run}");
    assert!(!run.field("migration.failed", "error").is_empty(), "{run}");
    let hint = run.field("migration.failed", "hint");
    assert!(!hint.is_empty(), "{run}");
    assert!(!aftermath.stays || !hint.contains("was rolled back"), "{run}");
    assert!(run.field("exit", "reason").contains(&project.id(20)), "{run}");
}

/// The tables, the history and what `status` says of them.
fn is_left(site: &Site, project: &Project, aftermath: Aftermath) {
    let Aftermath { mark, stays, blocks } = aftermath;
    assert_eq!(site.database.has_table("half"), stays, "what came before the break stays: {stays}");
    assert!(site.database.has_table("a") && !site.database.has_table("c"));
    let mut recorded = vec![(10, Mark::Applied)];
    recorded.extend(mark.map(|mark| (20, mark)));
    site.assert_history(project, &recorded);

    let (code, state) = if blocks { (65, "failed") } else { (82, "pending") };
    // A lock that is the whole server's may be another database's.
    let said: Value = eventually("nobody holds the tool's lock", || {
        let run = Run::new(["status", "--json"]).database(&site.database).migrations(&project.files);
        let run = run.env("CASTOFF_FORMAT", site.tool.name()).output();
        let said: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
        (said["state"] != "migrating").then(|| {
            assert_eq!(run.code, code, "{run}");
            said
        })
    });
    assert_eq!(said["state"], state, "{said}");
    if blocks {
        assert_eq!(said["failed"][0]["id"], project.id(20), "{said}");
    } else {
        assert_eq!(said["pending"], json!(project.ids(&[20, 30])), "{said}");
    }
}

/// The next start is refused, or goes on with the broken one.
fn is_run_again(site: &Site, project: &Project, aftermath: Aftermath) {
    if aftermath.blocks {
        let run = has_not_started(site.run(project).output(), 65);
        assert!(run.field("exit", "reason").contains(&project.id(20)), "{run}");
        assert!(run.applied().is_empty() && !site.database.has_table("c"), "{run}");
        return;
    }
    let run = has_started(site.run(project).output());
    assert_eq!(run.applied(), project.ids(&[20, 30]), "{run}");
    assert!(site.database.has_table("half") && site.database.has_table("c"));
    site.assert_applied(project, &[10, 20, 30]);
}

pub(crate) fn killed_in_the_middle(site: &Site) {
    killed(site, false);
}

fn killed(site: &Site, apart: bool) {
    let mut stand = Stand::closed(site);
    let project = project(site, apart, &stand.sql());
    let aftermath = site.tool.aftermath(site.engine(), Cause::Kill, apart);
    let mut running = site.run(&project).spawn();
    stand.hold(site, &mut running, &project.id(20));
    stand.kill(running);
    stand.open();
    is_left(site, &project, aftermath);
    if aftermath.stays && !aftermath.blocks {
        // The tool knows nothing of it, so the file is run again and meets what it did.
        let run = has_not_started(site.run(&project).output(), 80);
        assert!(run.field("migration.failed", "statement").contains("half"), "{run}");
        is_left(site, &project, aftermath);
    } else {
        is_run_again(site, &project, aftermath);
    }
}

/// What is asked to stop takes back what can be taken back, and its mark with it: no tool leaves a failure there.
pub(crate) fn stopped_in_the_middle(site: &Site) {
    // Who has not reacted within a second is left to the server, as if castoff had been killed.
    let _alone = heavy();
    let mut stand = Stand::for_good(site);
    let mut project = project(site, false, &stand.sql());
    let Aftermath { stays, blocks, .. } = site.tool.aftermath(site.engine(), Cause::Kill, false);
    let mut running = site.run(&project).option(["--stop-grace", "200ms"]).spawn();
    stand.hold(site, &mut running, &project.id(20));
    running.signal(Signal::SIGTERM);
    stand.let_go(&mut running);
    let run = has_not_started(running.wait(), 143);
    assert_eq!(run.applied(), [project.id(10)], "{run}");
    stand.open();
    assert_eq!(site.database.has_table("half"), stays, "{run}");
    if stays {
        let run = has_not_started(site.run(&project).output(), if blocks { 65 } else { 80 });
        assert!(run.field("exit", "reason").contains(&project.id(20)), "{run}");
    } else {
        assert_eq!(site.status(&project, 82)["pending"], json!(project.ids(&[20, 30])));
        project.add(20, "second", "CREATE TABLE half (id INT);\n");
        assert_eq!(site.starts(&project).applied(), project.ids(&[20, 30]));
        site.starts(&project).event("migrate.none");
    }
}

/// Where a tool has no way to run a script outside a transaction, there is nothing to kill: it fails first.
pub(crate) fn killed_without_a_transaction(site: &Site) {
    if site.tool.runs_apart(site.engine()) {
        killed(site, true);
    } else {
        let run = has_not_started(site.run(&project(site, true, "")).output(), 80);
        assert!(run.field("migration.failed", "statement").starts_with("VACUUM"), "{run}");
    }
}

/// What a person has finished is recorded as applied, by whatever the tool knows it.
pub(crate) fn finished_by_hand(site: &Site) {
    let mut project = project(site, false, FAILING);
    let Aftermath { stays, .. } = site.tool.aftermath(site.engine(), Cause::Failure, false);
    has_not_started(site.run(&project).output(), 80);
    if !stays {
        site.database.exec("CREATE TABLE half (id INT)");
    }
    project.add(20, "second", "CREATE TABLE half (id INT);\n");
    let run = site.resolve(&project, "--applied", &project.id(20)).succeeds();
    run.event("lock.acquired");
    let said = site.status(&project, 82);
    assert_eq!((&said["failed"], &said["edited"]), (&json!([]), &json!([])), "{said}");
    assert_eq!(said["pending"], json!([project.id(30)]), "{said}");
    has_not_resolved(&site.resolve(&project, "--applied", &project.id(20)));
    assert_eq!(site.starts(&project).applied(), [project.id(30)]);
    site.starts(&project).event("migrate.none");
    // What has not failed has nothing to be taken back.
    for number in [10, 30] {
        has_not_resolved(&site.resolve(&project, "--rolled-back", &project.id(number)));
    }
}

/// What a person has undone runs again. Where the tool records no failure there is nothing to record.
pub(crate) fn undone_by_hand(site: &Site) {
    let mut project = project(site, false, FAILING);
    let Aftermath { stays, blocks, .. } = site.tool.aftermath(site.engine(), Cause::Failure, false);
    has_not_started(site.run(&project).output(), 80);
    if stays {
        site.database.exec("DROP TABLE half");
    }
    let run = site.resolve(&project, "--rolled-back", &project.id(20));
    if blocks {
        run.succeeds();
    } else {
        has_not_resolved(&run);
    }
    project.add(20, "second", "CREATE TABLE half (id INT);\n");
    assert_eq!(site.status(&project, 82)["pending"], json!(project.ids(&[20, 30])));
    assert_eq!(site.starts(&project).applied(), project.ids(&[20, 30]));
}

/// It contradicts the history, or is something that the tool has no word for.
fn has_not_resolved(run: &Finished) {
    assert!([64, 65].contains(&run.code), "{run}");
    assert!(!run.field("exit", "hint").is_empty(), "{run}");
}

/// A script stays only together with what the history says of it.
pub(crate) fn row_that_cannot_be_written(site: &Site) {
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE a (id INT);\n");
    site.starts(&project);
    let table = site.tool.ledger(site.engine()).table;
    for statement in refusing(site.engine(), table) {
        site.database.exec(&statement);
    }
    project.add(20, "second", "CREATE TABLE half (id INT);\n");
    let before = site.whole_history();
    let run = has_not_started(site.run(&project).output(), 80);
    assert!(run.field("exit", "reason").contains(&project.id(20)), "{run}");
    let is_known = site.whole_history() != before;
    assert!(is_known || !site.database.has_table("half"), "{run}");
    let marks = site.tool.aftermath(site.engine(), Cause::Kill, false).mark.is_some();
    assert_eq!(is_known, marks, "{run}");
    if !marks {
        let on = if site.engine() == Engine::Postgres { format!(" ON {table}") } else { String::new() };
        for trigger in ["refused_insert", "refused_update"] {
            site.database.exec(&format!("DROP TRIGGER {trigger}{on}"));
        }
        assert_eq!(site.starts(&project).applied(), [project.id(20)]);
        site.assert_applied(&project, &[10, 20]);
    }
}

/// What makes the history refuse every row as soon as the second script has run.
fn refusing(engine: Engine, table: &str) -> Vec<String> {
    let trigger = |event: &str| match engine {
        Engine::Postgres => format!(
            "CREATE TRIGGER refused_{event} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
        _ => format!(
            "CREATE TRIGGER refused_{event} BEFORE {event} ON {table} \
             WHEN EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'half') \
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ),
    };
    let function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                    IF to_regclass('public.half') IS NOT NULL THEN RAISE EXCEPTION 'refused'; END IF; \
                    RETURN NEW; END $$";
    let function = (engine == Engine::Postgres).then(|| function.to_owned());
    function.into_iter().chain(["insert", "update"].map(trigger)).collect()
}
