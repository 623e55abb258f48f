//! What `plan` prints is what `migrate` sends: another client that is given it leaves the same database.

use serde_json::{Value, json};

use crate::harness::{Database, Engine, Finished, Run};
use crate::project::Project;
use crate::site::Site;

fn plan(site: &Site, project: &Project, json: &[&str]) -> Finished {
    let run = Run::new(["plan"]).option(json).database(&site.database).migrations(&project.files);
    run.env("CASTOFF_FORMAT", site.tool.name()).output().succeeds()
}

/// The tables of the application; of SQLite, whether there is a file at all.
fn tables(site: &Site) -> Vec<String> {
    let sql = match site.engine() {
        Engine::Postgres => "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
        Engine::MySql => {
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1"
        }
        Engine::Sqlite if !std::path::Path::new(&site.database.name()).exists() => return Vec::new(),
        Engine::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        }
    };
    site.database.rows(sql).into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

pub(crate) fn what_is_shown_is_what_is_sent(site: &Site) {
    let mut project = Project::three(site.tool);
    let mut numbers = vec![10, 20, 30];
    if site.tool.runs_apart(site.engine()) {
        let outside = site.tool.outside(site.engine());
        project.add_apart(40, "apart", &format!("CREATE TABLE half (id INT);\n{outside}"));
        numbers.push(40);
    }
    let said: Value = serde_json::from_str(&plan(site, &project, &["--json"]).stdout).expect("JSON");
    let shown = plan(site, &project, &[]).stdout;
    assert_eq!(tables(site), Vec::<String>::new(), "asking writes nothing");
    assert!(!std::path::Path::new(&format!("{}.castoff", site.database.name())).exists(), "nor locks");

    let pending = said["pending"].as_array().expect("a list");
    let ids: Vec<&Value> = pending.iter().map(|migration| &migration["id"]).collect();
    assert_eq!(json!(ids), json!(project.ids(&numbers)), "{said}");
    for (migration, number) in pending.iter().zip(&numbers) {
        let file = project.files.path().join(project.file(*number)).display().to_string();
        assert_eq!(migration["file"], file, "{said}");
        let mut from = migration["statements"].as_array().expect("a list").iter().map(|sent| &sent["file"]);
        assert!(from.any(|from| *from == file), "{migration}");
        assert!(shown.contains(&file), "{shown}");
    }
    assert!(!said["prepare"].as_array().expect("a list").is_empty(), "the history table is missing: {said}");

    // Whoever runs what was shown has migrated.
    site.database.pipe(&shown);
    site.assert_applied(&project, &numbers);
    let piped = (tables(site), site.database.rows("SELECT * FROM orders, users"));
    assert_eq!(piped.1.len(), 1);
    site.starts(&project).event("migrate.none");

    // castoff itself leaves the same.
    let Some(database) = Database::on(site.engine()) else { return };
    let other = Site { tool: site.tool, database };
    assert_eq!(other.starts(&project).applied(), project.ids(&numbers));
    assert_eq!((tables(&other), other.database.rows("SELECT * FROM orders, users")), piped);
    assert_eq!(other.history(), site.history());
}

pub(crate) fn nothing_to_show(site: &Site) {
    let mut project = site.three_applied();
    let run = plan(site, &project, &[]);
    assert!(run.stdout.starts_with("-- nothing is pending\n"), "{run}");
    assert!(run.stdout.lines().all(|line| line.starts_with("-- ")), "{run}");
    let said: Value = serde_json::from_str(&plan(site, &project, &["--json"]).stdout).expect("JSON");
    assert_eq!((&said["pending"], &said["prepare"]), (&json!([]), &json!([])), "{said}");

    // What was applied is not shown again, and the history table not created again.
    project.add(40, "more", "CREATE TABLE more (id INT);\n");
    let shown = plan(site, &project, &[]).stdout;
    assert!(shown.contains("CREATE TABLE more") && !shown.contains("CREATE TABLE orders"), "{shown}");
    site.database.pipe(&shown);
    site.assert_applied(&project, &[10, 20, 30, 40]);
}
