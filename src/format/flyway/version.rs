//! Versions of migrations: numbers of any length, with dots between them.

use std::cmp::Ordering;

/// A version (`flyway-core/…/api/MigrationVersion.java`).
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// As the tool writes it: the file's, with dots for underscores and every zero kept.
    text: String,
    /// The numbers, without leading zeros; a zero is empty, as is what is missing behind the last dot.
    parts: Vec<String>,
}

impl Version {
    /// Reads `1`, `1.2` or `1_2`; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', ".");
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts =
            text.split('.').map(|part| is_number(part).then(|| part.trim_start_matches('0').to_owned()));
        Some(Self { parts: parts.collect::<Option<_>>()?, text })
    }

    /// As the history shows it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let part = |version: &Self, at: usize| version.parts.get(at).cloned().unwrap_or_default();
        let places = self.parts.len().max(other.parts.len());
        let compared = (0..places).map(|at| {
            let (one, other) = (part(self, at), part(other, at));
            one.len().cmp(&other.len()).then_with(|| one.cmp(&other))
        });
        compared.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests {
    use super::Version;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn zeros_are_kept_for_reading_and_do_not_count_for_comparing() {
        assert_eq!(version("001_020").as_str(), "001.020");
        assert_eq!(version("1"), version("01.0_0"));
        assert_eq!(version("0"), version("00.0"));
        assert_ne!(version("1.0.1"), version("1"));
    }

    #[test]
    fn numbers_of_any_length_compare_as_numbers() {
        let ascending =
            ["0.1", "1", "1.2", "1.10", "2", "9", "10", "20250107090000", "99999999999999999999999"];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn anything_but_digits_and_single_dots_is_no_version() {
        for text in ["", "_1", "1.", "1__2", "1a", "-1", "+1", "٣"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
