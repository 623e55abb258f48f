//! Statements that queue for a lock: not for long, and then again.
//!
//! Whoever waits for a table's lock makes everybody wait who wants that table later, even those who would not have had to
//! wait for its holder. So a statement that does not get its lock within a limit is taken back, everybody behind it goes
//! on, and it is tried again after a pause.

use std::time::Duration;

use tokio::time::sleep;

use super::broken::During;
use super::progress::Position;
use super::stop::Stopping;
use super::witness::Witness;
use super::{Migrating, report};
use crate::backoff::jitter;
use crate::duration::whole;
use crate::engine::{DbError, Engine, LockKey, ScriptError, Session, Verdict};
use crate::format::{Atomicity, Migration};
use crate::plan::{Planned, Residue};
use crate::script;

/// How long a statement may queue for a table's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// Each time.
    pub limit: Duration,
    /// How many times it is tried again.
    pub retries: u32,
}

impl Queueing {
    /// The longest of the pauses: traffic has longer to go on than it was held up, however long that is.
    fn longest_pause(self) -> Duration {
        self.limit.saturating_mul(2).clamp(Duration::from_secs(1), Duration::from_secs(10))
    }

    /// The pause before this retry, from 1; they double.
    fn pause(self, retry: u32) -> Duration {
        let first = (self.limit / 5).clamp(Duration::from_millis(100), Duration::from_secs(1));
        let doubled = 2_u32.saturating_pow(retry.saturating_sub(1));
        let most = first.saturating_mul(doubled).min(self.longest_pause());
        jitter(most / 2, most)
    }
}

/// The tries of one step.
pub(super) struct Retries<'a> {
    migrating: Migrating<'a>,
    planned: &'a Planned,
    /// The locks the session holds.
    keys: &'a [LockKey],
    stopping: &'a Stopping,
    /// Where this try is, for whoever tells of it.
    pub(super) position: &'a Position,
    queueing: Option<Queueing>,
    made: u32,
    /// Who looks what it waits for, once it has waited in vain.
    witness: Option<Witness>,
    /// What was last warned of: where it waited, and for whom.
    told: Option<(String, Vec<i64>)>,
    /// Whether it ended because a statement did not get its lock within our limit.
    gave_up: bool,
}

impl<'a> Retries<'a> {
    /// A step is retried only where nothing of it can have stayed: whole where it is one transaction, castoff's or its own;
    /// on MySQL, where nothing holds a schema change together, one statement. A script there that sets the limit itself is
    /// left alone, and everywhere one that would do something else because of it.
    pub(super) fn new(
        migrating: Migrating<'a>,
        planned: &'a Planned,
        keys: &'a [LockKey],
        (stopping, position): (&'a Stopping, &'a Position),
    ) -> Self {
        let Planned { step, residue } = planned;
        let mut parts = step.migration.parts.iter();
        let applies = match migrating.engine {
            engine if parts.any(|part| script::bears_no_limit(engine, &part.sql)) => false,
            Engine::Postgres => {
                step.atomicity == Atomicity::Together && *residue == Residue::Nothing
                    || is_one_transaction(&step.migration)
            }
            Engine::MySql => !step.migration.parts.iter().any(|part| script::limits_queueing(&part.sql)),
            // There is one lock, of the whole database, and whoever writes waits for it outside any queue.
            Engine::Sqlite => false,
        };
        let queueing = migrating.queueing.filter(|_| applies);
        Self {
            migrating,
            planned,
            keys,
            stopping,
            position,
            queueing,
            made: 0,
            witness: None,
            told: None,
            gave_up: false,
        }
    }

    /// How long a statement of the step's transaction may queue, if all of it is tried again.
    pub(super) fn whole_within(&self) -> Option<Duration> {
        self.limit_on(Engine::Postgres)
    }

    /// How long a statement may queue, if it alone is tried again.
    pub(super) fn each_within(&self) -> Option<Duration> {
        self.limit_on(Engine::MySql)
    }

    fn limit_on(&self, engine: Engine) -> Option<Duration> {
        self.queueing.filter(|_| self.migrating.engine == engine).map(|queueing| queueing.limit)
    }

    /// Whether the step ended because a statement did not get its lock within our limit.
    pub(super) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Sends a text whose statements may queue that long. Who has waited in vain before is watched: by whom it is held up is
    /// to be seen only meanwhile.
    pub(super) async fn send(&mut self, session: &mut dyn Session, sql: &str) -> Result<(), ScriptError> {
        let is_watched = |queueing: &Queueing| self.made > 0 || queueing.retries == 0;
        let Some(queueing) = self.queueing.filter(is_watched) else { return session.send(sql).await };
        let witness = self.witness.get_or_insert_with(|| Witness::of(&*session.canceller()));
        witness.over(queueing.limit, session.send(sql)).await
    }

    /// After an error of which nothing is left: pauses if it is to be tried again.
    ///
    /// # Errors
    ///
    /// What ends the step: the error, if it was no lock's, or the last try's; or that the session or its locks were lost.
    pub(super) async fn again(
        &mut self,
        session: &mut dyn Session,
        during: During,
        error: DbError,
    ) -> Result<(), DbError> {
        let may = error.lock_timeout && !self.is_committed(during) && !self.is_the_script_s_wish(during);
        let Some(queueing) = self.queueing.filter(|_| may) else { return Err(error) };
        self.gave_up = true;
        if self.made >= queueing.retries {
            return Err(self.last(queueing, error));
        }
        self.made += 1;
        let pause = queueing.pause(self.made);
        self.tell(queueing, during, &error, pause);
        tokio::select! {
            biased;
            () = self.stopping.asked() => return Err(error),
            () = sleep(pause) => {}
        }
        // A script can give the locks back, and not even its rollback takes them again.
        if session.secure(self.keys).await? {
            self.gave_up = false;
            return Ok(());
        }
        let message = "the lock was lost before it could be tried again".to_owned();
        Err(DbError { verdict: Verdict::Lost, message, ..DbError::default() })
    }

    /// Whether the script had ended its own transaction before.
    fn is_committed(&self, during: During) -> bool {
        self.planned.residue != Residue::Nothing && matches!(during, During::After | During::Commit)
    }

    /// Whether the limit that passed may have been set by the script: then it is to fail, as with the tool.
    fn is_the_script_s_wish(&self, during: During) -> bool {
        let parts = &self.planned.step.migration.parts;
        let (last, statements) = match during {
            During::Script { part, number } => (part, number + 1),
            _ => (parts.len(), 0),
        };
        let before = parts.iter().take(last).any(|part| script::limits_queueing(&part.sql));
        before
            || parts.get(last).is_some_and(|part| {
                let run = script::statements(self.migrating.engine, &part.sql).into_iter().take(statements);
                run.into_iter().any(|statement| script::limits_queueing(statement.text))
            })
    }

    /// Once for each reason: where it waits, and for whom.
    fn tell(
        &mut self,
        Queueing { limit, retries }: Queueing,
        during: During,
        error: &DbError,
        pause: Duration,
    ) {
        let (id, attempt) = (self.planned.step.migration.id.as_str(), self.made);
        let place = report::place(self.migrating.engine, &self.planned.step, during, error);
        let culprit = self.witness.as_ref().and_then(Witness::saw);
        let by = culprit.map(|culprit| format!(", {}", culprit.words)).unwrap_or_default();
        let detail = format!("{place} waited {} for a lock{by}", whole(limit));
        let reason = (place, culprit.map(|culprit| culprit.pids.clone()).unwrap_or_default());
        let how = match self.migrating.engine {
            Engine::MySql => "taken back",
            Engine::Postgres | Engine::Sqlite => "rolled back",
        };
        let message = format!(
            "{detail}: {how}, so that nobody stands behind it, and tried again in {} (retry {attempt} of {retries})",
            whole(pause)
        );
        if self.told.as_ref() == Some(&reason) {
            tracing::debug!(event = "migration.retry", id, attempt, detail = %detail, "{message}");
        } else {
            tracing::warn!(event = "migration.retry", id, attempt, detail = %detail, "{message}");
            self.told = Some(reason);
        }
    }

    /// The error of the last try, with what to do about it.
    fn last(&self, Queueing { limit, retries }: Queueing, error: DbError) -> DbError {
        let tries = u64::from(retries) + 1;
        let look = match self.migrating.engine {
            Engine::MySql => "SHOW FULL PROCESSLIST",
            Engine::Postgres | Engine::Sqlite => {
                "SELECT pid, application_name, state, xact_start FROM pg_stat_activity ORDER BY xact_start"
            }
        };
        let who = match self.witness.as_ref().and_then(Witness::saw) {
            Some(culprit) => format!("{}: wait for them to finish, or end their sessions", culprit.words),
            None => format!("see who holds it ({look}), and wait for them to finish, or end their sessions"),
        };
        let hint = format!(
            "it waited for a lock {tries} times, each time up to {}; {who}; or raise --ddl-lock-retries \
             (CASTOFF_DDL_LOCK_RETRIES), or \
             --ddl-lock-timeout (CASTOFF_DDL_LOCK_TIMEOUT), for which everybody behind it waits as well",
            whole(limit)
        );
        DbError { hint: Some(hint), ..error }
    }
}

fn is_one_transaction(migration: &Migration) -> bool {
    let statements = migration.statements(Engine::Postgres);
    script::is_one_transaction(&statements.iter().map(|statement| statement.text).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Queueing;

    #[test]
    fn pauses_grow_and_soon_leave_traffic_longer_than_it_was_held_up() {
        for limit in [1, 100, 1000, 5000, 60_000].map(Duration::from_millis) {
            let queueing = Queueing { limit, retries: 20 };
            let longest = queueing.longest_pause();
            for retry in [1, 2, 5, 20, u32::MAX] {
                assert!(queueing.pause(retry) <= longest, "{limit:?} {retry}");
            }
            assert!(queueing.pause(20) >= longest / 2 && queueing.pause(1) <= Duration::from_secs(1));
            assert!(longest / 2 >= limit.min(Duration::from_secs(5)), "{limit:?}");
        }
    }

    #[test]
    fn the_pauses_of_the_defaults_end_within_three_minutes() {
        let queueing = Queueing { limit: Duration::from_secs(5), retries: 20 };
        let pauses: Duration = (1..=queueing.retries).map(|retry| queueing.pause(retry)).sum();
        assert!((Duration::from_secs(80)..Duration::from_mins(3)).contains(&pauses), "{pauses:?}");
    }
}
