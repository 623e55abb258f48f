//! The order in which `alembic upgrade heads` runs revisions: `_topological_sort` of `script/revision.py`, turned round.

use std::collections::HashSet;

/// A line that is being walked down from its head.
struct Line {
    at: usize,
    /// Everything below the head this line was last measured at, that one included.
    ancestors: HashSet<usize>,
}

/// The order for revisions without a circle, the first to run first.
///
/// `down` and `depends_on` say by index what each follows. Revisions are given in the order in which Alembic loads
/// them: that order decides among heads. Among several dependencies Alembic leaves the order to chance (a Python set);
/// here it is the one they are written in.
pub(super) fn upgrade_order(down: &[Vec<usize>], depends_on: &[Vec<usize>]) -> Vec<usize> {
    let below = |index: usize| {
        let mut below: Vec<usize> = down.get(index).cloned().unwrap_or_default();
        for other in depends_on.get(index).into_iter().flatten() {
            if !below.contains(other) {
                below.push(*other);
            }
        }
        below
    };
    let ancestors = |index: usize| {
        let mut seen = HashSet::from([index]);
        let mut todo = vec![index];
        while let Some(next) = todo.pop() {
            todo.extend(below(next).into_iter().filter(|other| seen.insert(*other)));
        }
        seen
    };
    let line = |index: usize| Line { at: index, ancestors: ancestors(index) };

    let mut todo: HashSet<usize> = (0..down.len()).collect();
    let followed: HashSet<usize> = (0..down.len()).flat_map(below).collect();
    let mut lines: Vec<Line> = (0..down.len()).filter(|index| !followed.contains(index)).map(line).collect();
    let mut order = Vec::with_capacity(down.len());
    let mut current = 0;
    while let Some(candidate) = lines.get(current).map(|line| line.at) {
        let needed_by = lines
            .iter()
            .enumerate()
            .position(|(other, line)| other != current && line.ancestors.contains(&candidate));
        if let Some(other) = needed_by {
            current = other;
            continue;
        }
        if todo.remove(&candidate) {
            order.push(candidate);
        }
        let mut next = below(candidate);
        next.retain(|index| todo.contains(index) && !lines.iter().any(|line| line.at == *index));
        let Some(first) = next.first().copied() else {
            lines.remove(current);
            current = current.saturating_sub(1);
            continue;
        };
        if let Some(line) = lines.get_mut(current) {
            line.at = first;
            if below(candidate).len() == 1 && depends_on.get(candidate).is_none_or(Vec::is_empty) {
                line.ancestors.remove(&candidate);
            } else {
                line.ancestors = ancestors(first);
            }
        }
        lines.extend(next.into_iter().skip(1).map(line));
    }
    order.reverse();
    order
}
