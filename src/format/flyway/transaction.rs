//! What Flyway runs outside a transaction without being told: it looks at the first words of each statement.

use crate::engine::Engine;
use crate::script;

/// How many words Flyway looks at (`Parser.getTransactionalDetectionCutoff`).
const CUTOFF: usize = 10;

/// Whether Flyway takes a statement for one that cannot run in a transaction (`detectCanExecuteInTransaction` of
/// `PostgreSQLParser.java` and `SQLiteParser.java`; MySQL's has none).
///
/// `ALTER TYPE … ADD VALUE` is one below PostgreSQL 12.
pub(super) fn cannot_run_inside(engine: Engine, statement: &str, before_12: bool) -> bool {
    let words = keywords(engine, statement);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match engine {
        Engine::Postgres => match words.as_slice() {
            ["CREATE" | "DROP", "DATABASE" | "TABLESPACE" | "SUBSCRIPTION", ..]
            | ["ALTER", "SYSTEM", ..]
            | ["CREATE" | "DROP", "INDEX", "CONCURRENTLY", ..]
            | ["CREATE" | "DROP", "UNIQUE", "INDEX", "CONCURRENTLY", ..]
            | ["REINDEX", "SCHEMA" | "DATABASE" | "SYSTEM", ..]
            | ["REINDEX", "VERBOSE", "SCHEMA" | "DATABASE" | "SYSTEM", ..]
            | ["VACUUM", ..]
            | ["DISCARD", "ALL", ..] => true,
            ["ALTER", "TYPE", rest @ ..] => before_12 && rest.windows(2).any(|pair| pair == ["ADD", "VALUE"]),
            _ => false,
        },
        Engine::Sqlite => matches!(words.as_slice(), ["PRAGMA", "FOREIGN_KEYS", ..]),
        Engine::MySql => false,
    }
}

/// Whether the lines behind a statement are its data (`COPY_FROM_STDIN_REGEX` of `PostgreSQLParser.java`).
pub(super) fn copies_rows(engine: Engine, statement: &str) -> bool {
    let words = keywords(engine, statement);
    engine == Engine::Postgres
        && words.first().is_some_and(|first| first == "COPY")
        && words.windows(2).any(|pair| pair == ["FROM", "STDIN"])
}

/// The first words in capitals, as far as they are made of letters: others Flyway takes for names.
fn keywords(engine: Engine, statement: &str) -> Vec<String> {
    let is_keyword = |word: &&str| word.chars().all(|letter| letter.is_alphabetic() || letter == '_');
    script::words(engine, statement).filter(is_keyword).take(CUTOFF).map(str::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{cannot_run_inside, copies_rows};
    use crate::engine::Engine::{MySql, Postgres, Sqlite};

    #[test]
    fn the_words_decide() {
        for (statement, outside) in [
            ("CREATE INDEX CONCURRENTLY i ON t (a)", true),
            ("create unique index /* x */ concurrently if not exists i on t (a)", true),
            ("DROP INDEX CONCURRENTLY i", true),
            ("CREATE INDEX i ON t (concurrently)", false),
            ("CREATE INDEX concurrently2 ON t (a)", false),
            ("VACUUM (ANALYZE) t", true),
            ("REINDEX (VERBOSE) DATABASE app", true),
            // Flyway runs it in a transaction, and so fails; its file has to say otherwise.
            ("REINDEX INDEX CONCURRENTLY i", false),
            ("DROP DATABASE x", true),
            ("ALTER SYSTEM SET a = 1", true),
            ("ALTER TABLE system ADD value int", false),
            ("INSERT INTO t VALUES ('VACUUM')", false),
        ] {
            assert_eq!(cannot_run_inside(Postgres, statement, false), outside, "{statement}");
            assert!(!cannot_run_inside(MySql, statement, false));
        }
        assert!(cannot_run_inside(Sqlite, "PRAGMA foreign_keys = OFF", false));
        assert!(!cannot_run_inside(Sqlite, "VACUUM", false));
    }

    #[test]
    fn a_value_is_added_to_a_type_outside_only_below_postgres_12() {
        let statement = "ALTER TYPE mood ADD VALUE 'meh'";
        assert!(cannot_run_inside(Postgres, statement, true));
        assert!(!cannot_run_inside(Postgres, statement, false));
    }

    #[test]
    fn rows_follow_a_copy_from_stdin() {
        assert!(copies_rows(Postgres, "COPY t (a, b) FROM stdin WITH (FORMAT csv)"));
        assert!(copies_rows(Postgres, "copy public.t from STDIN"));
        assert!(!copies_rows(Postgres, "COPY t FROM '/srv/t.csv'"));
        assert!(!copies_rows(Postgres, "COPY t TO STDOUT"));
    }
}
