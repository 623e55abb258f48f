//! Tokens gathered into statements, each with whether importing the module runs it.

use super::Unreadable;
use super::token::{Kind, Token, tokens};

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// At the top: importing the module runs it.
    Module,
    /// Below `if`, `try`, `with`, …: importing the module may run it.
    Conditional,
    /// In a function or a class, whose names are its own.
    Inner,
}

/// A simple statement, or a compound one with what stands in its line.
#[derive(Clone, Debug)]
pub(super) struct Statement<'a> {
    pub(super) place: Place,
    pub(super) tokens: Vec<Token<'a>>,
}

/// Cuts a text.
pub(super) fn statements(text: &str) -> Result<Vec<Statement<'_>>, Unreadable> {
    let tokens = tokens(text)?;
    let mut statements = Vec::new();
    let mut blocks: Vec<(usize, Place)> = Vec::new();
    for line in tokens.split(|token| token.kind == Kind::Newline) {
        let (Some(first), Some(last)) = (line.first(), line.last()) else { continue };
        while blocks.last().is_some_and(|(indent, _)| *indent >= first.indent) {
            blocks.pop();
        }
        if blocks.is_empty() && first.indent > 0 {
            return Err(Unreadable::new(first.line, "the line is indented, and nothing above asks for it"));
        }
        let around = blocks.last().map_or(Place::Module, |(_, place)| *place);
        let place = around.max(opens(line, first, last));
        blocks.push((first.indent, place));
        let cut = |token: &Token<'_>| token.depth == 0 && token.is_symbol(";");
        for tokens in line.split(cut).filter(|tokens| !tokens.is_empty()) {
            statements.push(Statement { place, tokens: tokens.to_vec() });
        }
    }
    Ok(statements)
}

/// What a line makes of everything that follows its colon, in the line or below it.
fn opens(line: &[Token<'_>], first: &Token<'_>, last: &Token<'_>) -> Place {
    let is = |token: &Token<'_>, words: &[&str]| words.iter().any(|word| token.is_word(word));
    let asynchronous = first.is_word("async") && line.get(1).is_some_and(|token| token.is_word("def"));
    let conditional = ["if", "elif", "else", "for", "while", "try", "except", "finally", "with", "async"];
    if is(first, &["def", "class"]) || asynchronous {
        Place::Inner
    } else if is(first, &conditional) || last.is_symbol(":") {
        Place::Conditional
    } else {
        Place::Module
    }
}
