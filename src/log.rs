//! What castoff says, on stderr: one event, one line, one write.
//!
//! ```text
//! tracing::info!(event = "wait.retry", reason = %reason, attempt, "waiting for the database: {reason}");
//! ```
//!
//! `event` is the name the contract gives it, and lines without one are for people only. A dotted field
//! (`holder.pid = pid`) becomes a member of an object in JSON; one that was not recorded (`Option::None`) becomes null,
//! and so does an object none of whose members was recorded. The message has to be complete without
//! the fields: text shows only those that it does not quote already.
//!
//! Only castoff's own lines are shown: libraries log what must not be seen (sqlx: parameters of a URL).

pub(crate) mod bar;
#[cfg(test)]
pub(crate) mod kept;
mod layer;
mod record;
mod render;

#[cfg(test)]
mod tests;

use crate::exit::{Exit, Failure};
use record::{Record, Value};
use std::sync::OnceLock;
use tracing_subscriber::layer::SubscriberExt;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// The least severe lines that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What ends castoff.
    Error,
    /// What may surprise somebody later.
    Warn,
    /// One line per transition.
    #[default]
    Info,
    /// What helps to find out why; quotes server DETAIL.
    Debug,
    /// Everything.
    Trace,
}

/// `--log-format` and `--log-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How lines are written.
    pub format: Format,
    /// The least severe lines that are shown.
    pub level: Level,
}

impl Level {
    /// The word `--log-level` takes and JSON lines carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl From<&tracing::Level> for Level {
    fn from(level: &tracing::Level) -> Self {
        match *level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

/// What [`init`] chose; text and `info` before.
static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The time, as lines begin with it.
pub(crate) fn timestamp() -> String {
    render::timestamp(render::now())
}

/// Starts the log. The first call decides.
pub fn init(settings: &Settings) {
    let settings = *SETTINGS.get_or_init(|| *settings);
    let subscriber = tracing_subscriber::registry().with(layer::Stderr::new(settings));
    // It fails only if there is one already: then that one goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The last line: why castoff ends. Shown on every level, and before [`init`] too.
pub fn report(failure: &Failure) {
    report_exit(failure.exit, failure.reason(), failure.hint.as_deref());
}

/// Ends the process with 70 and a last line when anything panics, on any thread.
///
/// A panic that aborts ends PID 1 with 139, which says nothing. The line names the place; of the panic's message only
/// what is part of the program's text, since anything formatted may quote a secret.
pub fn exit_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let said = panic.payload().downcast_ref::<&'static str>().map(|said| format!(": {said}"));
        let reason = format!("internal error{place}{}", said.unwrap_or_default());
        let hint = concat!(
            "this is a bug in castoff ",
            env!("CARGO_PKG_VERSION"),
            ": please report this line at ",
            env!("CARGO_PKG_REPOSITORY"),
            "/issues"
        );
        report_exit(Exit::Internal, reason, Some(hint));
        // SAFETY: ends the process at once and runs nothing else, neither destructors nor exit handlers.
        unsafe { nix::libc::_exit(i32::from(Exit::Internal.code())) }
    }));
}

/// Written without the subscriber, so that it works before there is one and from inside a panic of its own.
fn report_exit(exit: Exit, reason: String, hint: Option<&str>) {
    let fields = vec![
        ("code", Value::Int(exit.code().into())),
        ("reason", Value::Text(reason.clone())),
        ("hint", hint.map_or(Value::Null, |hint| Value::Text(hint.to_owned()))),
    ];
    // To be stopped is no error of anybody's.
    let level = if matches!(exit, Exit::Signal(_)) { Level::Info } else { Level::Error };
    let record = Record { level, event: Some("exit".to_owned()), message: reason, fields };
    write(&record, SETTINGS.get().copied().unwrap_or_default().format);
}

/// Writes one line in one piece, so that lines of several processes on one pipe do not mix. Errors are ignored: there
/// is nowhere to report them to, and a closed log must not stop a migration.
fn write(record: &Record, format: Format) {
    let line = match format {
        Format::Text => render::text(record, render::now()),
        Format::Json => render::json(record, render::now()),
    };
    bar::above(|| write_all(line.as_bytes()));
}

fn write_all(mut rest: &[u8]) {
    while !rest.is_empty() {
        match nix::unistd::write(std::io::stderr(), rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => break,
        }
    }
}
