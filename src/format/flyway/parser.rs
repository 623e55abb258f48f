//! A file's statements, each of which Flyway sends by itself (`flyway-core/…/internal/parser/Parser.java`).

use super::placeholders::Replaced;
use super::transaction;
use crate::engine::Engine;
use crate::format::Part;
use crate::script::{self, Statements};

/// What the mysql client calls the words behind which it takes another delimiter (`MySQLParser.handleKeyword`).
const DELIMITER: &str = "DELIMITER";

/// The default delimiter (`Delimiter.SEMICOLON`).
const SEMICOLON: &str = ";";

/// What ends the rows of a `COPY`.
const END_OF_ROWS: &str = "\\.";

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The line, from 1.
    pub(super) line: usize,
    /// What stands there.
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: &'static str,
}

/// Cuts a file into what is sent. `source` is the file, `replaced` the same with its placeholders replaced.
pub(super) fn parts(engine: Engine, source: &str, replaced: &Replaced) -> Result<Vec<Part>, Problem> {
    let sql = replaced.text.as_str();
    let mut lines = Lines { source, offset: 0, line: 1 };
    let mut statements = Statements::of(engine, sql);
    let mut delimiter = SEMICOLON.to_owned();
    let mut parts = Vec::new();
    loop {
        let next =
            if delimiter == SEMICOLON { statements.next() } else { statements.delimited_by(&delimiter) };
        let Some(statement) = next else { return Ok(parts) };
        let end = statement.offset + statement.text.len();
        let origin = replaced.origin(statement.offset..end);
        let line = lines.at(origin.start);
        if engine == Engine::MySql && script::first_word_is(statement.text, &[DELIMITER]) {
            let command = statement.text.lines().next().unwrap_or_default();
            // What is behind it on its line belongs to it, whatever the text looks like to a server.
            let rest = sql.get(statement.offset..).unwrap_or_default();
            let command_line = rest.lines().next().unwrap_or(command);
            delimiter = command_line.get(DELIMITER.len()..).unwrap_or_default().trim().to_owned();
            if delimiter.is_empty() {
                let what = "DELIMITER names no delimiter".to_owned();
                return Err(Problem { line, what, hint: "write it on the same line: DELIMITER //" });
            }
            statements.go_on_at(statement.offset + command_line.len());
            continue;
        }
        // An empty statement, which Flyway passes over.
        if statement.text == SEMICOLON {
            continue;
        }
        let mut part = Part { sql: statement.text.to_owned(), line, ..Part::default() };
        let mut sent = statement.offset..end;
        if transaction::copies_rows(engine, statement.text) {
            let (rows, behind) = rows(sql, statements.position()).ok_or_else(|| Problem {
                line,
                what: "the rows of this COPY have no end".into(),
                hint: "end them with a line that holds \\. and nothing else, as pg_dump does",
            })?;
            part.rows = Some(rows.to_owned());
            statements.go_on_at(behind);
            sent.end = behind;
        }
        // What was put into the rows is as little to be told as what was put into the statement.
        if replaced.changes(&sent) {
            part.written = Some(source.get(origin).unwrap_or_default().to_owned());
        }
        parts.push(part);
    }
}

/// The lines from the one behind `offset` to the one that ends the rows, and the offset behind that
/// (`PostgreSQLParser.readCopyData`).
fn rows(sql: &str, offset: usize) -> Option<(&str, usize)> {
    let start = offset + sql.get(offset..)?.find('\n')? + 1;
    let mut at = start;
    for line in sql.get(start..)?.split_inclusive('\n') {
        let behind = at + line.len();
        if line.trim() == END_OF_ROWS {
            return Some((sql.get(start..at)?, behind));
        }
        at = behind;
    }
    None
}

/// Counts lines up to offsets that hardly ever go back.
struct Lines<'a> {
    source: &'a str,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> usize {
        let count = |from, to| self.source.get(from..to).unwrap_or_default().matches('\n').count();
        self.line =
            if offset >= self.offset { self.line + count(self.offset, offset) } else { 1 + count(0, offset) };
        self.offset = offset;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::parts;
    use crate::engine::Engine::{self, MySql, Postgres, Sqlite};
    use crate::environment::Environment;
    use crate::format::Part;
    use crate::format::flyway::placeholders::{Known, Replaced};
    use crate::format::flyway::settings::Settings;

    fn split(engine: Engine, sql: &str) -> Vec<Part> {
        parts(engine, sql, &Replaced::unchanged(sql)).unwrap()
    }

    fn texts(engine: Engine, sql: &str) -> Vec<(String, usize)> {
        split(engine, sql).into_iter().map(|part| (part.sql, part.line)).collect()
    }

    #[test]
    fn every_statement_is_a_part_with_its_line() {
        let sql = "\u{feff}-- first;\nCREATE TABLE t (a INT);\n\n;\nINSERT INTO t VALUES (1); -- last\n";
        for engine in Engine::ALL {
            let expected =
                [("CREATE TABLE t (a INT)".to_owned(), 2), ("INSERT INTO t VALUES (1)".to_owned(), 5)];
            assert_eq!(texts(engine, sql), expected, "{engine}");
        }
        assert!(split(Sqlite, "-- nothing\n").is_empty());
    }

    #[test]
    fn the_delimiter_changes_until_it_changes_again() {
        let sql = "SELECT 1;\ndelimiter $$\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 2;\nEND$$\n\nCALL p()$$\nDELIMITER ;\nSELECT 3;";
        let body = "CREATE PROCEDURE p()\nBEGIN\n  SELECT 2;\nEND";
        let expected = [("SELECT 1", 1), (body, 3), ("CALL p()", 8), ("SELECT 3", 10)];
        assert_eq!(texts(MySql, sql), expected.map(|(text, line)| (text.to_owned(), line)));
        let error = parts(MySql, "\nDELIMITER\n", &Replaced::unchanged("\nDELIMITER\n")).unwrap_err();
        assert_eq!(error.line, 2);
    }

    #[test]
    fn the_rows_of_a_copy_are_no_statements() {
        let sql = "COPY t (a) FROM stdin;\n1\tit's;\n\\N\n\\.\n\nSELECT 1;\n";
        let found = split(Postgres, sql);
        assert_eq!(found[0].sql, "COPY t (a) FROM stdin");
        assert_eq!(found[0].rows.as_deref(), Some("1\tit's;\n\\N\n"));
        assert_eq!((found[1].sql.as_str(), found[1].line, found.len()), ("SELECT 1", 6, 2));
        let endless = "SELECT 1;\nCOPY t FROM STDIN;\n1\n";
        assert_eq!(parts(Postgres, endless, &Replaced::unchanged(endless)).unwrap_err().line, 2);
        assert_eq!(split(Postgres, "COPY t FROM STDIN;\r\n\\.\r\n")[0].rows.as_deref(), Some(""));
    }

    #[test]
    fn what_is_shown_is_what_stands_in_the_file() {
        let source = "SELECT 1;\n${three}\nSELECT '${secret}';\nSELECT ${flyway:user};";
        let variables =
            [("FLYWAY_PLACEHOLDERS_THREE", "SELECT 2;\nSELECT 3;"), ("FLYWAY_PLACEHOLDERS_SECRET", "x;y")];
        let settings = Settings::read(&variables.into_iter().collect::<Environment>()).unwrap();
        let known = Known { filename: "V1__x.sql", timestamp: "", working_directory: "" };
        let replaced = Replaced::by(source, &settings, Postgres, &known).unwrap();
        let found = parts(Postgres, source, &replaced).unwrap();
        let seen: Vec<_> =
            found.iter().map(|part| (part.sql.as_str(), part.written.as_deref(), part.line)).collect();
        assert_eq!(seen[0], ("SELECT 1", None, 1));
        assert_eq!(seen[1], ("SELECT 2", Some("${three}"), 2));
        assert_eq!(seen[2], ("SELECT 3", Some("${three}"), 2));
        assert_eq!(seen[3], ("SELECT 'x;y'", Some("SELECT '${secret}'"), 3));
        assert_eq!((seen[4].1, seen[4].2), (Some("SELECT ${flyway:user}"), 4));
    }
}
