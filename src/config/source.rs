//! One place that may hold a secret: a value, a file that is read again at each attempt, or an entry of a list there.

use std::fs;
use std::path::{Path, PathBuf};

use super::password_command::without_trailing_newlines;
use super::report::Report;
use super::settings::Settings;
use crate::environment::Environment;
use crate::target::Secret;

/// A value that may be a secret: given, or in a file that is read again at each attempt.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) origin: String,
    pub(crate) content: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    Given(Secret),
    File(PathBuf),
    /// One of the entries that such a file lists, counted from 0.
    Entry(PathBuf, usize),
}

/// Why a source gives nothing.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The file cannot be read, which may pass while it is being replaced.
    File(String),
    /// What is read makes no sense.
    Content(String),
}

impl Unreadable {
    /// The reason.
    pub(crate) fn why(self) -> String {
        match self {
            Self::File(why) | Self::Content(why) => why,
        }
    }
}

impl Source {
    /// What it holds now.
    pub(crate) fn read(&self) -> Result<String, Unreadable> {
        match &self.content {
            Content::Given(secret) => Ok(secret.expose().to_owned()),
            Content::File(path) => self.read_file(path),
            Content::Entry(path, at) => entries(&self.read_file(path)?).nth(*at).ok_or_else(|| {
                Unreadable::File(format!("{}: its entry is gone from {}", self.origin, path.display()))
            }),
        }
    }

    fn read_file(&self, path: &Path) -> Result<String, Unreadable> {
        let bytes = fs::read(path).map_err(|error| {
            Unreadable::File(format!("{}: the file {} cannot be read: {error}", self.origin, path.display()))
        })?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Unreadable::Content(format!("{}: the file {} is not UTF-8", self.origin, path.display()))
        })?;
        match without_trailing_newlines(&text) {
            "" => Err(Unreadable::File(format!("{}: the file {} is empty", self.origin, path.display()))),
            text => Ok(text.to_owned()),
        }
    }

    /// Whether reading it again can give something else.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.content, Content::File(_) | Content::Entry(..))
    }
}

/// What a list names, one after the other; a comma inside of one is written `%2C`.
pub(crate) fn entries(list: &str) -> impl Iterator<Item = String> {
    list.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| entry.replace("%2C", ",").replace("%2c", ","))
}

/// The URL of highest rank, behind `env:` if it says so.
pub(crate) fn url_source(settings: &Settings<'_>, directory: &Path, report: &mut Report) -> Option<Source> {
    let own = settings.secret("database-url", directory, report);
    let source = match own {
        Some(own) => {
            if settings.environment.get("DATABASE_URL").is_some() {
                report.notes.push(format!("{} is used, not DATABASE_URL", own.origin));
            }
            own
        }
        None if report.has_mistakes() => return None,
        None => settings.secret_variable("DATABASE_URL", directory, report)?,
    };
    behind_variable(source, settings.environment, report)
}

/// What a value means that may be `env:NAME`.
pub(crate) fn behind_variable(
    source: Source,
    environment: &Environment,
    report: &mut Report,
) -> Option<Source> {
    let Content::Given(value) = &source.content else { return Some(source) };
    let Some(name) = value.expose().strip_prefix("env:") else { return Some(source) };
    match environment.get(name).map(|value| value.to_str()) {
        Some(Some(value)) => Some(Source {
            origin: format!("{} (env:{name})", source.origin),
            content: Content::Given(Secret::new(value)),
        }),
        Some(None) => {
            report.mistake(format!("{}: the variable {name} is not UTF-8", source.origin));
            None
        }
        None => {
            report.mistake(format!("{}: env:{name} names a variable that is unset or empty", source.origin));
            None
        }
    }
}
