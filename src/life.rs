//! The program's life up to the hand-over: wait, lock, migrate.

use std::ffi::OsString;
use std::future::Future;
use std::time::{Duration, Instant};

use self::command::ByCommand;
use self::work::{FileTask, Work};
use crate::attempt::{Attempts, Conditions, Ready, Trouble};
use crate::backoff::jitter;
use crate::cli::Task;
use crate::config::{Awaited, Config, Database, Drift, Init, Mode, WaitTarget};
use crate::database::Configured;
use crate::duration::milliseconds;
use crate::engine::{ConnectOptions, Engine, Ledger, Session};
use crate::exit::{Exit, Failure, Result};
use crate::listen::Listener;
use crate::migrations::Migrations;
use crate::phase::Phase;
use crate::plan::{Back, Plans, Policy};
use crate::signals::{Signals, leave_to_main_thread, stopped_by};
use crate::status::Status;
use crate::target::{Secret, SessionAttrs, TlsRoot};
use crate::wait::{self, Others};

mod command;
mod decide;
mod errand;
mod follow;
mod health;
mod hooks;
mod lost;
mod migrate;
mod plan;
mod remains;
mod resolve;
mod work;

/// The longest pause before a lost connection is opened again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// How long ending a session may take before its connection is simply dropped.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// What the phases before the hand-over have come to.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What a subcommand prints on standard output.
    pub output: String,
    /// The exit code of a subcommand that found what it was asked about; `None` for 0.
    pub verdict: Option<Exit>,
    /// The `DATABASE_URL` for the application, where the user asked for it.
    pub database_url: Option<Secret>,
    /// How long each phase took.
    pub times: Times,
}

/// How long each phase took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Until the database was usable.
    pub wait: Duration,
    /// Until the lock was ours, or not needed any more.
    pub lock: Duration,
    /// Applying migrations.
    pub migrate: Duration,
}

impl Times {
    /// The last line before the hand-over.
    pub fn announce(&self, command: &[OsString], init: Init, started: Instant) {
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        let command = words.first().map(AsRef::as_ref).unwrap_or_default();
        let total_ms = milliseconds(started.elapsed());
        let verb = if init == Init::Off { "becoming" } else { "starting" };
        tracing::info!(
            event = "exec",
            command,
            total_ms,
            wait_ms = milliseconds(self.wait),
            lock_ms = milliseconds(self.lock),
            migrate_ms = milliseconds(self.migrate),
            "{verb} {command} after {total_ms} ms"
        );
    }
}

/// How castoff connects. Reads the system's certificates if a target asks for them, so it comes before
/// [`leave_nothing_to_defaults`].
pub fn connect_options(config: &Config) -> ConnectOptions {
    let by_system = |database: &Database| database.target().tls.root == TlsRoot::System;
    let needs_roots = config.database.as_ref().is_some_and(by_system)
        || config.wait_for.iter().chain(&config.health.targets).any(|target| match target.awaited() {
            Awaited::Http(web) => web.tls,
            Awaited::Database(database) => by_system(database),
            Awaited::Tcp(..) | Awaited::Unix(_) | Awaited::File(_) => false,
        });
    let store = needs_roots.then(openssl_probe::probe).and_then(|found| found.cert_file);
    let system_roots = store.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
    let hostname = nix::unistd::gethostname().unwrap_or_default();
    let name = format!("castoff/{} {}", env!("CARGO_PKG_VERSION"), hostname.to_string_lossy());
    ConnectOptions { application_name: name, system_roots, pooler: config.pooler }
}

/// Takes away what sqlx would read by itself: the configuration has already decided.
///
/// sqlx adds the system's certificates to every verification, and `PG*` variables to every connection. The
/// application's environment was captured before and is not touched by this.
///
/// # Safety
///
/// No other thread may exist: it could be reading the environment.
pub unsafe fn leave_nothing_to_defaults() {
    let defaults = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.as_encoded_bytes().starts_with(b"PG") || name == "SSL_CERT_DIR");
    for name in defaults.collect::<Vec<_>>() {
        // SAFETY: the caller promises that there is no other thread.
        unsafe { std::env::remove_var(name) };
    }
    // SAFETY: as above. An empty file is a store without certificates.
    unsafe { std::env::set_var("SSL_CERT_FILE", "/dev/null") };
}

/// Runs the phases on a runtime of their own, which is gone before the hand-over.
///
/// # Errors
///
/// Whatever ends castoff before the application: every code but 126 and 127.
pub fn prepare(config: &Config, options: ConnectOptions, signals: &Signals) -> Result<Prepared> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(leave_to_main_thread)
        .build()
        .map_err(|error| Failure::new(Exit::OsError, error))?;
    let life = Life { config, signals };
    if life.prepares_a_start() {
        // A health check may come before the files are read.
        Phase::Wait.enter();
    }
    let result = runtime.block_on(async {
        match config.health_listen.filter(|_| life.prepares_a_start()) {
            Some(listen) => Box::pin(Listener::open(listen)?.beside(life.run(options))).await,
            None => life.run(options).await,
        }
    });
    // Dropping the runtime would wait for a name look-up that hangs.
    runtime.shutdown_background();
    result
}

/// The phases with what each of them needs.
struct Life<'a> {
    config: &'a Config,
    signals: &'a Signals,
}

impl Life<'_> {
    async fn run(&self, options: ConnectOptions) -> Result<Prepared> {
        let config = self.config;
        if config.task == Task::Health {
            let health = Box::pin(self.health(&options)).await?;
            let output = health.json()? + "\n";
            return Ok(Prepared { output, verdict: health.verdict(), ..Prepared::default() });
        }
        let others = Others { targets: self.others(), options: &options, limit: config.timeouts.connect };
        let mut prepared = Prepared::default();
        let Some(database) = config.database.clone() else {
            let started = Instant::now();
            let wait = wait::until_others_ready(others, config.timeouts.wait);
            self.interruptible(Phase::Wait, wait).await?;
            prepared.times.wait = started.elapsed();
            return Ok(prepared);
        };
        let engine = database.target().engine;
        // Whatever can be wrong without a database is said before waiting for one.
        database.look_up()?;
        let mut work = Work::of(config, engine)?;
        let mut connector = Configured::new(database, options.clone(), work.usual_schema(engine));
        let search_path = connector.search_path();
        let mut ledger = work.ledger(engine, connector.schema(), search_path.as_deref());
        let goes_back = matches!(config.task, Task::Revert { .. });
        let conditions = Conditions {
            limit: config.timeouts.connect,
            writable: self.needs_writes(),
            create_database: config.create_database && !self.only_looks() && !goes_back,
        };
        let mut attempts = Attempts::new(&mut connector, conditions);
        if config.create_database && config.mode == Mode::Await {
            attempts.expect_database();
        }
        let times = &mut prepared.times;
        let mut ready = self.wait(&mut attempts, ledger.as_ref(), Some(others), times).await?;
        if let Work::Undecided(undecided) = &work {
            (work, ready) = Box::pin(self.decide(&mut attempts, ready, (undecided, engine), times)).await?;
            ledger = work.ledger(engine, None, search_path.as_deref());
            ready = Box::pin(self.read_history(&mut attempts, ready, ledger.as_ref(), times)).await?;
        }
        match (&work, &ledger) {
            (Work::Files(migrations, task), Some(ledger)) => {
                let policy = self.policy(migrations, engine);
                let plans =
                    Plans { migrations, engine, ledger, policy, interrupted: None, owes: false, back: None };
                self.work_on(&mut attempts, ready, &plans, task, &mut prepared).await?;
            }
            (Work::Command(line), _) => {
                let table = config.history_table.as_ref().map_or("", |table| &table.name);
                let purpose = ByCommand { line, plans: None, engine, table, told: None };
                let times = &mut prepared.times;
                Box::pin(self.migrate_by_command(&mut attempts, ready, &purpose, times)).await?;
            }
            _ => close(ready.session).await,
        }
        if config.export_database_url {
            let database = connector.database();
            prepared.database_url = database.export_url(database.target());
        }
        Ok(prepared)
    }

    /// What the files are read for. Boxed where it is large, because most starts never get there.
    async fn work_on(
        &self,
        attempts: &mut Attempts<'_>,
        ready: Ready,
        plans: &Plans<'_>,
        task: &FileTask,
        prepared: &mut Prepared,
    ) -> Result<()> {
        let times = &mut prepared.times;
        match task {
            FileTask::Say { json } => self.status(attempts, ready, plans, *json, prepared).await,
            FileTask::Show(line, json) => {
                Box::pin(self.plan(attempts, ready, (plans, line.as_ref()), *json, prepared)).await
            }
            FileTask::Resolve(resolution, id) => {
                Box::pin(self.resolve(attempts, ready, plans, (*resolution, id))).await
            }
            FileTask::Apply => Box::pin(self.migrate(attempts, ready, plans, times)).await,
            FileTask::Revert(until) => {
                let back = Back::new(until);
                let plans = Plans { back: Some(&back), ..*plans };
                Box::pin(self.migrate(attempts, ready, &plans, times)).await
            }
            FileTask::Run(line) => {
                let purpose = ByCommand::of(line, plans);
                Box::pin(self.migrate_by_command(attempts, ready, &purpose, times)).await
            }
            FileTask::Verify => Box::pin(self.verify(attempts, ready, plans, times)).await,
            FileTask::Await(line) => {
                Box::pin(self.follow(attempts, ready, (plans, line.as_ref()), times)).await
            }
        }
    }

    /// Whether an orchestrator may be waiting for what comes after, and not a person for an answer.
    fn prepares_a_start(&self) -> bool {
        matches!(self.config.task, Task::Become | Task::Migrate | Task::Wait)
    }

    /// What must be ready besides the database. Most subcommands are about the database alone.
    fn others(&self) -> &[WaitTarget] {
        match self.config.task {
            Task::Become | Task::Migrate | Task::Wait => &self.config.wait_for,
            Task::Status { .. }
            | Task::Plan { .. }
            | Task::Resolve { .. }
            | Task::Revert { .. }
            | Task::Health => &[],
        }
    }

    async fn wait(
        &self,
        attempts: &mut Attempts<'_>,
        ledger: Option<&Ledger>,
        others: Option<Others<'_>>,
        times: &mut Times,
    ) -> Result<Ready> {
        let started = Instant::now();
        let limit = self.config.timeouts.wait;
        let wait = wait::until_all_ready(attempts, ledger, others, limit);
        let ready = self.interruptible(Phase::Wait, wait).await;
        times.wait += started.elapsed();
        ready
    }

    /// Waits for the server once more, after a connection was lost. One that ends every session at once is not to be
    /// knocked at without a pause.
    async fn wait_again(
        &self,
        attempts: &mut Attempts<'_>,
        ledger: Option<&Ledger>,
        times: &mut Times,
    ) -> Result<Ready> {
        tokio::time::sleep(jitter(Duration::ZERO, RECONNECT_PAUSE)).await;
        self.wait(attempts, ledger, None, times).await
    }

    async fn status(
        &self,
        attempts: &Attempts<'_>,
        ready: Ready,
        plans: &Plans<'_>,
        json: bool,
        prepared: &mut Prepared,
    ) -> Result<()> {
        let Ready { mut session, reading } = ready;
        let read = async { Status::read(&mut *session, &reading, plans).await.map_err(Trouble::from) };
        let bounded = async { attempts.bounded(read, None).await.map_err(Failure::from) };
        let status = self.interruptible(Phase::Wait, bounded).await?;
        close(session).await;
        prepared.output = if json { status.json()? + "\n" } else { status.text() };
        prepared.verdict = status.verdict();
        Ok(())
    }

    /// Whether nothing at all may be changed.
    fn only_looks(&self) -> bool {
        let Config { task, mode, .. } = self.config;
        match task {
            Task::Status { .. } | Task::Plan { .. } | Task::Health => true,
            Task::Become => matches!(mode, Mode::Verify | Mode::Await),
            Task::Migrate | Task::Wait | Task::Resolve { .. } | Task::Revert { .. } => false,
        }
    }

    /// Whether a server that takes no writes is not ready: unless castoff only looks, or only waits for a database
    /// whose URL says that a standby will do.
    fn needs_writes(&self) -> bool {
        let attrs = self.config.database.as_ref().map(|database| database.target().session_attrs);
        let only_waits = self.config.task == Task::Wait || self.config.mode == Mode::Wait;
        let standby_will_do =
            matches!(attrs, Some(SessionAttrs::Any | SessionAttrs::ReadOnly | SessionAttrs::PreferStandby));
        !(self.only_looks() || only_waits && standby_will_do)
    }

    /// A phase that may simply be dropped when a signal arrives: nothing of it is left on the server.
    async fn interruptible<T>(&self, phase: Phase, work: impl Future<Output = Result<T>>) -> Result<T> {
        phase.enter();
        tokio::select! {
            biased;
            signal = self.signal(phase) => Err(stopped_by(signal)),
            result = work => result,
        }
    }

    /// The number of a signal, once it has arrived and been logged.
    async fn signal(&self, phase: Phase) -> crate::signals::Signal {
        let signal = self.signals.arrived().await;
        tracing::info!(event = "signal", name = %signal, phase = phase.name(), "{signal} arrived");
        signal
    }

    async fn signal_number(&self) -> i32 {
        self.signal(Phase::Migrate).await as i32
    }

    fn policy(&self, migrations: &Migrations, engine: Engine) -> Policy {
        let Migrations { format, wishes, .. } = migrations;
        let Config { on_edited, on_missing, out_of_order, .. } = *self.config;
        let habits = format.habits(engine);
        let fails = |drift: Option<Drift>, wish: Option<bool>, habit| {
            drift.map(|drift| drift == Drift::Fail).or(wish).unwrap_or(habit)
        };
        if on_edited == Some(Drift::Fail) && !format.keeps_checksums() {
            tracing::warn!(
                "--on-edited (CASTOFF_ON_EDITED) has no effect: {} keeps no checksums",
                format.name()
            );
        }
        if out_of_order.is_some_and(|wanted| wanted != habits.out_of_order) && !format.keeps_every_version() {
            tracing::warn!(
                "--out-of-order (CASTOFF_OUT_OF_ORDER) has no effect: the history of {} tells only how far the \
                 migrations went",
                format.name()
            );
        }
        Policy {
            fails_on_edited: fails(on_edited, wishes.fails_on_edited, habits.fails_on_edited),
            fails_on_missing: fails(on_missing, wishes.fails_on_missing, habits.fails_on_missing),
            out_of_order: out_of_order.or(wishes.out_of_order).unwrap_or(habits.out_of_order),
        }
    }
}

/// Ends a session in good order, unless its server does not answer.
async fn close(session: Box<dyn Session>) {
    if tokio::time::timeout(CLOSE_LIMIT, session.close()).await.is_err() {
        tracing::debug!("the server did not answer when the session was ended");
    }
}
