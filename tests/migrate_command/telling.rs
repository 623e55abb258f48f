//! What a command is told of the database: a real client finds its way by it, whatever way castoff was told.

use std::path::Path;

use crate::harness::{Database, Engine, PgBouncer, Run, Scratch, secrets};

use super::{script, with};

/// Where psql says whom it reached and as whom it came.
const WHO: &str = "psql -AtXc \"SELECT current_database(), current_user, current_setting('application_name'), \
                   current_setting('client_connection_check_interval'), current_setting('search_path')\"";

fn file(home: &Scratch, name: &str) -> String {
    std::fs::read_to_string(home.path().join(name)).expect("the command wrote it")
}

/// The value of a variable as the command saw it.
fn variable(environment: &str, name: &str) -> Option<String> {
    let entries = environment.split('\0').filter_map(|entry| entry.split_once('='));
    entries.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

fn environment_to(path: &Path) -> String {
    format!("env -0 >{}", path.display())
}

#[test]
fn psql_finds_the_database_by_the_variables_and_by_the_url() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("told");
    let name = database.name();
    let line = format!(
        "{WHO} && psql -AtXd \"$DATABASE_URL\" -c 'SELECT current_user'; {}",
        environment_to(&home.path().join("env"))
    );
    let from_url = with(&database, &line);
    let from_parts = from_url
        .clone()
        .without("DATABASE_URL")
        .env("CASTOFF_DATABASE_ENGINE", "postgres")
        .env("CASTOFF_DATABASE_HOST", "127.0.0.1")
        .env("CASTOFF_DATABASE_PORT", database.port().to_string())
        .env("CASTOFF_DATABASE_NAME", &name)
        .env("CASTOFF_DATABASE_USER", &name)
        .env("CASTOFF_DATABASE_PASSWORD", database.password());
    let in_a_file = Scratch::new("url");
    let in_a_file = from_url
        .clone()
        .without("DATABASE_URL")
        .env("DATABASE_URL_FILE", in_a_file.write("url", database.url() + "\n"));
    let by_command = Scratch::new("token");
    let token = by_command.write("token", database.password());
    let by_command = from_url
        .clone()
        .env("DATABASE_URL", format!("postgres://{name}@127.0.0.1:{}/{name}", database.port()))
        .env("CASTOFF_DATABASE_PASSWORD_COMMAND", format!("cat {}", token.display()));
    for (run, exact) in [(from_url, true), (from_parts, false), (in_a_file, true), (by_command, false)] {
        let run = run.output().succeeds();
        let mut lines = run.stdout.lines();
        let who: Vec<&str> = lines.next().expect("an answer").split('|').collect();
        assert_eq!((who[0], who[1], who[3]), (name.as_str(), name.as_str(), "500ms"), "{run}");
        assert!(who[2].starts_with("castoff command ") && who[2].len() > 32, "{run}");
        assert_eq!(lines.next(), Some(name.as_str()), "{run}");
        let environment = file(&home, "env");
        let url = variable(&environment, "DATABASE_URL").expect("a URL");
        assert!(!exact || url == database.url(), "as it was written");
        assert!(url.contains(&secrets::encode(database.password())), "percent-encoded");
        assert_eq!(variable(&environment, "PGPASSWORD").as_deref(), Some(database.password()));
        assert_eq!(variable(&environment, "CASTOFF_DATABASE_PASSWORD"), None);
        assert_eq!(variable(&environment, "PATH").as_deref(), Some("/usr/bin:/bin"));
    }
}

#[test]
fn the_command_is_told_of_the_database_that_is_locked_and_not_of_the_application_s() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(elsewhere) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("told");
    let run = with(&database, &format!("{WHO}; {}", environment_to(&home.path().join("env"))));
    let run = run.env("CASTOFF_DATABASE_URL", database.url()).env("DATABASE_URL", elsewhere.url());
    let run = run.command(["/bin/sh", "-c", "test \"$DATABASE_URL\" = \"$WANTED\" && env"]);
    let run = run.env("WANTED", elsewhere.url()).secrets_on_stdout().output().succeeds();
    assert!(run.stdout.starts_with(&database.name()), "{}", run.stdout);
    let environment = file(&home, "env");
    assert_eq!(variable(&environment, "DATABASE_URL"), Some(database.url()));
    assert_eq!(variable(&environment, "CASTOFF_DATABASE_URL"), None);
    // What is the command's alone does not reach the application.
    for name in ["PGPASSWORD=", "PGAPPNAME=", "PGOPTIONS=", "PGHOST="] {
        assert!(!run.stdout.contains(name), "{name}");
    }
}

#[test]
fn settings_of_the_url_and_of_the_user_hold_for_the_command() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let url = format!("{}?search_path=%22my%20schema%22", database.url());
    let run = with(&database, &format!("{WHO}; psql -AtXc 'SHOW work_mem; SHOW statement_timeout'"));
    let run = run.env("DATABASE_URL", url).env("PGOPTIONS", "-c work_mem=5MB -c statement_timeout=9s");
    let run = run.output().succeeds();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].ends_with("|\"my schema\""), "{run}");
    assert_eq!(lines[1..3], ["5MB", "9s"], "{run}");
}

#[test]
fn mysql_finds_the_database_by_the_variables() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let client = "mysql --no-defaults --protocol=tcp --skip-ssl -NBu \"$MYSQL_USER\" \"$MYSQL_DATABASE\" -e 'SELECT DATABASE(), CURRENT_USER()'";
    let run =
        with(&database, &format!("{client}; test \"$MYSQL_PASSWORD\" = \"$MYSQL_PWD\"")).output().succeeds();
    let name = database.name();
    assert_eq!(run.stdout, format!("{name}\t{name}@%\nstarted\n"));
}

#[test]
fn through_a_session_pooler_the_command_gets_in_as_well() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "session", "") else { return };
    let run = Run::new(["--pooler", "session", "--", "/bin/echo", "started"])
        .env("DATABASE_URL", pooler.url(&database))
        .env("CASTOFF_MIGRATE_COMMAND", script("psql -AtXc 'SELECT current_user'"));
    let run = run.output().succeeds();
    assert_eq!(run.stdout, format!("{}\nstarted\n", database.name()));
}
