//! What `CREATE INDEX CONCURRENTLY` would create: an interrupted one leaves an invalid index under that name.

use super::cursor::Cursor;
use crate::target::Engine;

/// A name as PostgreSQL stores it: folded to lower case unless it was quoted, and cut to 63 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// The schema, if one was written.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

/// What a `CREATE INDEX CONCURRENTLY` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentIndex {
    /// The index; it lives in the schema of its table, so it has the schema that was written there.
    pub name: QualifiedName,
    /// The table it is on.
    pub table: QualifiedName,
    /// Whether an index of that name is to be left as it is, an invalid one too.
    pub if_not_exists: bool,
    /// Whether it is a unique index.
    pub unique: bool,
}

/// Reads PostgreSQL's `CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON [ONLY] [schema.]table …`.
///
/// `None` for any other statement, and where the server chooses the index's name or it is written as `U&"…"`.
pub fn concurrent_index(statement: &str) -> Option<ConcurrentIndex> {
    let mut words = Cursor::new(Engine::Postgres, statement);
    if !words.keyword("CREATE") {
        return None;
    }
    let unique = words.keyword("UNIQUE");
    if !words.phrase(&["INDEX", "CONCURRENTLY"]) {
        return None;
    }
    let if_not_exists = words.phrase(&["IF", "NOT", "EXISTS"]);
    if words.peek()?.is("ON") {
        return None;
    }
    let [index] = <[String; 1]>::try_from(words.name()).ok()?;
    if !words.keyword("ON") {
        return None;
    }
    words.keyword("ONLY");
    let mut table = words.name();
    let name = table.pop()?;
    let schema = table.pop();
    Some(ConcurrentIndex {
        name: QualifiedName { schema: schema.clone(), name: index },
        table: QualifiedName { schema, name },
        if_not_exists,
        unique,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(statement: &str) -> Option<(String, String, bool, bool)> {
        let shown =
            |name: QualifiedName| name.schema.map_or(String::new(), |schema| schema + "|") + &name.name;
        concurrent_index(statement)
            .map(|index| (shown(index.name), shown(index.table), index.if_not_exists, index.unique))
    }

    #[track_caller]
    fn reads(statement: &str, index: &str, table: &str, if_not_exists: bool, unique: bool) {
        assert_eq!(read(statement), Some((index.to_owned(), table.to_owned(), if_not_exists, unique)));
    }

    #[test]
    fn every_form_of_the_statement_is_read() {
        reads("CREATE INDEX CONCURRENTLY i ON t (a)", "i", "t", false, false);
        reads(
            "create /* x */ unique -- y\n index concurrently if not exists Foo_Idx on only App.Users using btree (a);",
            "app|foo_idx",
            "app|users",
            true,
            true,
        );
        reads(
            "CREATE INDEX CONCURRENTLY \"Foo \"\"bar\"\" idx\" ON \"App\".\"Users\"(\"a\")",
            "App|Foo \"bar\" idx",
            "App|Users",
            false,
            false,
        );
        reads("CREATE INDEX CONCURRENTLY i ON db.s.t (a)", "s|i", "s|t", false, false);
        reads("CREATE INDEX CONCURRENTLY i ON ONLY t (a)", "i", "t", false, false);
        reads("CREATE INDEX CONCURRENTLY \"on\" ON t (a)", "on", "t", false, false);
    }

    #[test]
    fn a_name_too_long_is_cut_as_the_server_cuts_it() {
        let long = format!("CREATE INDEX CONCURRENTLY {} ON t (a)", "x".repeat(70));
        reads(&long, &"x".repeat(63), "t", false, false);
    }

    #[test]
    fn other_statements_and_unnamed_indexes_are_none() {
        for statement in [
            "CREATE INDEX CONCURRENTLY ON t (a)",
            "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)",
            "CREATE INDEX i ON t (a)",
            "DROP INDEX CONCURRENTLY i",
            "REINDEX INDEX CONCURRENTLY i",
            "CREATE INDEX CONCURRENTLY i",
            "CREATE INDEX CONCURRENTLY i ON",
            "CREATE INDEX CONCURRENTLY U&\"d\\0061t\" ON t (a)",
            "-- CREATE INDEX CONCURRENTLY i ON t (a)",
            "'CREATE INDEX CONCURRENTLY i ON t (a)'",
            "",
        ] {
            assert_eq!(read(statement), None, "{statement}");
        }
    }
}
