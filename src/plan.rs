//! What is to be done, from what the files and the history say of each other. Pure.

use crate::engine::{Engine, Facts, Ledger, Reading, Row};
use crate::exit::{Exit, Failure, Result};
use crate::format::{Assessment, Step};
use crate::migrations::Migrations;
use crate::script;

mod residue;

pub use residue::Residue;
pub(crate) use residue::is_split;

/// The state of a database as `status` names it; the first that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A migration was begun and not finished, and nobody is at it.
    Failed,
    /// A migration was begun and not finished, and the lock is held.
    Migrating,
    /// A file differs from what was applied.
    Edited,
    /// Something applied is not on disk, and this is not just an old image.
    Diverged,
    /// Something on disk is not applied.
    Pending,
    /// Nothing is pending, and everything missing is newer than all on disk.
    Ahead,
    /// The database is what the files say.
    UpToDate,
}

impl State {
    /// The word of `status --json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Migrating => "migrating",
            Self::Edited => "edited",
            Self::Diverged => "diverged",
            Self::Pending => "pending",
            Self::Ahead => "ahead",
            Self::UpToDate => "up-to-date",
        }
    }
}

/// Whether drift stops castoff; the tool's own habit unless the user says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// An edited file stops it.
    pub fails_on_edited: bool,
    /// A diverged history stops it.
    pub fails_on_missing: bool,
}

/// What the lock's holder does.
#[derive(Debug)]
pub enum Decision {
    /// Nothing is pending. The application may start.
    Nothing,
    /// These steps, in this order.
    Work(Vec<Planned>),
}

/// A step, and what it can leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The step.
    pub step: Step,
    /// What stays of it if it is broken off.
    pub residue: Residue,
}

/// What every plan of a run is made from.
#[derive(Clone, Copy)]
pub struct Plans<'a> {
    /// The files.
    pub migrations: &'a Migrations,
    /// The engine they are for.
    pub engine: Engine,
    /// The history table.
    pub ledger: &'a Ledger,
    /// What drift does.
    pub policy: Policy,
}

impl Plans<'_> {
    /// Holds the files against a reading.
    ///
    /// # Errors
    ///
    /// 65 where a row is not one of the tool's.
    pub fn plan(&self, reading: &Reading) -> Result<Plan> {
        Plan::new(self.migrations, self.engine, reading.history.as_deref())
    }
}

/// The files held against one reading of the history.
#[derive(Debug)]
pub struct Plan {
    /// What they say of each other.
    pub assessment: Assessment,
    /// Unfinished migrations that a rerun completes by itself, because what they leave behind can be recognised.
    pub resumable: Vec<String>,
}

impl Plan {
    /// Holds the files against the history.
    fn new(migrations: &Migrations, engine: Engine, history: Option<&[Row]>) -> Result<Self> {
        let assessment = migrations.format.assess(&migrations.list, history.unwrap_or_default())?;
        let resumable = assessment
            .unfinished
            .iter()
            .filter(|unfinished| unfinished.same_file)
            .filter(|unfinished| {
                migrations
                    .get(&unfinished.id)
                    .is_some_and(|migration| residue::builds_only_indexes(engine, migration))
            })
            .map(|unfinished| unfinished.id.clone())
            .collect();
        Ok(Self { assessment, resumable })
    }

    /// Whether the application may start without anybody taking the lock: all an unlocked reading may conclude.
    pub fn has_nothing_to_do(&self, policy: Policy) -> bool {
        let seen = &self.assessment;
        seen.unfinished.is_empty()
            && !self.has_pending()
            && (seen.edited.is_empty() || !policy.fails_on_edited)
            && (!self.has_diverged() || !policy.fails_on_missing)
    }

    /// The state, given whether somebody holds the lock.
    pub fn state(&self, lock_is_held: bool) -> State {
        let seen = &self.assessment;
        if !seen.unfinished.is_empty() && lock_is_held {
            State::Migrating
        } else if self.failed().next().is_some() {
            State::Failed
        } else if !seen.edited.is_empty() {
            State::Edited
        } else if self.has_diverged() {
            State::Diverged
        } else if self.has_pending() {
            State::Pending
        } else if !seen.missing.is_empty() {
            State::Ahead
        } else {
            State::UpToDate
        }
    }

    /// Whether something is to be applied.
    pub fn has_pending(&self) -> bool {
        !self.assessment.pending.is_empty() || !self.resumable.is_empty()
    }

    /// The ids to apply, in the tool's order.
    pub fn to_apply<'a>(&'a self, migrations: &'a Migrations) -> impl Iterator<Item = &'a str> {
        let wanted = |id: &String| self.assessment.pending.contains(id) || self.resumable.contains(id);
        migrations.list.iter().map(|migration| &migration.id).filter(move |id| wanted(id)).map(String::as_str)
    }

    /// The unfinished migrations that block the next run.
    fn failed(&self) -> impl Iterator<Item = &str> {
        let ids = self.assessment.unfinished.iter().map(|unfinished| unfinished.id.as_str());
        ids.filter(|id| !self.resumable.iter().any(|resumable| resumable == id))
    }

    fn has_diverged(&self) -> bool {
        let seen = &self.assessment;
        !seen.missing.is_empty() && (self.has_pending() || !seen.missing_are_newer)
    }

    /// What the lock's holder does with a reading made under the lock.
    ///
    /// # Errors
    ///
    /// 65 where an earlier migration failed, or drift stops castoff; 64 where `auto` met a schema it does not know.
    pub fn decide(&self, plans: &Plans<'_>, facts: &Facts, history_exists: bool) -> Result<Decision> {
        let Plans { migrations, engine, ledger, policy } = *plans;
        let table = &ledger.table;
        if let Some(id) = self.failed().next() {
            return Err(Failure::message(
                Exit::Data,
                format!("migration {id} was begun earlier and did not finish: {table} holds its row with success = false"),
            )
            .hint(format!(
                "see what of it is in the database, finish or undo it by hand, then set its row in {table} to \
                 success = true, or delete the row to run it again"
            )));
        }
        if policy.fails_on_edited && !self.assessment.edited.is_empty() {
            return Err(self.edited(migrations));
        }
        if policy.fails_on_missing && self.has_diverged() {
            return Err(Failure::message(
                Exit::Data,
                format!(
                    "the database has diverged: {} applied and not in {}",
                    list(&self.assessment.missing),
                    migrations.directory.display()
                ),
            )
            .hint("deploy the image that holds these migrations, or start anyway with --on-missing warn"));
        }
        if !self.has_pending() {
            return Ok(Decision::Nothing);
        }
        if migrations.format_was_detected && !history_exists && facts.holds_tables {
            return Err(Failure::message(
                Exit::Usage,
                format!(
                    "the database holds tables but no {table}; the files look like {}'s, and running them on somebody \
                     else's schema would be a guess",
                    migrations.format.name()
                ),
            )
            .hint(format!(
                "if they belong to it, say so: --format {} (CASTOFF_FORMAT); check the database and schema otherwise",
                migrations.format.name()
            )));
        }
        if !history_exists && facts.schema.is_empty() {
            return Err(Failure::message(
                Exit::Refused,
                format!("there is no schema to create {table} in: the search path names none that exists"),
            )
            .hint("create the schema, or mend search_path in the URL or of the role"));
        }
        self.steps(migrations, engine).map(Decision::Work)
    }

    fn steps(&self, migrations: &Migrations, engine: Engine) -> Result<Vec<Planned>> {
        let mut steps = Vec::new();
        for id in self.to_apply(migrations) {
            let Some(migration) = migrations.get(id) else { continue };
            if let Some(refusal) = script::refusal(engine, &migration.sql) {
                return Err(Failure::message(
                    Exit::Data,
                    format!("{}:{}: {}", migration.file.display(), refusal.line, refusal.what),
                )
                .hint(format!("{}; nothing was applied", refusal.hint)));
            }
            let resumed = self.resumable.iter().any(|resumable| resumable == id);
            let step = migrations.format.step(engine, migration, resumed);
            steps.push(Planned { residue: Residue::of(engine, &step), step });
        }
        Ok(steps)
    }

    fn edited(&self, migrations: &Migrations) -> Failure {
        let edited = &self.assessment.edited;
        let files: Vec<String> = edited
            .iter()
            .filter_map(|id| migrations.get(id))
            .map(|migration| migration.file.display().to_string())
            .collect();
        let line_endings =
            edited.iter().filter_map(|id| migrations.get(id)).any(|migration| migration.sql.contains("\r\n"));
        let hint = if line_endings {
            "the file has Windows line endings: check it out with LF, as it was applied (.gitattributes: *.sql \
             text eol=lf)"
        } else {
            "restore the file as it was applied and put the change into a new migration, or start anyway with \
             --on-edited warn"
        };
        Failure::message(
            Exit::Data,
            format!("{} changed after it was applied: its checksum differs", list(&files)),
        )
        .hint(hint)
    }

    /// What a person should know although the application starts.
    pub fn warnings(&self, migrations: &Migrations, policy: Policy) -> Vec<String> {
        let seen = &self.assessment;
        let mut warnings = Vec::new();
        if self.state(false) == State::Ahead {
            warnings.push(format!(
                "the database is ahead of this image: {} applied and not in {}; starting anyway, as after a rollback",
                list(&seen.missing),
                migrations.directory.display()
            ));
        } else if !policy.fails_on_missing && self.has_diverged() {
            warnings.push(format!("{} applied and not on disk", list(&seen.missing)));
        }
        if !policy.fails_on_edited && !seen.edited.is_empty() {
            warnings.push(format!("{} changed after being applied", list(&seen.edited)));
        }
        warnings
    }
}

/// A few names, and how many more.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests;
