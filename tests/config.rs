//! Every way of saying where the database is, against a real server.

use castoff::exit::Exit;
use serde_json::json;

use crate::harness::{Database, Engine, Finished, Migrations, Run, Scratch, on_every_engine, secrets};

on_every_engine!(a_password_with_every_odd_character_works_on_every_route);

/// `castoff wait` with this environment and nothing else.
fn wait(environment: &[(&str, &str)]) -> Run {
    environment
        .iter()
        .fold(Run::new(["wait", "--wait-timeout", "5s"]), |run, (name, value)| run.env(name, value))
}

fn a_password_with_every_odd_character_works_on_every_route(database: &Database) {
    if database.engine() == Engine::Sqlite {
        wait(&[("CASTOFF_DATABASE_URL", &database.url())]).output().succeeds();
        return;
    }
    let (name, port, password) = (database.name(), database.port().to_string(), database.password());
    let engine = database.engine().name();
    let home = Scratch::new("secrets");
    let file = |name: &str, content: &str| home.write(name, content).display().to_string();
    let secret = json!({
        "engine": engine, "host": "127.0.0.1", "port": database.port(), "username": name, "password": password,
        "dbname": name,
    })
    .to_string();
    let parts = [
        ("CASTOFF_DATABASE_ENGINE", engine),
        ("CASTOFF_DATABASE_HOST", "127.0.0.1"),
        ("CASTOFF_DATABASE_PORT", &port),
        ("CASTOFF_DATABASE_NAME", &name),
        ("CASTOFF_DATABASE_USER", &name),
    ];
    let with_parts = |further: (&'static str, &str)| wait(&[&parts[..], &[further]].concat());

    wait(&[("DATABASE_URL", &database.url())]).output().succeeds();
    wait(&[("CASTOFF_DATABASE_URL", &database.url())]).output().succeeds();
    wait(&[("CASTOFF_DATABASE_URL", "env:THE_URL"), ("THE_URL", &database.url())]).output().succeeds();
    wait(&[("CASTOFF_DATABASE_URL_FILE", &file("url", &format!("{}\n", database.url())))])
        .output()
        .succeeds();
    wait(&[("DATABASE_URL_FILE", &file("plain", &database.url()))]).output().succeeds();
    wait(&[("CASTOFF_DATABASE_SECRET", &secret)]).output().succeeds();
    wait(&[("CASTOFF_DATABASE_SECRET_FILE", &file("secret", &secret))]).output().succeeds();
    with_parts(("CASTOFF_DATABASE_PASSWORD", password)).output().succeeds();
    with_parts(("CASTOFF_DATABASE_PASSWORD_FILE", &file("password", &format!("{password}\n"))))
        .output()
        .succeeds();
    let command = format!("/bin/cat {}", file("token", &format!("{password}\n")));
    with_parts(("CASTOFF_DATABASE_PASSWORD_COMMAND", &command)).output().succeeds();
}

#[test]
fn parts_are_filled_from_libpqs_variables() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (name, port) = (database.name(), database.port().to_string());
    wait(&[
        ("CASTOFF_DATABASE_ENGINE", "postgres"),
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", &name),
        ("PGDATABASE", &name),
        ("PGPASSWORD", database.password()),
    ])
    .output()
    .succeeds();
}

#[test]
fn a_password_that_is_not_encoded_in_a_url_is_told_which_character_to_write_how() {
    let password = "S7#tY4^zN9_Rq2+xS8!nV9d";
    secrets::register(password);
    let url = format!("postgres://app:{password}@127.0.0.1:5432/app");
    let run = wait(&[("DATABASE_URL", &url)]).output().exits(Exit::Usage);
    run.says("%23").says("DATABASE_URL");
}

#[test]
fn the_same_password_works_everywhere_else() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let password = "S7#tY4^zN9_Rq2+xS8!nV9d";
    secrets::register(password);
    let name = database.name();
    database.exec(&format!("ALTER ROLE {name} PASSWORD '{password}'"));
    let encoded =
        format!("postgres://{name}:{}@127.0.0.1:{}/{name}", secrets::encode(password), database.port());
    wait(&[("DATABASE_URL", &encoded)]).output().succeeds();
    let base = format!("postgres://{name}@127.0.0.1:{}/{name}", database.port());
    wait(&[("DATABASE_URL", &base), ("CASTOFF_DATABASE_PASSWORD", password)]).output().succeeds();
}

/// Any password survives every route; the seed is printed with a failure.
#[test]
fn random_passwords_survive_url_parts_and_secret() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let seed = std::env::var("CASTOFF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    let mut random = fastrand::Rng::with_seed(seed);
    let name = database.name();
    let port = database.port().to_string();
    for _ in 0..if crate::harness::full() { 100 } else { 8 } {
        let length = random.usize(12..40);
        // Everything an environment variable can hold; SCRAM prepares strings, so letters beyond ASCII stay plain.
        let odd = [
            '\'', '"', '\\', ' ', '%', '@', ':', '/', '?', '#', '[', ']', '&', '=', '+', '$', '`', 'é', '€',
            '{',
        ];
        let password: String = (0..length)
            .map(|_| if random.bool() { random.alphanumeric() } else { odd[random.usize(..odd.len())] })
            .collect();
        // Trailing and leading blanks are part of it.
        secrets::register(&password);
        database.exec(&format!("ALTER ROLE {name} PASSWORD '{}'", password.replace('\'', "''")));
        let url = format!("postgres://{name}:{}@127.0.0.1:{port}/{name}", secrets::encode(&password));
        let secret = json!({"engine": "postgres", "host": "127.0.0.1", "port": database.port(), "username": name,
            "password": password, "dbname": name});
        let parts = format!("postgres://{name}@127.0.0.1:{port}/{name}");
        let ok = |run: Finished| assert_eq!(run.code, 0, "seed {seed}, password {password:?}: {run}");
        ok(wait(&[("DATABASE_URL", &url)]).output());
        ok(wait(&[("CASTOFF_DATABASE_SECRET", &secret.to_string())]).output());
        ok(wait(&[("DATABASE_URL", &parts), ("CASTOFF_DATABASE_PASSWORD", &password)]).output());
    }
}

#[test]
fn a_url_comes_before_a_secret_and_a_secret_before_parts() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let nowhere = json!({"engine": "postgres", "host": "127.0.0.1", "port": 1, "username": "u", "password": "pppppppp",
        "dbname": "d"});
    let run =
        wait(&[("CASTOFF_DATABASE_URL", &database.url()), ("CASTOFF_DATABASE_SECRET", &nowhere.to_string())]);
    let run = run.output().succeeds().says("CASTOFF_DATABASE_SECRET");
    assert!(
        run.log.iter().any(|line| line["level"] == "warn"),
        "a source that is shadowed is a warning: {run}"
    );
    let run = wait(&[
        ("CASTOFF_DATABASE_URL", &database.url()),
        ("DATABASE_URL", "postgres://u:pppppppp@127.0.0.1:1/d"),
    ]);
    run.output().succeeds();
}

#[test]
fn a_variable_and_its_file_form_are_not_both_taken() {
    let run = wait(&[
        ("CASTOFF_DATABASE_URL", "postgres://u@h/d"),
        ("CASTOFF_DATABASE_URL_FILE", "/run/secrets/url"),
    ]);
    run.output().exits(Exit::Usage).says("CASTOFF_DATABASE_URL_FILE");
}

#[test]
fn a_password_file_that_changes_is_read_again() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("rotation");
    let file = home.write("password", "not the right one\n");
    let name = database.name();
    let url = format!("postgres://{name}@127.0.0.1:{}/{name}", database.port());
    let path = file.display().to_string();
    let run = wait(&[("DATABASE_URL", &url), ("CASTOFF_DATABASE_PASSWORD_FILE", &path)])
        .option(["--wait-timeout", "30s"]);
    let mut running = run.spawn();
    running.until("wait.retry");
    home.write("password", format!("{}\n", database.password()));
    running.wait().succeeds();
}

#[test]
fn dialects_of_frameworks_are_understood() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let rest = database.url().replacen("postgres", "", 1);
    for scheme in ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg", "postgis"] {
        wait(&[("DATABASE_URL", &format!("{scheme}{rest}"))]).output().succeeds();
    }
    let ignored = format!("{}?connection_limit=5&pool_timeout=10&pgbouncer=true", database.url());
    wait(&[("DATABASE_URL", &ignored)]).output().succeeds();
    let jdbc = format!(
        "jdbc:postgresql://127.0.0.1:{}/{}?user={}&password={}",
        database.port(),
        database.name(),
        database.name(),
        secrets::encode(database.password())
    );
    wait(&[("DATABASE_URL", &jdbc)]).output().succeeds();
    let v6 = database.url_at("[::1]", database.port());
    wait(&[("DATABASE_URL", &v6)]).output().succeeds();
    let hosts = database.url_at("127.0.0.1:1,127.0.0.1", database.port());
    wait(&[("DATABASE_URL", &hosts)]).output().succeeds();
}

#[test]
fn dialects_of_mysql_are_understood() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let rest = database.url().replacen("mysql", "", 1);
    for scheme in ["mysql", "mysql2", "mysql+pymysql", "mariadb"] {
        wait(&[("DATABASE_URL", &format!("{scheme}{rest}"))]).output().succeeds();
    }
}

#[test]
fn a_parameter_that_chooses_a_schema_is_honoured() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec(&format!("CREATE SCHEMA tenant AUTHORIZATION {}", database.name()));
    let url = format!("{}?options=-c%20search_path%3Dtenant", database.url());
    let run = Run::migrate(&database, &Migrations::three()).env("DATABASE_URL", url);
    assert_eq!(run.output().succeeds().applied().len(), 3);
    assert_eq!(database.one("SELECT count(*) FROM tenant._sqlx_migrations"), "3");
    assert!(!database.has_table("public.users"));
}

#[test]
fn the_application_gets_a_url_when_it_is_asked_for() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (name, port) = (database.name(), database.port().to_string());
    let run = Run::new(["--export-database-url", "--", "/usr/bin/env"])
        .env("CASTOFF_DATABASE_ENGINE", "postgres")
        .env("CASTOFF_DATABASE_HOST", "127.0.0.1")
        .env("CASTOFF_DATABASE_PORT", port)
        .env("CASTOFF_DATABASE_NAME", &name)
        .env("CASTOFF_DATABASE_USER", &name)
        .env("CASTOFF_DATABASE_PASSWORD", database.password())
        .migrations(&Migrations::three())
        .secrets_on_stdout()
        .output()
        .succeeds();
    let url = run.stdout.lines().find_map(|line| line.strip_prefix("DATABASE_URL=")).expect("a DATABASE_URL");
    // Whatever has been encoded how: it must lead to the same database.
    wait(&[("DATABASE_URL", url)]).output().succeeds();
    assert!(!run.stdout.contains("CASTOFF_DATABASE_PASSWORD"), "castoff's own secret is gone");
}

#[test]
fn a_database_that_does_not_exist_is_created_when_it_is_asked_for() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let Some(database) = Database::on(engine) else { continue };
        let name = database.name();
        let fresh = format!("{name}_fresh");
        let url = format!("{}_fresh", database.url());
        if engine == Engine::Postgres {
            database.exec(&format!("ALTER ROLE {name} CREATEDB"));
        } else {
            database.exec(&format!("GRANT ALL ON {fresh}.* TO {name}@'%'"));
        }
        let run = Run::migrate(&database, &Migrations::three()).env("DATABASE_URL", &url);
        run.output().exits(Exit::Refused);
        let files = Migrations::three();
        let status = Run::new(["status", "--create-database"]).migrations(&files).env("DATABASE_URL", &url);
        // Twice: had the first one created it, the second would find it.
        status.output().exits(Exit::Refused);
        status.output().exits(Exit::Refused);
        assert_eq!(run.option(["--create-database"]).output().succeeds().applied().len(), 3);
        database.exec(&format!("DROP DATABASE {fresh}"));
    }
}

#[test]
fn unix_sockets_are_reached_in_every_spelling() {
    let Some(server) = crate::harness::Postgres::shared() else { return };
    let database = Database::on_postgres(&server);
    let (name, port) = (database.name(), database.port());
    let directory = server.socket_directory().display().to_string();
    let (host, password) = (secrets::encode(&directory), secrets::encode(database.password()));
    let user = format!("{name}:{password}");
    wait(&[("DATABASE_URL", &format!("postgres://{user}@{host}:{port}/{name}"))]).output().succeeds();
    wait(&[("DATABASE_URL", &format!("postgres://{user}@/{name}?host={directory}&port={port}"))])
        .output()
        .succeeds();
    let Some(server) = crate::harness::MariaDb::shared() else { return };
    let database = Database::on_mariadb(&server);
    let (name, password) = (database.name(), secrets::encode(database.password()));
    let socket = server.socket().display().to_string();
    wait(&[("DATABASE_URL", &format!("mysql://{name}:{password}@localhost/{name}?socket={socket}"))])
        .output()
        .succeeds();
}

#[test]
fn a_password_command_is_asked_again_after_a_refusal() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("token");
    home.write("right", database.password());
    // The first answer has just expired.
    let script = home.write(
        "token.sh",
        "cd \"$1\" && if [ -e asked ]; then cat right; else touch asked; echo expired; fi\n",
    );
    let name = database.name();
    let url = format!("postgres://{name}@127.0.0.1:{}/{name}", database.port());
    let command = format!("/bin/sh {} {}", script.display(), home.path().display());
    wait(&[("DATABASE_URL", &url), ("CASTOFF_DATABASE_PASSWORD_COMMAND", &command)]).output().succeeds();
    assert!(home.path().join("asked").exists());
}
