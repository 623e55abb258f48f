//! External commands: one at a time, in a process group of its own, and nothing of it is left when it has ended.
//!
//! A command gets what the application would get (environment, working directory, umask, signals as castoff inherited
//! them, `--user`), but no standard input, and its output goes where castoff's own goes. There is no shell around it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::application;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};
use crate::signals::{Signal, Signals};
use crate::user::User;
use children::Children;
pub(crate) use group::Group;
pub use line::Line;
use process::Process;

mod children;
pub mod environment;
mod group;
mod line;
mod process;

/// How long the kernel may take to end what was killed.
const KILL_LIMIT: Duration = Duration::from_secs(1);

/// A command as it is to be run.
pub struct Command<'a> {
    /// What to run.
    pub line: &'a Line,
    /// The command's whole environment.
    pub environment: Environment,
    /// As whom, if not as castoff.
    pub user: Option<&'a User>,
}

/// How a command's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "ended with code {code}"),
            Self::Killed(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
        }
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended<R> {
    /// How its main process ended.
    pub status: Status,
    /// Why it was told to end, if it was.
    pub halted: Option<R>,
    /// The signal a person at the terminal sent it alone, because the terminal was its.
    pub interrupted: Option<Signal>,
}

/// A reason to end a command before it does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halt<R> {
    /// The reason.
    pub reason: R,
    /// What to send; `None` where the reason is a signal, which the command has got already.
    pub send: Option<Signal>,
    /// How long it then has before it is killed.
    pub grace: Duration,
}

impl Command<'_> {
    /// Finds the program in the PATH of the command's environment.
    ///
    /// # Errors
    ///
    /// 80 where there is none that can be executed.
    pub fn find(&self) -> Result<PathBuf> {
        find(self.line, &self.environment)
    }

    /// Runs it to its end and then ends what it left behind.
    ///
    /// The four signals that stop castoff are sent on to the whole group, each time they arrive. When `halt` completes,
    /// the command has to end within the grace it says. Dropping the future kills the group.
    ///
    /// # Errors
    ///
    /// 80 where it cannot be started, 71 where the system refuses what castoff needs for it.
    pub async fn run<R>(&self, signals: &Signals, halt: impl Future<Output = Halt<R>>) -> Result<Ended<R>> {
        let program = self.find()?;
        let mut listener = signals.listen().map_err(|error| {
            Failure::new(Exit::OsError, anyhow::Error::new(error).context("cannot listen for signals"))
        })?;
        let mut children = Children::found();
        let process = Process::start(&program, self, signals.inherited())
            .map_err(|error| self.not_started(&program, &error))?;
        let mut halt = pin!(halt);
        let mut halted = None;
        let mut deadline = None;
        let (mut sent_on, mut killed) = (false, false);
        let status = loop {
            tokio::select! {
                biased;
                arrived = listener.next() => {
                    for signal in arrived.into_iter().filter(|signal| *signal != Signal::SIGCHLD) {
                        process.group.tell(signal);
                        sent_on = true;
                    }
                    if let Some(status) = children.reap(&process.group) {
                        break status;
                    }
                    // There is no shell here that could continue it, and it holds the lock.
                    if Children::is_suspended(&process.group) {
                        tracing::info!("the command goes on: it holds the lock and cannot be suspended");
                        process.group.tell(Signal::SIGCONT);
                    }
                }
                told = &mut halt, if halted.is_none() => {
                    if let Some(signal) = told.send {
                        process.group.tell(signal);
                    }
                    deadline = Some(Instant::now() + told.grace);
                    halted = Some(told.reason);
                }
                () = at(deadline), if deadline.is_some() => {
                    if killed {
                        // Not even the kernel could end it; as PID 1 castoff takes it along.
                        break Status::Killed(Signal::SIGKILL as i32);
                    }
                    process.group.kill();
                    killed = true;
                    deadline = Some(Instant::now() + KILL_LIMIT);
                }
            }
        };
        if halted.is_none() && sent_on {
            // The command was faster with the signal than whoever tells us of it.
            halted = timeout(KILL_LIMIT, halt).await.ok().map(|told| told.reason);
        }
        children.end_the_rest(&process.group, &mut listener, KILL_LIMIT).await;
        let had_the_terminal = process.end();
        let interrupted = match status {
            Status::Killed(number) if had_the_terminal && halted.is_none() => {
                [Signal::SIGINT, Signal::SIGQUIT].into_iter().find(|signal| *signal as i32 == number)
            }
            _ => None,
        };
        Ok(Ended { status, halted, interrupted })
    }

    fn not_started(&self, program: &std::path::Path, error: &std::io::Error) -> Failure {
        Failure::message(
            Exit::MigrationFailed,
            format!("{}: {} cannot be started: {error}", self.line.origin(), program.display()),
        )
        .hint(match self.user {
            Some(_) => "may the user of --user (CASTOFF_USER) execute it, and reach the working directory?",
            None => "is it built for this machine, and is its interpreter in the image?",
        })
    }
}

/// Finds the program of these words in the PATH of this environment.
///
/// # Errors
///
/// 80 where there is none that can be executed.
pub fn find(line: &Line, environment: &Environment) -> Result<PathBuf> {
    application::find(line.program(), environment).map_err(|failure| {
        let hint = match (failure.exit, failure.hint) {
            (Exit::NotExecutable, Some(hint)) => hint,
            _ => "check the command and that the image holds the program; there is no shell around it: what only a \
                  shell knows (cd, export, &&) needs sh -c '...'"
                .to_owned(),
        };
        Failure::new(Exit::MigrationFailed, failure.error.context(line.origin().to_owned())).hint(hint)
    })
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
