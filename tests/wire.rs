//! What goes over the wire: a start with nothing pending costs one query, and no write.

use castoff::exit::Exit;

use crate::harness::{Database, Engine, Migrations, Proxy, Run};

#[test]
fn nothing_pending_costs_one_simple_query_and_no_write() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let files = Migrations::three();
    Run::migrate(&database, &files).output().succeeds();
    // A write would now be an error, wherever it is hidden.
    database.exec(&format!("REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM {}", database.name()));
    let proxy = Proxy::before(database.port());
    let run = Run::start(&database, &files, ["/bin/echo", "started"])
        .env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
        .output()
        .succeeds();
    run.event("migrate.none");
    let sessions: Vec<_> = proxy.sessions().into_iter().filter(|session| !session.is_empty()).collect();
    assert_eq!(sessions.len(), 1, "one connection: {sessions:?}");
    let kinds: String = sessions[0].iter().map(|(kind, _)| *kind).filter(|kind| *kind != 'X').collect();
    assert_eq!(kinds, "Q", "one simple query after authentication: {sessions:?}");
    let text = String::from_utf8_lossy(&sessions[0][0].1).to_uppercase();
    for word in ["CREATE", "INSERT", "UPDATE", "DELETE", "ADVISORY_LOCK", "BEGIN"] {
        assert!(
            !text.contains(&format!("{word} ")) && !text.contains(&format!("{word}(")),
            "{word} in {text}"
        );
    }
}

#[test]
fn the_first_read_of_an_empty_database_writes_nothing_either() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    Run::new(["status"]).database(&database).migrations(&Migrations::three()).output().exits(Exit::Pending);
    assert!(!database.has_table("_sqlx_migrations"));
}

#[test]
fn a_connection_lost_while_migrating_is_not_taken_for_a_failure() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", "CREATE TABLE once (id INT);\nSELECT pg_sleep(1);\n");
    let run = Run::migrate(&database, &files).env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()));
    let running = crate::lock::migrating(&run);
    proxy.cut();
    running.wait().succeeds();
    assert_eq!(database.versions().len(), 4);
    assert!(database.has_table("once"));
}

#[test]
fn a_connection_lost_for_good_while_migrating_leaves_the_outcome_unknown() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    let files = Migrations::three();
    files.write("30000101000000_slow.sql", "SELECT pg_sleep(2);\n");
    let run = Run::migrate(&database, &files)
        .env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()))
        .option(["--wait-timeout", "2s", "--connect-timeout", "1s"]);
    let running = crate::lock::migrating(&run);
    proxy.close();
    proxy.cut();
    let finished = running.wait().exits(Exit::OutcomeUnknown);
    assert!(!finished.field("exit", "hint").is_empty(), "{finished}");
    proxy.open();
    run.output().succeeds();
    assert_eq!(database.versions().len(), 4);
}

#[test]
fn a_connection_lost_before_the_first_write_goes_back_to_waiting() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    let mut tool = database.client();
    tool.exec(&format!("SELECT pg_advisory_lock({})", crate::harness::keys::sqlx(&database.name())));
    let run = Run::migrate(&database, &Migrations::three())
        .env("DATABASE_URL", database.url_at("127.0.0.1", proxy.port()));
    let mut running = run.spawn();
    running.until("lock.waiting");
    proxy.cut();
    drop(tool);
    assert_eq!(running.wait().succeeds().applied().len(), 3);
}
