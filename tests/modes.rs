//! `--mode`: one image, several roles. Who migrates, who only looks, who waits for the others, and who starts at once.

use castoff::exit::Exit;

use crate::harness::{
    Database, Engine, Finished, Migrations, Postgres, Run, eventually, on_every_engine, secrets,
};

mod awaiting;
mod verifying;

/// A start of the application in a mode.
fn start(database: &Database, files: &Migrations, mode: &str) -> Run {
    Run::start(database, files, ["/bin/echo", "started"]).env("CASTOFF_MODE", mode)
}

/// Fails unless the application was started, and castoff wrote and locked nothing for it.
fn only_looked(run: Finished) -> Finished {
    let run = run.succeeds();
    assert_eq!(run.stdout, "started\n", "{run}");
    assert!(run.events("lock.acquired").is_empty() && run.applied().is_empty(), "{run}");
    run
}

/// Fails unless the application was not started.
fn ends(run: Finished, exit: Exit, reason: &str) -> Finished {
    let run = run.exits(exit);
    assert_eq!(run.stdout, "", "{run}");
    assert!(run.field("exit", "reason").contains(reason), "{run}");
    assert!(!run.field("exit", "hint").is_empty(), "{run}");
    run
}

/// The address for an account that may read this database's tables, those to come included, and nothing else.
fn reader(database: &Database) -> String {
    let (owner, password) = (database.name(), secrets::invent());
    let name = format!("{owner}_reader");
    match database.engine() {
        Engine::Postgres => database.exec(&format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{password}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {name}"
        )),
        Engine::MySql => database.exec(&format!(
            "CREATE USER {name}@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON {owner}.* TO {name}@'%'"
        )),
        Engine::Sqlite => return database.url(),
    }
    let own = format!("{owner}:{}", secrets::encode(database.password()));
    database.url().replace(&own, &format!("{name}:{}", secrets::encode(&password)))
}

#[test]
fn who_may_not_write_the_history_on_mariadb_is_refused_and_has_left_nothing() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let files = Migrations::of(&[("1_a.sql", "CREATE TABLE a (id INT);\n")]);
    Run::migrate(&database, &files).output().succeeds();
    let url = reader(&database);
    files.write("2_b.sql", "CREATE TABLE b (id INT);\n");
    let run = Run::migrate(&database, &files).env("DATABASE_URL", &url).output().exits(Exit::MigrationFailed);
    let hint = run.field("exit", "hint");
    assert!(!hint.contains("may have stayed") && !hint.contains("resolve"), "{hint}");
    database.exec("UPDATE _sqlx_migrations SET success = false");
    let resolve = Run::new(["resolve", "--rolled-back", "1"]).database(&database).migrations(&files);
    resolve.env("DATABASE_URL", &url).output().exits(Exit::Refused);
}

on_every_engine!(a_pattern_decides_whom_the_mode_is_for);

/// One image: the workers wait for the web service, and whatever else is run starts at once.
fn a_pattern_decides_whom_the_mode_is_for(database: &Database) {
    let files = Migrations::three();
    for mode in ["verify", "await"] {
        let run = start(database, &files, mode).env("CASTOFF_ONLY_FOR", "*echo started*");
        let run = run.option(["--lock-timeout", "300ms"]);
        ends(run.output(), Exit::Pending, "3 migrations are pending");
        let other = run.command(["/bin/echo", "a one-off command"]).output().succeeds();
        assert_eq!(other.stdout, "a one-off command\n");
    }
    assert_eq!(database.history(), []);
}

#[test]
fn the_mode_is_about_applications_and_migrate_migrates() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    for mode in ["verify", "await"] {
        let run = Run::migrate(&database, &files).env("CASTOFF_MODE", mode);
        run.output().succeeds();
    }
    assert_eq!(database.versions().len(), 3);
}

#[test]
fn a_command_alone_does_not_say_what_is_pending() {
    for mode in ["verify", "await"] {
        let run =
            Run::new(["--", "/bin/echo", "started"]).env("DATABASE_URL", "postgres://app@127.0.0.1:1/app");
        let run = run.env("CASTOFF_MODE", mode).env("CASTOFF_MIGRATE_COMMAND", "/bin/true").output();
        let run = ends(run, Exit::Usage, "a migrate command alone does not say it");
        assert!(run.events("wait.retry").is_empty(), "said before waiting: {run}");
    }
}

/// A hot standby takes no writes and shows no locks of its primary; its history is the one that counts.
#[test]
fn a_standby_can_be_asked_and_waited_for() {
    let Some(primary) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&primary);
    let standby = primary.standby(true);
    standby.start();
    let url = database.url_at("127.0.0.1", standby.port());
    let files = Migrations::three();
    let on_standby = |mode| start(&database, &files, mode).env("DATABASE_URL", &url);
    ends(on_standby("verify").output(), Exit::Pending, "3 migrations are pending");
    let mut waiting = on_standby("await").spawn();
    waiting.until("lock.waiting");
    Run::migrate(&database, &files).output().succeeds();
    only_looked(waiting.wait());
    only_looked(on_standby("verify").output());

    // An unfinished row may be somebody at work on the primary.
    database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 1");
    let mut copy = standby.connect(&database.name()).expect("a hot standby");
    eventually("the standby has followed", || {
        (copy.one("SELECT count(*) FROM _sqlx_migrations WHERE success") == "2").then_some(())
    });
    let run = on_standby("await").option(["--lock-timeout", "5s"]).output();
    ends(run, Exit::Pending, "migration 1 is being applied");
    drop(copy);
    ends(on_standby("verify").output(), Exit::Pending, "migration 1 is being applied");
    ends(start(&database, &files, "verify").output(), Exit::Data, "migration 1 was begun earlier");
}
