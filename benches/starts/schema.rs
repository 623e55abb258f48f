//! The same migrations in the layout of every tool that takes part.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::server::{PASSWORD, Server, USER};

/// How many migrations a schema of some age has.
const MIGRATIONS: u32 = 20;

/// sqlx: one file per migration.
pub(crate) fn sqlx(home: &Path) -> Result<PathBuf> {
    write_all(home, "sqlx", |number| (format!("{number:04}_table.sql"), table(number)))
}

/// dbmate: one file per migration, both directions.
pub(crate) fn dbmate(home: &Path) -> Result<PathBuf> {
    write_all(home, "dbmate", |number| {
        let text = format!("-- migrate:up\n{}-- migrate:down\nDROP TABLE t{number};\n", table(number));
        (format!("{number:014}_table.sql"), text)
    })
}

/// Alembic: a chain of revisions and the environment that `alembic init` writes, without comments and logging.
pub(crate) fn alembic(home: &Path, server: &Server, database: &str) -> Result<PathBuf> {
    let folder = home.join("alembic");
    write_all(&folder, "versions", |number| {
        let before = if number == 1 { "None".to_owned() } else { format!("'r{:04}'", number - 1) };
        let text = format!(
            "from alembic import op\n\nrevision = 'r{number:04}'\ndown_revision = {before}\n\n\n\
             def upgrade():\n    op.execute(\"\"\"{}\"\"\")\n",
            table(number)
        );
        (format!("r{number:04}_table.py"), text)
    })?;
    let url = format!("postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", server.port());
    fs::write(folder.join("env.py"), ENVIRONMENT)?;
    let settings = home.join("alembic.ini");
    fs::write(
        &settings,
        format!("[alembic]\nscript_location = {}\nsqlalchemy.url = {url}\n", folder.display()),
    )?;
    Ok(settings)
}

const ENVIRONMENT: &str = "from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option('sqlalchemy.url'), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
";

fn table(number: u32) -> String {
    format!("CREATE TABLE t{number} (id bigint PRIMARY KEY, label text NOT NULL);\n")
}

fn write_all(home: &Path, name: &str, file: impl Fn(u32) -> (String, String)) -> Result<PathBuf> {
    let folder = home.join(name);
    fs::create_dir_all(&folder)?;
    for number in 1..=MIGRATIONS {
        let (name, text) = file(number);
        fs::write(folder.join(name), text)?;
    }
    Ok(folder)
}
