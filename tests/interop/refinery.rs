//! `refinery` and castoff take turns on one database and leave what `refinery` alone would have left.

use castoff::exit::Exit;

use crate::corpus::whole;
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, MariaDb, Migrations, on_every_engine};
use crate::refinery_cli::RefineryCli;
use crate::tool::{self, Tool, migrate, status};

fn castoff_goes_on_where_refinery_stopped(database: &Database) {
    tool::castoff_goes_on_where_the_tool_stopped::<RefineryCli>(database);
}

fn refinery_goes_on_where_castoff_stopped(database: &Database) {
    tool::the_tool_goes_on_where_castoff_stopped::<RefineryCli>(database);
}

fn castoff_alone_leaves_what_refinery_alone_leaves(database: &Database) {
    tool::castoff_alone_leaves_what_the_tool_alone_leaves::<RefineryCli>(database);
}

fn a_dump_tells_two_databases_apart_by_one_letter(database: &Database) {
    let edit = "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 4";
    tool::a_dump_tells_two_databases_apart_by_one_letter::<RefineryCli>(database, edit);
}

/// The corpus, applied by castoff.
fn applied(database: &Database) -> Option<(RefineryCli, Migrations)> {
    let refinery = RefineryCli::on(database)?;
    let files = whole("refinery", database.engine());
    migrate::<RefineryCli>(database, &files).output().succeeds();
    Some((refinery, files))
}

fn both_refuse_an_edited_file(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    files.write("V4__house_rules.sql", "-- empty now\n");
    assert!(refinery.run(&files).is_err_and(|said| said.contains("house_rules")));
    assert_eq!(status::<RefineryCli>(database, &files)["edited"], serde_json::json!(["4"]));
    drop(migrate::<RefineryCli>(database, &files).output().exits(Exit::Data));

    assert_eq!(refinery.migrate(&["-m"], &files), Ok(0), "the tool, told to go on");
    migrate::<RefineryCli>(database, &files).env("CASTOFF_ON_EDITED", "warn").output().succeeds();
}

fn both_refuse_a_renamed_file(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    let text = std::fs::read(files.path().join("V4__house_rules.sql")).expect("it is there");
    files.remove("V4__house_rules.sql");
    files.write("V4__rules.sql", text);
    assert!(refinery.run(&files).is_err());
    drop(migrate::<RefineryCli>(database, &files).output().exits(Exit::Data));
}

fn both_refuse_a_file_with_other_line_endings(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    let text = std::fs::read_to_string(files.path().join("V4__house_rules.sql")).expect("it is there");
    files.write("V4__house_rules.sql", text.replace('\n', "\r\n"));
    assert!(refinery.run(&files).is_err());
    drop(migrate::<RefineryCli>(database, &files).output().exits(Exit::Data));
}

fn both_refuse_to_go_without_a_file(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    files.remove("V4__house_rules.sql");
    assert!(refinery.run(&files).is_err_and(|said| said.contains("house_rules")));
    let seen = status::<RefineryCli>(database, &files);
    assert_eq!((&seen["state"], &seen["missing"]), (&"diverged".into(), &serde_json::json!(["4"])), "{seen}");
    drop(migrate::<RefineryCli>(database, &files).output().exits(Exit::Data));

    assert_eq!(refinery.migrate(&["-d"], &files), Ok(0), "the tool, told to go on");
    migrate::<RefineryCli>(database, &files).env("CASTOFF_ON_MISSING", "warn").output().succeeds();
}

/// A versioned file below the newest applied one stops both; told to go on, both pass over it.
fn both_refuse_what_was_merged_late(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    files.remove("V4__house_rules.sql");
    database.exec("DELETE FROM refinery_schema_history WHERE version = 4");
    files.write("V4__late.sql", "CREATE TABLE late (id INT);\n");
    assert!(refinery.run(&files).is_err_and(|said| said.contains("late")));
    drop(migrate::<RefineryCli>(database, &files).output().exits(Exit::Data));

    assert_eq!(refinery.migrate(&["-d"], &files), Ok(0), "the tool passes over it");
    let log =
        migrate::<RefineryCli>(database, &files).env("CASTOFF_OUT_OF_ORDER", "skip").output().succeeds();
    assert!(log.applied().is_empty() && !database.has_table("late"), "{log}");
    let log =
        migrate::<RefineryCli>(database, &files).env("CASTOFF_OUT_OF_ORDER", "apply").output().succeeds();
    assert_eq!(log.applied(), ["4"], "{log}");
    assert_eq!(refinery.run(&files), Ok(0));
}

/// An unversioned file may come at any time.
fn both_apply_an_unversioned_file_late(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    files.write("feature/U0__late.sql", "CREATE TABLE late (id INT);\n");
    let log = migrate::<RefineryCli>(database, &files).output().succeeds();
    assert_eq!(log.applied(), ["0"], "{log}");
    assert_eq!(refinery.run(&files), Ok(0));
    database.exec("DELETE FROM refinery_schema_history WHERE version = 0");
    database.exec("DROP TABLE late");
    assert_eq!(refinery.run(&files), Ok(1));
    assert_eq!(status::<RefineryCli>(database, &files)["state"], "up-to-date");
}

/// refinery panics at a row that is not its own.
fn both_refuse_a_row_that_is_not_refinerys(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    for (column, wrong) in
        [("checksum", "'12x'"), ("checksum", "NULL"), ("applied_on", "'yesterday'"), ("name", "NULL")]
    {
        let Some(old) = database
            .rows(&format!("SELECT {column} FROM refinery_schema_history WHERE version = 2"))[0][0]
            .clone()
        else {
            panic!("{column} was NULL")
        };
        let set = |value: &str| {
            database
                .exec(&format!("UPDATE refinery_schema_history SET {column} = {value} WHERE version = 2"));
        };
        set(wrong);
        let run = migrate::<RefineryCli>(database, &files).output().exits(Exit::Data);
        assert!(run.field("exit", "reason").contains("version 2"), "{column} = {wrong}: {run}");
        // The tool's MySQL driver takes a name that is NULL for a panic of another kind.
        assert!(refinery.run(&files).is_err(), "{column} = {wrong}");
        set(&format!("'{old}'"));
    }
    migrate::<RefineryCli>(database, &files).output().succeeds();
}

fn refinery_reads_the_time_that_castoff_wrote_and_the_reverse(database: &Database) {
    let Some((refinery, files)) = applied(database) else { return };
    assert_eq!(refinery.run(&files), Ok(0), "it would panic at a time that it cannot read");
    // As releases before 0.7 wrote it, in local time.
    database.exec(
        "UPDATE refinery_schema_history SET applied_on = '2021-03-04T05:06:07.891+01:30' WHERE version = 1",
    );
    assert_eq!(refinery.run(&files), Ok(0));
    let seen = status::<RefineryCli>(database, &files);
    assert_eq!(seen["applied"][0]["applied_at"], "2021-03-04T03:36:07Z", "{seen}");
}

fn a_script_with_a_transaction_of_its_own_fares_alike(database: &Database) {
    tool::a_script_with_a_transaction_of_its_own_fares_alike::<RefineryCli>(
        database,
        ["V1__own.sql", "V2__next.sql"],
    );
}

fn a_session_has_the_settings_of_refinerys_own(database: &Database) {
    tool::a_session_has_the_settings_of_the_tools_own::<RefineryCli>(database, "V1__seen.sql");
}

on_every_engine!(
    castoff_goes_on_where_refinery_stopped,
    refinery_goes_on_where_castoff_stopped,
    castoff_alone_leaves_what_refinery_alone_leaves,
    a_dump_tells_two_databases_apart_by_one_letter,
    both_refuse_an_edited_file,
    both_refuse_a_renamed_file,
    both_refuse_a_file_with_other_line_endings,
    both_refuse_to_go_without_a_file,
    both_refuse_what_was_merged_late,
    both_apply_an_unversioned_file_late,
    both_refuse_a_row_that_is_not_refinerys,
    refinery_reads_the_time_that_castoff_wrote_and_the_reverse,
    a_script_with_a_transaction_of_its_own_fares_alike,
    a_session_has_the_settings_of_refinerys_own,
);

/// refinery's sessions keep the server's time zone and `sql_mode`, which shows only where they are not castoff's.
fn another_time_zone(by_castoff: &Database, by_refinery: &Database, first: &str) {
    let Some(refinery) = RefineryCli::on(by_refinery) else { return };
    let files = whole("refinery", by_castoff.engine());
    migrate::<RefineryCli>(by_castoff, &files).output().succeeds();
    refinery.run(&files).expect("refinery applies the corpus");
    assert_alike(&dump(by_castoff), &dump(by_refinery));
    assert_eq!(by_castoff.one(first), by_refinery.one(first));
    assert_ne!(by_castoff.one(first), "1740819600", "the check can fail: 2025-03-01 09:00 UTC");
}

#[test]
fn a_postgres_database_in_another_time_zone_gets_the_same_rows() {
    let (Some(one), Some(other)) = (Database::on(Engine::Postgres), Database::on(Engine::Postgres)) else {
        return;
    };
    for database in [&one, &other] {
        database.exec(&format!("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'", database.name()));
    }
    another_time_zone(
        &one,
        &other,
        "SELECT extract(epoch FROM starts_at)::bigint FROM performance WHERE id = 4",
    );
}

#[test]
fn a_mariadb_in_another_time_zone_gets_the_same_rows() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&["--default-time-zone=+05:00"]);
    let (one, other) = (Database::on_mariadb(&server), Database::on_mariadb(&server));
    another_time_zone(&one, &other, "SELECT unix_timestamp(starts_at) FROM performance WHERE id = 4");
}

/// The one thing that castoff does otherwise: the tool's driver reads the answer to the first statement of a file only.
#[test]
fn what_fails_behind_the_first_statement_on_mariadb_only_refinery_overlooks() {
    let (Some(one), Some(other)) = (Database::on(Engine::MySql), Database::on(Engine::MySql)) else { return };
    let Some(refinery) = RefineryCli::on(&other) else { return };
    let files =
        Migrations::of(&[("V1__half.sql", "CREATE TABLE half (id INT);\nINSERT INTO nowhere VALUES (1);\n")]);
    assert_eq!(refinery.run(&files), Ok(1), "if it complains by now, say so in docs/design/formats.md");
    let run = migrate::<RefineryCli>(&one, &files).output().exits(Exit::MigrationFailed);
    assert_eq!(run.event("migration.failed")["line"], 2, "{run}");
    assert!(one.rows("SELECT version FROM refinery_schema_history").is_empty());
}
