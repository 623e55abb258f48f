//! `$NAME` and `${NAME…}` replaced by the environment, as `mfridman/interpolate` does it for goose.
//!
//! One pass reads and expands. What a part that does not count holds (the default of a variable that is set) is read all
//! the same, because a mistake in it stops goose as well.

/// How deep defaults may stand in one another; Go's stack knows no such end, ours does.
const MAX_DEPTH: usize = 32;

/// Looks up a variable; one that is empty counts as set. An error where its value is no text.
pub(super) type Lookup<'a> = dyn Fn(&str) -> Result<Option<String>, String> + 'a;

/// Expands every variable of a line.
///
/// # Errors
///
/// What is wrong, without any variable's value.
pub(super) fn interpolate(line: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    let mut reader = Reader { rest: line, lookup };
    let mut expanded = String::new();
    reader.expression(None, &mut Some(&mut expanded), 0)?;
    Ok(expanded)
}

/// Where expanded text goes; nowhere for a part that does not count.
type Sink<'a> = Option<&'a mut String>;

fn put(sink: &mut Sink<'_>, text: &str) {
    if let Some(text_so_far) = sink {
        text_so_far.push_str(text);
    }
}

/// `Parser` of the library's `parser.go`.
struct Reader<'a> {
    rest: &'a str,
    lookup: &'a Lookup<'a>,
}

impl<'a> Reader<'a> {
    /// `parseExpression`: up to the end, or to the character that ends it.
    fn expression(&mut self, stop: Option<char>, sink: &mut Sink<'_>, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("defaults stand in one another more than {MAX_DEPTH} deep"));
        }
        while let Some(next) = self.rest.chars().next().filter(|next| Some(*next) != stop) {
            // A backslash before another stays, both of them.
            if self.skip(r"\\") {
                put(sink, r"\\");
            } else if self.skip(r"\$") || self.skip("$$") {
                put(sink, "$");
            } else if self.skip("$(") {
                put(sink, "$(");
            } else if next == '$' && self.rest.len() > 1 {
                self.take();
                self.expansion(sink, depth)?;
            } else {
                self.take();
                put(sink, next.encode_utf8(&mut [0; 4]));
                let text = self.until(|other| other == '$' || other == '\\' || Some(other) == stop);
                put(sink, text);
            }
        }
        Ok(())
    }

    /// `parseExpansion`, `parseBraceExpansion` and what each expands to.
    fn expansion(&mut self, sink: &mut Sink<'_>, depth: usize) -> Result<(), String> {
        let braced = self.skip("{");
        let name = self.identifier()?;
        if !braced || self.skip("}") {
            put(sink, &(self.lookup)(name)?.unwrap_or_default());
            return Ok(());
        }
        let value = (self.lookup)(name)?;
        if self.skip(":-") {
            self.default(value.filter(|value| !value.is_empty()), sink, depth)?;
        } else if self.skip("-") {
            self.default(value, sink, depth)?;
        } else if self.skip(":") {
            let part = self.substring(name, &value.unwrap_or_default())?;
            put(sink, &part);
        } else if self.skip("?") {
            let before = self.rest;
            self.expression(Some('}'), &mut None, depth + 1)?;
            let message = before.strip_suffix(self.rest).filter(|message| !message.is_empty());
            match value {
                Some(value) => put(sink, &value),
                None if sink.is_some() => return Err(format!("${name}: {}", message.unwrap_or("not set"))),
                None => {}
            }
        } else {
            return Err(format!(
                "after ${{{name} an operator is expected: one of :- - : ? or the closing }}"
            ));
        }
        if self.skip("}") { Ok(()) } else { Err(format!("${{{name} is not closed by }}")) }
    }

    fn default(&mut self, value: Option<String>, sink: &mut Sink<'_>, depth: usize) -> Result<(), String> {
        let Some(value) = value else { return self.expression(Some('}'), sink, depth + 1) };
        put(sink, &value);
        self.expression(Some('}'), &mut None, depth + 1)
    }

    /// `parseSubstringExpansion` and `SubstringExpansion`: bytes, counted from the end where negative.
    fn substring(&mut self, name: &str, value: &str) -> Result<String, String> {
        let number = |text: &str| {
            text.trim().parse::<i64>().map_err(|_| format!("${{{name}:…}}: \"{}\" is no number", text.trim()))
        };
        let offset = number(self.until(|next| next == ':' || next == '}'))?;
        let length = if self.rest.starts_with('}') {
            None
        } else {
            self.take();
            Some(number(self.until(|next| next == '}'))?)
        };
        let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let from_end = |place: i64| if place < 0 { place.saturating_add(size) } else { place };
        let from = from_end(offset).clamp(0, size);
        let to = match length {
            None => size,
            Some(length) if length >= 0 => from.saturating_add(length).min(size),
            Some(length) => length.saturating_add(size).max(from),
        };
        let range = usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
        match value.get(range) {
            Some(part) => Ok(part.to_owned()),
            None => Err(format!("${{{name}:…}} cuts a character of its value in two")),
        }
    }

    /// `scanIdentifier`.
    fn identifier(&mut self) -> Result<&'a str, String> {
        if !self.rest.starts_with(char::is_alphabetic) {
            return Err(format!(
                "a variable's name begins with a letter, and after the $ stands {}; a $ that means itself is written $$",
                self.rest.chars().next().map_or("nothing".to_owned(), |next| format!("\"{next}\""))
            ));
        }
        Ok(self.until(|next| !(next.is_alphabetic() || next.is_numeric() || next == '_')))
    }

    /// `scanUntil`, which also stops at what Go reads an invalid byte as.
    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|next| next == char::REPLACEMENT_CHARACTER || ends(next));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take(&mut self) {
        let mut chars = self.rest.chars();
        chars.next();
        self.rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, interpolate};

    fn lookup(name: &str) -> Result<Option<String>, String> {
        let value = match name {
            "TEST1" => "A test",
            "TEST2" => "Another",
            "TEST3" => "Llamas",
            "TEST4" => "Only one level of $TEST3 interpolation",
            "COMMIT" => "1adf998e39f647b4b25842f107c6ed9d30a3a7c7",
            "JOB" => "456",
            "DAY" => "Blarghday",
            "EMPTY_DAY" => "",
            "ACCENT" => "é",
            "BROKEN" => return Err("$BROKEN is no text".into()),
            _ => return Ok(None),
        };
        Ok(Some(value.to_owned()))
    }

    fn expanded(text: &str) -> Result<String, String> {
        interpolate(text, &lookup)
    }

    #[track_caller]
    fn expands(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(expanded(text).as_deref(), Ok(*expected), "{text}");
        }
    }

    #[test]
    fn variables_are_replaced_once_and_unset_ones_by_nothing() {
        expands(&[
            ("", ""),
            ("TEST1", "TEST1"),
            ("$TEST1, ${TEST2}, $TEST3", "A test, Another, Llamas"),
            ("$Test1, ${Test2}, $TeST3", ", , "),
            ("my$TEST1", "myA test"),
            ("${TEST4}", "Only one level of $TEST3 interpolation"),
            ("test_$COMMIT_$JOB", "test_456"),
            ("test_${JOB}_${JOB}", "test_456_456"),
            ("$", "$"),
            ("a $", "a $"),
        ]);
    }

    #[test]
    fn defaults_stand_in_for_what_is_unset_or_empty_and_nest() {
        expands(&[
            ("${TEST5:-${TEST6:-$TEST1}}", "A test"),
            ("${TEST5:-Some text ${TEST2:-$TEST1} with $TEST3}", "Some text Another with Llamas"),
            ("${TODAY-Tuesday}", "Tuesday"),
            ("${DAY-Wednesday}", "Blarghday"),
            ("${EMPTY_DAY-Wednesday}", ""),
            ("${EMPTY_DAY:-Wednesday}", "Wednesday"),
            ("${EMPTY_DAY:--:{}}", "-:{}"),
            ("${EMPTY:-${LLAMAS-test}}", "test"),
        ]);
    }

    #[test]
    fn substrings_are_cut_at_the_value_s_ends() {
        expands(&[
            ("${COMMIT:7}", "e39f647b4b25842f107c6ed9d30a3a7c7"),
            ("${COMMIT: -7}", "0a3a7c7"),
            ("${COMMIT: -128}", "1adf998e39f647b4b25842f107c6ed9d30a3a7c7"),
            ("${COMMIT:128}", ""),
            ("${COMMIT:0:7}", "1adf998"),
            ("${COMMIT:7:-7}", "e39f647b4b25842f107c6ed9d3"),
            ("${COMMIT:7:0}", ""),
            ("${COMMIT:7:128}", "e39f647b4b25842f107c6ed9d30a3a7c7"),
            ("${COMMIT:7:-128}", ""),
            ("${NOTHING:7:14}", ""),
        ]);
        assert!(expanded("${ACCENT:1}").is_err_and(|why| why.contains("in two")));
    }

    #[test]
    fn what_is_escaped_and_what_a_shell_would_run_stay() {
        expands(&[
            ("$$ESCAPE_PARTY", "$ESCAPE_PARTY"),
            (r"\$ESCAPE_PARTY", "$ESCAPE_PARTY"),
            ("$${SUCH_ESCAPE}", "${SUCH_ESCAPE}"),
            (r"\\${NO-blah}", r"\\blah"),
            (r"Test \\\${NO-blah}", r"Test \\${NO-blah}"),
            ("$(echo hello world)", "$(echo hello world)"),
            (r"\", r"\"),
        ]);
    }

    #[test]
    fn mistakes_are_told_without_a_value() {
        for (text, said) in [
            ("$1 burgers", "begins with a letter"),
            ("${_X}", "begins with a letter"),
            ("${TEST1", "operator"),
            ("${TEST1:-x", "not closed"),
            ("${TEST1:x}", "no number"),
            ("$BROKEN", "$BROKEN is no text"),
            ("${NO?}", "$NO: not set"),
            ("${NO?set it like $TEST1}", "$NO: set it like $TEST1"),
        ] {
            let why = expanded(text).unwrap_err();
            assert!(why.contains(said) && !why.contains("A test"), "{text}: {why}");
        }
    }

    #[test]
    fn what_does_not_count_is_read_and_not_required() {
        expands(&[("${DAY:-${NO?must be set}}", "Blarghday"), ("${DAY?no}", "Blarghday")]);
        assert!(expanded("${DAY:-$1}").is_err());
        let deep = "${NO:-".repeat(MAX_DEPTH + 2);
        assert!(expanded(&deep).is_err_and(|why| why.contains("deep")));
    }
}
