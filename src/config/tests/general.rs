use super::{accepted, bad_url, parsed, refused, target, with};
use crate::cli::Task;
use crate::config::choices::format_name;
use crate::config::{Config, Drift, LogSettings, Mode, Parsed, Pooler, Timeouts};
use crate::format::FORMATS;
use crate::log::{Format, Level};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

const URL: (&str, &str) = ("DATABASE_URL", "postgres://app@db/app");

#[test]
fn without_any_option_the_documented_defaults_hold() {
    let config = with(&[URL]);
    assert_eq!(config.task, Task::Migrate);
    assert_eq!(config.timeouts, Timeouts::default());
    assert_eq!(config.timeouts.wait, Some(Duration::from_mins(1)));
    assert_eq!(config.timeouts.connect, Some(Duration::from_secs(20)));
    assert_eq!(config.timeouts.lock, Some(Duration::from_mins(5)));
    assert_eq!(config.timeouts.migrate, None);
    assert_eq!(config.timeouts.stop_grace, Duration::from_secs(8));
    assert_eq!(
        (config.pooler, config.create_database, config.export_database_url),
        (Pooler::Auto, false, false)
    );
    assert_eq!((config.format.as_deref(), config.migrations.as_deref()), (None, None));
    assert_eq!((config.on_edited, config.on_missing, config.history_table), (None, None, None));
    assert_eq!(config.logs, LogSettings { format: Format::Text, level: Level::Info });
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_flag_comes_before_its_variable() {
    let config = accepted("castoff --wait-timeout 3s migrate", &[URL, ("CASTOFF_WAIT_TIMEOUT", "7s")]);
    assert_eq!(config.timeouts.wait, Some(Duration::from_secs(3)));
    let config = with(&[URL, ("CASTOFF_WAIT_TIMEOUT", "7s")]);
    assert_eq!(config.timeouts.wait, Some(Duration::from_secs(7)));
    let config = with(&[URL, ("CASTOFF_WAIT_TIMEOUT", "")]);
    assert_eq!(config.timeouts.wait, Some(Duration::from_mins(1)));
}

#[test]
fn every_option_is_read_from_its_variable() {
    let config = with(&[
        URL,
        ("CASTOFF_CREATE_DATABASE", "yes"),
        ("CASTOFF_EXPORT_DATABASE_URL", "1"),
        ("CASTOFF_POOLER", "transaction"),
        ("CASTOFF_MIGRATIONS", "db/sql"),
        ("CASTOFF_FORMAT", "auto"),
        ("CASTOFF_HISTORY_TABLE", "app.done"),
        ("CASTOFF_ON_EDITED", "warn"),
        ("CASTOFF_ON_MISSING", "fail"),
        ("CASTOFF_CONNECT_TIMEOUT", "250ms"),
        ("CASTOFF_LOCK_TIMEOUT", "0"),
        ("CASTOFF_MIGRATE_TIMEOUT", "1h30m"),
        ("CASTOFF_STOP_GRACE", "0"),
        ("CASTOFF_LOG_FORMAT", "JSON"),
        ("CASTOFF_LOG_LEVEL", "debug"),
    ]);
    assert!(config.create_database && config.export_database_url);
    assert_eq!(config.pooler, Pooler::Transaction);
    assert_eq!(config.migrations.as_deref(), Some(Path::new("db/sql")));
    assert_eq!(config.history_table.unwrap().to_string(), "app.done");
    assert_eq!((config.on_edited, config.on_missing), (Some(Drift::Warn), Some(Drift::Fail)));
    assert_eq!(config.timeouts.connect, Some(Duration::from_millis(250)));
    assert_eq!(config.timeouts.lock, None);
    assert_eq!(config.timeouts.migrate, Some(Duration::from_mins(90)));
    assert_eq!(config.timeouts.stop_grace, Duration::ZERO);
    assert_eq!(config.logs, LogSettings { format: Format::Json, level: Level::Debug });
}

#[test]
fn all_mistakes_are_reported_together_each_with_its_place() {
    let why = refused(
        "castoff --lock-timeout never migrate",
        &[
            ("CASTOFF_WAIT_TIMEOUT", "soon"),
            ("CASTOFF_CREATE_DATABASE", "maybe"),
            ("CASTOFF_POOLER", "big"),
            ("CASTOFF_ON_EDITED", "shrug"),
            ("CASTOFF_LOG_LEVEL", "loud"),
            ("CASTOFF_DATABASE_HOST", "db"),
            ("CASTOFF_DATABASE_PORT", "many"),
            ("CASTOFF_HEALTH_LISTEN", "localhost"),
            ("CASTOFF_DDL_LOCK_RETRIES", "few"),
        ],
    );
    assert!(why.starts_with("9 mistakes"), "{why}");
    for name in [
        "--lock-timeout: `never`",
        "CASTOFF_WAIT_TIMEOUT: `soon`",
        "30s",
        "CASTOFF_CREATE_DATABASE: `maybe`",
        "CASTOFF_POOLER: `big`",
        "auto, none, session, transaction",
        "CASTOFF_ON_EDITED: `shrug`",
        "CASTOFF_LOG_LEVEL: `loud`",
        "CASTOFF_DATABASE_PORT: `many`",
        "CASTOFF_HEALTH_LISTEN: `localhost`",
        "CASTOFF_DDL_LOCK_RETRIES: `few`",
    ] {
        assert!(why.contains(name), "{name} in {why}");
    }
}

#[test]
fn a_flag_that_is_empty_is_a_mistake_and_no_default() {
    assert!(refused("castoff --wait-timeout= migrate", &[URL]).contains("--wait-timeout is empty"));
}

#[test]
fn mode_off_starts_the_application_whatever_else_is_wrong() {
    let variables = [
        ("CASTOFF_MODE", "off"),
        ("CASTOFF_WAIT_TIMEOUT", "soon"),
        ("DATABASE_URL", "nonsense"),
        ("CASTOFF_DATABASE_URL", "postgres://u:p#w@h/d"),
        ("CASTOFF_DATABASE_URL_FILE", "/nowhere"),
        ("CASTOFF_HEALTH_LISTEN", "localhost"),
        ("CASTOFF_DDL_LOCK_RETRIES", "few"),
        ("CASTOFF_LOG_LEVEL", "loud"),
        ("CASTOFF_ONLY_FOR", "x"),
    ];
    let config = accepted("castoff -- node server.js", &variables);
    assert!(config.start_at_once && config.database.is_none());
    assert_eq!(config.mode, Mode::Off);
    assert_eq!(config.command, ["node", "server.js"]);
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("CASTOFF_LOG_LEVEL"));
    assert!(config.environment.get("CASTOFF_DATABASE_URL").is_none());
    assert!(accepted("castoff --mode OFF --wait-timeout x -- node", &[]).start_at_once);
}

#[test]
fn mode_off_does_not_start_the_application_as_somebody_else() {
    let variables = [("CASTOFF_MODE", "off"), ("CASTOFF_USER", "nobody-of-that-name")];
    let why = refused("castoff -- node server.js", &variables);
    assert!(why.starts_with("CASTOFF_USER: there is no user `nobody-of-that-name`"), "{why}");
    let config = accepted("castoff --mode off --user 1000:1000 -- node server.js", &[]);
    assert!(config.start_at_once && config.user.is_some());
}

#[test]
fn only_for_another_command_nothing_is_read() {
    let variables = [("CASTOFF_ONLY_FOR", "node server.js*"), ("DATABASE_URL", "nonsense")];
    assert!(accepted("castoff -- sh -c id", &variables).start_at_once);
    assert!(refused("castoff -- node server.js --port 80", &variables).contains("DATABASE_URL"));
    let variables = [("CASTOFF_ONLY_FOR", "node server.js*"), URL];
    assert!(!accepted("castoff -- node server.js", &variables).start_at_once);
}

#[test]
fn a_mode_is_one_of_five() {
    for (word, mode) in
        [("migrate", Mode::Migrate), ("verify", Mode::Verify), ("await", Mode::Await), ("wait", Mode::Wait)]
    {
        assert_eq!(accepted(&format!("castoff --mode {word} -- x"), &[URL]).mode, mode);
    }
    assert!(refused("castoff -- x", &[URL, ("CASTOFF_MODE", "of")]).contains("CASTOFF_MODE: `of`"));
    assert!(accepted("castoff --mode off -- x", &[URL]).start_at_once);
}

#[test]
fn a_subcommand_is_run_whatever_the_mode_says() {
    let config = with(&[URL, ("CASTOFF_MODE", "off")]);
    assert!(!config.start_at_once && config.database.is_some());
    assert!(config.warnings[0].contains("`castoff migrate`"));
}

#[test]
fn without_a_database_every_task_says_what_to_set() {
    for line in ["castoff -- x", "castoff migrate", "castoff wait", "castoff status"] {
        let why = refused(line, &[]);
        assert!(why.contains("DATABASE_URL") && why.contains("CASTOFF_DATABASE_HOST"), "{why}");
    }
}

#[test]
fn without_a_command_the_mistake_is_about_that() {
    assert!(refused("castoff", &[URL]).contains("no command after `--`"));
    assert!(refused("castoff --mode off", &[]).contains("no command after `--`"));
}

#[test]
fn the_formats_are_those_that_are_built_in() {
    for format in FORMATS {
        let config = with(&[URL, ("CASTOFF_FORMAT", format.name())]);
        assert_eq!(config.format.as_deref(), Some(format.name()));
    }
    assert_eq!(format_name("SQLx", &["sqlx"]), Ok(Some("sqlx".to_owned())));
    assert_eq!(format_name("auto", &["sqlx"]), Ok(None));
    assert_eq!(
        format_name("rails", &["sqlx", "goose"]).unwrap_err(),
        "`rails` is no format; castoff knows sqlx, goose (or auto)"
    );
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let config = with(&[URL, ("CASTOFF_WAIT_TIMOUT", "3s")]);
    assert_eq!(config.warnings, ["unknown variable CASTOFF_WAIT_TIMOUT; did you mean CASTOFF_WAIT_TIMEOUT?"]);
}

#[test]
fn the_application_gets_its_environment_without_our_secrets_in_its_order() {
    let config = accepted(
        "castoff -- x",
        &[
            ("Z", "1"),
            ("CASTOFF_DATABASE_URL", "postgres://u:p@h/d"),
            URL,
            ("CASTOFF_DATABASE_PASSWORD", "p"),
            ("CASTOFF_DATABASE_SECRET", "{}"),
            ("CASTOFF_LOG_LEVEL", "info"),
            ("EMPTY", ""),
            ("A", "2"),
        ],
    );
    let names: Vec<_> = config.environment.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["Z", "DATABASE_URL", "CASTOFF_LOG_LEVEL", "EMPTY", "A"]);
}

#[cfg(unix)]
#[test]
fn an_application_may_have_any_bytes_and_a_setting_may_not() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![b'a', 0xff]);
    let environment = [("ODD".into(), odd.clone()), ("DATABASE_URL".into(), "postgres://app@db/app".into())];
    let environment = crate::environment::Environment::new(environment);
    let arguments = vec!["castoff".into(), "--".into(), "x".into(), odd.clone()];
    let Parsed::Run(config) = Config::from(arguments, &environment, Path::new("/")) else {
        panic!("refused")
    };
    assert_eq!(config.command[1], odd);
    assert_eq!(config.environment.get("ODD").unwrap(), odd);

    let arguments = vec!["castoff".into(), "--migrations".into(), odd, "migrate".into()];
    let Parsed::Refuse { failure, .. } = Config::from(arguments, &environment, Path::new("/")) else {
        panic!("accepted")
    };
    assert!(failure.reason().contains("--migrations: the value is not UTF-8"));
}

#[test]
fn a_history_table_of_the_url_must_agree_with_the_option() {
    let url = ("DATABASE_URL", "postgres://app@db/app?x-migrations-table=done");
    assert_eq!(with(&[url]).history_table.unwrap().to_string(), "done");
    assert_eq!(with(&[url, ("CASTOFF_HISTORY_TABLE", "done")]).history_table.unwrap().to_string(), "done");
    let why = refused("castoff migrate", &[url, ("CASTOFF_HISTORY_TABLE", "other")]);
    assert!(why.contains("other") && why.contains("done"), "{why}");
}

#[test]
fn how_to_log_is_known_even_when_the_rest_is_wrong() {
    let variables = [("CASTOFF_LOG_FORMAT", "json"), ("CASTOFF_LOG_LEVEL", "nonsense")];
    for line in ["castoff migrate", "castoff --bogus migrate", "castoff"] {
        let Parsed::Refuse { logs, .. } = parsed(line, &variables, Path::new("/")) else {
            panic!("accepted")
        };
        assert_eq!(logs, LogSettings { format: Format::Json, level: Level::Info });
    }
}

#[test]
fn castoff_after_the_dashes_is_castoff() {
    let config = accepted("castoff --database-url postgres://a@h/d -- /castoff status --json", &[]);
    assert_eq!(config.task, Task::Status { json: true });
    assert_eq!(target(&config).database, "d");
}

#[test]
fn no_debug_output_holds_a_secret() {
    let config = accepted(
        "castoff -- x",
        &[
            ("CASTOFF_DATABASE_URL", "postgres://app@db/app"),
            ("CASTOFF_DATABASE_PASSWORD", "hunter2"),
            ("CASTOFF_DATABASE_SECRET", r#"{"password":"hunter2"}"#),
            ("OTHER", "hunter2"),
        ],
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!bad_url("postgres://app:hun#ter2@db/app").contains("hun#ter2"));
}

#[test]
fn a_misspelt_variable_is_named_beside_the_mistake_it_caused() {
    let line = ["castoff", "--", "app"].map(Into::into).to_vec();
    let environment = [("CASTOFF_DATABASE_ULR", "postgres://h/d")].into_iter().collect();
    let Parsed::Refuse { warnings, .. } = Config::from(line, &environment, Path::new("/")) else {
        panic!("there is no database")
    };
    assert!(warnings.iter().any(|warning| warning.contains("CASTOFF_DATABASE_URL")), "{warnings:?}");
}
