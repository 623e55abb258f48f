//! What is to be done once the database is ready, from options and files alone.

use crate::cli::{Task, Until};
use crate::command::{self, Line};
use crate::config::{Config, Database, Mode};
use crate::engine::{Engine, Ledger};
use crate::exit::{Exit, Failure, Result};
use crate::format::{Resolution, Told};
use crate::migrations::{Found, Migrations, Search, Undecided};
use crate::plan;
use crate::status;

/// What is to be done.
pub(super) enum Work {
    /// Nothing but to wait.
    Wait,
    /// Whatever this command finds to do; without files only it knows.
    Command(Line),
    /// This, with these files.
    Files(Box<Migrations>, FileTask),
    /// Something with these files, once the database has said whose they are.
    Undecided(Undecided),
}

/// What files are read for.
pub(super) enum FileTask {
    /// To say what is pending.
    Say {
        /// As JSON.
        json: bool,
    },
    /// To show what castoff itself would send, or what this command would find to do; as JSON or not.
    Show(Option<Line>, bool),
    /// To mend the history of this one.
    Resolve(Resolution, String),
    /// To apply what is pending.
    Apply,
    /// To take back what is applied, until this is reached.
    Revert(Until),
    /// To know whether this command has anything to apply.
    Run(Line),
    /// To start only if nothing is pending.
    Verify,
    /// To start once others have applied what is pending: castoff itself, or this command.
    Await(Option<Line>),
}

impl Work {
    /// Reads the files, if the task needs any.
    ///
    /// # Errors
    ///
    /// 64, 65 and 66 for what is wrong with the files, 80 for a command that is certain to run and is not there, 71 and 77
    /// for a user that castoff cannot become.
    pub(super) fn of(config: &Config, engine: Engine) -> Result<Self> {
        let applies = match (&config.task, config.mode) {
            (Task::Wait, _) | (Task::Become, Mode::Wait | Mode::Off) => return Ok(Self::Wait),
            (Task::Become | Task::Migrate, _) => true,
            _ => false,
        };
        let command = config.migrate_command.as_ref().filter(|_| only_the_command_knows(config));
        if let Some(line) = command.filter(|_| applies) {
            if leaves_it_to_others(config) {
                return Err(nothing_to_read());
            }
            command::find(line, &config.environment)?;
            admit_user(config)?;
            return Ok(Self::Command(line.clone()));
        }
        match read(config, engine)? {
            Found::Settled(migrations) => Self::with(config, migrations),
            Found::Undecided(undecided) => Ok(Self::Undecided(undecided)),
        }
    }

    /// What is to be done with these files.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(super) fn with(config: &Config, migrations: Migrations) -> Result<Self> {
        let task = match &config.task {
            Task::Status { json } => FileTask::Say { json: *json },
            Task::Health => FileTask::Say { json: true },
            Task::Resolve { resolution, id } => FileTask::Resolve(*resolution, id.clone()),
            Task::Become | Task::Migrate | Task::Wait => apply(config, &migrations)?,
            Task::Plan { json } => FileTask::Show(line(config, &migrations)?, *json),
            Task::Revert { until } => {
                plan::way_back(migrations.format)?;
                FileTask::Revert(until.clone())
            }
        };
        Ok(Self::Files(Box::new(migrations), task))
    }

    /// The schema the tool works in where the URL names none.
    pub(super) fn usual_schema(&self, engine: Engine) -> Option<&'static str> {
        match self {
            Self::Files(migrations, _) => migrations.format.habits(engine).schema,
            Self::Wait | Self::Command(_) | Self::Undecided(_) => None,
        }
    }

    /// The history to read: in this schema, or where the tool looks with this search path in the URL.
    pub(super) fn ledger(
        &self,
        engine: Engine,
        schema: Option<String>,
        search_path: Option<&str>,
    ) -> Option<Ledger> {
        match self {
            Self::Files(migrations, _) => {
                let schema = schema.or_else(|| migrations.format.schema_in(search_path?));
                Some(migrations.ledger(engine, schema.as_deref()))
            }
            Self::Wait | Self::Command(_) | Self::Undecided(_) => None,
        }
    }
}

/// What a tool is told besides its files.
pub(super) fn told(config: &Config, engine: Engine) -> Told<'_> {
    let database = config.database.as_ref();
    Told {
        engine,
        environment: &config.environment,
        multi_statement: database.is_some_and(Database::splits_scripts),
        no_tx_wrap: database.is_some_and(Database::wraps_no_script),
        goes_back: matches!(config.task, Task::Revert { .. }),
    }
}

/// Whether nothing but the migrate command says what is to be migrated.
fn only_the_command_knows(config: &Config) -> bool {
    let Config { migrate_command, format, migrations, .. } = config;
    migrate_command.is_some() && format.is_none() && migrations.is_none()
}

fn read(config: &Config, engine: Engine) -> Result<Found> {
    let search = Search {
        directory: config.migrations.as_deref(),
        format: config.format.as_deref(),
        history_table: config.history_table.clone(),
        told: told(config, engine),
    };
    search.run().map_err(|failure| {
        if !only_the_command_knows(config) {
            return failure;
        }
        failure.hint(
            "the migrate command does not say what is pending: name the files it applies with --migrations \
             (CASTOFF_MIGRATIONS), and --format (CASTOFF_FORMAT) if it is not recognised",
        )
    })
}

/// Whether castoff itself is to apply nothing before the application starts.
fn leaves_it_to_others(config: &Config) -> bool {
    config.task == Task::Become && matches!(config.mode, Mode::Verify | Mode::Await)
}

/// A mode that has to know what is pending, and nothing that says it.
fn nothing_to_read() -> Failure {
    Failure::message(
        Exit::Usage,
        "modes verify and await have to know what is pending, and a migrate command alone does not say it",
    )
    .hint(
        "name the files it applies with --migrations (CASTOFF_MIGRATIONS), and --format (CASTOFF_FORMAT) if it is not \
         recognised; or say --mode wait (CASTOFF_MODE), which \
         waits for the database alone",
    )
}

/// By castoff itself, or by a command. One that is certain to run is looked up at once.
fn apply(config: &Config, migrations: &Migrations) -> Result<FileTask> {
    let line = line(config, migrations)?;
    if leaves_it_to_others(config) {
        if let Some(why) = &migrations.opaque {
            return Err(status::unknown(migrations.format.name(), why));
        }
        return Ok(if config.mode == Mode::Verify { FileTask::Verify } else { FileTask::Await(line) });
    }
    let Some(line) = line else { return Ok(FileTask::Apply) };
    if let Some(why) = &migrations.opaque {
        tracing::warn!("what is pending cannot be known from the files, so the migrate command runs: {why}");
        command::find(&line, &config.environment)?;
    }
    admit_user(config)?;
    Ok(FileTask::Run(line))
}

/// The command that the user or the format names.
fn line(config: &Config, migrations: &Migrations) -> Result<Option<Line>> {
    if config.migrate_command.is_some() {
        return Ok(config.migrate_command.clone());
    }
    let Some(default) = migrations.format.default_command() else { return Ok(None) };
    let origin = format!("the command of --format {}", migrations.format.name());
    let line = Line::split(&origin, default, default);
    line.map(Some).map_err(|why| Failure::message(Exit::Internal, why))
}

/// Whether castoff may become whom the command is to run as.
fn admit_user(config: &Config) -> Result<()> {
    config.user.as_ref().map_or(Ok(()), |user| user.try_out(None))
}
