//! The commands around the migrations.

use super::report::Report;
use super::settings::Settings;
use crate::command::Line;

/// What runs under the lock, before and after the migrations.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// `--before-migrate`: when something is pending.
    pub before: Option<Line>,
    /// `--after-migrate`: when something was applied.
    pub after: Option<Line>,
}

impl Hooks {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }
}

pub(super) fn hooks(settings: &Settings<'_>, report: &mut Report) -> Hooks {
    Hooks {
        before: command(settings, "before-migrate", "pg_dump --file=/backup/before.sql", report),
        after: command(settings, "after-migrate", "node seed.js", report),
    }
}

/// An option whose value is a command.
pub(super) fn command(
    settings: &Settings<'_>,
    flag: &str,
    example: &str,
    report: &mut Report,
) -> Option<Line> {
    let setting = settings.get(flag, report)?;
    report.accept(Line::split(&setting.origin, &setting.value, example))
}
