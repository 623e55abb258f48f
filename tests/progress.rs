//! What is told of a migration that takes long: who holds it up, how far it is, and never what is secret.

use castoff::exit::Exit;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{
    Client, Database, Engine, Finished, Gate, MariaDb, Migrations, Run, Running, eventually, on_every_engine,
    secrets,
};

mod terminal;

on_every_engine!(a_short_migration_is_not_told_of_and_costs_no_second_connection);

fn a_short_migration_is_not_told_of_and_costs_no_second_connection(database: &Database) {
    let run = Run::migrate(database, &Migrations::three()).output().succeeds();
    assert!(run.events("migration.progress").is_empty(), "{run}");
}

/// Waits for a line whose detail says this.
fn until_told(running: &mut Running, text: &str) -> Value {
    running.until_line(&format!("a line that tells of {text:?}"), |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let told = line["event"] == "migration.progress" && line["detail"].as_str()?.contains(text);
        told.then_some(line)
    })
}

fn detail(line: &Value) -> &str {
    line["detail"].as_str().expect("a detail")
}

/// Somebody who holds a lock on `users` since a statement with a secret in it, of which only the first word may be told.
fn blocker(database: &Database, name: &str) -> (Client, String) {
    let secret = secrets::invent();
    let mut client = database.client();
    if database.engine() == Engine::Postgres {
        client.exec(&format!("SET application_name = '{name}'"));
    }
    client.exec("BEGIN");
    client.exec(&format!("/* {name} */ UPDATE users SET password = '{}'", secret.replace('\'', "''")));
    (client, secret)
}

fn users(database: &Database) {
    database.exec("CREATE TABLE users (id int, password varchar(200)); INSERT INTO users VALUES (1, 'x')");
    if database.engine() == Engine::Postgres {
        database.exec(&format!("ALTER TABLE users OWNER TO {}", database.name()));
    }
}

fn forced(database: &Database, files: &Migrations) -> Run {
    Run::migrate(database, files).option(["--format", "sqlx", "--ddl-lock-timeout", "0"])
}

/// There is a line every five seconds.
fn in_time(run: &Finished) {
    let lines = run.events("migration.progress");
    let times = lines.iter().map(|line| line["elapsed_ms"].as_u64().expect("milliseconds"));
    for (time, due) in times.zip((5000..).step_by(5000)) {
        assert!((due..due + 2000).contains(&time), "{time} instead of {due}: {run}");
    }
    assert!(!lines.is_empty(), "{run}");
}

#[test]
fn whoever_holds_a_lock_is_told_with_pid_name_client_and_the_first_word_of_its_query() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    users(&database);
    // The same role: others see no more than the pid and the name of a superuser's session.
    database.exec(&format!("ALTER ROLE {} SUPERUSER", database.name()));
    let (mut blocker, secret) = blocker(&database, "nightly report");
    let pid = blocker.one("SELECT pg_backend_pid()");
    let files =
        Migrations::of(&[("1_a.sql", "SELECT 1;\n"), ("2_b.sql", "ALTER TABLE users ADD COLUMN age int;\n")]);
    let mut running = forced(&database, &files).spawn();
    let line = until_told(&mut running, "held up by");
    assert_eq!((line["id"].as_str(), line["level"].as_str()), (Some("2"), Some("info")));
    let told = detail(&line).to_owned();
    let wanted = [
        "running for ",
        "waiting for a lock on users, held up by nightly report",
        &format!("(pid {pid}"),
        "idle in transaction for",
        "line 1: ALTER TABLE users ADD COLUMN age int",
    ];
    for wanted in wanted {
        assert!(told.contains(wanted), "{wanted:?}: {told}");
    }
    // Its last query was the one for its pid.
    assert!(told.contains("its query: SELECT"), "{told}");
    until_told(&mut running, "held up by");
    blocker.exec("ROLLBACK");
    let run = running.wait().succeeds();
    in_time(&run);
    assert!(!run.stderr.contains(&secret), "{run}");
}

#[test]
fn of_another_role_s_session_pid_and_name_are_told_and_nothing_of_its_query() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    users(&database);
    let (mut blocker, secret) = blocker(&database, "psql");
    let files = Migrations::of(&[("1_a.sql", "ALTER TABLE users ADD COLUMN age int;\n")]);
    let mut running = forced(&database, &files).spawn();
    let told = until_told(&mut running, "held up by psql (pid ").to_string();
    assert!(!told.contains("its query"), "{told}");
    blocker.exec("ROLLBACK");
    let run = running.wait().succeeds();
    assert!(!run.stderr.contains(&secret) && !run.stderr.contains("insufficient"), "{run}");
}

#[test]
fn a_concurrent_index_build_tells_whose_transaction_it_waits_for() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    users(&database);
    let (mut blocker, _) = blocker(&database, "worker");
    let pid = blocker.one("SELECT pg_backend_pid()");
    let files = Migrations::of(&[(
        "1_index.sql",
        "-- no-transaction\nSELECT 1;\nCREATE INDEX CONCURRENTLY users_id ON users (id);\n",
    )]);
    let mut running = forced(&database, &files).spawn();
    let line = until_told(&mut running, "waiting for writers before build");
    let told = detail(&line);
    for wanted in
        ["CREATE INDEX CONCURRENTLY on users", "held up by worker", &format!("(pid {pid}"), "line 3: CREATE"]
    {
        assert!(told.contains(wanted), "{wanted:?}: {told}");
    }
    blocker.exec("ROLLBACK");
    running.wait().succeeds();
}

/// A build that stands still in the middle of its scan, because the index is on a function that waits before the gate.
#[test]
fn the_share_of_an_index_build_that_is_done_is_told() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    database.exec(&format!(
        "CREATE TABLE big AS SELECT g AS id, repeat('x', 500) AS filling FROM generate_series(1, 4000) AS g; \
         ALTER TABLE big OWNER TO {}; \
         CREATE FUNCTION stops(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN \
         IF $1 = 2000 THEN PERFORM pg_advisory_xact_lock(1, 777); END IF; RETURN $1; END $$",
        database.name()
    ));
    let files = Migrations::of(&[("1_index.sql", "CREATE INDEX big_id ON big (stops(id));\n")]);
    let mut running = forced(&database, &files).spawn();
    gate.visitor();
    let line = until_told(&mut running, "CREATE INDEX on big: building index: scanning table, ");
    let told = detail(&line);
    let share =
        told.split("scanning table, ").nth(1).and_then(|rest| rest.split('%').next()).expect("a share");
    let share: u32 = share.parse().expect("a number");
    assert!((40..60).contains(&share), "{told}");
    assert!(told.contains("waiting for an advisory lock, held up by"), "{told}");
    gate.open();
    running.wait().succeeds();
}

#[test]
fn a_table_that_is_written_anew_is_told_with_its_phase() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    database.exec(&format!(
        "CREATE TABLE big AS SELECT 1 AS id; ALTER TABLE big OWNER TO {}; \
         CREATE FUNCTION stops(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM pg_advisory_xact_lock(1, 777); RETURN $1; END $$; \
         CREATE INDEX big_id ON big (stops(id))",
        database.name()
    ));
    let mut gate = Gate::closed(&database);
    let files = Migrations::of(&[("1_vacuum.sql", "-- no-transaction\nVACUUM FULL big;\n")]);
    let mut running = forced(&database, &files).spawn();
    gate.visitor();
    until_told(&mut running, "VACUUM FULL on big: rebuilding index");
    gate.open();
    running.wait().succeeds();
}

/// A dump's data, a row of which waits before the gate.
#[test]
fn the_share_of_a_copy_that_is_done_is_told() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let rows: Vec<String> = (1..=4000).map(|id| format!("{id}\t{}\n", "x".repeat(500))).collect();
    let rows = rows.concat();
    let sql = format!(
        "CREATE TABLE big (id int, filling text);\n\
         CREATE FUNCTION stops() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.id = 2000 THEN PERFORM pg_advisory_xact_lock(1, 777); END IF; RETURN NEW; END $$;\n\
         CREATE TRIGGER stops BEFORE INSERT ON big FOR EACH ROW EXECUTE FUNCTION stops();\n\
         COPY big (id, filling) FROM stdin;\n{rows}\\.\n"
    );
    let files = Migrations::of(&[("V1__copy.sql", sql.as_str())]);
    let mut running =
        Run::migrate(&database, &files).option(["--format", "flyway", "--ddl-lock-timeout", "0"]).spawn();
    gate.visitor();
    let line = until_told(&mut running, "COPY FROM");
    let told = detail(&line);
    let share = told.split("COPY FROM, ").nth(1).and_then(|rest| rest.split('%').next()).expect("a share");
    let share: u32 = share.parse().expect("a number");
    assert!((45..60).contains(&share), "{told}");
    gate.open();
    running.wait().succeeds();
}

#[test]
fn preparing_the_history_table_is_told_of_too() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut other = database.client();
    other.exec("BEGIN; CREATE TABLE _sqlx_migrations (version BIGINT)");
    let mut running = Run::migrate(&database, &Migrations::three()).spawn();
    let line = until_told(&mut running, "held up by");
    assert!(line["id"].is_null(), "{line}");
    assert!(
        line["message"].as_str().expect("a message").starts_with("preparing _sqlx_migrations: "),
        "{line}"
    );
    other.exec("ROLLBACK");
    running.wait().succeeds();
}

#[test]
fn a_migrate_command_and_a_hook_are_told_of_while_they_run() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::of(&[("1_a.sql", "SELECT 1;\n")]);
    let run = Run::migrate(&database, &files)
        .option(["--before-migrate", "/usr/bin/sleep 5.5"])
        .output()
        .succeeds();
    assert!(run.field("migration.progress", "detail").contains("running for 5s"), "{run}");
    assert!(
        run.field("migration.progress", "message").starts_with("the before-migrate hook `/usr/bin/sleep`"),
        "{run}"
    );
    in_time(&run);
}

#[test]
fn a_connection_that_is_kept_is_opened_anew_when_it_is_lost_and_closed_before_the_application_starts() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let mut gate = Gate::closed(&database);
    let sessions =
        format!("SELECT pid FROM pg_stat_activity WHERE usename = '{}' AND state = 'idle'", database.name());
    let files = Migrations::of(&[("1_a.sql", gate.sql().as_str())]);
    let mut running =
        Run::start(&database, &files, ["/bin/echo", "started"]).option(["--ddl-lock-timeout", "0"]).spawn();
    gate.visitor();
    let kept = |client: &mut Client| client.rows(&sessions).first().and_then(|row| row[0].clone());
    let mut client = database.client();
    assert_eq!(kept(&mut client), None, "not before it is needed");
    running.until("migration.progress");
    let first = eventually("it stays between two looks", || kept(&mut client));
    client.exec(&format!("SELECT pg_terminate_backend({first})"));
    eventually("there is another one", || kept(&mut client).filter(|second| *second != first));
    until_told(&mut running, "held up by");
    gate.open();
    assert_eq!(running.wait().succeeds().stdout, "started\n");
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'", database.name());
    eventually("nothing of it is left on the server", || (client.one(&left) == "0").then_some(()));
}

/// MariaDB leaves `performance_schema` off; with it on, and the privilege to read it, the holder is certain.
#[test]
fn a_metadata_lock_is_told_with_whoever_holds_it_as_far_as_mariadb_shows_it() {
    let Some(server) = MariaDb::prepared() else { return };
    server
        .start(&["--performance-schema=ON", "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON"]);
    let database = Database::on_mariadb(&server);
    let name = database.name();
    users(&database);
    let (mut blocker, _) = blocker(&database, "worker");
    let id = blocker.one("SELECT CONNECTION_ID()");
    let files = Migrations::of(&[("1_a.sql", "ALTER TABLE users ADD COLUMN age int;\n")]);
    let mut running = forced(&database, &files).spawn();
    let line = until_told(&mut running, "waiting for table metadata lock");
    assert!(
        detail(&line).contains("whose, the server does not show"),
        "an account without privileges: {line}"
    );
    database.exec(&format!(
        "GRANT PROCESS ON *.* TO {name}@'%'; GRANT SELECT ON performance_schema.* TO {name}@'%'"
    ));
    let line = until_told(&mut running, "held up by");
    assert!(detail(&line).contains(&format!("held up by another session (pid {id})")), "{line}");
    // PROCESS is given to sessions that begin after it: the second connection has to be another.
    let kept =
        format!("SELECT id FROM information_schema.processlist WHERE user = '{name}' AND command = 'Sleep'");
    database.exec(&format!("KILL CONNECTION {}", database.one(&kept)));
    let line = until_told(&mut running, "held up by root");
    for wanted in [&*format!("(pid {id}"), "root", "idle in transaction for", "line 1: ALTER TABLE users"] {
        assert!(detail(&line).contains(wanted), "{wanted:?}: {line}");
    }
    blocker.exec("ROLLBACK");
    in_time(&running.wait().succeeds());
}

/// A migration on MariaDB that a transaction holds up is told with the id of that.
fn held_up_on_mariadb(sql: &str, told: &str, named: impl Fn(&str) -> String) {
    let Some(database) = Database::on(Engine::MySql) else { return };
    database.exec(&format!("GRANT PROCESS ON *.* TO {}@'%'", database.name()));
    users(&database);
    let (mut blocker, _) = blocker(&database, "worker");
    let id = blocker.one("SELECT CONNECTION_ID()");
    let mut running = forced(&database, &Migrations::of(&[("1_a.sql", sql)])).spawn();
    let line = until_told(&mut running, told);
    assert!(detail(&line).contains(&named(&id)), "{line}");
    blocker.exec("ROLLBACK");
    running.wait().succeeds();
}

#[test]
fn where_mariadb_does_not_know_who_holds_a_metadata_lock_the_older_open_transactions_are_told() {
    let sql = "ALTER TABLE users ADD COLUMN age int;\n";
    held_up_on_mariadb(sql, "waiting for table metadata lock", |id| format!("pid {id}"));
}

#[test]
fn a_wait_for_a_row_is_told_with_whoever_has_locked_it() {
    held_up_on_mariadb("SELECT 1;\nUPDATE users SET id = 2;\n", "held up by", |id| format!("(pid {id}"));
}

#[test]
fn a_statement_that_nobody_counts_is_told_in_the_servers_words() {
    let Some(database) = Database::on(Engine::MySql) else { return };
    let mut gate = Gate::closed(&database);
    let files = Migrations::of(&[("1_a.sql", gate.sql().as_str())]);
    let mut running = forced(&database, &files).spawn();
    gate.visitor();
    let line = running.until("migration.progress");
    assert!(detail(&line).contains("User lock"), "{line}");
    running.signal(Signal::SIGTERM);
    running.wait().exits(Exit::Signal(15));
}

#[test]
fn of_sqlite_the_statement_is_told_that_runs() {
    let database = Database::sqlite();
    let files = Migrations::of(&[(
        "1_a.sql",
        "CREATE TABLE a (x int);\n\
         WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n",
    )]);
    let mut running = Run::migrate(&database, &files).spawn();
    let line = running.until("migration.progress");
    assert!(detail(&line).starts_with("running for 5s; line 2: WITH RECURSIVE c"), "{line}");
    running.signal(Signal::SIGTERM);
    eventually("it ends", || running.has_logged("exit").then_some(()));
    running.wait().exits(Exit::Signal(15));
}
