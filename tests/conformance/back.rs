//! What is applied is taken back, newest first, and recorded as the tool records it.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Finished, heavy};
use crate::project::Project;
use crate::site::{Site, has_not_started, has_started};
use crate::stand::Stand;
use crate::tool::{Down, HalfUndone, Mark};

/// Three with their ways down, applied. `None`, after a look at what is said, with a tool that has no ways down.
fn three_applied(site: &Site) -> Option<Project> {
    let project = Project::three_and_back(site.tool);
    if site.tool.half_undone(site.engine(), (10, 20), false).is_some() {
        site.starts(&project);
        return Some(project);
    }
    let run = has_not_started(site.revert(&project, []).output(), 64);
    assert!(run.events("wait.ready").is_empty(), "no database is needed to know that: {run}");
    assert!(run.field("exit", "reason").contains(site.tool.name()), "{run}");
    None
}

fn reverts<'a>(site: &Site, project: &Project, options: impl AsRef<[&'a str]>) -> Finished {
    site.revert(project, options).output().succeeds()
}

/// The ids of what this process took back, in order.
fn reverted(run: &Finished) -> Vec<String> {
    run.ids("migration.reverted")
}

pub(crate) fn the_newest_goes_first(site: &Site) {
    let Some(project) = three_applied(site) else { return };
    let whole = (site.history(), tables(site));
    let run = reverts(site, &project, []);
    assert_eq!(reverted(&run), project.ids(&[30]), "{run}");
    run.event("lock.acquired");
    assert_eq!(
        (&run.event("revert.start")["pending"], &run.event("revert.done")["reverted"]),
        (&json!(1), &json!(1))
    );
    assert!(run.events("migrate.start").is_empty() && run.applied().is_empty(), "{run}");
    assert_eq!((site.count("users"), site.count("orders")), (1, 0));
    site.assert_applied(&project, &[10, 20]);
    assert_eq!(site.status(&project, 82)["pending"], json!(project.ids(&[30])));

    let to = project.id(10);
    assert_eq!(reverted(&reverts(site, &project, ["--to", &to])), project.ids(&[20]));
    assert!(!site.database.has_table("orders") && site.count("users") == 0);
    site.assert_applied(&project, &[10]);
    let again = reverts(site, &project, ["--to", &to]);
    again.event("revert.none");
    assert!(again.events("lock.acquired").is_empty(), "{again}");

    assert_eq!(reverted(&reverts(site, &project, ["--to", "0"])), project.ids(&[10]));
    assert!(!site.database.has_table("users"));
    site.assert_applied(&project, &[]);
    for options in [vec![], vec!["--steps", "7"], vec!["--to", "0"], vec!["--to", &to]] {
        reverts(site, &project, options).event("revert.none");
    }
    assert_eq!(site.starts(&project).applied(), project.ids(&[10, 20, 30]), "all of it is pending again");
    assert_eq!((site.history(), tables(site)), whole, "as if nothing had been");
}

/// What the migrations have made.
fn tables(site: &Site) -> Vec<Vec<Option<String>>> {
    let mut rows = site.database.rows("SELECT id, email FROM users");
    rows.extend(site.database.rows("SELECT id, user_id FROM orders"));
    rows
}

pub(crate) fn several_at_once(site: &Site) {
    let Some(project) = three_applied(site) else { return };
    // Files and history say together whose they are.
    let run = site.revert(&project, ["--steps", "2"]).without("CASTOFF_FORMAT").output().succeeds();
    assert_eq!(reverted(&run), project.ids(&[30, 20]), "{run}");
    assert!(crate::site::warnings(&run) == 0, "{run}");
    site.assert_applied(&project, &[10]);
    site.starts(&project);
    let run = reverts(site, &project, ["--steps", "9"]);
    assert_eq!(reverted(&run), project.ids(&[30, 20, 10]), "{run}");
    assert_eq!(crate::site::warnings(&run), 1, "that there were fewer is said: {run}");
    site.assert_applied(&project, &[]);
}

pub(crate) fn nothing_is_reverted_unless_all_can_be(site: &Site) {
    let Some(mut project) = three_applied(site) else { return };
    let before = site.whole_history();
    project.down(20, Down::Missing);
    let run = has_not_started(site.revert(&project, ["--steps", "2"]).output(), 65);
    assert!(run.field("exit", "reason").contains(project.file(20)), "{run}");
    let run = has_not_started(site.revert(&project, ["--to", "99"]).output(), 65);
    assert!(run.field("exit", "hint").contains(&project.id(30)), "{run}");
    project.remove(30);
    let run = has_not_started(site.revert(&project, []).output(), 65);
    let reason = run.field("exit", "reason");
    assert!(reason.contains(&project.id(30)) && reason.contains("is not in"), "{run}");
    assert_eq!(site.whole_history(), before);
    assert_eq!(site.count("orders"), 1);
}

/// Two, of which the way down of the second takes a table away and then comes to `rest`.
fn two_applied(site: &Site, apart: bool, rest: &str) -> Option<(Project, HalfUndone)> {
    let half_undone = site.tool.half_undone(site.engine(), (10, 20), apart)?;
    let middle = if apart { site.tool.outside(site.engine()).replace("half", "a") } else { String::new() };
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE a (id INT);\n");
    let up = "CREATE TABLE half (id INT);\n";
    if apart {
        project.add_apart(20, "second", up);
    } else {
        project.add(20, "second", up);
    }
    project.down(20, Down::Sql(format!("DROP TABLE half;\n\n{middle}{rest}")));
    site.starts(&project);
    Some((project, half_undone))
}

const FAILING: &str = "DELETE FROM nowhere\nWHERE id = 1;\n";

pub(crate) fn failure_on_the_way_down(site: &Site) {
    failure(site, false);
}

pub(crate) fn failure_on_the_way_down_without_a_transaction(site: &Site) {
    failure(site, true);
}

fn failure(site: &Site, apart: bool) {
    let Some((mut project, left)) = two_applied(site, apart, FAILING) else { return };
    let run = has_not_started(site.revert(&project, []).output(), 80);
    let culprit =
        if apart && !site.tool.runs_apart(site.engine()) { "VACUUM" } else { "DELETE FROM nowhere" };
    assert_eq!(run.event("migration.failed")["id"], project.id(20), "{run}");
    assert!(run.field("migration.failed", "statement").starts_with(culprit), "{run}");
    let line = run.event("migration.failed")["line"].as_u64().expect("a line");
    let file =
        std::fs::read_to_string(run.field("migration.failed", "file")).expect("the file with the way down");
    let said = file.lines().nth(usize::try_from(line).expect("a line") - 1);
    assert!(said.expect("that line").starts_with(culprit), "{run}");
    let hint = run.field("migration.failed", "hint");
    assert_eq!(hint.contains("was rolled back"), !left.stays, "{run}");
    assert!(run.field("exit", "reason").starts_with("reverting migration"), "{run}");
    is_left(site, &project, &left);
    if left.blocks {
        return is_mended(site, &mut project, &left);
    }
    let repeated = if left.stays { "" } else { "DROP TABLE half;\n" };
    project.down(20, Down::Sql(format!("{repeated}DELETE FROM a;\n")));
    assert_eq!(reverted(&reverts(site, &project, [])), project.ids(&[20]));
    assert!(!site.database.has_table("half"));
    site.assert_applied(&project, &[10]);
}

/// The tables and the history.
fn is_left(site: &Site, project: &Project, left: &HalfUndone) {
    assert_eq!(site.database.has_table("half"), !left.stays, "what came before the break stays: {left:?}");
    site.assert_history(project, &left.recorded);
}

/// Nothing goes on until somebody has said what is true: here, that it is applied.
fn is_mended(site: &Site, project: &mut Project, left: &HalfUndone) {
    has_not_started(site.revert(project, []).output(), 65);
    has_not_started(site.run(project).output(), 65);
    is_left(site, project, left);
    if left.stays {
        site.database.exec("CREATE TABLE half (id INT)");
    }
    let (broken, _) = left.recorded.iter().find(|(_, mark)| *mark != Mark::Applied).expect("one");
    for number in [*broken, 20].into_iter().take(if *broken == 20 { 1 } else { 2 }) {
        site.resolve(project, "--applied", &project.id(number)).succeeds();
    }
    site.assert_applied(project, &[10, 20]);
    project.down(20, Down::Sql("DROP TABLE half;\n".into()));
    assert_eq!(reverted(&reverts(site, project, [])), project.ids(&[20]));
    site.assert_applied(project, &[10]);
}

pub(crate) fn killed_on_the_way_down(site: &Site) {
    let mut stand = Stand::closed(site);
    let Some((mut project, left)) = two_applied(site, false, &stand.sql()) else { return };
    let mut running = site.revert(&project, []).spawn();
    stand.hold(site, &mut running, &project.id(20));
    stand.kill(running);
    stand.open();
    is_left(site, &project, &left);
    if left.blocks {
        is_mended(site, &mut project, &left);
    }
}

/// What can be taken back is taken back, and its mark with it.
pub(crate) fn stopped_on_the_way_down(site: &Site) {
    let _alone = heavy();
    let mut stand = Stand::for_good(site);
    let Some((mut project, left)) = two_applied(site, false, &stand.sql()) else { return };
    let mut running = site.revert(&project, ["--stop-grace", "200ms"]).spawn();
    stand.hold(site, &mut running, &project.id(20));
    running.signal(Signal::SIGTERM);
    stand.let_go(&mut running);
    let run = has_not_started(running.wait(), 143);
    assert!(reverted(&run).is_empty(), "{run}");
    stand.open();
    if left.stays {
        is_left(site, &project, &left);
        return;
    }
    assert!(site.database.has_table("half"), "{run}");
    site.assert_applied(&project, &[10, 20]);
    project.down(20, Down::Sql("DROP TABLE half;\n".into()));
    assert_eq!(reverted(&reverts(site, &project, [])), project.ids(&[20]));
    site.assert_applied(&project, &[10]);
}

/// The history tells that nothing of it has stayed, so it is done again, and no more than was asked for.
pub(crate) fn lost_on_the_way_down(site: &Site) {
    let mut stand = Stand::closed(site);
    let Some((project, _)) = two_applied(site, false, &stand.sql()) else { return };
    let mut running = site.revert(&project, []).spawn();
    stand.hold(site, &mut running, &project.id(20));
    if let Stand::Gate(gate, _) = &mut stand {
        gate.end_visitor();
    }
    running.until("connection.lost");
    stand.open();
    let run = running.wait().succeeds();
    assert_eq!(reverted(&run), project.ids(&[20]), "{run}");
    assert!(!site.database.has_table("half"));
    site.assert_applied(&project, &[10]);
}

/// Nobody takes back what somebody else is about to build on.
pub(crate) fn the_lock_is_needed(site: &Site) {
    let mut stand = Stand::closed(site);
    let Some((mut project, _)) = two_applied(site, false, "") else { return };
    project.add(30, "slow", &stand.sql());
    project.down(30, Down::Sql("DROP TABLE IF EXISTS nothing;\n".into()));
    let mut start = site.run(&project).spawn();
    stand.hold(site, &mut start, &project.id(30));
    has_not_started(site.revert(&project, ["--lock-timeout", "300ms"]).output(), 75);
    let mut revert = site.revert(&project, []).spawn();
    revert.until("lock.waiting");
    stand.open();
    has_started(start.wait());
    let run = revert.wait().succeeds();
    assert_eq!(reverted(&run), project.ids(&[30]), "what was applied meanwhile is the newest: {run}");
    site.assert_applied(&project, &[10, 20]);
}
