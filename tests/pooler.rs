//! A pooler is noticed, not trusted.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, PgBouncer, Run};

/// With and without the startup parameters that PgBouncer refuses unless told to ignore them.
const CONFIGURATIONS: [&str; 4] = [
    "",
    "ignore_startup_parameters = extra_float_digits",
    "ignore_startup_parameters = extra_float_digits, options",
    "ignore_startup_parameters = extra_float_digits, options, castoff.nonce",
];

const APPLICATION: [&str; 2] = ["/bin/echo", "started"];

/// Advisory locks of the database, whoever holds them.
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn a_transaction_pooler_is_refused_with_the_way_out_before_anything_is_done() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    for further in CONFIGURATIONS {
        let Some(pooler) = PgBouncer::before(&database, "transaction", further) else { return };
        let run = Run::start(&database, &files, APPLICATION)
            .env("DATABASE_URL", pooler.url(&database))
            .output()
            .exits(Exit::Refused);
        assert!(run.field("exit", "hint").contains("CASTOFF_DATABASE_URL"), "{run}");
        assert!(run.events("lock.acquired").is_empty() && run.stdout.is_empty(), "{further}: {run}");
        assert_eq!(database.history(), [], "{further}");
        assert_eq!(database.one(LOCKS), "0", "{further}");
    }
}

/// Why: what the test above prevents, done by hand.
#[test]
fn through_a_transaction_pooler_two_clients_hold_the_same_lock() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let further = "ignore_startup_parameters = extra_float_digits";
    let Some(pooler) = PgBouncer::before(&database, "transaction", further) else { return };
    let (mut one, mut other) = (pooler.client(&database), pooler.client(&database));
    let lock = "SELECT pg_try_advisory_lock(42)";
    assert_eq!((one.one(lock), other.one(lock)), ("t".to_owned(), "t".to_owned()));
    drop((one, other));
    assert_eq!(database.one(LOCKS), "1", "and it is held after both have gone");
}

#[test]
fn with_nothing_pending_a_pooler_is_as_good_as_a_server() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    for further in CONFIGURATIONS {
        let Some(pooler) = PgBouncer::before(&database, "transaction", further) else { return };
        let run = Run::start(&database, &files, APPLICATION).env("DATABASE_URL", pooler.url(&database));
        assert_eq!(run.output().succeeds().stdout, "started\n", "{further}");
    }
}

#[test]
fn a_direct_address_beside_the_pooler_is_used_for_migrations() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "") else { return };
    let files = Migrations::three();
    let run = Run::start(&database, &files, ["/usr/bin/env"])
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
    let files = Migrations::three();
    let run = Run::start(&database, &files, APPLICATION).env("DATABASE_URL", pooler.url(&database));
    // Undeclared it looks like any other: only its administrator knows.
    run.output().exits(Exit::Refused);
    let run = run.option(["--pooler", "session"]).output().succeeds();
    assert_eq!((run.applied().len(), run.stdout.as_str()), (3, "started\n"));
    assert_eq!(database.one(LOCKS), "0", "the pooler's connections hold no lock of ours");
}

#[test]
fn who_says_that_there_is_no_pooler_is_believed() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    for further in ["", "ignore_startup_parameters = extra_float_digits, options"] {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        let Some(pooler) = PgBouncer::before(&database, "transaction", further) else { return };
        let files = Migrations::three();
        let run = Run::start(&database, &files, APPLICATION)
            .env("DATABASE_URL", pooler.url(&database))
            .option(["--pooler", "none"])
            .output()
            .succeeds();
        assert_eq!((run.applied().len(), run.stdout.as_str()), (3, "started\n"), "{further}");
    }
    // And who says that there is one, in front of a server.
    let files = Migrations::three();
    let run =
        Run::migrate(&database, &files).option(["--pooler", "transaction"]).output().exits(Exit::Refused);
    assert!(run.field("exit", "hint").contains("CASTOFF_DATABASE_URL"), "{run}");
    assert_eq!(database.history(), []);
}

#[test]
fn a_direct_server_is_not_taken_for_a_pooler() {
    let settings = [
        "SELECT 1",
        // Whatever else sets that parameter, a session that was opened for us echoes what we sent.
        "ALTER ROLE {name} SET castoff.nonce = 'set for the role'",
        "ALTER DATABASE {name} SET castoff.nonce = 'set for the database'",
        "ALTER ROLE {name} IN DATABASE {name} SET castoff.nonce = ''",
        "ALTER DATABASE {name} SET search_path = 'public'",
    ];
    for setting in settings {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        database.exec(&setting.replace("{name}", &database.name()));
        let files = Migrations::three();
        Run::migrate(&database, &files).output().succeeds();
    }
}

#[test]
fn a_direct_server_asked_for_options_is_not_taken_for_a_pooler() {
    let options =
        ["options=-c%20statement_timeout%3D5s", "options=-c%20castoff.nonce%3Dmine", "search_path=public"];
    for option in options {
        let Some(database) = Database::on(Engine::Postgres) else { return };
        let files = Migrations::three();
        let url = format!("{}?{option}", database.url());
        let run = Run::migrate(&database, &files).env("DATABASE_URL", url).output().succeeds();
        assert_eq!(run.applied().len(), 3, "{option}");
    }
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
