//! No secret in any output. The harness searches everything the suite prints; here every route and every level.

use crate::harness::{Database, Engine, FakePostgres, Migrations, Run, Scratch, secrets};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

#[test]
fn no_level_prints_a_password_on_the_way_to_success() {
    for engine in Engine::ALL {
        let Some(database) = Database::on(engine) else { continue };
        let files = Migrations::three();
        for level in LEVELS {
            for format in ["text", "json"] {
                let run = Run::start(&database, &files, ["/bin/true"]);
                run.env("CASTOFF_LOG_LEVEL", level).env("CASTOFF_LOG_FORMAT", format).output().succeeds();
            }
        }
    }
}

#[test]
fn no_level_prints_a_password_on_the_way_to_failure() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (name, port) = (database.name(), database.port());
    let wrong = secrets::invent();
    let encoded = secrets::encode(&wrong);
    let home = Scratch::new("secrets");
    let file = home.write("password", &wrong).display().to_string();
    let json = serde_json::json!({"engine": "postgres", "host": "127.0.0.1", "port": port, "username": name,
        "password": wrong, "dbname": name})
    .to_string();
    let broken_json = json.replace('}', "");
    let url = format!("postgres://{name}:{encoded}@127.0.0.1:{port}/{name}");
    let raw = format!("postgres://{name}:{wrong}@127.0.0.1:{port}/{name}");
    let parameter = format!("{}?sslpassword={encoded}&password={encoded}&unknown={encoded}", database.url());
    let command = format!("/bin/echo '{wrong}'");
    let failing_command = format!("/bin/sh -c 'echo \"{wrong}\"; echo no token >&2; exit 3'");
    let base = format!("postgres://{name}@127.0.0.1:{port}/{name}");
    let routes: [&[(&str, &str)]; 12] = [
        &[("DATABASE_URL", &url)],
        &[("DATABASE_URL", &raw)],
        &[("DATABASE_URL", &wrong)],
        &[("DATABASE_URL", &parameter)],
        &[("CASTOFF_DATABASE_URL", &url), ("DATABASE_URL", &raw)],
        &[("CASTOFF_DATABASE_SECRET", &json)],
        &[("CASTOFF_DATABASE_SECRET", &broken_json)],
        &[("DATABASE_URL", &base), ("CASTOFF_DATABASE_PASSWORD", &wrong)],
        &[("DATABASE_URL", &base), ("CASTOFF_DATABASE_PASSWORD_FILE", &file)],
        &[("DATABASE_URL", &base), ("CASTOFF_DATABASE_PASSWORD_COMMAND", &command)],
        &[("DATABASE_URL", &base), ("CASTOFF_DATABASE_PASSWORD_COMMAND", &failing_command)],
        &[("DATABASE_URL", &base), ("CASTOFF_DATABASE_PASWORD", &wrong)],
    ];
    for route in routes {
        for level in LEVELS {
            let run = Run::new(["wait", "--wait-timeout", "100ms"]).env("CASTOFF_LOG_LEVEL", level);
            let run = route.iter().fold(run, |run, (name, value)| run.env(name, value)).output();
            assert!([0, 64, 69, 77].contains(&run.code), "{run}");
        }
    }
}

#[test]
fn a_server_that_repeats_the_password_is_not_quoted() {
    let secret = secrets::invent();
    let said: &'static str = Box::leak(format!("no entry for \"{secret}\"").into_boxed_str());
    let fake = FakePostgres::refusing("28000", said);
    let url = format!("postgres://app:{}@127.0.0.1:{}/app", secrets::encode(&secret), fake.port());
    let run = Run::new(["wait", "--wait-timeout", "300ms"]).env("DATABASE_URL", url).output();
    assert_eq!(run.code, 77, "{run}");
}

#[test]
fn a_password_as_an_argument_is_not_repeated() {
    let secret = secrets::invent();
    for arguments in [
        vec!["--database-url".to_owned(), format!("postgres://u:{secret}@h:x/d"), "migrate".to_owned()],
        vec!["migrate".to_owned(), "--database-password".to_owned(), secret.clone()],
        vec!["migrate".to_owned(), format!("--database-pasword={secret}")],
        vec!["migrate".to_owned(), format!("--database-url=postgres://u:{secret}@h/d"), "surplus".to_owned()],
    ] {
        let run = Run::new(arguments).option(["--wait-timeout", "100ms"]).output();
        assert!([64, 66, 69].contains(&run.code), "{run}");
    }
}

#[test]
fn the_transcript_of_this_run_is_being_written() {
    let run = Run::new(["--version"]).output().succeeds();
    let transcript = std::fs::read(secrets::transcript()).expect("the transcript");
    assert!(String::from_utf8_lossy(&transcript).contains(run.stdout.trim()), "every output is kept");
}
