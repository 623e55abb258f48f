//! The command line: what is accepted, what is refused, and that mistakes are told together.

use castoff::exit::Exit;

use crate::harness::{Finished, Migrations, Run};

/// Usage errors are told before anything is waited for.
fn refused(run: &Run) -> Finished {
    let run = run.output().exits(Exit::Usage);
    assert!(run.events("wait.retry").is_empty() && run.stdout.is_empty(), "{run}");
    assert_eq!(run.event("exit")["code"], 64);
    run
}

#[test]
fn version_names_engines_and_formats() {
    let run = Run::new(["--version"]).output().succeeds();
    for word in ["castoff", env!("CARGO_PKG_VERSION"), "postgres", "mysql", "sqlite", "sqlx"] {
        assert!(run.stdout.contains(word), "{word} in {run}");
    }
}

#[test]
fn help_names_the_variable_of_every_option_and_no_value() {
    let secret = crate::harness::secrets::invent();
    for arguments in
        [vec!["--help"], vec!["migrate", "--help"], vec!["wait", "--help"], vec!["status", "--help"]]
    {
        let run = Run::new(&arguments)
            .env("CASTOFF_DATABASE_URL", format!("postgres://u:{secret}@h/d"))
            .env("DATABASE_URL", format!("postgres://u:{secret}@h/d"))
            .env("CASTOFF_WAIT_TIMEOUT", "1234567s")
            .output()
            .succeeds();
        let options: Vec<&str> =
            run.stdout.split_whitespace().filter(|word| word.starts_with("--")).collect();
        assert!(options.iter().any(|option| option.contains("wait-timeout")), "{run}");
        for variable in ["CASTOFF_DATABASE_URL", "CASTOFF_WAIT_TIMEOUT", "CASTOFF_LOG_LEVEL"] {
            assert!(run.stdout.contains(variable), "{variable} in {run}");
        }
        assert!(!run.stdout.contains("1234567"), "no value of the environment: {run}");
    }
}

#[test]
fn help_and_version_need_no_valid_configuration() {
    Run::new(["--help"]).env("CASTOFF_WAIT_TIMEOUT", "soon").output().succeeds();
    Run::new(["--version"]).env("DATABASE_URL", "nonsense").output().succeeds();
}

#[test]
fn a_command_is_needed_and_so_is_the_double_dash() {
    refused(&Run::new(["--"]));
    refused(&Run::new::<&str>([]));
    refused(&Run::new(["/bin/echo", "started"]));
    refused(&Run::new(["--mode", "off"]));
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest_one() {
    refused(&Run::new(["migrate", "--wait-timeuot", "1s"])).says("--wait-timeout");
}

#[test]
fn a_value_that_does_not_parse_names_its_variable_and_an_example() {
    for (variable, value, example) in [
        ("CASTOFF_WAIT_TIMEOUT", "soon", "30s"),
        ("CASTOFF_LOCK_TIMEOUT", "5 parsecs", "5m"),
        ("CASTOFF_MODE", "migrat", "migrate"),
        ("CASTOFF_CREATE_DATABASE", "maybe", "true"),
        ("CASTOFF_LOG_LEVEL", "loud", "debug"),
        ("CASTOFF_POOLER", "perhaps", "auto"),
        ("CASTOFF_FORMAT", "liquibase", "sqlx"),
    ] {
        let run = Run::new(["migrate"]).env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d");
        let run = refused(&run.migrations(&Migrations::three()).env(variable, value));
        assert!(
            run.stderr.contains(variable) && run.stderr.contains(example),
            "{variable}, {example}: {run}"
        );
    }
}

#[test]
fn all_mistakes_are_told_together() {
    let run = Run::new(["migrate"])
        .env("DATABASE_URL", "oracle://u:p@h/d")
        .env("CASTOFF_WAIT_TIMEOUT", "soon")
        .env("CASTOFF_LOCK_TIMEOUT", "later")
        .env("CASTOFF_MODE", "perhaps");
    let run = refused(&run);
    for word in ["DATABASE_URL", "CASTOFF_WAIT_TIMEOUT", "CASTOFF_LOCK_TIMEOUT", "CASTOFF_MODE"] {
        assert!(run.stderr.contains(word), "{word} in {run}");
    }
}

#[test]
fn a_misspelt_variable_is_a_warning_that_names_the_nearest() {
    let run = Run::new(["--mode", "off", "--", "/bin/echo", "started"]).env("CASTOFF_WAIT_TIMOUT", "1s");
    let finished = run.output().succeeds();
    assert_eq!(finished.stdout, "started\n");
    let run = Run::new(["migrate"])
        .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
        .env("CASTOFF_WAIT_TIMOUT", "1s")
        .option(["--wait-timeout", "100ms"])
        .migrations(&Migrations::three());
    let run = run.output().exits(Exit::Unavailable).says("CASTOFF_WAIT_TIMOUT");
    let warning =
        run.log.iter().find(|line| line.to_string().contains("CASTOFF_WAIT_TIMOUT")).expect("a line");
    assert!(warning["message"].as_str().is_some_and(|text| text.contains("CASTOFF_WAIT_TIMEOUT")), "{run}");
    assert_eq!(warning["level"], "warn");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let run = Run::new(["migrate", "--wait-timeout", "100ms"])
        .env("CASTOFF_DATABASE_URL", "")
        .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
        .env("CASTOFF_MODE", "")
        .env("CASTOFF_LOCK_TIMEOUT", "")
        .migrations(&Migrations::three());
    run.output().exits(Exit::Unavailable);
}

#[test]
fn a_flag_wins_over_its_variable() {
    let run = Run::new(["migrate", "--wait-timeout", "200ms"])
        .env("CASTOFF_WAIT_TIMEOUT", "10m")
        .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
        .migrations(&Migrations::three());
    let run = run.output().exits(Exit::Unavailable);
    assert!(run.elapsed < std::time::Duration::from_secs(20), "{run}");
}

#[test]
fn durations_and_booleans_have_their_usual_spellings() {
    for duration in ["250ms", "1s", "1m", "1h30m"] {
        let run = Run::new(["--mode", "off", "--", "/bin/true"]).env("CASTOFF_LOCK_TIMEOUT", duration);
        run.output().succeeds();
    }
    for boolean in ["1", "true", "yes", "on", "0", "false", "no", "off"] {
        let run = Run::new(["migrate", "--wait-timeout", "50ms"])
            .env("CASTOFF_CREATE_DATABASE", boolean)
            .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
            .migrations(&Migrations::three());
        run.output().exits(Exit::Unavailable);
    }
}

#[test]
fn the_migrations_directory_is_found_where_tools_put_it() {
    let home = crate::harness::Scratch::new("image");
    let run = || {
        Run::new(["migrate", "--wait-timeout", "50ms"])
            .env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
            .cwd(home.path())
    };
    run().output().exits(Exit::NoInput);
    home.write("db/migrations/1_a.sql", "SELECT 1;\n");
    run().output().exits(Exit::Unavailable);
    home.write("migrations/1_a.sql", "SELECT 1;\n");
    run().output().exits(Exit::Usage).says("db/migrations");
}

#[test]
fn without_a_database_nothing_can_be_migrated() {
    refused(&Run::new(["migrate"]).migrations(&Migrations::three())).says("DATABASE_URL");
    refused(&Run::new(["wait"]));
}
