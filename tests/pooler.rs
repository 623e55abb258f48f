//! A pooler is noticed, not trusted.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, PgBouncer, Run};

/// With and without the startup parameters that PgBouncer refuses unless told to ignore them.
const CONFIGURATIONS: [&str; 3] = [
    "",
    "ignore_startup_parameters = extra_float_digits",
    "ignore_startup_parameters = extra_float_digits, options, castoff.nonce",
];

#[test]
fn a_transaction_pooler_is_refused_with_the_way_out_before_anything_is_done() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for further in CONFIGURATIONS {
        let Some(pooler) = PgBouncer::before(&database, "transaction", further) else { return };
        let run = Run::start(&database, &Migrations::three(), ["/bin/echo", "started"])
            .env("DATABASE_URL", pooler.url(&database))
            .output()
            .exits(Exit::Refused);
        assert!(run.field("exit", "hint").contains("CASTOFF_DATABASE_URL"), "{run}");
        assert_eq!((run.stdout.as_str(), database.history()), ("", vec![]), "{further}");
    }
}

#[test]
fn with_nothing_pending_a_pooler_is_as_good_as_a_server() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    for further in CONFIGURATIONS {
        let Some(pooler) = PgBouncer::before(&database, "transaction", further) else { return };
        let run = Run::start(&database, &files, ["/bin/echo", "started"])
            .env("DATABASE_URL", pooler.url(&database));
        assert_eq!(run.output().succeeds().stdout, "started\n", "{further}");
    }
}

#[test]
fn a_direct_address_beside_the_pooler_is_used_for_migrations() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "") else { return };
    let run = Run::start(&database, &Migrations::three(), ["/usr/bin/env"])
        .env("DATABASE_URL", pooler.url(&database))
        .env("CASTOFF_DATABASE_URL", database.url())
        .secrets_on_stdout()
        .output()
        .succeeds();
    assert_eq!(run.applied().len(), 3);
    assert!(run.stdout.contains(&pooler.url(&database)), "the application keeps the pooler's");
}

#[test]
fn a_session_pooler_is_used_where_it_is_declared() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "session", "") else { return };
    let run = Run::migrate(&database, &Migrations::three()).env("DATABASE_URL", pooler.url(&database));
    assert_eq!(run.option(["--pooler", "session"]).output().succeeds().applied().len(), 3);
}

#[test]
fn a_direct_server_is_not_taken_for_a_pooler() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    Run::migrate(&database, &Migrations::three()).output().succeeds();
    let Some(other) = Database::on(Engine::Postgres) else { return };
    let run = Run::migrate(&other, &Migrations::three()).option(["--pooler", "transaction"]).output();
    run.exits(Exit::Refused);
}

#[test]
fn what_the_pooler_says_in_its_own_words_is_sorted_too() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "server_login_retry = 1") else { return };
    let (name, url) = (database.name(), pooler.url(&database));
    let wait = |url: &str| Run::new(["wait", "--wait-timeout", "3s"]).env("DATABASE_URL", url).output();
    wait(&url).succeeds();
    // No such database and no such user are never; a server that is away is not yet.
    wait(&url.replace(&format!("/{name}"), "/nowhere")).exits(Exit::Refused);
    wait(&url.replace(&format!("//{name}:"), "//nobody:")).exits(Exit::Refused);
}

#[test]
fn a_pooler_whose_server_is_away_is_not_yet() {
    let Some(server) = crate::harness::Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&server);
    let Some(pooler) =
        PgBouncer::before(&database, "transaction", "server_login_retry = 0.1\nserver_connect_timeout = 1")
    else {
        return;
    };
    server.stop(nix::sys::signal::Signal::SIGQUIT);
    let run = Run::new(["wait"]).env("DATABASE_URL", pooler.url(&database));
    run.clone().option(["--wait-timeout", "3s"]).output().exits(Exit::Unavailable);
    let mut running = run.spawn();
    running.until("wait.retry");
    server.start();
    running.wait().succeeds();
}
