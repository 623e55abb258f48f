//! Reading the words of a statement, whatever comments stand between them.

use super::scan::{Kind, Scanner, Token};
use crate::target::Engine;

/// A place in a statement. Every method that asks for something steps over it if it is there, and only then.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(engine: Engine, sql: &'a str) -> Self {
        Self { scanner: Scanner::new(engine, sql) }
    }

    /// The place a scanner has reached.
    pub(super) fn at(scanner: &Scanner<'a>) -> Self {
        Self { scanner: scanner.clone() }
    }

    /// The next token, without stepping over it.
    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.clone().next()
    }

    /// A keyword.
    pub(super) fn keyword(&mut self, keyword: &str) -> bool {
        self.any_keyword(&[keyword])
    }

    /// One of several keywords.
    pub(super) fn any_keyword(&mut self, keywords: &[&str]) -> bool {
        self.accept(|token| token.is_any(keywords))
    }

    /// Several keywords in a row: all of them or none.
    pub(super) fn phrase(&mut self, keywords: &[&str]) -> bool {
        let mut look = self.clone();
        let found = keywords.iter().all(|keyword| look.keyword(keyword));
        if found {
            *self = look;
        }
        found
    }

    /// A single symbol.
    pub(super) fn symbol(&mut self, symbol: u8) -> bool {
        self.accept(|token| token.kind == Kind::Symbol(symbol))
    }

    /// Steps behind the next occurrence of a keyword outside parentheses.
    pub(super) fn pass_to(&mut self, keyword: &str) -> bool {
        let mut depth = 0_usize;
        for token in self {
            match token.kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => depth = depth.saturating_sub(1),
                _ if depth == 0 && token.is(keyword) => return true,
                _ => {}
            }
        }
        false
    }

    /// The parts of a possibly qualified PostgreSQL name, as the server stores them; empty if there is none.
    pub(super) fn name(&mut self) -> Vec<String> {
        let mut parts = Vec::new();
        let mut look = self.clone();
        while let Some(part) = look.next().and_then(|token| identifier(&token)) {
            parts.push(part);
            *self = look.clone();
            if !look.symbol(b'.') {
                break;
            }
        }
        parts
    }

    fn accept(&mut self, wanted: impl Fn(&Token<'a>) -> bool) -> bool {
        let mut look = self.clone();
        let found = look.next().is_some_and(|token| wanted(&token));
        if found {
            *self = look;
        }
        found
    }
}

impl<'a> Iterator for Cursor<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.scanner.find(|token| !matches!(token.kind, Kind::Space | Kind::Comment | Kind::Mark))
    }
}

/// PostgreSQL's `NAMEDATALEN` less the terminating zero: what is longer, the server cuts.
const NAME_BYTES: usize = 63;

/// An identifier as PostgreSQL stores it: folded unless quoted, and cut.
fn identifier(token: &Token<'_>) -> Option<String> {
    let mut name = match token.kind {
        // Only ASCII is folded in a database whose encoding has more than one byte for a character.
        Kind::Word if !token.text.starts_with(|first: char| first.is_ascii_digit()) => {
            token.text.to_ascii_lowercase()
        }
        Kind::Name => token.text.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""),
        _ => return None,
    };
    name.truncate(name.floor_char_boundary(NAME_BYTES));
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine::{MySql, Postgres};

    #[test]
    fn comments_between_words_do_not_matter() {
        let mut cursor = Cursor::new(Postgres, "CREATE /* x */ -- y\n index Concurrently i");
        assert!(cursor.phrase(&["CREATE", "INDEX", "CONCURRENTLY"]));
        assert_eq!(cursor.name(), ["i"]);
        assert!(Cursor::new(MySql, "/*!50000 CREATE */ # x\n TABLE").phrase(&["CREATE", "TABLE"]));
    }

    #[test]
    fn a_phrase_that_is_not_there_whole_is_not_stepped_over() {
        let mut cursor = Cursor::new(Postgres, "IF NOT there");
        assert!(!cursor.phrase(&["IF", "NOT", "EXISTS"]));
        assert!(cursor.keyword("IF"));
    }

    #[test]
    fn names_are_read_as_postgres_stores_them() {
        let name = |sql: &str| Cursor::new(Postgres, sql).name();
        assert_eq!(name("Foo . \"Bar\"\"s\" (x)"), ["foo", "Bar\"s"]);
        assert_eq!(name("ÄB"), ["Äb"]);
        assert_eq!(name("\"Ünder.score\""), ["Ünder.score"]);
        assert_eq!(name(&"ä".repeat(40)), ["ä".repeat(31)]);
        assert!(name("'x'").is_empty());
        assert!(name("\"\"").is_empty());
    }
}
