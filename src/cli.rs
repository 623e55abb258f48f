//! The command line: which words were given, before anybody asks what they mean.
//!
//! No value is parsed here, so that the configuration can report all mistakes together and `--mode off` starts the
//! application whatever else is wrong.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::exit;
use definition::definition;
use explain::{EXAMPLE, explain, harmless, log_flags};
use options::OPTIONS;
pub use task::{Task, Until};

pub mod definition;
mod explain;
pub mod options;
mod task;

/// A command line that makes sense as such.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// What to do.
    pub task: Task,
    /// The application and its arguments; empty unless the task is [`Task::Become`].
    pub command: Vec<OsString>,
    flags: BTreeMap<&'static str, OsString>,
    repeated: Vec<(&'static str, Vec<OsString>)>,
}

impl CommandLine {
    /// The value a flag was given, if it was.
    pub fn flag(&self, flag: &str) -> Option<&OsStr> {
        self.flags.get(flag).map(OsString::as_os_str)
    }

    /// The values of a flag that may be given several times, in order.
    pub fn values(&self, flag: &str) -> &[OsString] {
        let given = self.repeated.iter().find(|(name, _)| *name == flag);
        given.map(|(_, values)| values.as_slice()).unwrap_or_default()
    }
}

/// What the arguments amount to.
#[derive(Debug)]
pub enum Words {
    /// Something to do.
    Do(CommandLine),
    /// A text for stdout: `--help`, `--version`.
    Print(String),
    /// No command line; what is wrong with it, and the log flags as far as they can be made out.
    Refuse(String, BTreeMap<&'static str, OsString>),
}

/// Reads the arguments, the program's own name first.
pub fn parse(arguments: Vec<OsString>) -> Words {
    let arguments = own_command_line(arguments);
    if let Ok(matches) = definition::start().try_get_matches_from(&arguments)
        && matches.contains_id("COMMAND")
    {
        return understand(&matches);
    }
    match definition().try_get_matches_from(&arguments) {
        Ok(matches) => understand(&matches),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Words::Print(error.render().to_string()),
            _ => Words::Refuse(explain(&error), log_flags(&arguments)),
        },
    }
}

/// `castoff OPTIONS -- castoff REST` is `castoff OPTIONS REST`: with castoff as the image's entrypoint,
/// `docker compose run api castoff status` means the subcommand, with the entrypoint's options.
fn own_command_line(mut arguments: Vec<OsString>) -> Vec<OsString> {
    while let Some(dashes) = arguments.iter().skip(1).position(|word| word == "--").map(|at| at + 1) {
        let names_castoff = |word: &OsString| Path::new(word).file_name() == Some(OsStr::new("castoff"));
        let ours = |word: &OsString| {
            let word = word.to_string_lossy();
            definition().find_subcommand(&*word).is_some() || word.starts_with('-')
        };
        if !(arguments.get(dashes + 1).is_some_and(names_castoff)
            && arguments.get(dashes + 2).is_some_and(ours))
        {
            break;
        }
        arguments.drain(dashes..dashes + 2);
    }
    arguments
}

fn understand(matches: &ArgMatches) -> Words {
    if let Some(("help", own)) = matches.subcommand() {
        return help(own.get_one::<String>("TOPIC").map(String::as_str));
    }
    let (task, deepest) = Task::of(matches);
    // clap panics when it is asked for what a subcommand does not have.
    let here = OPTIONS.iter().filter(|option| deepest.try_contains_id(option.flag).is_ok());
    let (many, one): (Vec<_>, Vec<_>) = here.partition(|option| option.repeatable);
    let flags = one
        .iter()
        .filter_map(|option| Some((option.flag, deepest.get_one::<OsString>(option.flag)?.clone())))
        .collect();
    let repeated = many
        .iter()
        .filter_map(|option| {
            Some((option.flag, deepest.get_many::<OsString>(option.flag)?.cloned().collect()))
        })
        .collect();
    let command: Vec<OsString> =
        matches.get_many::<OsString>("COMMAND").map(|words| words.cloned().collect()).unwrap_or_default();
    if task == Task::Become && command.is_empty() {
        return Words::Refuse(format!("no command after `--`: {EXAMPLE}"), flags);
    }
    Words::Do(CommandLine { task, command, flags, repeated })
}

/// A page of help: the whole, a subcommand's, or what the exit codes mean.
fn help(topic: Option<&str>) -> Words {
    let mut castoff = definition();
    let page = match topic {
        None => Some(castoff.render_help().to_string()),
        Some("exit-codes") => Some(exit::table()),
        Some(topic) => {
            // What a page shows depends on what its parents have handed down.
            castoff.build();
            castoff.find_subcommand_mut(topic).map(|own| own.render_help().to_string())
        }
    };
    match (page, topic) {
        (Some(page), _) => Words::Print(page),
        (None, topic) => {
            let topic = topic.filter(|topic| harmless(topic)).unwrap_or("this");
            let why =
                format!("there is no help on `{topic}`; write `castoff help` or `castoff help exit-codes`");
            Words::Refuse(why, BTreeMap::new())
        }
    }
}

#[cfg(test)]
mod tests;
