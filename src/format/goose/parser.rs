//! The statements of a goose script, found line by line as goose finds them.
//!
//! `ParseSQLMigration` of `internal/sqlparser/parser.go` of goose 3.27.3, state by state: what it splits
//! badly is split badly here too, because that is what the migration was tested with.

use super::interpolate::{Lookup, interpolate};

mod pending;

use pending::Pending;

/// A line may not be as long as this, in bytes: `scanBufSize`.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// `Direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// What goose runs of a file in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Its statements, each of which is sent by itself.
    pub(super) statements: Vec<Statement>,
    /// Whether they share a transaction.
    pub(super) transaction: bool,
}

/// One statement, without the white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// What is sent.
    pub(super) sql: String,
    /// As it stands in the file, where variables were replaced in `sql`.
    pub(super) written: Option<String>,
    /// The line of the file in which it begins, from 1.
    pub(super) line: usize,
}

/// Why goose would refuse the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line it is about, from 1.
    pub(super) line: usize,
    /// What is wrong, without any variable's value.
    pub(super) what: String,
    /// What to do.
    pub(super) hint: &'static str,
}

/// Finds the statements of a script in one direction; `None` where nothing says that there is a way down.
///
/// # Errors
///
/// Where goose refuses the file.
pub(super) fn parse(
    text: &str,
    direction: Direction,
    lookup: &Lookup<'_>,
) -> Result<Option<Script>, Mistake> {
    let mut parser = Parser {
        direction,
        state: State::Start,
        block_began: 0,
        variables: false,
        pending: Pending::default(),
        script: Script { statements: Vec::new(), transaction: true },
    };
    let mut line = 0;
    for text in text.split_terminator('\n') {
        line += 1;
        if text.len() >= MAX_LINE {
            return Err(Mistake {
                line,
                what: "the line has 4 MiB or more, which is more than goose reads".into(),
                hint: "break the line",
            });
        }
        parser.line(line, text.strip_suffix('\r').unwrap_or(text), lookup)?;
    }
    parser.end(line.max(1))
}

/// Whether a file is a goose script: it says where the way up begins.
pub(super) fn is_goose(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| line.starts_with("--") && line.contains("+goose"));
    lines.any(|line| annotation(line) == Ok(Annotation::Up))
}

/// `parserState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Up,
    BlockUp,
    BlockUpEnded,
    Down,
    BlockDown,
    BlockDownEnded,
}

/// `annotation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Annotation {
    Up,
    Down,
    StatementBegin,
    StatementEnd,
    NoTransaction,
    Variables(bool),
}

struct Parser {
    direction: Direction,
    state: State,
    /// The line of the last `StatementBegin`.
    block_began: usize,
    variables: bool,
    pending: Pending,
    script: Script,
}

impl Parser {
    fn line(&mut self, number: usize, text: &str, lookup: &Lookup<'_>) -> Result<(), Mistake> {
        let mistake = |what: String, hint| Mistake { line: number, what, hint };
        if self.state == State::Start && text.trim().is_empty() {
            return Ok(());
        }
        if text.trim().starts_with("--") && text.contains("+goose") {
            let annotation = annotation(text).map_err(|what| {
                mistake(what, "goose takes every comment that holds `+goose` for a directive: write `-- +goose Up`, \
                         Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON or ENVSUB OFF, alone on its line")
            })?;
            self.direct(number, annotation)?;
            // The line that ends a block goes on, to send it.
            if annotation != Annotation::StatementEnd {
                return Ok(());
            }
        }
        if self.pending.is_empty() && (text.trim().starts_with("--") || text.is_empty()) {
            return Ok(());
        }
        let mut expanded = None;
        if !matches!(self.state, State::BlockUpEnded | State::BlockDownEnded) {
            if self.variables {
                expanded = Some(interpolate(text, lookup).map_err(|what| {
                    mistake(
                        what,
                        "set the variable, or write -- +goose ENVSUB OFF before what is no variable",
                    )
                })?);
            }
            self.pending.push(number, text, expanded.as_deref());
        }
        let sent = expanded.as_deref().unwrap_or(text);
        let direction = match self.state {
            State::Start => {
                return Err(mistake(
                    "something stands before `-- +goose Up`".into(),
                    "make `-- +goose Up` the first line of the file; a byte order mark before it counts as well",
                ));
            }
            State::Up | State::BlockUp | State::BlockUpEnded => Direction::Up,
            State::Down | State::BlockDown | State::BlockDownEnded => Direction::Down,
        };
        if direction != self.direction {
            self.pending = Pending::default();
            return Ok(());
        }
        match self.state {
            State::Up | State::Down if ends_with_semicolon(sent) => self.pending.send(&mut self.script),
            State::BlockUpEnded => {
                self.pending.send(&mut self.script);
                self.state = State::Up;
            }
            State::BlockDownEnded => {
                self.pending.send(&mut self.script);
                self.state = State::Down;
            }
            State::Start | State::Up | State::BlockUp | State::Down | State::BlockDown => {}
        }
        Ok(())
    }

    /// What a directive makes of the state.
    fn direct(&mut self, line: usize, annotation: Annotation) -> Result<(), Mistake> {
        let misplaced = |what: &str, hint| Mistake { line, what: what.into(), hint };
        self.state = match (annotation, self.state) {
            (Annotation::Up, State::Start) => State::Up,
            (Annotation::Up, _) => {
                return Err(misplaced("`-- +goose Up` stands there a second time", "leave one of them"));
            }
            (Annotation::Down, State::Up | State::BlockUpEnded) => {
                self.finished()?;
                State::Down
            }
            (Annotation::Down, _) => {
                return Err(misplaced(
                    "`-- +goose Down` stands where it cannot",
                    "let it follow `-- +goose Up` and its statements, once",
                ));
            }
            (Annotation::StatementBegin, State::Up | State::BlockUpEnded) => {
                self.block_began = line;
                State::BlockUp
            }
            (Annotation::StatementBegin, State::Down | State::BlockDownEnded) => {
                self.block_began = line;
                State::BlockDown
            }
            (Annotation::StatementBegin, _) => {
                return Err(misplaced(
                    "`-- +goose StatementBegin` stands where it cannot",
                    "let it follow `-- +goose Up`, and end each block before the next",
                ));
            }
            (Annotation::StatementEnd, State::BlockUp) => State::BlockUpEnded,
            (Annotation::StatementEnd, State::BlockDown) => State::BlockDownEnded,
            (Annotation::StatementEnd, _) => {
                return Err(misplaced(
                    "`-- +goose StatementEnd` ends nothing",
                    "write `-- +goose StatementBegin` before the statement",
                ));
            }
            (Annotation::NoTransaction, state) => {
                self.script.transaction = false;
                state
            }
            (Annotation::Variables(on), state) => {
                self.variables = on;
                state
            }
        };
        Ok(())
    }

    /// `missingSemicolonError`.
    fn finished(&self) -> Result<(), Mistake> {
        match self.pending.begins() {
            None => Ok(()),
            Some(line) => Err(Mistake {
                line,
                what: "the statement that begins here is not ended by a semicolon at the end of a line"
                    .into(),
                hint: "end it with one, or write -- +goose StatementBegin and -- +goose StatementEnd around it",
            }),
        }
    }

    fn end(self, last: usize) -> Result<Option<Script>, Mistake> {
        match self.state {
            State::Start => Err(Mistake {
                line: last,
                what: "nowhere in the file stands `-- +goose Up`".into(),
                hint: "write it before the first statement",
            }),
            State::BlockUp | State::BlockDown => Err(Mistake {
                line: self.block_began,
                what: "`-- +goose StatementBegin` is not followed by a `-- +goose StatementEnd`".into(),
                hint: "write it after the statement",
            }),
            _ => {
                self.finished()?;
                let has_down = matches!(self.state, State::Down | State::BlockDownEnded);
                Ok((self.direction == Direction::Up || has_down).then_some(self.script))
            }
        }
    }
}

/// `extractAnnotation`.
fn annotation(line: &str) -> Result<Annotation, String> {
    if line.starts_with([' ', '\t']) {
        return Err("the directive is indented".into());
    }
    let command = line.replace("--", "").replacen("+goose", "", 1);
    if command.contains("+goose") {
        return Err("`+goose` stands twice in the line".into());
    }
    let known = [
        ("Up", Annotation::Up),
        ("Down", Annotation::Down),
        ("StatementBegin", Annotation::StatementBegin),
        ("StatementEnd", Annotation::StatementEnd),
        ("NO TRANSACTION", Annotation::NoTransaction),
        ("ENVSUB ON", Annotation::Variables(true)),
        ("ENVSUB OFF", Annotation::Variables(false)),
    ];
    let command = command.trim();
    let found = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(command));
    found.map(|(_, annotation)| annotation).ok_or_else(|| match command {
        "" => "`+goose` says nothing".into(),
        other => format!("\"{other}\" is no directive of goose"),
    })
}

/// `endsWithSemicolon`: whether the last word before a comment ends in one. A quoted `--` counts as a comment.
fn ends_with_semicolon(line: &str) -> bool {
    let words = line.split_whitespace().take_while(|word| !word.starts_with("--"));
    words.last().is_some_and(|word| word.ends_with(';'))
}

#[cfg(test)]
mod tests;
