//! Prisma and castoff take turns on one database and leave what Prisma alone would have left. On PostgreSQL: there is no
//! engine for MySQL and SQLite here, where `tests/prisma` compares the rows with what Prisma's source writes.

use std::process::Stdio;

use castoff::exit::Exit;
use serde_json::Value;

use crate::corpus::{first_half, whole};
use crate::dump::{assert_alike, dump};
use crate::harness::{Database, Engine, Gate, Migrations, PrismaRow, PrismaState, Run, eventually};
use crate::prisma_cli::PrismaCli;

/// A database and the tool on it, if there are both.
pub(crate) fn database_and_prisma() -> Option<(Database, PrismaCli)> {
    let database = Database::on(Engine::Postgres)?;
    let prisma = PrismaCli::on(&database)?;
    Some((database, prisma))
}

/// What castoff says of it.
pub(crate) fn status(database: &Database, files: &Migrations) -> Value {
    let run = Run::new(["status", "--json"]).database(database).migrations(files);
    serde_json::from_str(&run.output().stdout).expect("status --json prints JSON")
}

/// Nothing is pending for either, and the database is what Prisma alone makes of the same files.
fn all_is_as_prisma_alone_leaves_it(database: &Database, prisma: &PrismaCli, files: &Migrations) {
    let Some((alone, its_prisma)) = database_and_prisma() else { return };
    its_prisma.deploy(files);
    assert_alike(&dump(database), &dump(&alone));

    prisma.status(files).succeeds();
    assert_eq!(prisma.deploy(files), [""; 0], "Prisma still found something pending");
    assert_eq!(status(database, files)["state"], "up-to-date");
    let log = Run::migrate(database, files).output().succeeds();
    assert!(log.applied().is_empty(), "castoff still found something pending: {log}");
}

#[test]
fn a_dump_tells_two_databases_of_prisma_apart_by_one_letter() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let Some((other, its_prisma)) = database_and_prisma() else { return };
    let files = whole("prisma", Engine::Postgres);
    assert_eq!((prisma.deploy(&files).len(), its_prisma.deploy(&files).len()), (7, 7));
    assert_alike(&dump(&database), &dump(&other));

    for change in [
        r#"UPDATE "Venue" SET name = lower(name) WHERE id = 1"#,
        "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name LIKE '%rules'",
        "UPDATE _prisma_migrations SET logs = '' WHERE migration_name LIKE '%codes'",
        "UPDATE _prisma_migrations SET applied_steps_count = 2 WHERE migration_name LIKE '%codes'",
        "ALTER TABLE _prisma_migrations ALTER logs SET DEFAULT ''",
    ] {
        database.exec(change);
        assert_ne!(dump(&database), dump(&other), "{change}");
        other.exec(change);
    }
}

#[test]
fn castoff_goes_on_where_prisma_stopped() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let (half, files) = (first_half("prisma", Engine::Postgres), whole("prisma", Engine::Postgres));
    assert_eq!(prisma.deploy(&half).len(), 4);
    prisma.status(&files).fails("20250225093000_ticket_codes");
    assert_eq!(status(&database, &files)["state"], "pending");

    let log = Run::migrate(&database, &files).output().succeeds();
    assert_eq!(log.applied().len(), 3, "{log}");
    all_is_as_prisma_alone_leaves_it(&database, &prisma, &files);
}

#[test]
fn prisma_goes_on_where_castoff_stopped() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let (half, files) = (first_half("prisma", Engine::Postgres), whole("prisma", Engine::Postgres));
    Run::migrate(&database, &half).output().succeeds();

    prisma.status(&half).succeeds();
    assert_eq!(prisma.deploy(&files).len(), 3);
    all_is_as_prisma_alone_leaves_it(&database, &prisma, &files);
}

#[test]
fn castoff_alone_leaves_what_prisma_alone_leaves() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let files = whole("prisma", Engine::Postgres);
    Run::migrate(&database, &files).output().succeeds();
    all_is_as_prisma_alone_leaves_it(&database, &prisma, &files);
}

/// sqlx would set a time zone for its session; Prisma sets none, and a literal without one means the database's.
#[test]
fn a_database_in_another_time_zone_gets_prismas_rows() {
    let Some((database, _)) = database_and_prisma() else { return };
    let Some((alone, its_prisma)) = database_and_prisma() else { return };
    for one in [&database, &alone] {
        one.exec(&format!("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'", one.name()));
    }
    let files = whole("prisma", Engine::Postgres);
    // Not in turns: the experimental adapter sends its times without their zone, so that only its own compare.
    Run::migrate(&database, &files).output().succeeds();
    its_prisma.deploy(&files);
    let last = r#"SELECT extract(epoch FROM "startsAt")::bigint FROM "Performance" WHERE id = 4"#;
    assert_eq!(database.one(last), "1740819600", "18:00 in Tokyo");
    assert_alike(&dump(&database), &dump(&alone));
    let started = "SELECT bool_and(now() - started_at < interval '5 minutes') FROM _prisma_migrations";
    assert_eq!(database.one(started), "t", "castoff's own times are UTC in any zone");
}

#[test]
fn another_schema_is_created_and_filled_as_prisma_does() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(alone) = Database::on(Engine::Postgres) else { return };
    let Some(prisma) = PrismaCli::in_schema(&database, "Box office") else { return };
    let Some(its_prisma) = PrismaCli::in_schema(&alone, "Box office") else { return };
    let (half, files) = (first_half("prisma", Engine::Postgres), whole("prisma", Engine::Postgres));
    // A schema named like the role comes first in the server's own search path, and plays no part.
    for one in [&database, &alone] {
        one.exec(&format!("CREATE SCHEMA {}", one.name()));
    }
    its_prisma.deploy(&files);

    let url = format!("{}?schema=Box%20office", database.url());
    let castoff = |files| Run::migrate(&database, files).env("DATABASE_URL", &url).output().succeeds();
    assert_eq!(castoff(&half).applied().len(), 4);
    assert_eq!(prisma.deploy(&files).len(), 3);
    assert!(castoff(&files).applied().is_empty());

    let history = r#""Box office"._prisma_migrations"#;
    assert_eq!(database.prisma_history_in(history).len(), 7);
    assert_alike(&dump(&database), &dump(&alone));
}

/// Each counts the tables of the one schema, and those alone.
#[test]
fn both_refuse_a_schema_that_holds_tables_but_no_history() {
    let files = Migrations::of(&[("20250101000000_a/migration.sql", "CREATE TABLE a (id INT);\n")]);
    // As PostGIS does: its table belongs to the extension.
    let of_an_extension = "CREATE TABLE spatial_ref_sys (srid INT); RESET ROLE; \
                           ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys";
    let no_tables = "CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one; \
                     CREATE TYPE e AS ENUM ('x'); CREATE SEQUENCE s; \
                     CREATE SCHEMA other; CREATE TABLE other.u (id INT)";
    for (prepare, refused) in [
        ("CREATE TABLE u (id INT)", true),
        ("CREATE UNLOGGED TABLE u (id INT)", true),
        (of_an_extension, false),
        (no_tables, false),
    ] {
        let Some((database, prisma)) = database_and_prisma() else { return };
        let Some((for_prisma, its_prisma)) = database_and_prisma() else { return };
        for one in [&database, &for_prisma] {
            one.exec(&format!("SET ROLE {}; {prepare}", one.name()));
        }
        let run = Run::migrate(&database, &files).option(["--format", "prisma"]).output();
        if refused {
            its_prisma.migrate(&["deploy"], &files).fails("P3005");
            let run = run.exits(Exit::Data);
            assert!(run.field("exit", "hint").contains("resolve --applied"), "{prepare}: {run}");
            assert!(!database.has_table("_prisma_migrations"), "{prepare}");

            // Baselined by one, both go on.
            let mut resolve = Run::new(["resolve", "--applied", "20250101000000_a"]);
            resolve = resolve.database(&database).migrations(&files);
            resolve.output().succeeds();
            its_prisma.resolve("--applied", "20250101000000_a", &files).succeeds();
            assert_alike(&dump(&database), &dump(&for_prisma));
            prisma.status(&files).succeeds();
            assert_eq!(status(&for_prisma, &files)["state"], "up-to-date");
        } else {
            assert_eq!(its_prisma.deploy(&files), ["20250101000000_a"], "{prepare}");
            assert_eq!(run.succeeds().applied(), ["20250101000000_a"], "{prepare}");
        }
    }
}

#[test]
fn both_refuse_the_migrations_of_another_provider() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let files = Migrations::of(&[
        ("migration_lock.toml", "provider = \"mysql\"\n"),
        ("20250101000000_a/migration.sql", "CREATE TABLE a (id INT);\n"),
    ]);
    prisma.migrate(&["deploy"], &files).fails("P3019");
    Run::migrate(&database, &files).output().exits(Exit::Data).says("mysql").says("migration_lock.toml");
    assert!(!database.has_table("_prisma_migrations"));
}

#[test]
fn castoff_waits_while_prisma_migrates() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let mut gate = Gate::closed(&database);
    let files = Migrations::of(&[("20250101000000_a/migration.sql", &gate.sql())]);
    let mut deploy = prisma.command(&["deploy"], &files);
    let mut deploy = deploy.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("node runs");
    gate.visitor();

    let mut castoff = Run::start(&database, &files, ["/bin/echo", "started"]).spawn();
    castoff.until("lock.waiting");
    assert_eq!(status(&database, &files)["state"], "migrating");
    gate.open();
    let castoff = castoff.wait().succeeds();
    assert_eq!((castoff.stdout.as_str(), castoff.applied().len()), ("started\n", 0), "{castoff}");
    assert!(deploy.wait().expect("node ends").success());
    let states: Vec<_> = database.prisma_history().iter().map(PrismaRow::state).collect();
    assert_eq!(states, [PrismaState::Applied]);
}

/// Prisma waits ten seconds for its lock.
#[test]
fn prisma_times_out_while_castoff_migrates() {
    let Some((database, prisma)) = database_and_prisma() else { return };
    let mut gate = Gate::closed(&database);
    let files = Migrations::of(&[("20250101000000_a/migration.sql", &gate.sql())]);
    let mut castoff = Run::migrate(&database, &files).spawn();
    castoff.until("migration.start");
    gate.visitor();

    prisma.migrate(&["deploy"], &files).fails("pg_advisory_lock(72707369)");
    gate.open();
    castoff.wait().succeeds();
    assert_eq!(prisma.deploy(&files), [""; 0]);
    eventually("castoff's session has ended", || {
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369 \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        (database.one(locks) == "0").then_some(())
    });
}

/// By JavaScript's collation, not by bytes: a date before a date with a time, whatever the case.
#[test]
fn both_apply_in_the_same_order() {
    let names = [
        "20250101_b",
        "20250101000000_a",
        "20250101000000_B",
        "20250101000000_A2",
        "init",
        "Zeta",
        "a-b",
        "a_b",
    ];
    let files = Migrations::new();
    for name in names {
        files.write(&format!("{name}/migration.sql"), "SELECT 1;\n");
    }
    let Some((database, prisma)) = database_and_prisma() else { return };
    let order = prisma.deploy(&files);
    let mut bytewise = order.clone();
    bytewise.sort();
    assert_ne!(order, bytewise, "the test tests something");
    assert_eq!(status(&database, &files)["state"], "up-to-date");
    let Some(other) = Database::on(Engine::Postgres) else { return };
    assert_eq!(Run::migrate(&other, &files).output().succeeds().applied(), order);
}
