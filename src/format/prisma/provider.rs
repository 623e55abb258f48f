//! `migration_lock.toml`: which engine the migrations were written for.

use std::path::Path;

use crate::engine::Engine;
use crate::exit::{Exit, Failure, Result};
use crate::format::Files;

/// The file, beside the migrations.
pub(super) const FILE: &str = "migration_lock.toml";

/// Refuses migrations for another engine, as P3019 of `user-facing-errors` does. A missing file says nothing.
pub(super) fn check(files: &Files, engine: Engine) -> Result<()> {
    let Some(content) = files.contents.get(Path::new(FILE)) else { return Ok(()) };
    let file = files.directory.join(FILE);
    let text = String::from_utf8_lossy(content);
    let Some(provider) = read(&text) else {
        return Err(Failure::message(Exit::Data, format!("{} names no provider", file.display()))
            .hint(format!("write `provider = \"{}\"` into it, as Prisma does", name(engine))));
    };
    if provider == name(engine) {
        return Ok(());
    }
    Err(Failure::message(
        Exit::Data,
        format!(
            "{} says that the migrations are for {provider}, and the database is {}",
            file.display(),
            name(engine)
        ),
    )
    .hint("check the database's URL, and which migrations were copied into the image"))
}

/// The value of the line `provider = "…"`.
fn read(text: &str) -> Option<&str> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("provider")?.trim_start().strip_prefix('='))
        .map(|value| value.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']))
        .find(|value| !value.is_empty())
}

/// The connector's name for an engine.
fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "postgresql",
        Engine::MySql => "mysql",
        Engine::Sqlite => "sqlite",
    }
}
