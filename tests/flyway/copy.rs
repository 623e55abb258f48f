use super::*;

#[test]
fn rows_are_copied_in_the_migration_s_transaction() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[(
        "V1.0__data.sql",
        "CREATE TABLE t (id INT, note TEXT);\nCOPY t (id, note) FROM stdin;\n1\tit's; -- fine\n2\t\\N\n\\.\n\n\
         COPY t FROM STDIN WITH (FORMAT csv);\n3,\"a,b\"\n\\.\nINSERT INTO t VALUES (4, '${what}');\n\
         COPY t FROM stdin;\n\\.\n",
    )]);
    let run = Run::migrate(&database, &files).env("FLYWAY_PLACEHOLDERS_WHAT", "replaced");
    run.output().succeeds();
    let rows = database.rows("SELECT id, note FROM t ORDER BY id");
    let notes: Vec<_> = rows.iter().map(|row| row[1].as_deref()).collect();
    assert_eq!(notes, [Some("it's; -- fine"), None, Some("a,b"), Some("replaced")]);
}

#[test]
fn rows_that_do_not_fit_take_everything_back() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[(
        "V1.0__data.sql",
        "CREATE TABLE t (id INT);\n\nCOPY t FROM stdin;\n1\nnot a number\n\\.\nSELECT 1;\n",
    )]);
    let run = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    let failed = run.event("migration.failed");
    assert_eq!(
        (failed["line"].as_u64(), failed["statement"].as_str()),
        (Some(3), Some("COPY t FROM stdin")),
        "{run}"
    );
    assert!(!database.has_table("t"));
    files.write("V1.0__data.sql", "CREATE TABLE t (id INT);\nCOPY t FROM stdin;\n1\n2\n\\.\n");
    starts(&database, &files);
    assert_eq!(database.one("SELECT sum(id) FROM t"), "3");
}

#[test]
fn rows_without_an_end_and_other_servers_are_refused() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("V1.0__data.sql", "CREATE TABLE t (id INT);\nCOPY t FROM stdin;\n1\n")]);
    Run::migrate(&database, &files).output().exits(Exit::Data).says("V1.0__data.sql: line 2");
    assert!(!database.has_table("t"));
}

#[test]
fn a_value_put_into_a_row_is_not_told() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for row in ["${key}", "note ${key}"] {
        let script = format!("CREATE TABLE t (id INT);\nCOPY t FROM stdin;\n{row}\n\\.\n");
        let files = Migrations::of(&[("V1.0__data.sql", &script)]);
        let run = Run::migrate(&database, &files).env("FLYWAY_PLACEHOLDERS_KEY", "geheim");
        let run = run.output().exits(Exit::MigrationFailed);
        assert_eq!(run.field("migration.failed", "statement"), "COPY t FROM stdin", "{run}");
        assert!(!run.stderr.contains("geheim"), "{run}");
    }
}
