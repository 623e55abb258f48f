//! A script's statements, and the lines they stand on.

use super::body::Body;
use super::cursor::Cursor;
use super::scan::{Kind, Scanner};
use crate::target::Engine;

/// A statement of a script: its text and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// From its first token to its last: no comments around it, no semicolon behind it.
    pub text: &'a str,
    /// The line of its first token, from 1.
    pub line: usize,
    /// The byte offset of `text` in the script.
    pub offset: usize,
}

/// The statements of a script, as the server counts them.
///
/// On PostgreSQL there are as many as the server answers with `CommandComplete` when all succeed. What holds
/// nothing but comments is no statement there, nor on SQLite. MySQL and MariaDB refuse an empty statement where a
/// semicolon ends it: there it counts, with the semicolon as its text, so that the failing one is still the one at
/// the index of those completed. (A comment behind the last semicolon they answer like a statement; it cannot fail.)
pub fn statements(engine: Engine, sql: &str) -> Vec<Statement<'_>> {
    Statements::of(engine, sql).collect()
}

/// The statements of a script one after the other, for tools that read their files themselves: what stands between two
/// statements may not be SQL.
pub struct Statements<'a> {
    engine: Engine,
    sql: &'a str,
    scanner: Scanner<'a>,
    lines: Lines<'a>,
}

impl<'a> Statements<'a> {
    /// The statements of a script from its beginning.
    pub fn of(engine: Engine, sql: &'a str) -> Self {
        Self { engine, sql, scanner: Scanner::new(engine, sql), lines: Lines { sql, offset: 0, line: 1 } }
    }

    /// The byte offset of what has not been read yet: just behind the last statement's semicolon.
    pub fn position(&self) -> usize {
        self.scanner.position()
    }

    /// Goes on at this byte offset, at which nothing may be open.
    pub fn go_on_at(&mut self, offset: usize) {
        self.scanner.go_on_at(offset);
    }

    /// The next statement where another text than a semicolon ends it: what the mysql client calls its delimiter.
    pub fn delimited_by(&mut self, delimiter: &str) -> Option<Statement<'a>> {
        let mut bounds: Option<(usize, usize)> = None;
        while let Some(token) = self.scanner.next() {
            let ends = match token.kind {
                Kind::Space | Kind::Literal | Kind::Name => None,
                // It may be glued to a word, as in `END$$`, and it may be what else begins a comment.
                _ => token.text.char_indices().map(|(at, _)| token.start + at).find(|at| {
                    (token.kind == Kind::Word || *at == token.start)
                        && self.sql.get(*at..).is_some_and(|rest| rest.starts_with(delimiter))
                }),
            };
            if let Some(end) = ends {
                self.scanner.go_on_at(end + delimiter.len());
                let start = bounds.map_or(token.start, |(start, _)| start).min(end);
                let last = if end > token.start { end } else { bounds.map_or(start, |(_, last)| last) };
                if last > start {
                    return Some(self.lines.statement(start, last));
                }
                bounds = None;
            } else if !matches!(token.kind, Kind::Space | Kind::Comment) {
                bounds = Some((bounds.map_or(token.start, |(start, _)| start), token.end()));
            }
        }
        bounds.map(|(start, end)| self.lines.statement(start, end))
    }
}

impl<'a> Iterator for Statements<'a> {
    type Item = Statement<'a>;

    fn next(&mut self) -> Option<Statement<'a>> {
        let mut current: Option<Open<'a>> = None;
        while let Some(token) = self.scanner.next() {
            if matches!(token.kind, Kind::Space | Kind::Comment) {
                continue;
            }
            let ends = token.kind == Kind::Symbol(b';')
                && current.as_ref().is_none_or(|open| open.body.is_complete());
            if !ends {
                let rest = || self.sql.get(token.start..).unwrap_or_default();
                let open = current.get_or_insert_with(|| Open {
                    start: token.start,
                    end: 0,
                    body: Body::of(self.engine, Cursor::new(self.engine, rest())),
                });
                open.end = token.end();
                if token.kind != Kind::Mark {
                    open.body.take(token, &self.scanner);
                }
                continue;
            }
            match current.take() {
                Some(open) => return Some(self.lines.statement(open.start, open.end)),
                None if self.engine == Engine::MySql => {
                    return Some(self.lines.statement(token.start, token.end()));
                }
                None => {}
            }
        }
        current.map(|open| self.lines.statement(open.start, open.end))
    }
}

/// The statement being read.
struct Open<'a> {
    start: usize,
    /// Where the last token so far ends.
    end: usize,
    body: Body<'a>,
}

/// Counts lines up to offsets that only grow, so that a script is counted through once.
struct Lines<'a> {
    sql: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn statement(&mut self, start: usize, end: usize) -> Statement<'a> {
        self.line += self.sql.get(self.offset..start).unwrap_or_default().matches('\n').count();
        self.offset = start;
        Statement { text: self.sql.get(start..end).unwrap_or_default(), line: self.line, offset: start }
    }
}

/// The line, from 1, of the character at an offset counted in characters from 0, as servers report positions.
pub fn line_at(sql: &str, character_offset: usize) -> usize {
    1 + sql.chars().take(character_offset).filter(|character| *character == '\n').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::Engine::{MySql, Postgres, Sqlite};
    use crate::script::corpus;

    fn texts(engine: Engine, sql: &str) -> Vec<&str> {
        statements(engine, sql).iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn every_statement_of_the_corpus_is_one() {
        for engine in Engine::ALL {
            for statement in corpus::statements(engine) {
                assert_eq!(texts(engine, statement), [*statement], "{engine}");
            }
        }
    }

    #[test]
    fn the_whole_corpus_splits_into_its_statements() {
        for engine in Engine::ALL {
            let script = corpus::statements(engine).join(";\n");
            assert_eq!(texts(engine, &script), corpus::statements(engine), "{engine}");
        }
    }

    #[test]
    fn comments_and_semicolons_around_a_statement_are_not_its_text() {
        let sql =
            "\u{feff}-- a;\r\n/* b; */\r\n  SELECT 1 /* in */ + 1 /* c */ ; -- d\r\n\r\nSELECT 2 -- e\n";
        let found = statements(Postgres, sql);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].text, found[0].line), ("SELECT 1 /* in */ + 1", 3));
        assert_eq!((found[1].text, found[1].line), ("SELECT 2", 5));
        for statement in found {
            assert!(sql.split_at(statement.offset).1.starts_with(statement.text));
        }
    }

    #[test]
    fn another_delimiter_may_be_glued_to_a_word_and_hides_in_quotes_and_comments() {
        let of = |delimiter: &str, sql: &'static str| {
            let mut script = Statements::of(MySql, sql);
            std::iter::from_fn(|| script.delimited_by(delimiter)).collect::<Vec<_>>()
        };
        let sql = "\nBEGIN SELECT '$$'; /* $$ */ END$$\n-- $$\n$$ CALL p() -- c\n$$\nSELECT 1";
        let found = of("$$", sql);
        let seen: Vec<_> = found.iter().map(|statement| (statement.text, statement.line)).collect();
        let body = "BEGIN SELECT '$$'; /* $$ */ END";
        assert_eq!(seen, [(body, 2), ("CALL p()", 4), ("SELECT 1", 6)]);
        assert_eq!(of("//", "a; b\n//\n//c//").iter().map(|one| one.text).collect::<Vec<_>>(), ["a; b", "c"]);
        assert_eq!(of("#", "a; b\n#\nc").iter().map(|one| one.text).collect::<Vec<_>>(), ["a; b", "c"]);
    }

    #[test]
    fn a_script_can_be_read_on_behind_what_is_no_sql() {
        let sql = "COPY t FROM STDIN;\n1\tit's; not\n\\.\nSELECT 2;";
        let mut script = Statements::of(Postgres, sql);
        assert_eq!(script.next().unwrap().text, "COPY t FROM STDIN");
        assert_eq!(script.position(), "COPY t FROM STDIN;".len());
        script.go_on_at(sql.find("\\.").unwrap() + 2);
        let last = script.next().unwrap();
        assert_eq!((last.text, last.line), ("SELECT 2", 4));
        assert!(script.next().is_none());
    }

    #[test]
    fn empty_statements_count_only_where_the_server_refuses_them() {
        let sql = ";SELECT 1;; /* c */ ;\nSELECT 2; -- end\n";
        assert_eq!(texts(Postgres, sql), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts(Sqlite, sql), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts(MySql, sql), [";", "SELECT 1", ";", ";", "SELECT 2"]);
        for engine in Engine::ALL {
            assert!(statements(engine, "").is_empty());
            assert!(statements(engine, " -- x\n/* y */\n").is_empty());
        }
    }

    #[test]
    fn executable_comments_belong_to_the_statement() {
        assert_eq!(
            texts(MySql, "-- x\n/*!40101 SET a=1 */; /* y */ SELECT 1 /*! + 1 */ ;"),
            ["/*!40101 SET a=1 */", "SELECT 1 /*! + 1 */"]
        );
    }

    #[test]
    fn what_is_never_closed_is_the_last_statement() {
        for engine in Engine::ALL {
            assert_eq!(texts(engine, "SELECT 1; SELECT 'a; b"), ["SELECT 1", "SELECT 'a; b"]);
            assert_eq!(texts(engine, "SELECT 1; SELECT 2 /* a; b"), ["SELECT 1", "SELECT 2"]);
        }
        assert_eq!(texts(Postgres, "SELECT 1; DO $x$ a; b"), ["SELECT 1", "DO $x$ a; b"]);
        assert_eq!(texts(Postgres, "SELECT (1; SELECT 2"), ["SELECT (1; SELECT 2"]);
        assert_eq!(texts(MySql, "SELECT (1; SELECT 2"), ["SELECT (1", "SELECT 2"]);
        assert_eq!(texts(Sqlite, "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2").len(), 1);
    }

    #[test]
    fn a_trigger_without_a_body_takes_nothing_of_what_follows() {
        assert_eq!(texts(Sqlite, "CREATE TRIGGER g AFTER INSERT ON t; SELECT 1").len(), 2);
        assert_eq!(
            texts(Postgres, "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f(); BEGIN; SELECT 1; END")
                .len(),
            4
        );
        assert_eq!(texts(MySql, "CREATE TABLE p (begin INT); BEGIN; SELECT 1; COMMIT").len(), 4);
    }

    #[test]
    fn positions_count_characters_and_lines_count_line_feeds() {
        let sql = "é\r\n€x\ny";
        assert_eq!(line_at(sql, 0), 1);
        assert_eq!(line_at(sql, 2), 1);
        assert_eq!(line_at(sql, 3), 2);
        assert_eq!(line_at(sql, 5), 2);
        assert_eq!(line_at(sql, 6), 3);
        assert_eq!(line_at(sql, 99), 3);
        assert_eq!(line_at("", 0), 1);
    }

    #[test]
    fn no_text_takes_more_than_linear_time() {
        let ordinary = "INSERT INTO t (a, b) VALUES (1, 'it''s', 3.14);\n";
        for engine in Engine::ALL {
            for start in ["", "CREATE PROCEDURE p() BEGIN ", "CREATE TRIGGER g BEGIN ", "COPY "] {
                for piece in [
                    ordinary, "'", "/*", "a", "(", ";", "$a", "$a$", "IF(", "CASE ", "END ", "'a'\n",
                    "'a' /*",
                ] {
                    let sql = start.to_owned() + &piece.repeat(60_000 / piece.len());
                    let started = std::time::Instant::now();
                    let found = statements(engine, &sql).len();
                    assert_eq!(crate::script::refusal(engine, &sql), None);
                    // It takes some milliseconds; quadratic time would take minutes.
                    assert!(started.elapsed().as_secs() < 5, "{engine} {start}{piece}: {found} statements");
                }
            }
        }
    }

    fn known(engine: Engine) -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(corpus::statements(engine)), 0..8)
    }

    const SEPARATORS: [&str; 5] = [";", " ;\n", ";\r\n-- c; '\r\n", "/* ; */;\n\n/* \" */", "\n;\t"];

    proptest! {
        #[test]
        fn known_statements_joined_are_found_again(
            (engine, known) in prop::sample::select(&Engine::ALL).prop_flat_map(|engine| (Just(engine), known(engine))),
            separators in prop::collection::vec(prop::sample::select(&SEPARATORS), 8),
        ) {
            let mut script = String::new();
            let mut lines = Vec::new();
            for (statement, separator) in known.iter().zip(separators) {
                let line_of_next = script.matches('\n').count() + 1;
                lines.push(line_of_next);
                script += statement;
                script += separator;
            }
            let found = statements(engine, &script);
            prop_assert_eq!(found.iter().map(|statement| statement.text).collect::<Vec<_>>(), known);
            prop_assert_eq!(found.iter().map(|statement| statement.line).collect::<Vec<_>>(), lines);
        }

        #[test]
        fn between_statements_there_is_nothing_but_space_comments_and_semicolons(
            sql in crate::script::corpus::hostile()
        ) {
            for engine in Engine::ALL {
                let mut rest = sql.as_str();
                for statement in statements(engine, &sql) {
                    let before = sql.split_at(statement.offset).0;
                    prop_assert_eq!(statement.line, 1 + before.matches('\n').count());
                    let (gap, found) = rest.split_at(statement.offset - (sql.len() - rest.len()));
                    prop_assert!(texts(engine, gap).iter().all(|text| *text == ";"));
                    let behind = found.strip_prefix(statement.text);
                    prop_assert!(behind.is_some());
                    rest = behind.unwrap();
                }
                prop_assert!(texts(engine, rest).iter().all(|text| *text == ";"));
            }
        }

        #[test]
        fn nothing_panics_on_any_text(sql in crate::script::corpus::hostile()) {
            for engine in Engine::ALL {
                for statement in statements(engine, &sql) {
                    let _ = crate::script::runs_outside_transaction(engine, statement.text);
                    let _ = crate::script::controls_transaction(engine, statement.text);
                    let _ = crate::script::concurrent_index(statement.text);
                }
                if let Some(refusal) = crate::script::refusal(engine, &sql) {
                    prop_assert!(refusal.line <= 1 + sql.matches('\n').count());
                }
            }
        }
    }
}
