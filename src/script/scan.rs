//! SQL text cut into tokens that lose nothing: laid end to end they are the text again.

use crate::target::Engine;

/// What a token is, as far as anything here needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whitespace, and a byte order mark where it counts as such.
    Space,
    /// A comment that no server executes.
    Comment,
    /// The brackets of an executable comment, `/*!50003` and `*/`.
    Mark,
    /// A keyword, an unquoted identifier or a number.
    Word,
    /// A quoted identifier.
    Name,
    /// A string literal, dollar-quoted ones included.
    Literal,
    /// Any other single byte.
    Symbol(u8),
}

/// A token and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// Its bytes, quotes included.
    pub(super) text: &'a str,
    /// The offset of its first byte.
    pub(super) start: usize,
}

impl Token<'_> {
    /// The offset just behind it.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is one of these keywords.
    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        self.kind == Kind::Word && keywords.iter().any(|keyword| self.text.eq_ignore_ascii_case(keyword))
    }
}

/// The tokens of a text, in one pass.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    engine: Engine,
    sql: &'a str,
    at: usize,
    /// Whether an executable comment is open, so that `*/` closes it.
    executable: bool,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl<'a> Scanner<'a> {
    pub(super) fn new(engine: Engine, sql: &'a str) -> Self {
        Self { engine, sql, at: 0, executable: false }
    }

    /// The offset of the next token.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes on somewhere else, where nothing is open.
    pub(super) fn go_on_at(&mut self, offset: usize) {
        self.at = offset;
        self.executable = false;
    }

    fn rest(&self) -> &'a [u8] {
        self.sql.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn ahead(&self, distance: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.at + distance).copied()
    }

    /// Steps over bytes as long as they satisfy the condition.
    fn pass(&mut self, condition: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.at += rest.iter().position(|byte| !condition(*byte)).unwrap_or(rest.len());
    }

    /// Steps behind the next occurrence of a text, or to the end.
    fn pass_to_end_of(&mut self, needle: &str) {
        self.at = match self.sql.get(self.at..).and_then(|rest| rest.find(needle)) {
            Some(found) => self.at + found + needle.len(),
            None => self.sql.len(),
        };
    }

    /// Steps over the token that starts here with this byte and says what it was.
    fn token(&mut self, first: u8) -> Kind {
        let (mysql, postgres) = (self.engine == Engine::MySql, self.engine == Engine::Postgres);
        match (first, self.ahead(1)) {
            (byte, _) if is_space(byte) => {
                self.pass(is_space);
                Kind::Space
            }
            (b'-', Some(b'-')) if !mysql || self.ahead(2).is_none_or(|byte| byte <= b' ' || byte == 0x7f) => {
                self.line_comment()
            }
            (b'#', _) if mysql => self.line_comment(),
            (b'/', Some(b'*')) => self.block_comment(),
            (b'*', Some(b'/')) if self.executable => {
                self.at += 2;
                self.executable = false;
                Kind::Mark
            }
            (b'\'', _) => self.literal(mysql),
            (b'e' | b'E', Some(b'\'')) if postgres => {
                self.at += 1;
                self.literal(true)
            }
            (b'"', _) if mysql => self.literal(true),
            (b'"', _) => self.name(b'"'),
            (b'`', _) if !postgres => self.name(b'`'),
            (b'[', _) if self.engine == Engine::Sqlite => {
                self.pass_to_end_of("]");
                Kind::Name
            }
            (b'$', _) if postgres => self.dollar(),
            (0xef, _)
                if self.rest().starts_with(BYTE_ORDER_MARK)
                    && (self.at == 0 || self.engine == Engine::Sqlite) =>
            {
                self.at += BYTE_ORDER_MARK.len();
                Kind::Space
            }
            (byte, _) if is_word(byte) && byte != b'$' || byte == b'$' && mysql => {
                self.pass(is_word);
                Kind::Word
            }
            _ => {
                self.at += 1;
                Kind::Symbol(first)
            }
        }
    }

    fn line_comment(&mut self) -> Kind {
        // PostgreSQL alone ends it at a carriage return too.
        let postgres = self.engine == Engine::Postgres;
        self.pass(|byte| byte != b'\n' && !(postgres && byte == b'\r'));
        Kind::Comment
    }

    fn block_comment(&mut self) -> Kind {
        let opening = if self.engine == Engine::MySql { self.executable_opening() } else { None };
        if let Some((length, true)) = opening {
            self.at += length;
            self.executable = true;
            return Kind::Mark;
        }
        self.at += 2;
        // MySQL does not nest comments, but skips what it does not execute to the end that matches.
        if self.engine == Engine::Postgres || opening.is_some() {
            self.nested_comment();
        } else {
            self.pass_to_end_of("*/");
        }
        Kind::Comment
    }

    /// Steps to the end of a comment whose opening is behind us and in which others may nest.
    fn nested_comment(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 {
            self.pass(|byte| byte != b'*' && byte != b'/');
            match (self.ahead(0), self.ahead(1)) {
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return,
            }
        }
    }

    /// The length of `/*!`, `/*!50003` or MariaDB's `/*M!100100`, and whether any server executes what follows.
    fn executable_opening(&self) -> Option<(usize, bool)> {
        let rest = self.rest();
        let opening = [&b"/*!"[..], b"/*M!"].into_iter().find(|mark| rest.starts_with(mark))?.len();
        // Five or six digits, as both servers read them.
        let digits = rest.iter().skip(opening).take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let version = rest.get(opening..opening + digits).unwrap_or_default();
        // 99999 and 999999 are the versions that never come: mariadb-dump hides a client command behind one.
        let never = digits >= 5 && version.starts_with(b"99");
        Some((opening + digits, !never))
    }

    /// A quoted text in which a doubled quote stands for one.
    fn quoted(&mut self, quote: u8, backslashes: bool) {
        self.at += 1;
        loop {
            self.pass(|byte| byte != quote && !(backslashes && byte == b'\\'));
            match (self.ahead(0), self.ahead(1)) {
                (None, _) => return,
                // Behind a backslash may stand half a character; its other half is neither quote nor backslash.
                (Some(b'\\'), next) if backslashes => self.at += 1 + usize::from(next.is_some()),
                (_, Some(next)) if next == quote => self.at += 2,
                _ => {
                    self.at += 1;
                    return;
                }
            }
        }
    }

    fn name(&mut self, quote: u8) -> Kind {
        self.quoted(quote, false);
        Kind::Name
    }

    fn literal(&mut self, backslashes: bool) -> Kind {
        let quote = self.ahead(0).unwrap_or(b'\'');
        self.quoted(quote, backslashes);
        // In PostgreSQL a literal goes on after a line break, under the rules it began with.
        while self.engine == Engine::Postgres
            && let Some(continuation) = self.continuation()
        {
            self.at = continuation;
            self.quoted(quote, backslashes);
        }
        Kind::Literal
    }

    /// Where the literal that ends here goes on.
    fn continuation(&self) -> Option<usize> {
        let mut look = self.clone();
        let mut line_break = false;
        loop {
            match look.ahead(0)? {
                b'\'' => return line_break.then_some(look.at),
                b'-' if look.ahead(1) == Some(b'-') => {
                    look.line_comment();
                }
                byte if is_space(byte) => {
                    line_break |= byte == b'\n' || byte == b'\r';
                    look.at += 1;
                }
                _ => return None,
            }
        }
    }

    /// `$tag$ … $tag$`, or the `$` of a parameter.
    fn dollar(&mut self) -> Kind {
        let start = self.at;
        self.at += 1;
        let mut look = self.clone();
        if look.ahead(0).is_some_and(|byte| is_word(byte) && byte != b'$' && !byte.is_ascii_digit()) {
            look.pass(|byte| is_word(byte) && byte != b'$');
        }
        if look.ahead(0) != Some(b'$') {
            return Kind::Symbol(b'$');
        }
        self.at = look.at + 1;
        let delimiter = self.sql.get(start..self.at).unwrap_or_default();
        self.pass_to_end_of(delimiter);
        Kind::Literal
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let first = self.ahead(0)?;
        let kind = self.token(first);
        let text = self.sql.get(start..self.at).unwrap_or_default();
        Some(Token { kind, text, start })
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Whether a byte may stand inside an unquoted identifier or a number. Every byte of a non-ASCII character may.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests;
