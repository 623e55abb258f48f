//! Odd directories and odd scripts: what can be refused is refused before anything is applied, the rest is the tool's.

use crate::harness::{Engine, Finished};
use crate::project::Project;
use crate::site::{Site, has_not_started};
use crate::tool::{Outcome, TextRow};

/// A start that fails at its files: nobody has asked the database for anything.
fn is_refused(site: &Site, project: &Project, code: i32) -> Finished {
    let run = has_not_started(site.run(project).output(), code);
    assert!(
        run.events("wait.ready").is_empty(),
        "what is wrong with the files is said before waiting: {run}"
    );
    assert_eq!(site.history(), Vec::<TextRow>::new());
    run
}

pub(crate) fn windows_line_ends(site: &Site) {
    let mut project = Project::new(site.tool);
    let sql = "CREATE TABLE t (id INT);\n\nINSERT INTO t\nVALUES (1);\n";
    project.put(10, "windows", sql, |text| text.replace('\n', "\r\n").into_bytes());
    site.starts(&project);
    assert_eq!(site.count("t"), 1);
    site.assert_applied(&project, &[10]);
    site.starts(&project).event("migrate.none");
}

pub(crate) fn byte_order_mark(site: &Site) {
    let mut project = Project::new(site.tool);
    let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
    project.put(10, "marked", "CREATE TABLE t (id INT);\n", marked);
    match site.tool.byte_order_mark(site.engine()) {
        Outcome::Applied => {
            site.starts(&project);
            assert_eq!(site.count("t"), 0);
            site.assert_applied(&project, &[10]);
            site.starts(&project).event("migrate.none");
        }
        Outcome::Fails => {
            let run = site.does_not_start(&project, 80);
            assert_eq!(run.event("migration.failed")["line"], project.line(10, "CREATE"), "{run}");
            assert!(!site.database.has_table("t"));
        }
        Outcome::Refused => {
            site.does_not_start(&project, 65).says(project.file(10));
            assert!(!site.database.has_table("t"));
        }
    }
}

pub(crate) fn empty_directory(site: &Site) {
    let project = Project::new(site.tool);
    is_refused(site, &project, 66).says(&project.files.path().display().to_string());
    // Who wrote it does not show.
    let run = has_not_started(site.run(&project).without("CASTOFF_FORMAT").output(), 66);
    assert!(run.events("wait.ready").is_empty(), "{run}");
    project.files.write("README.md", "how we write migrations\n");
    is_refused(site, &project, 66);
}

pub(crate) fn duplicate_version(site: &Site) {
    let mut project = Project::new(site.tool);
    project.add(10, "one", "CREATE TABLE one (id INT);\n");
    project.add(10, "other", "CREATE TABLE other (id INT);\n");
    let [one, other] = <[String; 2]>::try_from(project.files_of(10)).expect("two files");
    if site.tool.duplicate_version() == Outcome::Applied {
        assert_eq!(site.starts(&project).applied().len(), 2);
        assert_eq!((site.count("one"), site.count("other"), site.history().len()), (0, 0, 2));
    } else {
        is_refused(site, &project, 65).says(&one).says(&other);
    }
}

pub(crate) fn not_utf8(site: &Site) {
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE t (note VARCHAR(10));\n");
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    project.put(20, "latin", "INSERT INTO t VALUES ('caf\u{e9}');\n", latin);
    is_refused(site, &project, 65).says(project.file(20));
    assert!(!site.database.has_table("t"));
}

pub(crate) fn five_megabytes(site: &Site) {
    let row = format!("INSERT INTO big VALUES ('{}');\n", "x".repeat(10_000));
    let mut project = Project::new(site.tool);
    project.add(10, "big", &format!("CREATE TABLE big (t TEXT);\n{}", row.repeat(500)));
    site.starts(&project);
    assert_eq!(
        site.database.rows("SELECT count(*), sum(length(t)) FROM big"),
        [crate::tool::row(["500", "5000000"])]
    );
    site.assert_applied(&project, &[10]);
    site.starts(&project).event("migrate.none");
}

pub(crate) fn spaces_and_unicode_in_names(site: &Site) {
    if site.engine() == Engine::MySql {
        // Where nobody has said so, the letters of a database may be Latin ones.
        site.database.exec(&format!("ALTER DATABASE {} CHARACTER SET utf8mb4", site.database.name()));
    }
    let mut project = Project::new(site.tool);
    project.add(10, "first", "CREATE TABLE t (id INT);\n");
    project.add(20, site.tool.odd_name(), "INSERT INTO t VALUES (1);\n");
    let run = site.starts(&project);
    assert_eq!(run.applied(), project.ids(&[10, 20]), "{run}");
    assert_eq!(site.count("t"), 1);
    site.assert_applied(&project, &[10, 20]);
    site.starts(&project).event("migrate.none");
}

pub(crate) fn transaction_of_its_own(site: &Site) {
    let mut project = Project::new(site.tool);
    let sql = "BEGIN;\nCREATE TABLE own (id INT);\nINSERT INTO own VALUES (1);\nCOMMIT;\n";
    project.add(10, "own", sql);
    project.add(20, "next", "CREATE TABLE next (id INT);\n");
    match site.tool.transaction_of_its_own(site.engine()) {
        Outcome::Applied => {
            assert_eq!(site.starts(&project).applied(), project.ids(&[10, 20]));
            assert_eq!((site.count("own"), site.count("next")), (1, 0));
            site.assert_applied(&project, &[10, 20]);
            site.starts(&project).event("migrate.none");
        }
        Outcome::Fails => {
            let run = site.does_not_start(&project, 80);
            assert_eq!(run.event("migration.failed")["id"], project.id(10), "{run}");
            assert!(!site.database.has_table("own") && !site.database.has_table("next"));
        }
        Outcome::Refused => {
            site.does_not_start(&project, 65).says(project.file(10));
            assert!(!site.database.has_table("own") && !site.database.has_table("next"));
        }
    }
}

/// As dumps of the database do; what castoff records is found all the same, and the next script is sent as it is.
pub(crate) fn emptied_search_path(site: &Site) {
    let mut project = Project::new(site.tool);
    let sql =
        "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.dumped (id INT);\n";
    project.add(10, "dump", sql);
    project.add(20, "next", "CREATE TABLE public.next (id INT);\n");
    assert_eq!(site.starts(&project).applied(), project.ids(&[10, 20]));
    assert_eq!((site.count("dumped"), site.count("next")), (0, 0));
    site.assert_applied(&project, &[10, 20]);
    site.starts(&project).event("migrate.none");
}
