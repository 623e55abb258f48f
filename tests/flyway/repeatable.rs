use super::*;

on_every_engine!(a_repeatable_runs_again_when_it_changes, a_long_description_is_known_again);

fn a_repeatable_runs_again_when_it_changes(database: &Database) {
    let view = |number: u32| {
        format!("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT {number} + ${{plus}} AS n FROM t;\n")
    };
    let files = Migrations::of(&[
        ("V1.0__t.sql", "CREATE TABLE t (id INT);\nINSERT INTO t VALUES (1);\n"),
        ("views/R__the_view.sql", &view(1)),
    ]);
    let run = Run::migrate(database, &files).env("FLYWAY_PLACEHOLDERS_PLUS", "10");
    assert_eq!(run.output().succeeds().applied(), ["1.0", "R__the_view"]);
    run.output().succeeds().event("migrate.none");
    assert_eq!(database.one("SELECT n FROM v"), "11");

    files.write("views/R__the_view.sql", view(2));
    assert_eq!(run.output().succeeds().applied(), ["R__the_view"]);
    assert_eq!(database.one("SELECT n FROM v"), "12");
    // Its text depends on the values.
    let more = run.env("FLYWAY_PLACEHOLDERS_PLUS", "20");
    assert_eq!(more.output().succeeds().applied(), ["R__the_view"]);
    assert_eq!(database.one("SELECT n FROM v"), "22");
    let descriptions: Vec<_> = history(database).iter().map(|row| row[1].clone().expect("one")).collect();
    assert_eq!(descriptions, ["t", "the view", "the view", "the view"]);
    // The end of its lines does not count.
    files.write("views/R__the_view.sql", view(2).replace('\n', "\r\n"));
    more.output().succeeds().event("migrate.none");
}

/// The history holds no more than 200 characters of it.
fn a_long_description_is_known_again(database: &Database) {
    let long = |end: &str| format!("R__{}{end}.sql", "x".repeat(210));
    let files = Migrations::of(&[("V1.0__t.sql", "CREATE TABLE t (id INT);\n")]);
    files.write(&long(""), "INSERT INTO t VALUES (1);\n");
    starts(database, &files);
    starts(database, &files).event("migrate.none");
    assert_eq!(database.one("SELECT count(*) FROM t"), "1");
    files.write(&long("y"), "INSERT INTO t VALUES (2);\n");
    Run::migrate(database, &files).output().exits(Exit::Data).says(&long("y"));
}

/// `flyway repair` takes nothing but the failure away.
#[test]
fn earlier_runs_stay_when_the_last_one_failed_and_is_resolved() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = Migrations::of(&[
        ("V1.0__t.sql", "CREATE TABLE t (id INT);\n"),
        ("R__r.sql", "INSERT INTO t VALUES (1);\n"),
    ]);
    starts(&database, &files);
    files.write("R__r.sql", "INSERT INTO nowhere VALUES (1);\n");
    Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let marks = || history(&database).iter().map(|row| row[4].clone().expect("a mark")).collect::<Vec<_>>();
    assert_eq!(marks(), ["yes", "yes", "no"]);
    let resolve = ["resolve", "--rolled-back", "R__r"];
    Run::new(resolve).database(&database).migrations(&files).output().succeeds();
    assert_eq!(marks(), ["yes", "yes"]);
    files.write("R__r.sql", "INSERT INTO t VALUES (1);\n");
    starts(&database, &files).event("migrate.none");
}
