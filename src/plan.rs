//! What is to be done, from what the files and the history say of each other. Pure.

use crate::engine::{Engine, Facts, Ledger, LockKey, Reading, Row};
use crate::exit::Result;
use crate::format::{Assessment, Atomicity, Migration, OutOfOrder, Site, Step, Turn, Unfinished};
use crate::lock::{Purpose, Undertaking, own_key};
use crate::migrations::Migrations;
use back::{GoingBack, Look};

mod back;
mod refusal;
mod residue;
mod standing;

pub use back::Back;
pub use refusal::way_back;
pub use residue::Residue;

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
    /// What becomes of a migration that comes late.
    pub out_of_order: OutOfOrder,
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
    /// The migration at which this very process lost its connection, if it did: its mark is no sign of a failure where
    /// nothing of it can have stayed.
    pub interrupted: Option<Interrupted<'a>>,
    /// Whether this very process was interrupted before what runs along with its migrations had run.
    pub owes: bool,
    /// How far back, where migrations are to be taken back instead of applied.
    pub back: Option<&'a Back<'a>>,
}

/// A migration at which the connection was lost.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted<'a> {
    /// The migration.
    pub id: &'a str,
    /// The id that was recorded last before it, which its own mark may have replaced.
    pub previous: Option<&'a str>,
}

impl Plans<'_> {
    /// Holds the files against a reading.
    ///
    /// # Errors
    ///
    /// 65 where a row is not one of the tool's.
    pub fn plan(&self, reading: &Reading) -> Result<Plan> {
        Plan::new(self, &reading.facts, reading.history.as_deref())
    }

    /// Where the tool works, by what a reading says of the server.
    fn site<'a>(&'a self, facts: &'a Facts) -> Site<'a> {
        Site { engine: self.engine, facts, table: &self.ledger.table }
    }
}

/// The lock is wanted to migrate: not at all where nothing is pending.
impl Purpose for Plans<'_> {
    fn ledger(&self) -> Option<&Ledger> {
        Some(self.ledger)
    }

    /// Castoff's own, then the tool's, so that a person running the tool is excluded too.
    fn keys(&self, facts: &Facts) -> Vec<LockKey> {
        let mut keys = vec![own_key(self.engine, facts, &self.ledger.table.name)];
        keys.extend(self.migrations.format.lock_keys(&self.site(facts)));
        keys
    }

    fn is_needed(&self, reading: &Reading) -> Result<bool> {
        Ok(!self.plan(reading)?.has_nothing_to_do(self.policy))
    }

    fn next(&self, reading: &Reading) -> Result<Option<Undertaking>> {
        // Whoever takes something back is a person, and sees what they do.
        if self.back.is_some() {
            return Ok(None);
        }
        Ok(self.plan(reading)?.next(self.migrations).map(Undertaking::migration))
    }
}

/// The files held against one reading of the history.
#[derive(Debug)]
pub struct Plan {
    /// What they say of each other.
    pub assessment: Assessment,
    /// Unfinished migrations that a rerun completes by itself, because what they leave behind can be recognised.
    pub resumable: Vec<String>,
    /// Whether something may be pending that the files do not show.
    pub opaque: bool,
    /// Whether what only runs along with migrations is to be run, although none is pending.
    pub owes: bool,
    /// What is to be taken back, where that is what is asked.
    going_back: Option<GoingBack>,
}

impl Plan {
    /// Holds the files against the history.
    fn new(plans: &Plans<'_>, facts: &Facts, history: Option<&[Row]>) -> Result<Self> {
        let Plans { migrations, engine, policy, interrupted, .. } = *plans;
        let site = plans.site(facts);
        let mut assessment =
            migrations.format.assess(&site, &migrations.list, history.unwrap_or_default())?;
        if policy.out_of_order == OutOfOrder::Skip {
            let late = &assessment.late;
            assessment.pending.retain(|id| !late.contains(id));
        }
        let resumable = assessment
            .unfinished
            .iter()
            .filter(|unfinished| {
                let Some(migration) = migrations.get(&unfinished.id) else { return false };
                // Its end shares the script's transaction: the mark alone says that this was rolled back.
                let rolled_back = || {
                    let turn = Turn { migration, resumed: true, previous: None };
                    migrations.format.step(&site, &turn).is_some_and(|step| {
                        step.atomicity == Atomicity::Together
                            && Residue::of(engine, &step) == Residue::Nothing
                    })
                };
                unfinished.may_resume && residue::builds_only_indexes(engine, migration)
                    || interrupted.is_some_and(|lost| lost.id == unfinished.id) && rolled_back()
            })
            .map(|unfinished| unfinished.id.clone())
            .collect();
        let owes = plans.owes && !assessment.accompanying.is_empty();
        let look = plans.back.map(|back| Look { back, plans, seen: &assessment, facts });
        let going_back = look.map(|look| look.going()).transpose()?;
        Ok(Self { assessment, resumable, opaque: migrations.opaque.is_some(), owes, going_back })
    }

    /// Whether the application may start without anybody taking the lock: all an unlocked reading may conclude.
    pub fn has_nothing_to_do(&self, policy: Policy) -> bool {
        let seen = &self.assessment;
        if let Some(going) = &self.going_back {
            return !going.needed;
        }
        seen.unfinished.is_empty()
            && !self.has_pending()
            && !self.opaque
            && !self.owes
            && (seen.edited.is_empty() || !policy.fails_on_edited)
            && (!self.has_diverged() || !policy.fails_on_missing)
    }

    /// The state, given whether somebody holds the lock.
    pub fn state(&self, lock_is_held: bool) -> State {
        let seen = &self.assessment;
        // A row that says what went wrong is past being worked on, whoever holds the lock meanwhile.
        if self.failed().any(|unfinished| unfinished.error.is_some()) {
            State::Failed
        } else if !seen.unfinished.is_empty() && lock_is_held {
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
        let seen = &self.assessment;
        let along = |id: &String| (self.has_pending() || self.owes) && seen.accompanying.contains(id);
        let wanted = move |id: &String| seen.pending.contains(id) || self.resumable.contains(id) || along(id);
        migrations.list.iter().map(|migration| &migration.id).filter(move |id| wanted(id)).map(String::as_str)
    }

    /// What the history says was applied last.
    pub fn newest(&self) -> Option<&str> {
        self.assessment.applied.last().map(|applied| applied.id.as_str())
    }

    /// What would be run next, or is being run by whoever holds the lock.
    fn next<'a>(&self, migrations: &'a Migrations) -> Option<&'a Migration> {
        let unfinished =
            |id: &String| self.assessment.unfinished.iter().any(|unfinished| unfinished.id == *id);
        let pending = |id: &String| self.assessment.pending.contains(id);
        migrations.list.iter().find(|migration| unfinished(&migration.id) || pending(&migration.id))
    }

    /// Whether what blocks the next run has not been said to have failed: whoever began it may be about to go on.
    pub fn is_undecided(&self) -> bool {
        let mut failed = self.failed().peekable();
        failed.peek().is_some() && failed.all(|unfinished| unfinished.error.is_none())
    }

    /// The unfinished migrations that block the next run.
    pub fn failed(&self) -> impl Iterator<Item = &Unfinished> {
        self.assessment.unfinished.iter().filter(|unfinished| !self.resumable.contains(&unfinished.id))
    }

    fn has_diverged(&self) -> bool {
        let seen = &self.assessment;
        let must_be_there = self.has_pending() && !seen.newer_may_be_missing;
        !seen.missing.is_empty() && (must_be_there || !seen.missing_are_newer)
    }

    /// What the lock's holder does, by a reading made under the lock: these steps, in this order.
    ///
    /// # Errors
    ///
    /// 65 where an earlier migration failed, drift stops castoff, or the tool refuses the schema; 64 where `auto` met a
    /// schema it does not know.
    pub fn steps(&self, plans: &Plans<'_>, reading: &Reading) -> Result<Vec<Planned>> {
        if let Some(back) = plans.back {
            return Look { back, plans, seen: &self.assessment, facts: &reading.facts }.steps();
        }
        self.admit(plans, reading)?;
        let (facts, table) = (&reading.facts, &plans.ledger.table);
        if reading.history.is_none() && facts.schema.is_empty() {
            return Err(refusal::no_schema(table));
        }
        self.planned(plans, facts)
    }

    /// Whether anything may be applied at all, by us or by a command.
    ///
    /// # Errors
    ///
    /// As for [`steps`](Self::steps).
    pub fn admit(&self, plans: &Plans<'_>, reading: &Reading) -> Result<()> {
        let Plans { migrations, policy, .. } = *plans;
        let (facts, history_exists) = (&reading.facts, reading.history.is_some());
        if let Some(failure) = self.refuse(plans) {
            return Err(failure);
        }
        if policy.out_of_order == OutOfOrder::Fail && !self.assessment.late.is_empty() {
            return Err(refusal::out_of_order(&self.assessment, migrations));
        }
        if self.has_pending() && !history_exists && facts.holds_tables {
            refusal::foreign_tables(plans)?;
        }
        Ok(())
    }

    fn planned(&self, plans: &Plans<'_>, facts: &Facts) -> Result<Vec<Planned>> {
        let Plans { migrations, engine, interrupted, .. } = *plans;
        if self.opaque {
            return Err(refusal::not_ours(migrations));
        }
        let mut steps = Vec::new();
        let mut previous = self.newest();
        for id in self.to_apply(migrations) {
            let Some(migration) = migrations.get(id) else { continue };
            if let Some(why) = &migration.unusable {
                return Err(refusal::unusable(&migration.file, why));
            }
            let resumed = self.resumable.iter().any(|resumable| resumable == id);
            if let Some(lost) = interrupted.filter(|lost| resumed && lost.id == id) {
                previous = lost.previous;
            }
            let turn = Turn { migration, resumed, previous };
            let Some(step) = migrations.format.step(&plans.site(facts), &turn) else {
                return Err(refusal::not_ours(migrations));
            };
            refusal::of_what_cannot_run(engine, &step.migration)?;
            previous = Some(id);
            steps.push(Planned { residue: Residue::of(engine, &step), step });
        }
        Ok(steps)
    }

    /// What a person should know although the application starts.
    pub fn warnings(&self, migrations: &Migrations, policy: Policy) -> Vec<String> {
        if let Some(going) = &self.going_back {
            return going.warning.clone().into_iter().collect();
        }
        let seen = &self.assessment;
        let mut warnings = Vec::new();
        if self.state(false) == State::Ahead {
            warnings.push(format!(
                "the database is ahead of this image: {} applied and not in {}; starting anyway, as after a rollback",
                refusal::list(&seen.missing),
                migrations.directory.display()
            ));
        } else if !policy.fails_on_missing && self.has_diverged() {
            warnings.push(format!("{} applied and not on disk", refusal::list(&seen.missing)));
        }
        if policy.out_of_order == OutOfOrder::Skip && !seen.late.is_empty() {
            warnings.push(format!(
                "{} not applied: out of order, and skipped as asked",
                refusal::list(&seen.late)
            ));
        }
        if !policy.fails_on_edited && !seen.edited.is_empty() {
            warnings.push(format!("{} changed after being applied", refusal::list(&seen.edited)));
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
