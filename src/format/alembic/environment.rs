//! What `env.py` tells Alembic of its version table: `version_table` and `version_table_schema` of `context.configure`.

use std::fs;
use std::path::Path;

use super::Trouble;
use super::directory::cannot_read;
use super::python::{Module, Unreadable, Value, decode};
use crate::engine::TableName;

/// The table where nobody names another; `MigrationContext.__init__` of `runtime/migration.py`.
pub(super) const TABLE: &str = "alembic_version";

/// The arguments that name it.
const ARGUMENTS: [&str; 2] = ["version_table", "version_table_schema"];

/// What an `env.py` moves the version table to another schema with, or through several, as the tenants of one database
/// have them (the cookbook of Alembic's documentation).
const MOVES: [&str; 3] = ["search_path", "schema_translate_map", "default_schema_name"];

/// The version table that a script directory's `env.py` names; `None` if it names none.
pub(super) fn version_table(script: &Path) -> Result<Option<TableName>, Trouble> {
    let file = script.join("env.py");
    match fs::read(&file) {
        Ok(content) => in_source(&file, &content),
        // Alembic itself fails without one, in its own words.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(&file, error)),
    }
}

fn in_source(file: &Path, content: &[u8]) -> Result<Option<TableName>, Trouble> {
    let unknown = |line: usize, why: &str| {
        Trouble::NeedsPython(format!(
            "{}, line {line}: {why}; name the version table with --history-table (CASTOFF_HISTORY_TABLE)",
            file.display()
        ))
    };
    let unreadable = |Unreadable { line, why }: Unreadable| unknown(line, &why);
    let text = decode(content).map_err(unreadable)?;
    let module = Module::parse(&text).map_err(unreadable)?;
    let mut names: [Option<String>; 2] = [None, None];
    for (argument, name) in ARGUMENTS.iter().zip(&mut names) {
        if let Some(line) = module.line_of_text(argument) {
            return Err(unknown(line, &format!("\"{argument}\" is given by name in a string")));
        }
        let mut given = module.arguments(argument).map_err(unreadable)?.into_iter();
        let Some(first) = given.next() else { continue };
        if let Some(other) = given.find(|other| other.value != first.value) {
            return Err(unknown(other.line, &format!("{argument} is not always the same")));
        }
        *name = match first.value {
            Value::None => None,
            Value::Text(text) => Some(text),
            Value::List(_) => return Err(unknown(first.line, &format!("{argument} is no string"))),
        };
    }
    let [name, schema] = names;
    let moved = |word: &'static str| Some((word, module.line_of_mention(word)?));
    if let Some((word, line)) = MOVES.into_iter().find_map(moved).filter(|_| schema.is_none()) {
        return Err(unknown(line, &format!("{word} decides in which schema the version table is")));
    }
    let named = name.is_some() || schema.is_some();
    Ok(named.then(|| TableName { schema, name: name.unwrap_or_else(|| TABLE.into()) }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Trouble;
    use super::{in_source, version_table};
    use crate::engine::TableName;

    /// Both calls of the template, with these arguments.
    fn table(online: &str, offline: &str) -> Result<Option<TableName>, Trouble> {
        let source = format!(
            "from alembic import context\n\nSCHEMA = \"app\"\n\n\
             def run_migrations_offline() -> None:\n    context.configure(\n        url=url,{offline}\n    )\n\n\
             def run_migrations_online():\n    with engine.connect() as connection:\n        \
             context.configure(connection=connection, target_metadata=target_metadata{online})\n"
        );
        in_source(Path::new("env.py"), source.as_bytes())
    }

    fn name(schema: Option<&str>, name: &str) -> TableName {
        TableName { schema: schema.map(Into::into), name: name.into() }
    }

    #[test]
    fn the_template_names_no_table() {
        assert_eq!(table("", "").unwrap(), None);
        assert_eq!(table(") # not search_path\n        print(", "").unwrap(), None);
        assert_eq!(version_table(Path::new("/nonexistent")).unwrap(), None);
    }

    #[test]
    fn plain_names_are_taken_from_either_call() {
        assert_eq!(table(", version_table='v'", "").unwrap(), Some(name(None, "v")));
        let schema = ", version_table_schema=SCHEMA";
        assert_eq!(
            table(schema, "version_table_schema='app',").unwrap(),
            Some(name(Some("app"), "alembic_version"))
        );
        assert_eq!(table(", version_table_schema=None", "").unwrap(), None);
        let moved = table(", version_table_schema='app'); run('SET search_path TO tenant'", "");
        assert_eq!(moved.unwrap(), Some(name(Some("app"), "alembic_version")));
    }

    #[test]
    fn what_is_computed_or_contradictory_needs_python_and_says_what_to_do() {
        for (online, offline) in [
            (", version_table=settings.table", ""),
            (", version_table_schema=schema", ""),
            (", version_table_schema=SCHEMA)\n\ndef f(SCHEMA):\n    pass\nprint(", ""),
            (")\n        for SCHEMA in tenants: context.configure(version_table_schema=SCHEMA", ""),
            (", version_table='v'", "version_table='w',"),
            (", **{'version_table': 'v'}", ""),
            (", version_table=('v', 'w')", ""),
            (")\n        connection.execute(text(f'SET search_path TO {tenant}')", ""),
            (")\n        connection.dialect.default_schema_name = tenant; print(", ""),
            (")\n        connection.execution_options(schema_translate_map={None: tenant}", ""),
        ] {
            let Err(Trouble::NeedsPython(why)) = table(online, offline) else { panic!("{online}") };
            assert!(why.starts_with("env.py, line ") && why.contains("--history-table"), "{why}");
        }
    }
}
