//! The way back: which migrations are taken back, in which order, and by which scripts.

use std::cell::OnceCell;

use super::{Planned, Plans, Residue, refusal};
use crate::cli::Until;
use crate::engine::Facts;
use crate::exit::{Exit, Failure, Result};
use crate::format::{Assessment, Migration, Step, Turn, Undo, Unfinished};

/// By this `--to` means that nothing stays, as with sqlx and goose, unless a migration has it for its id.
const BEFORE_ALL: &str = "0";

/// What is to be taken back.
#[derive(Debug)]
pub struct Back<'a> {
    until: &'a Until,
    /// Decided once, by the first reading under the lock: a connection that is lost in the middle makes it no more.
    course: OnceCell<Course>,
}

/// What was found applied, newest first, and how many of them go.
#[derive(Clone, Debug)]
struct Course {
    order: Vec<String>,
    count: usize,
}

impl Course {
    /// What is the newest once this one is gone.
    fn previous(&self, id: &str) -> Option<&str> {
        self.order.iter().skip_while(|other| *other != id).nth(1).map(String::as_str)
    }

    /// Whether a mark is one that taking this one back has left.
    fn is_mark_of(&self, id: &str, unfinished: &Unfinished) -> bool {
        let is_previous = match self.previous(id) {
            Some(previous) => unfinished.id == previous,
            // golang-migrate has a version for that.
            None => !self.order.contains(&unfinished.id),
        };
        unfinished.id == id || is_previous
    }
}

/// Whether there is anything to do on the way back.
#[derive(Debug)]
pub(super) struct GoingBack {
    /// Whether anything is to be taken back, as far as can be said without the lock.
    pub(super) needed: bool,
    /// What a person should know.
    pub(super) warning: Option<String>,
}

/// The way back as one reading shows it.
pub(super) struct Look<'a> {
    pub(super) back: &'a Back<'a>,
    pub(super) plans: &'a Plans<'a>,
    pub(super) seen: &'a Assessment,
    pub(super) facts: &'a Facts,
}

impl<'a> Back<'a> {
    /// Back until this is reached.
    pub fn new(until: &'a Until) -> Self {
        Self { until, course: OnceCell::new() }
    }
}

impl Look<'_> {
    /// Whether there is anything to do.
    pub(super) fn going(&self) -> Result<GoingBack> {
        let begun = !self.seen.unfinished.is_empty();
        // A target that is not applied may be on its way.
        let Ok(course) = self.course(self.undo()?) else {
            return Ok(GoingBack { needed: true, warning: None });
        };
        let warning = match self.back.until {
            Until::Steps(steps) if usize::try_from(*steps) != Ok(course.count) => Some(format!(
                "{steps} migrations were to be reverted, and no more than {} applied: they all go",
                if course.count == 1 { "1 is".into() } else { format!("{} are", course.count) }
            )),
            Until::Steps(_) | Until::To(_) => None,
        };
        Ok(GoingBack { needed: begun || !self.remaining(&course).is_empty(), warning })
    }

    /// The steps back, in order.
    ///
    /// # Errors
    ///
    /// 65 where one of them has no script here, or one that cannot be run: then nothing is run at all.
    pub(super) fn steps(&self) -> Result<Vec<Planned>> {
        let Plans { migrations, policy, ledger, .. } = *self.plans;
        let undo = self.undo()?;
        let course = self.course(undo)?;
        let resumed = self.resumed(undo, &course)?;
        if let Some(unfinished) = self.seen.unfinished.first().filter(|_| resumed.is_none()) {
            return Err(refusal::blocked(migrations, &ledger.table, unfinished));
        }
        let mut steps = Vec::new();
        for id in self.remaining(&course) {
            let step = self.step(undo, &course, (id, resumed == Some(id)))?;
            steps.push(Planned { residue: self.residue(&step), step });
        }
        if policy.fails_on_missing && !self.seen.missing.is_empty() {
            return Err(refusal::diverged(&self.seen.missing, migrations));
        }
        self.back.course.get_or_init(|| course);
        Ok(steps)
    }

    fn undo(&self) -> Result<&'static dyn Undo> {
        refusal::way_back(self.plans.migrations.format)
    }

    fn course(&self, undo: &dyn Undo) -> Result<Course> {
        if let Some(course) = self.back.course.get() {
            return Ok(course.clone());
        }
        let order = undo.newest_first(self.seen, &self.plans.migrations.list);
        let count = match self.back.until {
            Until::Steps(steps) => usize::try_from(*steps).unwrap_or(usize::MAX).min(order.len()),
            Until::To(id) => match order.iter().position(|applied| applied == id) {
                Some(newer) => newer,
                None if id == BEFORE_ALL || order.is_empty() => order.len(),
                None => return Err(not_applied(id, &order)),
            },
        };
        Ok(Course { order, count })
    }

    /// The ids that are still to be taken back, newest first.
    fn remaining<'a>(&self, course: &'a Course) -> Vec<&'a str> {
        let targets = course.order.iter().take(course.count).map(String::as_str);
        let marked = |id: &str| self.seen.unfinished.iter().any(|mark| course.is_mark_of(id, mark));
        if let Some(lost) = self.plans.interrupted.map(|lost| lost.id).filter(|id| marked(id)) {
            // Its mark may be that of the one behind it, which nobody has touched.
            return targets.skip_while(|id| *id != lost).collect();
        }
        let is_applied = |id: &str| self.seen.applied.iter().any(|applied| applied.id == id);
        targets.filter(|id| is_applied(id)).collect()
    }

    /// The one at which this very process lost its connection, if its mark is the only one and nothing of its script can
    /// have stayed.
    fn resumed(&self, undo: &dyn Undo, course: &Course) -> Result<Option<&str>> {
        let (Some(lost), [mark]) = (self.plans.interrupted, self.seen.unfinished.as_slice()) else {
            return Ok(None);
        };
        if !course.is_mark_of(lost.id, mark) {
            return Ok(None);
        }
        let step = self.step(undo, course, (lost.id, true))?;
        Ok((self.residue(&step) == Residue::Nothing).then_some(lost.id))
    }

    fn step(&self, undo: &dyn Undo, course: &Course, (id, resumed): (&str, bool)) -> Result<Step> {
        let migration = self.script(undo, id)?;
        refusal::of_what_cannot_run(self.plans.engine, migration)?;
        let turn = Turn { migration, resumed, previous: course.previous(id) };
        Ok(undo.step_back(&self.plans.site(self.facts), &turn))
    }

    fn script(&self, undo: &dyn Undo, id: &str) -> Result<&Migration> {
        let migrations = self.plans.migrations;
        if let Some(down) = migrations.downs.iter().find(|down| down.id == id) {
            return match &down.unusable {
                Some(why) => Err(refusal::unusable(&down.file, why)),
                None => Ok(down),
            };
        }
        Err(match migrations.get(id) {
            Some(migration) => Failure::message(
                Exit::Data,
                format!("{} would have to be reverted and has no down script", migration.file.display()),
            )
            .hint(format!("{}; nothing was reverted", undo.how_to_write(migration))),
            None => Failure::message(
                Exit::Data,
                format!(
                    "migration {id} would have to be reverted and is not in {}",
                    migrations.directory.display()
                ),
            )
            .hint("run this with the image that holds it; nothing was reverted"),
        })
    }

    /// An index that a way down builds anew is not looked for by the next start.
    fn residue(&self, step: &Step) -> Residue {
        match Residue::of(self.plans.engine, step) {
            Residue::Index => Residue::Part { why: "it ran outside a transaction", unless_first: false },
            other => other,
        }
    }
}

fn not_applied(id: &str, newest_first: &[String]) -> Failure {
    Failure::message(Exit::Data, format!("migration {id} is not applied, so nothing can be reverted to it"))
        .hint(format!(
            "applied are, newest first, {}; --to {BEFORE_ALL} reverts them all; nothing was reverted",
            refusal::list(newest_first)
        ))
}

#[cfg(test)]
mod tests;
