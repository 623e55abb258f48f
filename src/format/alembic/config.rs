//! Alembic's configuration: `alembic.ini` and `[tool.alembic]` of `pyproject.toml`, as `config.py` reads them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::directory::{Search, cannot_read};
use super::ini::Ini;
use super::{Trouble, broken, failed};
use crate::format::toml::{self, Value};

/// The section that `alembic` reads unless `--name` says otherwise.
const SECTION: &str = "alembic";

/// What was found of the two files. Every option is looked for in the first one first.
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    ini: Option<Source<Ini>>,
    toml: Option<Source<Vec<(String, Value)>>>,
}

#[derive(Clone, Debug)]
struct Source<T> {
    file: PathBuf,
    /// Its directory, absolute: what `%(here)s` stands for.
    here: String,
    content: T,
}

impl Config {
    /// Reads both files; one that does not exist holds nothing, as for Alembic.
    pub(super) fn read(ini: &Path, toml: &Path) -> Result<Self, Trouble> {
        let parse_ini = |text: &str| {
            let refused = |(line, why): (usize, String)| {
                broken(ini, line, why, "correct the file; Alembic refuses it as well")
            };
            Ini::parse(text).map_err(refused)
        };
        let parse_toml = |text: &str| {
            let refused =
                |line| broken(toml, line, "this is no TOML", "correct the file; Alembic refuses it as well");
            toml::table(text, &["tool", "alembic"]).map_err(refused)
        };
        Ok(Self { ini: source(ini, parse_ini)?, toml: source(toml, parse_toml)? })
    }

    /// The file that is there, for messages.
    pub(super) fn file(&self) -> Option<&Path> {
        let ini = self.ini.as_ref().map(|source| source.file.as_path());
        ini.or_else(|| self.toml.as_ref().map(|source| source.file.as_path()))
    }

    /// The file that names the scripts, and whose directory `%(here)s` is in it.
    pub(super) fn naming_file(&self) -> Result<Option<&Path>, Trouble> {
        let ini = self.ini.as_ref().map(|source| source.file.as_path());
        let toml = self.toml.as_ref().map(|source| source.file.as_path());
        Ok(if self.ini_option("script_location")?.is_some() { ini } else { toml })
    }

    /// `script_location`, as it is written.
    pub(super) fn script_location(&self) -> Result<Option<String>, Trouble> {
        self.text("script_location")
    }

    /// `version_locations`, split; empty where there are none.
    pub(super) fn version_locations(&self) -> Result<Vec<String>, Trouble> {
        match self.ini_option("version_locations")? {
            Some(text) if !text.is_empty() => self.split(&text),
            _ => match self.toml_option("version_locations") {
                None => Ok(Vec::new()),
                Some(Value::List(items)) => {
                    items.iter().map(|item| self.toml_text("version_locations", item)).collect()
                }
                Some(_) => Err(self.mistaken("version_locations is no array of strings")),
            },
        }
    }

    /// How version locations are searched.
    pub(super) fn search(&self) -> Result<Search, Trouble> {
        Ok(Search {
            recursive: self.boolean("recursive_version_locations")?,
            sourceless: self.boolean("sourceless")?,
        })
    }

    /// Whether several databases are named, as in the `multidb` template: castoff looks at one.
    pub(super) fn names_several_databases(&self) -> Result<bool, Trouble> {
        Ok(self.text("databases")?.is_some_and(|names| names.contains(',')))
    }

    /// `get_version_locations_list` of `config.py`; without a separator, spaces and commas are one.
    fn split(&self, text: &str) -> Result<Vec<String>, Trouble> {
        let separator = match self.text("path_separator")? {
            Some(separator) => Some(separator),
            None => self.text("version_path_separator")?,
        };
        let separator = match separator.as_deref() {
            None => return Ok(legacy_split(text)),
            Some("space") => ' ',
            Some("newline") => '\n',
            Some("os" | ":") => ':',
            Some(";") => ';',
            Some(other) => {
                let why = format!("path_separator is \"{other}\", not space, newline, os, `:` or `;`");
                return Err(self.mistaken(&why));
            }
        };
        Ok(text.split(separator).filter(|part| !part.is_empty()).map(|part| part.trim().to_owned()).collect())
    }

    /// An option that is a string in both files.
    fn text(&self, name: &str) -> Result<Option<String>, Trouble> {
        if let Some(text) = self.ini_option(name)? {
            return Ok(Some(text));
        }
        self.toml_option(name).map(|value| self.toml_text(name, value)).transpose()
    }

    /// `get_alembic_boolean_option`: `true`, spelled like this, and nothing else.
    fn boolean(&self, name: &str) -> Result<bool, Trouble> {
        if let Some(text) = self.ini_option(name)? {
            return Ok(text == "true");
        }
        match self.toml_option(name) {
            None => Ok(false),
            Some(Value::Bare(word)) if word == "true" || word == "false" => Ok(word == "true"),
            Some(_) => Err(self.mistaken(&format!("{name} is neither true nor false"))),
        }
    }

    fn ini_option(&self, name: &str) -> Result<Option<String>, Trouble> {
        let Some(Source { file, here, content }) = &self.ini else { return Ok(None) };
        content.get(SECTION, name, here).map_err(|why| {
            Trouble::Failure(failed(
                format!("{}: {name}: {why}", file.display()),
                "correct the option; Alembic refuses it as well",
            ))
        })
    }

    fn toml_option(&self, name: &str) -> Option<&Value> {
        let pairs = &self.toml.as_ref()?.content;
        pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A string with `%(here)s` replaced, as Python's `%` does it.
    fn toml_text(&self, name: &str, value: &Value) -> Result<String, Trouble> {
        let here = self.toml.as_ref().map(|source| source.here.as_str()).unwrap_or_default();
        let Value::Text(text) = value else { return Err(self.mistaken(&format!("{name} is no string"))) };
        let marked = text.replace("%%", "\0").replace("%(here)s", here);
        if marked.contains('%') {
            return Err(self.mistaken(&format!(
                "{name} holds a % that stands neither for itself (%%) nor for %(here)s"
            )));
        }
        Ok(marked.replace('\0', "%"))
    }

    fn mistaken(&self, why: &str) -> Trouble {
        let file = self.file().unwrap_or(Path::new("pyproject.toml"));
        Trouble::Failure(failed(
            format!("{}: {why}", file.display()),
            "correct the option; Alembic refuses it as well",
        ))
    }
}

/// `re.split(r", *|(?: +)")`: at each comma with the spaces behind it, and at each run of spaces.
fn legacy_split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            ',' | ' ' => {
                rest = rest.trim_start_matches(' ');
                parts.push(String::new());
            }
            letter => parts.last_mut().into_iter().for_each(|part| part.push(letter)),
        }
    }
    parts
}

/// Whether a file of this name and content is a configuration of Alembic's.
pub(super) fn names_scripts(file: &Path, content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let names = |pair: &(String, Value)| pair.0 == "script_location";
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("ini") => {
            Ini::parse(text).is_ok_and(|ini| matches!(ini.get(SECTION, "script_location", "/"), Ok(Some(_))))
        }
        Some("toml") => toml::table(text, &["tool", SECTION]).is_ok_and(|pairs| pairs.iter().any(names)),
        _ => false,
    }
}

fn source<T>(
    file: &Path,
    parse: impl FnOnce(&str) -> Result<T, Trouble>,
) -> Result<Option<Source<T>>, Trouble> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(cannot_read(file, error)),
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count();
        broken(file, line + 1, "this is not UTF-8", "save the file as UTF-8")
    })?;
    let absolute = std::path::absolute(file).map_err(|error| cannot_read(file, error))?;
    let here = absolute.parent().unwrap_or(Path::new("/")).display().to_string();
    Ok(Some(Source { file: file.to_owned(), here, content: parse(&text.replace("\r\n", "\n"))? }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Trouble;
    use super::{Config, legacy_split};

    fn config(ini: Option<&str>, toml: Option<&str>) -> (tempfile::TempDir, Result<Config, Trouble>) {
        let root = tempfile::tempdir().unwrap();
        let (ini_file, toml_file) = (root.path().join("alembic.ini"), root.path().join("pyproject.toml"));
        for (file, text) in [(&ini_file, ini), (&toml_file, toml)] {
            if let Some(text) = text {
                std::fs::write(file, text).unwrap();
            }
        }
        let config = Config::read(&ini_file, &toml_file);
        (root, config)
    }

    fn ini(options: &str) -> (tempfile::TempDir, Config) {
        let (root, config) = config(Some(&format!("[alembic]\n{options}")), None);
        (root, config.unwrap_or_else(|trouble| panic!("{trouble:?}")))
    }

    fn here(root: &tempfile::TempDir, rest: &str) -> String {
        format!("{}/{rest}", root.path().display())
    }

    #[test]
    fn version_locations_are_split_at_the_separator_that_is_configured() {
        let (root, found) =
            ini("script_location = %(here)s/a\npath_separator = os\nversion_locations = %(here)s/b: c d\n");
        assert_eq!(found.script_location().unwrap().unwrap(), here(&root, "a"));
        assert_eq!(found.version_locations().unwrap(), [here(&root, "b"), "c d".into()]);
        for (separator, text, expected) in [
            ("space", "a  b", vec!["a", "b"]),
            ("newline", "\n  a b\n  c\n", vec!["a b", "c"]),
            (";", "a; b;", vec!["a", "b"]),
            (":", "a:b", vec!["a", "b"]),
        ] {
            let (_root, found) =
                ini(&format!("version_path_separator = {separator}\nversion_locations = {text}\n"));
            assert_eq!(found.version_locations().unwrap(), expected, "{separator}");
        }
        let (_root, found) = ini("path_separator = |\nversion_locations = a|b\n");
        assert!(matches!(found.version_locations(), Err(Trouble::Failure(_))));
    }

    #[test]
    fn without_a_separator_spaces_and_commas_part_as_they_used_to() {
        for (text, expected) in
            [("a b", vec!["a", "b"]), ("a,  b   c", vec!["a", "b", "c"]), ("a ,b", vec!["a", "", "b"])]
        {
            assert_eq!(legacy_split(text), expected);
        }
    }

    #[test]
    fn pyproject_fills_in_what_the_ini_file_does_not_say() {
        let toml = "[tool.alembic]\nscript_location = '%(here)s/b%%'\nversion_locations = ['%(here)s/c', 'd']\nsourceless = true\n";
        let (root, found) = config(Some("[alembic]\nrecursive_version_locations = true\n"), Some(toml));
        let found = found.unwrap();
        assert_eq!(found.script_location().unwrap().unwrap(), here(&root, "b%"));
        assert_eq!(found.version_locations().unwrap(), [here(&root, "c"), "d".into()]);
        let search = found.search().unwrap();
        assert!(search.recursive && search.sourceless);
        let (_root, found) = config(Some("[alembic]\nscript_location = a\nsourceless = True\n"), Some(toml));
        let found = found.unwrap();
        assert_eq!(found.script_location().unwrap().unwrap(), "a");
        assert!(!found.search().unwrap().sourceless, "only `true` is true");
    }

    #[test]
    fn no_file_at_all_is_an_empty_configuration() {
        let (_root, found) = config(None, None);
        let found = found.unwrap();
        assert!(found.file().is_none() && found.script_location().unwrap().is_none());
        assert!(found.version_locations().unwrap().is_empty());
    }

    #[test]
    fn what_alembic_refuses_is_65_with_the_file() {
        for (ini, toml) in [
            (Some("[alembic]\nscript_location = %(nowhere)s\n"), None),
            (Some("script_location = a\n"), None),
            (None, Some("[tool.alembic]\nscript_location = 5\n")),
            (None, Some("[tool.alembic]\nscript_location = '%(there)s'\n")),
            (None, Some("[tool.alembic\n")),
        ] {
            let (_root, found) = config(ini, toml);
            let Err(Trouble::Failure(failure)) = found.and_then(|found| found.script_location()) else {
                panic!("{ini:?} {toml:?}")
            };
            let file = if ini.is_some() { "alembic.ini" } else { "pyproject.toml" };
            assert!(failure.reason().contains(file), "{failure}");
            assert_eq!(failure.exit, crate::exit::Exit::Data);
        }
        assert!(Config::read(Path::new("/proc"), Path::new("/none")).is_err(), "a directory cannot be read");
    }
}
