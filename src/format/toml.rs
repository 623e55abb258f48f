//! One table of a TOML file: `[tool.alembic]` of `pyproject.toml`, a migration's `metadata.toml`.
//!
//! A whole TOML library costs 115 kB of the binary. This reads every TOML file's structure, so that no string or
//! comment is mistaken for the table, and the values that such a table can hold.

/// A value, as far as options need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A number, a boolean or a date, as it is written.
    Bare(String),
    /// An array.
    List(Vec<Value>),
    /// An inline table, its keys as paths.
    Table(Vec<(Vec<String>, Value)>),
}

/// How deep arrays and inline tables may nest.
const DEEPEST: usize = 32;

/// The keys and values below a path such as `["tool", "alembic"]`, and the line of what cannot be read.
pub(super) fn table(text: &str, path: &[&str]) -> Result<Vec<(String, Value)>, usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, at: 0 };
    let mut pairs = Vec::new();
    reader.document(&mut pairs).ok_or_else(|| reader.line())?;
    let mut found = Vec::new();
    for (key, value) in pairs {
        flatten(key, value, &mut found);
    }
    let below = |(key, value): (Vec<String>, Value)| match key.split_last() {
        Some((last, parents)) if parents == path => Some((last.clone(), value)),
        _ => None,
    };
    Ok(found.into_iter().filter_map(below).collect())
}

/// An inline table's pairs, each with its whole path.
fn flatten(key: Vec<String>, value: Value, found: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Table(pairs) => {
            for (below, value) in pairs {
                flatten(key.iter().cloned().chain(below).collect(), value, found);
            }
        }
        value => found.push((key, value)),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The line reached, from 1.
    fn line(&self) -> usize {
        self.text.bytes().take(self.at).filter(|byte| *byte == b'\n').count() + 1
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn expect(&mut self, wanted: &str) -> Option<()> {
        self.accept(wanted).then_some(())
    }

    /// Steps over characters as long as they satisfy the condition, and returns them.
    fn take(&mut self, condition: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !condition(letter)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.take(|letter| letter == ' ' || letter == '\t');
    }

    /// Steps over spaces, comments and line ends.
    fn nothing(&mut self) {
        loop {
            self.take(|letter| matches!(letter, ' ' | '\t' | '\r' | '\n'));
            if !self.accept("#") {
                return;
            }
            self.take(|letter| letter != '\n');
        }
    }

    fn document(&mut self, pairs: &mut Vec<(Vec<String>, Value)>) -> Option<()> {
        let mut table = Vec::new();
        loop {
            self.nothing();
            if self.rest().is_empty() {
                return Some(());
            }
            if self.accept("[[") {
                table = self.key()?;
                self.expect("]]")?;
                // The elements of an array are none of the tables that are looked for.
                table.push(String::new());
            } else if self.accept("[") {
                table = self.key()?;
                self.expect("]")?;
            } else {
                let (key, value) = self.pair(0)?;
                pairs.push((table.iter().cloned().chain(key).collect(), value));
            }
            self.blanks();
            if !(self.rest().is_empty() || self.rest().starts_with(['#', '\n', '\r'])) {
                return None;
            }
        }
    }

    /// `key = value`.
    fn pair(&mut self, level: usize) -> Option<(Vec<String>, Value)> {
        let key = self.key()?;
        self.expect("=")?;
        self.blanks();
        Some((key, self.value(level)?))
    }

    /// A dotted key, with the blanks around it.
    fn key(&mut self) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        loop {
            self.blanks();
            let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
            let part = if let Some(quoted) = self.string()? {
                quoted
            } else {
                Some(self.take(bare)).filter(|part| !part.is_empty())?.to_owned()
            };
            parts.push(part);
            self.blanks();
            if !self.accept(".") {
                return Some(parts);
            }
        }
    }

    fn value(&mut self, level: usize) -> Option<Value> {
        if level > DEEPEST {
            return None;
        }
        if let Some(text) = self.string()? {
            return Some(Value::Text(text));
        }
        if self.accept("[") {
            let mut list = Vec::new();
            self.items("]", |reader| {
                list.push(reader.value(level + 1)?);
                Some(())
            })?;
            return Some(Value::List(list));
        }
        if self.accept("{") {
            let mut pairs = Vec::new();
            self.items("}", |reader| {
                pairs.push(reader.pair(level + 1)?);
                Some(())
            })?;
            return Some(Value::Table(pairs));
        }
        let bare = self.take(|letter| !matches!(letter, ',' | ']' | '}' | '#' | '\n')).trim_end();
        is_bare(bare).then(|| Value::Bare(bare.to_owned()))
    }

    /// What stands between commas up to a closing bracket.
    fn items(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        loop {
            self.nothing();
            if self.accept(close) {
                return Some(());
            }
            item(self)?;
            self.nothing();
            if !self.accept(",") {
                return self.expect(close);
            }
        }
    }

    /// A string, if one begins here: the outer `None` is one that does not end.
    #[expect(clippy::option_option, reason = "no string and a broken string are different answers")]
    fn string(&mut self) -> Option<Option<String>> {
        let Some(quote) = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.accept(quote)) else {
            return Some(None);
        };
        let mut text = String::new();
        if quote.len() == 3 && !self.accept("\n") {
            self.accept("\r\n");
        }
        loop {
            if self.accept(quote) {
                // One or two quotes may stand right before the closing three.
                while quote.len() == 3 && self.rest().starts_with(quote.get(..1)?) {
                    self.at += 1;
                    text.push_str(quote.get(..1)?);
                }
                return Some(Some(text));
            }
            let letter = self.rest().chars().next()?;
            self.at += letter.len_utf8();
            match letter {
                '\n' if quote.len() == 1 => return None,
                '\\' if quote.starts_with('"') => self.escape(&mut text)?,
                letter => text.push(letter),
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        let letter = self.rest().chars().next()?;
        self.at += letter.len_utf8();
        match letter {
            'b' => text.push('\u{8}'),
            't' => text.push('\t'),
            'n' => text.push('\n'),
            'f' => text.push('\u{c}'),
            'r' => text.push('\r'),
            'e' => text.push('\u{1b}'),
            '"' | '\\' => text.push(letter),
            'x' | 'u' | 'U' => {
                let length = [('x', 2), ('u', 4), ('U', 8)].into_iter().find(|(kind, _)| *kind == letter)?.1;
                let digits = self.rest().get(..length)?;
                self.at += length;
                text.push(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?);
            }
            // A line that goes on: the break and the blanks at the start of the next line are not meant.
            ' ' | '\t' | '\r' | '\n' => drop(self.take(char::is_whitespace)),
            _ => return None,
        }
        Some(())
    }
}

/// Whether this may be a boolean, a number or a date.
fn is_bare(word: &str) -> bool {
    let number = word.trim_start_matches(['+', '-']);
    matches!(word, "true" | "false")
        || matches!(number, "inf" | "nan")
        || number.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Value, table};

    fn alembic(text: &str) -> Vec<(String, Value)> {
        table(text, &["tool", "alembic"]).unwrap_or_else(|line| panic!("line {line} of {text}"))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_table_is_found_however_its_path_is_written() {
        for source in [
            "[tool.alembic]\na = 'b'",
            "[ tool . \"alembic\" ]\r\na = \"b\" # c\r\n",
            "tool.alembic.a = 'b'",
            "[tool]\nalembic.a = 'b'",
            "[tool]\nalembic = { a = 'b' }",
            "tool = { alembic.a = 'b' }",
            "[[tool.x]]\na = 'no'\n[tool.alembic]\na = '''\nb'''\n[tool.alembic.b]\na = 'no'",
            "[tool.alembic]\na = \"\\u0062\"\n[[tool.alembic.hooks]]\na = 'no'\n",
            "x = '''\n[tool.alembic]\na = 'no'\n'''\n# [tool.alembic]\n[tool.alembic]\na = 'b'",
            "x = [ # ]\n 'y', \"]\",\n]\ny = 1979-05-27T07:32:00Z\n[tool.alembic]\na = \"\"\"b\"\"\"",
            "\u{feff}[tool.alembic]\na = \"\"\"\\\n   b\"\"\"",
        ] {
            assert_eq!(alembic(source), [("a".into(), text("b"))], "{source}");
        }
        assert_eq!(alembic("[tool.other]\na = 'b'"), []);
    }

    #[test]
    fn arrays_and_booleans_are_values_too() {
        let found =
            alembic("[tool.alembic]\na = [\n  'b', # x\n  \"c\"\n]\nd = true # e\nf = [[1, 2], {g = 'h'}]\n");
        let list = Value::List(vec![text("b"), text("c")]);
        assert_eq!(found.first(), Some(&("a".into(), list)));
        assert_eq!(found.get(1), Some(&("d".into(), Value::Bare("true".into()))));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        for source in [
            "\na",
            "\n[a",
            "\na = ",
            "\na = 'b",
            "\na = [1",
            "\na = \"\\q\"",
            "\na = 'b' c",
            "\n= 1",
            "\na = yes",
        ] {
            assert_eq!(table(source, &[]), Err(2), "{source}");
        }
        assert!(table(&format!("a = {}", "[".repeat(9999)), &[]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(source in "[\\[\\]{}a-c.=,#'\"\\\\\n é]{0,60}") {
            let _ = table(&source, &["a"]);
        }
    }
}
