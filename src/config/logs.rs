//! How to log: read first, and as well as can be even when the rest is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;

use tracing::Level;

use super::environment::Environment;
use super::report::Report;
use super::settings::Settings;
use super::values::choice;
use crate::cli::options::variable;

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// How to log, always on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important level that is shown.
    pub level: Level,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: Level::INFO }
    }
}

const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

impl LogSettings {
    /// Reads them; what is wrong is a mistake and leaves the default.
    pub(crate) fn read(settings: &Settings<'_>, report: &mut Report) -> Self {
        Self {
            format: settings.parse("log-format", |text| choice(text, FORMATS), report).unwrap_or_default(),
            level: settings.parse("log-level", |text| choice(text, LEVELS), report).unwrap_or(Level::INFO),
        }
    }

    /// What can be made out where the command line makes no sense.
    pub(crate) fn best_effort(flags: &BTreeMap<&'static str, OsString>, environment: &Environment) -> Self {
        let text = |flag: &str| {
            let value =
                flags.get(flag).map(OsString::as_os_str).or_else(|| environment.get(&variable(flag)))?;
            value.to_str()
        };
        let default = Self::default();
        Self {
            format: text("log-format").and_then(|text| choice(text, FORMATS).ok()).unwrap_or(default.format),
            level: text("log-level").and_then(|text| choice(text, LEVELS).ok()).unwrap_or(default.level),
        }
    }
}
