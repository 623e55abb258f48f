//! A statement as a log line shows it, without what is secret in it.

use std::ops::Range;

use super::scan::{Kind, Scanner, Token};
use crate::target::Engine;

/// The longest excerpt, in characters; the contract's figure for log events.
const LONGEST: usize = 200;

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "***";

/// The statement on one line, at most 200 characters, passwords and the like masked.
///
/// Which engine it is for is not asked: a literal is masked if it is to be masked under any engine's reading, so
/// that a backslash that ends one engine's literal cannot bare another's. Masking errs on the side of too much.
pub fn excerpt(statement: &str) -> String {
    let mut veils = Engine::ALL.map(|engine| Veil::new(engine, statement));
    let mut line = Line::default();
    let mut at = 0;
    let mut hidden_until = None;
    while let Some(character) = statement.get(at..).and_then(|rest| rest.chars().next()) {
        if line.length > LONGEST {
            break;
        }
        if let Some(end) = veils.iter_mut().filter_map(|veil| veil.hides(at)).max() {
            // Two readings of one place, one behind the other, are one mask.
            if hidden_until != Some(at) {
                MASK.chars().for_each(|star| line.push(star));
            }
            hidden_until = Some(end);
            at = end;
        } else {
            line.push(character);
            at += character.len_utf8();
        }
    }
    line.finish()
}

/// Collects characters on one line.
#[derive(Default)]
struct Line {
    text: String,
    length: usize,
    gap: bool,
}

impl Line {
    fn push(&mut self, character: char) {
        if character.is_whitespace() || character.is_control() {
            self.gap = self.length > 0;
            return;
        }
        if std::mem::take(&mut self.gap) {
            self.text.push(' ');
            self.length += 1;
        }
        self.text.push(character);
        self.length += 1;
    }

    fn finish(self) -> String {
        if self.length <= LONGEST {
            return self.text;
        }
        let kept: String = self.text.chars().take(LONGEST - 1).collect();
        format!("{}…", kept.trim_end())
    }
}

/// One engine's reading of a statement: which of its tokens are secret.
struct Veil<'a> {
    tokens: Scanner<'a>,
    /// Up to where tokens were judged.
    judged: usize,
    /// The last secret found.
    secret: Range<usize>,
    /// Whether something before spoke of a secret; from there on every literal may be one.
    alert: bool,
    /// Whether values were begun, so that double quotes are more likely MySQL's strings than names.
    values: bool,
    previous: Option<Token<'a>>,
    before_previous: Option<Token<'a>>,
}

/// Words that announce a secret, wherever they stand in a name or a literal: `PASSWORD`, `IDENTIFIED BY`,
/// `pgp_sym_encrypt`, `client_secret`.
const TELLING: [&str; 12] = [
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "credential",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "private_key",
    "identified",
    "crypt",
];

/// Longer literals are not looked into: hardly any of one would be shown.
const LOOKED_INTO: usize = 16 * 1024;

impl<'a> Veil<'a> {
    fn new(engine: Engine, statement: &'a str) -> Self {
        Self {
            tokens: Scanner::new(engine, statement),
            judged: 0,
            secret: 0..0,
            alert: false,
            values: false,
            previous: None,
            before_previous: None,
        }
    }

    /// Where the secret ends that covers this byte, if one does. Asked with offsets that only grow.
    fn hides(&mut self, at: usize) -> Option<usize> {
        while self.judged <= at {
            let token = self.tokens.next()?;
            self.judged = token.end();
            if self.is_secret(&token) {
                self.secret = token.start..token.end();
            }
            if !matches!(token.kind, Kind::Space | Kind::Comment | Kind::Mark) {
                self.before_previous = self.previous.replace(token);
            }
        }
        self.secret.contains(&at).then_some(self.secret.end)
    }

    fn is_secret(&mut self, token: &Token<'a>) -> bool {
        match token.kind {
            Kind::Space | Kind::Mark | Kind::Symbol(_) => false,
            Kind::Comment => tells(token.text) || has_credentials(token.text),
            Kind::Word => {
                // A hash may be written as a hexadecimal number.
                let hash = self.alert && token.text.starts_with("0x");
                self.alert |= tells(token.text);
                self.values |= token.is_any(&["VALUES", "VALUE", "SELECT", "SET", "WHERE"]);
                hash
            }
            Kind::Name | Kind::Literal => {
                self.alert |= tells(token.text);
                let is_value = match token.text.as_bytes().first() {
                    // A name to two engines, most often a string to the third.
                    Some(b'"') => self.values || self.is_announced(),
                    _ => token.kind == Kind::Literal,
                };
                self.alert && is_value || has_credentials(token.text)
            }
        }
    }

    /// Whether what stands before a text in double quotes says that it is a value.
    fn is_announced(&self) -> bool {
        let Some(previous) = self.previous else { return false };
        match previous.kind {
            Kind::Symbol(b'(') => {
                self.before_previous.is_some_and(|word| word.is_any(&["PASSWORD", "OLD_PASSWORD"]))
            }
            Kind::Symbol(symbol) => matches!(symbol, b'=' | b'>'),
            Kind::Word => previous.is_any(&["BY", "AS", "USING", "IS", "REPLACE"]) || tells(previous.text),
            _ => false,
        }
    }
}

fn tells(text: &str) -> bool {
    if text.len() > LOOKED_INTO {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    TELLING.iter().any(|word| lower.contains(word))
}

/// Whether a text holds `user:password@`, as in a URL.
fn has_credentials(text: &str) -> bool {
    let at_sign_behind = |(_, rest): (&str, &str)| rest.contains('@');
    text.split_once("://").is_some_and(at_sign_behind)
        || text.split_whitespace().any(|word| word.split_once(':').is_some_and(at_sign_behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_statement_is_shown_as_it_is_on_one_line() {
        assert_eq!(
            excerpt("CREATE TABLE t (\r\n\t\"a\"  int DEFAULT 1, -- note\n b text DEFAULT 'x  y')"),
            "CREATE TABLE t ( \"a\" int DEFAULT 1, -- note b text DEFAULT 'x y')"
        );
        assert_eq!(excerpt("  SELECT\u{1b}[31m 1 "), "SELECT [31m 1");
        assert_eq!(excerpt(""), "");
    }

    #[test]
    fn a_long_one_ends_in_an_ellipsis_at_200_characters() {
        let long = format!("SELECT {}", "ä".repeat(500));
        assert_eq!(excerpt(&long).chars().count(), 200);
        assert!(excerpt(&long).ends_with("ä…"));
        let fits = format!("SELECT {}", "ä".repeat(193));
        assert_eq!(excerpt(&fits), fits);
    }

    #[test]
    fn password_literals_are_masked_in_every_notation() {
        for (statement, expected) in [
            ("CREATE ROLE r LOGIN PASSWORD 'hunter2'", "CREATE ROLE r LOGIN PASSWORD ***"),
            ("ALTER USER u ENCRYPTED PASSWORD E'hunter2\\'hunter2'", "ALTER USER u ENCRYPTED PASSWORD ***"),
            ("ALTER ROLE r PASSWORD $$hunter2$$", "ALTER ROLE r PASSWORD ***"),
            ("ALTER ROLE r PASSWORD $x$hunter2;$x$;", "ALTER ROLE r PASSWORD ***;"),
            ("ALTER ROLE r PASSWORD 'hunter2'\n 'hunter2'", "ALTER ROLE r PASSWORD ***"),
            ("ALTER ROLE r /* x */ password -- y\n U&'hunter2'", "ALTER ROLE r /* x */ password -- y U&***"),
            ("CREATE USER 'u'@'%' IDENTIFIED BY 'hunter2'", "CREATE USER 'u'@'%' IDENTIFIED BY ***"),
            ("CREATE USER u@h IDENTIFIED BY \"hunter2\"", "CREATE USER u@h IDENTIFIED BY ***"),
            ("ALTER USER u IDENTIFIED WITH p AS 'hunter2'", "ALTER USER u IDENTIFIED WITH p AS ***"),
            ("ALTER USER u IDENTIFIED WITH p AS 0xhunter2", "ALTER USER u IDENTIFIED WITH p AS ***"),
            (
                "CREATE USER u IDENTIFIED VIA p USING PASSWORD(\"hunter2\")",
                "CREATE USER u IDENTIFIED VIA p USING PASSWORD(***)",
            ),
            ("SET PASSWORD FOR u@h = PASSWORD('hunter2')", "SET PASSWORD FOR u@h = PASSWORD(***)"),
            ("CHANGE MASTER TO MASTER_PASSWORD='hunter2'", "CHANGE MASTER TO MASTER_PASSWORD=***"),
            ("SELECT f(password => 'hunter2')", "SELECT f(password => ***)"),
            (
                "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'bob', password 'hunter2')",
                "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'bob', password ***)",
            ),
            (
                "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p",
                "CREATE SUBSCRIPTION s CONNECTION *** PUBLICATION p",
            ),
            ("SELECT * FROM dblink('password=hunter2', 'SELECT 1')", "SELECT * FROM dblink(***, ***)"),
            (
                "SELECT set_config('app.url', 'postgres://u:hunter2@h/d', false)",
                "SELECT set_config('app.url', ***, false)",
            ),
            ("INSERT INTO dsn VALUES ('u:hunter2@tcp(h)/d')", "INSERT INTO dsn VALUES (***)"),
            (
                "INSERT INTO users (name, password) VALUES ('bob', \"hunter2\")",
                "INSERT INTO users (name, password) VALUES (***, ***)",
            ),
            (
                "UPDATE u SET h = crypt('hunter2', gen_salt('bf'))",
                "UPDATE u SET h = crypt(***, gen_salt(***))",
            ),
            ("SELECT 1 -- password: hunter2\n, 2", "SELECT 1 *** , 2"),
        ] {
            assert_eq!(excerpt(statement), expected);
        }
    }

    #[test]
    fn names_stay_readable_where_a_column_is_called_password() {
        for statement in [
            "CREATE TABLE \"User\" (\"id\" int, \"password\" text NOT NULL, \"createdAt\" date)",
            "CREATE TABLE `User` (`password` text, `createdAt` date)",
            "ALTER TABLE \"User\" ADD COLUMN \"token\" text, ADD COLUMN \"note\" text",
        ] {
            assert_eq!(excerpt(statement), statement);
        }
    }

    #[test]
    fn one_engines_end_of_a_literal_bares_nothing_of_anothers() {
        for statement in [
            r"CREATE USER u IDENTIFIED BY 'a\'hunter2'",
            r"CREATE USER u IDENTIFIED BY 'a\\' 'hunter2'",
            r"ALTER ROLE r PASSWORD 'a\' VALID UNTIL 'hunter2'",
            "ALTER ROLE r PASSWORD $a$ ' $b$ \" hunter2 $a$",
            "SELECT '#' || `a` , password('hunter2')",
        ] {
            assert!(!excerpt(statement).contains("hunter2"), "{}", excerpt(statement));
        }
    }

    #[test]
    fn a_mask_is_applied_before_the_text_is_cut() {
        for before in 150..210 {
            let statement = format!("{} PASSWORD 'hunter2hunter2'", "x".repeat(before));
            assert!(!excerpt(&statement).contains("hu"), "{before}");
        }
    }

    proptest! {
        #[test]
        fn no_password_survives_its_place(
            password in "[a-zA-Z0-9 !#%&()*+,./:;<=>?@^_{|}~-]{1,20}",
            before in "[a-z ]{0,20}",
            form in 0..6_usize,
        ) {
            let secret = format!("Zq{password}qZ");
            let statement = before + &match form {
                0 => format!(" PASSWORD '{secret}'"),
                1 => format!(" IDENTIFIED BY \"{secret}\" REQUIRE SSL"),
                2 => format!(" OPTIONS (user 'u', password $x${secret}$x$)"),
                3 => format!(" CONNECTION 'host=h password={secret}'"),
                4 => format!(" 'mysql://u:{secret}@h/d'"),
                _ => format!(" PASSWORD E'\\'{secret}\\\\'"),
            };
            let shown = excerpt(&statement);
            prop_assert!(!shown.contains("Zq") && !shown.contains("qZ"), "{}", shown);
        }

        #[test]
        fn any_text_has_an_excerpt_of_one_line(sql in crate::script::corpus::hostile()) {
            let shown = excerpt(&sql);
            prop_assert!(shown.chars().count() <= LONGEST);
            prop_assert!(!shown.contains(['\n', '\r']));
        }
    }
}
