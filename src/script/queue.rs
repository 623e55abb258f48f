//! Statements that queue for the locks of tables, so that everybody else queues behind them.

use super::cursor::Cursor;
use super::statements::{Statement, statements};
use crate::target::Engine;

/// Consecutive statements of a MySQL script that are sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The index of its first statement.
    pub first: usize,
    /// The index behind its last one.
    pub end: usize,
    /// Whether each of its statements waits for whole tables.
    pub queues: bool,
}

/// Cuts a MySQL script where statements that wait for whole tables begin and end.
///
/// Where it is not certain that the server sees the same statements, nothing is cut, and nothing counts as waiting: how
/// a backslash and an executable comment are read depends on the server's version and `sql_mode`.
pub fn stretches(sql: &str, statements: &[Statement<'_>]) -> Vec<Stretch> {
    let whole = Stretch { first: 0, end: statements.len(), queues: false };
    match statements {
        [] => return vec![whole],
        [only] => return vec![Stretch { queues: waits_for_tables(only.text), ..whole }],
        _ if sql.contains('\\') || sql.contains("/*!") || sql.contains("/*M!") => return vec![whole],
        _ => {}
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let queues = waits_for_tables(statement.text);
        match stretches.last_mut().filter(|last| last.queues == queues) {
            Some(last) => last.end = index + 1,
            None => stretches.push(Stretch { first: index, end: index + 1, queues }),
        }
    }
    stretches
}

/// Whether a MySQL statement wants tables for itself alone, has committed what came before it by the time it waits for
/// them, leaves nothing if it does not get them, says so by an error, and says nothing else.
///
/// `OPTIMIZE TABLE` and its like report an error as a row; those of `WAIT` and `NOWAIT` are the script's own wish.
fn waits_for_tables(statement: &str) -> bool {
    /// How far behind the verb the kind of object may stand: `CREATE OR REPLACE ALGORITHM = MERGE DEFINER = a SQL SECURITY
    /// INVOKER VIEW`.
    const FURTHEST: usize = 24;
    let mut words = Cursor::new(Engine::MySql, statement);
    let truncates = words.keyword("TRUNCATE");
    let changes = words.any_keyword(&["ALTER", "CREATE", "DROP", "RENAME"]);
    let object = words.clone().take(FURTHEST).find_map(|token| {
        let table = token.is_any(&["TABLE", "TABLES", "INDEX", "VIEW", "TRIGGER"]);
        let other = token.is_any(&[
            "TEMPORARY",
            "DATABASE",
            "SCHEMA",
            "EVENT",
            "FUNCTION",
            "PROCEDURE",
            "PACKAGE",
            "USER",
            "ROLE",
            "SERVER",
            "SEQUENCE",
            "TABLESPACE",
        ]);
        (table || other).then_some(table)
    });
    if !(truncates || changes && object == Some(true)) {
        return false;
    }
    let mut rest = words;
    while let Some(token) = rest.next() {
        let checks = token.is_any(&["ANALYZE", "CHECK", "OPTIMIZE", "REPAIR"]) && rest.keyword("PARTITION");
        if checks || token.is_any(&["WAIT", "NOWAIT"]) {
            return false;
        }
    }
    true
}

/// Whether a text decides by itself how long its statements queue for a lock.
pub fn limits_queueing(sql: &str) -> bool {
    // PostgreSQL's setting, those of MySQL and MariaDB.
    let names: [&[u8]; 2] = [b"lock_timeout", b"lock_wait_timeout"];
    let starts = sql.as_bytes().iter().enumerate().filter(|(_, byte)| byte.eq_ignore_ascii_case(&b'l'));
    starts.into_iter().any(|(at, _)| {
        let rest = sql.as_bytes().get(at..).unwrap_or_default();
        names.iter().any(|name| rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name)))
    })
}

/// Whether a limit, or what is sent to set it, could make a text do something else than it does with the tool.
pub fn bears_no_limit(engine: Engine, sql: &str) -> bool {
    match engine {
        Engine::Postgres => catches_the_limit(sql) || prepares(sql),
        Engine::MySql => asks_about_the_statement_before(sql),
        Engine::Sqlite => false,
    }
}

/// Whether a block has a handler that catches the passing of a limit: it would go on without what did not get its lock,
/// and the migration would be recorded as applied.
fn catches_the_limit(sql: &str) -> bool {
    // `lock_not_available` by each of its names, its category's (`src/backend/utils/errcodes.txt`) and that of all errors.
    const CAUGHT: [&str; 5] =
        ["others", "lock_not_available", "55p03", "object_not_in_prerequisite_state", "55000"];
    let text = sql.to_ascii_lowercase();
    text.contains("exception") && CAUGHT.iter().any(|name| text.contains(name))
}

/// Whether a text makes prepared statements: no rollback takes them back, and the second try could not make them again.
fn prepares(sql: &str) -> bool {
    statements(Engine::Postgres, sql)
        .iter()
        .any(|statement| Cursor::new(Engine::Postgres, statement.text).keyword("PREPARE"))
}

/// Whether a text asks what the statement before has done: that would be the one that sets the limit.
fn asks_about_the_statement_before(sql: &str) -> bool {
    const ASKS: [&str; 6] =
        ["row_count", "found_rows", "diagnostics", "warning", "error_count", "show errors"];
    let text = sql.to_ascii_lowercase();
    ASKS.iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use super::{Stretch, bears_no_limit, limits_queueing, stretches, waits_for_tables};
    use crate::script::statements;
    use crate::target::Engine::{MySql, Postgres};

    #[test]
    fn schema_changes_wait_for_tables() {
        for statement in [
            "ALTER TABLE t ADD a INT",
            "/* x */ alter online table t add check (a > 0)",
            "CREATE UNIQUE INDEX i ON t (a)",
            "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1",
            "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
            "DROP TABLE IF EXISTS a, b",
            "RENAME TABLE a TO b",
            "TRUNCATE t",
        ] {
            assert!(waits_for_tables(statement), "{statement}");
        }
    }

    #[test]
    fn what_may_leave_something_or_says_no_error_does_not_count() {
        for statement in [
            "INSERT INTO t SELECT 1",
            "UPDATE t SET a = 1",
            "CREATE TEMPORARY TABLE t (a INT)",
            "CREATE FUNCTION f() RETURNS INT RETURN (SELECT 1 FROM table1)",
            "DROP DATABASE d",
            "DROP USER a, b",
            "OPTIMIZE TABLE t",
            "ALTER TABLE t CHECK PARTITION p",
            "ALTER TABLE t NOWAIT ADD a INT",
            "LOCK TABLES t WRITE",
            "CALL p()",
        ] {
            assert!(!waits_for_tables(statement), "{statement}");
        }
    }

    fn cut(sql: &str) -> Vec<(usize, usize, bool)> {
        let stretch = |Stretch { first, end, queues }| (first, end, queues);
        stretches(sql, &statements(MySql, sql)).into_iter().map(stretch).collect()
    }

    #[test]
    fn a_script_is_cut_where_schema_changes_begin_and_end() {
        assert_eq!(cut("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"), [(0, 2, false)]);
        let sql = "ALTER TABLE a ADD b INT; DROP TABLE c; INSERT INTO a VALUES (1); RENAME TABLE a TO c";
        assert_eq!(cut(sql), [(0, 2, true), (2, 3, false), (3, 4, true)]);
    }

    #[test]
    fn nothing_is_cut_where_the_server_might_cut_elsewhere() {
        assert_eq!(cut("INSERT INTO t VALUES ('\\'; '); DROP TABLE t"), [(0, 2, false)]);
        assert_eq!(cut("DROP TABLE a; /*!80000 DROP TABLE t */;"), [(0, 2, false)]);
        assert_eq!(cut("ALTER TABLE t COMMENT 'a\\'b'"), [(0, 1, true)]);
    }

    #[test]
    fn a_script_with_a_limit_of_its_own_is_told() {
        assert!(limits_queueing("SET LOCAL Lock_Timeout = '1s'"));
        assert!(limits_queueing("SET @@innodb_lock_wait_timeout = 3"));
        assert!(!limits_queueing("LOCK TABLE timeouts; SELECT 'lock'"));
    }

    #[test]
    fn what_a_limit_would_change_bears_none() {
        let block = |handler: &str| format!("DO $$ BEGIN DROP TABLE t; EXCEPTION WHEN {handler} THEN END $$");
        for handler in ["Others", "undefined_table OR lock_not_available", "SQLSTATE '55P03'"] {
            assert!(bears_no_limit(Postgres, &block(handler)), "{handler}");
        }
        assert!(!bears_no_limit(Postgres, &block("undefined_table")));
        assert!(!bears_no_limit(Postgres, "UPDATE others SET a = 1"));
        assert!(bears_no_limit(Postgres, "ALTER TABLE t ADD a INT; /* x */ prepare p AS SELECT 1"));
        assert!(!bears_no_limit(Postgres, "INSERT INTO t VALUES ('PREPARE')"));
        assert!(bears_no_limit(MySql, "CREATE TABLE a AS SELECT 1; SET @n = Row_Count()"));
        assert!(!bears_no_limit(MySql, "CREATE TABLE a (id INT); PREPARE p FROM 'SELECT 1'"));
    }
}
