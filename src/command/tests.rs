use super::{Line, Status, find};
use crate::environment::Environment;
use crate::exit::Exit;

fn words(line: &str) -> Line {
    Line::split("--migrate-command", line, "alembic upgrade heads").unwrap()
}

#[test]
fn a_program_is_found_in_the_path_of_its_own_environment() {
    let environment: Environment = [("PATH", "/nonexistent:/bin")].into_iter().collect();
    assert_eq!(find(&words("sh -c true"), &environment).unwrap(), std::path::Path::new("/bin/sh"));
    assert_eq!(find(&words("/bin/sh"), &environment).unwrap(), std::path::Path::new("/bin/sh"));
}

#[test]
fn a_program_that_is_not_there_is_a_failed_migration_that_names_the_path() {
    let environment: Environment = [("PATH", "/nonexistent")].into_iter().collect();
    let failure = find(&words("alembic upgrade 'hunter2 secret'"), &environment).unwrap_err();
    assert_eq!(failure.exit, Exit::MigrationFailed);
    let reason = failure.reason();
    assert!(
        reason.starts_with("--migrate-command: there is no program `alembic` in PATH (/nonexistent)"),
        "{reason}"
    );
    assert!(!reason.contains("hunter2"), "{reason}");
}

#[test]
fn an_end_is_said_in_words() {
    assert_eq!(Status::Exited(3).to_string(), "ended with code 3");
    assert_eq!(Status::Killed(9).to_string(), "was killed by SIGKILL");
    assert_eq!(Status::Killed(40).to_string(), "was killed by signal 40");
}
