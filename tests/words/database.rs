//! 69, 71, 74, 75 and 77: the database, or what else is needed, is not there, is busy, or does not want us.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::harness::{Certificates, Database, Engine, FakePostgres, FakeWeb, Postgres, Proxy, Run, secrets};
use crate::lock::{hold_own_lock, slow_sql};

use super::Situation;
use super::stage::{Stage, seen};

/// Waits for this database, not for long.
fn wait(url: &str) -> Run {
    Run::new(["wait", "--wait-timeout", "300ms"]).env("DATABASE_URL", url)
}

/// Without the lines that come in another order or with another reason every time.
fn without_waiting(said: &str) -> String {
    said.lines().filter(|line| !line.contains("INFO  waiting for")).flat_map(|line| [line, "\n"]).collect()
}

/// A server that looks at no password.
fn at(port: u16) -> String {
    format!("postgres://app:secret@127.0.0.1:{port}/app")
}

/// Waits for a database that is there with something else in its URL.
fn wait_as(stage: &mut Stage, engine: Engine, change: fn(&Database, &str) -> String) -> Option<String> {
    let database = stage.database(engine)?;
    stage.tell(Run::new(["wait"]).env("DATABASE_URL", change(&database, &database.url())))
}

/// Somebody else's password.
fn wrong_password(database: &Database, url: &str) -> String {
    let (name, rest) = (database.name(), url.split('@').next_back().unwrap_or_default().to_owned());
    let scheme = url.split(':').next().unwrap_or_default();
    format!("{scheme}://{name}:another-password@{rest}")
}

/// A server with certificates of its own.
fn with_tls(stage: &mut Stage, host: &str, parameters: fn(&Certificates) -> String) -> Option<String> {
    let certificates = Certificates::of(&["localhost"]);
    let settings = certificates.postgres_settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Postgres::prepared(&settings)?;
    server.start();
    let database = Database::on_postgres(&server);
    stage.show(&format!(":{}", server.port()), ":5432");
    stage.show(&secrets::encode(database.password()), "secret");
    stage.show(&database.name(), "app");
    stage.show(&certificates.authority.parent().expect("a directory").display(), "/certs");
    let url = format!("{}?{}", database.url_at(host, server.port()), parameters(&certificates));
    stage.tell(wait(&url))
}

pub(super) const SITUATIONS: [Situation; 18] = [
    ("an unreachable server", |stage| stage.tell(wait("postgres://app:secret@127.0.0.1:1/app"))),
    ("a server that is starting up", |stage| {
        let fake = FakePostgres::refusing("57P03", "the database system is starting up");
        stage.show(&format!(":{}", fake.port()), ":5432");
        stage.tell(wait(&at(fake.port())))
    }),
    ("a server without a free connection", |stage| {
        let fake = FakePostgres::refusing("53300", "sorry, too many clients already");
        stage.show(&format!(":{}", fake.port()), ":5432");
        stage.tell(wait(&at(fake.port())))
    }),
    ("several targets, of which some are missing", |stage| {
        let web = FakeWeb::answering(|_| "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        stage.show(&web.port(), "9200");
        let wait = Run::new(["wait", "--wait-timeout", "300ms", "--wait-for", "tcp://127.0.0.1:1"]);
        let search = format!("http://127.0.0.1:{}/health", web.port());
        let run = wait.option(["--wait-for", &search, "--wait-for", "file:///run/no-such-file"]);
        stage.tell(run).as_deref().map(without_waiting)
    }),
    ("a port for probes that is taken", |stage| {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("its address").to_string();
        stage.show(&address, "127.0.0.1:8080");
        let run = wait("postgres://app:secret@127.0.0.1:1/app");
        stage.tell(run.option(["--health-listen", &address]))
    }),
    ("no descriptor is left", |stage| {
        stage.tell(wait("postgres://app:secret@127.0.0.1:1/app").under([
            "/usr/bin/prlimit",
            "--nofile=4:4",
            "--",
        ]))
    }),
    ("the server disappears while a migration runs", |stage| {
        let (database, files) = (stage.postgres()?, stage.three());
        let proxy = Proxy::before(database.port());
        stage.show(&format!(":{}", proxy.port()), ":5432");
        files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, 60));
        let run = Run::migrate(&database, &files).option(["--wait-timeout", "1s"]);
        let run = run.env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()));
        let run = seen(run);
        let mut running = run.spawn();
        running.until_line("the slow one", |line| line.contains("30000101000000").then_some(()));
        proxy.close();
        proxy.cut();
        let said = stage.told(&run, &running.wait());
        // How a port answers that nobody listens at any more is another thing every time.
        let said = ["connection reset", "the server closed the connection"]
            .iter()
            .fold(said, |said, end| said.replace(&format!("1s: {end}"), "1s: connection refused"));
        Some(without_waiting(&said))
    }),
    ("a lock that stays held", |stage| {
        let (database, files) = (stage.postgres()?, stage.three());
        let held = hold_own_lock(&database);
        let said = stage.tell(Run::migrate(&database, &files).option(["--lock-timeout", "300ms"]));
        drop(held);
        said
    }),
    ("a wrong password, on PostgreSQL", |stage| wait_as(stage, Engine::Postgres, wrong_password)),
    ("a wrong password, on MariaDB", |stage| wait_as(stage, Engine::MySql, wrong_password)),
    ("a database that does not exist, on PostgreSQL", |stage| {
        wait_as(stage, Engine::Postgres, |_, url| format!("{url}_of_nobody"))
    }),
    ("a database that does not exist, on MariaDB", |stage| {
        wait_as(stage, Engine::MySql, |_, url| format!("{url}_of_nobody"))
    }),
    ("a directory that is not there, for SQLite", |stage| {
        stage.tell(wait("sqlite:///no/such/directory/app.db"))
    }),
    ("a server without TLS where TLS is required", |stage| {
        wait_as(stage, Engine::Postgres, |_, url| format!("{url}?sslmode=require"))
    }),
    ("a certificate of an authority that is not trusted", |stage| {
        with_tls(stage, "localhost", |certificates| {
            format!("sslmode=verify-full&sslrootcert={}", certificates.stranger.display())
        })
    }),
    ("a certificate of another name", |stage| {
        with_tls(stage, "127.0.0.1", |certificates| {
            format!("sslmode=verify-full&sslrootcert={}", certificates.authority.display())
        })
    }),
    ("a pooler in between", |stage| {
        let (database, files) = (stage.postgres()?, stage.three());
        let url = stage.pooler(&database)?;
        stage.tell(Run::migrate(&database, &files).env("DATABASE_URL", url))
    }),
    ("a role that may not create the history table", |stage| {
        let (database, files) = (stage.postgres()?, stage.three());
        database.exec(&format!("ALTER SCHEMA public OWNER TO {}", "postgres"));
        database.exec(&format!("REVOKE ALL ON SCHEMA public FROM public, {}", database.name()));
        database.exec(&format!("GRANT USAGE ON SCHEMA public TO {}", database.name()));
        stage.tell(Run::migrate(&database, &files))
    }),
];

/// A signal before the hand-over.
#[expect(
    clippy::unnecessary_wraps,
    reason = "what every situation gives; some need a server that may be missing"
)]
pub(super) fn stopped(stage: &mut Stage) -> Option<String> {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    stage.show(&format!(":{}", fake.port()), ":5432");
    let run = Run::new(["wait"]).env("DATABASE_URL", at(fake.port()));
    let run = seen(run);
    let mut running = run.spawn();
    running.until_line("the first attempt", |line| line.contains("starting up").then_some(()));
    running.signal(Signal::SIGTERM);
    Some(stage.told(&run, &running.wait()))
}
