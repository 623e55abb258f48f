//! castoff, the binary: configure → wait → lock → migrate → exec.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use castoff::application::Application;
use castoff::cli::Task;
use castoff::config::{Config, Init, Parsed};
use castoff::engine::Engine;
use castoff::environment::Environment;
use castoff::exit::{Exit, Failure, Result};
use castoff::init::{self, Given, Order};
use castoff::life::{self, Prepared};
use castoff::signals::Signals;
use castoff::user::User;
use castoff::{exec, log};

/// musl's own allocator asks the kernel for memory again and again: measured, a third of a start's processor time.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    // castoff has executed itself again for --init.
    if let Some(order) = Order::given() {
        return order.map_or_else(|failure| fail(&failure), Given::obey);
    }
    let started = Instant::now();
    let result = Signals::install().and_then(|signals| {
        log::exit_on_panic();
        let environment = Environment::new(env::vars_os());
        // What is said of a relative path is said absolutely; without a working directory there is none to say.
        let directory = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        match Config::from(env::args_os().collect(), &environment, &directory) {
            Parsed::Print(text) => print(&text).map(|()| None),
            Parsed::Refuse { logs, warnings, failure } => {
                log::init(&logs);
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                Err(failure)
            }
            Parsed::Run(config) => {
                log::init(&config.logs);
                run(&config, &signals, started)
            }
        }
    });
    match result {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(exit)) => ExitCode::from(exit.code()),
        Err(failure) => fail(&failure),
    }
}

/// The last line, and its code.
fn fail(failure: &Failure) -> ExitCode {
    log::report(failure);
    ExitCode::from(failure.exit.code())
}

/// The program's life. Returns only where castoff does not become the application.
fn run(config: &Config, signals: &Signals, started: Instant) -> Result<Option<Exit>> {
    announce(config);
    let mut application = match &config.task {
        Task::Become => Some(Application::look_up(&config.command, &config.environment)?),
        _ => None,
    };
    let user = config.user.as_ref();
    if let (Some(application), Some(user)) = (&mut application, user) {
        application.set_variable("HOME", user.home())?;
    }
    let prepared = if config.start_at_once {
        Prepared::default()
    } else {
        if let Some(user) = user {
            prepare_user(user, application.as_ref(), config)?;
        }
        let options = life::connect_options(config);
        // SAFETY: nothing has started a thread yet, so nobody reads the environment meanwhile.
        unsafe { life::leave_nothing_to_defaults() };
        life::prepare(config, options, signals)?
    };
    match application {
        Some(mut application) => {
            if let Some(url) = &prepared.database_url {
                application.set_variable("DATABASE_URL", url.expose())?;
            }
            prepared.times.announce(&config.command, config.init, started);
            Err(match config.init {
                Init::Off => exec::become_application(&application, user, signals),
                Init::Child | Init::Group => {
                    let to_group = config.init == Init::Group;
                    init::stay(&Order { application, to_group, logs: config.logs }, user, signals)
                }
            })
        }
        None => print(&prepared.output).map(|()| prepared.verdict),
    }
}

/// Whoever cannot be become is not waited for. SQLite's files belong to whom they are made by, and the application has to
/// write them: so there castoff becomes the user before it opens one.
fn prepare_user(user: &User, application: Option<&Application>, config: &Config) -> Result<()> {
    if application.is_some() {
        user.try_out(application.map(Application::path))?;
        if config.init != Init::Off {
            init::try_out(user)?;
        }
    }
    match &config.database {
        Some(database) if database.target().engine == Engine::Sqlite => user.assume(),
        _ => Ok(()),
    }
}

/// What reading the configuration had to say.
fn announce(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for remark in &config.remarks {
        tracing::info!("{remark}");
    }
    for note in &config.notes {
        tracing::debug!("{note}");
    }
}

/// Standard output belongs to the application; castoff writes there only what it was asked for.
fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| {
        Failure::new(Exit::OsError, anyhow::Error::new(error).context("cannot write to standard output"))
    })
}
