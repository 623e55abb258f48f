//! `${name}` replaced by its value (`flyway-core/…/parser/PlaceholderReplacingReader.java`).
//!
//! What only the database knows is replaced when it is known: until then a mark stands for it, one word to every scanner.

use std::ops::Range;

use super::settings::Settings;
use crate::engine::Engine;
use crate::format::Site;

/// Around the name of a built-in placeholder whose value the database has. Characters of private use, which no file holds.
const MARK: [char; 2] = ['\u{f8f1}', '\u{f8f2}'];

/// The built-in placeholders whose values the database has (`flyway-core/…/parser/ParsingContext.java`).
const LATER: [&str; 5] = ["defaultschema", "user", "database", "table", "schemas"];

/// What the values of the other built-in ones are, for a file.
pub(super) struct Known<'a> {
    /// The file's name without its directory.
    pub(super) filename: &'a str,
    /// `yyyy-MM-dd HH:mm:ss`, one and the same for a run.
    pub(super) timestamp: &'a str,
    /// The directory castoff was started in.
    pub(super) working_directory: &'a str,
}

/// A text whose placeholders are replaced, and where each piece of it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    /// The text.
    pub(super) text: String,
    /// What was replaced: where the value stands, and where the placeholder stood.
    values: Vec<(Range<usize>, Range<usize>)>,
}

/// A placeholder without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// The line it stands on, from 1.
    pub(super) line: usize,
    /// The placeholder as it is written.
    pub(super) placeholder: String,
    /// What gives it a value.
    pub(super) hint: String,
}

impl Replaced {
    /// A text as it is.
    pub(super) fn unchanged(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// A text with its placeholders replaced.
    pub(super) fn by(
        text: &str,
        settings: &Settings,
        engine: Engine,
        known: &Known<'_>,
    ) -> Result<Self, Missing> {
        let mut replaced = Self { text: String::with_capacity(text.len()), values: Vec::new() };
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find(&settings.prefix)) {
            let start = at + found;
            let name_at = start + settings.prefix.len();
            let rest = text.get(name_at..).unwrap_or_default();
            let line = || 1 + text.get(..start).unwrap_or_default().matches('\n').count();
            let Some(length) = rest.find(&settings.suffix) else {
                return Err(Missing {
                    line: line(),
                    placeholder: settings.prefix.clone(),
                    hint: format!("a placeholder is not ended by {}", settings.suffix),
                });
            };
            let name = rest.get(..length).unwrap_or_default();
            let end = name_at + length + settings.suffix.len();
            let value = value(name, settings, engine, known).ok_or_else(|| Missing {
                line: line(),
                placeholder: shown(text.get(start..end).unwrap_or_default()),
                hint: hint(name),
            })?;
            replaced.text.push_str(text.get(at..start).unwrap_or_default());
            let from = replaced.text.len();
            replaced.text.push_str(&value);
            replaced.values.push((from..replaced.text.len(), start..end));
            at = end;
        }
        replaced.text.push_str(text.get(at..).unwrap_or_default());
        Ok(replaced)
    }

    /// Where in the file a piece of the text stands.
    pub(super) fn origin(&self, piece: Range<usize>) -> Range<usize> {
        self.place(piece.start, false)..self.place(piece.end, true)
    }

    /// Whether a piece of the text holds a value.
    pub(super) fn changes(&self, piece: &Range<usize>) -> bool {
        let first = self.values.partition_point(|(value, _)| value.end < piece.start);
        self.values.get(first).is_some_and(|(value, _)| value.start < piece.end)
    }

    /// Where a place in the text is in the file; inside a value, where its placeholder begins or ends.
    fn place(&self, at: usize, is_end: bool) -> usize {
        let before = self.values.partition_point(
            |(value, _)| {
                if is_end { value.start < at } else { value.start <= at }
            },
        );
        match before.checked_sub(1).and_then(|last| self.values.get(last)) {
            None => at,
            Some((value, placeholder)) if at < value.end || is_end && at <= value.end => {
                if is_end {
                    placeholder.end
                } else {
                    placeholder.start
                }
            }
            Some((value, placeholder)) => placeholder.end + (at - value.end),
        }
    }
}

fn value(name: &str, settings: &Settings, engine: Engine, known: &Known<'_>) -> Option<String> {
    let name = name.to_lowercase();
    let Some(built_in) = name.strip_prefix("flyway:") else {
        return settings.placeholders.get(&name).cloned();
    };
    Some(match built_in {
        "filename" => known.filename.to_owned(),
        "timestamp" => known.timestamp.to_owned(),
        "workingdirectory" => known.working_directory.to_owned(),
        "environment" => settings.environment.clone(),
        // SQLite has no catalog, and Flyway no value for it there.
        "database" if engine == Engine::Sqlite => return None,
        later if LATER.contains(&later) => format!("{}{later}{}", MARK[0], MARK[1]),
        _ => return None,
    })
}

/// The longest placeholder that is shown; what has no end nearby is hardly one.
const SHOWN: usize = 80;

fn shown(placeholder: &str) -> String {
    let line = placeholder.lines().next().unwrap_or_default();
    let short: String = line.chars().take(SHOWN).collect();
    if short.len() < placeholder.len() { format!("{short}…") } else { short }
}

fn hint(name: &str) -> String {
    if name.contains('\n') || name.chars().count() > SHOWN {
        return "where it is meant as it stands, switch the replacement off: placeholderReplacement=false in the file's \
                own .conf, or FLYWAY_PLACEHOLDER_REPLACEMENT=false"
            .into();
    }
    if name.to_lowercase().starts_with("flyway:") {
        return "Flyway has no such built-in placeholder, or none for this database".into();
    }
    let variable: String = name.chars().map(|letter| letter.to_ascii_uppercase()).collect();
    format!(
        "set FLYWAY_PLACEHOLDERS_{variable}; where ${{…}} is meant as it stands, switch the replacement off: \
         placeholderReplacement=false in the file's own .conf, or FLYWAY_PLACEHOLDER_REPLACEMENT=false"
    )
}

/// Whether a text waits for what only the database knows.
pub(super) fn is_incomplete(text: &str) -> bool {
    text.contains(MARK[0])
}

/// The text with what the database knows in place of the marks; `None` where there is none.
pub(super) fn completed(text: &str, at: &Site<'_>) -> Option<String> {
    is_incomplete(text).then(|| {
        // The schema Flyway works in is the one its history is in.
        let schema = if at.engine == Engine::Sqlite { "main" } else { &at.facts.schema };
        let values = [schema, &at.facts.user, &at.facts.database, &at.table.name, ""];
        LATER.iter().zip(values).fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{}{name}{}", MARK[0], MARK[1]), value)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Known, Missing, Replaced, completed};
    use crate::engine::Engine::{self, MySql, Postgres, Sqlite};
    use crate::environment::Environment;
    use crate::format::flyway::settings::Settings;
    use crate::format::testing::site_of;

    const KNOWN: Known<'_> =
        Known { filename: "V1__x.sql", timestamp: "2026-01-02 03:04:05", working_directory: "/srv" };

    fn replace(engine: Engine, text: &str, variables: &[(&str, &str)]) -> Result<Replaced, Missing> {
        let settings = Settings::read(&variables.iter().copied().collect::<Environment>()).unwrap();
        Replaced::by(text, &settings, engine, &KNOWN)
    }

    #[test]
    fn a_placeholder_is_named_in_any_case() {
        let variables = [("FLYWAY_PLACEHOLDERS_TABLE_NAME", "t"), ("FLYWAY_PLACEHOLDERS_NONE", "")];
        let replaced = replace(Postgres, "SELECT * FROM ${Table_Name}${none}; ${table_name}", &variables);
        assert_eq!(replaced.unwrap().text, "SELECT * FROM t; t");
    }

    #[test]
    fn a_missing_value_names_line_placeholder_and_variable() {
        let missing = replace(Postgres, "SELECT 1;\n\nSELECT '${Who}';", &[]).unwrap_err();
        assert_eq!((missing.line, missing.placeholder.as_str()), (3, "${Who}"));
        assert!(missing.hint.contains("FLYWAY_PLACEHOLDERS_WHO"), "{}", missing.hint);
        assert_eq!(replace(Postgres, "\n${open", &[]).unwrap_err().line, 2);
        let far = replace(Postgres, "x := '${';\nEND;\n}", &[]).unwrap_err();
        assert_eq!((far.placeholder.as_str(), far.hint.contains("FLYWAY_PLACEHOLDERS_")), ("${';…", false));
        assert!(replace(Postgres, "${flyway:nonesuch}", &[]).unwrap_err().hint.contains("built-in"));
        assert!(replace(Sqlite, "${flyway:database}", &[]).is_err());
    }

    #[test]
    fn another_prefix_and_suffix_leave_the_usual_ones_alone() {
        let variables = [
            ("FLYWAY_PLACEHOLDER_PREFIX", "#["),
            ("FLYWAY_PLACEHOLDER_SUFFIX", "]"),
            ("FLYWAY_PLACEHOLDERS_A", "1"),
        ];
        assert_eq!(replace(MySql, "#[a] ${b}", &variables).unwrap().text, "1 ${b}");
    }

    #[test]
    fn built_in_placeholders_have_values_as_soon_as_they_can() {
        let text = "${flyway:filename} ${flyway:timestamp} ${flyway:workingDirectory} ${flyway:environment}";
        let replaced = replace(Postgres, text, &[]).unwrap();
        assert_eq!(replaced.text, "V1__x.sql 2026-01-02 03:04:05 /srv default");
        assert!(completed(&replaced.text, &site_of(Postgres, "history")).is_none());
        let text =
            "${flyway:defaultSchema}.${flyway:table} ${flyway:user} ${flyway:database} ${flyway:schemas}";
        for (engine, schema) in [(Postgres, "public"), (MySql, "app")] {
            let replaced = replace(engine, text, &[]).unwrap();
            let text = completed(&replaced.text, &site_of(engine, "history")).unwrap();
            assert_eq!(text, format!("{schema}.history app app "));
        }
        let replaced = replace(Sqlite, "${flyway:defaultSchema}", &[]).unwrap();
        assert_eq!(completed(&replaced.text, &site_of(Sqlite, "history")).as_deref(), Some("main"));
    }

    #[test]
    fn a_place_in_the_text_is_found_in_the_file() {
        let source = "ab ${x} cd ${y}ef";
        let variables = [("FLYWAY_PLACEHOLDERS_X", "12345678"), ("FLYWAY_PLACEHOLDERS_Y", "")];
        let replaced = replace(Postgres, source, &variables).unwrap();
        assert_eq!(replaced.text, "ab 12345678 cd ef");
        let shown = |from: usize, to: usize| source.get(replaced.origin(from..to)).unwrap();
        assert_eq!(shown(0, 2), "ab");
        assert_eq!(shown(5, 7), "${x}");
        assert_eq!(shown(0, 14), "ab ${x} cd");
        assert_eq!(shown(15, 17), "ef");
        assert!(replaced.changes(&(4..5)) && !replaced.changes(&(12..14)));
    }
}
