//! Where SQLite sees the end of a statement: as `sqlite3_complete` does, whose states these are
//! (<https://www.sqlite.org/c3ref/complete.html>, `complete.c`).
//!
//! It only serves to say where a script failed; SQLite itself splits what it runs.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Semicolon,
    /// White space and comments.
    Space,
    Create,
    Temporary,
    Trigger,
    End,
    Explain,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Normal,
    Explain,
    Create,
    /// In a trigger's body, whose statements end with semicolons of their own.
    Trigger,
    /// After a semicolon in a trigger's body.
    TriggerSemicolon,
    /// After `; END` in a trigger's body: the next semicolon ends the trigger.
    TriggerEnd,
}

impl State {
    fn after(self, token: Token) -> Self {
        match (self, token) {
            (state, Token::Space) => state,
            (Self::Trigger | Self::TriggerSemicolon, Token::Semicolon) => Self::TriggerSemicolon,
            (_, Token::Semicolon) => Self::Start,
            (Self::TriggerSemicolon, Token::End) => Self::TriggerEnd,
            (Self::Trigger | Self::TriggerSemicolon | Self::TriggerEnd, _)
            | (Self::Create, Token::Trigger) => Self::Trigger,
            (Self::Start, Token::Explain) | (Self::Explain, Token::Other) => Self::Explain,
            (Self::Start | Self::Explain, Token::Create) | (Self::Create, Token::Temporary) => Self::Create,
            _ => Self::Normal,
        }
    }
}

/// Where the statement with this number (from 0) stands in a script, in bytes, from its first word to its semicolon.
///
/// Empty statements and comments do not count, as they do not for SQLite.
pub(super) fn nth(script: &str, number: usize) -> Option<Range<usize>> {
    let mut state = State::Start;
    let mut start = None;
    let mut before = 0;
    let mut position = 0;
    while let Some(rest) = script.get(position..).filter(|rest| !rest.is_empty()) {
        let (token, length) = first_token(rest);
        state = state.after(token);
        if start.is_none() && !matches!(token, Token::Space | Token::Semicolon) {
            start = Some(position);
        }
        position += length;
        if let (Token::Semicolon, State::Start, Some(begin)) = (token, state, start) {
            if before == number {
                return Some(begin..position);
            }
            before += 1;
            start = None;
        }
    }
    start.filter(|_| before == number).map(|begin| begin..script.len())
}

/// The first token of a text that is not empty, and its length in bytes.
fn first_token(text: &str) -> (Token, usize) {
    let Some(first) = text.chars().next() else { return (Token::Space, 0) };
    let until = |end: &str, from: usize| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |index| from + index + end.len())
    };
    match first {
        ';' => (Token::Semicolon, 1),
        // SQLite skips a byte order mark too.
        ' ' | '\t' | '\n' | '\r' | '\x0c' | '\u{feff}' => (Token::Space, first.len_utf8()),
        '/' if text.starts_with("/*") => (Token::Space, until("*/", 2)),
        '-' if text.starts_with("--") => (Token::Space, until("\n", 2)),
        '[' => (Token::Other, until("]", 1)),
        // A doubled quote inside is two strings side by side, with the same end.
        '\'' => (Token::Other, until("'", 1)),
        '"' => (Token::Other, until("\"", 1)),
        '`' => (Token::Other, until("`", 1)),
        _ if is_word(first) => {
            let length = text.find(|character| !is_word(character)).unwrap_or(text.len());
            (keyword(text.get(..length).unwrap_or_default()), length)
        }
        _ => (Token::Other, first.len_utf8()),
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn keyword(word: &str) -> Token {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    match () {
        () if is("create") => Token::Create,
        () if is("temp") || is("temporary") => Token::Temporary,
        () if is("trigger") => Token::Trigger,
        () if is("end") => Token::End,
        () if is("explain") => Token::Explain,
        () => Token::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::nth;

    fn all(script: &str) -> Vec<&str> {
        (0..).map_while(|number| nth(script, number)).filter_map(|range| script.get(range)).collect()
    }

    #[test]
    fn semicolons_in_strings_names_and_comments_end_nothing() {
        let script = "-- a; b\nSELECT 'x;''y', \"c;d\", [e;f], `g;h` /* ; */;\n;\nSELECT 2";
        assert_eq!(all(script), ["SELECT 'x;''y', \"c;d\", [e;f], `g;h` /* ; */;", "SELECT 2"]);
    }

    #[test]
    fn a_trigger_ends_at_its_end() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE c WHEN 1 THEN 2 END; \
                       DELETE FROM d; END;";
        let script = format!("{trigger} SELECT 1;");
        assert_eq!(all(&script), [trigger, "SELECT 1;"]);
    }

    #[test]
    fn what_only_looks_like_a_trigger_is_a_statement() {
        assert_eq!(
            all("CREATE TABLE \"trigger\" (a); SELECT 1"),
            ["CREATE TABLE \"trigger\" (a);", "SELECT 1"]
        );
    }

    #[test]
    fn nothing_is_left_of_comments_and_an_unfinished_string_takes_the_rest() {
        assert!(all("\u{feff} -- nothing\n/* at all").is_empty());
        assert_eq!(all("SELECT 'a; b"), ["SELECT 'a; b"]);
    }
}
