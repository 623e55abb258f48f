//! A SQLite database is only looked at: nothing is made beside it, and it is not made either.

use std::path::PathBuf;

use super::*;

/// The names in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let home = Scratch::new("none");
    let run = health(&["--require", "database"])
        .migrations(&Migrations::three())
        .env("DATABASE_URL", format!("sqlite://{}/app.db", home.path().display()));
    let answer = said(&run.output().exits(Exit::Unhealthy));
    assert!(text(&answer["database"]["message"]).ends_with("app.db does not exist"), "{answer}");
    assert_eq!(names(home.path()), Vec::<String>::new());
}

/// A migrated database in this journal mode, its files, and the directory it is in.
fn migrated(journal: &str) -> (Database, Migrations, PathBuf) {
    let (database, files) = (Database::sqlite(), Migrations::three());
    database.one(&format!("PRAGMA journal_mode = {journal}"));
    Run::migrate(&database, &files).output().succeeds();
    let url = database.url();
    let file = Path::new(url.trim_start_matches("sqlite:").trim_start_matches("//"));
    let directory = file.parent().expect("a directory").to_owned();
    (database, files, directory)
}

#[test]
fn a_database_on_a_file_system_that_takes_no_writes_is_read() {
    if !root() {
        return;
    }
    let (database, files, directory) = migrated("DELETE");
    let script =
        "/usr/bin/mount --bind \"$0\" \"$0\" && /usr/bin/mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let place = directory.display().to_string();
    let read_only = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, &place];
    let run = health(&["--require", "migrated"]).database(&database).migrations(&files).under(read_only);
    let answer = said(&run.output());
    assert_eq!(answer["database"]["migrations"], "up-to-date", "{answer}");
    assert!(text(&answer["database"]["message"]).contains("it takes no writes"), "{answer}");
}

#[test]
fn nothing_is_left_beside_a_database() {
    for journal in ["DELETE", "WAL"] {
        let (database, files, directory) = migrated(journal);
        let before = names(&directory);
        let answer = said(&health(&[]).database(&database).migrations(&files).output());
        assert_eq!(answer["database"]["migrations"], "up-to-date", "{journal}: {answer}");
        assert_eq!(names(&directory), before, "{journal}");
    }
}
