//! `metadata.toml` beside a script: whether it runs in a transaction.

use crate::format::toml::{self, Value};

/// The file's name; `diesel_migrations/src/file_based_migrations.rs`.
pub(super) const FILE: &str = "metadata.toml";

/// The one key that Diesel knows.
const KEY: &str = "run_in_transaction";

/// Whether Diesel runs a migration with this file beside it in a transaction.
///
/// `TomlMetadata` of `migrations_internals/src/lib.rs`: a file without the key says no, since serde fills a missing
/// boolean in with `false`; one that cannot be read counts as no file at all.
pub(super) fn runs_in_transaction(content: Option<&[u8]>) -> bool {
    let pairs = content
        .and_then(|content| std::str::from_utf8(content).ok())
        .and_then(|text| toml::table(text, &[]).ok());
    let Some(pairs) = pairs else { return true };
    let mut values = pairs.iter().filter(|(key, _)| key == KEY).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => false,
        (Some(Value::Bare(word)), None) => word != "false",
        // Another kind of value, or the key twice: not what Diesel can read.
        (Some(_), _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::runs_in_transaction;

    fn read(text: &str) -> bool {
        runs_in_transaction(Some(text.as_bytes()))
    }

    #[test]
    fn without_the_file_a_migration_runs_in_a_transaction() {
        assert!(runs_in_transaction(None));
    }

    #[test]
    fn the_key_decides_however_it_is_written() {
        for text in [
            "run_in_transaction = false",
            "\u{feff}# no\r\nrun_in_transaction=false# CIC\r\n",
            "\"run_in_transaction\" = false\n[other]\nrun_in_transaction = true\n",
        ] {
            assert!(!read(text), "{text}");
            assert!(read(&text.replace("false", "true")), "{text}");
        }
    }

    #[test]
    fn a_file_without_the_key_says_no() {
        for text in ["", "# run_in_transaction = true\n", "other = 1\n", "[a]\nrun_in_transaction = true\n"] {
            assert!(!read(text), "{text}");
        }
    }

    #[test]
    fn a_file_that_diesel_cannot_read_counts_as_none() {
        for text in [
            "run_in_transaction = \"false\"",
            "run_in_transaction = no",
            "run_in_transaction: false",
            "run_in_transaction = false\nrun_in_transaction = false\n",
            "run_in_transaction = 0",
        ] {
            assert!(read(text), "{text}");
        }
        assert!(runs_in_transaction(Some(b"run_in_transaction = false\n# \xff")));
    }
}
