//! How to log: read first, and as well as can be even when the rest is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::report::Report;
use super::settings::Settings;
use super::values::choice;
use crate::cli::Task;
use crate::cli::options::variable;
use crate::environment::Environment;
use crate::log;

const FORMATS: &[(&str, log::Format)] = &[("text", log::Format::Text), ("json", log::Format::Json)];
const LEVELS: &[(&str, log::Level)] = &[
    ("error", log::Level::Error),
    ("warn", log::Level::Warn),
    ("info", log::Level::Info),
    ("debug", log::Level::Debug),
    ("trace", log::Level::Trace),
];

/// Reads them; what is wrong is a mistake and leaves the default.
pub(super) fn read(settings: &Settings<'_>, report: &mut Report) -> log::Settings {
    // What a health check says is kept with its answer, both streams in one: what has been said at the start is not to be
    // said again every ten seconds in the middle of the JSON.
    let usual = if settings.line.task == Task::Health { log::Level::Error } else { log::Level::default() };
    log::Settings {
        format: settings.parse("log-format", |text| choice(text, FORMATS), report).unwrap_or_default(),
        level: settings.parse("log-level", |text| choice(text, LEVELS), report).unwrap_or(usual),
    }
}

/// What can be made out where the command line makes no sense.
pub(super) fn best_effort(
    flags: &BTreeMap<&'static str, OsString>,
    environment: &Environment,
) -> log::Settings {
    let text = |flag: &str| {
        let value = flags.get(flag).map(OsString::as_os_str).or_else(|| environment.get(&variable(flag)))?;
        value.to_str()
    };
    log::Settings {
        format: text("log-format").and_then(|text| choice(text, FORMATS).ok()).unwrap_or_default(),
        level: text("log-level").and_then(|text| choice(text, LEVELS).ok()).unwrap_or_default(),
    }
}
