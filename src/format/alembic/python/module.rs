//! What a module's names are once it has been imported.

use super::Unreadable;
use super::literal::{Value, strings, value};
use super::statement::{Place, Statement, statements};
use super::token::{Kind, Token};

/// A source file, cut into statements.
pub(in super::super) struct Module<'a> {
    statements: Vec<Statement<'a>>,
}

/// A value that a module gives a name, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Assigned {
    pub(in super::super) value: Value,
    /// The line, from 1.
    pub(in super::super) line: usize,
}

/// How a statement treats a name.
enum Treatment<'s, 'a> {
    /// Not at all, or it only reads it.
    LeavesIt,
    /// Gives it the value of this expression.
    Assigns(&'s [Token<'a>]),
    /// Changes it in a way that cannot be followed.
    Changes,
}

impl<'a> Module<'a> {
    /// Cuts a text that [`decode`](super::decode) has made.
    pub(in super::super) fn parse(text: &'a str) -> Result<Self, Unreadable> {
        Ok(Self { statements: statements(text)? })
    }

    /// The module's docstring.
    pub(in super::super) fn docstring(&self) -> Option<String> {
        self.statements
            .first()
            .filter(|first| first.place == Place::Module)
            .and_then(|first| strings(&first.tokens))
    }

    /// What the module assigns to a name; the last assignment is the one that stays.
    pub(in super::super) fn assigned(&self, name: &str) -> Result<Option<Assigned>, Unreadable> {
        let mut last = Ok(None);
        for Statement { place, tokens } in &self.statements {
            if *place != Place::Inner
                && let Some(call) = any_name(tokens)
            {
                let why = format!("`{}` can assign any name", call.text);
                last = Err(Unreadable::new(call.line, why));
            }
            let Some(at) = tokens.iter().find(|token| token.is_word(name)) else { continue };
            let unreadable = |why: &str| Err(Unreadable::new(at.line, format!("`{name}` {why}")));
            match (treatment(tokens, name), place) {
                // Whoever has the list in hand may change it.
                (Treatment::LeavesIt, Place::Module | Place::Conditional)
                    if matches!(&last, Ok(Some(Assigned { value: Value::List(_), .. }))) =>
                {
                    last = unreadable("is a list that something else is done with");
                }
                (Treatment::LeavesIt, _) => {}
                // The name of a function or a class at the top is the module's, and what `global` names.
                (_, Place::Inner) if !escapes(tokens, name) => {}
                (Treatment::Assigns(expression), Place::Module) => {
                    last = value(expression, at.line).map(|value| Some(Assigned { value, line: at.line }));
                }
                (Treatment::Assigns(_), _) => last = unreadable("is assigned only under a condition"),
                (Treatment::Changes, _) => last = unreadable("is not a plain assignment"),
            }
        }
        last
    }

    /// The plain values of every keyword argument of this name, anywhere in the file.
    ///
    /// An argument that is itself a name counts as what the module assigns to that name.
    pub(in super::super) fn arguments(&self, name: &str) -> Result<Vec<Assigned>, Unreadable> {
        let mut found = Vec::new();
        for Statement { tokens, .. } in &self.statements {
            for (at, pair) in tokens.windows(2).enumerate() {
                let [word, equals] = pair else { continue };
                if !word.is_word(name) || !equals.is_symbol("=") || word.depth == 0 {
                    continue;
                }
                let behind = tokens.get(at + 2..).unwrap_or_default();
                let ends = |token: &Token<'_>| {
                    token.depth < word.depth || token.depth == word.depth && token.is_symbol(",")
                };
                let end = behind.iter().position(ends).unwrap_or(behind.len());
                found.push(self.argument(behind.get(..end).unwrap_or_default(), word.line)?);
            }
        }
        Ok(found)
    }

    fn argument(&self, expression: &[Token<'_>], line: usize) -> Result<Assigned, Unreadable> {
        if let [only] = expression
            && only.kind == Kind::Word
            && let Some(assigned) = self.assigned(only.text)?
        {
            // In a function the same name may be a parameter, or a variable of its own.
            let rebinds = |statement: &&Statement<'_>| {
                statement.place == Place::Inner
                    && !matches!(treatment(&statement.tokens, only.text), Treatment::LeavesIt)
            };
            return match self.statements.iter().find(rebinds).and_then(|inner| inner.tokens.first()) {
                Some(first) => {
                    let why = format!("`{}` is another in a function", only.text);
                    Err(Unreadable::new(first.line, why))
                }
                None => Ok(assigned),
            };
        }
        value(expression, line).map(|value| Assigned { value, line })
    }

    /// The line of the first place, comments aside, where this stands: as a name, or in a string of any kind.
    pub(in super::super) fn line_of_mention(&self, word: &str) -> Option<usize> {
        let mut tokens = self.statements.iter().flat_map(|statement| &statement.tokens);
        tokens.find(|token| token.text.contains(word)).map(|token| token.line)
    }

    /// The line of the first string literal that says exactly this.
    pub(in super::super) fn line_of_text(&self, text: &str) -> Option<usize> {
        let mut tokens = self.statements.iter().flat_map(|statement| &statement.tokens);
        tokens.find(|token| matches!(&token.kind, Kind::Text(said) if said == text)).map(|token| token.line)
    }
}

/// A call that gets at the module's names without saying which.
fn any_name<'s, 'a>(tokens: &'s [Token<'a>]) -> Option<&'s Token<'a>> {
    const CALLS: [&str; 4] = ["exec", "globals", "locals", "vars"];
    let is_call = |pair: &&[Token<'a>]| matches!(pair, [word, open] if open.is_symbol("(") && CALLS.iter().any(|call| word.is_word(call)));
    tokens.windows(2).find(is_call).and_then(|pair| pair.first())
}

/// Whether a statement in a function or a class, or one that begins it, binds a name of the module.
fn escapes(tokens: &[Token<'_>], name: &str) -> bool {
    let begins =
        |first: &Token<'_>| first.indent == 0 && ["def", "class"].iter().any(|word| first.is_word(word));
    match tokens {
        [first, second, ..] if begins(first) && second.is_word(name) => true,
        _ => tokens.iter().any(|token| token.is_word("global")),
    }
}

/// What a statement does to a name that stands in it.
fn treatment<'s, 'a>(tokens: &'s [Token<'a>], name: &str) -> Treatment<'s, 'a> {
    let named = |token: &Token<'_>| token.is_word(name);
    let walrus =
        tokens.windows(2).any(|pair| matches!(pair, [word, next] if named(word) && next.is_symbol(":=")));
    if walrus {
        return Treatment::Changes;
    }
    let sign = |token: &Token<'_>| {
        let compares = ["==", "!=", "<=", ">=", ":="].contains(&token.text);
        token.depth == 0 && token.kind == Kind::Symbol && token.text.ends_with('=') && !compares
    };
    let Some(last) = tokens.iter().rposition(sign) else {
        // Without an equals sign, a name is changed only behind a word that binds it.
        const BINDING: [&str; 8] = ["import", "as", "for", "del", "def", "class", "global", "case"];
        let mut behind = tokens.iter().skip_while(|token| !BINDING.iter().any(|word| token.is_word(word)));
        return if behind.any(named) { Treatment::Changes } else { Treatment::LeavesIt };
    };
    let (targets, expression) = tokens.split_at_checked(last).unwrap_or_default();
    let plain = tokens.iter().filter(|token| sign(token)).all(|token| token.text == "=");
    let is_it = |target: &[Token<'_>]| match target {
        [only] => named(only),
        [word, colon, ..] => named(word) && colon.is_symbol(":"),
        [] => false,
    };
    let mut mentioning = targets.split(sign).filter(|target| target.iter().any(named)).peekable();
    if mentioning.peek().is_none() {
        Treatment::LeavesIt
    } else if plain && mentioning.all(is_it) {
        Treatment::Assigns(expression.get(1..).unwrap_or_default())
    } else {
        Treatment::Changes
    }
}
