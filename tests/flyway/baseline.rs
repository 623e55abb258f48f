use super::*;

on_every_engine!(
    a_schema_that_is_taken_over_gets_the_marker,
    a_baseline_migration_stands_for_what_came_before
);

fn a_schema_that_is_taken_over_gets_the_marker(database: &Database) {
    database.exec("CREATE TABLE legacy (id INT)");
    let files = Migrations::of(&[
        ("V1__legacy.sql", "CREATE TABLE legacy (id INT);\n"),
        ("V1.1__next.sql", "CREATE TABLE next (id INT);\n"),
    ]);
    let run = Run::migrate(database, &files).env("CASTOFF_FORMAT", "flyway");
    run.output().exits(Exit::Data).says("holds tables");
    let taken = run.env("FLYWAY_BASELINE_ON_MIGRATE", "true");
    taken.output().succeeds();
    let rows = history(database);
    let baseline = "<< Flyway Baseline >>";
    let expected = [Some("1"), Some(baseline), Some("BASELINE"), Some(baseline), Some("yes")];
    assert_eq!(rows[0].iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    assert_eq!(scripts(database), [baseline, "V1.1__next.sql"]);
    let null = format!("SELECT count(*) FROM {TABLE} WHERE checksum IS NULL AND installed_rank = 1");
    assert_eq!(database.one(&null), "1");
    taken.output().succeeds().event("migrate.none");
    // The marker speaks for itself from now on.
    starts(database, &files).event("migrate.none");
}

fn a_baseline_migration_stands_for_what_came_before(database: &Database) {
    let files = Migrations::of(&[
        ("V1__a.sql", "CREATE TABLE a (id INT);\n"),
        ("V2__b.sql", "CREATE TABLE b (id INT);\n"),
        ("V3__c.sql", "CREATE TABLE c (id INT);\n"),
        ("B2__all.sql", "CREATE TABLE a (id INT);\nCREATE TABLE b (id INT);\n"),
    ]);
    assert_eq!(starts(database, &files).applied(), ["B2", "3"]);
    assert_eq!(history(database)[0][2].as_deref(), Some("SQL_BASELINE"));
    starts(database, &files).event("migrate.none");
    files.write("V4__d.sql", "CREATE TABLE d (id INT);\n");
    assert_eq!(starts(database, &files).applied(), ["4"]);
    assert!(database.has_table("a") && database.has_table("b") && database.has_table("d"));
}
