//! The revisions as one history: what follows what, and in which order `alembic upgrade heads` runs them.
//!
//! Mirrors `RevisionMap` of `script/revision.py`, and refuses what Alembic fails on later or only warns of.

use std::collections::{HashMap, HashSet};

use super::failed;
use super::order::upgrade_order;
use super::revision::{References, Revision};
use crate::exit::{Failure, Result};

/// Revisions that fit together.
#[derive(Debug)]
pub(super) struct Graph {
    /// In the order in which Alembic loads them.
    revisions: Vec<Revision>,
    /// What each one follows, by index: `down_revision`.
    down: Vec<Vec<usize>>,
    /// What each one depends on, by index: `depends_on`.
    depends_on: Vec<Vec<usize>>,
}

impl Graph {
    /// Joins revisions, given in the order in which Alembic loads them.
    ///
    /// # Errors
    ///
    /// 65 for an id or a label that stands twice, a reference to nothing, and a circle.
    pub(super) fn new(revisions: Vec<Revision>) -> Result<Self> {
        let mut ids: HashMap<&str, usize> = HashMap::new();
        for (index, revision) in revisions.iter().enumerate() {
            if let Some(first) = ids.insert(&revision.id, index).and_then(|first| revisions.get(first)) {
                let why = format!("have the same id {}; Alembic would run only one of them", revision.id);
                return Err(contradiction(first, revision, &why));
            }
        }
        let mut names = ids.clone();
        for (index, revision) in revisions.iter().enumerate() {
            for label in &revision.labels {
                if let Some(first) = names.insert(label, index).and_then(|first| revisions.get(first)) {
                    let why = format!("both have the name \"{label}\" as a branch label or an id");
                    return Err(contradiction(first, revision, &why));
                }
            }
        }
        let resolve =
            |names: &HashMap<&str, usize>, of: &Revision, references: &References, variable: &str| {
                let found = |name: &String| {
                    names.get(name.as_str()).copied().ok_or_else(|| missing(of, references, variable, name))
                };
                references.names.iter().map(found).collect::<Result<Vec<usize>>>()
            };
        let down: Vec<_> = revisions
            .iter()
            .map(|revision| resolve(&ids, revision, &revision.down, "down_revision"))
            .collect::<Result<_>>()?;
        let depends_on: Vec<_> = revisions
            .iter()
            .map(|revision| resolve(&names, revision, &revision.depends_on, "depends_on"))
            .collect::<Result<_>>()?;
        let graph = Self { revisions, down, depends_on };
        match graph.circle() {
            None => Ok(graph),
            Some(circle) => Err(graph.goes_round(&circle)),
        }
    }

    /// The revisions in the order in which an empty database is upgraded, each with the ids it implies directly.
    pub(super) fn in_order(&self) -> Vec<(&Revision, Vec<&str>)> {
        let order = upgrade_order(&self.down, &self.normalized());
        let id = |index: &usize| self.revisions.get(*index).map(|revision| revision.id.as_str());
        order
            .into_iter()
            .filter_map(|index| {
                Some((self.revisions.get(index)?, self.before(index).iter().filter_map(id).collect()))
            })
            .collect()
    }

    /// What is there before a revision is.
    fn before(&self, index: usize) -> Vec<usize> {
        let of = |edges: &[Vec<usize>]| edges.get(index).cloned().unwrap_or_default();
        let mut before = of(&self.down);
        before.extend(
            of(&self.depends_on).into_iter().filter(|other| !before.contains(other)).collect::<Vec<_>>(),
        );
        before
    }

    /// The dependencies that no revision further down the line has as well; `_normalize_depends_on`.
    fn normalized(&self) -> Vec<Vec<usize>> {
        let of = |index: usize| self.depends_on.get(index).map(Vec::as_slice).unwrap_or_default();
        let rest = |index: usize| {
            if of(index).is_empty() {
                return Vec::new();
            }
            let mut known: HashSet<usize> = HashSet::new();
            let mut seen = HashSet::from([index]);
            let mut todo = vec![index];
            while let Some(next) = todo.pop() {
                let below =
                    self.down.get(next).into_iter().flatten().copied().filter(|below| seen.insert(*below));
                for below in below.collect::<Vec<_>>() {
                    known.extend(of(below));
                    todo.push(below);
                }
            }
            of(index).iter().copied().filter(|dependency| !known.contains(dependency)).collect()
        };
        (0..self.revisions.len()).map(rest).collect()
    }

    /// Revisions that wait for each other, if there are any.
    fn circle(&self) -> Option<Vec<usize>> {
        let count = self.revisions.len();
        let before: Vec<Vec<usize>> = (0..count).map(|index| self.before(index)).collect();
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (index, before) in before.iter().enumerate() {
            for other in before {
                after.get_mut(*other)?.push(index);
            }
        }
        let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
        let mut free: Vec<usize> = (0..count).filter(|index| waiting.get(*index) == Some(&0)).collect();
        while let Some(index) = free.pop() {
            for next in after.get(index)? {
                let left = waiting.get_mut(*next)?;
                *left -= 1;
                if *left == 0 {
                    free.push(*next);
                }
            }
        }
        // Whoever still waits, waits for one who still waits: following them comes round.
        let stuck = |index: &usize| waiting.get(*index).is_some_and(|left| *left > 0);
        let mut path = vec![(0..count).find(stuck)?];
        loop {
            let next = before.get(*path.last()?)?.iter().copied().find(stuck)?;
            if let Some(start) = path.iter().position(|index| *index == next) {
                return Some(path.split_off(start));
            }
            path.push(next);
        }
    }

    fn goes_round(&self, circle: &[usize]) -> Failure {
        let revisions = || circle.iter().chain(circle.first()).filter_map(|index| self.revisions.get(*index));
        let ids: Vec<&str> = revisions().map(|revision| revision.id.as_str()).collect();
        let file = revisions().next().map(|revision| revision.file.display().to_string()).unwrap_or_default();
        failed(
            format!("{file}: the revisions go round in a circle, each after the next: {}", ids.join(", ")),
            "correct down_revision or depends_on of one of them",
        )
    }
}

fn contradiction(first: &Revision, second: &Revision, why: &str) -> Failure {
    let (first, second) = (first.file.display(), second.file.display());
    failed(format!("{first} and {second} {why}"), "rename or remove one of them; nothing was applied")
}

fn missing(revision: &Revision, references: &References, variable: &str, name: &str) -> Failure {
    failed(
        format!(
            "{}:{}: {variable} names \"{name}\", and no revision file has it",
            revision.file.display(),
            references.line
        ),
        "copy every revision file into the image, and see that version_locations names every directory",
    )
}

#[cfg(test)]
mod tests;
