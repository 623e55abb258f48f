//! What a file says to people: its texts of more than one word, and what stands around them.

use std::collections::BTreeSet;

use castoff::exit::Exit;
use proc_macro2::{Delimiter, Group, TokenTree};

use super::source::{Source, is};
use super::text;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// What happened, or a piece of it.
    What,
    /// What to do now.
    Hint,
}

/// Texts that are said together: a failure and its hint, a warning, the arms of one choice.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// The file, as in [`Source::room`].
    pub(super) room: String,
    /// The exit codes named beside it; none for what is put together elsewhere.
    pub(super) exits: BTreeSet<u8>,
    /// The constant it is kept in.
    pub(super) name: Option<String>,
    /// The level, for a line of the log.
    pub(super) level: Option<String>,
    /// The texts, as they are shown, with what is filled in between ‹ and ›.
    pub(super) texts: Vec<(Part, String)>,
}

/// Everything a file says, in its order.
pub(super) fn said(source: &Source) -> Vec<Said> {
    let mut reader = Reader { room: &source.room, found: Vec::new() };
    reader.items(&source.tokens, Part::What, &BTreeSet::new());
    reader.found
}

struct Reader<'s> {
    room: &'s str,
    found: Vec<Said>,
}

impl Reader<'_> {
    /// Statements, arms or items: each is one saying. `exits` are those of the function around them.
    fn items(&mut self, tokens: &[TokenTree], part: Part, exits: &BTreeSet<u8>) {
        let mut item = Said::default();
        let mut function = None;
        for (index, token) in tokens.iter().enumerate() {
            let before = |steps: usize| index.checked_sub(steps).and_then(|at| tokens.get(at));
            if before(1).is_some_and(|word| is(word, "fn")) {
                function = Some(token.to_string());
            }
            if before(1).is_some_and(|word| is(word, "const")) {
                item.name = Some(token.to_string()).filter(|_| !is(token, "fn"));
            }
            match token {
                TokenTree::Group(group) if is_block(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    let (part, own) = match &function {
                        Some(name) if name.contains("hint") => (Part::Hint, only_exit(&inner)),
                        Some(_) => (Part::What, only_exit(&inner)),
                        None => (part, exits.clone()),
                    };
                    self.end(&mut item, exits);
                    self.items(&inner, part, &own);
                    function = None;
                }
                token if is(token, ";") || is(token, ",") => self.end(&mut item, exits),
                _ => self.token(tokens, index, part, exits, &mut item),
            }
        }
        self.end(&mut item, exits);
    }

    /// One token of a saying.
    fn token(
        &mut self,
        tokens: &[TokenTree],
        index: usize,
        part: Part,
        exits: &BTreeSet<u8>,
        item: &mut Said,
    ) {
        let before = |steps: usize| index.checked_sub(steps).and_then(|at| tokens.get(at));
        let follows = |steps: usize, text: &str| before(steps).is_some_and(|token| is(token, text));
        match &tokens[index] {
            TokenTree::Ident(name) if follows(3, "Exit") => item.exits.extend(code(&name.to_string())),
            TokenTree::Literal(literal) => {
                let is_hint = follows(1, ":") && follows(2, "hint");
                let part = if is_hint { Part::Hint } else { part };
                item.texts.extend(text::of(literal).map(|text| (part, text)));
            }
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                let is_hint = follows(1, "hint") || (follows(2, ":") && follows(3, "hint"));
                let part = if is_hint { Part::Hint } else { part };
                if follows(1, "!") {
                    let name = before(2).map(ToString::to_string).unwrap_or_default();
                    self.call(&name, &inner, part, exits, item);
                } else if group.delimiter() == Delimiter::Brace && holds_statements(&inner) {
                    self.items(&inner, part, exits);
                } else {
                    self.each(&inner, part, exits, item);
                }
            }
            _ => {}
        }
    }

    /// Whatever stands within one saying.
    fn each(&mut self, tokens: &[TokenTree], part: Part, exits: &BTreeSet<u8>, item: &mut Said) {
        // `hint: … ,` reaches to its comma.
        let mut own = part;
        for index in 0..tokens.len() {
            if is(&tokens[index], "hint") && tokens.get(index + 1).is_some_and(|next| is(next, ":")) {
                own = Part::Hint;
            } else if is(&tokens[index], ",") {
                own = part;
            }
            self.token(tokens, index, own, exits, item);
        }
    }

    /// A macro: a line of the log, or a text with something filled in.
    fn call(&mut self, name: &str, inner: &[TokenTree], part: Part, exits: &BTreeSet<u8>, item: &mut Said) {
        if ["error", "warn", "info", "debug"].contains(&name) {
            item.level = Some(name.to_owned());
        }
        let filled = text::filled(inner);
        item.texts.extend(filled.text.map(|text| (part, text)));
        self.each(&inner[filled.behind..], part, exits, item);
    }

    fn end(&mut self, item: &mut Said, exits: &BTreeSet<u8>) {
        let mut item = std::mem::take(item);
        if item.texts.is_empty() {
            return;
        }
        item.room = self.room.to_owned();
        if item.exits.is_empty() {
            item.exits.clone_from(exits);
        }
        self.found.push(item);
    }
}

/// The body of a function, a loop, a match: not a value with its fields.
fn is_block(group: &Group) -> bool {
    let inner: Vec<_> = group.stream().into_iter().take(3).collect();
    let is_value = match inner.as_slice() {
        [TokenTree::Ident(_), colon, next] => is(colon, ":") && !is(next, ":") || is(colon, ","),
        _ => false,
    };
    group.delimiter() == Delimiter::Brace && !is_value
}

fn holds_statements(tokens: &[TokenTree]) -> bool {
    tokens.iter().any(|token| is(token, ";"))
}

/// The exit code of a function that knows but one.
fn only_exit(tokens: &[TokenTree]) -> BTreeSet<u8> {
    let mut codes = BTreeSet::new();
    collect(tokens, &mut codes);
    if codes.len() == 1 { codes } else { BTreeSet::new() }
}

fn collect(tokens: &[TokenTree], codes: &mut BTreeSet<u8>) {
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(&group.stream().into_iter().collect::<Vec<_>>(), codes),
            TokenTree::Ident(name) if index >= 3 && is(&tokens[index - 3], "Exit") => {
                codes.extend(code(&name.to_string()));
            }
            _ => {}
        }
    }
}

fn code(name: &str) -> Option<u8> {
    Exit::ALL.into_iter().find(|exit| format!("{exit:?}") == name).map(Exit::code)
}
