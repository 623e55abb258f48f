//! Names, values and statements as PostgreSQL spells them.

use crate::engine::{Statement, TableName, Value};

/// A statement with the history table's names in it, quoted and qualified, so that no script's `search_path` moves it.
/// `schema` is the table's where it names none.
pub(super) fn named(sql: &str, table: &TableName, schema: &str) -> String {
    let schema = identifier(table.schema.as_deref().unwrap_or(schema));
    let table = format!("{schema}.{}", identifier(&table.name));
    sql.replace("{quoted table}", &table).replace("{table}", &table).replace("{schema}", &schema)
}

/// A bookkeeping statement as a text: `schema` is the history table's where it names none.
pub(in crate::engine) fn spelled(statement: &Statement, table: &TableName, schema: &str) -> String {
    statement.with_values(
        |sql| named(sql, table, schema),
        |value| match value {
            Value::Int(number) => number.to_string(),
            Value::Text(text) => literal(text),
            Value::Bytes(bytes) => format!("'\\x{}'::bytea", hex::encode(bytes)),
        },
    )
}

/// Rewrites `?` to `$1`, `$2`…; castoff's own statements hold no other question mark.
pub(super) fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        numbered.push_str(&format!("${}", index + 1));
        numbered.push_str(part);
    }
    numbered
}

/// A quoted identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal that means the same whatever `standard_conforming_strings` says.
pub(super) fn literal(value: &str) -> String {
    if value.contains('\\') {
        format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{identifier, literal, numbered};

    #[test]
    fn parameters_are_numbered_in_order() {
        assert_eq!(numbered("a = ? and b = ?"), "a = $1 and b = $2");
    }

    #[test]
    fn names_and_values_cannot_escape_their_quotes() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("o'clock\\"), "E'o''clock\\\\'");
    }
}
