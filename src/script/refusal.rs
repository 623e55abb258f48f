//! What no server can run, because it was written for a command-line client.

use super::cursor::Cursor;
use super::scan::{Kind, Token};
use super::statements::{Statement, statements};
use crate::target::Engine;

/// Why a script is not sent, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line, from 1.
    pub line: usize,
    /// What stands there and why it cannot run.
    pub what: String,
    /// What to do now.
    pub hint: String,
}

/// The first thing in a script that only a client program could carry out, or `None`.
///
/// Strings, comments and quoted bodies are looked through, not into. psql's variables (`:name`) cannot be told from SQL.
pub fn refusal(engine: Engine, sql: &str) -> Option<Refusal> {
    statements(engine, sql).iter().find_map(|statement| {
        let words = Cursor::new(engine, statement.text);
        match engine {
            Engine::Postgres => {
                copy(statement, words.clone()).or_else(|| backslash(engine, statement, words))
            }
            Engine::MySql => client_command(statement, words.clone())
                .or_else(|| local_file(statement, words.clone()))
                .or_else(|| backslash(engine, statement, words)),
            Engine::Sqlite => dot_command(statement, words),
        }
    })
}

fn refused(line: usize, what: impl Into<String>, hint: &str) -> Refusal {
    Refusal { line, what: what.into(), hint: hint.to_owned() }
}

/// `COPY table FROM STDIN` and `COPY … TO STDOUT`. PostgreSQL takes either word for either direction.
fn copy(statement: &Statement<'_>, mut words: Cursor<'_>) -> Option<Refusal> {
    const STANDARD: [&str; 2] = ["STDIN", "STDOUT"];
    if !words.keyword("COPY") {
        return None;
    }
    let mut to = words.clone();
    if words.pass_to("FROM") && words.any_keyword(&STANDARD) {
        Some(refused(
            statement.line,
            "COPY … FROM STDIN waits for rows from a client such as psql, and a migration sends none",
            "write the rows as INSERT statements (pg_dump --inserts writes them so)",
        ))
    } else if to.pass_to("TO") && to.any_keyword(&STANDARD) {
        Some(refused(
            statement.line,
            "COPY … TO STDOUT sends rows to a client such as psql, and a migration takes none",
            "remove it, or copy into a table or a file on the server",
        ))
    } else {
        None
    }
}

/// A backslash outside of quotes: it means nothing in SQL, but for MariaDB's `\N`.
fn backslash(engine: Engine, statement: &Statement<'_>, mut words: Cursor<'_>) -> Option<Refusal> {
    // Nearly all scripts end here, without a second look at their tokens.
    if !statement.text.contains('\\') {
        return None;
    }
    while let Some(token) = words.find(|token| token.kind == Kind::Symbol(b'\\')) {
        let command =
            words.peek().filter(|next| next.start == token.end()).map_or("", |next| command_word(&next));
        if engine == Engine::MySql && command == "N" {
            continue;
        }
        let before = statement.text.get(..token.start).unwrap_or_default();
        let line = statement.line + before.matches('\n').count();
        let client = if engine == Engine::MySql { "the mysql client" } else { "psql" };
        let what = format!("\\{command} is a command of {client}, which the server does not know");
        let hint = if engine == Engine::MySql { mysql_hint(command) } else { psql_hint(command) };
        return Some(refused(line, what, hint));
    }
    None
}

/// The command's name alone: what stands behind it may be anything, a password too.
fn command_word<'a>(token: &Token<'a>) -> &'a str {
    match token.kind {
        Kind::Word | Kind::Symbol(b'.' | b'!' | b'?' | b';' | b'-') => token.text,
        _ => "",
    }
}

fn psql_hint(command: &str) -> &'static str {
    match command {
        "restrict" | "unrestrict" => "pg_dump writes this line for psql alone: delete it",
        "i" | "ir" | "include" | "include_relative" => {
            "put the text of the included file in its place, or make that file a migration of its own"
        }
        "c" | "connect" => "delete it: a migration runs in the database it was started for",
        "copy" | "." => "write the rows as INSERT statements (pg_dump --inserts writes them so)",
        "g" | "gx" | "gset" | "gexec" | "gdesc" | ";" => "end the statement with a semicolon instead",
        _ => "delete it: a script goes to the server as it is, not through psql",
    }
}

fn mysql_hint(command: &str) -> &'static str {
    match command {
        "g" | "G" => "end the statement with a semicolon instead",
        "." => "put the text of the included file in its place, or make that file a migration of its own",
        _ => "delete it: a script goes to the server as it is, not through the mysql client",
    }
}

/// A command of the mysql client that is written as a word and that no statement begins with.
fn client_command(statement: &Statement<'_>, mut words: Cursor<'_>) -> Option<Refusal> {
    /// `help` in the mysql client, without those that are SQL statements too.
    const COMMANDS: [&str; 18] = [
        "CONNECT",
        "DELIMITER",
        "EDIT",
        "EGO",
        "EXIT",
        "GO",
        "NOPAGER",
        "NOTEE",
        "NOWARNING",
        "PAGER",
        "PRINT",
        "PROMPT",
        "QUIT",
        "REHASH",
        "SOURCE",
        "STATUS",
        "SYSTEM",
        "TEE",
    ];
    let command = words.next().filter(|first| first.is_any(&COMMANDS))?;
    if words.symbol(b':') {
        // The label of one of MariaDB's compound statements.
        return None;
    }
    let name = command.text.to_ascii_uppercase();
    let hint = match name.as_str() {
        "DELIMITER" => {
            "delete the DELIMITER lines and end each program with END; – the server knows where it ends"
        }
        "SOURCE" => {
            "put the text of the included file in its place, or make that file a migration of its own"
        }
        "CONNECT" => "delete it: a migration runs in the database it was started for",
        "GO" | "EGO" => "end the statement with a semicolon instead",
        _ => "delete it: a script goes to the server as it is, not through the mysql client",
    };
    Some(refused(
        statement.line,
        format!("{name} is a command of the mysql client, which the server does not know"),
        hint,
    ))
}

/// `LOAD DATA LOCAL INFILE`: the server asks the client for the file.
fn local_file(statement: &Statement<'_>, mut words: Cursor<'_>) -> Option<Refusal> {
    if !(words.keyword("LOAD") && words.any_keyword(&["DATA", "XML"])) {
        return None;
    }
    words.any_keyword(&["LOW_PRIORITY", "CONCURRENT"]);
    if !words.keyword("LOCAL") {
        return None;
    }
    Some(refused(
        statement.line,
        "LOAD … LOCAL INFILE makes the server ask its client for a file, and castoff hands none out",
        "write the rows as INSERT statements, or load a file on the server without LOCAL",
    ))
}

/// A command of the sqlite3 shell, such as `.read`: no statement begins with a dot.
fn dot_command(statement: &Statement<'_>, mut words: Cursor<'_>) -> Option<Refusal> {
    if !words.symbol(b'.') {
        return None;
    }
    let command =
        words.next().filter(|next| next.kind == Kind::Word && next.start == 1).map_or("", |next| next.text);
    let hint = match command {
        "read" => "put the text of the included file in its place, or make that file a migration of its own",
        "import" => "write the rows as INSERT statements",
        "open" => "delete it: a migration runs in the database it was started for",
        _ => "delete it: a script goes to SQLite as it is, not through the sqlite3 shell",
    };
    Some(refused(
        statement.line,
        format!(".{command} is a command of the sqlite3 shell, which SQLite does not know"),
        hint,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine::{MySql, Postgres, Sqlite};

    fn found(engine: Engine, sql: &str) -> Option<(usize, String)> {
        refusal(engine, sql).map(|refusal| {
            assert!(!refusal.hint.is_empty());
            (refusal.line, refusal.what.split(' ').next().unwrap_or_default().to_owned())
        })
    }

    #[track_caller]
    fn refuses(engine: Engine, sql: &str, line: usize, first_word: &str) {
        assert_eq!(found(engine, sql), Some((line, first_word.to_owned())), "{engine}: {sql}");
    }

    #[test]
    fn copy_through_the_client_is_refused_with_its_line() {
        refuses(Postgres, "SELECT 1;\n-- c\nCOPY t (a, b) FROM stdin;\n1\tit's\n\\.\n", 3, "COPY");
        refuses(Postgres, "copy public.t from STDIN with (format csv, header true)", 1, "COPY");
        refuses(Postgres, "COPY /* FROM */ \"from\" FROM/**/STDIN CSV", 1, "COPY");
        refuses(Postgres, "COPY t FROM STDOUT", 1, "COPY");
        refuses(Postgres, "COPY (SELECT a FROM t) TO STDOUT", 1, "COPY");
        assert!(refusal(Postgres, "COPY t TO STDOUT").unwrap().what.contains("TO STDOUT"));
    }

    #[test]
    fn copy_on_the_server_is_left_alone() {
        for sql in [
            "COPY t FROM '/srv/data.csv' CSV",
            "COPY t FROM PROGRAM 'cat stdin'",
            "COPY (SELECT 1 FROM stdin) TO '/srv/out'",
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'COPY t FROM STDIN'; END $$",
            "-- COPY t FROM STDIN;\nSELECT 'COPY t FROM STDIN;\\.'",
        ] {
            assert_eq!(refusal(Postgres, sql), None, "{sql}");
        }
    }

    #[test]
    fn psql_commands_are_refused_wherever_they_stand() {
        refuses(Postgres, "--\n-- dump\n--\n\n\\restrict 3aBc\n\nSET x = 1;", 5, "\\restrict");
        refuses(Postgres, "\\connect app", 1, "\\connect");
        refuses(Postgres, "SELECT 1;\n  \\i other.sql\n", 2, "\\i");
        refuses(Postgres, "SELECT 1;\n\\.\n", 2, "\\.");
        refuses(Postgres, "SELECT 'CREATE DATABASE x'\n\\gexec\n", 2, "\\gexec");
        refuses(Postgres, "\\! rm x", 1, "\\!");
        refuses(Postgres, "\\", 1, "\\");
    }

    #[test]
    fn backslashes_and_dots_inside_quotes_and_comments_are_no_refusal() {
        for sql in [
            "SELECT '\\connect', E'\\n', \"\\i\"; -- \\i x\n/* \\.\n\\restrict */ SELECT $$\n\\i\n$$, $b$\\$b$;",
            "INSERT INTO t VALUES ('a\n\\.\n')",
        ] {
            assert_eq!(refusal(Postgres, sql), None, "{sql}");
        }
        assert_eq!(refusal(MySql, "SELECT '\\'\\G', \"\\.\", \\N, `\\g` -- \\q\n; # \\u\n"), None);
        assert_eq!(refusal(Sqlite, "SELECT '\n.read x\n', t.a, .5; /*\n.mode\n*/ -- .x\n"), None);
    }

    #[test]
    fn commands_of_the_mysql_client_are_refused() {
        refuses(
            MySql,
            "SELECT 1;\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END //\ndelimiter ;\n",
            2,
            "DELIMITER",
        );
        refuses(MySql, "source other.sql", 1, "SOURCE");
        refuses(MySql, "\\. other.sql", 1, "\\.");
        refuses(MySql, "SELECT 1\\G", 1, "\\G");
        refuses(MySql, "SELECT 1;\nLOAD DATA LOCAL INFILE 'x' INTO TABLE t", 2, "LOAD");
        refuses(MySql, "load xml concurrent local infile 'x' into table t", 1, "LOAD");
    }

    #[test]
    fn what_the_mysql_server_runs_is_left_alone() {
        for sql in [
            "LOAD DATA INFILE '/srv/x' INTO TABLE t",
            "USE app; HELP 'x'",
            "/*!999999\\- enable the sandbox mode */\nSELECT 1",
            "exit: BEGIN NOT ATOMIC SELECT 1; END",
            "CREATE TABLE source (delimiter INT)",
        ] {
            assert_eq!(refusal(MySql, sql), None, "{sql}");
        }
    }

    #[test]
    fn commands_of_the_sqlite3_shell_are_refused() {
        refuses(Sqlite, ".mode csv\nSELECT 1;", 1, ".mode");
        refuses(Sqlite, "SELECT 1;\n-- c\n.read other.sql\n", 3, ".read");
    }

    #[test]
    fn nothing_behind_a_command_is_repeated() {
        let refusal = refusal(Postgres, "\\connect postgres://u:hunter2@h/d").unwrap();
        assert!(!format!("{refusal:?}").contains("hunter2"));
    }
}
