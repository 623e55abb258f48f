//! The harness itself: servers start, fakes answer, leaks are found.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};

use crate::harness::{
    Certificates, Database, DnsAnswer, Engine, FakeDns, FakePostgres, PgBouncer, Postgres, Proxy, eventually,
    on_every_engine, secrets,
};

on_every_engine!(a_database_is_empty_and_takes_statements);

fn a_database_is_empty_and_takes_statements(database: &Database) {
    assert_eq!(database.history(), []);
    database.exec("CREATE TABLE t (id INT, name VARCHAR(10)); INSERT INTO t VALUES (7, NULL)");
    assert_eq!(database.rows("SELECT id, name FROM t"), [vec![Some("7".to_owned()), None]]);
    assert!(database.has_table("t") && !database.has_table("u"));
}

#[test]
fn a_secret_in_an_output_is_found_in_every_form() {
    let secret = secrets::invent();
    for leak in [secret.clone(), secrets::encode(&secret), serde_json::to_string(&secret).unwrap()] {
        assert!(secrets::leak(format!("x{leak}y").as_bytes()).is_some(), "{leak} was not found");
    }
    assert_eq!(secrets::leak(b"nothing to see"), None);
}

#[test]
fn a_standby_follows_its_primary() {
    let Some(primary) = Postgres::started(&[]) else { return };
    primary.admin().exec("CREATE TABLE here (id INT)");
    let standby = primary.standby(true);
    standby.start();
    assert_eq!(standby.admin().one("SELECT pg_is_in_recovery()"), "t");
    assert_eq!(standby.admin().one("SELECT count(*) FROM here"), "0");
}

#[test]
fn a_server_speaks_tls_with_the_certificates_made_for_it() {
    let certificates = Certificates::of(&["localhost", "127.0.0.1"]);
    let settings = certificates.postgres_settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(server) = Postgres::started(&settings) else { return };
    assert_eq!(server.admin().one("SHOW ssl"), "on");
}

#[test]
fn the_fake_answers_a_start_up_with_its_error() {
    let fake = FakePostgres::refusing("57P03", "the database system is starting up");
    let mut client = TcpStream::connect(("127.0.0.1", fake.port())).unwrap();
    client.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).unwrap();
    let mut declined = [0];
    client.read_exact(&mut declined).unwrap();
    client.write_all(b"\0\0\0\x12\0\x03\0\0user\0app\0\0").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!((declined, answer[0]), ([b'N'], b'E'));
    assert!(String::from_utf8_lossy(&answer).contains("C57P03"));
    assert_eq!(fake.attempts(), 1);
}

#[test]
fn the_proxy_records_what_a_client_says_after_authentication() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let proxy = Proxy::before(database.port());
    let url = database.url_at("127.0.0.1", proxy.port());
    let output = std::process::Command::new("psql").args([&url, "-Atc", "SELECT 42"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n", "{output:?}");
    // The client may be gone a moment before the proxy has read its last word.
    let sessions = eventually("the client has said goodbye", || {
        let sessions = proxy.sessions();
        sessions.iter().flatten().any(|(kind, _)| *kind == 'X').then_some(sessions)
    });
    let kinds: Vec<char> = sessions.iter().flatten().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ['Q', 'X']);
    assert_eq!(sessions.concat()[0].1, b"SELECT 42\0");
}

#[test]
fn the_pooler_serves_its_database() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    let Some(pooler) = PgBouncer::before(&database, "transaction", "") else { return };
    let output =
        std::process::Command::new("psql").args([&pooler.url(&database), "-Atc", "SELECT 42"]).output();
    let output = output.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n", "{output:?} {}", pooler.log());
}

#[test]
fn the_name_server_answers_as_told() {
    let Some(dns) = FakeDns::answering(DnsAnswer::Address(Ipv4Addr::LOCALHOST)) else { return };
    let conf = std::fs::read_to_string(dns.resolv_conf()).unwrap();
    let server = conf.trim().strip_prefix("nameserver ").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ask = || {
        socket.send_to(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02db\0\0\x01\0\x01", (server, 53)).unwrap();
        let mut reply = [0; 512];
        let length = socket.recv(&mut reply).unwrap();
        reply[..length].to_vec()
    };
    assert!(ask().ends_with(&[127, 0, 0, 1]));
    dns.answer(DnsAnswer::NoSuchName);
    assert_eq!(ask()[3] & 0x0f, 3);
    assert_eq!(dns.questions(), 2);
}

#[test]
fn the_keys_are_those_of_the_reference() {
    use crate::harness::keys;
    assert_eq!(keys::sqlx("app"), 3_469_795_979_745_788_610);
    assert_eq!(format!("{:x}", keys::sqlx("app")), "3027310f4fd382c2");
    assert_ne!(
        keys::own("app", "public", "_sqlx_migrations"),
        keys::own("app", "publi", "c_sqlx_migrations")
    );
}

#[test]
fn what_is_demanded_may_not_be_missing() {
    use crate::harness::is_demanded;
    assert!(is_demanded("postgres", "true", ""));
    assert!(is_demanded("mariadb", "", "postgres, mariadb"));
    assert!(!is_demanded("mariadb", "", "postgres") && !is_demanded("mariadb", "false", ""));
}
