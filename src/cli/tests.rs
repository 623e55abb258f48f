use super::definition::definition;
use super::options::OPTIONS;
use super::{CommandLine, Task, Until, Words, parse};
use crate::exit::Exit;
use std::ffi::OsString;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(Into::into).collect()
}

fn understood(line: &str) -> CommandLine {
    match parse(words(line)) {
        Words::Do(line) => line,
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    match parse(words(line)) {
        Words::Refuse(why, _) => why,
        other => panic!("{line}: {other:?}"),
    }
}

fn printed(line: &str) -> String {
    match parse(words(line)) {
        Words::Print(text) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn what_stands_after_the_dashes_is_the_application() {
    let line = understood("castoff --mode wait -- node --version -- x");
    assert_eq!(line.task, Task::Become);
    assert_eq!(line.command, words("node --version -- x"));
    assert_eq!(line.flag("mode").unwrap(), "wait");
}

#[test]
fn an_application_may_be_called_like_a_subcommand() {
    assert_eq!(understood("castoff -- migrate up").command, words("migrate up"));
}

#[test]
fn options_are_taken_before_and_after_the_subcommand() {
    for line in ["castoff --wait-timeout 3s status --json", "castoff status --json --wait-timeout=3s"] {
        let line = understood(line);
        assert_eq!(line.task, Task::Status { json: true });
        assert_eq!(line.flag("wait-timeout").unwrap(), "3s");
    }
}

#[test]
fn the_last_of_two_equal_flags_counts() {
    assert_eq!(understood("castoff --mode off --mode wait -- x").flag("mode").unwrap(), "wait");
    assert_eq!(understood("castoff --format a migrate --format b").flag("format").unwrap(), "b");
}

#[test]
fn a_repeatable_flag_keeps_every_value_in_order() {
    let line = understood("castoff --wait-for tcp://b:1 --wait-for=tcp://a:1 wait");
    assert_eq!(line.values("wait-for"), ["tcp://b:1", "tcp://a:1"]);
    assert_eq!(understood("castoff wait").values("wait-for"), [""; 0]);
}

#[test]
fn what_the_command_waits_for_replaces_what_the_entrypoint_does() {
    let line =
        understood("castoff --wait-for tcp://a:1 -- castoff wait --wait-for tcp://b:1 --wait-for tcp://c:1");
    assert_eq!(line.values("wait-for"), ["tcp://b:1", "tcp://c:1"]);
    assert_eq!(understood("castoff --wait-for tcp://a:1 -- castoff wait").values("wait-for"), ["tcp://a:1"]);
}

#[test]
fn a_switch_takes_a_value_only_with_an_equals_sign() {
    assert_eq!(understood("castoff --create-database migrate").flag("create-database").unwrap(), "true");
    assert_eq!(understood("castoff --create-database=no migrate").flag("create-database").unwrap(), "no");
    assert_eq!(understood("castoff --create-database -- x").flag("create-database").unwrap(), "true");
}

#[test]
fn a_password_may_begin_with_a_dash() {
    let line = understood("castoff --database-password -s3cret migrate");
    assert_eq!(line.flag("database-password").unwrap(), "-s3cret");
}

#[test]
fn castoff_after_the_dashes_is_the_subcommand_with_the_options_of_the_entrypoint() {
    let line = understood("/castoff --migrations /m -- /usr/bin/castoff status --json");
    assert_eq!(line.task, Task::Status { json: true });
    assert_eq!(line.flag("migrations").unwrap(), "/m");
    assert_eq!(understood("castoff -- castoff --log-level debug wait").task, Task::Wait);
    assert_eq!(understood("castoff -- castoff -- castoff -- node").command, words("node"));
    assert!(printed("castoff -- castoff --version").starts_with("castoff "));
    assert_eq!(understood("castoff -- castoff plan").task, Task::Plan { json: false });
    assert!(printed("castoff -- castoff help exit-codes").contains("82"));
}

#[test]
fn another_word_after_castoff_is_an_application_of_that_name() {
    assert_eq!(understood("castoff -- castoff serve").command, words("castoff serve"));
}

#[test]
fn without_a_command_the_example_is_shown() {
    for line in ["castoff", "castoff --", "castoff --mode off", "castoff node server.js"] {
        assert!(refused(line).contains("castoff -- node server.js"), "{line}: {}", refused(line));
    }
}

#[test]
fn an_application_before_the_dashes_is_refused() {
    assert!(refused("castoff migrate node").contains("`--`"));
    assert!(refused("castoff migrate -- node").contains("`--`"), "{}", refused("castoff migrate -- node"));
}

#[test]
fn a_misspelt_flag_is_named_with_its_neighbour() {
    let why = refused("castoff --wait-timeot 3s migrate");
    assert!(why.contains("--wait-timeot") && why.contains("--wait-timeout"), "{why}");
}

#[test]
fn revert_takes_one_step_unless_it_is_told_how_far() {
    let reverted = |line: &str| understood(line).task;
    assert_eq!(reverted("castoff revert"), Task::Revert { until: Until::Steps(1) });
    assert_eq!(reverted("castoff revert --steps 3"), Task::Revert { until: Until::Steps(3) });
    assert_eq!(reverted("castoff revert --to -1"), Task::Revert { until: Until::To("-1".into()) });
    for line in ["castoff revert --steps 0", "castoff revert --steps -1", "castoff revert --steps some"] {
        assert!(refused(line).contains("--steps 2"), "{line}: {}", refused(line));
    }
    let why = refused("castoff revert --steps 1 --to 2");
    assert!(why.contains("`--steps N`") && why.contains("`--to ID`"), "{why}");
}

#[test]
fn what_belongs_to_one_subcommand_is_taken_by_no_other() {
    let line = understood("castoff health --target tcp://a:1 --target tcp://b:1 --require database");
    assert_eq!((line.task.clone(), line.values("target").len()), (Task::Health, 2));
    assert_eq!(line.flag("require").unwrap(), "database");
    assert!(refused("castoff migrate --require database").contains("unknown flag `--require`"));
    assert!(refused("castoff --target tcp://a:1 -- node").contains("unknown flag `--target`"));
}

#[test]
fn help_is_given_on_castoff_on_a_subcommand_and_on_the_exit_codes() {
    assert_eq!(printed("castoff help"), printed("castoff --help"));
    assert_eq!(printed("castoff help status"), printed("castoff status --help"));
    let codes = printed("castoff help exit-codes");
    for exit in Exit::ALL {
        assert!(
            codes.lines().any(|line| line.trim_start().starts_with(&exit.code().to_string())),
            "{exit:?}"
        );
    }
    assert!(codes.contains("128+n"));
    assert!(refused("castoff help nonsense").contains("`nonsense`"));
}

#[test]
fn no_refusal_repeats_what_could_be_a_secret() {
    for line in [
        "castoff postgres://u:hunter2@h/d",
        "castoff --databse-url=postgres://u:hunter2@h/d migrate",
        "castoff migrate postgres://u:hunter2@h/d",
        "castoff --create-database postgres://u:hunter2@h/d",
    ] {
        assert!(!refused(line).contains("hunter2"), "{}", refused(line));
    }
}

#[test]
fn a_flag_without_its_value_is_named() {
    assert!(refused("castoff migrate --wait-timeout").contains("--wait-timeout"));
}

#[test]
fn a_refused_command_line_still_says_how_to_log() {
    let Words::Refuse(_, flags) = parse(words("castoff --log-format json --bogus --log-level=debug -- x"))
    else {
        panic!("accepted")
    };
    assert_eq!(flags["log-format"], "json");
    assert_eq!(flags["log-level"], "debug");
}

#[test]
fn every_help_names_every_option_with_its_variable() {
    for line in [
        "castoff --help",
        "castoff -h",
        "castoff migrate --help",
        "castoff wait --help",
        "castoff status --help",
        "castoff plan --help",
        "castoff resolve --help",
        "castoff revert --help",
        "castoff health --help",
    ] {
        let help = printed(line);
        for option in OPTIONS.iter().filter(|option| option.of.is_none_or(|of| line.contains(of))) {
            assert!(help.contains(&format!("--{}", option.flag)), "{line}: --{}", option.flag);
            assert!(
                help.contains(&format!("[variable: {}", option.variable())),
                "{line}: {}",
                option.variable()
            );
        }
        assert!(help.contains("DATABASE_URL") && help.contains("Exit codes"));
    }
    assert!(printed("castoff status --help").contains("--json"));
}

#[test]
fn version_names_the_engines() {
    let version = printed("castoff --version");
    assert!(version.starts_with(concat!("castoff ", env!("CARGO_PKG_VERSION"))));
    assert!(version.contains("engines: postgres, mysql, sqlite\nformats: "), "{version}");
}

#[test]
fn the_definition_is_sound() {
    definition().debug_assert();
}
