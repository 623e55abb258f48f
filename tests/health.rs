//! `castoff health`: what it says, when that is 1, and that it changes nothing.

use std::path::Path;
use std::time::Duration;

use castoff::exit::Exit;
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use serde_json::{Value, json};

use crate::harness::{
    Database, Engine, FakeConnection, FakePostgres, FakeWeb, Finished, Gate, Migrations, Run, Scratch,
    eventually, on_every_engine, root,
};

mod file;
mod phases;

/// `castoff health` in a container of its own, as far as it sees processes: what else runs here is not its business.
fn health(options: &[&str]) -> Run {
    alone(Run::new(["health"]).option(options))
}

/// Where no castoff of somebody else's is a child of PID 1.
fn alone(run: Run) -> Run {
    if Uid::effective().is_root() { run.pid1() } else { run }
}

/// The only line of its answer.
fn said(run: &Finished) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    let said: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
    assert_eq!(run.code, i32::from(said["status"] != "healthy"), "{run}");
    said
}

/// A message in the answer.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn the_database_is_reported_with_the_state_of_its_migrations(database: &Database) {
    let files = Migrations::three();
    database.exec("CREATE TABLE of_the_application (id INT)");
    let ask = |options: &[&str]| {
        said(&health(options).database(database).migrations(&files).env("CASTOFF_FORMAT", "sqlx").output())
    };
    let answer = ask(&[]);
    assert_eq!((&answer["status"], &answer["phase"]), (&json!("healthy"), &json!("run")));
    assert_eq!(answer["database"]["status"], "healthy", "{answer}");
    assert_eq!(answer["database"]["migrations"], "pending", "{answer}");
    assert!(text(&answer["database"]["message"]).starts_with(database.engine().name()), "{answer}");
    assert_eq!(answer["targets"], json!([]));
    assert!(humantime::parse_rfc3339(text(&answer["timestamp"])).is_ok(), "{answer}");
    assert!(!database.has_table("_sqlx_migrations"), "nothing was written");
    assert_eq!(ask(&["--require", "database"])["status"], "healthy");
    assert_eq!(ask(&["--require", "migrated"])["status"], "unhealthy");

    let migrate = Run::migrate(database, &files).env("CASTOFF_FORMAT", "sqlx");
    migrate.output().succeeds();
    let answer = ask(&["--require", "migrated"]);
    assert_eq!(
        (&answer["status"], &answer["database"]["migrations"]),
        (&json!("healthy"), &json!("up-to-date"))
    );
    // An image that is older than the database runs, and is not to be replaced for that.
    files.remove("20250203040506_backfill.sql");
    let answer = ask(&["--require", "migrated"]);
    assert_eq!((&answer["status"], &answer["database"]["migrations"]), (&json!("healthy"), &json!("ahead")));
    files.write("1_users.sql", "edited");
    let answer = ask(&["--require", "migrated"]);
    assert_eq!(
        (&answer["status"], &answer["database"]["migrations"]),
        (&json!("unhealthy"), &json!("edited"))
    );
}
on_every_engine!(the_database_is_reported_with_the_state_of_its_migrations);

#[test]
fn a_database_that_is_down_is_told_and_judged_only_where_it_is_required() {
    let run = health(&[]).env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d");
    let answer = said(&run.output());
    assert_eq!(answer["status"], "healthy");
    assert_eq!(answer["database"]["status"], "unhealthy");
    assert_eq!(answer["database"]["migrations"], Value::Null);
    assert!(text(&answer["database"]["message"]).contains("connection refused"), "{answer}");
    for required in ["database", "migrated"] {
        let run = run.clone().env("CASTOFF_REQUIRE", required).output().exits(Exit::Unhealthy);
        assert_eq!(said(&run)["status"], "unhealthy");
    }
}

#[test]
fn a_server_that_refuses_us_is_told_and_no_secret_with_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(other) = Database::on(Engine::Postgres) else { return };
    let url = other.url().replace(&other.name(), &database.name());
    let answer = said(&health(&["--target", &url]).env("DATABASE_URL", &url).output());
    assert_eq!(answer["status"], "unhealthy");
    for message in [&answer["database"]["message"], &answer["targets"][0]["message"]] {
        assert!(text(message).contains("password authentication failed"), "{answer}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up_before_an_orchestrator_gives_us_up() {
    let silent = FakePostgres::playing(FakeConnection::silence);
    let url = silent.url();
    let run = health(&["--target", &format!("http://127.0.0.1:{}/", silent.port()), "--target", &url])
        .env("DATABASE_URL", &url)
        .output();
    let answer = said(&run);
    assert!(text(&answer["database"]["message"]).contains(": no answer within"), "{answer}");
    assert_eq!(answer["targets"].as_array().map(Vec::len), Some(2), "{answer}");
    // Side by side, so that all of it takes as long as the longest.
    assert!(
        run.elapsed > Duration::from_secs(3) && run.elapsed < Duration::from_secs(8),
        "{:?}",
        run.elapsed
    );
    let run = health(&["--connect-timeout", "100ms"]).env("DATABASE_URL", &url).output();
    said(&run);
    assert!(run.elapsed < Duration::from_secs(3), "{:?}", run.elapsed);
}

#[test]
fn every_target_is_looked_at_and_one_that_fails_is_enough() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let home = Scratch::new("targets");
    let socket = home.path().join("app.sock");
    let _unix = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let web = FakeWeb::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n");
    let broken = FakeWeb::answering(|_| "HTTP/1.1 500 Internal Server Error\r\n\r\n");
    let ready = [
        format!("http://127.0.0.1:{}/health", web.port()),
        format!("tcp://127.0.0.1:{}", web.port()),
        format!("unix://{}", socket.display()),
        format!("file://{}", home.path().display()),
        database.url(),
    ];
    let answer = said(&health(&[]).env("CASTOFF_TARGET", ready.join(",")).output());
    assert_eq!(answer["status"], "healthy", "{answer}");
    assert_eq!(answer["database"]["status"], "none", "{answer}");
    let targets = answer["targets"].as_array().expect("a list");
    assert_eq!(targets.len(), ready.len(), "{answer}");
    for (target, name) in targets.iter().zip(&ready) {
        assert_eq!(target["status"], "healthy", "{answer}");
        assert!(name.contains('@') || target["target"] == *name, "{answer}");
    }
    let failing = [
        (format!("http://127.0.0.1:{}/health?token=x", broken.port()), "it answers 500"),
        ("tcp://127.0.0.1:1".to_owned(), "connection refused"),
        ("unix:///no/such.sock".to_owned(), "no socket there"),
        ("file:///no/such".to_owned(), "it does not exist"),
        ("postgres://u:p@127.0.0.1:1/d".to_owned(), "connection refused"),
        (format!("sqlite://{}/no.db", home.path().display()), "does not exist"),
    ];
    for (target, why) in failing {
        let run = health(&["--target", &ready[0], "--target", &target]).output().exits(Exit::Unhealthy);
        let answer = said(&run);
        assert_eq!(answer["targets"][0]["status"], "healthy", "{answer}");
        assert_eq!(answer["targets"][1]["status"], "unhealthy", "{answer}");
        assert!(text(&answer["targets"][1]["message"]).contains(why), "{answer}");
        assert!(!answer.to_string().contains("token"), "{answer}");
    }
}

#[test]
fn a_container_without_the_files_is_healthy_and_says_what_it_does_not_know() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let answer = said(&health(&["--require", "database"]).database(&database).output());
    assert_eq!(answer["database"]["migrations"], Value::Null, "{answer}");
    assert!(text(&answer["database"]["message"]).contains("no migrations directory"), "{answer}");
    let answer = said(&health(&["--require", "migrated"]).database(&database).output());
    assert_eq!(answer["status"], "unhealthy", "what is not known is not met");
}

#[test]
fn a_history_that_is_none_is_told() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec("CREATE TABLE _sqlx_migrations (nothing INT)");
    let answer = said(&health(&[]).database(&database).migrations(&Migrations::three()).output());
    assert_eq!(answer["database"]["status"], "healthy", "{answer}");
    assert!(text(&answer["database"]["message"]).contains("the history table cannot be read"), "{answer}");
}

#[test]
fn where_the_files_could_be_of_two_tools_the_history_decides() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files =
        Migrations::of(&[("1_a.up.sql", "CREATE TABLE a (id INT);\n"), ("1_a.down.sql", "DROP TABLE a;\n")]);
    let ask = || said(&health(&[]).database(&database).migrations(&files).output());
    let undecided = ask();
    assert_eq!(undecided["database"]["migrations"], Value::Null, "{undecided}");
    assert!(text(&undecided["database"]["message"]).contains("could be in the format of"), "{undecided}");
    Run::migrate(&database, &files).env("CASTOFF_FORMAT", "golang-migrate").output().succeeds();
    assert_eq!(ask()["database"]["migrations"], "up-to-date");
}

#[test]
fn whoever_holds_the_lock_is_not_waited_for() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", format!("-- no-transaction\n{}", gate.sql()));
    let holder = Run::migrate(&database, &files).spawn();
    gate.visitor();
    let run = health(&[]).database(&database).migrations(&files).output();
    assert_eq!(said(&run)["database"]["migrations"], "migrating");
    assert!(run.elapsed < Duration::from_secs(4), "{:?}", run.elapsed);
    gate.open();
    holder.wait().succeeds();
}

#[test]
fn without_a_database_there_is_none_to_require() {
    assert_eq!(said(&health(&[]).output())["database"]["status"], "none");
    health(&["--require", "database"]).output().exits(Exit::Usage).says("no database is configured");
    let run =
        health(&["--require", "everything"]).env("CASTOFF_TARGET", "nowhere").output().exits(Exit::Usage);
    for part in ["--require", "CASTOFF_TARGET"] {
        assert!(run.field("exit", "reason").contains(part), "{part}: {run}");
    }
    assert!(run.stdout.is_empty(), "{run}");
}

/// An application that was started without a look at these settings is not unhealthy for them.
#[test]
fn under_mode_off_no_database_setting_is_read() {
    let run = health(&[]).env("DATABASE_URL", "mongodb://somewhere/else");
    run.clone().output().exits(Exit::Usage);
    assert_eq!(said(&run.env("CASTOFF_MODE", "off").output())["database"]["status"], "none");
}

/// Docker keeps both streams of a health check in one.
#[test]
fn the_answer_is_all_that_is_printed() {
    let run = health(&[]).without("CASTOFF_LOG_LEVEL").env("CASTOFF_MIGRATION", "misspelt");
    let run = run.env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d").output();
    said(&run);
    assert_eq!(run.stderr, "");
    let loud = health(&["--log-level", "warn"]).env("CASTOFF_MIGRATION", "misspelt").output();
    assert!(loud.says("CASTOFF_MIGRATIONS").stderr.lines().count() == 1);
}

#[test]
fn a_check_that_takes_too_long_for_somebody_can_be_stopped() {
    let silent = FakePostgres::playing(FakeConnection::silence);
    let mut running = Run::new(["health"]).env("DATABASE_URL", silent.url()).spawn();
    eventually("it is connected", || (silent.attempts() > 0).then_some(()));
    running.signal(Signal::SIGTERM);
    let run = running.wait().exits(Exit::Signal(15));
    assert!(run.stdout.is_empty(), "{run}");
}

#[test]
fn under_the_entrypoint_it_is_a_subcommand() {
    let run = alone(Run::new(["--", "castoff", "health", "--target", "file:///no/such"])).output();
    assert_eq!(said(&run.exits(Exit::Unhealthy))["targets"][0]["target"], "file:///no/such");
}
