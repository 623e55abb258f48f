//! Raw arguments and variables become one validated [`Config`] before anything runs.
//!
//! Nothing here reads the process's own environment, arguments or working directory: they are handed in, and the same
//! input always gives the same answer. Only the files that settings name are read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::{self, CommandLine, Task, Words};
use crate::command::Line;
use crate::engine::TableName;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::format::{FORMATS, OutOfOrder};
use crate::user::{Accounts, User};
use choices::{MODES, drift, format_name, init, mode, out_of_order, pooler, timeouts};
use health::{health, listen};
use hooks::{command, hooks};
use report::Report;
use settings::Settings;
use sources::Sources;
use sqlite::Folders;
use values::{boolean, choice, count, glob, table_name};

pub mod choices;
pub mod database;
pub mod health;
pub mod hooks;
pub mod wait_for;

mod dialect;
mod encoding;
mod export;
mod hosts;
mod layer;
mod logs;
mod mysql;
mod parameters;
mod part;
mod password_command;
mod pgpass;
mod postgres;
mod report;
mod secret;
mod settings;
mod source;
mod sources;
mod sqlite;
mod suggest;
mod tls;
mod url;
mod values;

pub use crate::log::Settings as LogSettings;
pub use choices::{Drift, Init, Mode, Pooler, Timeouts};
pub use database::Database;
pub use health::{Health, Listen, Require};
pub use hooks::Hooks;
pub use wait_for::{Awaited, WaitTarget};

/// Variables that carry secrets; the application does not get them.
pub const SECRET_VARIABLES: [&str; 5] = [
    "CASTOFF_DATABASE_URL",
    "CASTOFF_DATABASE_SECRET",
    "CASTOFF_DATABASE_PASSWORD",
    "CASTOFF_WAIT_FOR",
    "CASTOFF_TARGET",
];

/// How often a statement is tried again that did not get its table's lock, unless the user says.
const DDL_LOCK_RETRIES: u32 = 20;

/// Everything castoff was told, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// What castoff was called for.
    pub task: Task,
    /// What happens before the application starts; means nothing to other tasks.
    pub mode: Mode,
    /// The application's argv; empty unless the task is [`Task::Become`].
    pub command: Vec<OsString>,
    /// The mode is off, or `--only-for` does not match: become the application now.
    pub start_at_once: bool,
    /// The database; `None` only if [`start_at_once`](Self::start_at_once), or if only
    /// [`wait_for`](Self::wait_for) is waited for, or for [`Task::Health`].
    pub database: Option<Database>,
    /// What must be ready besides the database.
    pub wait_for: Vec<WaitTarget>,
    /// The migrations directory; `None` to look in [`DEFAULT_DIRECTORIES`](crate::format::DEFAULT_DIRECTORIES).
    pub migrations: Option<PathBuf>,
    /// The name of a format built in; `None` to recognise it.
    pub format: Option<String>,
    /// The history table; `None` for the tool's own.
    pub history_table: Option<TableName>,
    /// What applies the migrations; `None` for castoff itself, or for what the format says.
    pub migrate_command: Option<Line>,
    /// Edited files; `None` for what the tool does.
    pub on_edited: Option<Drift>,
    /// Missing files; `None` for what the tool does.
    pub on_missing: Option<Drift>,
    /// Migrations that come late; `None` for what the tool does.
    pub out_of_order: Option<OutOfOrder>,
    /// What stands before the database.
    pub pooler: Pooler,
    /// Whether a missing database is created.
    pub create_database: bool,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// What runs before and after the migrations.
    pub hooks: Hooks,
    /// How often a statement is tried again that did not get its table's lock in time.
    pub ddl_lock_retries: u32,
    /// Whom the application and commands become; `None` to stay as castoff is.
    pub user: Option<User>,
    /// Whether castoff stays as PID 1 and the application is its child.
    pub init: Init,
    /// Where probes are answered while the application does not run yet.
    pub health_listen: Option<Listen>,
    /// What `health` looks at besides the configured database.
    pub health: Health,
    /// The application's environment: as found, without [`SECRET_VARIABLES`].
    pub environment: Environment,
    /// Whether the application is given [`Database::export_url`] as `DATABASE_URL`.
    pub export_database_url: bool,
    /// How to log.
    pub logs: LogSettings,
    /// To be logged as warnings.
    pub warnings: Vec<String>,
    /// To be logged at the usual level.
    pub remarks: Vec<String>,
    /// To be logged for debugging; names of what is ignored, never values.
    pub notes: Vec<String>,
}

/// What a command line and an environment amount to.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Run(Box<Config>),
    /// A text for stdout, and exit code 0: `--help`, `--version`.
    Print(String),
    /// All mistakes, and what else there is to say: a misspelt variable may be the reason for them.
    Refuse {
        /// How to log it.
        logs: LogSettings,
        /// To be logged as warnings first.
        warnings: Vec<String>,
        /// The mistakes.
        failure: Failure,
    },
}

impl Config {
    /// Reads everything, reporting all mistakes at once. Relative paths start at `directory`.
    pub fn from(arguments: Vec<OsString>, environment: &Environment, directory: &Path) -> Parsed {
        let line = match cli::parse(arguments) {
            Words::Do(line) => line,
            Words::Print(text) => return Parsed::Print(text),
            Words::Refuse(why, flags) => {
                let logs = logs::best_effort(&flags, environment);
                let failure = Failure::message(Exit::Usage, why);
                return Parsed::Refuse { logs, warnings: Vec::new(), failure };
            }
        };
        let settings = Settings { line: &line, environment };
        let mut report = Report::default();
        let logs = logs::read(&settings, &mut report);
        if starts_at_once(&settings) {
            // The one mistake that counts: the application must not run as root because a name was misspelt.
            let mut own = Report::default();
            let user = user(&settings, &mut own);
            let init = init(&settings, &mut report);
            if own.has_mistakes() {
                return Parsed::Refuse { logs, warnings: Vec::new(), failure: own.failure() };
            }
            return Parsed::Run(Box::new(Self::at_once(&line, environment, (user, init), logs, &report)));
        }
        let config = Self::read(&settings, logs, directory, &mut report);
        if report.has_mistakes() {
            let failure = report.failure();
            return Parsed::Refuse { logs, warnings: config.warnings, failure };
        }
        Parsed::Run(Box::new(config))
    }

    /// Nothing is read but as whom and as whose child, and how to log, so that nothing else can keep the application from starting.
    fn at_once(
        line: &CommandLine,
        environment: &Environment,
        (user, init): (Option<User>, Init),
        logs: LogSettings,
        report: &Report,
    ) -> Self {
        Self {
            task: line.task.clone(),
            mode: Mode::Off,
            command: line.command.clone(),
            start_at_once: true,
            database: None,
            wait_for: Vec::new(),
            migrations: None,
            format: None,
            history_table: None,
            migrate_command: None,
            on_edited: None,
            on_missing: None,
            out_of_order: None,
            pooler: Pooler::default(),
            create_database: false,
            timeouts: Timeouts::default(),
            hooks: Hooks::default(),
            ddl_lock_retries: 0,
            user,
            init,
            health_listen: None,
            health: Health::default(),
            environment: environment.without(&SECRET_VARIABLES),
            export_database_url: false,
            logs,
            warnings: report.mistakes().iter().chain(&report.warnings).cloned().collect(),
            remarks: vec![],
            notes: vec![],
        }
    }

    fn read(settings: &Settings<'_>, logs: LogSettings, directory: &Path, report: &mut Report) -> Self {
        suggest::check(settings.environment, report);
        let mode = mode(settings, report);
        let migrations = settings.get("migrations", report).map(|setting| PathBuf::from(setting.value));
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
        let format = settings.parse("format", |text| format_name(text, &names), report).flatten();
        let migrate_command = command(settings, "migrate-command", "alembic upgrade heads", report);
        let on_edited = settings.parse("on-edited", drift, report);
        let on_missing = settings.parse("on-missing", drift, report);
        let out_of_order = settings.parse("out-of-order", out_of_order, report);
        let pooler = settings.parse("pooler", pooler, report).unwrap_or_default();
        let create_database = settings.parse("create-database", boolean, report).unwrap_or_default();
        let export_database_url = settings.parse("export-database-url", boolean, report).unwrap_or_default();
        let timeouts = timeouts(settings, report);
        let hooks = hooks(settings, report);
        let ddl_lock_retries = settings.parse("ddl-lock-retries", count, report).unwrap_or(DDL_LOCK_RETRIES);
        let user = user(settings, report);
        let init = init(settings, report);
        let health_listen = settings.parse("health-listen", listen, report);
        let explicit_table = settings.parse("history-table", table_name, report);
        let environment = settings.environment.without(&SECRET_VARIABLES);
        let folders = Folders::of(migrations.as_deref(), directory);
        let mistakes = report.mistakes().len();
        let places = wait_for::sources("wait-for", settings, directory, report);
        // A list that cannot be read was to name something.
        let names_others = !places.is_empty() || report.mistakes().len() > mistakes;
        let only_waits = matches!((&settings.line.task, mode), (Task::Wait, _) | (Task::Become, Mode::Wait));
        let health = health(settings, &folders, directory, &environment, report);
        let is_health = settings.line.task == Task::Health;
        let needs_none = health.require == Require::None;
        let way_out = match (only_waits, names_others) {
            _ if is_health => (!needs_none).then_some("; --require none needs none"),
            (true, true) => None,
            (true, false) => Some(", or name something else in --wait-for (CASTOFF_WAIT_FOR)"),
            (false, _) => Some("; --mode off needs none"),
        };
        // Beside an application that was started without a look at these settings, they may mean anything.
        let database = if is_health && needs_none && mode == Mode::Off {
            None
        } else {
            database(settings, way_out, &folders, directory, &environment, report)
        };
        let wait_for = wait_for::collect(places, settings, &folders, &environment, report);
        let history_table = history_table(explicit_table, database.as_ref(), report);
        if export_database_url
            && let Some(database) = &database
            && database.export_url(database.target()).is_none()
        {
            report.notes.push(
                "--export-database-url (CASTOFF_EXPORT_DATABASE_URL) has no effect: the database was given as a \
                 complete URL"
                    .into(),
            );
        }
        Self {
            task: settings.line.task.clone(),
            mode,
            command: settings.line.command.clone(),
            start_at_once: false,
            database,
            wait_for,
            migrations,
            format,
            history_table,
            migrate_command,
            on_edited,
            on_missing,
            out_of_order,
            pooler,
            create_database,
            timeouts,
            hooks,
            ddl_lock_retries,
            user,
            init,
            health_listen,
            health,
            environment,
            export_database_url,
            logs,
            warnings: std::mem::take(&mut report.warnings),
            remarks: std::mem::take(&mut report.remarks),
            notes: std::mem::take(&mut report.notes),
        }
    }
}

/// Whether the application is started whatever else was said. A mode or pattern that cannot be read does not say so.
fn starts_at_once(settings: &Settings<'_>) -> bool {
    if settings.line.task != Task::Become {
        return false;
    }
    let mut ignored = Report::default();
    if settings.parse("mode", |text| choice(text, MODES), &mut ignored) == Some(Mode::Off) {
        return true;
    }
    let words: Vec<_> = settings.line.command.iter().map(|word| word.to_string_lossy()).collect();
    settings.get("only-for", &mut ignored).is_some_and(|pattern| !glob(&pattern.value, &words.join(" ")))
}

/// As whom the application runs.
fn user(settings: &Settings<'_>, report: &mut Report) -> Option<User> {
    settings.parse("user", |spec| User::look_up(spec, &Accounts::of_this_system()), report)
}

/// The configured database. To have none is a mistake, said with the `way_out`, where there is one to offer.
fn database(
    settings: &Settings<'_>,
    way_out: Option<&str>,
    folders: &Folders,
    directory: &Path,
    environment: &Environment,
    report: &mut Report,
) -> Option<Database> {
    // What is wrong here is reported with everything else, but hides no more of it than it must.
    let mut own = Report::default();
    let sources = Sources::collect(settings, folders, directory, &mut own);
    if let (None, false, Some(way_out)) = (&sources, own.has_mistakes(), way_out) {
        own.mistake(format!(
            "no database is configured: set DATABASE_URL (for example postgres://user:password@host:5432/database), \
             CASTOFF_DATABASE_SECRET or CASTOFF_DATABASE_HOST and its fellows{way_out}"
        ));
    }
    let assembled = sources.and_then(|sources| {
        let assembled = sources.assemble(&mut own);
        let assembled = own.accept(assembled).flatten()?;
        Some(Database::new(sources, assembled, environment.clone()))
    });
    report.absorb(own);
    assembled
}

/// The option, else the URL's parameter; both are said for good reason, so they must agree.
fn history_table(
    explicit: Option<TableName>,
    database: Option<&Database>,
    report: &mut Report,
) -> Option<TableName> {
    let from_url = database.and_then(Database::history_table);
    if let (Some(explicit), Some(from_url)) = (&explicit, from_url)
        && explicit != from_url
    {
        report.mistake(format!(
            "--history-table (CASTOFF_HISTORY_TABLE) says {explicit}, and x-migrations-table in the database's URL says \
             {from_url}: keep one"
        ));
    }
    explicit.or_else(|| from_url.cloned())
}

#[cfg(test)]
mod tests;
