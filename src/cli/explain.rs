//! A command line that makes no sense, in words that help and that repeat no secret.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::definition::definition;

/// What to write instead.
pub(super) const EXAMPLE: &str =
    "write for example `castoff -- node server.js` or `castoff migrate`; `castoff --help` says more";

/// clap's error in our words. clap quotes the words it stumbles over; those could be a URL with a password.
pub(super) fn explain(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let quoted = |text: String| if harmless(&text) { format!("`{text}`") } else { "a word".to_owned() };
    let argument = context(ContextKind::InvalidArg);
    let flag = argument
        .as_deref()
        .and_then(|text| text.strip_prefix("--"))
        .and_then(|text| text.split(['=', ' ']).next().map(str::to_owned));
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("{} is no subcommand; an application stands after `--`: {EXAMPLE}", quoted(word))
        }
        ErrorKind::UnknownArgument => {
            let word = argument.unwrap_or_default();
            if !word.starts_with('-') {
                let near = near(&word).unwrap_or_default();
                return format!(
                    "{} is not expected here{near}; an application stands after `--`: {EXAMPLE}",
                    quoted(word)
                );
            }
            let near = context(ContextKind::SuggestedArg).map(|near| format!("; did you mean `{near}`?"));
            let word = word.split('=').next().unwrap_or_default().to_owned();
            format!("unknown flag {}{}", quoted(word), near.unwrap_or_else(|| format!("; {EXAMPLE}")))
        }
        ErrorKind::InvalidValue
        | ErrorKind::NoEquals
        | ErrorKind::TooManyValues
        | ErrorKind::WrongNumberOfValues => {
            let flag = flag.map_or_else(|| "a flag".to_owned(), |flag| format!("--{flag}"));
            format!("{flag} needs a value: write for example {flag}=VALUE; `castoff --help` says more")
        }
        ErrorKind::ValueValidation => {
            "--steps needs a number from 1: write for example `castoff revert --steps 2`".to_owned()
        }
        ErrorKind::ArgumentConflict if argument.as_deref().is_some_and(|one| REVERTS.iter().any(|flag| one.starts_with(flag))) => {
            "`castoff revert` takes either `--steps N` or `--to ID`, not both; `castoff revert --help` says more".to_owned()
        }
        // The only command that needs anything.
        ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => {
            "`castoff resolve` needs either `--applied ID` or `--rolled-back ID`, and not both; `castoff resolve --help` says more"
                .to_owned()
        }
        kind => format!("{}: {EXAMPLE}", kind.as_str().unwrap_or("the command line makes no sense")),
    }
}

/// The subcommand that is meant, where a slip or two explain the word.
fn near(word: &str) -> Option<String> {
    let definition = definition();
    let names = definition.get_subcommands().map(clap::Command::get_name);
    let (slips, name) = names.map(|name| (strsim::damerau_levenshtein(word, name), name)).min()?;
    (slips <= 2 && slips * 2 < name.len()).then(|| format!(" (did you mean `{name}`?)"))
}

/// The flags of which `revert` takes one.
const REVERTS: [&str; 2] = ["--steps", "--to"];

/// Whether a word looks like a flag, a path or a name, and like nothing that carries a password.
pub(super) fn harmless(word: &str) -> bool {
    word.len() <= 60
        && !word.contains("://")
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter))
}

/// The log flags of a command line that could not be read, so that its failure is logged as wished.
pub(super) fn log_flags(arguments: &[OsString]) -> BTreeMap<&'static str, OsString> {
    let mut flags = BTreeMap::new();
    let mut words =
        arguments.iter().skip(1).take_while(|word| *word != "--").map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        for flag in ["log-format", "log-level"] {
            let Some(rest) = word.strip_prefix("--").and_then(|word| word.strip_prefix(flag)) else {
                continue;
            };
            let value = match rest.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None if rest.is_empty() => words.next().map(Into::into),
                None => None,
            };
            flags.extend(value.map(|value| (flag, value.into())));
            break;
        }
    }
    flags
}
