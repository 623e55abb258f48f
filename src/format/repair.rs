//! What a person does about a migration that was broken off, and what `castoff resolve` records of it.

use super::Migration;
use crate::engine::Row;
use crate::exit::{Exit, Failure, Result};

/// How a person makes the history of a migration that was broken off true, in the words of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Where it was finished by hand.
    pub applied: String,
    /// Where it was undone by hand, so that it runs again.
    pub rolled_back: String,
}

/// What `castoff resolve` is to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The migration is in the database, whatever the history says.
    Applied,
    /// Nothing of the failed migration is in the database any more.
    RolledBack,
}

/// What `castoff resolve` is asked, and what there is.
#[derive(Clone, Copy, Debug)]
pub struct Amendment<'a> {
    /// What is to be recorded.
    pub resolution: Resolution,
    /// Of which migration.
    pub id: &'a str,
    /// The migrations on disk.
    pub migrations: &'a [Migration],
    /// The rows of the history.
    pub history: &'a [Row],
}

impl Repair {
    /// With a tool that records failures: `castoff resolve` either way.
    pub(super) fn by_resolve(id: &str) -> Self {
        Self {
            applied: format!("run `castoff resolve --applied {id}`"),
            rolled_back: format!("run `castoff resolve --rolled-back {id}`"),
        }
    }

    /// With a tool that records nothing of a failure: then there is nothing to take back.
    pub(super) fn of_what_left_no_row(id: &str) -> Self {
        Self { rolled_back: "deploy".into(), ..Self::by_resolve(id) }
    }
}

impl<'a> Amendment<'a> {
    /// The migration that is to be recorded as applied; `what_is_an_id` says it to a person.
    pub(super) fn recordable(&self, is_recorded: bool, what_is_an_id: &str) -> Result<&'a Migration> {
        let id = self.id;
        let found = self.migrations.iter().find(|migration| migration.id == id);
        let migration = found.filter(|migration| migration.unusable.is_none()).ok_or_else(|| {
            Failure::message(Exit::Data, format!("migration {id} is not on disk"))
                .hint(what_is_an_id.to_owned())
        })?;
        if is_recorded {
            return Err(Failure::message(
                Exit::Data,
                format!("migration {id} is already recorded as applied"),
            )
            .hint("there is nothing to resolve; `castoff status` says what the history holds"));
        }
        Ok(migration)
    }

    /// The same for a tool that records nothing of a failure.
    pub(super) fn recordable_as_done(
        &self,
        tool: &str,
        is_recorded: bool,
        what_is_an_id: &str,
    ) -> Result<&'a Migration> {
        match self.resolution {
            Resolution::Applied => self.recordable(is_recorded, what_is_an_id),
            Resolution::RolledBack => Err(Failure::message(
                Exit::Usage,
                format!("{tool} records no failure, so there is nothing to take back"),
            )
            .hint("undo by hand what stayed of the migration, and deploy: it runs again")),
        }
    }

    /// Whether a row begins with the id.
    pub(super) fn has_row(&self) -> bool {
        self.history.iter().any(|row| row.first().is_some_and(|first| first.as_deref() == Some(self.id)))
    }
}
