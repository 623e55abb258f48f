//! What each engine's lexer does with quotes and comments.

use proptest::prelude::*;

use super::*;
use crate::engine::Engine::{MySql, Postgres, Sqlite};
use crate::script::corpus::hostile;

fn shapes(engine: Engine, sql: &str) -> Vec<(Kind, &str)> {
    Scanner::new(engine, sql)
        .filter(|token| token.kind != Kind::Space)
        .map(|token| (token.kind, token.text))
        .collect()
}

fn literals(engine: Engine, sql: &str) -> Vec<&str> {
    shapes(engine, sql).into_iter().filter(|(kind, _)| *kind == Kind::Literal).map(|(_, text)| text).collect()
}

#[test]
fn backslashes_escape_only_where_the_engine_says_so() {
    assert_eq!(literals(Postgres, r"'a\' E'b\';' e'''\\'"), [r"'a\'", r"E'b\';'", r"e'''\\'"]);
    assert_eq!(literals(MySql, r#"'a\';' "b\";" 'c''d'"#), [r"'a\';'", r#""b\";""#, "'c''d'"]);
    assert_eq!(literals(Sqlite, r"'a\' 'b''c'"), [r"'a\'", "'b''c'"]);
    assert_eq!(literals(Postgres, r"fooE'a\' U&'b\'"), [r"'a\'", r"'b\'"]);
}

#[test]
fn a_postgres_literal_goes_on_after_a_line_break_under_the_same_rules() {
    assert_eq!(literals(Postgres, "E'a' -- c\n 'b\\';c'"), ["E'a' -- c\n 'b\\';c'"]);
    assert_eq!(literals(Postgres, "E'a' 'b'"), ["E'a'", "'b'"]);
    assert_eq!(literals(Sqlite, "'a'\n'b'"), ["'a'", "'b'"]);
}

#[test]
fn dollar_quotes_end_at_their_own_tag_and_exist_only_in_postgres() {
    assert_eq!(literals(Postgres, "$a$ ;$b$ $$ $a$ $$ $x$ $$"), ["$a$ ;$b$ $$ $a$", "$$ $x$ $$"]);
    assert_eq!(literals(Postgres, "$é_1$;$é_1$"), ["$é_1$;$é_1$"]);
    assert_eq!(literals(Postgres, "$1 + $2; a$b$; c$b$"), [""; 0]);
    assert_eq!(literals(MySql, "$$ ; $$"), [""; 0]);
    assert_eq!(literals(Sqlite, "$a$ ; $a$"), [""; 0]);
}

#[test]
fn comments_nest_only_in_postgres() {
    let sql = "/* a /* b */ ; */ x";
    assert_eq!(shapes(Postgres, sql), [(Kind::Comment, "/* a /* b */ ; */"), (Kind::Word, "x")]);
    assert_eq!(shapes(Sqlite, sql).first(), Some(&(Kind::Comment, "/* a /* b */")));
    assert_eq!(shapes(MySql, sql).first(), Some(&(Kind::Comment, "/* a /* b */")));
    assert_eq!(shapes(Postgres, "/*/*/ x").len(), 1);
    assert_eq!(shapes(Postgres, "/*/**/**/x").last(), Some(&(Kind::Word, "x")));
}

#[test]
fn line_comments_begin_and_end_as_each_engine_has_it() {
    assert_eq!(shapes(Postgres, "--a\rb").last(), Some(&(Kind::Word, "b")));
    assert_eq!(shapes(Sqlite, "--a\rb").len(), 1);
    assert_eq!(shapes(MySql, "1--1").len(), 4);
    assert_eq!(shapes(MySql, "-- a\n--\n--").len(), 3);
    assert_eq!(shapes(MySql, "#a\nb").last(), Some(&(Kind::Word, "b")));
    assert_eq!(shapes(Postgres, "a #> b").len(), 4);
    assert_eq!(shapes(Postgres, "1+--2\n3").last(), Some(&(Kind::Word, "3")));
}

#[test]
fn executable_comments_are_marks_around_ordinary_tokens() {
    let expected = [
        (Kind::Mark, "/*!50003"),
        (Kind::Word, "a"),
        (Kind::Literal, "'*/'"),
        (Kind::Comment, "/* c */"),
        (Kind::Mark, "*/"),
        (Kind::Word, "b"),
    ];
    assert_eq!(shapes(MySql, "/*!50003 a '*/' /* c */ */ b"), expected);
    assert_eq!(shapes(MySql, "/*M!100100 a */").len(), 3);
    assert_eq!(shapes(MySql, "/*!999999\\- enable the sandbox mode */").len(), 1);
    assert_eq!(shapes(Postgres, "/*! a */").len(), 1);
}

#[test]
fn identifiers_are_quoted_in_each_engines_own_way() {
    assert_eq!(shapes(Sqlite, "[a;b] `c``;` \"d\"\";\"").len(), 3);
    assert_eq!(shapes(MySql, "`a``;\\`"), [(Kind::Name, "`a``;\\`")]);
    assert_eq!(shapes(Postgres, "\"a\"\";\\\""), [(Kind::Name, "\"a\"\";\\\"")]);
}

#[test]
fn what_is_never_closed_reaches_to_the_end() {
    for engine in Engine::ALL {
        for open in ["'a; b", "\"a; b", "/* a; b", "'a'';"] {
            assert_eq!(Scanner::new(engine, open).count(), 1, "{engine}: {open}");
        }
    }
    for open in ["$a$ ;$a", "/* /* */", "E'a;\\'", "E'a;\\"] {
        assert_eq!(Scanner::new(Postgres, open).count(), 1, "{open}");
    }
}

#[test]
fn a_byte_order_mark_is_space_at_the_start_and_anywhere_in_sqlite() {
    assert_eq!(shapes(Postgres, "\u{feff}a \u{feff}b"), [(Kind::Word, "a"), (Kind::Word, "\u{feff}b")]);
    assert_eq!(shapes(Sqlite, "\u{feff}a \u{feff}b"), [(Kind::Word, "a"), (Kind::Word, "b")]);
}

proptest! {
    #[test]
    fn tokens_laid_end_to_end_are_the_text(sql in hostile()) {
        for engine in Engine::ALL {
            let tokens: Vec<_> = Scanner::new(engine, &sql).collect();
            prop_assert_eq!(tokens.iter().map(|token| token.text).collect::<String>(), sql.as_str());
            prop_assert!(tokens.iter().all(|token| !token.text.is_empty()));
        }
    }
}
