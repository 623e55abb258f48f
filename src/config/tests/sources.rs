use super::{NOWHERE, accepted, bad_url, parsed, password, refused, target, url, with};
use crate::config::Parsed;
use crate::engine::Engine;
use crate::target::Host;
use std::fs;
use std::path::Path;

const SECRET: &str =
    r#"{"engine":"postgres","host":"secret.db","port":5432,"username":"su","password":"sp","dbname":"sd"}"#;

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp(name.to_owned(), port)
}

#[test]
fn the_url_of_castoff_comes_before_that_of_the_application() {
    let config =
        with(&[("DATABASE_URL", "postgres://a@pooler/d"), ("CASTOFF_DATABASE_URL", "postgres://a@direct/d")]);
    assert_eq!(target(&config).hosts, [tcp("direct", 5432)]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.notes[0].contains("DATABASE_URL"));
}

#[test]
fn the_url_comes_before_the_secret_and_the_secret_before_the_parts() {
    let all = [
        ("DATABASE_URL", "postgres://u:p@url.db:1/d"),
        ("CASTOFF_DATABASE_SECRET", SECRET),
        ("CASTOFF_DATABASE_HOST", "part.db"),
    ];
    let config = with(&all);
    assert_eq!(target(&config).hosts, [tcp("url.db", 1)]);
    let wanted = [
        "CASTOFF_DATABASE_SECRET has no effect: DATABASE_URL comes first",
        "CASTOFF_DATABASE_HOST has no effect: DATABASE_URL comes first",
    ];
    // The secret says a port of its own, which the URL's host has already.
    assert_eq!(config.warnings, wanted);
    let config = with(&all[1..]);
    assert_eq!(target(&config).hosts, [tcp("secret.db", 5432)]);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
}

#[test]
fn what_one_source_lacks_another_gives() {
    let config = with(&[
        ("CASTOFF_DATABASE_SECRET", r#"{"username":"app","password":"S7#t"}"#),
        ("CASTOFF_DATABASE_HOST", "db"),
        ("CASTOFF_DATABASE_PORT", "3306"),
        ("CASTOFF_DATABASE_NAME", "shop"),
    ]);
    let target = target(&config);
    assert_eq!(
        (target.engine, target.user.as_str(), target.database.as_str()),
        (Engine::MySql, "app", "shop")
    );
    assert_eq!(target.hosts, [tcp("db", 3306)]);
    assert_eq!(password(&config), Some("S7#t"));
    assert!(config.warnings.is_empty());

    let config = with(&[("DATABASE_URL", "postgres://app@db/shop"), ("CASTOFF_DATABASE_PASSWORD", "p@:/#")]);
    assert_eq!(password(&config), Some("p@:/#"));
    assert!(config.warnings.is_empty());
}

#[test]
fn the_parts_alone_are_enough() {
    let config = with(&[
        ("CASTOFF_DATABASE_ENGINE", "postgres"),
        ("CASTOFF_DATABASE_HOST", "::1"),
        ("CASTOFF_DATABASE_USER", "app@corp"),
        ("CASTOFF_DATABASE_PASSWORD", "S7#tY4^zN9_Rq2+xS8!nV9d"),
        ("CASTOFF_DATABASE_NAME", "my db"),
        ("CASTOFF_DATABASE_PARAMS", "schema=s&sslmode=disable"),
    ]);
    let target = target(&config);
    assert_eq!((target.user.as_str(), target.database.as_str()), ("app@corp", "my db"));
    assert_eq!(target.hosts, [tcp("::1", 5432)]);
    assert_eq!(target.schema.as_deref(), Some("s"));
    assert_eq!(password(&config), Some("S7#tY4^zN9_Rq2+xS8!nV9d"));
}

#[test]
fn parts_that_do_not_say_enough_say_what_is_missing() {
    for (variables, wanted) in [
        (vec![("CASTOFF_DATABASE_HOST", "db")], "CASTOFF_DATABASE_ENGINE"),
        (vec![("CASTOFF_DATABASE_HOST", "db"), ("CASTOFF_DATABASE_PORT", "5432")], "CASTOFF_DATABASE_USER"),
        (vec![("CASTOFF_DATABASE_ENGINE", "mysql"), ("CASTOFF_DATABASE_USER", "a")], "CASTOFF_DATABASE_HOST"),
        (vec![("CASTOFF_DATABASE_ENGINE", "sqlite")], "CASTOFF_DATABASE_NAME"),
        (vec![("CASTOFF_DATABASE_ENGINE", "oracle")], "postgres, mysql or sqlite"),
        (vec![("CASTOFF_DATABASE_HOST", "postgres://u:hunter2@h/d")], "CASTOFF_DATABASE_URL"),
        (vec![("CASTOFF_DATABASE_PARAMS", "password=hunter2")], "set CASTOFF_DATABASE_PASSWORD"),
    ] {
        let why = refused("castoff migrate", &variables);
        assert!(why.contains(wanted) && !why.contains("hunter2"), "{why}");
    }
    let parts =
        [("CASTOFF_DATABASE_PORT", "3306"), ("CASTOFF_DATABASE_HOST", "db"), ("CASTOFF_DATABASE_USER", "a")];
    assert!(refused("castoff migrate", &parts).contains("CASTOFF_DATABASE_NAME"));
}

#[test]
fn libpqs_variables_fill_what_is_missing_and_are_enough_alone() {
    let config = with(&[
        ("PGHOST", "h1,h2"),
        ("PGPORT", "1,2"),
        ("PGUSER", "me"),
        ("PGPASSWORD", "p"),
        ("PGDATABASE", "d"),
        ("PGOPTIONS", "-c search_path=s"),
        ("PGTARGETSESSIONATTRS", "any"),
    ]);
    assert_eq!(target(&config).hosts, [tcp("h1", 1), tcp("h2", 2)]);
    assert_eq!(target(&config).settings, [("search_path".to_owned(), "s".to_owned())]);
    assert_eq!(password(&config), Some("p"));

    let config =
        with(&[("DATABASE_URL", "postgres:///"), ("PGHOST", "db"), ("PGUSER", "me"), ("PGPASSWORD", "p")]);
    assert_eq!((target(&config).user.as_str(), target(&config).database.as_str()), ("me", "me"));
    let config = with(&[("DATABASE_URL", "postgres://u:q@h/d"), ("PGPASSWORD", "p"), ("PGHOST", "other")]);
    assert_eq!((password(&config), config.warnings.len()), (Some("q"), 0));
    let config = with(&[("DATABASE_URL", "postgres://u@h/d"), ("PGPORT", "7"), ("PGHOST", "other")]);
    assert_eq!(target(&config).hosts, [tcp("h", 7)]);
    let config = with(&[("PGHOST", "h"), ("PGHOSTADDR", "10.0.0.1"), ("PGUSER", "me")]);
    assert_eq!(target(&config).hosts, [tcp("10.0.0.1", 5432)]);
    let config = with(&[("DATABASE_URL", "postgres://u@h:1/d"), ("PGPORT", "many"), ("PGHOST", "a b")]);
    assert_eq!(target(&config).hosts, [tcp("h", 1)]);
    assert!(
        refused("castoff migrate", &[("DATABASE_URL", "postgres://u@h/d"), ("PGPORT", "many")])
            .contains("PGPORT")
    );
}

#[test]
fn a_password_alone_names_no_database() {
    for variables in [[("PGPASSWORD", "p")], [("PGUSER", "u")], [("CASTOFF_DATABASE_PASSWORD", "p")]] {
        assert!(refused("castoff migrate", &variables).contains("no database is configured"));
    }
}

#[test]
fn libpqs_variables_mean_nothing_to_mysql() {
    let config = with(&[("DATABASE_URL", "mysql://u@h/d"), ("PGPASSWORD", "p"), ("PGSSLMODE", "nonsense")]);
    assert_eq!(password(&config), None);
}

#[test]
fn a_url_may_be_in_another_variable() {
    let config = with(&[("CASTOFF_DATABASE_URL", "env:DIRECT_URL"), ("DIRECT_URL", "postgres://u@direct/d")]);
    assert_eq!(target(&config).hosts, [tcp("direct", 5432)]);
    let config =
        accepted("castoff --database-url env:DIRECT_URL migrate", &[("DIRECT_URL", "mysql://u@direct/d")]);
    assert_eq!(target(&config).engine, Engine::MySql);
    for empty in [vec![("DATABASE_URL", "env:X")], vec![("DATABASE_URL", "env:X"), ("X", "")]] {
        assert!(refused("castoff migrate", &empty).contains("env:X names a variable that is unset or empty"));
    }
    let why = refused("castoff migrate", &[("DATABASE_URL", "env:X"), ("X", "postgres://u:hun#ter2@h/d")]);
    assert!(why.starts_with("DATABASE_URL (env:X): ") && !why.contains("hun#ter2"), "{why}");
}

#[test]
fn a_file_form_is_read_without_its_newline() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let url_file = file("url", "postgres://u:p%23@file.db/d\r\n");
    assert_eq!(password(&with(&[("DATABASE_URL_FILE", &url_file)])), Some("p#"));
    assert_eq!(password(&with(&[("CASTOFF_DATABASE_URL_FILE", &url_file)])), Some("p#"));
    let secret_file = file("secret", SECRET);
    assert_eq!(password(&with(&[("CASTOFF_DATABASE_SECRET_FILE", &secret_file)])), Some("sp"));
    let password_file = file("password", "S7#tY4^ \n");
    let config =
        with(&[("DATABASE_URL", "postgres://u@h/d"), ("CASTOFF_DATABASE_PASSWORD_FILE", &password_file)]);
    assert_eq!(password(&config), Some("S7#tY4^ "));
    // A relative path starts at the working directory.
    let variables = [("DATABASE_URL_FILE", "url")];
    assert!(matches!(parsed("castoff migrate", &variables, directory.path()), Parsed::Run(_)));
}

#[test]
fn a_variable_and_its_file_form_are_one_too_many() {
    for name in
        ["DATABASE_URL", "CASTOFF_DATABASE_URL", "CASTOFF_DATABASE_SECRET", "CASTOFF_DATABASE_PASSWORD"]
    {
        let file = format!("{name}_FILE");
        let why = refused(
            "castoff migrate",
            &[(name, "postgres://u@h/d"), (&file, "/f"), ("PGHOST", "h"), ("PGUSER", "u")],
        );
        assert!(why.contains(&format!("{name} and {file} are both set")), "{why}");
    }
    // The other form being empty is not being set.
    with(&[("DATABASE_URL", "postgres://u@h/d"), ("DATABASE_URL_FILE", "")]);
}

#[test]
fn a_file_that_is_not_there_or_empty_is_named() {
    let why = refused("castoff migrate", &[("DATABASE_URL_FILE", "/nonexistent/url")]);
    assert!(why.contains("DATABASE_URL_FILE: the file /nonexistent/url cannot be read"), "{why}");
    let two =
        [("DATABASE_URL_FILE", "/nonexistent/url"), ("CASTOFF_DATABASE_SECRET_FILE", "/nonexistent/secret")];
    let why = refused("castoff migrate", &two);
    assert!(why.contains("/nonexistent/url") && why.contains("/nonexistent/secret"), "{why}");
    let why = refused("castoff migrate", &[("DATABASE_URL_FILE", "/dev/null")]);
    assert!(why.contains("is empty"), "{why}");
}

#[test]
fn a_password_that_is_given_shadows_the_command() {
    let command = ("CASTOFF_DATABASE_PASSWORD_COMMAND", "printf hunter2");
    let config = with(&[("DATABASE_URL", "postgres://u:p@h/d"), command]);
    assert_eq!(config.warnings, ["CASTOFF_DATABASE_PASSWORD_COMMAND has no effect: the password is given"]);
    assert!(!config.database.unwrap().password_can_change());
    let config = with(&[("DATABASE_URL", "postgres://u@h/d"), command, ("PGPASSWORD", "p")]);
    assert_eq!(password(&config), None);
    assert!(config.database.unwrap().password_can_change());
    let odd = ("CASTOFF_DATABASE_PASSWORD_COMMAND", "printf 'hunter2");
    let why = refused("castoff migrate", &[("DATABASE_URL", "postgres://u@h/d"), odd]);
    assert!(why.contains("CASTOFF_DATABASE_PASSWORD_COMMAND") && !why.contains("hunter2"), "{why}");
}

#[test]
fn a_service_file_is_not_read_and_that_is_said() {
    assert!(bad_url("postgres:///d?service=prod").contains("service"));
    assert!(refused("castoff migrate", &[("PGSERVICE", "prod")]).contains("PGSERVICE"));
    let config = with(&[("PGSERVICE", "prod"), ("DATABASE_URL", "postgres://u@h/d")]);
    assert!(config.warnings.is_empty());
}

#[test]
fn sqlite_comes_from_parts_too_and_is_absolute() {
    let config = with(&[("CASTOFF_DATABASE_ENGINE", "sqlite"), ("CASTOFF_DATABASE_NAME", "data/app.db")]);
    assert_eq!(target(&config).database, format!("{NOWHERE}/data/app.db"));
    assert_eq!(target(&url("sqlite:data/app.db")).database, format!("{NOWHERE}/data/app.db"));
}

#[tokio::test]
async fn sqlite_asks_for_no_password() {
    let config =
        with(&[("DATABASE_URL", "sqlite:/data/app.db"), ("CASTOFF_DATABASE_PASSWORD_COMMAND", "false")]);
    assert!(config.warnings[0].contains("mean nothing to SQLite"));
    assert_eq!(config.database.unwrap().resolve(false).await.unwrap().password, None);
}

#[test]
fn the_password_file_of_libpq_is_read_where_nothing_else_gives_one() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".pgpass");
    fs::write(&file, "h:*:d:u:from\\:file\n").unwrap();
    let home = ("HOME", directory.path().to_str().unwrap());
    let url = ("DATABASE_URL", "postgres://u@h/d");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(password(&with(&[url, home])), Some("from:file"));
    assert_eq!(password(&with(&[url, home, ("PGPASSWORD", "p")])), Some("p"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let config = with(&[url, home]);
    assert_eq!(password(&config), None);
    assert!(config.warnings[0].contains("chmod 600"));
}

#[tokio::test]
async fn a_file_is_read_again_at_each_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "first").unwrap();
    let path = file.to_str().unwrap();
    let config = with(&[("DATABASE_URL", "postgres://u@h/d"), ("CASTOFF_DATABASE_PASSWORD_FILE", path)]);
    let mut database = config.database.unwrap();
    assert!(database.password_can_change());
    fs::write(&file, "second\n").unwrap();
    assert_eq!(database.resolve(false).await.unwrap().password.unwrap().expose(), "second");
    // While it is being replaced, what was read last holds.
    fs::remove_file(&file).unwrap();
    assert_eq!(database.resolve(true).await.unwrap().password.unwrap().expose(), "second");
    assert_eq!(database.target().password.as_ref().unwrap().expose(), "second");
}

#[tokio::test]
async fn a_url_that_turns_into_nonsense_is_a_mistake_at_the_next_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    fs::write(&file, "postgres://u@one/d").unwrap();
    let mut database = with(&[("DATABASE_URL_FILE", file.to_str().unwrap())]).database.unwrap();
    fs::write(&file, "postgres://u@two/d").unwrap();
    assert_eq!(database.resolve(false).await.unwrap().hosts, [tcp("two", 5432)]);
    fs::write(&file, "postgres://u:hun#ter2@two/d").unwrap();
    let failure = database.resolve(false).await.unwrap_err();
    assert!(failure.reason().contains("DATABASE_URL_FILE") && !failure.reason().contains("hun#ter2"));
}

#[tokio::test]
async fn the_password_command_is_asked_once_and_again_after_a_refusal() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("token");
    let count = directory.path().join("count");
    let text = format!("echo x >> {0}; wc -l < {0}", count.display());
    fs::write(&script, text).unwrap();
    let command = format!("sh {}", script.display());
    let config = with(&[
        ("DATABASE_URL", "postgres://u@h/d"),
        ("CASTOFF_DATABASE_PASSWORD_COMMAND", &command),
        ("PATH", "/usr/bin:/bin"),
    ]);
    let mut database = config.database.unwrap();
    assert_eq!(database.target().password, None);
    for (refused, wanted) in [(false, "1"), (false, "1"), (true, "2"), (false, "2")] {
        assert_eq!(database.resolve(refused).await.unwrap().password.unwrap().expose(), wanted);
    }
    assert_eq!(fs::read_to_string(Path::new(&count)).unwrap().lines().count(), 2);
}
