//! Which semicolons stand inside a statement.

use super::cursor::Cursor;
use super::program::{self, Program};
use super::scan::{Kind, Scanner, Token};
use crate::target::Engine;

/// What a statement, read up to some token, may still hold before its own semicolon.
pub(super) enum Body<'a> {
    /// Nothing: the next semicolon ends it.
    Plain,
    /// PostgreSQL: whatever stands in parentheses (`CREATE RULE … DO (…; …)`).
    Parentheses(usize),
    /// PostgreSQL: that, and `BEGIN ATOMIC … ; END`.
    Routine(usize, Bracket),
    /// SQLite: the `BEGIN … ; END` of a trigger.
    Trigger(Bracket),
    /// MySQL: the blocks of a stored program.
    Program(Program<'a>),
}

impl<'a> Body<'a> {
    /// The body of the statement that begins at the cursor. Its first words tell what it may hold.
    pub(super) fn of(engine: Engine, mut statement: Cursor<'a>) -> Self {
        match engine {
            Engine::Postgres if is_routine(&mut statement) => Self::Routine(0, Bracket::default()),
            Engine::Postgres => Self::Parentheses(0),
            Engine::Sqlite if is_trigger(&mut statement) => Self::Trigger(Bracket::default()),
            Engine::MySql if program::begins(&mut statement) => Self::Program(Program::default()),
            Engine::Sqlite | Engine::MySql => Self::Plain,
        }
    }

    /// Takes in the statement's next token; `ahead` stands behind it.
    pub(super) fn take(&mut self, token: Token<'a>, ahead: &Scanner<'a>) {
        match self {
            Self::Plain => {}
            Self::Parentheses(depth) => count(depth, token.kind),
            Self::Routine(depth, bracket) => {
                count(depth, token.kind);
                // A parameter may be called "begin" and be of a type called "atomic".
                if *depth == 0 {
                    bracket.take(&token, |token, previous| previous == Before::Begin && token.is("ATOMIC"));
                }
            }
            Self::Trigger(bracket) => bracket.take(&token, |token, _| token.is("BEGIN")),
            Self::Program(program) => program.take(token, &Cursor::at(ahead)),
        }
    }

    /// Whether a semicolon here ends the statement.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Parentheses(depth) => *depth == 0,
            Self::Routine(depth, bracket) => *depth == 0 && bracket.state != State::Open,
            Self::Trigger(bracket) => bracket.state != State::Open,
            Self::Program(program) => program.is_complete(),
        }
    }
}

/// `CREATE [OR REPLACE] FUNCTION | PROCEDURE`.
fn is_routine(statement: &mut Cursor<'_>) -> bool {
    statement.keyword("CREATE") && {
        statement.phrase(&["OR", "REPLACE"]);
        statement.any_keyword(&["FUNCTION", "PROCEDURE"])
    }
}

/// `[EXPLAIN [QUERY PLAN]] CREATE [TEMPORARY] TRIGGER`.
fn is_trigger(statement: &mut Cursor<'_>) -> bool {
    if statement.keyword("EXPLAIN") {
        statement.phrase(&["QUERY", "PLAN"]);
    }
    statement.keyword("CREATE") && {
        statement.any_keyword(&["TEMP", "TEMPORARY"]);
        statement.keyword("TRIGGER")
    }
}

fn count(depth: &mut usize, kind: Kind) {
    match kind {
        Kind::Symbol(b'(') => *depth += 1,
        Kind::Symbol(b')') => *depth = depth.saturating_sub(1),
        _ => {}
    }
}

/// What stood before a token, as far as it decides what the token means.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Other,
    Begin,
    /// A semicolon or the opening of the bracket.
    Statements,
}

/// A list of statements that ends with `; END`.
///
/// Only after a semicolon can `END` close it: there every other `END` (of a `CASE`, or one that names a column) stands
/// behind something else.
#[derive(Default)]
pub(super) struct Bracket {
    state: State,
    before: Before,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ahead,
    Open,
    Closed,
}

impl Bracket {
    /// Takes in the next token; `opens` tells from it and what stood before whether it opens the list.
    fn take(&mut self, token: &Token<'_>, opens: impl Fn(&Token<'_>, Before) -> bool) {
        let before = self.before;
        self.before = match token.kind {
            Kind::Symbol(b';') => Before::Statements,
            _ if token.is("BEGIN") => Before::Begin,
            _ => Before::Other,
        };
        match self.state {
            State::Ahead if opens(token, before) => {
                self.state = State::Open;
                self.before = Before::Statements;
            }
            State::Open if before == Before::Statements && token.is("END") => self.state = State::Closed,
            _ => {}
        }
    }
}
