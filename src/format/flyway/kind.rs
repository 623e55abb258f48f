//! What an entry of the list is: told from its id, which no other kind can have.

use super::version::Version;
use crate::format::Migration;

/// What an entry of the list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A versioned migration; its id is its version.
    Versioned(Version),
    /// A baseline migration.
    Baseline(Version),
    /// A repeatable migration.
    Repeatable,
    /// The marker that `FLYWAY_BASELINE_ON_MIGRATE` writes, at this version.
    Marker(Version),
    /// A callback; its id is its file's name without the suffix.
    Callback,
}

/// What the id of a baseline migration begins with, whatever its file's name does.
const BASELINE: &str = "B";

/// The same of a repeatable migration.
const REPEATABLE: &str = "R__";

/// What the id of the marker begins with; no file's name does.
const MARKER: &str = "<< baseline >> ";

impl Kind {
    /// What an entry is.
    pub(super) fn of(migration: &Migration) -> Self {
        let id = migration.id.as_str();
        let version = |prefix| id.strip_prefix(prefix).and_then(Version::parse);
        if let Some(version) = Version::parse(id) {
            Self::Versioned(version)
        } else if let Some(version) = version(BASELINE) {
            Self::Baseline(version)
        } else if let Some(version) = version(MARKER) {
            Self::Marker(version)
        } else if id.starts_with(REPEATABLE) {
            Self::Repeatable
        } else {
            Self::Callback
        }
    }

    /// The version of what has one.
    pub(super) fn version(&self) -> Option<&Version> {
        match self {
            Self::Versioned(version) | Self::Baseline(version) => Some(version),
            Self::Repeatable | Self::Marker(_) | Self::Callback => None,
        }
    }
}

/// The id of a baseline migration.
pub(super) fn baseline_id(version: &str) -> String {
    format!("{BASELINE}{version}")
}

/// The id of a repeatable migration, by its description.
pub(super) fn repeatable_id(description: &str) -> String {
    format!("{REPEATABLE}{}", description.replace(' ', "_"))
}

/// The id of the marker.
pub(super) fn marker_id(version: &Version) -> String {
    format!("{MARKER}{}", version.as_str())
}
