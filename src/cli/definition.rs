//! clap's definition, from the one table of options: what the parser takes, the help, the completions and the man page.

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, RangedU64ValueParser};
use clap::{Arg, ArgAction, ArgGroup, Command};

use super::options::{OPTIONS, Opt};
use crate::engine::Engine;
use crate::format::FORMATS;

/// Every subcommand with every option.
pub fn definition() -> Command {
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
        .subcommands(subcommands())
        .arg(application());
    for option in OPTIONS {
        castoff = match option.of {
            None => castoff.arg(argument(option).help(help(option)).global(true)),
            Some(subcommand) => {
                castoff.mut_subcommand(subcommand, |own| own.arg(argument(option).help(help(option))))
            }
        };
    }
    castoff.subcommand(
        Command::new("help")
            .about("This text, that of a subcommand, or the exit codes: `castoff help exit-codes`")
            .arg(Arg::new("TOPIC").help("A subcommand, or exit-codes")),
    )
}

/// What the start of an application takes, and nothing else: no subcommand, no help. Whatever it does not take is for
/// [`definition`] to make out. Measured: to build that one takes a tenth of the processor time of a start with nothing
/// pending, most of it for copies of every option in every subcommand.
pub(super) fn start() -> Command {
    let options = OPTIONS.iter().filter(|option| option.of.is_none());
    Command::new("castoff").args_override_self(true).arg(application()).args(options.map(argument))
}

fn application() -> Arg {
    Arg::new("COMMAND")
        .last(true)
        .num_args(1..)
        .value_parser(OsStringValueParser::new())
        .help("The application castoff becomes, and its arguments")
}

fn subcommands() -> Vec<Command> {
    let subcommand =
        |name: &'static str, about: &'static str| Command::new(name).about(about).after_help(AFTER_HELP);
    let json = || Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object on stdout");
    vec![
        subcommand("migrate", "Wait, migrate, exit"),
        subcommand("wait", "Wait until the database and every --wait-for are ready, exit"),
        subcommand("status", "Say what is applied and what is pending; change nothing, take no lock")
            .arg(json()),
        subcommand("plan", "Print the SQL that migrate would send, with its files; change nothing")
            .arg(json()),
        subcommand(
            "resolve",
            "Repair the history after a failed migration, under the lock, as the migration tool would",
        )
        .override_usage("castoff resolve [OPTIONS] --applied ID | --rolled-back ID")
        .arg(id("applied").help("The migration is in the database: record it so"))
        .arg(id("rolled-back").help("Nothing of it is in the database any more: let it run again"))
        .group(ArgGroup::new("resolution").args(["applied", "rolled-back"]).required(true)),
        subcommand("revert", "Run the down scripts of what was applied last, newest first, under the lock")
            .override_usage("castoff revert [OPTIONS] [--steps N | --to ID]")
            .arg(
                Arg::new("steps")
                    .long("steps")
                    .value_name("N")
                    .value_parser(RangedU64ValueParser::<u64>::new().range(1..))
                    .allow_negative_numbers(true)
                    .help("How many migrations [default: 1]"),
            )
            .arg(id("to").help("Every one after this one, which stays applied"))
            .group(ArgGroup::new("until").args(["steps", "to"])),
        subcommand("health", "Say whether this container is healthy: for HEALTHCHECK and exec probes"),
    ]
}

/// What the help says of an option.
fn help(option: &Opt) -> String {
    let variable = option.variable();
    let file = if option.secret { format!(" or {variable}_FILE") } else { String::new() };
    let built_in = if option.flag == "format" { format!(": auto, {}", formats()) } else { String::new() };
    let text = option.help.replacen(" [default", &format!("{built_in} [default"), 1);
    format!("{}\n[variable: {variable}{file}]", wrap(&text))
}

fn argument(option: &Opt) -> Arg {
    let mut arg = Arg::new(option.flag)
        .long(option.flag)
        .help_heading(option.heading)
        .value_parser(OsStringValueParser::new());
    if option.value.is_empty() {
        arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL");
    } else {
        // A password may begin with a dash; clap would print it as an unknown flag.
        arg = arg.value_name(option.value).allow_hyphen_values(option.secret);
    }
    if option.repeatable {
        arg = arg.action(ArgAction::Append);
    }
    arg
}

/// A flag that names a migration.
fn id(name: &'static str) -> Arg {
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
executable; 127 COMMAND not found; 128+n signal n. `castoff help exit-codes` says what to make of each.";

fn version() -> &'static str {
    use std::sync::LazyLock;
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let engines: Vec<&str> = Engine::ALL.iter().map(|engine| engine.name()).collect();
        format!("{}\nengines: {}\nformats: {}", env!("CARGO_PKG_VERSION"), engines.join(", "), formats())
    });
    &VERSION
}
