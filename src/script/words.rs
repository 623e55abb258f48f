//! The words by which a statement can be told, as tools tell it that do not parse SQL.

use super::cursor::Cursor;
use super::scan::Kind;
use crate::target::Engine;

/// The unquoted words of a statement outside of parentheses, without those of a qualified name.
pub fn words(engine: Engine, statement: &str) -> impl Iterator<Item = &str> {
    let mut tokens = Cursor::new(engine, statement);
    let mut depth = 0_usize;
    let mut behind_dot = false;
    std::iter::from_fn(move || {
        for token in tokens.by_ref() {
            let qualified = std::mem::take(&mut behind_dot);
            match token.kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => depth = depth.saturating_sub(1),
                Kind::Symbol(b'.') => behind_dot = true,
                Kind::Word if depth == 0 && !qualified => {
                    let next = statement.as_bytes().get(token.end());
                    if next != Some(&b'.') {
                        return Some(token.text);
                    }
                }
                _ => {}
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::engine::Engine::{MySql, Postgres};

    #[test]
    fn names_with_a_schema_quotes_and_parentheses_are_no_words() {
        let sql = "COPY public.t (a, b) /* c */ FROM \"x\" stdin -- d";
        assert_eq!(words(Postgres, sql).collect::<Vec<_>>(), ["COPY", "FROM", "stdin"]);
        assert_eq!(words(MySql, "DELIMITER `a`.b //").collect::<Vec<_>>(), ["DELIMITER"]);
    }
}
