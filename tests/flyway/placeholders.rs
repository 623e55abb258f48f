use super::*;

on_every_engine!(values_come_from_the_environment, a_missing_value_is_said_before_anything_is_applied);

fn values_come_from_the_environment(database: &Database) {
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE ${Table_Name} (id INT, note VARCHAR(100));\n"),
        ("V1.1__b.sql", "INSERT INTO ${table_name} VALUES (1, '${flyway:filename} ${flyway:table}');\n"),
        ("V1.2__c.sql", "INSERT INTO orders VALUES (2, '${none}');\n"),
        ("V1.2__c.sql.conf", "placeholderReplacement=false\n"),
    ]);
    let run = Run::migrate(database, &files).env("FLYWAY_PLACEHOLDERS_TABLE_NAME", "orders");
    run.output().succeeds();
    let rows = database.rows("SELECT note FROM orders ORDER BY id");
    let notes: Vec<_> = rows.iter().map(|row| row[0].as_deref()).collect();
    assert_eq!(notes, [Some("V1.1__b.sql flyway_schema_history"), Some("${none}")]);
    // A versioned migration's checksum is that of its file, whatever the values.
    let other = run.env("FLYWAY_PLACEHOLDERS_TABLE_NAME", "other").output().succeeds();
    other.event("migrate.none");
}

fn a_missing_value_is_said_before_anything_is_applied(database: &Database) {
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE a (id INT);\n"),
        ("V1.1__b.sql", "SELECT 1;\nINSERT INTO a VALUES (${number});\n"),
    ]);
    let run = Run::migrate(database, &files);
    let refused = run.output().exits(Exit::Data);
    for part in ["V1.1__b.sql: line 2: ${number}", "FLYWAY_PLACEHOLDERS_NUMBER"] {
        assert!(refused.field("exit", "reason").contains(part), "{refused}");
    }
    assert!(!database.has_table("a"));
    run.env("FLYWAY_PLACEHOLDERS_NUMBER", "7").output().succeeds();
    assert_eq!(database.one("SELECT id FROM a"), "7");
}

/// A value may be a secret: what is shown is what stands in the file.
#[test]
fn a_value_is_never_shown() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("V1.0__a.sql", "SELECT 1;\nSELECT '${shown}' FROM nowhere;\n")]);
    let run = Run::migrate(&database, &files).env("FLYWAY_PLACEHOLDERS_SHOWN", "hunter2hunter2");
    let failed = run.output().exits(Exit::MigrationFailed);
    assert_eq!(failed.event("migration.failed")["statement"], "SELECT '${shown}' FROM nowhere", "{failed}");
    assert_eq!(failed.event("migration.failed")["line"], 2, "{failed}");
    assert!(!failed.stderr.contains("hunter2"), "{failed}");
}

/// Nor in what the server says besides, such as a hint.
#[test]
fn a_value_that_the_server_tells_is_masked() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let script = "DO $$ BEGIN RAISE EXCEPTION 'no %', '${shown}' USING HINT = 'not ${shown}', DETAIL = '${shown}'; END $$;\n";
    let files = Migrations::of(&[("V1.0__a.sql", script)]);
    let run = Run::migrate(&database, &files).env("FLYWAY_PLACEHOLDERS_SHOWN", "hunter2hunter2");
    let failed = run.output().exits(Exit::MigrationFailed);
    assert!(failed.field("migration.failed", "hint").starts_with("***; "), "{failed}");
    assert!(!failed.stderr.contains("hunter2"), "{failed}");
}

#[test]
fn the_schema_is_the_one_the_history_is_in() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[
        ("V1.0__a.sql", "CREATE TABLE ${flyway:defaultSchema}.a (who TEXT);\nCREATE TABLE b (id INT);\n"),
        ("V1.1__b.sql", "INSERT INTO a VALUES ('${flyway:user} ${flyway:database}');\n"),
    ]);
    let run = Run::migrate(&database, &files).env("FLYWAY_DEFAULT_SCHEMA", "office");
    run.output().succeeds();
    let name = database.name();
    assert_eq!(database.one("SELECT who FROM office.a"), format!("{name} {name}"));
    assert_eq!(database.one("SELECT count(*) FROM office.b"), "0");
    assert_eq!(database.one(&format!("SELECT count(*) FROM office.{TABLE}")), "2");
    run.output().succeeds().event("migrate.none");
}
