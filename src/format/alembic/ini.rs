//! `alembic.ini` as Python's `configparser` reads it.

use std::collections::BTreeMap;

/// The section whose options every other section has as well; `configparser.DEFAULTSECT`.
const DEFAULT: &str = "DEFAULT";

/// How deep options may refer to each other; `configparser.MAX_INTERPOLATION_DEPTH`.
const DEEPEST: usize = 10;

type Options = BTreeMap<String, String>;

/// A file's sections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    sections: BTreeMap<String, Options>,
}

impl Ini {
    /// Reads a text. An error names the line and what `configparser` would complain about.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut ini = Self::default();
        let mut section: Option<String> = None;
        let mut option: Option<String> = None;
        let mut level = 0;
        for (number, line) in (1..).zip(text.split('\n')) {
            let value = line.trim();
            let comment = value.starts_with(['#', ';']);
            if value.is_empty() || comment {
                // An empty line belongs to the value around it; a comment does not.
                if !comment && let Some(open) = ini.open(section.as_deref(), option.as_deref()) {
                    open.push('\n');
                }
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if indent > level
                && let Some(open) = ini.open(section.as_deref(), option.as_deref())
            {
                open.push('\n');
                open.push_str(value);
                continue;
            }
            level = indent;
            if let Some(name) = header(value) {
                if ini.sections.contains_key(name) && name != DEFAULT {
                    return Err((number, format!("the section [{name}] is there twice")));
                }
                ini.sections.entry(name.to_owned()).or_default();
                (section, option) = (Some(name.to_owned()), None);
                continue;
            }
            let Some(current) = section.as_ref().and_then(|name| ini.sections.get_mut(name)) else {
                return Err((number, "there is no [section] above".into()));
            };
            let Some((name, value)) =
                value.split_once(['=', ':']).filter(|(name, _)| !name.trim().is_empty())
            else {
                return Err((number, "this is no `option = value`".into()));
            };
            let name = name.trim().to_lowercase();
            if current.insert(name.clone(), value.trim().to_owned()).is_some() {
                return Err((number, format!("the option {name} is there twice")));
            }
            option = Some(name);
        }
        for value in ini.sections.values_mut().flat_map(BTreeMap::values_mut) {
            value.truncate(value.trim_end().len());
        }
        Ok(ini)
    }

    /// The value that a line further down would continue.
    fn open(&mut self, section: Option<&str>, option: Option<&str>) -> Option<&mut String> {
        self.sections.get_mut(section?)?.get_mut(option?)
    }

    /// An option of a section, with `%(name)s` replaced; `here` is what Alembic adds to the defaults.
    pub(super) fn get(&self, section: &str, option: &str, here: &str) -> Result<Option<String>, String> {
        if !self.sections.contains_key(section) {
            return Ok(None);
        }
        let Some(value) = self.raw(section, option, here) else { return Ok(None) };
        self.interpolate(section, value, here, 1).map(Some)
    }

    fn raw<'a>(&'a self, section: &str, option: &str, here: &'a str) -> Option<&'a str> {
        let of = |section: &str| self.sections.get(section).and_then(|options| options.get(option));
        of(section).or_else(|| of(DEFAULT)).map(String::as_str).or_else(|| (option == "here").then_some(here))
    }

    fn interpolate(&self, section: &str, value: &str, here: &str, level: usize) -> Result<String, String> {
        if level > DEEPEST {
            return Err("options refer to each other without an end".into());
        }
        let mut whole = String::new();
        let mut rest = value;
        while let Some((before, behind)) = rest.split_once('%') {
            whole.push_str(before);
            if let Some(behind) = behind.strip_prefix('%') {
                whole.push('%');
                rest = behind;
            } else if let Some((name, behind)) =
                behind.strip_prefix('(').and_then(|rest| rest.split_once(")s"))
            {
                let name = name.to_lowercase();
                let inner =
                    self.raw(section, &name, here).ok_or_else(|| format!("%({name})s is not defined"))?;
                whole.push_str(&self.interpolate(section, inner, here, level + 1)?);
                rest = behind;
            } else {
                return Err("a % is followed neither by another nor by (name)s; write %%".into());
            }
        }
        whole.push_str(rest);
        Ok(whole)
    }
}

/// The name of a section, if the line opens one.
fn header(line: &str) -> Option<&str> {
    let inside = line.strip_prefix('[')?;
    inside.rfind(']').and_then(|end| inside.get(..end)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Ini;

    fn get(text: &str, option: &str) -> Result<Option<String>, String> {
        Ini::parse(text).map_err(|(_, why)| why)?.get("alembic", option, "/app")
    }

    fn value(text: &str) -> String {
        get(&format!("[alembic]\n{text}"), "a").expect(text).expect(text)
    }

    #[test]
    fn options_are_read_as_configparser_reads_them() {
        for (text, expected) in [
            ("a = b", "b"),
            ("A: b # c", "b # c"),
            ("a =", ""),
            ("a = b\n# c = d\n  e", "b\ne"),
            ("a =\n  b\n\n  c\nd = e\n\n", "\nb\n\nc"),
            ("a = b = c", "b = c"),
            ("  a = b\n    c\n  d = e", "b\nc"),
            ("; x\na = %(here)s/%%x", "/app/%x"),
            ("a = %(B)s\nb = %(here)s", "/app"),
            ("a = b\n\n[other]\na = c\n", "b"),
            ("a = b\n[DEFAULT]\na = c\n", "b"),
            ("[DEFAULT]\na = c\n", "c"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn an_option_that_is_not_there_is_none_and_another_section_does_not_lend_it() {
        assert_eq!(get("[alembic]\n[other]\na = b", "a"), Ok(None));
        assert_eq!(get("[DEFAULT]\na = b", "a"), Ok(None));
    }

    #[test]
    fn what_configparser_refuses_is_refused_with_its_line() {
        for (text, line) in
            [("a = b", 1), ("[s]\nword", 2), ("[s]\na=1\na=2", 3), ("[s]\n[s]", 2), ("[s]\n= b", 2)]
        {
            assert_eq!(Ini::parse(text).unwrap_err().0, line, "{text}");
        }
        for text in ["a = %(x)s", "a = 5%", "a = %(a)s", "a = %(here)d"] {
            assert!(get(&format!("[alembic]\n{text}"), "a").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]a-c%()s=:#;\n é]{0,60}") {
            if let Ok(ini) = Ini::parse(&text) {
                drop(ini.get("a", "b", "/"));
            }
        }
    }
}
