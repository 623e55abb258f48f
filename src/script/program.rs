//! The blocks of MySQL's and MariaDB's stored programs, whose statements end in semicolons of their own.
//!
//! Most of the words that open and close blocks are functions, clauses or column names elsewhere; what stands
//! beside them tells. The rules were held against what MariaDB 10.11 made of some twenty thousand random programs.

use super::cursor::Cursor;
use super::scan::{Kind, Token};

/// Whether the statement at the cursor may hold others: a stored program, or one of MariaDB's compound
/// statements outside of any.
pub(super) fn begins(statement: &mut Cursor<'_>) -> bool {
    if statement.phrase(&["BEGIN", "NOT", "ATOMIC"])
        || statement.any_keyword(&["IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"])
    {
        return true;
    }
    let mut label = statement.clone();
    if label.next().is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name)) && label.symbol(b':') {
        return true;
    }
    statement.any_keyword(&["CREATE", "ALTER"]) && creates_program(statement)
}

/// Looks for the kind of object behind `CREATE [OR REPLACE] [DEFINER = user@host] [AGGREGATE]`.
fn creates_program(statement: &mut Cursor<'_>) -> bool {
    let mut is_value = false;
    for token in statement {
        match token.kind {
            Kind::Symbol(symbol) => is_value = matches!(symbol, b'=' | b'@'),
            Kind::Word if is_value => is_value = false,
            Kind::Word if token.is_any(&["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"]) => return true,
            Kind::Word if token.is_any(&["OR", "REPLACE", "DEFINER", "AGGREGATE"]) => {}
            Kind::Word => return false,
            _ => is_value = false,
        }
    }
    false
}

/// What can precede a column called `begin`, or the command of `XA`, but not the `BEGIN` of a block.
const BEFORE_A_COLUMN: [&str; 10] =
    ["XA", "SELECT", "WHERE", "AND", "OR", "BY", "ON", "SET", "NOT", "HAVING"];

/// What can follow a column called `begin`, but not the `BEGIN` of a block.
const BEHIND_A_COLUMN: [&str; 18] = [
    "FROM", "AS", "AND", "OR", "NOT", "IS", "IN", "LIKE", "BETWEEN", "ASC", "DESC", "LIMIT", "INTO", "WHERE",
    "ORDER", "GROUP", "HAVING", "UNION",
];

/// Words behind which stands a statement: those that open lists, and the ends of a program's or a handler's head.
const BEFORE_A_STATEMENT: [&str; 14] = [
    "BEGIN",
    "ATOMIC",
    "DO",
    "LOOP",
    "REPEAT",
    "ROW",
    "DETERMINISTIC",
    "SQL",
    "DATA",
    "DEFINER",
    "INVOKER",
    "FOUND",
    "SQLEXCEPTION",
    "SQLWARNING",
];

/// Words that no expression ends in: an `END` behind one of them is a column.
const INSIDE_AN_EXPRESSION: [&str; 22] = [
    "SELECT", "DISTINCT", "AS", "WHERE", "HAVING", "BY", "ON", "SET", "AND", "OR", "XOR", "NOT", "IS", "IN",
    "LIKE", "BETWEEN", "DIV", "MOD", "CASE", "WHEN", "THEN", "ELSE",
];

/// A block that waits for its `END`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// `CASE`, as far as is known the expression: no statement has ended in it yet.
    Case,
    /// `REPEAT … UNTIL condition END REPEAT`: the one whose `END` follows an expression.
    Repeat,
    /// `BEGIN`, `IF`, `LOOP`, `WHILE`, `FOR`, and the `CASE` that is a statement: a list of statements ends them.
    Other,
}

/// An open parenthesis.
struct Parenthesis {
    /// Whether it follows an `IF` that may be the statement or the function.
    behind_if: bool,
    commas: usize,
}

/// The open blocks of a stored program.
#[derive(Default)]
pub(super) struct Program<'a> {
    blocks: Vec<Block>,
    parentheses: Vec<Parenthesis>,
    previous: Option<Token<'a>>,
    /// Whether the previous token is an `IF` whose meaning the parenthesis behind it will tell.
    undecided_if: bool,
    /// Whether the previous token is an `END` that closed a block; the word behind it then repeats the block's kind.
    ended: bool,
}

impl<'a> Program<'a> {
    pub(super) fn is_complete(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Takes in the next token; `ahead` stands behind it.
    pub(super) fn take(&mut self, token: Token<'a>, ahead: &Cursor<'a>) {
        let behind_if = std::mem::take(&mut self.undecided_if);
        let ended = std::mem::take(&mut self.ended);
        match token.kind {
            Kind::Symbol(b'(') => self.parentheses.push(Parenthesis { behind_if, commas: 0 }),
            Kind::Symbol(b',') => {
                if let Some(parenthesis) = self.parentheses.last_mut() {
                    parenthesis.commas += 1;
                }
            }
            Kind::Symbol(b')') => self.close_parenthesis(),
            Kind::Symbol(b';') => self.semicolon(),
            Kind::Word if !ended || token.is("END") => self.word(&token, ahead),
            _ => {}
        }
        self.previous = Some(token);
    }

    fn semicolon(&mut self) {
        // None can stand in parentheses: the text is broken, and the server will say so.
        self.parentheses.clear();
        if let Some(block @ Block::Case) = self.blocks.last_mut() {
            *block = Block::Other;
        }
    }

    fn close_parenthesis(&mut self) {
        // The function has three arguments; the statement has one condition.
        if self.parentheses.pop().is_some_and(|closed| closed.behind_if && closed.commas != 2) {
            self.blocks.push(Block::Other);
        }
    }

    fn word(&mut self, token: &Token<'a>, ahead: &Cursor<'a>) {
        if self.previous.is_some_and(|previous| matches!(previous.kind, Kind::Symbol(b'.' | b'@'))) {
            return;
        }
        if token.is("CASE") {
            self.blocks.push(if self.begins_statement() { Block::Other } else { Block::Case });
        } else if token.is("END") {
            self.end(ahead);
        } else if self.parentheses.is_empty() {
            self.statement(token, ahead);
        }
    }

    /// A word outside parentheses: does it open a block of statements?
    fn statement(&mut self, token: &Token<'a>, ahead: &Cursor<'a>) {
        let mut look = ahead.clone();
        if token.is("BEGIN") {
            if self.begin_opens(&mut look) {
                self.blocks.push(Block::Other);
            }
        } else if token.is("IF") {
            if look.peek().is_some_and(|next| next.kind == Kind::Symbol(b'(')) {
                self.undecided_if = true;
            } else if !self.is_existence_clause(&mut look) {
                self.blocks.push(Block::Other);
            }
        } else if token.is_any(&["LOOP", "WHILE"]) {
            self.blocks.push(Block::Other);
        } else if token.is("REPEAT") {
            if !look.symbol(b'(') {
                self.blocks.push(Block::Repeat);
            }
        } else if token.is("FOR")
            && look.next().is_some_and(|variable| variable.kind != Kind::Literal)
            && look.keyword("IN")
        {
            self.blocks.push(Block::Other);
        }
    }

    fn previous_is(&self, keywords: &[&str]) -> bool {
        self.previous.is_some_and(|previous| previous.is_any(keywords))
    }

    /// Whether what stands before surely makes the next word the first of a statement: no expression begins there.
    fn begins_statement(&self) -> bool {
        let Some(previous) = self.previous else { return true };
        match previous.kind {
            Kind::Symbol(symbol) => matches!(symbol, b';' | b':' | b')'),
            Kind::Word if previous.is_any(&["THEN", "ELSE"]) => self.blocks.last() != Some(&Block::Case),
            Kind::Word => {
                previous.is_any(&BEFORE_A_STATEMENT)
                    || previous.text.starts_with(|first: char| first.is_ascii_digit())
            }
            _ => true,
        }
    }

    /// Whether a `BEGIN` opens a block; it is also a legal column name, and a command of `XA`.
    fn begin_opens(&self, ahead: &mut Cursor<'a>) -> bool {
        match self.previous {
            // Where a statement begins it is no column.
            Some(Token { kind: Kind::Symbol(b';' | b':'), .. }) => return true,
            Some(Token { kind: Kind::Symbol(symbol), .. }) if symbol != b')' => return false,
            _ if self.previous_is(&BEFORE_A_COLUMN) => return false,
            _ => {}
        }
        if ahead.phrase(&["NOT", "ATOMIC"]) {
            return true;
        }
        ahead.next().is_some_and(|next| match next.kind {
            Kind::Symbol(symbol) => symbol == b'(',
            // In the expression.
            _ if self.blocks.last() == Some(&Block::Case) && next.is_any(&["END", "ELSE", "WHEN"]) => false,
            _ => !next.is_any(&BEHIND_A_COLUMN),
        })
    }

    /// An `END`; it is also a legal column name, and a command of `XA`.
    fn end(&mut self, ahead: &Cursor<'a>) {
        let closes = match self.blocks.last() {
            None => false,
            Some(Block::Case) => self.previous.is_some_and(|previous| match previous.kind {
                Kind::Symbol(symbol) => symbol == b')',
                _ => !previous.is_any(&INSIDE_AN_EXPRESSION),
            }),
            Some(Block::Repeat) if ahead.clone().keyword("REPEAT") => true,
            Some(Block::Repeat | Block::Other) => {
                self.previous.is_some_and(|previous| previous.kind == Kind::Symbol(b';'))
                    || self.previous_is(&["BEGIN", "ATOMIC", "THEN", "ELSE", "DO", "LOOP"])
            }
        };
        if closes {
            self.blocks.pop();
            self.ended = true;
        }
    }

    /// Whether an `IF` belongs to `IF [NOT] EXISTS name` and not to a condition, which has a query in parentheses.
    fn is_existence_clause(&self, behind_if: &mut Cursor<'a>) -> bool {
        behind_if.keyword("NOT");
        behind_if.keyword("EXISTS")
            && (!behind_if.symbol(b'(') || self.previous_is(&["ADD", "COLUMN", "INDEX", "KEY", "PARTITION"]))
    }
}
