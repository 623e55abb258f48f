//! The words that choose what castoff does, and the deadlines.

use std::time::Duration;

pub use crate::engine::Pooler;

use super::report::{Report, shown};
use super::settings::Settings;
use super::values::{boolean, choice, duration, limit};
use crate::cli::Task;
use crate::format::OutOfOrder;

/// What happens before the application starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Wait, migrate.
    #[default]
    Migrate,
    /// Wait, and start only if nothing is pending.
    Verify,
    /// Wait until another process has applied everything.
    Await,
    /// Wait only.
    Wait,
    /// Nothing.
    Off,
}

/// What to do with files that no longer fit the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Stop.
    Fail,
    /// Say so and go on.
    Warn,
}

/// How long things may take; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the database is ready.
    pub wait: Option<Duration>,
    /// One attempt to connect, authentication included.
    pub connect: Option<Duration>,
    /// Until another replica has finished.
    pub lock: Option<Duration>,
    /// All migrations together.
    pub migrate: Option<Duration>,
    /// After SIGTERM, for what cannot be rolled back; zero is none at all.
    pub stop_grace: Duration,
    /// For a statement to get its table's lock.
    pub ddl_lock: Option<Duration>,
}

/// Whether castoff stays when the application starts, and whom it then forwards signals to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Init {
    /// It does not: it becomes the application.
    #[default]
    Off,
    /// To the application.
    Child,
    /// To the application's process group.
    Group,
}

impl Default for Timeouts {
    /// The documented defaults.
    fn default() -> Self {
        Self {
            wait: Some(Duration::from_mins(1)),
            connect: Some(Duration::from_secs(20)),
            lock: Some(Duration::from_mins(5)),
            migrate: None,
            stop_grace: Duration::from_secs(8),
            ddl_lock: Some(Duration::from_secs(5)),
        }
    }
}

pub(super) const MODES: &[(&str, Mode)] = &[
    ("migrate", Mode::Migrate),
    ("verify", Mode::Verify),
    ("await", Mode::Await),
    ("wait", Mode::Wait),
    ("off", Mode::Off),
];

/// The mode.
pub(super) fn mode(settings: &Settings<'_>, report: &mut Report) -> Mode {
    let mode = settings.parse("mode", |text| choice(text, MODES), report).unwrap_or_default();
    if settings.line.task != Task::Become && mode == Mode::Off {
        report.warnings.push(format!(
            "mode off has no effect on `castoff {}`: it is about what happens before an application starts",
            settings.line.task.name()
        ));
    }
    // Only asked for its mistakes: a pattern that does not match has ended the reading long ago.
    settings.get("only-for", report);
    mode
}

/// Whether castoff stays.
pub(super) fn init(settings: &Settings<'_>, report: &mut Report) -> Init {
    let stays = settings.parse("init", boolean, report).unwrap_or_default();
    let group = settings.parse("init-group", boolean, report).unwrap_or_default();
    match (stays, group) {
        (true, true) => Init::Group,
        (true, false) => Init::Child,
        (false, true) => {
            report
                .warnings
                .push("--init-group (CASTOFF_INIT_GROUP) has no effect without --init (CASTOFF_INIT)".into());
            Init::Off
        }
        (false, false) => Init::Off,
    }
}

/// The pooler's mode.
pub(super) fn pooler(text: &str) -> Result<Pooler, String> {
    let choices = [
        ("auto", Pooler::Auto),
        ("none", Pooler::None),
        ("session", Pooler::Session),
        ("transaction", Pooler::Transaction),
    ];
    choice(text, &choices)
}

/// The policy for files that no longer fit.
pub(super) fn drift(text: &str) -> Result<Drift, String> {
    choice(text, &[("fail", Drift::Fail), ("warn", Drift::Warn)])
}

/// The policy for migrations that come late.
pub(super) fn out_of_order(text: &str) -> Result<OutOfOrder, String> {
    choice(text, &[("apply", OutOfOrder::Apply), ("skip", OutOfOrder::Skip), ("fail", OutOfOrder::Fail)])
}

/// The name of a format; `auto` is `None`.
pub(super) fn format_name(text: &str, known: &[&str]) -> Result<Option<String>, String> {
    let name = text.to_ascii_lowercase();
    if name == "auto" {
        return Ok(None);
    }
    if known.contains(&name.as_str()) {
        return Ok(Some(name));
    }
    Err(format!("{} is no format; castoff knows {} (or auto)", shown(text), known.join(", ")))
}

/// Every deadline, the documented default where nothing is said.
pub(super) fn timeouts(settings: &Settings<'_>, report: &mut Report) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        wait: settings.parse("wait-timeout", limit, report).unwrap_or(default.wait),
        connect: settings.parse("connect-timeout", limit, report).unwrap_or(default.connect),
        lock: settings.parse("lock-timeout", limit, report).unwrap_or(default.lock),
        migrate: settings.parse("migrate-timeout", limit, report).unwrap_or(default.migrate),
        stop_grace: settings.parse("stop-grace", duration, report).unwrap_or(default.stop_grace),
        ddl_lock: settings.parse("ddl-lock-timeout", limit, report).unwrap_or(default.ddl_lock),
    }
}
