//! 80 and 81: a migration or a command failed, or took too long.

use crate::ddl_lock::Reader;
use crate::harness::{Database, Engine, Migrations, Run};
use crate::lock::slow_sql;

use super::Situation;
use super::stage::Stage;

/// The second migration fails in its second statement.
const FAILING: &str = "CREATE TABLE orders (id INT);\n\nALTER TABLE user\n  ADD COLUMN name VARCHAR(10);\n";

fn failing(stage: &mut Stage, engine: Engine) -> Option<String> {
    let database = stage.database(engine)?;
    let files = stage.files(Migrations::of(&[
        ("1_users.sql", "CREATE TABLE users (id INT);\n"),
        ("2_names.sql", FAILING),
    ]));
    stage.tell(Run::migrate(&database, &files).option(["--format", "sqlx"]))
}

fn with_hook(stage: &mut Stage, option: &str, line: &str) -> Option<String> {
    let (database, files) = (stage.sqlite(), stage.three());
    stage.tell(Run::migrate(&database, &files).option([option, line]))
}

/// `TABLE busy` exists, and what is to be done with it waits.
fn busy(stage: &mut Stage, second: &str) -> Option<(Database, Migrations)> {
    let database = stage.postgres()?;
    let files = stage.files(Migrations::of(&[("1_busy.sql", "CREATE TABLE busy (id INT);\n")]));
    Run::migrate(&database, &files).option(["--format", "sqlx"]).output().succeeds();
    files.write("2_second.sql", second);
    Some((database, files))
}

pub(super) const SITUATIONS: [Situation; 13] = [
    ("a statement that fails, on PostgreSQL", |stage| failing(stage, Engine::Postgres)),
    ("a statement that fails, on MariaDB", |stage| failing(stage, Engine::MySql)),
    ("a statement that fails, on SQLite", |stage| failing(stage, Engine::Sqlite)),
    ("a statement that cannot run in a transaction", |stage| {
        let (database, files) = busy(stage, "CREATE INDEX CONCURRENTLY by_id ON busy (id);\n")?;
        stage.tell(Run::migrate(&database, &files).option(["--format", "sqlx"]))
    }),
    ("a statement without the right to it", |stage| {
        let (database, files) = busy(stage, "ALTER TABLE busy ADD more INT;\n")?;
        database.exec("ALTER TABLE busy OWNER TO postgres");
        stage.tell(Run::migrate(&database, &files).option(["--format", "sqlx"]))
    }),
    ("a table's lock that is not to be had", |stage| {
        let (database, files) = busy(stage, "ALTER TABLE busy ADD more INT;\n")?;
        let reader = Reader::of(&database, "busy");
        let run = Run::migrate(&database, &files).option(["--format", "sqlx"]);
        let said = stage.tell(run.option(["--ddl-lock-timeout", "200ms", "--ddl-lock-retries", "1"]));
        reader.leave();
        said
    }),
    ("a hook before the migrations that fails", |stage| {
        with_hook(stage, "--before-migrate", "/bin/sh -c 'echo no space left for the backup >&2; exit 3'")
    }),
    ("a hook after the migrations that fails", |stage| {
        with_hook(stage, "--after-migrate", "/bin/sh -c 'echo the seed is no JSON >&2; exit 1'")
    }),
    ("a hook that is not there", |stage| {
        with_hook(stage, "--before-migrate", "pg_dumb --file=/backup/a.sql")
    }),
    ("a migrate command that fails", |stage| {
        let database = stage.sqlite();
        let run = Run::new(["migrate"]).database(&database);
        stage.tell(run.option(["--migrate-command", "/bin/sh -c 'echo no such model >&2; exit 2'"]))
    }),
    ("a migrate command that applies nothing", |stage| {
        let (database, files) = (stage.sqlite(), stage.three());
        stage.tell(Run::migrate(&database, &files).option(["--migrate-command", "/bin/true"]))
    }),
    ("migrations that take longer than they may", |stage| {
        let (database, files) = (stage.postgres()?, stage.three());
        files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, 60));
        stage.tell(Run::migrate(&database, &files).option(["--migrate-timeout", "700ms"]))
    }),
    ("migrations that take longer than they may, on MariaDB", |stage| {
        let database = stage.database(Engine::MySql)?;
        let sql = "CREATE TABLE half (id INT);\nSELECT SLEEP(60);\n";
        let files = stage.files(Migrations::of(&[("1_slow.sql", sql)]));
        let run = Run::migrate(&database, &files).option(["--format", "sqlx"]);
        stage.tell(run.option(["--migrate-timeout", "700ms"]))
    }),
];
