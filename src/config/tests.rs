//! The configuration from outside: arguments and variables in, a `Config` or all mistakes out.

use std::ffi::OsString;
use std::path::Path;

use super::{Config, Environment, Parsed};
use crate::exit::Exit;

mod dialects;
mod general;
mod routes;
mod sources;
mod tls;
mod wait_for;

/// A folder that holds nothing.
pub(super) const NOWHERE: &str = "/nonexistent/app";

pub(super) fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

pub(super) fn parsed(line: &str, variables: &[(&str, &str)], directory: &Path) -> Parsed {
    let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
    Config::from(words, &environment(variables), directory)
}

pub(super) fn accepted(line: &str, variables: &[(&str, &str)]) -> Config {
    match parsed(line, variables, Path::new(NOWHERE)) {
        Parsed::Run(config) => *config,
        Parsed::Print(text) => panic!("{line}: printed {text}"),
        Parsed::Refuse { failure, .. } => panic!("{line}: {failure}"),
    }
}

pub(super) fn refused(line: &str, variables: &[(&str, &str)]) -> String {
    match parsed(line, variables, Path::new(NOWHERE)) {
        Parsed::Refuse { failure, .. } => {
            assert_eq!(failure.exit, Exit::Usage);
            failure.reason()
        }
        other => panic!("{line}: {other:?}"),
    }
}

/// The configuration of `castoff migrate` with these variables.
pub(super) fn with(variables: &[(&str, &str)]) -> Config {
    accepted("castoff migrate", variables)
}

/// The configuration of `castoff migrate` with this URL.
pub(super) fn url(url: &str) -> Config {
    with(&[("DATABASE_URL", url)])
}

/// The mistakes of `castoff migrate` with this URL.
pub(super) fn bad_url(url: &str) -> String {
    refused("castoff migrate", &[("DATABASE_URL", url)])
}

pub(super) fn target(config: &Config) -> &crate::target::Target {
    config.database.as_ref().unwrap().target()
}

pub(super) fn password(config: &Config) -> Option<&str> {
    target(config).password.as_ref().map(crate::target::Secret::expose)
}
