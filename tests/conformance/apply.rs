//! What is pending is applied once, and recorded as the tool records it.

use serde_json::{Value, json};

use crate::harness::{Engine, Run};
use crate::project::Project;
use crate::site::Site;
use crate::tool::TextRow;

pub(crate) fn cold_apply(site: &Site) {
    let project = Project::three(site.tool);
    let ids = project.ids(&[10, 20, 30]);
    let said = site.status(&project, 82);
    assert_eq!((&said["state"], &said["pending"]), (&json!("pending"), &json!(ids)), "{said}");
    assert_eq!(site.history(), Vec::<TextRow>::new(), "asking writes nothing");

    let run = site.starts(&project);
    assert_eq!(run.applied(), ids, "{run}");
    run.event("wait.ready");
    run.event("lock.acquired");
    assert_eq!(run.event("migrate.start")["pending"], 3, "{run}");
    assert_eq!(run.event("migrate.done")["applied"], 3, "{run}");
    assert_eq!(site.database.one("SELECT email FROM users"), "a;b");
    assert_eq!(site.database.rows("SELECT id, user_id FROM orders"), [crate::tool::row(["10", "1"])]);
    site.assert_applied(&project, &[10, 20, 30]);

    let said = site.status(&project, 0);
    let applied: Vec<&Value> =
        said["applied"].as_array().expect("a list").iter().map(|row| &row["id"]).collect();
    assert_eq!((&said["state"], json!(applied)), (&json!("up-to-date"), json!(site.tool.applied(&ids))));
}

/// Also without being told the format: files and history table say it together.
pub(crate) fn nothing_pending(site: &Site) {
    let project = site.three_applied();
    let file =
        || (site.engine() == Engine::Sqlite).then(|| std::fs::read(site.database.name()).expect("the file"));
    let before = (site.whole_history(), file());
    for run in [site.run(&project), site.run(&project).without("CASTOFF_FORMAT")] {
        let run = crate::site::has_started(run.output());
        run.event("migrate.none");
        assert!(run.events("lock.acquired").is_empty() && run.applied().is_empty(), "{run}");
        assert_eq!((site.whole_history(), file()), before, "nothing is written");
    }
    let run = Run::new(["status", "--json"]).database(&site.database).migrations(&project.files).output();
    let said: Value = serde_json::from_str(&run.succeeds().stdout).expect("JSON");
    assert_eq!(said["format"], site.tool.name(), "{said}");
}

pub(crate) fn one_more_pending(site: &Site) {
    let mut project = site.three_applied();
    project.add(40, "more", "CREATE TABLE more (id INT);\n");
    let said = site.status(&project, 82);
    assert_eq!((&said["state"], &said["pending"]), (&json!("pending"), &json!([project.id(40)])), "{said}");
    let run = site.starts(&project);
    assert_eq!(run.applied(), [project.id(40)], "{run}");
    assert_eq!((site.count("more"), site.count("orders")), (0, 1));
    site.assert_applied(&project, &[10, 20, 30, 40]);
}

/// The tool's own statements make the same table, as the server describes it.
pub(crate) fn the_history_table(site: &Site) {
    site.three_applied();
    let ledger = site.tool.ledger(site.engine());
    let ours = description(site, ledger.table);
    assert!(!ours.is_empty());
    for statement in &ledger.create {
        site.database.exec(&statement.replace("{table}", "made_by_the_tool"));
    }
    assert_eq!(ours, description(site, "made_by_the_tool"));
}

/// How the engine itself describes a table; names that are derived from the table's are made alike.
fn description(site: &Site, table: &str) -> Vec<String> {
    let sql = match site.engine() {
        Engine::Postgres => format!(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid) \
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 \
             UNION ALL SELECT conname, pg_get_constraintdef(oid), NULL, NULL, NULL FROM pg_constraint \
             WHERE conrelid = '{table}'::regclass \
             UNION ALL SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), NULL, NULL, NULL FROM pg_index \
             WHERE indrelid = '{table}'::regclass"
        ),
        Engine::MySql => format!("SHOW CREATE TABLE {table}"),
        Engine::Sqlite => format!("SELECT sql FROM sqlite_schema WHERE tbl_name = '{table}' ORDER BY sql"),
    };
    site.database.rows(&sql).iter().map(|row| format!("{row:?}").replace(table, "it")).collect()
}
