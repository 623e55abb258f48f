//! Files that no longer fit the history: the tool's own habit, and what the user may say instead.

use serde_json::json;

use crate::harness::Finished;
use crate::project::Project;
use crate::site::{Site, has_not_started, warnings};

pub(crate) fn edited_file(site: &Site) {
    let project = site.three_applied();
    let before = site.whole_history();
    project.edit(10, "CREATE TABLE users (id BIGINT PRIMARY KEY);\n");
    let habits = site.tool.habits();
    if !habits.sees_edited {
        assert_eq!(warnings(&site.starts(&project)), 0);
        let run = site.starts_with(&project, ["--on-edited", "fail"]);
        assert!(warnings(&run) == 1 && run.stderr.contains("has no effect: "), "{run}");
        let said = site.status(&project, 0);
        assert_eq!((&said["state"], &said["edited"]), (&json!("up-to-date"), &json!([])), "{said}");
        return;
    }
    let refused = if habits.fails_on_edited {
        site.does_not_start(&project, 65)
    } else {
        site.starts(&project);
        has_not_started(site.run(&project).option(["--on-edited", "fail"]).output(), 65)
    };
    assert!(refused.field("exit", "reason").contains(project.file(10)), "{refused}");
    let edited = json!([project.id(10)]);
    let said = site.status(&project, if habits.fails_on_edited { 65 } else { 0 });
    assert_eq!((&said["state"], &said["edited"]), (&json!("edited"), &edited), "{said}");
    let run = site.starts_with(&project, ["--on-edited", "warn"]);
    assert!(warnings(&run) > 0 && run.stderr.contains(&project.id(10)), "{run}");
    assert_eq!(site.whole_history(), before);
}

pub(crate) fn missing_in_the_middle(site: &Site) {
    let project = site.three_applied();
    let before = site.whole_history();
    project.remove(20);
    let habits = site.tool.habits();
    if habits.sees_gaps {
        is_diverged(site, &project, &[20]);
    } else {
        let run = site.starts_with(&project, ["--on-missing", "fail"]);
        assert_eq!(warnings(&run), 0, "{run}");
        assert_eq!(site.status(&project, 0)["state"], "up-to-date");
    }
    assert_eq!(site.whole_history(), before);
}

/// What is missing stops the start or is warned of, by the tool's habit and as the user says.
fn is_diverged(site: &Site, project: &Project, missing: &[u32]) {
    let (missing, habits) = (project.ids(missing), site.tool.habits());
    if habits.fails_on_missing {
        let run = site.does_not_start(project, 65);
        assert!(run.field("exit", "reason").contains(&missing[0]), "{run}");
        let said = site.status(project, 65);
        assert_eq!((&said["state"], &said["missing"]), (&json!("diverged"), &json!(missing)), "{said}");
    } else {
        let run = has_not_started(site.run(project).option(["--on-missing", "fail"]).output(), 65);
        assert!(run.field("exit", "reason").contains(&missing[0]), "{run}");
    }
    let pending = site.status_with(project, ["--on-missing", "fail"], 65)["pending"].clone();
    let code = if pending == json!([]) { 0 } else { 82 };
    let lenient: &[&str] = if habits.fails_on_missing { &["--on-missing", "warn"] } else { &[] };
    let said = site.status_with(project, lenient, code);
    assert_eq!((&said["state"], &said["missing"]), (&json!("diverged"), &json!(missing)), "{said}");
    let run = site.starts_with(project, lenient);
    assert!(warnings(&run) > 0 && run.stderr.contains(&missing[0]), "{run}");
    assert_eq!(json!(run.applied()), pending, "{run}");
}

/// An old image after a rollback starts under every tool.
pub(crate) fn ahead(site: &Site) {
    let project = site.three_applied();
    let before = site.whole_history();
    project.remove(30);
    for run in [site.starts(&project), site.starts_with(&project, ["--on-missing", "fail"])] {
        assert!(warnings(&run) > 0 && run.stderr.contains(&project.id(30)), "{run}");
        assert!(run.events("lock.acquired").is_empty(), "{run}");
    }
    let said = site.status(&project, 0);
    assert_eq!((&said["state"], &said["missing"]), (&json!("ahead"), &json!([project.id(30)])), "{said}");
    assert_eq!(site.whole_history(), before);
}

/// Two branches: this image has one that the database does not know, and lacks one that the database has.
pub(crate) fn ahead_with_something_pending(site: &Site) {
    let mut project = site.three_applied();
    project.remove(30);
    project.add(40, "pending", "CREATE TABLE pending (id INT);\n");
    if site.tool.habits().fails_on_missing {
        site.does_not_start(&project, 65);
        assert!(!site.database.has_table("pending"), "nothing is applied to a diverged history");
    }
    is_diverged(site, &project, &[30]);
    assert_eq!(site.count("pending"), 0);
    site.assert_applied(&project, &[10, 20, 30, 40]);
}

pub(crate) fn out_of_order(site: &Site) {
    let mut project = site.three_applied();
    let before = site.whole_history();
    project.add(15, "late", "CREATE TABLE late (id INT);\n");
    let habits = site.tool.habits();
    if !habits.sees_gaps {
        // For all it knows the file was applied with the others.
        assert_eq!(habits.out_of_order, "skip");
        for choice in ["fail", "skip", "apply"] {
            let run = site.starts_with(&project, ["--out-of-order", choice]);
            assert_eq!(run.events("migrate.none").len(), 1, "{run}");
        }
        assert_eq!((site.database.has_table("late"), site.whole_history()), (false, before));
        return;
    }
    let told = |choice| has_not_started(site.run(&project).option(["--out-of-order", choice]).output(), 65);
    assert!(told("fail").field("exit", "reason").contains(project.file(15)));
    let passed_over = |run: &Finished| warnings(run) > 0 && run.stderr.contains(&project.id(15));
    let run = site.starts_with(&project, ["--out-of-order", "skip"]);
    assert!(passed_over(&run), "{run}");
    site.status_with(&project, ["--out-of-order", "skip"], 0);
    assert_eq!((site.database.has_table("late"), site.whole_history()), (false, before));

    if habits.out_of_order == "fail" {
        site.does_not_start(&project, 65).says(project.file(15));
    }
    if habits.out_of_order == "skip" {
        let run = site.starts(&project);
        assert!(passed_over(&run), "{run}");
    }
    let run = if habits.out_of_order == "apply" {
        assert_eq!(site.status(&project, 82)["pending"], json!([project.id(15)]));
        site.starts(&project)
    } else {
        assert!(!site.database.has_table("late"));
        site.starts_with(&project, ["--out-of-order", "apply"])
    };
    assert_eq!(run.applied(), [project.id(15)], "{run}");
    assert_eq!(site.count("late"), 0);
    site.assert_applied(&project, &[10, 20, 30, 15]);
    site.starts(&project).event("migrate.none");
}
