//! What a migration that is broken off leaves in the database: asked once, before it runs.

use crate::engine::Engine;
use crate::format::{Atomicity, Migration, Step};
use crate::script;

/// What can stay of a step that fails, is stopped, or loses its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residue {
    /// Nothing: the server takes everything back.
    Nothing,
    /// An INVALID index, which the next start recognises, removes and builds again.
    Index,
    /// Part of the script, for this reason.
    Part {
        /// Why, for a person.
        why: &'static str,
        /// Whether even then nothing stays if it is the first statement that fails.
        unless_first: bool,
    },
}

impl Residue {
    /// What a step leaves.
    pub fn of(engine: Engine, step: &Step) -> Self {
        let migration = &step.migration;
        let statements = migration.statements(engine);
        let commits_itself =
            statements.iter().any(|statement| script::controls_transaction(engine, statement.text));
        if step.atomicity == Atomicity::Together {
            return match engine {
                Engine::MySql => {
                    Self::Part { why: "MySQL commits at every DDL statement", unless_first: false }
                }
                _ if commits_itself => {
                    Self::Part { why: "the file controls transactions itself", unless_first: false }
                }
                _ => Self::Nothing,
            };
        }
        if builds_only_indexes(engine, migration) {
            return Self::Index;
        }
        let commits_inside = statements.iter().any(|statement| script::may_commit_inside(statement.text));
        // Sent as one message, it is one transaction to PostgreSQL.
        if engine == Engine::Postgres
            && migration.is_sent_at_once(engine)
            && !commits_itself
            && !commits_inside
        {
            return Self::Nothing;
        }
        let unless_first =
            !step.resumed && statements.first().is_some_and(|first| is_all_or_nothing(engine, first.text));
        Self::Part { why: "it ran outside a transaction", unless_first }
    }
}

/// Whether a file does nothing but `CREATE INDEX CONCURRENTLY`: then the catalog tells how far an interrupted run got.
pub(super) fn builds_only_indexes(engine: Engine, migration: &Migration) -> bool {
    let statements = migration.statements(engine);
    engine == Engine::Postgres
        && !statements.is_empty()
        && statements.iter().all(|statement| script::concurrent_index(statement.text).is_some())
}

/// Whether a statement that fails leaves nothing. What is built concurrently, or in several transactions, may.
fn is_all_or_nothing(engine: Engine, statement: &str) -> bool {
    let in_stages: &[&str] = match engine {
        Engine::Postgres => &["REINDEX", "CLUSTER", "DROP", "ALTER"],
        // MariaDB drops the tables that are there before it fails for one that is not, and so with accounts and rights;
        // the rest are blocks of statements.
        Engine::MySql => &[
            "DROP", "RENAME", "GRANT", "REVOKE", "BEGIN", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR",
            "EXECUTE",
        ],
        Engine::Sqlite => &[],
    };
    let second = statement.split_whitespace().nth(1).unwrap_or_default();
    let of_accounts = engine == Engine::MySql && script::first_word_is(second, &["USER", "ROLE"]);
    !(script::may_commit_inside(statement)
        || script::controls_transaction(engine, statement)
        || script::concurrent_index(statement).is_some()
        || script::first_word_is(statement, in_stages)
        || of_accounts)
}

#[cfg(test)]
mod tests {
    use super::Residue;
    use crate::engine::Engine;
    use crate::format::prisma::Prisma;
    use crate::format::testing::step;
    use crate::format::{FORMATS, Format, Migration, Part};

    fn residue(engine: Engine, sql: &str) -> Residue {
        residue_as(FORMATS[0], engine, sql)
    }

    fn residue_as(format: &dyn Format, engine: Engine, sql: &str) -> Residue {
        let migration = Migration {
            id: "1".into(),
            file: "1_a.sql".into(),
            description: String::new(),
            parts: vec![Part::whole(sql)],
            checksum: Vec::new(),
            no_transaction: sql.starts_with("-- no-transaction"),
            unusable: None,
            requires: Vec::new(),
        };
        Residue::of(engine, &step(format, engine, &migration, false).unwrap())
    }

    #[test]
    fn nothing_stays_of_one_transaction() {
        for engine in [Engine::Postgres, Engine::Sqlite] {
            assert_eq!(residue(engine, "CREATE TABLE t (a INT); SELECT 1;"), Residue::Nothing);
        }
        assert_eq!(residue(Engine::Postgres, "-- no-transaction\nSELECT 1; SELECT 2;"), Residue::Nothing);
        assert_eq!(residue(Engine::Postgres, "DO $$ BEGIN END $$;"), Residue::Nothing);
    }

    #[test]
    fn what_commits_by_itself_stays() {
        for (engine, sql) in [
            (Engine::MySql, "CREATE TABLE t (a INT)"),
            (Engine::Postgres, "CREATE TABLE t (a INT); COMMIT; SELECT 1"),
            (Engine::Postgres, "-- no-transaction\nDO $$ BEGIN COMMIT; END $$"),
            (Engine::Postgres, "-- no-transaction\nCALL batches()"),
            (Engine::Postgres, "-- no-transaction\nREINDEX TABLE CONCURRENTLY t"),
        ] {
            let residue = residue(engine, sql);
            assert!(matches!(residue, Residue::Part { unless_first: false, .. }), "{sql}: {residue:?}");
        }
    }

    #[test]
    fn nothing_stays_if_the_first_statement_fails_as_a_whole() {
        for (engine, sql) in [
            (Engine::Postgres, "-- no-transaction\nVACUUM t; SELECT 1"),
            (Engine::Sqlite, "-- no-transaction\nCREATE TABLE t (a INT); VACUUM"),
        ] {
            let residue = residue(engine, sql);
            assert!(matches!(residue, Residue::Part { unless_first: true, .. }), "{sql}: {residue:?}");
        }
    }

    #[test]
    fn on_mysql_a_statement_about_several_things_fails_in_the_middle() {
        for (sql, whole) in [
            ("-- DropTable\nDROP TABLE a, b", false),
            ("CREATE USER a, b", false),
            ("BEGIN NOT ATOMIC DROP TABLE a; DROP TABLE b; END", false),
            ("ALTER TABLE `user` ADD a INT; SELECT 1", true),
            ("CREATE TABLE `user` (a INT)", true),
        ] {
            let residue = residue_as(&Prisma, Engine::MySql, sql);
            assert!(
                matches!(residue, Residue::Part { unless_first, .. } if unless_first == whole),
                "{sql}: {residue:?}"
            );
        }
    }

    #[test]
    fn an_index_is_recognised_by_the_next_start() {
        let sql = "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a)";
        assert_eq!(residue(Engine::Postgres, sql), Residue::Index);
    }
}
