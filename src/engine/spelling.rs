//! What a session would send, as a text for people and other clients.

use super::{Engine, Facts, Statement, TableName, Value, mysql, postgres, sqlite};

impl Statement {
    /// The text with its names put in, and its values in the place of each `?`. Neither is looked for in the other.
    pub(super) fn with_values(
        &self,
        named: impl Fn(&str) -> String,
        literal: impl Fn(&Value) -> String,
    ) -> String {
        let mut values = self.params.iter();
        let mut pieces = self.sql.split('?');
        let mut text = pieces.next().map(&named).unwrap_or_default();
        for piece in pieces {
            text.push_str(&values.next().map_or_else(|| "?".to_owned(), &literal));
            text.push_str(&named(piece));
        }
        text
    }
}

/// A bookkeeping statement as [`Session::execute`](super::Session::execute) would run it on this server.
pub fn spelled(engine: Engine, statement: &Statement, table: &TableName, facts: &Facts) -> String {
    match engine {
        Engine::Postgres => postgres::spelled(statement, table, &facts.schema),
        Engine::MySql => mysql::spelled(statement, table, &facts.database),
        Engine::Sqlite => sqlite::spelled(statement, table),
    }
}

/// What [`Session::begin`](super::Session::begin) would send to this server.
pub fn begin(engine: Engine, facts: &Facts) -> String {
    match engine {
        Engine::Postgres => "BEGIN".to_owned(),
        Engine::MySql => mysql::begin(&facts.database),
        Engine::Sqlite => sqlite::BEGIN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::spelled;
    use crate::engine::{Engine, Facts, Statement, TableName, Value};

    #[test]
    fn names_and_values_are_put_in_and_neither_is_looked_for_in_the_other() {
        let statement = Statement {
            sql: "INSERT INTO {table} VALUES (?, ?, ?)".into(),
            params: vec![Value::Int(-7), Value::Text("it's {table}? \\".into()), Value::Bytes(vec![0, 255])],
        };
        let table = TableName { schema: None, name: "a?b".into() };
        let facts = Facts { schema: "s".into(), database: "d".into(), ..Facts::default() };
        for (engine, expected) in [
            (Engine::Postgres, r#"INSERT INTO "s"."a?b" VALUES (-7, E'it''s {table}? \\', '\x00ff'::bytea)"#),
            (
                Engine::MySql,
                "INSERT INTO `d`.`a?b` VALUES (-7, _utf8mb4 X'69742773207b7461626c657d3f205c', X'00ff')",
            ),
            (Engine::Sqlite, r#"INSERT INTO "a?b" VALUES (-7, 'it''s {table}? \', X'00ff')"#),
        ] {
            assert_eq!(spelled(engine, &statement, &table, &facts), expected);
        }
    }
}
