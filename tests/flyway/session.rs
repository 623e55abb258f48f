use super::*;

/// `Connection.restoreOriginalState`: an emptied search path, another role and another schema end with their script.
#[test]
fn what_a_script_sets_ends_with_it_on_postgresql() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        (
            "V1.0__a.sql",
            "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id INT);\n",
        ),
        ("V1.1__b.sql", "CREATE TABLE b (id INT);\nSET search_path = pg_temp;\n"),
        ("V1.2__c.sql", "CREATE TABLE c AS SELECT current_setting('search_path') AS path;\n"),
    ]);
    starts(&database, &files);
    assert_eq!(database.one("SELECT path FROM public.c"), "public,\"$user\", public");
    assert!(database.has_table("public.b"));
}

#[test]
fn checks_that_a_script_switches_off_are_on_again_for_the_next_on_mysql() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = Migrations::of(&[
        ("V1.0__a.sql", "SET foreign_key_checks = 0, sql_safe_updates = 1;\nCREATE TABLE a (id INT);\n"),
        ("V1.1__b.sql", "CREATE TABLE b AS SELECT @@foreign_key_checks AS f, @@sql_safe_updates AS s;\n"),
    ]);
    starts(&database, &files);
    assert_eq!(database.rows("SELECT f, s FROM b"), [vec![Some("1".to_owned()), Some("0".to_owned())]]);
}

/// The JDBC driver leaves foreign keys as SQLite has them: not minded.
#[test]
fn foreign_keys_are_not_minded_on_sqlite() {
    let database = Database::sqlite();
    let sql = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p INT REFERENCES p (id));\n\
               INSERT INTO c VALUES (1);\n";
    let files = Migrations::of(&[("V1.0__a.sql", sql)]);
    starts(&database, &files);
    assert_eq!(database.one("SELECT p FROM c"), "1");
}

/// Flyway finds out by itself; an unfinished index is built anew by the next start.
#[test]
fn an_index_is_built_concurrently_without_being_told() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\nINSERT INTO a VALUES (1), (1);\n"),
        ("V1.1__i.sql", "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id);\n"),
    ]);
    Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(history(&database)[1][4].as_deref(), Some("no"));
    database.exec("DELETE FROM a");
    // Another index than the one that was begun is nothing to go on with.
    files.write("V1.1__i.sql", "CREATE INDEX CONCURRENTLY i ON a (id);\n");
    Run::migrate(&database, &files).output().exits(Exit::Data).says("1.1");
    files.write("V1.1__i.sql", "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id);\n");
    assert_eq!(starts(&database, &files).applied(), ["1.1"]);
    assert_eq!(database.one("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
    let rows = history(&database);
    assert_eq!((rows.len(), rows[1][4].as_deref()), (2, Some("yes")));
}

/// What restores the session before a script is no mark: nothing tells how far this one got.
#[test]
fn a_script_that_commits_by_itself_is_not_run_again_after_a_lost_connection() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = crate::harness::Gate::closed(&database);
    let sql = format!("BEGIN;\nCREATE TABLE a (id INT);\nCOMMIT;\n{}", gate.sql());
    let files = Migrations::of(&[("V1.0__a.sql", sql.as_str())]);
    let running = Run::migrate(&database, &files).spawn();
    gate.end_visitor();
    gate.open();
    running.wait().exits(Exit::OutcomeUnknown);
    assert!(database.has_table("a") && history(&database).is_empty());
}

/// `RESET ALL` takes what castoff keeps as well; roles are not reset by it.
#[test]
fn a_script_that_resets_its_session_ends_with_it_too() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let state = "AS SELECT current_setting('search_path') AS path, current_user AS me;\n";
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\nSET ROLE pg_monitor;\nRESET ALL;\n"),
        ("V1.1__b.sql", &format!("CREATE TABLE b {state}SET search_path = pg_temp;\n")),
        ("V1.2__c.sql", &format!("CREATE TABLE c {state}")),
    ]);
    database.exec(&format!("ALTER DATABASE {0} SET search_path = public, pg_temp", database.name()));
    database.exec(&format!("GRANT pg_monitor TO {}", database.name()));
    starts(&database, &files);
    for table in ["b", "c"] {
        let expected = ["public, pg_temp", database.name().as_str()].map(|text| Some(text.to_owned()));
        assert_eq!(database.rows(&format!("SELECT path, me FROM public.{table}")), [expected], "{table}");
    }
}

/// A row that says `1.1` is not completed by a file that says `1.1.0`: Flyway takes them for the same.
#[test]
fn an_index_whose_file_has_been_renamed_is_left_to_a_person() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let index = "CREATE UNIQUE INDEX CONCURRENTLY i ON a (id);\n";
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\nINSERT INTO a VALUES (1), (1);\n"),
        ("V1.1__i.sql", index),
    ]);
    Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    database.exec("DELETE FROM a");
    files.remove("V1.1__i.sql");
    files.write("V1.1.0__i.sql", index);
    Run::migrate(&database, &files).output().exits(Exit::Data).says("1.1.0");
    let resolve = ["resolve", "--rolled-back", "1.1.0"];
    Run::new(resolve).database(&database).migrations(&files).output().succeeds();
    assert_eq!(starts(&database, &files).applied(), ["1.1.0"]);
    let row = history(&database).pop().expect("a row");
    assert_eq!((row[0].as_deref(), row[4].as_deref()), (Some("1.1.0"), Some("yes")));
}

/// The mark is taken back, and what is left of the index is not said to be rolled back.
#[test]
fn an_index_that_is_stopped_leaves_no_row_and_is_built_by_the_next_start() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("V1.0__a.sql", "CREATE TABLE a (id INT);\n")]);
    starts(&database, &files);
    // A writer that stays open: a concurrent build waits for it, its index INVALID meanwhile.
    let mut writer = database.client();
    writer.exec("BEGIN; INSERT INTO a VALUES (1)");
    files.write("V1.1__i.sql", "CREATE INDEX CONCURRENTLY i ON a (id);\n");
    let mut running = Run::migrate(&database, &files).option(["--stop-grace", "200ms"]).spawn();
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('i')";
    crate::harness::eventually("the index is there", || (!database.rows(valid).is_empty()).then_some(()));
    running.signal(nix::sys::signal::Signal::SIGTERM);
    let run = running.wait().exits_with(143);
    assert!(!run.field("exit", "reason").contains("rolled back"), "{run}");
    assert_eq!((history(&database).len(), database.one(valid).as_str()), (1, "f"), "{run}");
    writer.exec("COMMIT");
    assert_eq!(starts(&database, &files).applied(), ["1.1"]);
    assert_eq!((history(&database).len(), database.one(valid).as_str()), (2, "t"));
}
