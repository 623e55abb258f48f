//! `diesel_manage_updated_at`, which on SQLite is no function of the database but of Diesel's connections.
//!
//! A call of it creates a trigger, so castoff sends that trigger instead.

use crate::engine::Engine;
use crate::format::Part;
use crate::script;

/// The function; `register_diesel_sql_functions` of `diesel/src/sqlite/connection/mod.rs`.
const FUNCTION: &str = "diesel_manage_updated_at";

/// `diesel/src/sqlite/connection/diesel_manage_updated_at.sql`.
const TRIGGER: &str = "CREATE TRIGGER __diesel_manage_updated_at_{table_name}
AFTER UPDATE ON {table_name}
FOR EACH ROW WHEN
  old.updated_at IS NULL AND
  new.updated_at IS NULL OR
  old.updated_at == new.updated_at
BEGIN
  UPDATE {table_name}
  SET updated_at = CURRENT_TIMESTAMP
  WHERE ROWID = new.ROWID;
END
";

/// What is sent of a script: all of it at once, unless it calls the function.
///
/// # Errors
///
/// Why it cannot be run: it calls the function in a way of which castoff does not know what it does.
pub(super) fn parts(engine: Engine, sql: &str) -> Result<Vec<Part>, String> {
    if engine != Engine::Sqlite || !sql.to_ascii_lowercase().contains(FUNCTION) {
        return Ok(vec![Part::whole(sql)]);
    }
    let mut parts = Vec::new();
    let mut sent = 0;
    for statement in script::statements(engine, sql) {
        if let Some(table) = argument(statement.text) {
            parts.extend(between(sql, sent, statement.offset));
            let trigger = TRIGGER.replace("{table_name}", &table);
            parts.push(Part {
                line: statement.line,
                written: Some(statement.text.to_owned()),
                ..Part::whole(&trigger)
            });
            sent = statement.offset + statement.text.len();
            let rest = sql.get(sent..).unwrap_or_default();
            sent += usize::from(rest.starts_with(';'));
        } else if statement.text.to_ascii_lowercase().contains(FUNCTION) {
            return Err(format!(
                "line {}: castoff knows {FUNCTION} only as a statement by itself, SELECT {FUNCTION}('orders');",
                statement.line
            ));
        }
    }
    parts.extend(between(sql, sent, sql.len()));
    Ok(parts)
}

/// The text between two calls, if there is anything to run in it.
fn between(sql: &str, start: usize, end: usize) -> Option<Part> {
    let text = sql.get(start..end)?;
    let line = sql.get(..start)?.matches('\n').count() + 1;
    (!script::statements(Engine::Sqlite, text).is_empty()).then(|| Part { line, ..Part::whole(text) })
}

/// The table, where a statement is a call and nothing else.
fn argument(statement: &str) -> Option<String> {
    let rest = keyword(statement, "SELECT")?;
    let rest = rest.starts_with(|letter: char| letter.is_ascii_whitespace()).then_some(rest)?;
    let rest = keyword(rest.trim_start(), FUNCTION)?.trim_start().strip_prefix('(')?;
    let literal = rest.trim_end().strip_suffix(')')?.trim();
    // SQLite takes a name in double quotes that it does not know for a string.
    let quote = literal.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let doubled = String::from_iter([quote, quote]);
    let table = literal.get(1..)?.strip_suffix(quote)?;
    (!table.replace(&doubled, "").contains(quote))
        .then(|| table.replace(&doubled, quote.encode_utf8(&mut [0; 4])))
}

fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    first.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{argument, parts};
    use crate::engine::Engine;
    use crate::format::Part;

    #[test]
    fn a_script_without_the_function_is_sent_whole() {
        let sql = "CREATE TABLE a (id INT);\n";
        assert_eq!(parts(Engine::Sqlite, sql), Ok(vec![Part::whole(sql)]));
        let call = "SELECT diesel_manage_updated_at('a');";
        assert_eq!(parts(Engine::Postgres, call), Ok(vec![Part::whole(call)]));
    }

    #[test]
    fn a_call_becomes_the_trigger_and_what_stands_around_it_keeps_its_lines() {
        let sql = "-- a\nCREATE TABLE a (id INT);\nSELECT diesel_manage_updated_at('a'); -- b\n\
                   select DIESEL_MANAGE_UPDATED_AT ( \"b\" )\n;\nCREATE TABLE c (id INT);\n";
        let parts = parts(Engine::Sqlite, sql).unwrap();
        let shown: Vec<_> = parts.iter().map(|part| (part.line, part.written.as_deref())).collect();
        let calls = ["SELECT diesel_manage_updated_at('a')", "select DIESEL_MANAGE_UPDATED_AT ( \"b\" )"];
        assert_eq!(shown, [(1, None), (3, Some(calls[0])), (4, Some(calls[1])), (4, None)]);
        assert!(parts[1].sql.starts_with("CREATE TRIGGER __diesel_manage_updated_at_a\nAFTER UPDATE ON a\n"));
        assert!(parts[3].sql.contains("CREATE TABLE c"));
    }

    #[test]
    fn a_call_of_another_kind_is_refused_with_its_line() {
        for sql in [
            "\nSELECT diesel_manage_updated_at(name) FROM sqlite_schema;",
            "\nSELECT diesel_manage_updated_at('a'), diesel_manage_updated_at('b');",
            "\nSELECT 1, 'diesel_manage_updated_at';",
        ] {
            assert!(parts(Engine::Sqlite, sql).unwrap_err().starts_with("line 2: "), "{sql}");
        }
    }

    #[test]
    fn a_name_may_hold_quotes() {
        assert_eq!(argument("SELECT diesel_manage_updated_at('o''clock')").unwrap(), "o'clock");
        assert_eq!(argument("SELECT diesel_manage_updated_at('')").unwrap(), "");
        assert_eq!(argument("SELECT diesel_manage_updated_at(')"), None);
    }
}
