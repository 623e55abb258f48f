//! What `alembic_version` says: the heads, and with them everything below.

use std::collections::HashMap;

use crate::engine::Row;
use crate::exit::Result;
use crate::format::{Applied, Assessment, Migration, foreign_row};

/// The shortest id of which a beginning may stand for the whole, less one; `_revision_for_ident` of
/// `script/revision.py`.
const TOO_SHORT: usize = 3;

/// Holds revisions, in the order in which they are applied, against the heads in the table.
///
/// An unknown head is taken for a newer one: then everything on disk counts as applied.
pub(super) fn assess(migrations: &[Migration], history: &[Row]) -> Result<Assessment> {
    let by_id: HashMap<&str, usize> =
        migrations.iter().enumerate().map(|(index, migration)| (migration.id.as_str(), index)).collect();
    let mut missing = Vec::new();
    let mut todo = Vec::new();
    for row in history {
        let [Some(head)] = row.as_slice() else {
            return Err(foreign_row("Alembic", row));
        };
        match by_id.get(head.as_str()).copied().or_else(|| beginning(migrations, head)) {
            Some(index) => todo.push(index),
            None => missing.push(head.clone()),
        }
    }
    let mut there = vec![!missing.is_empty(); migrations.len()];
    while let Some(index) = todo.pop() {
        let Some(is_there @ false) = there.get_mut(index) else { continue };
        *is_there = true;
        let before = migrations.get(index).into_iter().flat_map(|migration| &migration.requires);
        todo.extend(before.filter_map(|id| by_id.get(id.as_str())));
    }
    let (mut applied, mut pending) = (Vec::new(), Vec::new());
    for (migration, there) in migrations.iter().zip(there) {
        let id = migration.id.clone();
        if there { applied.push(Applied { id, at: None }) } else { pending.push(id) }
    }
    applied.extend(missing.iter().map(|id| Applied { id: id.clone(), at: None }));
    Ok(Assessment { applied, pending, missing, missing_are_newer: true, ..Assessment::default() })
}

/// The only revision whose id begins like this.
fn beginning(migrations: &[Migration], head: &str) -> Option<usize> {
    let begins = |id: &str| id.chars().count() > TOO_SHORT && id.starts_with(head);
    let mut found = migrations.iter().enumerate().filter(|(_, migration)| begins(&migration.id));
    let first = found.next().filter(|_| !head.is_empty())?;
    found.next().is_none().then_some(first.0)
}
