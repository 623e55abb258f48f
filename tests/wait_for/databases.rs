//! Databases as targets: a primary that is migrated and a replica that only has to answer.

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use super::{missing, wait_for};
use crate::harness::{
    Certificates, Database, Engine, FakePostgres, MariaDb, Migrations, PgBouncer, Postgres, Run, Scratch,
    free_port, on_every_engine, secrets,
};

on_every_engine!(a_database_answers_for_itself);

fn a_database_answers_for_itself(database: &Database) {
    if database.engine() == Engine::Sqlite {
        database.exec("CREATE TABLE t (id INTEGER)");
    }
    let url = database.url().replace(',', "%2C");
    let run = wait_for([url]).output().succeeds();
    assert!(run.events("wait.retry").is_empty(), "{run}");
    let run = Run::new(["wait", "--wait-for", "env:DATABASE_URL_REPLICA"]).database(database);
    let run = run.env("DATABASE_URL_REPLICA", database.url()).output().succeeds();
    assert_eq!(run.field("wait.ready", "engine"), database.engine().name());
}

#[test]
fn a_read_only_replica_is_waited_for_beside_the_primary_that_is_migrated() {
    let Some(primary) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&primary);
    let replica = primary.standby(true);
    let files = Migrations::three();
    let run = Run::start(&database, &files, ["/bin/echo", "started"])
        .env("CASTOFF_WAIT_FOR", "env:DATABASE_URL_REPLICA")
        .env("DATABASE_URL_REPLICA", database.url_at("127.0.0.1", replica.port()))
        .env("CASTOFF_WAIT_TIMEOUT", "60s");
    let mut running = run.spawn();
    running.until_line("the replica is missing", |line| {
        (line.contains("wait.retry") && line.contains(&replica.port().to_string())).then_some(())
    });
    replica.start();
    let finished = running.wait().succeeds();
    assert_eq!(finished.stdout, "started\n");
    assert_eq!(finished.applied().len(), 3, "{finished}");
    assert_eq!(finished.events("wait.ready").len(), 1, "the database's alone: {finished}");

    // The same server is no database to be migrated, and none where the URL asks for writes.
    let writes = format!("{}?target_session_attrs=read-write", database.url_at("127.0.0.1", replica.port()));
    missing([writes]).says("standby");
    replica.stop(Signal::SIGINT);
    let run = run.option(["--wait-timeout", "700ms"]).output().exits(Exit::Unavailable);
    let reason = run.field("exit", "reason");
    assert!(reason.starts_with(&format!("127.0.0.1:{}/{}", replica.port(), database.name())), "{run}");
}

#[test]
fn of_a_list_of_replicas_any_will_do() {
    let Some(primary) = Postgres::started(&[]) else { return };
    let database = Database::on_postgres(&primary);
    let replica = primary.standby(true);
    replica.start();
    let url = database.url_at("127.0.0.1", free_port());
    let (before, after) = url.rsplit_once('/').expect("a path");
    let url = format!("{before}%2C127.0.0.1:{}/{after}", replica.port());
    wait_for([url]).output().succeeds();
}

#[test]
fn what_a_database_refuses_for_good_ends_the_wait_at_once() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let (name, port) = (database.name(), database.port());
    let right = secrets::encode(database.password());
    let wrong = secrets::encode(&secrets::invent());
    for target in [
        format!("postgres://{name}:{wrong}@127.0.0.1:{port}/{name}"),
        format!("postgres://{name}:{right}@127.0.0.1:{port}/nowhere"),
        format!("postgres://{name}:{right}@127.0.0.1:{port}/{name}?sslmode=require"),
    ] {
        let run = wait_for(["file:///no/such", &target]).output().exits(Exit::Refused);
        assert!(run.field("exit", "reason").contains(&format!("127.0.0.1:{port}/")), "{run}");
        assert!(!run.field("exit", "hint").is_empty(), "{run}");
    }
}

#[test]
fn a_mariadb_is_waited_for_by_what_it_answers() {
    let Some(server) = MariaDb::prepared() else { return };
    server.start(&[]);
    let database = Database::on_mariadb(&server);
    server.stop(Signal::SIGKILL);
    let mut running = wait_for([database.url()]).spawn();
    running.until("wait.retry");
    server.start(&["--read-only"]);
    running.wait().succeeds();
}

#[test]
fn a_database_is_verified_as_its_url_says() {
    let certificates = Certificates::of(&["localhost"]);
    let settings = certificates.postgres_settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(server) = Postgres::started(&settings) else { return };
    let database = Database::on_postgres(&server);
    let target = |host: &str, parameters: &str| {
        wait_for([format!("{}?{parameters}", database.url_at(host, server.port()))])
    };
    let own = certificates.authority.display();
    target("localhost", &format!("sslmode=verify-full&sslrootcert={own}")).output().succeeds();
    target("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={own}")).output().exits(Exit::Refused);
    let by_system = target("localhost", "sslmode=verify-full&sslrootcert=system");
    by_system.clone().env("SSL_CERT_FILE", &certificates.authority).output().succeeds();
    by_system.env("SSL_CERT_FILE", &certificates.stranger).output().exits(Exit::Refused);
}

#[test]
fn a_pooler_is_as_good_as_what_stands_behind_it() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "") else { return };
    wait_for([pooler.url(&database)]).output().succeeds();
}

#[test]
fn the_application_gets_the_url_of_its_replica_as_it_was() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let run = Run::new(["--mode", "wait", "--", "/usr/bin/env"])
        .env("CASTOFF_WAIT_FOR", format!("env:DATABASE_URL_REPLICA,{}", database.url()))
        .env("DATABASE_URL_REPLICA", database.url())
        .secrets_on_stdout()
        .output()
        .succeeds();
    assert!(run.stdout.contains(&format!("DATABASE_URL_REPLICA={}\n", database.url())), "{}", run.stderr);
    assert!(!run.stdout.contains("CASTOFF_WAIT_FOR"), "{}", run.stderr);
}

#[test]
fn no_level_prints_a_targets_password() {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    let raw = format!("postgres://app:{}@127.0.0.1:1/app", secrets::invent());
    for level in ["error", "warn", "info", "debug", "trace"] {
        missing_at(level, &fake.url(), Exit::Unavailable);
        missing_at(level, &raw, Exit::Usage);
    }
    let secret = secrets::invent();
    let said: &'static str = Box::leak(format!("no entry for \"{secret}\"").into_boxed_str());
    let fake = FakePostgres::refusing("28000", said);
    let url = format!("postgres://app:{}@127.0.0.1:{}/app", secrets::encode(&secret), fake.port());
    missing_at("trace", &url, Exit::Refused);
}

fn missing_at(level: &str, target: &str, exit: Exit) {
    wait_for([target]).option(["--wait-timeout", "200ms", "--log-level", level]).output().exits(exit);
}

#[test]
fn a_sqlite_target_is_not_ready_before_its_file_is_there() {
    let home = Scratch::new("sqlite");
    let file = home.path().join("app.db");
    let database = Database::sqlite();
    database.exec("CREATE TABLE t (id INTEGER)");
    let mut running = wait_for([format!("sqlite:{}", file.display())]).spawn();
    running.until("wait.retry");
    assert!(!file.exists(), "nothing is created");
    std::fs::rename(database.name(), &file).expect("the file");
    running.wait().succeeds();
}
