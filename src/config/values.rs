//! Small values: durations, booleans, words out of a list, globs, table names.

use std::time::Duration;

use super::report::shown;
use crate::engine::TableName;

/// The longest limit; beyond it clocks overflow, and `0` says "no limit".
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// `250ms`, `30s`, `5m`, `1h30m`, `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{} is not a duration; write for example 250ms, 30s, 5m, 1h30m or 0", shown(text));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    // humantime also reads months and years, whose `5M` is one slip away from `5m`.
    if !text.chars().all(|letter| letter.is_ascii_digit() || "hms".contains(letter)) {
        return Err(wrong());
    }
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err(format!("{} is too long; 0 means no limit", shown(text))),
        Err(_) => Err(wrong()),
    }
}

/// A duration of which `0` means no limit.
pub(crate) fn limit(text: &str) -> Result<Option<Duration>, String> {
    duration(text).map(|limit| (!limit.is_zero()).then_some(limit))
}

/// 1/true/yes/on and their opposites, in any case.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{} is not a boolean; write for example true or false", shown(text))),
    }
}

/// One word of a list, in any case.
pub(crate) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value).ok_or_else(
        || {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("{} is not one of {}", shown(text), words.join(", "))
        },
    )
}

/// A port, 1–65535.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("{} is not a port; write a number from 1 to 65535", shown(text)))
}

/// How many times.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{} is not a count; write for example 0 or 20", shown(text)))
}

/// `[SCHEMA.]NAME`, each part plain or in double quotes (`""` stands for one).
pub(crate) fn table_name(text: &str) -> Result<TableName, String> {
    let wrong = || {
        format!("{} is not a table's name; write for example _sqlx_migrations or app.history", shown(text))
    };
    let mut parts = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        let mut part = String::new();
        if rest.next_if_eq(&'"').is_some() {
            loop {
                match rest.next() {
                    Some('"') if rest.next_if_eq(&'"').is_some() => part.push('"'),
                    Some('"') => break,
                    Some(letter) => part.push(letter),
                    None => return Err(wrong()),
                }
            }
        } else {
            while let Some(letter) = rest.next_if(|letter| *letter != '.' && *letter != '"') {
                part.push(letter);
            }
        }
        if part.is_empty() || part.contains('\0') {
            return Err(wrong());
        }
        parts.push(part);
        match rest.next() {
            Some('.') => {}
            Some(_) => return Err(wrong()),
            None => break,
        }
    }
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, None) => Ok(TableName { schema: None, name }),
        (Some(schema), Some(name), None) => Ok(TableName { schema: Some(schema), name }),
        _ => Err(wrong()),
    }
}

/// Whether a text matches a pattern in which `*` is any run of characters and `?` any one.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                p += 1;
                t += 1;
            }
            // Let the last star take one character more.
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::{boolean, duration, glob, limit, table_name};
    use std::time::Duration;

    #[test]
    fn durations_are_written_as_the_documentation_says() {
        for (text, milliseconds) in
            [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in ["", "30", "soon", "5M", "-1s", "1.5s", "5 m", "s", "5x", "30sm", "99999999999h", "１s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zero_means_no_limit() {
        assert_eq!(limit("0"), Ok(None));
        assert_eq!(limit("1s"), Ok(Some(Duration::from_secs(1))));
    }

    #[test]
    fn booleans_come_in_four_pairs_and_any_case() {
        for text in ["1", "true", "YES", "On"] {
            assert_eq!(boolean(text), Ok(true));
        }
        for text in ["0", "False", "no", "OFF"] {
            assert_eq!(boolean(text), Ok(false));
        }
        assert!(boolean("maybe").is_err());
    }

    #[test]
    fn a_table_may_name_its_schema_and_be_quoted() {
        assert_eq!(table_name("history").unwrap().to_string(), "history");
        let table = table_name("app.history").unwrap();
        assert_eq!((table.schema.as_deref(), table.name.as_str()), (Some("app"), "history"));
        let table = table_name(r#""my.schema"."a""b""#).unwrap();
        assert_eq!((table.schema.as_deref(), table.name.as_str()), (Some("my.schema"), "a\"b"));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for text in ["", ".", "a.", ".b", "a.b.c", r#""open"#, r#""a"b"#, r#"a"b""#] {
            assert!(table_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_is_any_run_and_a_question_mark_any_one() {
        assert!(glob("node server.js*", "node server.js --port 80"));
        assert!(glob("node server.js*", "node server.js"));
        assert!(glob("*worker?*", "python worker1.py"));
        assert!(glob("a*b*c", "a-b-b-c"));
        assert!(glob("*", ""));
        assert!(!glob("node server.js", "node server.js --port 80"));
        assert!(!glob("a?c", "ac"));
        assert!(!glob("a*c", "ab"));
        assert!(!glob("", "a"));
    }
}
