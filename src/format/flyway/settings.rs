//! Flyway's own variables (`flyway-core/…/internal/configuration/ConfigUtils.java`): honoured where they say how files are
//! read or what is recorded, refused by name where they would change what is run in a way castoff does not follow.
//!
//! Those about the connection, the console and commands other than `migrate` are Flyway's alone and are passed over:
//! castoff has its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::encoding::Encoding;
use super::version::Version;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};

/// What Flyway's variables say.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// `FLYWAY_PLACEHOLDERS_<name>`: values by the name in lower case, as Flyway compares them.
    pub(super) placeholders: BTreeMap<String, String>,
    /// Whether placeholders are replaced, where a file does not say.
    pub(super) replacement: bool,
    /// What a placeholder begins with.
    pub(super) prefix: String,
    /// What it ends with.
    pub(super) suffix: String,
    /// Whether one file may hold both what runs in a transaction and what cannot.
    pub(super) mixed: bool,
    /// Whether files run in a transaction, where they do not say.
    pub(super) in_transaction: bool,
    /// The encoding of files that do not say theirs.
    pub(super) encoding: Encoding,
    /// What the names of versioned migrations begin with.
    pub(super) versioned: String,
    /// What the names of baseline migrations begin with.
    pub(super) baseline: String,
    /// What the names of repeatable migrations begin with.
    pub(super) repeatable: String,
    /// What stands between version and description.
    pub(super) separator: String,
    /// Whether a file that only begins like a migration is an error.
    pub(super) strict_names: bool,
    /// Whether SQL callbacks are run.
    pub(super) callbacks: bool,
    /// The name of the environment in Flyway's configuration.
    pub(super) environment: String,
    /// The directory.
    pub(super) directory: Option<PathBuf>,
    /// The history table.
    pub(super) table: Option<String>,
    /// Whether what sorts before something applied is applied too.
    pub(super) out_of_order: Option<bool>,
    /// Whether files are held against the history before anything is applied.
    pub(super) validates: bool,
    /// The version at which a schema without a history is taken to be, if it holds anything.
    pub(super) baseline_at: Option<Version>,
    /// What is said of it in the history.
    pub(super) baseline_description: String,
    /// Whom the history says to have applied what, instead of the user of the database.
    pub(super) installed_by: Option<String>,
    /// The schema Flyway works in.
    pub(super) schema: Option<String>,
}

/// The description of a baseline; `ClassicConfiguration.baselineDescription`.
const BASELINE: &str = "<< Flyway Baseline >>";

/// What must not be passed over in silence, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("FLYWAY_CALLBACK_LOCATIONS", "put the callbacks beside the migrations"),
    ("FLYWAY_CALLBACKS", "it names Java classes; keep Flyway for these migrations"),
    ("FLYWAY_CHERRY_PICK", "castoff applies everything that is pending"),
    ("FLYWAY_CONFIG_FILES", "castoff reads no configuration file of Flyway's: say what it says in variables"),
    ("FLYWAY_DRYRUN_OUTPUT", "`castoff plan` prints what would be sent"),
    ("FLYWAY_ERROR_OVERRIDES", "castoff takes every error for one"),
    (
        "FLYWAY_INIT_SQL",
        "set it for the role or the database (ALTER ROLE … SET), or in beforeEachMigrate.sql",
    ),
    ("FLYWAY_PLACEHOLDER_SEPARATOR", "write the built-in placeholders with a colon"),
    ("FLYWAY_RESOLVERS", "it names Java classes; keep Flyway for these migrations"),
    ("FLYWAY_TABLESPACE", "create the history table with Flyway, once"),
];

/// Those that change nothing while they have this value.
const REFUSED_UNLESS: &[(&str, &str, &str)] = &[
    ("FLYWAY_DETECT_ENCODING", "false", "say the encoding with FLYWAY_ENCODING"),
    ("FLYWAY_GROUP", "false", "castoff commits each migration by itself"),
    (
        "FLYWAY_IGNORE_MIGRATION_PATTERNS",
        "*:future",
        "say --on-missing warn (CASTOFF_ON_MISSING) or --out-of-order (CASTOFF_OUT_OF_ORDER) instead",
    ),
    ("FLYWAY_SKIP_DEFAULT_RESOLVERS", "false", "castoff reads SQL files"),
    ("FLYWAY_SKIP_EXECUTING_MIGRATIONS", "false", "record one with `castoff resolve --applied` instead"),
    ("FLYWAY_SQL_MIGRATION_SUFFIXES", ".sql", "name the files .sql"),
    ("FLYWAY_TARGET", "latest", "castoff applies everything that is pending"),
];

const PLACEHOLDERS: &str = "FLYWAY_PLACEHOLDERS_";

/// What `ClassicConfiguration` of `flyway-core/…/api/configuration` says where no variable does.
impl Default for Settings {
    fn default() -> Self {
        Self {
            placeholders: BTreeMap::new(),
            replacement: true,
            prefix: "${".into(),
            suffix: "}".into(),
            mixed: false,
            in_transaction: true,
            encoding: Encoding::Utf8,
            versioned: "V".into(),
            baseline: "B".into(),
            repeatable: "R".into(),
            separator: "__".into(),
            strict_names: false,
            callbacks: true,
            environment: "default".into(),
            directory: None,
            table: None,
            out_of_order: None,
            validates: true,
            baseline_at: None,
            baseline_description: BASELINE.into(),
            installed_by: None,
            schema: None,
        }
    }
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// 64 for those that castoff does not follow, and for values that are none.
    pub(super) fn read(environment: &Environment) -> Result<Self> {
        let variables = Variables(environment);
        variables.refuse()?;
        let schemas = variables.text("FLYWAY_SCHEMAS")?;
        let first_schema = schemas.as_deref().and_then(|schemas| schemas.split(',').next());
        let baseline_at = variables.text("FLYWAY_BASELINE_VERSION")?.unwrap_or_else(|| "1".to_owned());
        let baseline_at = Version::parse(&baseline_at)
            .ok_or_else(|| wrong("FLYWAY_BASELINE_VERSION", &baseline_at, "a version such as 1.2"))?;
        let usual = Self::default();
        Ok(Self {
            placeholders: variables.placeholders()?,
            replacement: variables.flag("FLYWAY_PLACEHOLDER_REPLACEMENT")?.unwrap_or(usual.replacement),
            prefix: variables.text("FLYWAY_PLACEHOLDER_PREFIX")?.unwrap_or(usual.prefix),
            suffix: variables.text("FLYWAY_PLACEHOLDER_SUFFIX")?.unwrap_or(usual.suffix),
            mixed: variables.flag("FLYWAY_MIXED")?.unwrap_or(usual.mixed),
            in_transaction: variables.flag("FLYWAY_EXECUTE_IN_TRANSACTION")?.unwrap_or(usual.in_transaction),
            encoding: variables.encoding()?.unwrap_or(usual.encoding),
            versioned: variables.text("FLYWAY_SQL_MIGRATION_PREFIX")?.unwrap_or(usual.versioned),
            baseline: variables.text("FLYWAY_BASELINE_MIGRATION_PREFIX")?.unwrap_or(usual.baseline),
            repeatable: variables.text("FLYWAY_REPEATABLE_SQL_MIGRATION_PREFIX")?.unwrap_or(usual.repeatable),
            separator: variables.text("FLYWAY_SQL_MIGRATION_SEPARATOR")?.unwrap_or(usual.separator),
            strict_names: variables.flag("FLYWAY_VALIDATE_MIGRATION_NAMING")?.unwrap_or(usual.strict_names),
            callbacks: !variables.flag("FLYWAY_SKIP_DEFAULT_CALLBACKS")?.unwrap_or(!usual.callbacks),
            environment: variables.text("FLYWAY_ENVIRONMENT")?.unwrap_or(usual.environment),
            directory: variables.location()?,
            table: variables.text("FLYWAY_TABLE")?,
            out_of_order: variables.flag("FLYWAY_OUT_OF_ORDER")?,
            validates: variables.flag("FLYWAY_VALIDATE_ON_MIGRATE")?.unwrap_or(usual.validates),
            baseline_at: variables
                .flag("FLYWAY_BASELINE_ON_MIGRATE")?
                .unwrap_or(false)
                .then_some(baseline_at),
            baseline_description: variables
                .text("FLYWAY_BASELINE_DESCRIPTION")?
                .unwrap_or(usual.baseline_description),
            installed_by: variables.text("FLYWAY_INSTALLED_BY")?,
            schema: variables
                .text("FLYWAY_DEFAULT_SCHEMA")?
                .or(first_schema.map(|schema| schema.trim().to_owned())),
        })
    }
}

struct Variables<'a>(&'a Environment);

impl Variables<'_> {
    fn refuse(&self) -> Result<()> {
        let always = REFUSED.iter().map(|(name, instead)| (*name, None, *instead));
        let unless = REFUSED_UNLESS.iter().map(|(name, value, instead)| (*name, Some(*value), *instead));
        for (name, harmless, instead) in always.chain(unless) {
            if let Some(value) = self.text(name)?
                && !harmless.is_some_and(|harmless| value.trim().eq_ignore_ascii_case(harmless))
            {
                return Err(Failure::message(
                    Exit::Usage,
                    format!("{name} is set, and castoff does not follow it"),
                )
                .hint(format!("{instead}, and unset it")));
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        value.to_str().map(|value| Some(value.to_owned())).ok_or_else(|| {
            Failure::message(Exit::Usage, format!("{name} is not UTF-8")).hint("set it as UTF-8, or unset it")
        })
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        match value.trim() {
            truth if truth.eq_ignore_ascii_case("true") => Ok(Some(true)),
            lie if lie.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(wrong(name, &value, "true or false")),
        }
    }

    /// `filesystem:` and a path, which is what the official image has (`LocationParser.java`).
    fn location(&self) -> Result<Option<PathBuf>> {
        const NAME: &str = "FLYWAY_LOCATIONS";
        let Some(locations) = self.text(NAME)? else { return Ok(None) };
        match locations.trim().strip_prefix("filesystem:") {
            Some(path) if !path.contains([',', '*', '?']) => Ok(Some(PathBuf::from(path))),
            _ => Err(wrong(
                NAME,
                &locations,
                "one filesystem:/directory, or name it with --migrations (CASTOFF_MIGRATIONS) and unset this",
            )),
        }
    }

    fn encoding(&self) -> Result<Option<Encoding>> {
        let Some(name) = self.text("FLYWAY_ENCODING")? else { return Ok(None) };
        let known = Encoding::named(&name);
        known.map(Some).ok_or_else(|| wrong("FLYWAY_ENCODING", &name, Encoding::NAMES))
    }

    fn placeholders(&self) -> Result<BTreeMap<String, String>> {
        let names = self
            .0
            .iter()
            .filter_map(|(name, _)| Some((name.to_str()?, name.to_str()?.strip_prefix(PLACEHOLDERS)?)));
        // An empty value is one, unlike that of other variables.
        names
            .filter(|(_, placeholder)| !placeholder.is_empty())
            .map(|(name, placeholder)| Ok((placeholder.to_lowercase(), self.text(name)?.unwrap_or_default())))
            .collect()
    }
}

fn wrong(name: &str, value: &str, example: &str) -> Failure {
    Failure::message(Exit::Usage, format!("{name} is {value:?}")).hint(format!("write {example}"))
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::environment::Environment;
    use crate::exit::Exit;

    fn read<const N: usize>(variables: [(&str, &str); N]) -> crate::exit::Result<Settings> {
        Settings::read(&variables.into_iter().collect::<Environment>())
    }

    #[test]
    fn placeholders_are_named_in_any_case_and_may_be_empty() {
        let settings =
            read([("FLYWAY_PLACEHOLDERS_Table_Space", "fast"), ("FLYWAY_PLACEHOLDERS_NONE", "")]).unwrap();
        assert_eq!(settings.placeholders["table_space"], "fast");
        assert_eq!(settings.placeholders["none"], "");
    }

    #[test]
    fn what_is_not_followed_is_refused_by_name_unless_it_changes_nothing() {
        for (name, value) in [
            ("FLYWAY_TARGET", "3"),
            ("FLYWAY_CONFIG_FILES", "/flyway/conf/a.conf"),
            ("FLYWAY_INIT_SQL", "SET ROLE owner"),
            ("FLYWAY_GROUP", "true"),
        ] {
            let failure = read([(name, value)]).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.to_string().contains(name), "{failure}");
        }
        assert!(
            read([("FLYWAY_TARGET", "latest"), ("FLYWAY_GROUP", "FALSE"), ("FLYWAY_URL", "jdbc:x")]).is_ok()
        );
    }

    #[test]
    fn the_baseline_counts_only_where_it_is_asked_for() {
        assert!(read([("FLYWAY_BASELINE_VERSION", "3")]).unwrap().baseline_at.is_none());
        let settings = read([("FLYWAY_BASELINE_ON_MIGRATE", "true")]).unwrap();
        assert_eq!(settings.baseline_at.unwrap().as_str(), "1");
        assert_eq!(settings.baseline_description, "<< Flyway Baseline >>");
    }

    #[test]
    fn one_directory_may_be_named() {
        let settings = read([("FLYWAY_LOCATIONS", "filesystem:/flyway/sql")]).unwrap();
        assert_eq!(settings.directory.as_deref(), Some(std::path::Path::new("/flyway/sql")));
        for several in ["filesystem:/a,filesystem:/b", "classpath:db/migration", "filesystem:/a/*"] {
            assert_eq!(read([("FLYWAY_LOCATIONS", several)]).unwrap_err().exit, Exit::Usage, "{several}");
        }
    }

    #[test]
    fn a_value_that_is_none_is_a_usage_error_with_an_example() {
        for (name, value) in
            [("FLYWAY_MIXED", "yes"), ("FLYWAY_ENCODING", "EBCDIC"), ("FLYWAY_BASELINE_VERSION", "x")]
        {
            let failure = read([(name, value)]).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.hint.unwrap().starts_with("write "), "{name}");
        }
    }
}
