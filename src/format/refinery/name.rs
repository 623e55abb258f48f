//! What refinery makes of a file's name.

use std::path::Path;

/// A file that is a migration by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// Whether it begins with `U`: unversioned, so it may be applied after a later one.
    pub(super) unversioned: bool,
    /// The version as it is written: digits, maybe with a point among them.
    pub(super) version: &'a str,
    /// What follows the two underscores.
    pub(super) words: &'a str,
    /// Whether it is a program, which only the tool can run.
    pub(super) program: bool,
}

impl Name<'_> {
    /// The version as a number, as `parse_migration_name` reads it: with a point it is none.
    pub(super) fn number(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// `STEM_RE` and `file_re_all` of `refinery_core/src/util.rs`: `^([U|V])(\d+(?:\.\d+)?)__(\w+)\.(rs|sql)$`. `None` for what
/// refinery passes over with a warning.
pub(super) fn parse(path: &Path) -> Option<Name<'_>> {
    let file = path.file_name()?.to_str()?;
    let (stem, program) = match file.strip_suffix(".sql") {
        Some(stem) => (stem, false),
        None => (file.strip_suffix(".rs")?, true),
    };
    let (unversioned, rest) = match stem.strip_prefix('V') {
        Some(rest) => (false, rest),
        None => (true, stem.strip_prefix('U')?),
    };
    // No digit is an underscore, so the first two are those that end the version.
    let (version, name) = rest.split_once("__")?;
    let number = |part: &str| !part.is_empty() && part.chars().all(char::is_numeric);
    let is_version = match version.split_once('.') {
        Some((whole, fraction)) => number(whole) && number(fraction),
        None => number(version),
    };
    let is_name = !name.is_empty() && name.chars().all(is_word);
    (is_version && is_name).then_some(Name { unversioned, version, words: name, program })
}

/// `\w` of the regex crate: letters, marks, decimal digits, connecting punctuation and joiners of any script.
fn is_word(letter: char) -> bool {
    letter == '_'
        || letter.is_alphanumeric()
        || matches!(letter,
            '\u{200c}' | '\u{200d}' | '\u{203f}' | '\u{2040}' | '\u{2054}'
            // Combining marks; std knows most of those outside these blocks as alphabetic.
            | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20f0}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::{Name, parse};
    use std::path::Path;

    fn of(path: &str) -> Option<Name<'_>> {
        parse(Path::new(path))
    }

    #[test]
    fn a_name_is_taken_apart_in_any_directory() {
        let plain = Name { unversioned: false, version: "1", words: "initial", program: false };
        assert_eq!(of("V1__initial.sql"), Some(plain.clone()));
        assert_eq!(of("2025/02/V1__initial.sql"), Some(plain.clone()));
        assert_eq!(of("V1__initial.rs"), Some(Name { program: true, ..plain.clone() }));
        assert_eq!(of("U0012__initial.sql"), Some(Name { unversioned: true, version: "0012", ..plain }));
        assert_eq!(of("V1__a__b_.sql").unwrap().words, "a__b_");
        assert_eq!(of("V1___a.sql").unwrap().words, "_a");
        assert_eq!(of("V1__größe_2_e\u{301}.sql").unwrap().words, "größe_2_e\u{301}");
    }

    #[test]
    fn a_version_is_a_number_or_none_that_refinery_could_use() {
        assert_eq!(of("V0012__a.sql").unwrap().number(), Some(12));
        assert_eq!(of("V20250107090000__a.sql").unwrap().number(), Some(20_250_107_090_000));
        assert_eq!(of("V1.2__a.sql").unwrap().number(), None);
        assert_eq!(of("V99999999999999999999__a.sql").unwrap().number(), None);
    }

    #[test]
    fn what_refinery_passes_over_is_passed_over() {
        for name in [
            "V1_a.sql",
            "1__a.sql",
            "v1__a.sql",
            "R__a.sql",
            "V__a.sql",
            "V1__.sql",
            "V1__a b.sql",
            "V1__a-b.sql",
            "V1__a.sql.bak",
            "V1__a.txt",
            "V1_1__a.sql",
            "V1.2.3__a.sql",
            "V1.__a.sql",
            "V-1__a.sql",
            "V1__a.SQL",
            "mod.rs",
            "V1__a.down.sql",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
