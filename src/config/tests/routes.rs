use super::{environment, password, target, with};
use crate::config::encoding::encode;
use crate::config::{Config, Environment, Parsed};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// The password of the issue every check comes back to.
const HARD: &str = "S7#tY4^zN9_Rq2+xS8!nV9d";

/// What an environment variable can hold and a file keeps: anything but NUL and newlines at the end.
fn passwords() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("a variable holds no NUL, a file ends in no newline", |text| {
        !text.is_empty() && !text.contains('\0') && !text.ends_with(['\n', '\r'])
    })
}

fn migrate(environment: &Environment) -> Config {
    match Config::from(vec!["castoff".into(), "migrate".into()], environment, Path::new("/")) {
        Parsed::Run(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn exported(config: &Config) -> Option<String> {
    let database = config.database.as_ref().unwrap();
    database.export_url(database.target()).map(|url| url.expose().to_owned())
}

/// The password through every route that gives it at once, with the name of the route.
fn routes(password: &str, directory: &Path) -> Vec<(&'static str, Config)> {
    let json = serde_json::json!({"engine": "postgres", "host": "db", "username": "u", "password": password, "dbname": "d"});
    let json = json.to_string();
    let file = directory.join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    let secret_file = directory.join("secret");
    fs::write(&secret_file, &json).unwrap();
    let url = format!("postgres://u:{}@db/d", encode(password));
    let url_file = directory.join("url");
    fs::write(&url_file, format!("{url}\r\n")).unwrap();
    let [file, secret_file, url_file] = [&file, &secret_file, &url_file].map(|path| path.to_str().unwrap());
    let jdbc = format!("jdbc:postgresql://db/d?user=u&password={}", encode(password));
    let bare = ("DATABASE_URL", "postgres://u@db/d");
    [
        ("a URL", vec![("DATABASE_URL", url.as_str())]),
        ("a JDBC URL", vec![("DATABASE_URL", jdbc.as_str())]),
        ("a URL's _FILE", vec![("CASTOFF_DATABASE_URL_FILE", url_file)]),
        ("the secret", vec![("CASTOFF_DATABASE_SECRET", json.as_str())]),
        ("the secret's _FILE", vec![("CASTOFF_DATABASE_SECRET_FILE", secret_file)]),
        ("a part", vec![bare, ("CASTOFF_DATABASE_PASSWORD", password)]),
        ("a part's _FILE", vec![bare, ("CASTOFF_DATABASE_PASSWORD_FILE", file)]),
        ("libpq's variable", vec![bare, ("PGPASSWORD", password)]),
    ]
    .into_iter()
    .map(|(route, variables)| (route, migrate(&environment(&variables))))
    .collect()
}

fn survives_every_route(secret: &str) {
    let directory = tempfile::tempdir().unwrap();
    for (route, config) in routes(secret, directory.path()) {
        assert_eq!(password(&config), Some(secret), "{route}");
        assert!(!format!("{config:?}").contains(secret) || secret.len() < 8, "{route}");
        if let Some(url) = exported(&config) {
            let again = migrate(&environment(&[("DATABASE_URL", &url)]));
            assert_eq!(password(&again), Some(secret), "{route}, exported");
            assert_eq!(target(&again), target(&config), "{route}, exported");
        }
    }
}

#[test]
fn the_hard_password_survives_every_route() {
    survives_every_route(HARD);
    survives_every_route("pa ss\"'\\$(x)`%41%@:/?#[]&=;,\u{e9}\u{1f600}");
}

#[tokio::test]
async fn the_hard_password_survives_the_command() {
    let directory = tempfile::tempdir().unwrap();
    for secret in [HARD, "a b\"'\\$%#@:/?\u{e9}"] {
        let file = directory.path().join("password");
        fs::write(&file, format!("{secret}\n")).unwrap();
        let command = format!("cat {}", file.display());
        let config = with(&[
            ("DATABASE_URL", "postgres://u@db/d"),
            ("CASTOFF_DATABASE_PASSWORD_COMMAND", &command),
            ("PATH", "/usr/bin:/bin"),
        ]);
        let mut database = config.database.unwrap();
        let target = database.resolve(false).await.unwrap();
        assert_eq!(target.password.as_ref().unwrap().expose(), secret);
        let url = database.export_url(&target).unwrap();
        assert_eq!(password(&with(&[("DATABASE_URL", url.expose())])), Some(secret));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_password_survives_every_route(secret in passwords()) {
        survives_every_route(&secret);
    }

    #[test]
    fn a_raw_password_in_a_url_is_either_itself_or_an_error_that_does_not_show_it(secret in "[ -~]{8,24}") {
        let variables = environment(&[("DATABASE_URL", &format!("postgres://u:{secret}@db/d"))]);
        match Config::from(vec!["castoff".into(), "migrate".into()], &variables, Path::new("/")) {
            Parsed::Run(config) => {
                let decoded = crate::config::encoding::decode(&secret).unwrap();
                prop_assert_eq!(password(&config), Some(decoded.as_str()));
            }
            Parsed::Refuse { failure, .. } => prop_assert!(!failure.reason().contains(&secret)),
            Parsed::Print(text) => prop_assert!(false, "printed {}", text),
        }
    }

    #[test]
    fn no_url_makes_castoff_panic(text in "(postgres|mysql|sqlite|file|jdbc:mysql|):/{0,4}[\\PC]{0,40}") {
        let variables = environment(&[("DATABASE_URL", &text)]);
        let _ = Config::from(vec!["castoff".into(), "migrate".into()], &variables, Path::new("/nonexistent"));
    }
}

#[test]
fn an_application_with_a_complete_url_is_given_no_other() {
    for variables in [
        vec![("DATABASE_URL", "postgres://u:p@h/d")],
        vec![("CASTOFF_DATABASE_URL", "postgres://u:p@h/d")],
        vec![("CASTOFF_DATABASE_URL", "env:X"), ("X", "postgres://u:p@h/d")],
        vec![("DATABASE_URL", "sqlite:/data/app.db")],
    ] {
        let config = with(&variables);
        assert_eq!(exported(&config), None, "{variables:?}");
    }
}

#[test]
fn an_exported_url_is_written_as_the_framework_expects() {
    let password = ("CASTOFF_DATABASE_PASSWORD", "p#w");
    for (variables, wanted) in [
        (
            vec![("DATABASE_URL", "postgresql+asyncpg://u@h1:1,[::1]:2/d?application_name=a%20b"), password],
            "postgresql+asyncpg://u:p%23w@h1:1,[::1]:2/d?application_name=a%20b",
        ),
        (
            vec![("DATABASE_URL", "jdbc:postgresql://h/d?user=u"), password],
            "jdbc:postgresql://h:5432/d?user=u&password=p%23w",
        ),
        (
            vec![("PGHOST", "/run/pg"), ("PGPORT", "7"), ("PGUSER", "u"), ("PGDATABASE", "d"), password],
            "postgresql://u:p%23w@localhost:7/d?host=%2Frun%2Fpg",
        ),
        (
            vec![
                ("CASTOFF_DATABASE_PORT", "3306"),
                ("CASTOFF_DATABASE_HOST", "h"),
                ("CASTOFF_DATABASE_USER", "u@x"),
                ("CASTOFF_DATABASE_NAME", "d"),
                ("CASTOFF_DATABASE_PARAMS", "charset=utf8mb4"),
                password,
            ],
            "mysql://u%40x:p%23w@h:3306/d?charset=utf8mb4",
        ),
        (
            vec![("CASTOFF_DATABASE_ENGINE", "sqlite"), ("CASTOFF_DATABASE_NAME", "/data/my app.db")],
            "sqlite:///data/my%20app.db",
        ),
    ] {
        assert_eq!(exported(&with(&variables)).as_deref(), Some(wanted));
    }
}

#[test]
fn a_url_out_of_a_file_is_exported_as_it_stands_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    fs::write(&file, "postgis://u:p%23@h/d?connection_limit=3\n").unwrap();
    let config = with(&[("DATABASE_URL_FILE", file.to_str().unwrap())]);
    assert_eq!(exported(&config).as_deref(), Some("postgis://u:p%23@h/d?connection_limit=3"));
}
