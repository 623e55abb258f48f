//! What formats are told, for their tests.

use super::{Files, Format, Migration, Site, Step, Told, Turn};
use crate::engine::{Engine, Facts, TableName};
use crate::environment::Environment;

/// No variable is set, and nothing is asked for.
pub(crate) fn told(engine: Engine) -> Told<'static> {
    let environment: &'static Environment = Box::leak(Box::default());
    Told { engine, environment, multi_statement: false, no_tx_wrap: false, goes_back: false }
}

/// The database `app`, its schema `public`, and this history table.
pub(crate) fn site_of(engine: Engine, table: &str) -> Site<'static> {
    let facts = Facts {
        server_version: "15.20".into(),
        database: "app".into(),
        user: "app".into(),
        schema: if engine == Engine::Postgres { "public".into() } else { "app".into() },
        schema_exists: true,
        slots_to_spare: true,
        ..Facts::default()
    };
    let table = TableName { schema: None, name: table.into() };
    Site { engine, facts: Box::leak(Box::new(facts)), table: Box::leak(Box::new(table)) }
}

/// The same, where the table does not matter.
pub(crate) fn site(engine: Engine) -> Site<'static> {
    site_of(engine, "history")
}

/// Files of a directory `migrations`.
pub(crate) fn files(contents: &[(&str, &str)]) -> Files {
    let content = |(name, text): &(&str, &str)| ((*name).into(), text.as_bytes().to_vec());
    Files {
        directory: "migrations".into(),
        contents: contents.iter().map(content).collect(),
        ..Files::default()
    }
}

/// The step of a migration that nothing came before.
pub(crate) fn step(
    format: &dyn Format,
    engine: Engine,
    migration: &Migration,
    resumed: bool,
) -> Option<Step> {
    format.step(&site(engine), &Turn { migration, resumed, previous: None })
}
