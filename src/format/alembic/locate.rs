//! Where a project's revisions are: what `--migrations` may name, and where Alembic itself would look.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::Trouble;
use super::config::Config;
use super::directory::Search;
use crate::exit::{Exit, Failure};
use crate::format::DEFAULT_DIRECTORIES;

/// The names of Alembic's two configuration files.
const INI: &str = "alembic.ini";
const TOML: &str = "pyproject.toml";

/// The variable that names one of them instead of those in the working directory.
pub(super) const CONFIG: &str = "ALEMBIC_CONFIG";

/// The directory that `alembic init` is usually told to make.
const USUAL: &str = "alembic";

/// Where Alembic would be started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The working directory.
    pub(super) directory: &'a Path,
    /// `ALEMBIC_CONFIG`.
    pub(super) config: Option<&'a OsStr>,
}

/// Where the revisions are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The script directory, which holds `env.py`, where there is one.
    pub(super) script: Option<PathBuf>,
    /// The directories of revisions, in Alembic's order.
    pub(super) versions: Vec<PathBuf>,
    /// How they are searched.
    pub(super) search: Search,
    /// The configuration that led here, absolute, where `alembic` started here would not come across it.
    pub(super) config: Option<PathBuf>,
}

impl Surroundings<'_> {
    /// Finds the revisions of what the user named, or of what Alembic would find.
    pub(super) fn locate(self, named: Option<&Path>) -> Result<Layout, Trouble> {
        match named {
            Some(path) if path.is_file() => self.of_file(path),
            Some(path) if path.is_dir() => self.of_directory(path),
            Some(path) => {
                let why = format!("{} does not exist", path.display());
                Err(no_input(
                    why,
                    "check what was copied into the image, and --migrations (CASTOFF_MIGRATIONS)",
                ))
            }
            None => self.of_nothing(),
        }
    }

    /// A configuration file.
    fn of_file(self, file: &Path) -> Result<Layout, Trouble> {
        let home = file.parent().unwrap_or(Path::new(""));
        let config = if file.file_name().is_some_and(|name| name == TOML) {
            Config::read(&self.directory.join(INI), file)?
        } else {
            let here = self.directory.join(TOML);
            Config::read(file, &if here.is_file() { here } else { home.join(TOML) })?
        };
        self.named(&config, self.of_config(&config, home)?)
    }

    /// A project, a script directory or a directory of revisions.
    fn of_directory(self, directory: &Path) -> Result<Layout, Trouble> {
        let own = Config::read(&directory.join(INI), &directory.join(TOML))?;
        if own.script_location()?.is_some() {
            return self.named(&own, self.of_config(&own, directory)?);
        }
        let above =
            directory.parent().filter(|_| directory.file_name().is_some_and(|name| name == "versions"));
        let Some(script) =
            [Some(directory), above].into_iter().flatten().find(|directory| is_script(directory))
        else {
            return Ok(Layout {
                script: None,
                versions: vec![directory.to_owned()],
                search: Search::default(),
                config: None,
            });
        };
        // Flask-Migrate keeps an alembic.ini without a location in the script directory.
        let config = if directory.join(INI).is_file() { own } else { self.config_of(script)? };
        scripts(&config, script, self.directory)
    }

    /// What Alembic itself would find, and then what castoff looks for.
    fn of_nothing(self) -> Result<Layout, Trouble> {
        let config = self.command_line()?;
        if config.script_location()?.is_some() || config.file().is_some() && is_script(self.directory) {
            return self.of_config(&config, self.directory);
        }
        let there = |name: &&str| is_script(&self.directory.join(name));
        let found: Vec<&str> = DEFAULT_DIRECTORIES.into_iter().filter(there).collect();
        match found.as_slice() {
            [one] => self.of_directory(&self.directory.join(one)),
            [] if is_script(&self.directory.join(USUAL)) => self.of_directory(&self.directory.join(USUAL)),
            [] => {
                let why = format!(
                    "there is no Alembic project here: no {INI} or {TOML} that names a script_location"
                );
                Err(no_input(
                    why,
                    "set the working directory, or name the project with --migrations (CASTOFF_MIGRATIONS)",
                ))
            }
            several => {
                let why = format!("there are several Alembic directories: {}", several.join(", "));
                let failure = Failure::message(Exit::Usage, why);
                Err(Trouble::Failure(
                    failure.hint("name the one to use with --migrations (CASTOFF_MIGRATIONS)"),
                ))
            }
        }
    }

    /// The files that `alembic` reads without `--config`; `_inis_from_config` of `config.py`.
    fn command_line(self) -> Result<Config, Trouble> {
        let (mut ini, mut toml) = (self.directory.join(INI), self.directory.join(TOML));
        if let Some(named) = self.config.filter(|named| !named.is_empty()) {
            let named = self.directory.join(named);
            if named.file_name().is_some_and(|name| name == TOML) { toml = named } else { ini = named }
        }
        Config::read(&ini, &toml)
    }

    /// The configuration with which Alembic would use this script directory; an empty one if it would use another.
    fn config_of(self, script: &Path) -> Result<Config, Trouble> {
        let config = self.command_line()?;
        let fits = config.script_location()?.is_some_and(|location| {
            let real = |path: &Path| fs::canonicalize(path).ok();
            // Where a package is, the user has just said.
            in_package(&location)
                || real(&self.directory.join(location)).is_some_and(|path| real(script) == Some(path))
        });
        Ok(if fits { config } else { Config::default() })
    }

    /// A layout that the user's naming led to: Alembic's command line would look at other files first.
    fn named(self, config: &Config, layout: Layout) -> Result<Layout, Trouble> {
        // Whatever is wrong there is not what the user named.
        let usual = self.command_line().ok();
        let usual = usual.as_ref().and_then(|usual| usual.naming_file().ok()).flatten();
        let real = |path: &Path| fs::canonicalize(path).ok();
        let config = config.naming_file()?.filter(|named| usual.and_then(real) != real(named));
        Ok(Layout { config: config.and_then(|config| std::path::absolute(config).ok()), ..layout })
    }

    /// What a configuration names. Alembic takes relative paths from the working directory; where that would be
    /// nothing, they are taken from the configuration's own.
    fn of_config(self, config: &Config, home: &Path) -> Result<Layout, Trouble> {
        let file = || config.file().map(|file| file.display().to_string()).unwrap_or_default();
        let Some(location) = config.script_location()? else {
            if is_script(home) {
                return scripts(config, home, self.directory);
            }
            let why = format!("{} names no script_location", file());
            return Err(no_input(
                why,
                "name Alembic's configuration or its script directory with --migrations (CASTOFF_MIGRATIONS)",
            ));
        };
        if in_package(&location) {
            let why =
                "which only Python can find; name that directory with --migrations (CASTOFF_MIGRATIONS)";
            return Err(Trouble::NeedsPython(format!(
                "{}: script_location is in a package, {location}, {why}",
                file()
            )));
        }
        let bases = [self.directory, home];
        let holds = |is: fn(&Path) -> bool| bases.into_iter().find(|base| is(&base.join(&location)));
        if let Some(base) = holds(is_script).or_else(|| holds(Path::is_dir)) {
            return scripts(config, &base.join(&location), base);
        }
        let why = format!("{}: the script_location {location} does not exist", file());
        let hint = "check what was copied into the image; Alembic looks from the working directory, or where %(here)s says";
        Err(no_input(why, hint))
    }
}

/// The revisions of a script directory; paths in its configuration are relative to `base`.
fn scripts(config: &Config, script: &Path, base: &Path) -> Result<Layout, Trouble> {
    if config.names_several_databases()? {
        let file = config.file().unwrap_or(script).display();
        return Err(Trouble::NeedsPython(format!(
            "{file} names several databases, and castoff looks at one"
        )));
    }
    let mut versions = Vec::new();
    for location in config.version_locations()? {
        if in_package(&location) {
            let file = config.file().unwrap_or(script).display();
            let why =
                format!("{file}: a version location is in a package, {location}, which only Python can find");
            return Err(Trouble::NeedsPython(why));
        }
        let path = base.join(location);
        // An empty name is the working directory.
        versions.push(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path });
    }
    if versions.is_empty() {
        versions.push(script.join("versions"));
    }
    Ok(Layout { script: Some(script.to_owned()), versions, search: config.search()?, config: None })
}

/// Whether Python has to look the location up: `coerce_resource_to_filename` of `util/pyfiles.py`.
fn in_package(location: &str) -> bool {
    location.contains(':') && !Path::new(location).is_absolute()
}

fn is_script(directory: &Path) -> bool {
    directory.join("env.py").is_file()
}

fn no_input(why: String, hint: &str) -> Trouble {
    Trouble::Failure(Failure::message(Exit::NoInput, why).hint(hint))
}

#[cfg(test)]
mod tests;
