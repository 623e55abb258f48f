//! What a file's name says.

use std::path::Path;

/// `<VERSION>_<TITLE>.<DIRECTION>.<EXTENSION>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) version: u64,
    pub(super) title: &'a str,
    pub(super) direction: Direction,
}

/// Which way a file leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    Up,
    Down,
}

impl<'a> Name<'a> {
    /// `Regex` of `source/parse.go`, `^([0-9]+)_(.*)\.(down|up)\.(.*)$`, on a file directly in the directory. `None` for
    /// what golang-migrate silently ignores, a version that does not fit 64 bits too.
    pub(super) fn of(path: &'a Path) -> Option<Self> {
        if path.parent() != Some(Path::new("")) {
            return None;
        }
        let (version, rest) = path.to_str()?.split_once('_')?;
        if !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // The title is as long as it can be.
        let (end, direction) = [(".up.", Direction::Up), (".down.", Direction::Down)]
            .into_iter()
            .filter_map(|(infix, direction)| Some((rest.rfind(infix)?, direction)))
            .max_by_key(|(end, _)| *end)?;
        Some(Self { version: version.parse().ok()?, title: rest.get(..end)?, direction })
    }
}

/// Whether a file in the directory is SQL with a version and no direction.
pub(super) fn lacks_direction(path: &Path) -> bool {
    let version = path.to_str().and_then(|name| name.split_once('_')).map(|(version, _)| version);
    Name::of(path).is_none()
        && path.extension().is_some_and(|extension| extension == "sql")
        && version
            .is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{Direction, Name};
    use std::path::Path;

    #[test]
    fn names_are_read_as_golang_migrate_reads_them() {
        for (name, version, title, direction) in [
            ("1_a.up.sql", 1, "a", Direction::Up),
            ("00012_a b_é.down.pgsql", 12, "a b_é", Direction::Down),
            ("1_a.up.down.", 1, "a.up", Direction::Down),
            ("1_a.down.up.sql.gz", 1, "a.down", Direction::Up),
            ("0_.up.x", 0, "", Direction::Up),
            ("18446744073709551615_a.up.sql", u64::MAX, "a", Direction::Up),
        ] {
            let expected = Name { version, title, direction };
            assert_eq!(Name::of(Path::new(name)), Some(expected), "{name}");
        }
    }

    #[test]
    fn everything_else_is_none_of_its_business() {
        for name in [
            "a.up.sql",
            "1.up.sql",
            "_a.up.sql",
            "+1_a.up.sql",
            "1_a.sql",
            "1_a.up",
            "1_a.UP.sql",
            "sub/1_a.up.sql",
            "18446744073709551616_a.up.sql",
        ] {
            assert_eq!(Name::of(Path::new(name)), None, "{name}");
        }
    }
}
