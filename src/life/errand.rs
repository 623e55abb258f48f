//! Work under the lock that castoff has somebody else do: the migrate command, and the hooks around the migrations.

use std::ffi::OsString;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Life, remains};
use crate::attempt::{Attempts, Trouble};
use crate::command::environment::{Access, environment};
use crate::command::{Command, Ended, Halt, Line, Status};
use crate::duration::whole;
use crate::engine::DbError;
use crate::exit::{Exit, Failure, Result};
use crate::lock::Locked;
use crate::migrate::{Stop, Stopper, told};
use crate::signals::Signal;
use crate::user::User;

/// How often the lock is looked after while the command runs.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// How long the server may be silent before the lock counts as lost: it would end a session that is silent as long as
/// `tcp_user_timeout` and the keepalives allow, 25 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// How long a command may take to end once its lock is lost: another may have it by then.
const LOST_GRACE: Duration = Duration::from_secs(1);

/// A command that runs under the lock, on the database that is locked.
pub(super) struct Errand<'a> {
    /// The command.
    pub(super) line: &'a Line,
    /// What it is, for messages.
    pub(super) role: &'static str,
    /// What its failure means for the migrations; the end of a sentence, or empty.
    pub(super) consequence: &'static str,
    /// What to do about its failure.
    pub(super) hint: &'static str,
    /// A variable with which the command reads the files that castoff reads.
    pub(super) told: Option<&'a (&'static str, OsString)>,
}

impl Errand<'_> {
    /// The command for a sentence.
    pub(super) fn name(&self) -> String {
        format!("{} `{}`", self.role, self.line.name())
    }
}

/// Why a command is told to end.
pub(super) enum Why {
    Stop(Stop),
    Lost(String),
}

/// What the end of a command means.
pub(super) enum Judgement {
    Succeeded,
    Failed(Failure),
    Stopped(Failure),
    Lost(String),
}

fn judge(errand: &Errand<'_>, ended: Ended<Why>) -> Judgement {
    let Ended { status, halted, interrupted } = ended;
    let what = format!("{} {status}{}", errand.name(), errand.consequence);
    match (halted, interrupted) {
        (Some(Why::Lost(reason)), _) => Judgement::Lost(reason),
        (Some(Why::Stop(stop)), _) => Judgement::Stopped(stop.failure(&what)),
        (None, Some(signal)) => {
            tracing::info!(event = "signal", name = %signal, phase = "migrate", "{signal} came from the terminal");
            Judgement::Stopped(Failure::message(
                Exit::Signal(signal as i32),
                format!("stopped from the terminal; {what}"),
            ))
        }
        (None, None) if status == Status::Exited(0) => Judgement::Succeeded,
        (None, None) => Judgement::Failed(Failure::message(Exit::MigrationFailed, what).hint(errand.hint)),
    }
}

/// What came of an errand.
pub(super) struct Returned {
    /// What the command's end means.
    pub(super) judgement: Judgement,
    /// Why the lock's session may not be used any more, if so.
    pub(super) lost: Option<String>,
}

impl Life<'_> {
    /// Whether the lock is still ours around this, asked now. If not, that is said.
    pub(super) async fn still_locked(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        what: &str,
    ) -> Result<bool> {
        let secured = async { locked.secure().await.map_err(Trouble::NotYet) };
        match attempts.bounded(secured, None).await {
            Ok(true) => Ok(true),
            Ok(false) => {
                tracing::warn!("the lock was lost around {what}: taking it again");
                Ok(false)
            }
            Err(Trouble::Never(failure)) => Err(failure),
            Err(Trouble::NotYet(error)) => {
                tracing::warn!("the lock was lost around {what}: taking it again: {error}");
                locked.abandon();
                Ok(false)
            }
        }
    }

    /// Runs the command while the lock is looked after.
    ///
    /// # Errors
    ///
    /// 71 where the system refuses what castoff needs for it.
    pub(super) async fn run_errand(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        errand: &Errand<'_>,
        stopper: &mut Stopper<'_>,
    ) -> Result<Returned> {
        let Some((target, url)) = attempts.connector().access() else {
            return Err(Failure::message(
                Exit::Internal,
                "there is no way into the database to tell a command of",
            ));
        };
        let hostname = nix::unistd::gethostname().unwrap_or_default();
        let application_name = remains::application_name(locked.own_key(), &hostname.to_string_lossy());
        let access = Access {
            target: &target,
            url: &url,
            server_version: &locked.reading.facts.server_version.clone(),
            takes_options: locked.session().takes_startup_options(),
            application_name: &application_name,
        };
        let user = self.config.user.as_ref();
        let mut environment = environment(&self.config.environment, &access, user.map(User::home));
        if let Some((name, value)) = errand.told {
            environment.set(name, value);
        }
        let command = Command { line: errand.line, environment, user };
        let (ended, lost) = told(&errand.name(), self.watched(&command, locked, stopper)).await;
        if lost.is_some() {
            locked.abandon();
        }
        let judgement = match ended {
            Ok(ended) => judge(errand, ended),
            Err(failure) if failure.exit == Exit::MigrationFailed => Judgement::Failed(failure),
            Err(failure) => Judgement::Stopped(failure),
        };
        Ok(Returned { judgement, lost })
    }

    /// Runs the command while the lock is looked after. The second part is why the lock's session may not be used any
    /// more, if so.
    async fn watched(
        &self,
        command: &Command<'_>,
        locked: &mut Locked,
        stopper: &mut Stopper<'_>,
    ) -> (Result<Ended<Why>>, Option<String>) {
        let grace = self.config.timeouts.stop_grace;
        let over = Notify::new();
        let mut watch = Box::pin(watch(locked, &over));
        let halt = async {
            tokio::select! {
                biased;
                stop = stopper.requested() => Halt {
                    // A signal is passed on as it arrives.
                    send: matches!(stop, Stop::Timeout(_)).then_some(Signal::SIGTERM),
                    reason: Why::Stop(stop),
                    grace,
                },
                lost = &mut watch => Halt {
                    send: Some(Signal::SIGTERM),
                    reason: Why::Lost(lost.unwrap_or_default()),
                    grace: LOST_GRACE,
                },
            }
        };
        let ended = command.run(self.signals, halt).await;
        // A question that is on its way is answered first: a session that is left in the middle is out of step. Whoever
        // was told to stop does not wait long for that.
        over.notify_one();
        let lost = match &ended {
            Ok(Ended { halted: Some(Why::Lost(reason)), .. }) => Some(reason.clone()),
            Ok(Ended { halted: None, .. }) | Err(_) => watch.await,
            Ok(Ended { halted: Some(Why::Stop(_)), .. }) => timeout(LOST_GRACE, watch)
                .await
                .unwrap_or_else(|_| Some("the server did not answer in time".to_owned())),
        };
        (ended, lost)
    }
}

/// Completes with the reason when the lock is lost, and with `None` soon after the work under it is over.
async fn watch(locked: &mut Locked, over: &Notify) -> Option<String> {
    loop {
        if timeout(WATCH_EVERY, over.notified()).await.is_ok() {
            return None;
        }
        match timeout(ANSWER_LIMIT, locked.secure()).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Some("the server says that the lock is no longer castoff's".into()),
            Ok(Err(DbError { message, .. })) => return Some(message),
            Err(_) => return Some(format!("the server did not answer for {}", whole(ANSWER_LIMIT))),
        }
    }
}
