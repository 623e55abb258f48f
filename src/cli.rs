//! The command line: which words were given, before anybody asks what they mean.
//!
//! No value is parsed here, so that the configuration can report all mistakes together and `--mode off` starts the
//! application whatever else is wrong.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};

use crate::engine::Engine;
use crate::format::{FORMATS, Resolution};
use options::{LATER_COMMANDS, LATER_OPTIONS, OPTIONS};

pub mod options;

/// What castoff was called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// `castoff -- COMMAND`: wait, migrate, become the application.
    Become,
    /// `castoff migrate`
    Migrate,
    /// `castoff wait`
    Wait,
    /// `castoff status`
    Status {
        /// `--json`
        json: bool,
    },
    /// `castoff resolve`
    Resolve {
        /// `--applied` or `--rolled-back`
        resolution: Resolution,
        /// The migration.
        id: String,
    },
}

impl Task {
    /// The subcommand, as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Become => "-- COMMAND",
            Self::Migrate => "migrate",
            Self::Wait => "wait",
            Self::Status { .. } => "status",
            Self::Resolve { .. } => "resolve",
        }
    }
}

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

const EXAMPLE: &str =
    "write for example `castoff -- node server.js` or `castoff migrate`; `castoff --help` says more";

/// Reads the arguments, the program's own name first.
pub fn parse(arguments: Vec<OsString>) -> Words {
    let arguments = own_command_line(arguments);
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
            let known = definition().find_subcommand(&*word).is_some() || LATER_COMMANDS.contains(&&*word);
            known || word.starts_with('-')
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
    let (task, deepest) = match matches.subcommand() {
        Some(("migrate", own)) => (Task::Migrate, own),
        Some(("wait", own)) => (Task::Wait, own),
        Some(("status", own)) => (Task::Status { json: own.get_flag("json") }, own),
        Some(("resolve", own)) => (resolve(own), own),
        _ => (Task::Become, matches),
    };
    let flags = OPTIONS
        .iter()
        .filter(|option| !option.repeatable)
        .filter_map(|option| Some((option.flag, deepest.get_one::<OsString>(option.flag)?.clone())))
        .collect();
    let repeated = OPTIONS
        .iter()
        .filter(|option| option.repeatable)
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

/// clap sees to it that exactly one of the two is there.
fn resolve(own: &ArgMatches) -> Task {
    let given = |name: &str| own.get_one::<String>(name).cloned();
    match (given("applied"), given("rolled-back")) {
        (Some(id), _) => Task::Resolve { resolution: Resolution::Applied, id },
        (None, id) => Task::Resolve { resolution: Resolution::RolledBack, id: id.unwrap_or_default() },
    }
}

/// clap's definition, from the table of options.
fn definition() -> Command {
    let mut castoff = Command::new("castoff")
        .bin_name("castoff")
        .next_line_help(true)
        .version(version())
        .about(
            "Waits for the database, applies pending migrations once across all replicas under its advisory lock, \
             and becomes COMMAND.",
        )
        .override_usage("castoff [OPTIONS] -- COMMAND [ARG]...\n       castoff [OPTIONS] SUBCOMMAND")
        .after_help(AFTER_HELP)
        .subcommand_value_name("SUBCOMMAND")
        .subcommand_help_heading("Subcommands")
        .args_override_self(true)
        .disable_help_subcommand(true)
        .subcommand(Command::new("migrate").about("Wait, migrate, exit").after_help(AFTER_HELP))
        .subcommand(Command::new("wait").about("Wait until the database and every --wait-for are ready, exit").after_help(AFTER_HELP))
        .subcommand(
            Command::new("status")
                .about("Say what is applied and what is pending; change nothing, take no lock")
                .after_help(AFTER_HELP)
                .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object on stdout")),
        )
        .subcommand(
            Command::new("resolve")
                .about("Repair the history after a failed migration, under the lock, as the migration tool would")
                .override_usage("castoff resolve [OPTIONS] --applied ID | --rolled-back ID")
                .after_help(AFTER_HELP)
                .arg(resolution("applied").help("The migration is in the database: record it so"))
                .arg(resolution("rolled-back").help("Nothing of it is in the database any more: let it run again"))
                .group(ArgGroup::new("resolution").args(["applied", "rolled-back"]).required(true)),
        )
        .arg(
            Arg::new("COMMAND")
                .last(true)
                .num_args(1..)
                .value_parser(OsStringValueParser::new())
                .help("The application castoff becomes, and its arguments"),
        );
    for option in OPTIONS {
        let variable = option.variable();
        let file = if option.secret { format!(" or {variable}_FILE") } else { String::new() };
        let built_in = if option.flag == "format" { format!(": auto, {}", formats()) } else { String::new() };
        let text = option.help.replacen(" [default", &format!("{built_in} [default"), 1);
        let help = format!("{}\n[variable: {variable}{file}]", wrap(&text));
        let mut arg = Arg::new(option.flag)
            .long(option.flag)
            .help(help)
            .help_heading(option.heading)
            .value_parser(OsStringValueParser::new())
            .global(true);
        if option.value.is_empty() {
            arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL");
        } else {
            // A password may begin with a dash; clap would print it as an unknown flag.
            arg = arg.value_name(option.value).allow_hyphen_values(option.secret);
        }
        if option.repeatable {
            arg = arg.action(ArgAction::Append);
        }
        castoff = castoff.arg(arg);
    }
    castoff
}

fn resolution(name: &'static str) -> Arg {
    let id = Arg::new(name).long(name).value_name("ID").value_parser(NonEmptyStringValueParser::new());
    // golang-migrate's version before the first is -1.
    id.allow_negative_numbers(true)
}

/// The formats built in.
fn formats() -> String {
    FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// Breaks a help text into lines; clap does that only with the size of a terminal, which containers lack.
fn wrap(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

const AFTER_HELP: &str = "\
Every option is a flag and a variable: flag, then variable, then default; an empty variable counts as unset.
Durations: 250ms, 30s, 5m, 1h30m. The database: URL first, else secret, else parts, missing parts filled from one
another and, for PostgreSQL, from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE and the like.
A _FILE variable (DATABASE_URL_FILE too) names a file that holds the value and is read again at each attempt.

Exit codes: 0 done; 64 usage or configuration; 65 migrations cannot be trusted; 66 no migrations; 69 database (or
a --wait-for) not ready in time; 70 internal error; 71 operating system error; 74 outcome unknown; 75 lock not free in
time; 77 refused for good; 80 a migration or command failed; 81 migrate timeout; 82 migrations pending; 126 COMMAND not
executable; 127 COMMAND not found; 128+n signal n.";

fn version() -> &'static str {
    use std::sync::LazyLock;
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let engines: Vec<&str> = Engine::ALL.iter().map(|engine| engine.name()).collect();
        format!("{}\nengines: {}\nformats: {}", env!("CARGO_PKG_VERSION"), engines.join(", "), formats())
    });
    &VERSION
}

/// clap's error in our words. clap quotes the words it stumbles over; those could be a URL with a password.
fn explain(error: &clap::Error) -> String {
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
    if let Some(flag) = &flag
        && LATER_OPTIONS.contains(&flag.as_str())
    {
        return format!("this version of castoff does not have --{flag} yet");
    }
    let command = context(ContextKind::InvalidSubcommand).or_else(|| argument.clone());
    if let Some(command) = command.filter(|word| LATER_COMMANDS.contains(&word.as_str())) {
        return format!("this version of castoff does not have `castoff {command}` yet");
    }
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("{} is no subcommand; an application stands after `--`: {EXAMPLE}", quoted(word))
        }
        ErrorKind::UnknownArgument => {
            let word = argument.unwrap_or_default();
            if !word.starts_with('-') {
                return format!(
                    "{} is not expected here; an application stands after `--`: {EXAMPLE}",
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
        // The only command that needs anything.
        ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => {
            "`castoff resolve` needs one of `--applied ID` and `--rolled-back ID`; `castoff resolve --help` says more"
                .to_owned()
        }
        kind => format!("{}: {EXAMPLE}", kind.as_str().unwrap_or("the command line makes no sense")),
    }
}

/// Whether a word looks like a flag, a path or a name, and like nothing that carries a password.
fn harmless(word: &str) -> bool {
    word.len() <= 60
        && !word.contains("://")
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter))
}

/// The log flags of a command line that could not be read, so that its failure is logged as wished.
fn log_flags(arguments: &[OsString]) -> BTreeMap<&'static str, OsString> {
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

#[cfg(test)]
mod tests;
