//! What a literal stands for.

use super::Unreadable;
use super::source::UNKNOWN;
use super::token::{Kind, Token};

/// How deep brackets may nest around a value; nobody writes more than two.
const DEEPEST: usize = 8;

/// A value as the variables of a revision hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Value {
    /// `None`.
    None,
    /// A string.
    Text(String),
    /// A tuple, a list or a set of strings.
    List(Vec<String>),
}

/// What a string literal's body stands for; `None` where only an interpreter could say.
pub(super) fn text(body: &str, raw: bool) -> Option<String> {
    if raw || !body.contains('\\') {
        return Some(body.to_owned());
    }
    let mut text = String::with_capacity(body.len());
    let mut letters = body.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        let number = |digits: String| u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
        match letters.next()? {
            '\n' => {}
            quoted @ ('\\' | '\'' | '"') => text.push(quoted),
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'v' => text.push('\u{b}'),
            first @ '0'..='7' => {
                let mut code = first.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(8)) else { break };
                    letters.next();
                    code = code * 8 + digit;
                }
                text.push(char::from_u32(code)?);
            }
            'x' => text.push(number(letters.by_ref().take(2).collect())?),
            'u' => text.push(number(letters.by_ref().take(4).collect())?),
            'U' => text.push(number(letters.by_ref().take(8).collect())?),
            // A character by its name.
            'N' => return None,
            other => text.extend(['\\', other]),
        }
    }
    Some(text)
}

/// The value of an expression that is nothing but literals; `line` is for one that is empty.
pub(super) fn value(tokens: &[Token<'_>], line: usize) -> Result<Value, Unreadable> {
    let line = tokens.first().map_or(line, |token| token.line);
    expression(tokens, 0).ok_or_else(|| Unreadable::new(line, "the value is no plain string, tuple or None"))
}

fn expression(tokens: &[Token<'_>], level: usize) -> Option<Value> {
    if let [only] = tokens
        && only.is_word("None")
    {
        return Some(Value::None);
    }
    if let Some(text) = strings(tokens) {
        return Some(Value::Text(text));
    }
    if level > DEEPEST {
        return None;
    }
    if let [open, inside @ .., close] = tokens
        && closes(open, inside, close)
    {
        let depth = open.depth + 1;
        let group =
            open.is_symbol("(") && !inside.iter().any(|token| token.depth == depth && token.is_symbol(","));
        return if group && !inside.is_empty() {
            expression(inside, level + 1)
        } else {
            list(inside, level + 1)
        };
    }
    let depth = tokens.first()?.depth;
    if tokens.iter().any(|token| token.depth == depth && token.is_symbol(",")) {
        list(tokens, level + 1)
    } else {
        None
    }
}

/// Whether these brackets belong together. The closing one carries the depth that is left when it has closed.
fn closes(open: &Token<'_>, inside: &[Token<'_>], close: &Token<'_>) -> bool {
    let pair = [("(", ")"), ("[", "]"), ("{", "}")];
    pair.iter().any(|(opening, closing)| open.is_symbol(opening) && close.is_symbol(closing))
        && inside.iter().all(|token| token.depth > open.depth)
}

/// Strings with commas between them and perhaps one at the end.
fn list(tokens: &[Token<'_>], level: usize) -> Option<Value> {
    let Some(first) = tokens.first() else { return Some(Value::List(Vec::new())) };
    let comma = |token: &Token<'_>| token.depth == first.depth && token.is_symbol(",");
    let tokens = tokens.split_last().filter(|(last, _)| comma(last)).map_or(tokens, |(_, rest)| rest);
    let items = tokens.split(comma).map(|item| match expression(item, level + 1) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    });
    items.collect::<Option<Vec<String>>>().map(Value::List)
}

/// One string literal, or several that Python joins.
pub(super) fn strings(tokens: &[Token<'_>]) -> Option<String> {
    let mut joined = String::new();
    for token in tokens {
        match &token.kind {
            Kind::Text(text) if !text.contains(UNKNOWN) => joined.push_str(text),
            _ => return None,
        }
    }
    (!tokens.is_empty()).then_some(joined)
}
