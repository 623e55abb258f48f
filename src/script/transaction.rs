//! Statements that cannot run in a transaction, and statements that begin or end one.

use super::cursor::Cursor;
use super::scan::Kind;
use crate::target::Engine;

/// Whether the server refuses the statement inside a transaction.
///
/// PostgreSQL: what calls `PreventInTransactionBlock` whatever the catalogs say, as of version 18. Not told from
/// the text: `REINDEX` and `CLUSTER` of a partitioned table, and a `CALL` or `DO` that commits inside.
///
/// MySQL: never; what cannot be rolled back there commits implicitly instead.
///
/// SQLite: `VACUUM` and the pragmas that a transaction refuses or silently ignores, but not
/// `PRAGMA foreign_keys`: a transaction ignores that one too, and scripts rely on the tools that run them whole
/// nevertheless.
pub fn runs_outside_transaction(engine: Engine, statement: &str) -> bool {
    let words = Cursor::new(engine, statement);
    match engine {
        Engine::Postgres => postgres_refuses(words),
        Engine::MySql => false,
        Engine::Sqlite => sqlite_refuses(words),
    }
}

/// Whether the statement begins or ends a transaction by itself. Savepoints stay within one.
///
/// MySQL: setting `autocommit` counts, as what follows is then committed otherwise than it seems; statements
/// that commit implicitly do not.
pub fn controls_transaction(engine: Engine, statement: &str) -> bool {
    let mut words = Cursor::new(engine, statement);
    if words.keyword("ROLLBACK") {
        words.any_keyword(&["WORK", "TRANSACTION"]);
        return !words.any_keyword(&["TO", "PREPARED"]);
    }
    if words.keyword("COMMIT") {
        return !words.keyword("PREPARED");
    }
    if words.keyword("BEGIN") {
        return !words.keyword("NOT");
    }
    match engine {
        Engine::Postgres => {
            words.any_keyword(&["END", "ABORT"])
                || words.phrase(&["START", "TRANSACTION"])
                || words.phrase(&["PREPARE", "TRANSACTION"])
        }
        Engine::MySql => {
            words.phrase(&["START", "TRANSACTION"]) || words.keyword("XA") || sets_autocommit(words)
        }
        Engine::Sqlite => words.keyword("END"),
    }
}

/// Whether a PostgreSQL script is one transaction of its own making: its first statement begins it, its last one commits it,
/// and nothing stays if any of them fails.
pub fn is_one_transaction(statements: &[&str]) -> bool {
    let engine = Engine::Postgres;
    let [first, within @ .., last] = statements else { return false };
    let mut first = Cursor::new(engine, first);
    let mut last = Cursor::new(engine, last);
    let begins = first.keyword("BEGIN") || first.phrase(&["START", "TRANSACTION"]);
    let commits = last.any_keyword(&["COMMIT", "END"]) && {
        last.any_keyword(&["WORK", "TRANSACTION"]);
        // `AND CHAIN` begins another.
        last.next().is_none_or(|token| token.kind == Kind::Symbol(b';'))
    };
    begins && commits && !within.iter().any(|statement| controls_transaction(engine, statement))
}

/// `SET [SESSION] autocommit = …`, alone or among others.
fn sets_autocommit(mut words: Cursor<'_>) -> bool {
    if !words.keyword("SET") {
        return false;
    }
    while words.pass_to("AUTOCOMMIT") {
        words.symbol(b':');
        if words.symbol(b'=') {
            return true;
        }
    }
    false
}

fn postgres_refuses(mut words: Cursor<'_>) -> bool {
    let Some(first) = words.next() else { return false };
    if first.is("CREATE") {
        words.keyword("UNIQUE");
        words.phrase(&["INDEX", "CONCURRENTLY"])
            || words.any_keyword(&["DATABASE", "TABLESPACE"])
            || words.keyword("SUBSCRIPTION") && creates_slot(&mut words)
    } else if first.is("DROP") {
        words.phrase(&["INDEX", "CONCURRENTLY"])
            || words.any_keyword(&["DATABASE", "TABLESPACE", "SUBSCRIPTION"])
    } else if first.is("ALTER") {
        alter_is_refused(words)
    } else if first.is("REINDEX") {
        let concurrently = switch(&mut words, "CONCURRENTLY");
        words.any_keyword(&["SCHEMA", "DATABASE", "SYSTEM"])
            || concurrently == Some(true)
            || words.any_keyword(&["TABLE", "INDEX"]) && words.keyword("CONCURRENTLY")
    } else if first.is("CLUSTER") {
        // Of everything, if it names no table.
        words.keyword("VERBOSE");
        switch(&mut words, "VERBOSE");
        words.next().is_none_or(|token| token.kind == Kind::Symbol(b';'))
    } else if first.is_any(&["COMMIT", "ROLLBACK"]) {
        words.keyword("PREPARED")
    } else {
        first.is("VACUUM") || first.is("DISCARD") && words.keyword("ALL")
    }
}

fn alter_is_refused(mut words: Cursor<'_>) -> bool {
    if words.keyword("TABLE") {
        words.phrase(&["IF", "EXISTS"]);
        words.keyword("ONLY");
        words.name();
        words.symbol(b'*');
        words.phrase(&["DETACH", "PARTITION"]) && {
            words.name();
            words.keyword("CONCURRENTLY")
        }
    } else if words.keyword("DATABASE") {
        words.name();
        words.phrase(&["SET", "TABLESPACE"])
    } else if words.keyword("SUBSCRIPTION") {
        words.name();
        alter_subscription_is_refused(words)
    } else {
        words.keyword("SYSTEM")
    }
}

/// A new subscription creates its slot, unless told not to or not to connect at all.
fn creates_slot(words: &mut Cursor<'_>) -> bool {
    !words.pass_to("WITH")
        || switch(&mut words.clone(), "CREATE_SLOT") != Some(false) && switch(words, "CONNECT") != Some(false)
}

/// What refreshes the publications is refused, and so are the options that change the slot on the publisher.
fn alter_subscription_is_refused(mut words: Cursor<'_>) -> bool {
    let changes = words.any_keyword(&["SET", "ADD", "DROP"]);
    if changes && words.keyword("PUBLICATION") {
        !words.pass_to("WITH") || switch(&mut words, "REFRESH") != Some(false)
    } else if changes {
        switch(&mut words.clone(), "FAILOVER").or(switch(&mut words, "TWO_PHASE")).is_some()
    } else {
        words.keyword("REFRESH")
    }
}

/// What an option list in parentheses, if one is here, says of a boolean option; steps over the list.
fn switch(words: &mut Cursor<'_>, option: &str) -> Option<bool> {
    let mut found = None;
    if !words.symbol(b'(') {
        return found;
    }
    while let Some(token) = words.next() {
        if token.kind == Kind::Symbol(b')') {
            break;
        }
        if token.is(option) {
            words.symbol(b'=');
            let value = words.peek().map_or("", |value| value.text.trim_matches(['\'', '"']));
            // PostgreSQL's own spellings of a boolean option (defGetBoolean).
            found = Some(!["false", "off", "0"].iter().any(|off| value.eq_ignore_ascii_case(off)));
        }
    }
    found
}

fn sqlite_refuses(mut words: Cursor<'_>) -> bool {
    if words.keyword("VACUUM") {
        return true;
    }
    if !words.keyword("PRAGMA") {
        return false;
    }
    let mut schema = words.clone();
    if schema.next().is_some() && schema.symbol(b'.') {
        words = schema;
    }
    // Reading any of them is harmless, but for this one, which works by being read.
    words.keyword("WAL_CHECKPOINT")
        || words.any_keyword(&["JOURNAL_MODE", "SYNCHRONOUS", "TEMP_STORE"])
            && (words.symbol(b'=') || words.symbol(b'('))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine::{MySql, Postgres, Sqlite};

    #[test]
    fn a_script_between_begin_and_commit_is_one_transaction() {
        assert!(is_one_transaction(&["BEGIN", "ALTER TABLE t ADD a INT", "COMMIT;"]));
        assert!(is_one_transaction(&["/* x */ start transaction isolation level serializable", "end work"]));
        for statements in [
            &["BEGIN", "COMMIT", "BEGIN", "COMMIT"][..],
            &["BEGIN", "SELECT 1", "COMMIT AND CHAIN"],
            &["BEGIN", "SELECT 1", "COMMIT PREPARED 'x'"],
            &["BEGIN", "SELECT 1", "ROLLBACK"],
            &["BEGIN", "SELECT 1"],
            &["SELECT 1", "COMMIT"],
            &["COMMIT"],
            &[],
        ] {
            assert!(!is_one_transaction(statements), "{statements:?}");
        }
    }

    #[test]
    fn postgres_refuses_these_in_a_transaction() {
        for statement in [
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "create /* x */ unique -- y\n index concurrently if not exists i on t (a)",
            "DROP INDEX CONCURRENTLY IF EXISTS i",
            "REINDEX TABLE CONCURRENTLY t",
            "REINDEX INDEX CONCURRENTLY i",
            "REINDEX (CONCURRENTLY) TABLE t",
            "REINDEX (VERBOSE, CONCURRENTLY TRUE) INDEX i",
            "REINDEX SCHEMA public",
            "REINDEX (VERBOSE) DATABASE app",
            "REINDEX SYSTEM app",
            "VACUUM",
            "VACUUM (ANALYZE) t",
            "CREATE DATABASE d",
            "DROP DATABASE IF EXISTS d",
            "ALTER DATABASE \"d\" SET TABLESPACE s",
            "CREATE TABLESPACE s LOCATION '/x'",
            "DROP TABLESPACE IF EXISTS s",
            "ALTER SYSTEM SET work_mem = '4MB'",
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=d' PUBLICATION p",
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=d' PUBLICATION p WITH (enabled = false)",
            "DROP SUBSCRIPTION s",
            "ALTER SUBSCRIPTION s SET PUBLICATION p",
            "ALTER SUBSCRIPTION s ADD PUBLICATION p WITH (copy_data = false)",
            "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
            "ALTER SUBSCRIPTION s SET (failover = true)",
            "CLUSTER",
            "CLUSTER VERBOSE;",
            "CLUSTER (VERBOSE)",
            "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
            "ALTER TABLE IF EXISTS ONLY a.\"P\" DETACH PARTITION a.p1 CONCURRENTLY",
            "DISCARD ALL",
            "COMMIT PREPARED 'x'",
            "ROLLBACK PREPARED 'x'",
        ] {
            assert!(runs_outside_transaction(Postgres, statement), "{statement}");
            assert!(!controls_transaction(Postgres, statement), "{statement}");
            assert!(!runs_outside_transaction(MySql, statement), "{statement}");
        }
    }

    #[test]
    fn postgres_runs_these_in_a_transaction() {
        for statement in [
            "CREATE INDEX i ON t (a)",
            "CREATE INDEX \"concurrently\" ON t (a)",
            "DROP INDEX i",
            "REINDEX TABLE t",
            "REINDEX (CONCURRENTLY FALSE) TABLE t",
            "REINDEX (VERBOSE, CONCURRENTLY off) INDEX i",
            "ANALYZE t",
            "ALTER DATABASE d SET work_mem = '4MB'",
            "ALTER DATABASE d OWNER TO u",
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=d' PUBLICATION p WITH (connect = false)",
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=d' PUBLICATION p WITH (copy_data, create_slot = 'off')",
            "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
            "ALTER SUBSCRIPTION s DISABLE",
            "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
            "CLUSTER t USING i",
            "CLUSTER VERBOSE t",
            "ALTER TABLE p DETACH PARTITION p1",
            "ALTER TABLE p DETACH PARTITION p1 FINALIZE",
            "ALTER TYPE e ADD VALUE 'b'",
            "DISCARD PLANS",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
            "CREATE TABLE t (a text DEFAULT 'CREATE INDEX CONCURRENTLY')",
            "DO $$ BEGIN EXECUTE 'VACUUM'; END $$",
            "",
        ] {
            assert!(!runs_outside_transaction(Postgres, statement), "{statement}");
        }
    }

    #[test]
    fn sqlite_refuses_or_ignores_these_in_a_transaction() {
        for (statement, expected) in [
            ("VACUUM", true),
            ("vacuum into 'copy.db'", true),
            ("PRAGMA journal_mode = WAL", true),
            ("PRAGMA main.journal_mode(wal)", true),
            ("PRAGMA /* x */ synchronous=OFF", true),
            ("PRAGMA wal_checkpoint", true),
            ("PRAGMA journal_mode", false),
            ("PRAGMA foreign_keys = OFF", false),
            ("PRAGMA user_version = 1", false),
            ("ATTACH 'x.db' AS x", false),
            ("DETACH x", false),
            ("REINDEX", false),
            ("CREATE TABLE vacuum (a)", false),
        ] {
            assert_eq!(runs_outside_transaction(Sqlite, statement), expected, "{statement}");
        }
    }

    #[test]
    fn transaction_control_is_told_from_savepoints_and_bodies() {
        for (engine, statement, expected) in [
            (Postgres, "BEGIN", true),
            (Postgres, "begin isolation level serializable", true),
            (Postgres, "START /* x */ TRANSACTION READ ONLY", true),
            (Postgres, "COMMIT AND CHAIN", true),
            (Postgres, "END;", true),
            (Postgres, "ABORT", true),
            (Postgres, "ROLLBACK", true),
            (Postgres, "ROLLBACK TO SAVEPOINT s", false),
            (Postgres, "rollback work to s", false),
            (Postgres, "ROLLBACK TRANSACTION TO s", false),
            (Postgres, "PREPARE TRANSACTION 'x'", true),
            (Postgres, "PREPARE p AS SELECT 1", false),
            (Postgres, "SAVEPOINT s", false),
            (Postgres, "RELEASE SAVEPOINT s", false),
            (Postgres, "SET TRANSACTION READ ONLY", false),
            (Postgres, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", false),
            (Postgres, "DO $$ BEGIN COMMIT; END $$", false),
            (Postgres, "-- COMMIT\nSELECT 'COMMIT'", false),
            (MySql, "START TRANSACTION", true),
            (MySql, "START SLAVE", false),
            (MySql, "BEGIN WORK", true),
            (MySql, "BEGIN NOT ATOMIC SELECT 1; END", false),
            (MySql, "/*!40000 COMMIT */", true),
            (MySql, "XA START 'x'", true),
            (MySql, "SET AUTOCOMMIT = 0", true),
            (MySql, "SET @old = @@autocommit, @@session.autocommit=0", true),
            (MySql, "SET @old = @@autocommit", false),
            (MySql, "CREATE PROCEDURE p() BEGIN COMMIT; END", false),
            (MySql, "END", false),
            (Sqlite, "BEGIN IMMEDIATE", true),
            (Sqlite, "END TRANSACTION", true),
            (Sqlite, "ROLLBACK TO s", false),
            (Sqlite, "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END", false),
        ] {
            assert_eq!(controls_transaction(engine, statement), expected, "{engine}: {statement}");
        }
    }
}
