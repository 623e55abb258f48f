//! goose's directives, its rows, and what of it castoff cannot run.

use castoff::exit::Exit;
use serde_json::{Value, json};

use crate::harness::{Database, Engine, Migrations, Run, on_every_engine, secrets};

on_every_engine!(
    a_table_of_an_older_goose_is_read_and_written,
    the_row_of_version_0_is_put_back_where_it_is_missing,
    a_go_migration_is_refused_by_name_unless_it_is_applied,
    what_comes_late_is_refused_or_applied_in_order,
    variables_are_replaced_and_never_shown,
    a_file_that_goose_could_not_read_matters_only_when_it_is_its_turn,
    a_failure_outside_a_transaction_is_told_by_the_next_start,
    the_session_is_as_its_drivers_leave_it,
);

/// A script that brings this in.
fn up(sql: &str) -> String {
    format!("-- +goose Up\n{sql}\n-- +goose Down\nSELECT 'down';\n")
}

fn three() -> Migrations {
    Migrations::of(&[
        ("00001_a.sql", &up("CREATE TABLE a (id INT);\n")),
        ("00002_b.sql", &up("CREATE TABLE b (id INT);\n")),
        ("00003_c.sql", &up("CREATE TABLE c (id INT);\n")),
    ])
}

/// Versions and whether they are applied, oldest row first.
fn rows(database: &Database) -> Vec<(String, bool)> {
    let rows = database.rows("SELECT version_id, is_applied FROM goose_db_version ORDER BY id");
    let text = |row: &[Option<String>], column: usize| row[column].clone().expect("no NULL");
    rows.iter().map(|row| (text(row, 0), ["t", "1"].contains(&text(row, 1).as_str()))).collect()
}

fn applied(versions: &[u32]) -> Vec<(String, bool)> {
    versions.iter().map(|version| (version.to_string(), true)).collect()
}

fn status(database: &Database, files: &Migrations) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files).output();
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

/// As goose made it until August 2024, with rows of the days when the way down was recorded too.
fn a_table_of_an_older_goose_is_read_and_written(database: &Database) {
    let columns = match database.engine() {
        Engine::Postgres | Engine::MySql => {
            "id serial NOT NULL, version_id bigint NOT NULL, is_applied boolean NOT NULL, \
             tstamp timestamp NULL default now(), PRIMARY KEY(id)"
        }
        Engine::Sqlite => {
            "id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, \
             tstamp TIMESTAMP DEFAULT (datetime('now'))"
        }
    };
    database.exec(&format!("CREATE TABLE goose_db_version ({columns})"));
    let old = "INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (0, true, NULL), \
               (1, true, '2020-01-02 03:04:05'), (2, true, NULL), (2, false, NULL)";
    database.exec(old);
    if database.engine() == Engine::Postgres {
        database.exec(&format!("ALTER TABLE goose_db_version OWNER TO {}", database.name()));
    }
    let files = three();
    let said = status(database, &files);
    assert_eq!(said["pending"], json!(["2", "3"]), "{said}");
    assert_eq!(said["applied"], json!([{"id": "1", "applied_at": "2020-01-02T03:04:05Z"}]), "{said}");
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), ["2", "3"]);
    let mut expected = applied(&[0, 1, 2, 2, 2, 3]);
    expected[3].1 = false;
    assert_eq!(rows(database), expected);
    Run::migrate(database, &files).output().succeeds().event("migrate.none");
    if database.engine() != Engine::MySql {
        // Which no other time could be written for.
        database.exec("UPDATE goose_db_version SET tstamp = '10000-01-01' WHERE version_id = 1");
        let said = status(database, &files);
        assert_eq!(said["applied"][0], json!({"id": "1", "applied_at": null}), "{said}");
    }
}

fn the_row_of_version_0_is_put_back_where_it_is_missing(database: &Database) {
    let files = three();
    Run::migrate(database, &files).output().succeeds();
    assert_eq!(rows(database), applied(&[0, 1, 2, 3]));
    database.exec("DELETE FROM goose_db_version WHERE version_id IN (0, 3)");
    database.exec("DROP TABLE c");
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), ["3"]);
    // The last row is the one that goose takes for the version.
    assert_eq!(rows(database), applied(&[1, 2, 0, 3]));
}

fn a_go_migration_is_refused_by_name_unless_it_is_applied(database: &Database) {
    let files = three();
    files.write("00002_b.sql", up("CREATE TABLE b (id INT);\n"));
    files.write("00004_backfill.go", "package migrations\n");
    files.write("00004_backfill_test.go", "package migrations\n");
    files.write("helpers.go", "package migrations\n");
    let refused = Run::migrate(database, &files).output().exits(Exit::Data);
    assert!(refused.field("exit", "reason").contains("00004_backfill.go"), "{refused}");
    assert!(!database.has_table("a"), "nothing was applied");

    files.remove("00004_backfill.go");
    Run::migrate(database, &files).output().succeeds();
    files.write("00004_backfill.go", "package migrations\n");
    database.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (4, true)");
    files.write("00005_d.sql", up("CREATE TABLE d (id INT);\n"));
    assert_eq!(Run::migrate(database, &files).output().succeeds().applied(), ["5"]);
}

fn what_comes_late_is_refused_or_applied_in_order(database: &Database) {
    let files = three();
    files.remove("00002_b.sql");
    Run::migrate(database, &files).output().succeeds();
    files.write("00002_b.sql", up("CREATE TABLE b (id INT);\n"));
    files.write("00004_d.sql", up("CREATE TABLE d (id INT);\n"));
    let refused = Run::migrate(database, &files).output().exits(Exit::Data);
    assert!(refused.field("exit", "reason").contains('2'), "{refused}");
    assert!(!database.has_table("d"));
    let run = Run::migrate(database, &files).option(["--out-of-order", "apply"]).output().succeeds();
    assert_eq!(run.applied(), ["2", "4"], "{run}");
    assert_eq!(rows(database), applied(&[0, 1, 3, 2, 4]));
    // What was applied last may sort before what is late as well.
    database.exec("DELETE FROM goose_db_version WHERE version_id IN (2, 3)");
    database.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, true)");
    let refused = Run::migrate(database, &files).output().exits(Exit::Data);
    assert!(refused.field("exit", "reason").contains("00003_c.sql sorts before 4,"), "{refused}");
    database.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, true)");
    // Its habit is to say nothing of what is not on disk.
    files.remove("00003_c.sql");
    Run::migrate(database, &files).output().succeeds().event("migrate.none");
}

/// The harness searches everything for the value.
fn variables_are_replaced_and_never_shown(database: &Database) {
    // A name as well as a text.
    let token: String = secrets::invent().chars().filter(char::is_ascii_alphanumeric).collect();
    secrets::register(&token);
    let switched = |sql: &str| format!("-- +goose ENVSUB ON\n{}", up(sql));
    let files = Migrations::of(&[
        (
            "1_a.sql",
            &switched("CREATE TABLE a (token VARCHAR(99));\nINSERT INTO a\nVALUES ('${APP_TOKEN}');\n"),
        ),
        ("2_b.sql", &up("INSERT INTO a VALUES ('$APP_TOKEN');\n")),
    ]);
    Run::migrate(database, &files).env("APP_TOKEN", &token).output().succeeds();
    assert_eq!(database.rows("SELECT token FROM a ORDER BY length(token)").len(), 2);
    assert_eq!(database.one(&format!("SELECT count(*) FROM a WHERE token = '{token}'")), "1");
    assert_eq!(database.one("SELECT count(*) FROM a WHERE token = '$APP_TOKEN'"), "1");

    files.write("3_c.sql", switched("SELECT 1;\nSELECT ${APP_TOKEN} FROM a;\n"));
    let failed =
        Run::migrate(database, &files).env("APP_TOKEN", &token).output().exits(Exit::MigrationFailed);
    assert_eq!(failed.field("migration.failed", "line"), "4", "{failed}");
    let statement = failed.field("migration.failed", "statement");
    assert!(statement.starts_with("SELECT ${APP_TOKEN} FROM a"), "{failed}");

    // Unquoted where the server names it, and in what it tells of the row.
    for sql in [
        "SELECT a.${APP_TOKEN} FROM a;\n",
        "CREATE UNIQUE INDEX once ON a (token);\nINSERT INTO a VALUES ('${APP_TOKEN}');\n",
    ] {
        files.write("3_c.sql", switched(sql));
        drop(Run::migrate(database, &files).env("APP_TOKEN", &token).output().exits(Exit::MigrationFailed));
    }

    // A value need not be a word.
    let odd: String = token.chars().take(9).flat_map(|letter| [letter, '-']).collect();
    secrets::register(&odd);
    files.write("3_c.sql", switched("INSERT INTO a VALUES ('${APP_TOKEN}');\n"));
    if database.engine() == Engine::Postgres {
        let raise = "DO 'BEGIN RAISE ''no %'', ''${APP_TOKEN}'' USING HINT = ''see ${APP_TOKEN}''; END';\n";
        files.write("3_c.sql", switched(raise));
        let run = Run::migrate(database, &files).env("APP_TOKEN", &odd).option(["--log-level", "trace"]);
        let failed = run.output().exits(Exit::MigrationFailed);
        assert_eq!(failed.field("migration.failed", "error"), "no *** (P0001)", "{failed}");
        // Of several lines it moves those behind it.
        let block =
            "-- +goose StatementBegin\nSELECT '${APP_TOKEN}';\nSELECT nothing;\n-- +goose StatementEnd\n";
        files.write("3_c.sql", switched(block));
        let run = Run::migrate(database, &files).env("APP_TOKEN", "one\ntwo\nthree").output();
        let failed = run.exits(Exit::MigrationFailed);
        assert_eq!(failed.field("migration.failed", "line"), "4", "where the text begins: {failed}");
    }

    files.write("3_c.sql", switched("SELECT '${APP_TOKEN?set it in the task definition}';\n"));
    let refused = Run::migrate(database, &files).output().exits(Exit::Data);
    let reason = refused.field("exit", "reason");
    assert!(reason.contains("3_c.sql") && reason.contains("$APP_TOKEN: set it in the task"), "{refused}");
}

fn a_file_that_goose_could_not_read_matters_only_when_it_is_its_turn(database: &Database) {
    let files = three();
    Run::migrate(database, &files).output().succeeds();
    files.write("00001_a.sql", "-- +goose Up\nCREATE TABLE a (id INT)\n");
    Run::migrate(database, &files).output().succeeds().event("migrate.none");
    files.write("00004_d.sql", "-- +goose Up\nCREATE TABLE d (id INT)\n-- +goose Down\n");
    let refused = Run::migrate(database, &files).output().exits(Exit::Data);
    let reason = refused.field("exit", "reason");
    assert!(reason.contains("00004_d.sql: line 2") && reason.contains("semicolon"), "{refused}");
}

fn a_failure_outside_a_transaction_is_told_by_the_next_start(database: &Database) {
    let files = three();
    files.write(
        "00002_b.sql",
        format!(
            "-- +goose NO TRANSACTION\n{}",
            up("CREATE TABLE b (id INT);\nINSERT INTO nowhere\nVALUES (1);\n")
        ),
    );
    let failed = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(failed.field("migration.failed", "line"), "4", "{failed}");
    assert!(database.has_table("b"), "each statement by itself");
    assert_eq!(rows(database), applied(&[0, 1]), "goose records no failure");
    let again = Run::migrate(database, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(again.field("migration.failed", "line"), "3", "{again}");
}

/// pgx asks a server for nothing.
fn the_session_is_as_its_drivers_leave_it(database: &Database) {
    let name = database.name();
    let (sql, query, expected) = match database.engine() {
        Engine::Postgres => {
            database.exec(&format!("ALTER ROLE {name} SET TimeZone = 'Asia/Tokyo'"));
            database.exec(&format!("ALTER ROLE {name} SET DateStyle = 'SQL, DMY'"));
            (
                "CREATE TABLE seen AS SELECT current_setting('TimeZone') AS zone, '1.5.2020'::date::text AS day;\n",
                "SELECT zone || ' ' || day FROM seen",
                "Asia/Tokyo 01/05/2020",
            )
        }
        Engine::MySql => (
            "CREATE TABLE seen AS SELECT '1' || '0' AS alternative, @@collation_connection AS collation_used;\n",
            "SELECT CONCAT_WS(' ', alternative, collation_used) FROM seen",
            "1 utf8mb4_general_ci",
        ),
        Engine::Sqlite => (
            "CREATE TABLE seen AS SELECT foreign_keys AS value FROM pragma_foreign_keys;\n",
            "SELECT value FROM seen",
            "0",
        ),
    };
    Run::migrate(database, &Migrations::of(&[("1_seen.sql", &up(sql))])).output().succeeds();
    assert_eq!(database.one(query), expected);
}

/// goose writes the name into its statements as it is.
#[test]
fn the_variable_s_table_is_the_one_that_postgresql_makes_of_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = three();
    Run::migrate(&database, &files).option(["--history-table", "versions_of_app"]).output().succeeds();
    for name in ["Versions_Of_App", "PUBLIC.versions_of_APP", "public.\"versions_of_app\""] {
        let run = Run::migrate(&database, &files).env("GOOSE_TABLE", name).output().succeeds();
        run.event("migrate.none");
    }
    let run = Run::migrate(&database, &files).env("GOOSE_TABLE", "\"Versions_Of_App\"").output();
    run.exits(Exit::Usage).says("Versions_Of_App");
}

#[test]
fn what_no_transaction_can_hold_runs_where_the_file_says_so() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let index = up("CREATE INDEX CONCURRENTLY i ON a (id);\n");
    let files = three();
    files.write("00004_i.sql", &index);
    let failed = Run::migrate(&database, &files).output().exits(Exit::MigrationFailed);
    assert!(failed.field("migration.failed", "hint").contains("-- +goose NO TRANSACTION"), "{failed}");
    assert_eq!(rows(&database), applied(&[0, 1, 2, 3]));
    files.write("00004_i.sql", format!("-- +goose NO TRANSACTION\n{index}"));
    Run::migrate(&database, &files).output().succeeds();
    assert_eq!(database.one("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
    assert_eq!(rows(&database), applied(&[0, 1, 2, 3, 4]));
}
