//! The exit codes castoff promises, and the one way a failure travels to `main`.

use std::fmt;

/// Every way castoff itself can end. After the hand-over the code is the application's alone.
///
/// Codes may be added, never reused: deployment files and alerts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 1: `health` found the container unhealthy.
    Unhealthy,
    /// 64: a flag, variable or URL is wrong; the format is ambiguous; there is no command after `--`.
    Usage,
    /// 65: the migrations cannot be trusted: unreadable, duplicate, edited, diverged, an earlier one failed.
    Data,
    /// 66: the migrations directory is missing or holds no migration.
    NoInput,
    /// 69: the database, or what else was to be waited for, was not ready before the wait timeout.
    Unavailable,
    /// 70: a bug in castoff, a panic included.
    Internal,
    /// 71: the operating system refused something.
    OsError,
    /// 74: the connection was lost while migrating and the outcome could not be learned.
    OutcomeUnknown,
    /// 75: another process held the lock until the lock timeout.
    LockTimeout,
    /// 77: refused for good: authentication, permission, no such database, TLS verification, a pooler.
    Refused,
    /// 80: a migration failed, here or just now in another replica.
    MigrationFailed,
    /// 81: the migrate timeout passed and the work was cancelled on the server.
    MigrateTimeout,
    /// 82: migrations are pending.
    Pending,
    /// 126: the application was found but cannot be executed.
    NotExecutable,
    /// 127: the application was not found.
    NotFound,
    /// 128+n: signal n arrived before the hand-over.
    Signal(i32),
}

impl Exit {
    /// Every code but the signals', for tests and help texts that must not forget one.
    pub const ALL: [Self; 15] = [
        Self::Unhealthy,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Unavailable,
        Self::Internal,
        Self::OsError,
        Self::OutcomeUnknown,
        Self::LockTimeout,
        Self::Refused,
        Self::MigrationFailed,
        Self::MigrateTimeout,
        Self::Pending,
        Self::NotExecutable,
        Self::NotFound,
    ];

    /// The process exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Unhealthy => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::OsError => 71,
            Self::OutcomeUnknown => 74,
            Self::LockTimeout => 75,
            Self::Refused => 77,
            Self::MigrationFailed => 80,
            Self::MigrateTimeout => 81,
            Self::Pending => 82,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            // Linux has signals 1–64, so the sum always fits.
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }

    /// What it means, and whether another start may end otherwise; for the help.
    fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Unhealthy => ("`health`: not healthy", "-"),
            Self::Usage => {
                ("a flag, variable or URL is wrong; the format is ambiguous; no command after `--`", "no")
            }
            Self::Data => (
                "the migrations cannot be trusted: unreadable, edited, diverged, an earlier one failed",
                "no",
            ),
            Self::NoInput => ("the migrations directory is missing, or without a migration", "no"),
            Self::Unavailable => {
                ("the database, or a --wait-for, was not ready before the wait timeout", "yes")
            }
            Self::Internal => ("a bug in castoff", "no"),
            Self::OsError => ("the operating system refused something", "maybe"),
            Self::OutcomeUnknown => {
                ("the connection was lost while migrating, and what came of it is unknown", "look first")
            }
            Self::LockTimeout => ("another process held the lock until the lock timeout", "yes"),
            Self::Refused => {
                ("refused for good: password, permission, no such database, TLS, a pooler in between", "no")
            }
            Self::MigrationFailed => {
                ("a migration, a hook or the migrate command failed, here or in another replica", "no")
            }
            Self::MigrateTimeout => {
                ("the migrate timeout passed; the work was cancelled on the server", "maybe")
            }
            Self::Pending => ("migrations are pending", "yes"),
            Self::NotExecutable => ("the application was found but cannot be executed", "no"),
            Self::NotFound => ("the application was not found", "no"),
            Self::Signal(_) => ("signal n arrived before the application was started", "-"),
        }
    }
}

/// Every code with its meaning: `castoff help exit-codes`.
pub fn table() -> String {
    let mut table = String::from(
        "How castoff ends. Once the application runs, the code is the application's.\n\n  code   retry        meaning\n",
    );
    let mut line = |code: &str, retry: &str, meaning: &str| {
        table.push_str(&format!("  {code:<6} {retry:<12} {meaning}\n"));
    };
    line("0", "-", "done, healthy, up to date, or an older image on a newer database");
    for exit in Exit::ALL {
        let (meaning, retry) = exit.meaning();
        line(&exit.code().to_string(), retry, meaning);
    }
    let (meaning, retry) = Exit::Signal(0).meaning();
    line("128+n", retry, meaning);
    table
}

/// Why castoff ends without becoming the application: a code, the reason, and what to do now.
#[derive(Debug)]
pub struct Failure {
    /// The documented exit code.
    pub exit: Exit,
    /// What happened, outermost context first.
    pub error: anyhow::Error,
    /// What the person reading the container's log can do about it.
    pub hint: Option<String>,
}

/// What every phase returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    /// A failure from a sentence.
    pub fn message(exit: Exit, message: impl fmt::Display) -> Self {
        Self::new(exit, anyhow::anyhow!("{message}"))
    }

    /// Adds what to do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The reason on one line, as the last log line shows it.
    pub fn reason(&self) -> String {
        format!("{:#}", self.error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use std::collections::HashSet;

    #[test]
    fn no_two_failures_share_a_code() {
        let codes: HashSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
    }

    #[test]
    fn a_signal_exits_as_a_shell_would_report_it() {
        assert_eq!(Exit::Signal(15).code(), 143);
    }
}
