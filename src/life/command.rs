//! Lock, and have a command apply the migrations.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Life, Times, migrate::nothing_to_do, remains};
use crate::attempt::{Attempts, Ready, Trouble};
use crate::command::environment::{Access, environment};
use crate::command::{Command, Ended, Halt, Line};
use crate::duration::{milliseconds, whole};
use crate::engine::{DbError, Engine, Facts, Ledger, LockKey, Reading};
use crate::exec::name_phase;
use crate::exit::{Exit, Failure, Result};
use crate::lock::{self, Locked, Outcome, Purpose, Undertaking, own_key};
use crate::migrate::{Stop, Stopper, hold_failure};
use crate::plan::Plans;
use crate::signals::Signal;
use crate::user::User;

use verdict::{Judgement, judge, outcome_unknown, unlearned};

mod verdict;

/// How often the lock is looked after while the command runs.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// How long the server may be silent before the lock counts as lost: it would end a session that is silent as long as
/// `tcp_user_timeout` and the keepalives allow, 25 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// How long a command may take to end once its lock is lost: another may have it by then.
const LOST_GRACE: Duration = Duration::from_secs(1);

/// A command that applies the migrations, and what is known of them.
pub(super) struct ByCommand<'a> {
    /// The command.
    pub(super) line: &'a Line,
    /// What files and history say; `None` where castoff cannot know, so that the command always runs.
    pub(super) plans: Option<&'a Plans<'a>>,
    /// The engine.
    pub(super) engine: Engine,
    /// The history table as far as it is known; empty where it is not.
    pub(super) table: &'a str,
    /// A variable with which the command reads the files that castoff reads.
    pub(super) told: Option<&'a (&'static str, OsString)>,
}

impl ByCommand<'_> {
    /// What is pending, where that can be known.
    fn pending(&self, reading: &Reading) -> Result<Option<Vec<String>>> {
        let Some(plans) = self.plans else { return Ok(None) };
        let plan = plans.plan(reading)?;
        Ok(Some(plan.to_apply(plans.migrations).map(str::to_owned).collect()))
    }

    fn undertaking(&self, reading: &Reading) -> Result<Undertaking> {
        let pending = self.pending(reading)?.unwrap_or_default();
        Ok(Undertaking::command(self.line, &pending.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// Whether the command may run at all.
    fn admit(&self, reading: &Reading) -> Result<()> {
        self.plans.map_or(Ok(()), |plans| plans.plan(reading)?.admit(plans, reading))
    }

    /// Whether the command did what it was run for.
    fn verify(&self, reading: &Reading) -> Result<()> {
        let Some(plans) = self.plans else { return Ok(()) };
        let plan = plans.plan(reading)?;
        let left: Vec<&str> = plan
            .failed()
            .map(|unfinished| unfinished.id.as_str())
            .chain(plan.to_apply(plans.migrations))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::message(
            Exit::MigrationFailed,
            format!(
                "the migrate command `{}` ended with code 0, but {} still pending: {}",
                self.line.name(),
                if left.len() == 1 { "this is" } else { "these are" },
                left.join(", ")
            ),
        )
        .hint(format!(
            "does it read the same directory and the same database? castoff looks at {} and {}",
            plans.migrations.directory.display(),
            plans.ledger.table
        )))
    }
}

impl Purpose for ByCommand<'_> {
    fn ledger(&self) -> Option<&Ledger> {
        self.plans.map(|plans| plans.ledger)
    }

    /// Castoff's own alone: the tool takes its own, and would wait for us.
    fn keys(&self, facts: &Facts) -> Vec<LockKey> {
        vec![own_key(self.engine, facts, self.table)]
    }

    fn is_needed(&self, reading: &Reading) -> Result<bool> {
        self.plans.map_or(Ok(true), |plans| plans.is_needed(reading))
    }

    fn next(&self, reading: &Reading) -> Result<Option<Undertaking>> {
        self.undertaking(reading).map(Some)
    }
}

/// How the command came to its end, if not in a failure.
enum End {
    /// It did its work.
    Done,
    /// The lock was lost before it ran.
    LostBefore,
    /// The lock was lost while it ran, for this reason, and it has been ended.
    Lost(String),
}

/// Why a command is told to end.
enum Why {
    Stop(Stop),
    Lost(String),
}

impl Life<'_> {
    /// Has the command apply what is pending, or whatever it finds to do.
    pub(super) async fn migrate_by_command(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        purpose: &ByCommand<'_>,
        times: &mut Times,
    ) -> Result<()> {
        let mut stopper = None;
        let mut lost: Option<String> = None;
        let explain = |lost: &Option<String>, failure| match lost {
            Some(reason) => unlearned(purpose.line, reason, failure),
            None => failure,
        };
        loop {
            let started = Instant::now();
            let limit = self.config.timeouts.lock;
            let outcome =
                self.interruptible("lock", Box::pin(lock::acquire(attempts, ready, purpose, limit))).await;
            let mut locked = match outcome.map_err(|failure| explain(&lost, failure))? {
                Outcome::Locked(locked) => locked,
                Outcome::NothingToDo(reading) => {
                    times.lock += started.elapsed();
                    return match purpose.plans {
                        Some(plans) => nothing_to_do(plans, &reading, lost.is_some()),
                        None => Ok(()),
                    };
                }
            };
            if let Some(reason) = &lost {
                locked.release().await;
                return Err(outcome_unknown(purpose.line, reason, "not everything is applied"));
            }
            let kept = match purpose.admit(&locked.reading) {
                Ok(()) => self.await_remains(attempts, &mut locked, started).await,
                Err(failure) => Err(failure),
            };
            times.lock += started.elapsed();
            let end = match kept {
                Ok(true) => {
                    let started = Instant::now();
                    let stopper = stopper.get_or_insert_with(|| {
                        Stopper::new(self.signal_number(), self.config.timeouts.migrate)
                    });
                    let end = self.run_command(attempts, &mut locked, purpose, stopper).await;
                    times.migrate += started.elapsed();
                    end
                }
                Ok(false) => Ok(End::LostBefore),
                Err(failure) => Err(failure),
            };
            match end {
                Ok(End::Done) => {
                    locked.release().await;
                    return Ok(());
                }
                Err(failure) => {
                    locked.release().await;
                    return Err(failure);
                }
                // The session is out of step with its server, or gone: it is dropped, never reused.
                Ok(End::LostBefore) => {}
                Ok(End::Lost(reason)) if purpose.plans.is_none() => {
                    return Err(outcome_unknown(purpose.line, &reason, "nothing tells what it has applied"));
                }
                Ok(End::Lost(reason)) => lost = Some(reason),
            }
            drop(locked);
            ready = self
                .wait_again(attempts, purpose.ledger(), times)
                .await
                .map_err(|failure| explain(&lost, failure))?;
        }
    }

    /// Runs the command on the database that is locked, and looks afterwards what came of it.
    async fn run_command(
        &self,
        attempts: &Attempts<'_>,
        locked: &mut Locked,
        purpose: &ByCommand<'_>,
        stopper: &mut Stopper<'_>,
    ) -> Result<End> {
        let secured = async { locked.secure().await.map_err(Trouble::NotYet) };
        if !matches!(attempts.bounded(secured, None).await, Ok(true)) {
            tracing::warn!("the lock was lost before the migrate command ran: taking it again");
            return Ok(End::LostBefore);
        }
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
        if let Some((name, value)) = purpose.told {
            environment.set(name, value);
        }
        let command = Command { line: purpose.line, environment, user };
        if let Some(stop) = stopper.requested_already().await {
            return Err(stop.failure("nothing was applied"));
        }
        let (started, name) = (Instant::now(), purpose.line.name());
        let pending = purpose.pending(&locked.reading)?.map(|pending| pending.len());
        let known = pending.map(|pending| format!("{pending} pending: ")).unwrap_or_default();
        tracing::info!(event = "migrate.start", pending, "{known}running `{name}`");
        name_phase("migrate");
        let undertaking = purpose.undertaking(&locked.reading)?;
        let (ended, lost) = self.watched(&command, locked, stopper).await;
        let judgement = match ended {
            Ok(ended) => judge(purpose.line, ended),
            Err(failure) if failure.exit == Exit::MigrationFailed => Judgement::Failed(failure),
            Err(failure) => Judgement::Stopped(failure),
        };
        if lost.is_some() {
            locked.abandon();
        }
        let verdict = match (judgement, lost) {
            (Judgement::Lost(reason), _) => return Ok(End::Lost(reason)),
            (Judgement::Stopped(failure), _) | (Judgement::Failed(failure), Some(_)) => return Err(failure),
            (Judgement::Failed(failure), None) => Err(failure),
            (Judgement::Succeeded, Some(reason)) if purpose.plans.is_some() => return Ok(End::Lost(reason)),
            (Judgement::Succeeded, Some(reason)) => {
                tracing::warn!("the lock was lost when the migrate command was about to end: {reason}");
                Ok(())
            }
            (Judgement::Succeeded, None) => {
                let read = async { locked.session().read(purpose.ledger()).await.map_err(Trouble::NotYet) };
                match attempts.bounded(read, None).await {
                    Ok(reading) => purpose.verify(&reading),
                    Err(Trouble::Never(failure)) => Err(failure),
                    Err(Trouble::NotYet(error)) => {
                        locked.abandon();
                        return Ok(End::Lost(error.to_string()));
                    }
                }
            }
        };
        if let Err(failure) = verdict {
            if let Some(undertaking) = left_undone(attempts, locked, purpose, undertaking).await {
                hold_failure(locked, &undertaking, stopper).await;
            }
            return Err(failure);
        }
        let elapsed_ms = milliseconds(started.elapsed());
        tracing::info!(
            event = "migrate.done",
            applied = pending,
            elapsed_ms,
            "`{name}` applied the migrations in {elapsed_ms} ms"
        );
        Ok(End::Done)
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

/// What the command failed at, as the others see it by now: what it had applied before is pending no longer. `None` where
/// the server cannot be asked any more.
async fn left_undone(
    attempts: &Attempts<'_>,
    locked: &mut Locked,
    purpose: &ByCommand<'_>,
    begun: Undertaking,
) -> Option<Undertaking> {
    let Some(ledger) = purpose.ledger() else { return Some(begun) };
    let read = async { locked.session().read(Some(ledger)).await.map_err(Trouble::NotYet) };
    let Ok(reading) = attempts.bounded(read, None).await else {
        locked.abandon();
        return None;
    };
    Some(purpose.undertaking(&reading).unwrap_or(begun))
}

/// Completes with the reason when the lock is lost, and with `None` soon after the work under it is over.
async fn watch(locked: &mut Locked, over: &Notify) -> Option<String> {
    loop {
        if timeout(WATCH_EVERY, over.notified()).await.is_ok() {
            return None;
        }
        match timeout(ANSWER_LIMIT, locked.secure()).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Some("the server says that the lock is no longer ours".into()),
            Ok(Err(DbError { message, .. })) => return Some(message),
            Err(_) => return Some(format!("the server did not answer for {}", whole(ANSWER_LIMIT))),
        }
    }
}
