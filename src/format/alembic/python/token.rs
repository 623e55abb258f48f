//! Python source cut into tokens: what separates statements and what a literal says.

use super::Unreadable;
use super::literal;

/// How deep expressions may nest inside f-strings before the file counts as unreadable.
const DEEPEST: usize = 16;

/// Operators of more than one character, longest first: those in which an equals sign or a colon means something else.
const OPERATORS: [&str; 20] = [
    "**=", "//=", ">>=", "<<=", "...", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=", "%=",
    "&=", "|=", "^=", "@=",
];

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword or (part of) a number.
    Word,
    /// The name behind a dot.
    Attribute,
    /// A string literal and what it stands for.
    Text(String),
    /// A literal that stands for something else than a string, or for one that only an interpreter knows.
    Other,
    /// An operator, a bracket or another mark.
    Symbol,
    /// The end of a logical line.
    Newline,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// From 1.
    pub(super) line: usize,
    /// How many brackets are open around it.
    pub(super) depth: usize,
    /// How far the logical line it stands in is indented.
    pub(super) indent: usize,
}

impl Token<'_> {
    /// Whether it is this word, bare.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// Whether it is this operator or bracket.
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}

/// Cuts a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Unreadable> {
    let mut lexer = Lexer { text, at: 0, line: 1, tokens: Vec::new(), open: Vec::new(), indent: 0 };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
    /// The closing brackets that are awaited.
    open: Vec<u8>,
    indent: usize,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), Unreadable> {
        self.measure_indent();
        while let Some(byte) = self.peek(0) {
            let (start, line) = (self.at, self.line);
            match byte {
                b' ' | b'\t' | 0x0c => self.at += 1,
                b'#' => self.pass(|byte| byte != b'\n'),
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if self.open.is_empty() {
                        self.end_line();
                        self.measure_indent();
                    }
                }
                b'\\' if self.peek(1) == Some(b'\n') => {
                    self.at += 2;
                    self.line += 1;
                }
                b'\'' | b'"' => {
                    let kind = self.string("", 0)?;
                    self.push(kind, start, line);
                }
                _ if is_word(byte) => {
                    self.pass(is_word);
                    let kind = match self.prefix(start) {
                        Some(prefix) => self.string(prefix, 0)?,
                        None if self.is_attribute(start) => Kind::Attribute,
                        None => Kind::Word,
                    };
                    self.push(kind, start, line);
                }
                _ => self.symbol(byte)?,
            }
        }
        if !self.open.is_empty() {
            return Err(Unreadable::new(self.line, "a bracket is not closed"));
        }
        self.end_line();
        Ok(())
    }

    fn peek(&self, distance: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + distance).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over bytes as long as they satisfy the condition.
    fn pass(&mut self, condition: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&condition) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize, line: usize) {
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.tokens.push(Token { kind, text, line, depth: self.open.len(), indent: self.indent });
    }

    /// Ends a logical line, unless nothing stood in it.
    fn end_line(&mut self) {
        if self.tokens.last().is_some_and(|token| token.kind != Kind::Newline) {
            self.push(Kind::Newline, self.at, self.line);
        }
    }

    /// Tabs reach to the next multiple of eight and a form feed begins anew, as in Python's own tokenizer.
    fn measure_indent(&mut self) {
        self.indent = 0;
        for byte in self.rest().bytes() {
            match byte {
                b' ' => self.indent += 1,
                b'\t' => self.indent = (self.indent / 8 + 1) * 8,
                0x0c => self.indent = 0,
                _ => break,
            }
        }
    }

    fn symbol(&mut self, byte: u8) -> Result<(), Unreadable> {
        let (start, line) = (self.at, self.line);
        let closing = match byte {
            b'(' => Some(b')'),
            b'[' => Some(b']'),
            b'{' => Some(b'}'),
            _ => None,
        };
        match byte {
            b')' | b']' | b'}' if self.open.pop() != Some(byte) => {
                return Err(Unreadable::new(line, format!("`{}` closes nothing", char::from(byte))));
            }
            b'$' | b'?' | b'`' | b'\\' | 0..=0x1f | 0x7f => {
                return Err(Unreadable::new(line, "there is a character that Python does not know"));
            }
            _ => {}
        }
        let operator = OPERATORS.iter().find(|operator| self.rest().starts_with(**operator));
        self.at += operator.map_or(1, |operator| operator.len());
        self.push(Kind::Symbol, start, line);
        self.open.extend(closing);
        Ok(())
    }

    /// Whether the word that began at `start` stands behind a dot; `from . import` is the one that does not count.
    fn is_attribute(&self, start: usize) -> bool {
        let dot = self.tokens.last().is_some_and(|token| token.is_symbol("."));
        dot && self.text.get(start..self.at) != Some("import")
    }

    /// The word that began at `start`, if it is the prefix of the string that begins here.
    fn prefix(&self, start: usize) -> Option<&'a str> {
        let word = self.text.get(start..self.at)?;
        let known = matches!(
            word.to_ascii_lowercase().as_str(),
            "r" | "u" | "b" | "br" | "rb" | "f" | "fr" | "rf" | "t" | "tr" | "rt"
        );
        (known && matches!(self.peek(0), Some(b'\'' | b'"'))).then_some(word)
    }

    /// Steps over a string that begins here and says what it is.
    fn string(&mut self, prefix: &str, level: usize) -> Result<Kind, Unreadable> {
        let line = self.line;
        let rest = self.rest();
        let quote = match rest.get(..3) {
            Some(three @ ("'''" | "\"\"\"")) => three,
            _ => rest.get(..1).unwrap_or_default(),
        };
        let has = |letter: char| prefix.contains([letter, letter.to_ascii_uppercase()]);
        let (raw, formatted) = (has('r'), has('f') || has('t'));
        self.at += quote.len();
        let start = self.at;
        loop {
            match self.peek(0) {
                Some(b'\n') if quote.len() == 1 => break,
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                // A backslash keeps a quote from closing even a raw string.
                Some(b'\\') if !(formatted && self.peek(1) == Some(b'{')) => {
                    self.line += usize::from(self.peek(1) == Some(b'\n'));
                    self.at += 2;
                }
                Some(b'{') if formatted && self.peek(1) == Some(b'{') => self.at += 2,
                Some(b'{') if formatted => {
                    self.at += 1;
                    self.field(level + 1)?;
                }
                Some(_) if self.rest().starts_with(quote) => {
                    let body = self.text.get(start..self.at).unwrap_or_default();
                    self.at += quote.len();
                    let text = if formatted || has('b') { None } else { literal::text(body, raw) };
                    return Ok(text.map_or(Kind::Other, Kind::Text));
                }
                Some(_) => self.at += 1,
                None => break,
            }
        }
        Err(Unreadable::new(line, "a string is not closed"))
    }

    /// Steps over a replacement field of an f-string, behind its opening brace (PEP 701).
    fn field(&mut self, level: usize) -> Result<(), Unreadable> {
        if level > DEEPEST {
            return Err(Unreadable::new(self.line, "f-strings are nested too deep"));
        }
        let (line, mut depth, mut specifier) = (self.line, 0_usize, false);
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            self.line += usize::from(byte == b'\n');
            match byte {
                b'}' if depth == 0 => {
                    self.at += 1;
                    return Ok(());
                }
                b'{' if specifier => {
                    self.at += 1;
                    self.field(level + 1)?;
                }
                // Behind the colon anything stands for itself, quotes too.
                _ if specifier => self.at += 1,
                b':' if depth == 0 => {
                    self.at += 1;
                    specifier = true;
                }
                b'\'' | b'"' => drop(self.string("", level)?),
                b'#' => self.pass(|byte| byte != b'\n'),
                b'(' | b'[' | b'{' => {
                    self.at += 1;
                    depth += 1;
                }
                b')' | b']' | b'}' => {
                    self.at += 1;
                    depth = depth.saturating_sub(1);
                }
                _ if is_word(byte) => {
                    self.pass(is_word);
                    if let Some(prefix) = self.prefix(start) {
                        self.string(prefix, level)?;
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(Unreadable::new(line, "a string is not closed"))
    }
}

/// Letters, digits, the underscore, and whatever is not ASCII: Python's names need no finer distinction here.
fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}
