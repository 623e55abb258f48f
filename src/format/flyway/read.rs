//! The directory as the list of what Flyway finds in it, in the order in which it applies it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::callbacks::{self, Moment};
use super::kept::Kept;
use super::kind::{baseline_id, marker_id, repeatable_id};
use super::name::{self, File, Named};
use super::script::{Reader, Script};
use super::settings::Settings;
use super::version::Version;
use crate::exit::{Exit, Failure, Result};
use crate::format::{Files, Migration, Part, Told};

/// What the files are, before they stand in order.
#[derive(Default)]
struct Found {
    /// By version; of two of the same version the baseline first.
    versioned: Vec<(Version, bool, Migration)>,
    /// By description.
    repeatable: BTreeMap<String, Migration>,
    /// By moment and name.
    callbacks: BTreeMap<(Moment, String), (PathBuf, Script)>,
}

/// Reads the directory.
///
/// # Errors
///
/// 65 for what cannot be read, what is there twice, and Java that castoff cannot look into.
pub(super) fn read(files: &Files, told: &Told<'_>) -> Result<Vec<Migration>> {
    let settings = Settings::read(told.environment)?;
    let timestamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let working_directory = std::env::current_dir().unwrap_or_default();
    let reader = Reader {
        files,
        settings: &settings,
        engine: told.engine,
        timestamp: &timestamp.replace('T', " ").replace('Z', ""),
        working_directory: &working_directory.to_string_lossy(),
    };
    let mut found = Found::default();
    for (path, content) in &files.contents {
        match name::file(path) {
            File::Sql(stem) => found.sql(&reader, path, content, stem)?,
            File::Program(stem, ending) => found.program(&reader, path, stem, ending)?,
            File::Conf | File::Other => {}
        }
    }
    Ok(found.in_order(&settings, files))
}

impl Found {
    fn sql(&mut self, reader: &Reader<'_>, path: &Path, content: &[u8], stem: &str) -> Result<()> {
        let Reader { files, settings, .. } = reader;
        match name::parse(stem, settings) {
            Named::Versioned(version, description) => {
                let script = reader.script(path, content)?;
                let id = version.as_str().to_owned();
                self.once(version, false, migration(reader, path, id, &description, script, false))
            }
            Named::Baseline(version, description) => {
                let script = reader.script(path, content)?;
                let id = baseline_id(version.as_str());
                self.once(version, true, migration(reader, path, id, &description, script, false))
            }
            Named::Repeatable(description) => {
                let script = reader.script(path, content)?;
                // Its checksum, and with it whether it is pending, depends on every value.
                if let Some(why) = script.unusable.as_ref().filter(|_| script.is_incomplete) {
                    return Err(refused(files, path, why));
                }
                let id = repeatable_id(&description);
                let added = migration(reader, path, id, &description, script, true);
                self.repeatedly(&description, added)
            }
            Named::Callback(event, _) => self.callback(reader, path, content, (stem, event)),
            Named::Misnamed(why) if settings.strict_names => Err(refused(files, path, &why)),
            Named::Misnamed(why) => {
                tracing::warn!(
                    "{} is passed over, as Flyway passes over it: {why}",
                    files.directory.join(path).display()
                );
                Ok(())
            }
            Named::Other => Ok(()),
        }
    }

    /// What only a machine of its own can run is named; it matters only where it is pending.
    fn program(&mut self, reader: &Reader<'_>, path: &Path, stem: &str, ending: &str) -> Result<()> {
        let Reader { files, settings, .. } = reader;
        let script = ["sh", "bash", "py", "ps1", "bat", "cmd"].contains(&ending);
        let why = if script {
            "it is a script, which only Flyway can run; write it as SQL, or keep Flyway for these migrations"
        } else {
            "it is Java, which only Flyway can run; write it as SQL, or keep Flyway for these migrations"
        };
        let unusable = |id: String, description: &str| Migration {
            id,
            file: files.directory.join(path),
            description: name::abbreviated(description),
            parts: Vec::new(),
            checksum: Vec::new(),
            no_transaction: false,
            unusable: Some(why.into()),
            requires: Vec::new(),
        };
        match name::parse(stem, settings) {
            Named::Versioned(version, description) => {
                let added = unusable(version.as_str().to_owned(), &description);
                // A class may stand beside its source.
                let is_there = |(other, is_baseline, before): &(Version, bool, Migration)| {
                    !is_baseline && *other == version && before.unusable == added.unusable
                };
                if self.versioned.iter().any(is_there) { Ok(()) } else { self.once(version, false, added) }
            }
            Named::Baseline(version, description) => {
                let added = unusable(baseline_id(version.as_str()), &description);
                self.once(version, true, added)
            }
            Named::Repeatable(description) if !self.repeatable.contains_key(&description) => {
                self.repeatable
                    .insert(description.clone(), unusable(repeatable_id(&description), &description));
                Ok(())
            }
            Named::Callback(..) => Err(refused(files, path, why)),
            // Any class may be a callback.
            Named::Misnamed(_) | Named::Other if !script => Err(refused(files, path, why)),
            Named::Repeatable(_) | Named::Misnamed(_) | Named::Other => Ok(()),
        }
    }

    fn once(&mut self, version: Version, is_baseline: bool, added: Migration) -> Result<()> {
        let same = |(other, baseline, _): &&(Version, bool, Migration)| {
            *other == version && *baseline == is_baseline
        };
        if let Some((_, _, before)) = self.versioned.iter().find(same) {
            return Err(twice(&before.file, &added.file, &format!("the version {}", version.as_str())));
        }
        self.versioned.push((version, is_baseline, added));
        Ok(())
    }

    fn repeatedly(&mut self, description: &str, added: Migration) -> Result<()> {
        if let Some(before) = self.repeatable.get(description) {
            return Err(twice(&before.file, &added.file, &format!("the description {description:?}")));
        }
        self.repeatable.insert(description.to_owned(), added);
        Ok(())
    }

    fn callback(
        &mut self,
        reader: &Reader<'_>,
        path: &Path,
        content: &[u8],
        (stem, event): (&str, &str),
    ) -> Result<()> {
        let Reader { files, settings, .. } = reader;
        let moment = callbacks::moment(event, settings.baseline_at.is_some());
        if moment == Moment::Never || !settings.callbacks {
            return Ok(());
        }
        let file = files.directory.join(path);
        let mut script = reader.script(path, content)?;
        if moment == Moment::Unfollowed {
            script.unusable = Some(callbacks::unfollowed(event));
        }
        if script.is_skipped {
            return Ok(());
        }
        match self.callbacks.insert((moment, stem.to_owned()), (file.clone(), script)) {
            Some((before, _)) => Err(twice(&before, &file, "the name of a callback")),
            None => Ok(()),
        }
    }

    fn in_order(mut self, settings: &Settings, files: &Files) -> Vec<Migration> {
        self.versioned.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| other.1.cmp(&one.1)));
        let mut callbacks: Vec<(Moment, Migration)> = Vec::new();
        let (mut before, mut after, mut unusable) = (Vec::new(), Vec::new(), None);
        for ((moment, id), (file, script)) in self.callbacks {
            if !matches!(moment, Moment::BeforeEach | Moment::AfterEach) {
                callbacks.push((moment, callback(id, file, script)));
                continue;
            }
            let shown = file.display().to_string();
            unusable = unusable.or(script.unusable.map(|why| format!("{shown}: {why}")));
            let parts = script.parts.into_iter().map(|part| Part { file: Some(file.clone()), ..part });
            if moment == Moment::BeforeEach { before.extend(parts) } else { after.extend(parts) }
        }
        let around = |mut migration: Migration| {
            migration.parts = [before.clone(), migration.parts, after.clone()].concat();
            migration.unusable = migration.unusable.or_else(|| unusable.clone());
            migration
        };
        let versioned: Vec<_> =
            self.versioned.into_iter().map(|(_, _, migration)| around(migration)).collect();
        let repeatable: Vec<_> = self.repeatable.into_values().map(around).collect();
        if versioned.is_empty() && repeatable.is_empty() {
            return Vec::new();
        }
        let of = |wanted: &[Moment]| -> Vec<Migration> {
            let chosen = callbacks.iter().filter(|(moment, _)| wanted.contains(moment));
            chosen.map(|(_, callback)| callback.clone()).collect()
        };
        let marker = settings.baseline_at.iter().map(|version| marker(version, settings, files));
        [
            of(&[Moment::Unfollowed]),
            of(&[Moment::BeforeValidate, Moment::AfterValidate]),
            marker.collect(),
            of(&[Moment::BeforeMigrate]),
            versioned,
            of(&[Moment::AfterVersioned, Moment::BeforeRepeatables]),
            repeatable,
            of(&[Moment::AfterMigrateApplied, Moment::AfterMigrate]),
        ]
        .concat()
    }
}

fn migration(
    reader: &Reader<'_>,
    path: &Path,
    id: String,
    description: &str,
    script: Script,
    repeats: bool,
) -> Migration {
    let Reader { files, settings, .. } = reader;
    let replaced = repeats.then_some(script.replaced.as_str());
    let kept = Kept {
        is_skipped: script.is_skipped,
        installed_by: settings.installed_by.clone(),
        ..Kept::new(path.to_string_lossy().into_owned(), &script.source, replaced)
    };
    Migration {
        id,
        file: files.directory.join(path),
        description: name::abbreviated(description),
        parts: script.parts,
        checksum: kept.bytes(),
        no_transaction: script.no_transaction,
        unusable: script.unusable,
        requires: Vec::new(),
    }
}

fn callback(id: String, file: PathBuf, script: Script) -> Migration {
    Migration {
        id,
        file,
        description: String::new(),
        parts: script.parts,
        checksum: Vec::new(),
        no_transaction: script.no_transaction,
        unusable: script.unusable,
        requires: Vec::new(),
    }
}

/// The row that says at which version a schema is taken to be.
fn marker(version: &Version, settings: &Settings, files: &Files) -> Migration {
    // `Database.getBaselineStatement` has its description for a script.
    let script = settings.baseline_description.clone();
    let kept = Kept { installed_by: settings.installed_by.clone(), ..Kept::new(script, "", None) };
    Migration {
        id: marker_id(version),
        file: files.directory.clone(),
        description: name::abbreviated(&settings.baseline_description),
        parts: Vec::new(),
        checksum: kept.bytes(),
        no_transaction: false,
        unusable: None,
        requires: Vec::new(),
    }
}

/// `CompositeMigrationResolver.checkForIncompatibilities` and `SqlScriptCallbackFactory`.
fn twice(one: &Path, other: &Path, what: &str) -> Failure {
    Failure::message(Exit::Data, format!("{} and {} both have {what}", one.display(), other.display()))
        .hint("rename one of them, or take it out of the image; nothing was applied")
}

fn refused(files: &Files, path: &Path, why: &str) -> Failure {
    Failure::message(Exit::Data, format!("{}: {why}", files.directory.join(path).display()))
        .hint("nothing was applied")
}
