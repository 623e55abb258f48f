//! `castoff health`: looks once at the database and at every target, side by side, within a few seconds.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::work::{Work, told};
use super::{Life, close, decide};
use crate::attempt::{Attempts, Conditions, Ready, Trouble};
use crate::config::Database;
use crate::database::Configured;
use crate::engine::{ConnectOptions, DbError, Engine, Ledger};
use crate::exit::{Exit, Failure, Result};
use crate::health::{self, Answer, Health};
use crate::phase::Phase;
use crate::plan::Plans;
use crate::signals::stopped_by;
use crate::status::Status;
use crate::wait::{Others, look_once, side_by_side};

/// For everything together. Amazon ECS gives a check 5 s unless it is told otherwise, Docker 30 s; who is killed has
/// answered nothing.
const LIMIT: Duration = Duration::from_secs(4);

/// How long ending the session may take: the answer is known by then.
const PARTING: Duration = Duration::from_millis(200);

/// The state of the migrations and whether that is one to start with, or why it is not known.
type State = std::result::Result<(&'static str, bool), String>;

/// What is known of the files before the database is asked.
struct Known {
    work: Work,
    ledger: Option<Ledger>,
    engine: Engine,
    search_path: Option<String>,
}

impl Life<'_> {
    /// Looks, and judges what it has seen.
    ///
    /// # Errors
    ///
    /// 128+n after a signal. What is missing is part of the answer.
    pub(super) async fn health(&self, options: &ConnectOptions) -> Result<Health> {
        // First, because it may go on while we look: whoever waited a moment ago need not answer yet.
        let phase = Phase::of_this_container();
        tokio::select! {
            biased;
            signal = self.signal(phase) => Err(stopped_by(signal)),
            seen = self.look(phase, options) => seen,
        }
    }

    async fn look(&self, phase: Phase, options: &ConnectOptions) -> Result<Health> {
        let limit = self.config.timeouts.connect.map_or(LIMIT, |limit| limit.min(LIMIT));
        let deadline = Instant::now() + limit;
        let health = &self.config.health;
        let others = Others { targets: &health.targets, options, limit: Some(limit) };
        let target = async |target| {
            let answer = look_once(target, others).await;
            Ok(Answer::of(target.to_string(), answer.map_err(|error| error.to_string())))
        };
        let targets = side_by_side(health.targets.iter().map(target));
        let (database, targets) = tokio::join!(self.look_at_database(options, deadline), targets);
        Ok(Health::judge(phase, database, targets?, health.require))
    }

    async fn look_at_database(&self, options: &ConnectOptions, deadline: Instant) -> health::Database {
        let Some(database) = &self.config.database else { return health::Database::none() };
        let target = database.target();
        // castoff would take a missing file for one that it is to create.
        if target.engine == Engine::Sqlite && !Path::new(&target.database).exists() {
            return health::Database::silent(format!("{} does not exist", target.database));
        }
        match self.look_into(database, options, deadline).await {
            Ok((as_what, state)) => health::Database::answering(&as_what, state),
            Err(trouble) => health::Database::silent(told_by(&trouble.into())),
        }
    }

    /// What answers, and what is known of its migrations.
    async fn look_into(
        &self,
        database: &Database,
        options: &ConnectOptions,
        deadline: Instant,
    ) -> std::result::Result<(String, State), Trouble> {
        database.look_up()?;
        let engine = database.target().engine;
        let work = Work::of(self.config, engine);
        let schema = work.as_ref().ok().and_then(|work| work.usual_schema(engine));
        let mut connector = Configured::new(database.clone(), options.clone(), schema);
        let search_path = connector.search_path();
        let ledger = work
            .as_ref()
            .ok()
            .and_then(|work| work.ledger(engine, connector.schema(), search_path.as_deref()));
        let address = database.target().address();
        let conditions = Conditions { limit: None, writable: false, create_database: false };
        let mut attempts = Attempts::new(&mut connector, conditions);
        let mut unreadable = None;
        let ready = match attempts.connect(ledger.as_ref(), Some(deadline)).await {
            // The server is there; its history is not for us.
            Err(Trouble::Never(failure)) if failure.exit == Exit::Data => {
                unreadable = Some(failure);
                attempts.connect(None, Some(deadline)).await?
            }
            Err(Trouble::NotYet(error)) if engine != Engine::Sqlite => {
                let message = format!("{address}: {}", error.message);
                return Err(Trouble::NotYet(DbError { message, ..error }));
            }
            result => result?,
        };
        let mut as_what = format!("{engine} {} at {address}", ready.reading.facts.server_version);
        if let Some(why) = &ready.reading.facts.read_only {
            as_what.push_str(&format!("; it takes no writes: {why}"));
        }
        let status = match (work, unreadable) {
            (_, Some(failure)) | (Err(failure), None) => {
                part(ready).await;
                Err(failure)
            }
            (Ok(work), None) => {
                let known = Known { work, ledger, engine, search_path };
                self.read_status(&mut attempts, ready, known, deadline).await
            }
        };
        let state = status.map(|status| (status.state(), status.verdict().is_none()));
        Ok((as_what, state.map_err(|failure| told_by(&failure))))
    }

    /// What `status` says, whichever tool's files they are.
    async fn read_status(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        known: Known,
        deadline: Instant,
    ) -> Result<Status> {
        let Known { mut work, mut ledger, engine, search_path } = known;
        if let Work::Undecided(undecided) = &work {
            let told = told(self.config, engine);
            let candidates = undecided.candidates(&told)?;
            let session = &mut *ready.session;
            let owners = async { decide::owners(session, &candidates).await.map_err(Trouble::NotYet) };
            let owners = attempts.bounded(owners, Some(deadline)).await?;
            work = Work::with(self.config, undecided.settle(&owners, &told)?)?;
            ledger = work.ledger(engine, None, search_path.as_deref());
            ready = attempts.again(ready.session, ledger.as_ref(), Some(deadline)).await?;
        }
        let (Work::Files(migrations, _), Some(ledger)) = (&work, &ledger) else {
            part(ready).await;
            return Err(Failure::message(Exit::NoInput, "only the migrate command knows"));
        };
        let policy = self.policy(migrations, engine);
        let plans = Plans { migrations, engine, ledger, policy, interrupted: None, owes: false, back: None };
        let Ready { mut session, reading } = ready;
        let read = async { Status::read(&mut *session, &reading, &plans).await.map_err(Trouble::from) };
        let status = attempts.bounded(read, Some(deadline)).await;
        part(Ready { session, reading }).await;
        Ok(status?)
    }
}

/// Ends a session in good order where that takes no time.
async fn part(ready: Ready) {
    let _ = timeout(PARTING, close(ready.session)).await;
}

/// The reason alone: what to do about it stands in the log of whoever fails for it.
fn told_by(failure: &Failure) -> String {
    failure.reason()
}
