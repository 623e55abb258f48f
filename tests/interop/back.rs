//! The way back: castoff takes back what the tool would, step by step, and either goes on where the other stopped.

use castoff::exit::Exit;

use crate::corpus::{first_half, whole};
use crate::dbmate_cli::Dbmate;
use crate::diesel_cli::DieselCli;
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, Finished, Migrations, Run, on_every_engine};
use crate::sqlx_cli::SqlxCli;

/// A tool that takes its migrations back.
trait WayBack: Sized {
    /// The name of `--format`.
    const FORMAT: &'static str;

    /// `None`, said loudly, where it is not installed.
    fn of(database: &Database) -> Option<Self>;

    /// Takes the newest one back; what it complained of where it could not.
    fn back(&self, files: &Migrations) -> Result<(), String>;

    /// The corpus, with a way down for every migration.
    fn corpus(engine: Engine) -> Migrations {
        whole(Self::FORMAT, engine)
    }

    /// A migration that makes `made`, and a way down for it.
    fn one(down: &str, apart: bool) -> Migrations;
}

const UP: &str = "CREATE TABLE made (id INT);\n";

impl WayBack for SqlxCli {
    const FORMAT: &'static str = "sqlx";

    fn of(database: &Database) -> Option<Self> {
        Self::on(database)
    }

    fn back(&self, files: &Migrations) -> Result<(), String> {
        let output = self.try_migrate("revert", files);
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }

    /// golang-migrate's files are of the same schema and have what is missing.
    fn corpus(engine: Engine) -> Migrations {
        let files = whole("sqlx", engine);
        let downs = whole("golang-migrate", engine);
        for entry in std::fs::read_dir(downs.path()).expect("a corpus") {
            let name = entry.expect("an entry").file_name().into_string().expect("an ASCII name");
            let Some(stem) = name.strip_suffix(".down.sql") else { continue };
            let read =
                |directory: &Migrations, name: &str| std::fs::read_to_string(directory.path().join(name));
            let Ok(up) = read(&files, &format!("{stem}.sql")) else { continue };
            let down = read(&downs, &name)
                .expect("the way down")
                .replace("BEGIN;\n\n", "")
                .replace("\nCOMMIT;\n", "");
            let marker = if up.starts_with("-- no-transaction") { "-- no-transaction\n" } else { "" };
            files.remove(&format!("{stem}.sql"));
            files.write(&format!("{stem}.up.sql"), up);
            files.write(&name, format!("{marker}{down}"));
        }
        files
    }

    fn one(down: &str, apart: bool) -> Migrations {
        let down = format!("{}{down}", if apart { "-- no-transaction\n" } else { "" });
        Migrations::of(&[("1_a.up.sql", UP), ("1_a.down.sql", &down)])
    }
}

impl WayBack for Dbmate {
    const FORMAT: &'static str = "dbmate";

    fn of(database: &Database) -> Option<Self> {
        Self::on(database)
    }

    fn back(&self, files: &Migrations) -> Result<(), String> {
        let said = self.run("rollback", files);
        if said.code == 0 { Ok(()) } else { Err(said.text) }
    }

    fn one(down: &str, apart: bool) -> Migrations {
        let option = if apart { " transaction:false" } else { "" };
        Migrations::of(&[("1_a.sql", &format!("-- migrate:up\n{UP}-- migrate:down{option}\n{down}"))])
    }
}

impl WayBack for DieselCli {
    const FORMAT: &'static str = "diesel";

    fn of(database: &Database) -> Option<Self> {
        crate::tool::Tool::on(database)
    }

    fn back(&self, files: &Migrations) -> Result<(), String> {
        self.migration(&["revert"], files).map(drop)
    }

    /// The one that has none checks on SQLite what was not checked before, and the way back from that is golang-migrate's.
    fn corpus(engine: Engine) -> Migrations {
        let files = whole("diesel", engine);
        if engine == Engine::Sqlite {
            let downs = whole("golang-migrate", engine);
            let down = downs.path().join("20250211160000_check_booking_states.down.sql");
            let down = std::fs::read_to_string(down).expect("the way down");
            files.write("2025-02-11-160000-0000_check_booking_states/down.sql", down);
        }
        files
    }

    fn one(down: &str, apart: bool) -> Migrations {
        let metadata = format!("run_in_transaction = {}\n", !apart);
        Migrations::of(&[("1_a/up.sql", UP), ("1_a/down.sql", down), ("1_a/metadata.toml", &metadata)])
    }
}

fn castoff(subcommand: &str, format: &str, database: &Database, files: &Migrations) -> Run {
    let run = Run::new([subcommand]).database(database).migrations(files);
    run.env("CASTOFF_FORMAT", format)
}

fn reverted(run: &Finished) -> Vec<String> {
    run.ids("migration.reverted")
}

/// Three databases: the tool alone, castoff alone, and both in turns.
fn step_by_step<T: WayBack>(by_castoff: &Database) {
    let engine = by_castoff.engine();
    let (Some(by_tool), Some(in_turns)) = (Database::on(engine), Database::on(engine)) else { return };
    let (Some(alone), Some(tool)) = (T::of(&by_tool), T::of(&in_turns)) else { return };
    let files = T::corpus(engine);
    for database in [by_castoff, &by_tool, &in_turns] {
        castoff("migrate", T::FORMAT, database, &files).output().succeeds();
    }
    let (whole, mut steps, mut before) = (dump(by_castoff), 0, String::new());
    while alone.back(&files).is_ok() && dump(&by_tool) != before {
        before = dump(&by_tool);
        let run = castoff("revert", T::FORMAT, by_castoff, &files).output().succeeds();
        assert_eq!(reverted(&run).len(), 1, "step {steps}: {run}");
        assert_alike(&dump(by_castoff), &before);
        if steps % 2 == 0 {
            tool.back(&files).expect("the tool goes on where castoff stopped");
        } else {
            castoff("revert", T::FORMAT, &in_turns, &files).output().succeeds();
        }
        assert_alike(&dump(&in_turns), &before);
        steps += 1;
    }
    assert!(steps >= 7, "all {steps} of them");
    castoff("revert", T::FORMAT, by_castoff, &files).output().succeeds().event("revert.none");
    castoff("migrate", T::FORMAT, by_castoff, &files).output().succeeds();
    assert_alike(&dump(by_castoff), &whole);
}

/// What a failure leaves is what it leaves with the tool: of the schema, and in the history.
fn what_fails<T: WayBack>(by_castoff: &Database) {
    let engine = by_castoff.engine();
    let Some(by_tool) = Database::on(engine) else { return };
    let Some(tool) = T::of(&by_tool) else { return };
    let files = T::one("DROP TABLE made;\nDELETE FROM nowhere;\n", false);
    for database in [by_castoff, &by_tool] {
        castoff("migrate", T::FORMAT, database, &files).output().succeeds();
    }
    drop(castoff("revert", T::FORMAT, by_castoff, &files).output().exits(Exit::MigrationFailed));
    tool.back(&files).expect_err("it fails with the tool as well");
    assert_alike(&dump(by_castoff), &dump(&by_tool));
    assert_eq!(by_castoff.has_table("made"), engine != Engine::MySql);
}

/// Without a transaction, where the tool lets a script say so.
fn outside_a_transaction<T: WayBack>(by_castoff: &Database) {
    let engine = by_castoff.engine();
    let Some(by_tool) = Database::on(engine) else { return };
    let Some(tool) = T::of(&by_tool) else { return };
    let files = T::one(if engine == Engine::MySql { "DROP TABLE made;\n" } else { "VACUUM;\n" }, true);
    for database in [by_castoff, &by_tool] {
        castoff("migrate", T::FORMAT, database, &files).output().succeeds();
    }
    castoff("revert", T::FORMAT, by_castoff, &files).output().succeeds();
    tool.back(&files).expect("the tool reverts");
    assert_alike(&dump(by_castoff), &dump(&by_tool));
}

fn sqlx_and_castoff_go_back_alike(database: &Database) {
    step_by_step::<SqlxCli>(database);
}

fn dbmate_and_castoff_go_back_alike(database: &Database) {
    step_by_step::<Dbmate>(database);
}

fn diesel_and_castoff_go_back_alike(database: &Database) {
    step_by_step::<DieselCli>(database);
}

fn what_fails_on_the_way_back_with_sqlx_fails_alike(database: &Database) {
    what_fails::<SqlxCli>(database);
}

fn what_fails_on_the_way_back_with_dbmate_fails_alike(database: &Database) {
    what_fails::<Dbmate>(database);
}

fn what_fails_on_the_way_back_with_diesel_fails_alike(database: &Database) {
    what_fails::<DieselCli>(database);
}

fn sqlx_and_castoff_go_back_alike_outside_a_transaction(database: &Database) {
    outside_a_transaction::<SqlxCli>(database);
}

fn dbmate_and_castoff_go_back_alike_outside_a_transaction(database: &Database) {
    outside_a_transaction::<Dbmate>(database);
}

fn diesel_and_castoff_go_back_alike_outside_a_transaction(database: &Database) {
    outside_a_transaction::<DieselCli>(database);
}

/// With `--target-version` sqlx goes back to where castoff goes with `--to`.
fn sqlx_and_castoff_go_back_to_the_same(database: &Database) {
    let engine = database.engine();
    let Some(by_tool) = Database::on(engine) else { return };
    let Some(sqlx) = SqlxCli::on(&by_tool) else { return };
    let files = SqlxCli::corpus(engine);
    for database in [database, &by_tool] {
        castoff("migrate", "sqlx", database, &files).output().succeeds();
    }
    for target in ["20250121103000", "0"] {
        castoff("revert", "sqlx", database, &files).option(["--to", target]).output().succeeds();
        sqlx.revert_to(target, &files);
        assert_alike(&dump(database), &dump(&by_tool));
    }
}

/// No tool of golang-migrate's or goose's is at hand: half way back is where sqlx's first half leads.
fn go_back<const N: usize>(database: &Database, format: &str, history: [&str; N]) {
    let engine = database.engine();
    let Some(half) = Database::on(engine) else { return };
    let files = whole(format, engine);
    castoff("migrate", format, database, &files).output().succeeds();
    let whole = lines(database);
    castoff("migrate", format, &half, &first_half(format, engine)).output().succeeds();
    let run = castoff("revert", format, database, &files).option(["--to", "20250121103000"]);
    assert!(reverted(&run.output().succeeds()).len() >= 3);
    assert_alike(&lines(database), &lines(&half));
    for table in history {
        let columns = if table == "goose_db_version" { "version_id, is_applied" } else { "version, dirty" };
        let rows = format!("SELECT {columns} FROM {table} ORDER BY 1");
        assert_eq!(database.rows(&rows), half.rows(&rows));
    }
    castoff("revert", format, database, &files).option(["--to", "0"]).output().succeeds();
    assert!(!database.has_table("venue") && !database.has_table("performance"));
    castoff("migrate", format, database, &files).output().succeeds();
    assert_alike(&lines(database), &whole);
}

/// In no order, without comments and what counts: what was made anew stands behind what was not.
fn lines(database: &Database) -> String {
    // SQLite keeps a definition as it was written, or writes it anew from where something changed.
    let dump = dump(database).replace(") STRICT", "\n) STRICT").replace("\"booking\" (", "booking (");
    let uncounted = |line: &str| {
        let words = line.trim_end_matches(',').split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT="));
        words.collect::<Vec<_>>().join(" ")
    };
    let passing = |line: &&str| {
        let begins = line.trim_start();
        !(line.contains(".setval(") || begins.starts_with("--") || begins.is_empty())
    };
    let mut lines: Vec<_> = dump.lines().filter(passing).map(uncounted).collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn golang_migrate_s_corpus_leads_back(database: &Database) {
    go_back(database, "golang-migrate", ["schema_migrations"]);
}

fn goose_s_corpus_leads_back(database: &Database) {
    go_back(database, "goose", ["goose_db_version"]);
}

on_every_engine!(
    sqlx_and_castoff_go_back_alike,
    dbmate_and_castoff_go_back_alike,
    diesel_and_castoff_go_back_alike,
    what_fails_on_the_way_back_with_sqlx_fails_alike,
    what_fails_on_the_way_back_with_dbmate_fails_alike,
    what_fails_on_the_way_back_with_diesel_fails_alike,
    sqlx_and_castoff_go_back_alike_outside_a_transaction,
    dbmate_and_castoff_go_back_alike_outside_a_transaction,
    diesel_and_castoff_go_back_alike_outside_a_transaction,
    sqlx_and_castoff_go_back_to_the_same,
    golang_migrate_s_corpus_leads_back,
    goose_s_corpus_leads_back,
);
