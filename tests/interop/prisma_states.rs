//! What one of the two recorded, the other reads: failures, repairs, and every state that `status` knows.

use castoff::exit::Exit;

use crate::dump::prisma_history;
use crate::harness::{Database, Finished, Migrations, PrismaRow, PrismaState, Run};
use crate::prisma::{database_and_prisma, status};
use crate::prisma_cli::PrismaCli;

const FIRST: &str = "20250101000000_first";
const SECOND: &str = "20250102000000_second";
const THIRD: &str = "20250103000000_third";

/// castoff's exit codes of those states.
const PENDING: i32 = 82;
const FAILED: i32 = 65;

fn file(migration: &str) -> String {
    format!("{migration}/migration.sql")
}

/// Two migrations.
fn two() -> Migrations {
    let files = Migrations::of(&[("migration_lock.toml", "provider = \"postgresql\"\n")]);
    files.write(&file(FIRST), "CREATE TABLE first (id INT);\n");
    files.write(&file(SECOND), "CREATE TABLE second (id INT);\n");
    files
}

/// Three, of which the second fails.
fn failing() -> Migrations {
    let files = two();
    files.write(&file(SECOND), "CREATE TABLE second (id INT);\nSELECT nothing FROM nowhere;\n");
    files.write(&file(THIRD), "CREATE TABLE third (id INT);\n");
    files
}

fn mend(files: &Migrations) {
    files.write(&file(SECOND), "CREATE TABLE second (id INT);\n");
}

fn resolve(database: &Database, how: &str, id: &str, files: &Migrations) -> Finished {
    Run::new(["resolve", how, id]).database(database).migrations(files).output()
}

/// Two databases on which the same goes wrong, one in castoff's hands and one in Prisma's.
struct Pair {
    castoff: Database,
    prisma: Database,
    /// Prisma on castoff's database.
    visitor: PrismaCli,
    cli: PrismaCli,
}

impl Pair {
    fn new() -> Option<Self> {
        let (castoff, visitor) = database_and_prisma()?;
        let (prisma, cli) = database_and_prisma()?;
        Some(Self { castoff, prisma, visitor, cli })
    }

    /// Both try to apply the same files and fail at the same one.
    fn fail(&self, files: &Migrations) {
        drop(Run::migrate(&self.castoff, files).output().exits(Exit::MigrationFailed));
        let said = self.cli.migrate(&["deploy"], files);
        assert_eq!(said.code, 1, "{said:?}");
        self.assert_alike();
    }

    /// Both databases hold the same history.
    fn assert_alike(&self) {
        let histories = [&self.castoff, &self.prisma].map(Database::prisma_history);
        assert_eq!(prisma_history(&histories[0]), prisma_history(&histories[1]), "{histories:#?}");
    }

    /// The states of castoff's rows, and so of Prisma's.
    fn states(&self) -> Vec<PrismaState> {
        self.assert_alike();
        self.castoff.prisma_history().iter().map(PrismaRow::state).collect()
    }
}

#[test]
fn a_failure_of_castoff_stops_prisma_until_it_is_resolved() {
    let (Some((database, prisma)), files) = (database_and_prisma(), failing()) else { return };
    drop(Run::migrate(&database, &files).output().exits(Exit::MigrationFailed));
    prisma.migrate(&["deploy"], &files).fails("P3009").fails(SECOND);

    resolve(&database, "--rolled-back", SECOND, &files).succeeds();
    mend(&files);
    assert_eq!(prisma.deploy(&files), [SECOND, THIRD]);
}

#[test]
fn a_failure_of_prisma_stops_castoff_until_it_is_resolved() {
    let (Some((database, prisma)), files) = (database_and_prisma(), failing()) else { return };
    assert_eq!(prisma.migrate(&["deploy"], &files).code, 1);
    let run = Run::migrate(&database, &files).output().exits(Exit::Data).says(SECOND);
    assert!(run.field("exit", "hint").contains("resolve"), "{run}");
    let said = status(&database, &files);
    assert_eq!((&said["state"], &said["failed"][0]["id"]), (&"failed".into(), &SECOND.into()), "{said}");
    assert!(said["failed"][0]["error"].as_str().is_some_and(|error| error.contains("nowhere")), "{said}");

    prisma.resolve("--rolled-back", SECOND, &files).succeeds();
    mend(&files);
    assert_eq!(Run::migrate(&database, &files).output().succeeds().applied(), [SECOND, THIRD]);
}

#[test]
fn both_mark_a_failure_as_rolled_back_alike() {
    let (Some(pair), files) = (Pair::new(), failing()) else { return };
    pair.fail(&files);
    resolve(&pair.castoff, "--rolled-back", SECOND, &files).succeeds();
    pair.cli.resolve("--rolled-back", SECOND, &files).succeeds();
    assert_eq!(pair.states(), [PrismaState::Applied, PrismaState::RolledBack]);

    // Once more: no error, and nothing is written.
    let before = [&pair.castoff, &pair.prisma].map(Database::prisma_history);
    resolve(&pair.castoff, "--rolled-back", SECOND, &files).succeeds();
    pair.cli.resolve("--rolled-back", SECOND, &files).succeeds();
    assert_eq!([&pair.castoff, &pair.prisma].map(Database::prisma_history), before);

    // Each goes on in the other's database.
    mend(&files);
    assert_eq!(pair.visitor.deploy(&files), [SECOND, THIRD]);
    assert_eq!(Run::migrate(&pair.prisma, &files).output().succeeds().applied(), [SECOND, THIRD]);
    pair.assert_alike();
}

#[test]
fn both_mark_a_failure_as_applied_alike() {
    let (Some(pair), files) = (Pair::new(), failing()) else { return };
    pair.fail(&files);
    resolve(&pair.castoff, "--applied", SECOND, &files).succeeds();
    pair.cli.resolve("--applied", SECOND, &files).succeeds();
    assert_eq!(pair.states(), [PrismaState::Applied, PrismaState::RolledBack, PrismaState::Applied]);
    for row in [&pair.castoff, &pair.prisma].map(|database| database.prisma_history().remove(2)) {
        assert_eq!(row.finished_at.as_ref(), Some(&row.started_at), "one moment: {row:?}");
        assert_eq!((row.logs.as_deref(), row.steps.as_str()), (Some(""), "0"), "{row:?}");
    }
    assert_eq!(pair.visitor.deploy(&files), [THIRD]);
    assert_eq!(Run::migrate(&pair.prisma, &files).output().succeeds().applied(), [THIRD]);
    pair.assert_alike();
}

#[test]
fn both_refuse_the_same_repairs() {
    let (Some(pair), files) = (Pair::new(), failing()) else { return };
    // Before there is a history.
    drop(resolve(&pair.castoff, "--rolled-back", FIRST, &files).exits(Exit::Data));
    assert_eq!(pair.cli.resolve("--rolled-back", FIRST, &files).code, 1);
    assert!(!pair.castoff.has_table("_prisma_migrations") && !pair.prisma.has_table("_prisma_migrations"));

    pair.fail(&files);
    for (how, id, code) in [
        ("--applied", FIRST, "P3008"),
        ("--applied", "20240101000000_nowhere", "P3017"),
        ("--rolled-back", FIRST, "P3012"),
        ("--rolled-back", THIRD, "P3011"),
        ("--rolled-back", "20240101000000_nowhere", "P3011"),
    ] {
        pair.cli.resolve(how, id, &files).fails(code);
        resolve(&pair.castoff, how, id, &files).exits(Exit::Data).says(id);
    }
    assert_eq!(pair.states(), [PrismaState::Applied, PrismaState::Unfinished], "nothing was written");
}

#[test]
fn both_record_a_migration_as_applied_before_there_is_a_history() {
    let (Some(pair), files) = (Pair::new(), two()) else { return };
    // Out of order, too: the first one stays pending and is applied afterwards.
    resolve(&pair.castoff, "--applied", SECOND, &files).succeeds();
    pair.cli.resolve("--applied", SECOND, &files).succeeds();
    assert_eq!(pair.states(), [PrismaState::Applied]);
    assert_eq!(pair.visitor.deploy(&files), [FIRST]);
    assert_eq!(Run::migrate(&pair.prisma, &files).output().succeeds().applied(), [FIRST]);
    pair.assert_alike();
    assert!(!pair.castoff.has_table("second"));
}

/// Of a failure of which the directory is gone.
#[test]
fn both_mark_as_rolled_back_what_is_no_longer_on_disk() {
    let (Some(pair), files) = (Pair::new(), failing()) else { return };
    pair.fail(&files);
    std::fs::remove_dir_all(files.path().join(SECOND)).expect("the failed migration");
    pair.visitor.migrate(&["deploy"], &files).fails("P3009");
    drop(Run::migrate(&pair.castoff, &files).output().exits(Exit::Data));
    resolve(&pair.castoff, "--rolled-back", SECOND, &files).succeeds();
    pair.cli.resolve("--rolled-back", SECOND, &files).succeeds();
    assert_eq!(pair.states(), [PrismaState::Applied, PrismaState::RolledBack]);
}

/// Prisma ends with 0 and castoff with `code`; or Prisma with 1, castoff with `code`, and both name what is pending.
fn agree(database: &Database, prisma: &PrismaCli, files: &Migrations, prismas: i32, state: &str, code: i32) {
    let said = prisma.status(files);
    assert_eq!(said.code, prismas, "{state}: {said:?}");
    let run = Run::new(["status", "--json"]).database(database).migrations(files).output();
    let run = run.exits_with(code);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["state"], state, "{json}");
    for id in json["pending"].as_array().expect("a list") {
        let id = id.as_str().expect("an id");
        assert!(prismas == 0 || said.text.contains(id), "{id} is pending for castoff alone: {said:?}");
    }
}

#[test]
fn both_report_the_same_states() {
    let (Some((database, prisma)), files) = (database_and_prisma(), two()) else { return };
    agree(&database, &prisma, &files, 1, "pending", PENDING);
    assert!(!database.has_table("_prisma_migrations"), "status writes nothing");
    prisma.deploy(&files);
    agree(&database, &prisma, &files, 0, "up-to-date", 0);

    // Neither minds: what ran, ran. castoff says so; its default is what Prisma's `deploy` does.
    files.write(&file(FIRST), "CREATE TABLE first (id BIGINT);\n");
    agree(&database, &prisma, &files, 0, "edited", 0);
    files.write(&file(FIRST), "CREATE TABLE first (id INT);\r\n");
    agree(&database, &prisma, &files, 0, "up-to-date", 0);
    files.write(&file(FIRST), "CREATE TABLE first (id INT);\n");

    std::fs::remove_dir_all(files.path().join(SECOND)).expect("the newest");
    agree(&database, &prisma, &files, 0, "ahead", 0);
    files.write(&file(THIRD), "CREATE TABLE third (id INT);\n");
    agree(&database, &prisma, &files, 1, "diverged", PENDING);
    prisma.deploy(&files);
    agree(&database, &prisma, &files, 0, "diverged", 0);
}

#[test]
fn both_report_a_failure_until_it_is_resolved() {
    let (Some((database, prisma)), files) = (database_and_prisma(), failing()) else { return };
    assert_eq!(prisma.migrate(&["deploy"], &files).code, 1);
    // Prisma's `status` lists what is pending and then not what failed; its `deploy` is stopped by it all the same.
    agree(&database, &prisma, &files, 1, "failed", FAILED);
    std::fs::remove_dir_all(files.path().join(THIRD)).expect("what was pending");
    agree(&database, &prisma, &files, 1, "failed", FAILED);
    assert!(prisma.status(&files).text.contains("have failed"), "the state is the one meant");

    // Prisma's `status` calls this up to date, although its `deploy` applies it again. castoff says what will be done.
    prisma.resolve("--rolled-back", SECOND, &files).succeeds();
    agree(&database, &prisma, &files, 0, "pending", PENDING);
    mend(&files);
    assert_eq!(prisma.deploy(&files), [SECOND]);
    agree(&database, &prisma, &files, 0, "up-to-date", 0);
}
