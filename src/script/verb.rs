//! What a statement does, in one word that can hold nothing secret.

use super::words::words;
use crate::target::Engine;

/// The words that statements of PostgreSQL, MySQL and MariaDB begin with.
///
/// A server shows whatever it was sent, a password that somebody typed at the wrong prompt too: only these are repeated.
const VERBS: &str = "ALTER ANALYZE BEGIN CALL CHECK CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE DISCARD \
    DO DROP END EXECUTE EXPLAIN FETCH FLUSH GRANT HANDLER IMPORT INSERT KILL LISTEN LOAD LOCK MERGE MOVE NOTIFY OPTIMIZE \
    PREPARE REASSIGN REFRESH REINDEX RELEASE RENAME REPAIR REPLACE RESET REVOKE ROLLBACK SAVEPOINT SELECT SET SHOW START \
    TABLE TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH XA";

/// The word a statement begins with, if it is one that statements begin with.
pub fn verb(engine: Engine, statement: &str) -> Option<&'static str> {
    let first = words(engine, statement).next()?;
    VERBS.split_whitespace().find(|verb| first.eq_ignore_ascii_case(verb))
}

#[cfg(test)]
mod tests {
    use super::verb;
    use crate::engine::Engine::{MySql, Postgres};

    #[test]
    fn a_statement_is_told_by_its_first_word_and_comments_are_none() {
        assert_eq!(verb(Postgres, "/* app:web */ -- x\n update users set a = 1"), Some("UPDATE"));
        assert_eq!(verb(MySql, "# x\nINSERT INTO t VALUES (1)"), Some("INSERT"));
    }

    #[test]
    fn what_no_statement_begins_with_is_not_repeated() {
        for text in ["", "hunter2", "'hunter2'", "\"SELECT\" 1", "-- SELECT"] {
            assert_eq!(verb(Postgres, text), None, "{text}");
        }
    }
}
