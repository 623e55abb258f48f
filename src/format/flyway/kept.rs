//! What an entry of the list keeps of its file, in the place of its checksum.
//!
//! A repeatable migration has two checksums: of the file, and of its text with the placeholders replaced, which is what the
//! tool writes. Where the latter needs a value that only the database has, the text is kept until that is known.

use serde::{Deserialize, Serialize};

use super::checksum::checksum;
use super::placeholders;
use crate::format::{Migration, Site};

/// What is kept of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Its path below the directory, as the tool writes it.
    pub(super) script: String,
    /// The checksum of the file as it is.
    pub(super) raw: i32,
    /// The checksum the tool writes, as far as it is known.
    pub(super) replaced: i32,
    /// The text whose checksum that is, where the database has to be asked for it.
    pub(super) text: Option<String>,
    /// `shouldExecute=false`: it is neither pending nor missing.
    pub(super) is_skipped: bool,
    /// Whom the history is to name, if not the user of the database.
    pub(super) installed_by: Option<String>,
}

impl Kept {
    /// What is kept of a file; `replaced` where placeholders count.
    pub(super) fn new(script: String, source: &str, replaced: Option<&str>) -> Self {
        let raw = checksum(source);
        let text = replaced.filter(|text| placeholders::is_incomplete(text)).map(str::to_owned);
        let replaced = replaced.map_or(raw, checksum);
        Self { script, raw, replaced, text, is_skipped: false, installed_by: None }
    }

    /// The bytes in which an entry keeps it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What an entry keeps; `None` where castoff cannot look into its file.
    pub(super) fn of(migration: &Migration) -> Option<Self> {
        serde_json::from_slice(&migration.checksum).ok()
    }

    /// The checksum the tool writes.
    pub(super) fn written(&self, at: &Site<'_>) -> i32 {
        let completed = self.text.as_deref().and_then(|text| placeholders::completed(text, at));
        completed.map_or(self.replaced, |text| checksum(&text))
    }

    /// Whether a checksum in the history is of this file; `repeats` if it is of one that may be applied again.
    pub(super) fn matches(&self, recorded: Option<i32>, repeats: bool, at: &Site<'_>) -> bool {
        recorded.is_some_and(|recorded| recorded == self.written(at) || repeats && recorded == self.raw)
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;
    use crate::engine::Engine::Postgres;
    use crate::environment::Environment;
    use crate::format::flyway::checksum::checksum;
    use crate::format::flyway::placeholders::{Known, Replaced};
    use crate::format::flyway::settings::Settings;
    use crate::format::testing::site;

    #[test]
    fn a_repeatable_s_checksum_is_that_of_its_replaced_text_and_the_raw_one_counts_too() {
        let kept = Kept::new("R__x.sql".into(), "SELECT '${a}'", Some("SELECT '1'"));
        let at = site(Postgres);
        assert_eq!(kept.written(&at), checksum("SELECT '1'"));
        assert!(kept.matches(Some(checksum("SELECT '${a}'")), true, &at));
        assert!(!kept.matches(Some(checksum("SELECT '${a}'")), false, &at));
        assert!(!kept.matches(None, true, &at));
    }

    #[test]
    fn what_the_database_knows_counts_once_it_is_known() {
        let known = Known { filename: "R__x.sql", timestamp: "", working_directory: "" };
        let source = "SELECT '${flyway:user}'";
        let settings = Settings::read(&Environment::default()).unwrap();
        let replaced = Replaced::by(source, &settings, Postgres, &known).unwrap();
        let kept = Kept::new("R__x.sql".into(), source, Some(&replaced.text));
        assert_eq!(kept.written(&site(Postgres)), checksum("SELECT 'app'"));
    }
}
