//! The end of `tracing`: castoff's own events, down to the chosen level, onto stderr.

use super::record::Record;
use super::{Level, Settings};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The crate whose lines are shown; the binary and its library share the name.
const OWN: &str = env!("CARGO_PKG_NAME");

/// Writes every event it lets through as one line.
pub(super) struct Stderr {
    settings: Settings,
}

impl Stderr {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<S: Subscriber> Layer<S> for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_own(metadata.target()) && Level::from(metadata.level()) <= self.settings.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.settings.level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        })
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        super::write(&Record::of(event), self.settings.format);
    }
}

/// Whether a target, by default a module's path, lies in this crate.
fn is_own(target: &str) -> bool {
    target.strip_prefix(OWN).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn lines_of_libraries_are_not_shown() {
        assert!(is_own("castoff") && is_own("castoff::wait"));
        assert!(!is_own("sqlx::query") && !is_own("castoffish") && !is_own(""));
    }
}
