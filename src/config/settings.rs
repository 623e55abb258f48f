//! Flag, then variable, then nothing.

use std::path::Path;

use super::report::Report;
use super::source::{Content, Source, Unreadable, entries};
use crate::cli::CommandLine;
use crate::cli::options::variable;
use crate::environment::Environment;
use crate::target::Secret;

/// The command line over the environment.
pub(crate) struct Settings<'a> {
    pub(crate) line: &'a CommandLine,
    pub(crate) environment: &'a Environment,
}

/// A value and the name by which a message calls its place.
pub(crate) struct Setting {
    pub(crate) origin: String,
    pub(crate) value: String,
}

impl Settings<'_> {
    /// What an option was given, by flag or variable.
    pub(crate) fn get(&self, flag: &str, report: &mut Report) -> Option<Setting> {
        let (origin, value) = match self.line.flag(flag) {
            Some(value) => (format!("--{flag}"), value),
            None => (variable(flag), self.environment.get(&variable(flag))?),
        };
        match value.to_str() {
            Some("") => report.mistake(format!("{origin} is empty; leave it out, or give it a value")),
            Some(value) => return Some(Setting { origin, value: value.to_owned() }),
            None => report.mistake(format!("{origin}: the value is not UTF-8")),
        }
        None
    }

    /// An option's value as `parse` understands it; a mistake names its place.
    pub(crate) fn parse<T>(
        &self,
        flag: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
        report: &mut Report,
    ) -> Option<T> {
        let setting = self.get(flag, report)?;
        report.accept(parse(&setting.value).map_err(|why| format!("{}: {why}", setting.origin)))
    }

    /// An option that may hold a secret and has a `_FILE` form.
    pub(crate) fn secret(&self, flag: &str, directory: &Path, report: &mut Report) -> Option<Source> {
        let from_variable = self.secret_variable(&variable(flag), directory, report);
        match self.line.flag(flag) {
            Some(_) => {
                let setting = self.get(flag, report)?;
                Some(Source { origin: setting.origin, content: Content::Given(Secret::new(setting.value)) })
            }
            None => from_variable,
        }
    }

    /// A repeatable option that may hold secrets: each flag is one value, the variable or its `_FILE` form a list of them.
    pub(crate) fn list(&self, flag: &str, directory: &Path, report: &mut Report) -> Vec<Source> {
        let from_variable = self.secret_variable(&variable(flag), directory, report);
        let flags = self.line.values(flag);
        if !flags.is_empty() {
            let texts = flags.iter().filter_map(|value| match value.to_str() {
                Some("") => {
                    report.mistake(format!("--{flag} is empty; leave it out, or give it a value"));
                    None
                }
                Some(value) => Some(Content::Given(Secret::new(value))),
                None => {
                    report.mistake(format!("--{flag}: the value is not UTF-8"));
                    None
                }
            });
            return numbered(&format!("--{flag}"), texts.collect());
        }
        let Some(source) = from_variable else { return Vec::new() };
        let Some(text) = report.accept(source.read().map_err(Unreadable::why)) else { return Vec::new() };
        let contents = entries(&text).enumerate().map(|(at, entry)| match &source.content {
            Content::File(path) => Content::Entry(path.clone(), at),
            _ => Content::Given(Secret::new(entry)),
        });
        let contents: Vec<Content> = contents.collect();
        if contents.is_empty() {
            report.mistake(format!("{} names nothing between its commas", source.origin));
        }
        numbered(&source.origin, contents)
    }

    /// A variable that may hold a secret, or its `_FILE` form; not both.
    pub(crate) fn secret_variable(
        &self,
        name: &str,
        directory: &Path,
        report: &mut Report,
    ) -> Option<Source> {
        let file_name = format!("{name}_FILE");
        match (self.environment.get(name), self.environment.get(&file_name)) {
            (Some(_), Some(_)) => {
                report.mistake(format!("{name} and {file_name} are both set: keep one"));
                None
            }
            (Some(value), None) => {
                let value = value.to_str().ok_or_else(|| format!("{name}: the value is not UTF-8"));
                let value = report.accept(value)?;
                Some(Source { origin: name.to_owned(), content: Content::Given(Secret::new(value)) })
            }
            (None, Some(path)) => {
                Some(Source { origin: file_name, content: Content::File(directory.join(path)) })
            }
            (None, None) => None,
        }
    }
}

/// Values of one option, each called by its place if there are several.
fn numbered(origin: &str, contents: Vec<Content>) -> Vec<Source> {
    let several = contents.len() > 1;
    let named = |(content, number)| {
        let origin = if several { format!("{origin}, number {number}") } else { origin.to_owned() };
        Source { origin, content }
    };
    contents.into_iter().zip(1..).map(named).collect()
}
