//! The session a migration runs in: the tool's settings, castoff's name, nobody's timeouts.

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{Database, Engine, Migrations, Postgres, Run, on_every_engine};
use crate::lock::{migrating, slow_sql};

on_every_engine!(
    the_session_is_set_up_as_sqlx_would,
    a_migration_longer_than_its_limit_is_cancelled_and_ends_in_81,
);

fn the_session_is_set_up_as_sqlx_would(database: &Database) {
    let (sql, query, expected) = match database.engine() {
        Engine::Postgres => (
            "CREATE TABLE seen AS SELECT current_setting('TimeZone') AS zone, '1.5.2020'::date AS day;\n",
            "SELECT zone || ' ' || day FROM seen",
            "UTC 2020-01-05",
        ),
        // Under PIPES_AS_CONCAT two bars join strings, without it they are an OR.
        Engine::MySql => (
            "CREATE TABLE seen AS SELECT 'a' || 'b' AS joined, @@session.time_zone AS zone;\n",
            "SELECT CONCAT(joined, ' ', zone) FROM seen",
            "ab +00:00",
        ),
        Engine::Sqlite => (
            "CREATE TABLE seen AS SELECT foreign_keys AS value FROM pragma_foreign_keys;\n",
            "SELECT value FROM seen",
            "1",
        ),
    };
    Run::migrate(database, &Migrations::of(&[("1_seen.sql", sql)])).output().succeeds();
    assert_eq!(database.one(query), expected);
}

fn a_migration_longer_than_its_limit_is_cancelled_and_ends_in_81(database: &Database) {
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", slow_sql(database.engine(), 600));
    let options = ["--migrate-timeout", "700ms", "--stop-grace", "300ms"];
    let run = Run::migrate(database, &files).option(options).output().exits(Exit::MigrateTimeout);
    assert!(!run.field("exit", "hint").is_empty(), "{run}");
    assert_eq!(database.versions().len(), 3);
}

#[test]
fn timeouts_of_the_role_do_not_apply_to_migrations() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for setting in ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"] {
        database.exec(&format!("ALTER ROLE {} SET {setting} = '400ms'", database.name()));
    }
    let files = Migrations::of(&[("1_slow.sql", "SELECT pg_sleep(1);\n"), ("2_next.sql", "SELECT 1;\n")]);
    Run::migrate(&database, &files).output().succeeds();
    assert_eq!(database.versions(), [1, 2]);
}

#[test]
fn the_session_is_named_after_castoff_whatever_the_url_says() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[(
        "1_seen.sql",
        "CREATE TABLE seen AS SELECT current_setting('application_name') AS name;\n",
    )]);
    let url = format!("{}?application_name=somebody", database.url());
    Run::migrate(&database, &files).env("DATABASE_URL", url).output().succeeds();
    let hostname = nix::unistd::gethostname().expect("a hostname").to_string_lossy().into_owned();
    let name = database.one("SELECT name FROM seen");
    assert_eq!(name, format!("castoff/{} {hostname}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_role_that_may_not_create_tables_is_refused_for_good() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let name = database.name();
    database.exec(&format!("ALTER SCHEMA public OWNER TO postgres; ALTER DATABASE {name} OWNER TO postgres"));
    let run = Run::migrate(&database, &Migrations::three()).output().exits(Exit::Refused);
    assert!(!run.field("exit", "hint").is_empty(), "{run}");
}

#[test]
fn a_role_that_may_only_read_the_history_starts_with_nothing_pending() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    let name = database.name();
    database.exec(&format!(
        "ALTER TABLE _sqlx_migrations OWNER TO postgres; ALTER SCHEMA public OWNER TO postgres; \
         ALTER DATABASE {name} OWNER TO postgres; GRANT SELECT ON _sqlx_migrations TO {name}"
    ));
    Run::start(&database, &files, ["/bin/true"]).output().succeeds().event("migrate.none");
}

#[test]
fn a_server_that_crashes_while_migrating_is_waited_for_and_migrated() {
    let Some(server) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&server);
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", "CREATE TABLE once (id INT);\nSELECT pg_sleep(2);\n");
    let running = migrating(&Run::start(&database, &files, ["/bin/echo", "started"]));
    server.stop(Signal::SIGQUIT);
    server.start();
    assert_eq!(running.wait().succeeds().stdout, "started\n");
    assert_eq!(database.versions().len(), 4);
}

#[test]
fn mode_wait_becomes_the_application_without_migrating() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run =
        Run::new(["--mode", "wait", "--", "/bin/echo", "started"]).database(&database).output().succeeds();
    run.event("wait.ready");
    assert_eq!((run.stdout.as_str(), database.history()), ("started\n", vec![]));
}

#[test]
fn tables_without_a_history_are_not_migrated_by_a_guess() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_more.sql", "CREATE TABLE more (id INT);\n")]);
    database.exec("CREATE TABLE somebodys (id INT)");
    let run = Run::migrate(&database, &files);
    run.output().exits(Exit::Usage).says("sqlx");
    assert!(!database.has_table("more"));
    assert_eq!(run.clone().option(["--format", "sqlx"]).output().succeeds().applied(), ["1"]);
    assert_eq!(run.output().succeeds().applied().len(), 0, "once there is a history, it decides");
}
