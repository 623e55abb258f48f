//! dbmate's own variables that change what is run; `NewApp` of its `main.go`.

use std::path::PathBuf;

use crate::engine::{Engine, TableName};
use crate::exit::{Exit, Failure, Result};
use crate::format::{OutOfOrder, Told, Wishes};

/// Where the files are; more than one directory with commas between them.
const DIRECTORY: &str = "DBMATE_MIGRATIONS_DIR";

/// The history table.
pub(super) const TABLE: &str = "DBMATE_MIGRATIONS_TABLE";

/// Whether what comes late is refused.
const STRICT: &str = "DBMATE_STRICT";

pub(super) fn wishes(told: &Told<'_>) -> Result<Wishes> {
    let get = |name| told.environment.get(name).map(|value| value.to_string_lossy().into_owned());
    Ok(Wishes {
        directory: get(DIRECTORY).map(directory).transpose()?,
        history_table: get(TABLE).map(|name| table(told.engine, &name)),
        out_of_order: get(STRICT).map(|text| strict(&text)).transpose()?,
        ..Wishes::default()
    })
}

fn directory(text: String) -> Result<PathBuf> {
    if text.contains(',') {
        return Err(Failure::message(
            Exit::Usage,
            format!("{DIRECTORY} names several directories ({text}), and castoff reads one"),
        )
        .hint("put the files into one directory of the image and name it with --migrations (CASTOFF_MIGRATIONS)"));
    }
    Ok(PathBuf::from(text))
}

/// On PostgreSQL, where a dot divides schema and table, `quotedMigrationsTableNameParts` of
/// `pkg/driver/postgres/postgres.go`; elsewhere the name is one, dots and all.
fn table(engine: Engine, text: &str) -> TableName {
    match text.split_once('.') {
        Some((schema, name)) if engine == Engine::Postgres => TableName {
            schema: Some(schema.to_owned()).filter(|schema| !schema.is_empty()),
            name: name.to_owned(),
        },
        _ => TableName { schema: None, name: text.to_owned() },
    }
}

/// The words of Go's `strconv.ParseBool`.
fn strict(text: &str) -> Result<OutOfOrder> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(OutOfOrder::Fail),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(OutOfOrder::Apply),
        _ => Err(Failure::message(Exit::Usage, format!("{STRICT} is neither true nor false: \"{text}\""))
            .hint(format!("write {STRICT}=true, or for castoff --out-of-order fail (CASTOFF_OUT_OF_ORDER)"))),
    }
}
