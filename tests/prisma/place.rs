//! Where the history is: `?schema=`, the default, and a database that is created first.

use castoff::exit::Exit;

use super::{FIRST, VECTOR, files, three};
use crate::harness::{Database, Engine, MariaDb, Postgres, Run};

/// A migration that notes where it is.
const WHERE: &str =
    "CREATE TABLE found AS SELECT current_setting('search_path') AS path, current_schema() AS here;\n";

#[test]
fn a_schema_in_the_url_is_created_and_holds_everything() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = files(&[VECTOR, WHERE]);
    database.exec("CREATE TABLE elsewhere (id INT)");
    let url = format!("{}?schema=Box%20office&connection_limit=5", database.url());
    let run = Run::migrate(&database, &files).env("DATABASE_URL", &url).output().succeeds();
    assert_eq!(run.applied().len(), 2, "the tables of another schema are no matter: {run}");
    assert_eq!(database.prisma_history_in(r#""Box office"._prisma_migrations"#).len(), 2);
    assert_eq!(database.one(r#"SELECT here FROM "Box office".found"#), "Box office");
    assert_eq!(
        database.one(r#"SELECT path FROM "Box office".found"#),
        r#""Box office""#,
        "and nothing else in it"
    );
    assert!(database.has_table(r#""Box office".t"#) && !database.has_table("public.t"));

    let again = Run::migrate(&database, &files).env("DATABASE_URL", &url).output().succeeds();
    assert!(again.applied().is_empty() && again.events("lock.acquired").is_empty(), "{again}");
}

#[test]
fn status_creates_no_schema() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = Run::new(["status"]).migrations(&three());
    run.env("DATABASE_URL", format!("{}?schema=other", database.url())).output().exits(Exit::Pending);
    assert_eq!(database.one("SELECT count(*) FROM pg_namespace WHERE nspname = 'other'"), "0");
}

#[test]
fn a_role_that_may_not_create_the_schema_is_refused_for_good() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec(&format!("ALTER DATABASE {} OWNER TO postgres", database.name()));
    let url = format!("{}?schema=other", database.url());
    let run = Run::migrate(&database, &three()).env("DATABASE_URL", url).output().exits(Exit::Refused);
    assert!(run.field("exit", "reason").contains("other") || run.stderr.contains("other"), "{run}");
}

#[test]
fn without_one_it_is_public_whatever_the_role_is_called() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let name = database.name();
    database.exec(&format!(
        "CREATE SCHEMA {name} AUTHORIZATION {name}; CREATE SCHEMA other AUTHORIZATION {name}"
    ));
    for search_path in ["DEFAULT", "other"] {
        database.exec(&format!("ALTER ROLE {name} SET search_path = {search_path}"));
        let files = files(&[VECTOR, WHERE]);
        let run = Run::migrate(&database, &files).output().succeeds();
        assert_eq!(run.applied().len(), 2, "{run}");
        assert_eq!(database.one("SELECT here FROM public.found"), "public", "{search_path}");
        assert_eq!(database.prisma_history_in("public._prisma_migrations").len(), 2);
        database.exec("DROP TABLE public.t, public.found, public._prisma_migrations");
    }
}

/// Two schemas, two applications, two histories.
#[test]
fn schemas_of_one_database_are_strangers() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for schema in ["one", "two"] {
        let url = format!("{}?schema={schema}", database.url());
        let run = Run::migrate(&database, &files(&[VECTOR])).env("DATABASE_URL", url).output().succeeds();
        assert_eq!(run.applied(), [FIRST], "{schema}");
    }
}

#[test]
fn a_database_is_created_as_prisma_creates_it_on_mariadb() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--character-set-server=latin1"]);
    let database = Database::on_mariadb(&server);
    let name = database.name();
    database.exec(&format!("DROP DATABASE {name}"));
    let run = Run::migrate(&database, &three()).option(["--create-database"]).output().succeeds();
    assert_eq!(run.applied().len(), 3);
    let created = database.rows(&format!(
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata \
         WHERE schema_name = '{name}'"
    ));
    assert_eq!(created, [[Some("utf8mb4".to_owned()), Some("utf8mb4_unicode_ci".to_owned())]]);
}

#[test]
fn a_database_and_its_schema_are_created_on_postgresql() {
    let Some(server) = Postgres::shared() else { return };
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let name = database.name();
    let mut admin = server.admin();
    admin.exec(&format!("DROP DATABASE {name}"));
    admin.exec(&format!("ALTER ROLE {name} CREATEDB"));
    let url = format!("{}?schema=other", database.url());
    let run = Run::migrate(&database, &three()).env("DATABASE_URL", &url);
    run.clone().option(["--wait-timeout", "5s"]).output().exits(Exit::Refused);
    let run = run.option(["--create-database"]).output().succeeds();
    assert_eq!(run.applied().len(), 3);
    assert_eq!(database.prisma_history_in("other._prisma_migrations").len(), 3);
}

/// What `pg_dump` writes empties the search path of the session; neither the history nor what comes next may suffer.
#[test]
fn a_script_from_pg_dump_does_not_hide_the_history() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let dumped = "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.t (id INT);\n";
    let files = files(&[dumped, "CREATE TABLE u (id INT);\n"]);
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied().len(), 2);
    assert!(database.has_table("public.u"));
    assert_eq!(database.prisma_applied().len(), 2);
}
