//! The database an attempt to connect goes to: files and commands asked anew each time.

use std::fmt;

use super::report::Report;
use super::sources::{Assembled, Sources};
use crate::engine::TableName;
use crate::environment::Environment;
use crate::exit::Result;
use crate::target::{Secret, Target};

/// How to find and enter the database, now and at every later attempt.
#[derive(Clone)]
pub struct Database {
    sources: Sources,
    assembled: Assembled,
    environment: Environment,
    asked: Option<Secret>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("target", self.target()).finish_non_exhaustive()
    }
}

impl Database {
    pub(crate) fn new(sources: Sources, assembled: Assembled, environment: Environment) -> Self {
        Self { sources, assembled, environment, asked: None }
    }

    /// The target as last resolved; a password that a command gives is missing before the first
    /// [`resolve`](Self::resolve).
    pub fn target(&self) -> &Target {
        &self.assembled.target
    }

    /// Says what can be wrong without a database: a password command that is not there.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](crate::exit::Exit::Usage).
    pub fn look_up(&self) -> Result<()> {
        let command = self.sources.command.as_ref().filter(|_| self.assembled.asks);
        command.map_or(Ok(()), |command| command.look_up(&self.environment))
    }

    /// The target of the next attempt. Reads `_FILE` forms again; asks the password command the first time, and again
    /// when the last attempt was `refused` for its credentials.
    ///
    /// A file that cannot be read, for instance while it is being replaced, leaves everything as it was. Dropping the
    /// future kills the command.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`](crate::exit::Exit::Unavailable) if the password command gave none, which may pass;
    /// [`Exit::Usage`](crate::exit::Exit::Usage) if a file now holds nonsense or the command cannot be started.
    pub async fn resolve(&mut self, refused: bool) -> Result<Target> {
        if self.sources.can_change() {
            let mut report = Report::default();
            if let Ok(assembled) = self.sources.assemble(&mut report) {
                match assembled {
                    Some(assembled) if !report.has_mistakes() => self.assembled = assembled,
                    _ => return Err(report.failure()),
                }
            }
        }
        if let Some(command) = self.sources.command.as_ref().filter(|_| self.assembled.asks) {
            if self.asked.is_none() || refused {
                self.asked = Some(command.ask(&self.environment).await?);
            }
            self.assembled.target.password.clone_from(&self.asked);
        }
        Ok(self.assembled.target.clone())
    }

    /// Whether a later [`resolve`](Self::resolve) may give another password, so that refused credentials are worth
    /// another attempt.
    pub fn password_can_change(&self) -> bool {
        self.assembled.asks || self.sources.can_change()
    }

    /// A percent-encoded `DATABASE_URL` for the application, if the target came from parts, a secret, a `_FILE` or a
    /// password command; `None` if the application has a complete URL of its own.
    pub fn export_url(&self, target: &Target) -> Option<Secret> {
        self.assembled.export.url(target)
    }

    /// The URL of the very database that castoff uses, for a command it starts: as it was written, where it was.
    pub fn command_url(&self, target: &Target) -> Secret {
        self.assembled.export.in_any_case(target)
    }

    /// The history table that a parameter of the URL names.
    pub(crate) fn history_table(&self) -> Option<&TableName> {
        self.assembled.golang_migrate.table.as_ref()
    }

    /// Whether a parameter of the URL asks golang-migrate to split scripts.
    pub fn splits_scripts(&self) -> bool {
        self.assembled.golang_migrate.multi_statement
    }

    /// Whether a parameter of the URL asks golang-migrate for no transaction around scripts.
    pub fn wraps_no_script(&self) -> bool {
        self.assembled.golang_migrate.no_tx_wrap
    }
}
