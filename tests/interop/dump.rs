//! What a database holds, as text: schema, data, and the history without its times.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Database, Engine, PrismaRow};

/// Each tool's history is compared by its own rules, since its rows hold times.
const HISTORIES: [&str; 5] = [
    "_sqlx_migrations",
    "_prisma_migrations",
    "__diesel_schema_migrations",
    "refinery_schema_history",
    "goose_db_version",
];

/// What of the rows of some histories does not depend on the time; of that, only whether it is there.
const ROWS: [(&str, &str); 2] = [
    ("__diesel_schema_migrations", "version, CASE WHEN run_on IS NULL THEN 'NOT TIMED' ELSE 'timed' END"),
    (
        "refinery_schema_history",
        "version, name, checksum, CASE WHEN applied_on LIKE '____-__-__T__:__:__.%Z' THEN 'timed' ELSE applied_on END",
    ),
];

/// Everything in this database. Two databases that hold the same dump alike, whatever they are called.
pub(crate) fn dump(database: &Database) -> String {
    let text = match database.engine() {
        Engine::Postgres => postgres(database),
        Engine::MySql => mariadb(database),
        Engine::Sqlite => sqlite(database),
    };
    let mut text = text.replace(&database.name(), "app");
    text.push_str(&sqlx_history(database));
    text.push_str(&prisma_history(&database.prisma_history()));
    for (table, columns) in ROWS.iter().filter(|(table, _)| database.has_table(table)) {
        for row in database.rows(&format!("SELECT {columns} FROM {table} ORDER BY version")) {
            write!(text, "\n{row:?}").expect("a string takes everything");
        }
    }
    text
}

fn sqlx_history(database: &Database) -> String {
    let mut text = String::new();
    // `installed_on` and `execution_time` are the times; both tools set the second one at the end.
    for row in database.history() {
        let timed = if row.execution_time > 0 { "timed" } else { "NOT TIMED" };
        write!(text, "\n{} {:?} {} {} {timed}", row.version, row.description, row.success, row.checksum)
            .expect("a string takes everything");
    }
    text
}

/// The rows without ids and times, of which only their presence is told; and of logs, the words of which are the
/// engine's own, only whether there are any.
pub(crate) fn prisma_history(rows: &[PrismaRow]) -> String {
    let mut text = String::new();
    for row in rows {
        row.assert_id();
        let logs = row.logs.as_deref().map(|logs| if logs.is_empty() { "empty" } else { "logs" });
        let (name, checksum, steps) = (&row.name, &row.checksum, &row.steps);
        write!(text, "\n{name} {checksum} {:?} {logs:?} {steps}", row.state())
            .expect("a string takes everything");
        // A finished row may have been rolled back by hand.
        write!(text, " {}", row.finished_at.is_some()).expect("a string takes everything");
    }
    text
}

/// Fails with the first difference.
pub(crate) fn assert_alike(left: &str, right: &str) {
    let (mut lefts, mut rights) = (left.lines(), right.lines());
    for line in 1.. {
        match (lefts.next(), rights.next()) {
            (None, None) => return,
            (one, other) => assert_eq!(one, other, "line {line} of two dumps"),
        }
    }
}

fn output(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {stderr}", command.get_program());
    String::from_utf8(output.stdout).expect("a dump in UTF-8")
}

fn postgres(database: &Database) -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL's place").flatten();
    let pg_dump: Option<PathBuf> =
        versions.map(|entry| entry.path().join("bin/pg_dump")).find(|path| path.exists());
    let mut command = Command::new(pg_dump.expect("pg_dump beside the server"));
    command.args(HISTORIES.map(|history| format!("--exclude-table-data=*.{history}")));
    command.arg("--dbname").arg(database.url());
    // Newer releases bracket a dump in lines with a random word.
    let lines = output(command);
    lines.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

fn mariadb(database: &Database) -> String {
    let mut command = Command::new("mariadb-dump");
    command.args([
        "--no-defaults",
        "--protocol=tcp",
        "--host=127.0.0.1",
        "--skip-comments",
        "--no-tablespaces",
    ]);
    command.args(["--routines", "--triggers", "--events", "--order-by-primary", "--skip-extended-insert"]);
    command.arg(format!("--port={}", database.port())).arg(format!("--user={}", database.name()));
    command.args(HISTORIES.map(|history| format!("--ignore-table-data={}.{history}", database.name())));
    command.arg(database.name());
    command.env("MYSQL_PWD", database.password());
    output(command)
}

fn sqlite(database: &Database) -> String {
    let mut text = String::new();
    let schema = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY rowid";
    for object in database.rows(schema) {
        let mut words = object.into_iter().flatten();
        let (kind, name) = (words.next().expect("a type"), words.next().expect("a name"));
        writeln!(text, "{}", words.next().unwrap_or_default()).expect("a string takes everything");
        if kind == "table" && !HISTORIES.contains(&name.as_str()) {
            let mut rows = database.rows(&format!("SELECT * FROM \"{name}\""));
            rows.sort();
            for row in rows {
                writeln!(text, "{name} {row:?}").expect("a string takes everything");
            }
        }
    }
    text
}
