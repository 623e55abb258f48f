//! Every exit code castoff promises has a test that makes it come out of the program.

use std::collections::BTreeMap;

use castoff::exit::Exit;
use nix::sys::signal::Signal;

use crate::harness::{
    Database, Engine, FakePostgres, Finished, Migrations, PgBouncer, Proxy, Run, keys, root,
};
use crate::lock::{migrating, slow_sql};

/// The smallest call that ends in each way; `None` where a server is missing, which has been
/// said, and for what cannot be asked for.
fn case(exit: Exit) -> Option<Finished> {
    let files = Migrations::three();
    let nobody = || {
        Run::new(["migrate", "--wait-timeout", "100ms"]).env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/d")
    };
    let on_postgres = || Database::on(Engine::Postgres);
    Some(match exit {
        Exit::Unhealthy if !root() => return None,
        Exit::Unhealthy => Run::new(["health", "--target", "tcp://127.0.0.1:1"]).pid1().output(),
        Exit::Usage => nobody().env("CASTOFF_WAIT_TIMEOUT", "soon").env("CASTOFF_MODE", "x").output(),
        Exit::Data => {
            files.write("01_again.sql", "SELECT 1;\n");
            nobody().migrations(&files).output()
        }
        Exit::NoInput => nobody().migrations(&Migrations::new()).output(),
        Exit::Unavailable => nobody().migrations(&files).output(),
        // A panic is a bug, and there is no way to ask for one from outside.
        Exit::Internal => return None,
        Exit::OsError => {
            // Not one descriptor beyond the standard streams; what is asked of the log is not known so early.
            nobody().migrations(&files).under(["/usr/bin/prlimit", "--nofile=4:4", "--"]).output()
        }
        Exit::OutcomeUnknown => outcome_unknown(&on_postgres()?),
        Exit::LockTimeout => {
            let database = on_postgres()?;
            let mut tool = database.client();
            tool.exec(&format!("SELECT pg_advisory_lock({})", keys::sqlx(&database.name())));
            Run::migrate(&database, &files).option(["--lock-timeout", "200ms"]).output()
        }
        Exit::Refused => {
            let database = on_postgres()?;
            let pooler = PgBouncer::before(&database, "transaction", "")?;
            Run::migrate(&database, &files).env("DATABASE_URL", pooler.url(&database)).output()
        }
        Exit::MigrationFailed => {
            files.write("4_bad.sql", "NONSENSE;\n");
            Run::migrate(&Database::sqlite(), &files).output()
        }
        Exit::MigrateTimeout => {
            let database = on_postgres()?;
            files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, 60));
            Run::migrate(&database, &files).option(["--migrate-timeout", "500ms"]).output()
        }
        Exit::Pending => Run::new(["status"]).database(&Database::sqlite()).migrations(&files).output(),
        Exit::NotExecutable => Run::new(["--mode", "off", "--", "/etc/passwd"]).output(),
        Exit::NotFound => Run::new(["--mode", "off", "--", "/no/such/application"]).output(),
        Exit::Signal(number) => {
            let fake = FakePostgres::refusing("57P03", "the database system is starting up");
            let mut running = Run::new(["wait"]).env("DATABASE_URL", fake.url()).spawn();
            running.until("wait.retry");
            running.signal(Signal::try_from(number).expect("a signal"));
            running.wait()
        }
    })
}

fn outcome_unknown(database: &Database) -> Finished {
    let proxy = Proxy::before(database.port());
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", slow_sql(Engine::Postgres, 60));
    let running = migrating(
        &Run::migrate(database, &files)
            .env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
            .option(["--wait-timeout", "1s"]),
    );
    proxy.close();
    proxy.cut();
    running.wait()
}

#[test]
fn every_code_comes_out_of_the_program() {
    let signals = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT].map(Exit::Signal);
    // What `status` and `health` find is an answer, not an end; and before the arguments are read nobody has asked for JSON.
    let quiet = [Exit::Pending, Exit::Unhealthy, Exit::OsError];
    let mut wrong = BTreeMap::new();
    for exit in Exit::ALL.into_iter().chain(signals) {
        let Some(finished) = case(exit) else { continue };
        if finished.code != i32::from(exit.code()) {
            wrong.insert(exit.code(), finished.to_string());
        } else if !quiet.contains(&exit) && finished.event("exit")["code"] != i32::from(exit.code()) {
            wrong.insert(exit.code(), format!("the last line does not name the code: {finished}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn done_is_zero() {
    let database = Database::sqlite();
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    Run::new(["wait"]).database(&database).output().succeeds();
    Run::new(["status"]).database(&database).migrations(&files).output().succeeds();
}
