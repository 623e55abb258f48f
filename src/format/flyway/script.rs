//! One SQL file: its text, what is sent of it, and whether in a transaction.

use std::path::Path;

use super::conf::Conf;
use super::encoding::Encoding;
use super::name;
use super::parser::{self, Problem};
use super::placeholders::{Known, Missing, Replaced};
use super::settings::Settings;
use super::transaction;
use crate::engine::Engine;
use crate::exit::Result;
use crate::format::{Files, Part, unreadable, utf8};

/// What every file of a directory is read with.
pub(super) struct Reader<'a> {
    pub(super) files: &'a Files,
    pub(super) settings: &'a Settings,
    pub(super) engine: Engine,
    /// `yyyy-MM-dd HH:mm:ss`.
    pub(super) timestamp: &'a str,
    /// The directory castoff was started in.
    pub(super) working_directory: &'a str,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// The text as it is.
    pub(super) source: String,
    /// The text with its placeholders replaced.
    pub(super) replaced: String,
    /// What is sent.
    pub(super) parts: Vec<Part>,
    /// Whether it runs outside a transaction.
    pub(super) no_transaction: bool,
    /// Why it cannot be run.
    pub(super) unusable: Option<String>,
    /// Whether a placeholder has no value, so that the text is not known.
    pub(super) is_incomplete: bool,
    /// Whether it says that it is not to be executed.
    pub(super) is_skipped: bool,
}

impl Reader<'_> {
    /// Reads a file and what stands beside it.
    ///
    /// # Errors
    ///
    /// 65 for what Flyway could not read either.
    pub(super) fn script(&self, path: &Path, content: &[u8]) -> Result<Script> {
        let file = self.files.directory.join(path);
        let conf = self.conf(path)?;
        let encoding = conf.encoding.unwrap_or(self.settings.encoding);
        let source = if encoding == Encoding::Utf8 {
            utf8(&file, content, "Flyway")?.to_owned()
        } else {
            encoding.decode(content).ok_or_else(|| {
                unreadable(&file, "it is not in the encoding it is said to be in")
                    .hint("mend FLYWAY_ENCODING, or encoding= in the file's .conf; Flyway refuses it as well")
            })?
        };
        let unchanged = Replaced::unchanged(&source);
        let mut script = Script {
            replaced: source.clone(),
            source,
            parts: Vec::new(),
            no_transaction: false,
            unusable: None,
            is_incomplete: false,
            is_skipped: conf.is_skipped,
        };
        let replaced = if conf.replacement.unwrap_or(self.settings.replacement) {
            match self.replace(path, &script.source) {
                Ok(replaced) => replaced,
                Err(missing) => {
                    script.unusable = Some(says(&missing));
                    script.is_incomplete = true;
                    return Ok(script);
                }
            }
        } else {
            unchanged
        };
        match parser::parts(self.engine, &script.source, &replaced) {
            Ok(parts) => script.parts = parts,
            Err(Problem { line, what, hint }) => {
                script.unusable = Some(format!("line {line}: {what}; {hint}"));
            }
        }
        script.replaced = replaced.text;
        match self.runs_outside(&conf, &script.parts) {
            Ok(outside) => script.no_transaction = outside,
            Err(why) => script.unusable = Some(why),
        }
        Ok(script)
    }

    fn conf(&self, path: &Path) -> Result<Conf> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(name::CONF);
        let path = Path::new(&beside);
        let Some(content) = self.files.contents.get(path) else { return Ok(Conf::default()) };
        let file = self.files.directory.join(path);
        let refuse = |why: String| unreadable(&file, why).hint("Flyway refuses it as well");
        let text = utf8(&file, content, "Flyway")?;
        let replaced = self.replace(path, text).map_err(|missing| refuse(says(&missing)))?;
        Conf::read(&replaced.text).map_err(refuse)
    }

    fn replace(&self, path: &Path, text: &str) -> std::result::Result<Replaced, Missing> {
        let filename = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Self { timestamp, working_directory, .. } = *self;
        let known = Known { filename, timestamp, working_directory };
        Replaced::by(text, self.settings, self.engine, &known)
    }

    /// `ParserSqlScript.parse` and `executeInTransaction`.
    fn runs_outside(&self, conf: &Conf, parts: &[Part]) -> std::result::Result<bool, String> {
        if let Some(inside) = conf.in_transaction {
            return Ok(!inside);
        }
        if !self.settings.in_transaction {
            return Ok(true);
        }
        let outside = |part: &&Part| transaction::cannot_run_inside(self.engine, &part.sql, false);
        let Some(first) = parts.iter().find(outside) else { return Ok(false) };
        if !self.settings.mixed && !parts.iter().all(|part| outside(&part)) {
            return Err(format!(
                "line {}: this statement cannot run in a transaction, and others in the file do; give it a file of \
                 its own, or say executeInTransaction=false in the file's own .conf, or FLYWAY_MIXED=true",
                first.line
            ));
        }
        Ok(true)
    }
}

fn says(Missing { line, placeholder, hint }: &Missing) -> String {
    format!("line {line}: {placeholder} has no value; {hint}")
}
