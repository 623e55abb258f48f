//! The list as what the history is held against.

use std::collections::{BTreeMap, HashMap};

use super::kept::Kept;
use super::kind::Kind;
use super::record::Record;
use super::version::Version;
use crate::format::Migration;

/// An entry of the list.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) kind: Kind,
    pub(super) migration: &'a Migration,
    /// `None` where castoff cannot look into it.
    pub(super) kept: Option<Kept>,
}

impl File<'_> {
    /// Whether it says that it is not to be executed.
    pub(super) fn is_skipped(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.is_skipped)
    }
}

/// The list, to be looked things up in.
pub(super) struct Disk<'a> {
    files: Vec<File<'a>>,
    /// By version, and whether it is of a baseline migration.
    versioned: BTreeMap<(Version, bool), usize>,
    /// By id.
    repeatable: HashMap<&'a str, usize>,
}

impl<'a> Disk<'a> {
    pub(super) fn of(migrations: &'a [Migration]) -> Self {
        let mut disk = Self { files: Vec::new(), versioned: BTreeMap::new(), repeatable: HashMap::new() };
        for (at, migration) in migrations.iter().enumerate() {
            let kind = Kind::of(migration);
            match &kind {
                Kind::Versioned(version) => drop(disk.versioned.insert((version.clone(), false), at)),
                Kind::Baseline(version) => drop(disk.versioned.insert((version.clone(), true), at)),
                Kind::Repeatable => drop(disk.repeatable.insert(&migration.id, at)),
                Kind::Marker(_) | Kind::Callback => {}
            }
            disk.files.push(File { kind, migration, kept: Kept::of(migration) });
        }
        disk
    }

    /// Everything in its order.
    pub(super) fn files(&self) -> impl Iterator<Item = &File<'a>> {
        self.files.iter()
    }

    /// The file a row is of.
    pub(super) fn find(&self, record: &Record<'_>) -> Option<&File<'a>> {
        let at = match &record.version {
            Some(version) => self.versioned.get(&(version.clone(), record.is_baseline())),
            None => self.repeatable.get(record.id().as_str()),
        };
        self.files.get(*at?)
    }

    /// The repeatable migration of an id.
    pub(super) fn repeatable(&self, id: &str) -> Option<&File<'a>> {
        self.files.get(*self.repeatable.get(id)?)
    }

    /// The id of what a row is of, as the file has it, if there is one: `1` and `1.0` are the same.
    pub(super) fn id_of(&self, record: &Record<'_>) -> String {
        self.find(record).map_or_else(|| record.id(), |file| file.migration.id.clone())
    }

    /// The row that may have to be written first, and its version.
    pub(super) fn marker(&self) -> Option<(&'a Migration, &Version)> {
        self.files.iter().find_map(|file| match &file.kind {
            Kind::Marker(version) => Some((file.migration, version)),
            _ => None,
        })
    }
}

/// The versions that decide what is pending (`MigrationInfoContext.java`).
#[derive(Debug)]
pub(super) struct Levels {
    /// The highest on disk.
    pub(super) resolved: Option<Version>,
    /// The highest applied.
    pub(super) applied: Option<Version>,
    /// The highest at which a baseline was set.
    pub(super) baseline: Option<Version>,
    /// The highest baseline migration on disk.
    pending_baseline: Option<Version>,
}

impl Levels {
    /// By rows and files; as if a baseline had been set at `marker`.
    pub(super) fn of(live: &[Record<'_>], disk: &Disk<'_>, marker: Option<&Version>) -> Self {
        let highest = |wanted: &dyn Fn(&Record<'_>) -> bool| {
            let rows = live.iter().filter(|record| wanted(record));
            rows.filter_map(|record| record.version.as_ref()).chain(marker).max().cloned()
        };
        let baselines = disk.files().filter(|file| matches!(file.kind, Kind::Baseline(_)));
        Self {
            resolved: disk.files().filter_map(|file| file.kind.version()).max().cloned(),
            applied: highest(&|_| true),
            baseline: highest(&|record| record.sets_baseline()),
            pending_baseline: baselines.filter_map(|file| file.kind.version()).max().cloned(),
        }
    }

    /// Whether a versioned migration that no row is of is to be applied (`ResolvedMigration.getState`,
    /// `BaselineResolvedMigration.getState`).
    pub(super) fn is_pending(&self, kind: &Kind) -> bool {
        let is_new = self.applied.is_none();
        let level = if is_new { &self.pending_baseline } else { &self.baseline };
        match kind {
            Kind::Versioned(version) => Some(version) > level.as_ref(),
            Kind::Baseline(version) => is_new && Some(version) == level.as_ref(),
            Kind::Repeatable | Kind::Marker(_) | Kind::Callback => false,
        }
    }
}
