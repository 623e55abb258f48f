//! What a file's name says (`flyway-core/…/internal/resource/ResourceNameParser.java`).

use std::path::Path;

use super::settings::Settings;
use super::version::Version;

/// What a file is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `V1__x.sql`, applied once.
    Versioned(Version, String),
    /// `B5__x.sql`, applied once instead of everything up to its version, to a database without a history.
    Baseline(Version, String),
    /// `R__x.sql`, applied whenever its checksum changes.
    Repeatable(String),
    /// `beforeMigrate.sql` or `beforeMigrate__x.sql`.
    Callback(&'static str, String),
    /// Begins like a migration, and is none for this reason: Flyway passes over it, unless it is told to mind.
    Misnamed(String),
    /// Nothing of Flyway's.
    Other,
}

/// What the name of a file without its directory and suffix says.
pub(super) fn parse(stem: &str, settings: &Settings) -> Named {
    let prefixes = EVENTS.iter().map(|event| (*event, Kind::Callback(event))).chain([
        (settings.versioned.as_str(), Kind::Versioned),
        (settings.baseline.as_str(), Kind::Baseline),
        (settings.repeatable.as_str(), Kind::Repeatable),
    ]);
    // The longest prefix that fits; of two alike the later one, as Flyway's list has it the other way round.
    let fitting = prefixes.filter(|(prefix, _)| !prefix.is_empty() && stem.starts_with(prefix));
    let Some((prefix, kind)) = fitting.max_by_key(|(prefix, _)| prefix.len()) else { return Named::Other };
    let name = stem.strip_prefix(prefix).unwrap_or_default();
    let (version, description) = name.split_once(settings.separator.as_str()).unwrap_or((name, ""));
    let description = description.replace('_', " ");
    let separator = &settings.separator;
    match kind {
        Kind::Versioned | Kind::Baseline => match (kind, Version::parse(version)) {
            (Kind::Baseline, Some(version)) => Named::Baseline(version, description),
            (_, Some(version)) => Named::Versioned(version, description),
            (_, None) if version.is_empty() => {
                Named::Misnamed(format!("there is no version between {prefix} and {separator}"))
            }
            (_, None) => Named::Misnamed(format!(
                "{version} is no version: it must be numbers and dots, with {separator} behind it"
            )),
        },
        Kind::Repeatable | Kind::Callback(_) if !version.is_empty() => {
            Named::Misnamed(format!("{separator} must follow {prefix}"))
        }
        // Nothing else is recorded of it, so what is cut off the history cannot tell apart.
        Kind::Repeatable => Named::Repeatable(abbreviated(&description)),
        Kind::Callback(event) => Named::Callback(event, description),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Versioned,
    Baseline,
    Repeatable,
    Callback(&'static str),
}

/// The longest description in the history; `flyway-core/…/util/AbbreviationUtils.java`.
pub(super) fn abbreviated(description: &str) -> String {
    const LONGEST: usize = 200;
    if description.chars().count() <= LONGEST {
        return description.to_owned();
    }
    description.chars().take(LONGEST - 3).chain("...".chars()).collect()
}

/// The suffix of the files that are SQL.
const SQL: &str = ".sql";

/// The suffix of what says how a file of that name is run.
pub(super) const CONF: &str = ".conf";

/// The endings of migrations and callbacks that are programs; `ScriptMigrationResolver.java` has those of scripts.
const PROGRAMS: [&str; 13] =
    ["java", "class", "kt", "kts", "groovy", "scala", "jar", "sh", "bash", "py", "ps1", "bat", "cmd"];

/// What kind of file a path leads to, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File<'a> {
    /// SQL; its name without the suffix.
    Sql(&'a str),
    /// What says how SQL is run.
    Conf,
    /// What only a machine of its own can run; its name without the ending, and the ending.
    Program(&'a str, &'a str),
    /// Anything else.
    Other,
}

/// What kind of file a path leads to.
pub(super) fn file(path: &Path) -> File<'_> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(stem) = name.strip_suffix(SQL) {
        return File::Sql(stem);
    }
    if name.strip_suffix(CONF).is_some_and(|script| script.ends_with(SQL)) {
        return File::Conf;
    }
    match name.rsplit_once('.') {
        // Classes inside of others have a dollar sign in their names.
        Some((stem, ending)) if PROGRAMS.contains(&ending) && !stem.contains('$') => {
            File::Program(stem, ending)
        }
        _ => File::Other,
    }
}

/// Every event of `flyway-core/…/api/callback/Event.java`, and those of other commands, whose files are callbacks too.
const EVENTS: [&str; 56] = [
    "beforeConnect",
    "afterConnect",
    "createSchema",
    "beforeCreateSchema",
    "beforeClean",
    "afterClean",
    "afterCleanError",
    "afterCleanOperationFinish",
    "beforeMigrate",
    "afterMigrate",
    "afterMigrateApplied",
    "afterMigrateError",
    "afterMigrateOperationFinish",
    "afterVersioned",
    "beforeRepeatables",
    "beforeEachMigrate",
    "afterEachMigrate",
    "afterEachMigrateError",
    "beforeEachMigrateStatement",
    "afterEachMigrateStatement",
    "afterEachMigrateStatementError",
    "beforeUndo",
    "afterUndo",
    "afterUndoError",
    "afterUndoOperationFinish",
    "beforeEachUndo",
    "afterEachUndo",
    "afterEachUndoError",
    "beforeEachUndoStatement",
    "afterEachUndoStatement",
    "afterEachUndoStatementError",
    "beforeValidate",
    "afterValidate",
    "afterValidateError",
    "afterValidateOperationFinish",
    "beforeBaseline",
    "afterBaseline",
    "afterBaselineError",
    "afterBaselineOperationFinish",
    "beforeRepair",
    "afterRepair",
    "afterRepairError",
    "afterRepairOperationFinish",
    "beforeInfo",
    "afterInfo",
    "afterInfoError",
    "afterInfoOperationFinish",
    "beforeDeploy",
    "afterDeploy",
    "afterDeployError",
    "beforePrepare",
    "afterPrepare",
    "afterPrepareError",
    "beforeSnapshot",
    "afterSnapshot",
    "afterSnapshotError",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{File, Named, abbreviated, file, parse};
    use crate::environment::Environment;
    use crate::format::flyway::settings::Settings;
    use crate::format::flyway::version::Version;

    fn named(stem: &str) -> Named {
        parse(stem, &Settings::read(&Environment::default()).unwrap())
    }

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn a_name_says_version_and_description() {
        assert_eq!(named("V1_2__add_the_table"), Named::Versioned(version("1.2"), "add the table".into()));
        assert_eq!(named("V2025.01__x__y"), Named::Versioned(version("2025.01"), "x  y".into()));
        assert_eq!(named("V3"), Named::Versioned(version("3"), String::new()));
        assert_eq!(named("B5__all"), Named::Baseline(version("5"), "all".into()));
        assert_eq!(named("R__guest_list"), Named::Repeatable("guest list".into()));
        assert_eq!(named("R__"), Named::Repeatable(String::new()));
    }

    #[test]
    fn callbacks_are_told_by_the_longest_event_that_fits() {
        assert_eq!(named("beforeMigrate"), Named::Callback("beforeMigrate", String::new()));
        assert_eq!(named("afterMigrateApplied__x"), Named::Callback("afterMigrateApplied", "x".into()));
        assert_eq!(
            named("beforeEachMigrateStatement"),
            Named::Callback("beforeEachMigrateStatement", String::new())
        );
        assert!(matches!(named("beforeMigrateX"), Named::Misnamed(_)));
    }

    #[test]
    fn what_only_begins_like_a_migration_is_misnamed() {
        for stem in ["V1_x", "V__x", "Values", "R1__x", "Rules"] {
            assert!(matches!(named(stem), Named::Misnamed(_)), "{stem}");
        }
        for stem in ["schema", "U1__undo", "v1__x", "1_x"] {
            assert_eq!(named(stem), Named::Other, "{stem}");
        }
    }

    #[test]
    fn other_prefixes_and_another_separator_are_taken() {
        let environment: Environment = [
            ("FLYWAY_SQL_MIGRATION_PREFIX", "M"),
            ("FLYWAY_SQL_MIGRATION_SEPARATOR", "-"),
            ("FLYWAY_REPEATABLE_SQL_MIGRATION_PREFIX", "Again"),
        ]
        .into_iter()
        .collect();
        let settings = Settings::read(&environment).unwrap();
        assert_eq!(parse("M1-a_b", &settings), Named::Versioned(version("1"), "a b".into()));
        assert_eq!(parse("Again-x", &settings), Named::Repeatable("x".into()));
        assert_eq!(parse("V1__x", &settings), Named::Other);
    }

    #[test]
    fn files_are_told_by_their_endings() {
        let of = |path: &'static str| file(Path::new(path));
        assert_eq!(of("a/V1__x.sql"), File::Sql("V1__x"));
        assert_eq!(of("a/V1__x.sql.conf"), File::Conf);
        assert_eq!(of("V2__X.java"), File::Program("V2__X", "java"));
        assert_eq!(of("V2__X$Row.class"), File::Other);
        assert_eq!(of("flyway.conf"), File::Other);
        assert_eq!(of("README.md"), File::Other);
    }

    #[test]
    fn a_long_description_is_cut_as_the_tool_cuts_it() {
        assert_eq!(abbreviated(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(abbreviated(&"é".repeat(201)), format!("{}...", "é".repeat(197)));
    }
}
