//! TLS as libpq defines it, against servers with certificates made for the test.

use crate::harness::{Certificates, Database, Engine, MariaDb, Postgres};
use crate::wait::{never, usable, wait_for};

#[test]
fn tls_is_required_or_verified_as_libpq_does() {
    let certificates = Certificates::of(&["localhost"]);
    let settings = certificates.postgres_settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(server) = Postgres::prepared(&settings) else { return };
    let hba = std::fs::read_to_string(server.data().join("pg_hba.conf")).expect("pg_hba.conf");
    std::fs::write(server.data().join("pg_hba.conf"), hba.replace("host  all", "hostssl all"))
        .expect("rewritten");
    server.start();
    let database = Database::on_postgres(&server);
    let url = |host: &str, parameters: &str| format!("{}?{parameters}", database.url_at(host, server.port()));
    let root = |path: &std::path::Path| path.display().to_string();
    let (own, stranger) = (root(&certificates.authority), root(&certificates.stranger));
    let run = |host: &str, parameters: &str| wait_for(&url(host, parameters));

    usable(&run("127.0.0.1", "sslmode=prefer"));
    usable(&run("127.0.0.1", "sslmode=require"));
    usable(&run("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={own}")));
    usable(&run("localhost", &format!("sslmode=verify-full&sslrootcert={own}")));
    never(&run("127.0.0.1", "sslmode=disable"));
    never(&run("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={own}")));
    never(&run("localhost", &format!("sslmode=verify-ca&sslrootcert={stranger}")));
    never(&run("localhost", &format!("sslmode=require&sslrootcert={stranger}")));
}

#[test]
fn tls_on_mariadb_is_required_or_verified_in_its_own_words() {
    let certificates = Certificates::of(&["localhost"]);
    let Some(server) = MariaDb::prepared() else { return };
    let options = certificates.mariadb_options();
    server.start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    let database = Database::on_mariadb(&server);
    server.admin().exec(&format!("ALTER USER {}@'%' REQUIRE SSL", database.name()));
    let url = |host: &str, parameters: &str| format!("{}?{parameters}", database.url_at(host, server.port()));
    let (own, stranger) = (certificates.authority.display(), certificates.stranger.display());
    let run = |host: &str, parameters: &str| wait_for(&url(host, parameters));

    usable(&run("127.0.0.1", "ssl-mode=REQUIRED"));
    usable(&run("127.0.0.1", &format!("ssl-mode=VERIFY_CA&ssl-ca={own}")));
    usable(&run("localhost", &format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={own}")));
    never(&run("127.0.0.1", "ssl-mode=DISABLED"));
    never(&run("127.0.0.1", &format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={own}")));
    never(&run("localhost", &format!("ssl-mode=VERIFY_CA&ssl-ca={stranger}")));
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_required() {
    let Some(database) = Database::on(Engine::Postgres) else { return };
    never(&wait_for(&format!("{}?sslmode=require", database.url())));
    usable(&wait_for(&format!("{}?sslmode=prefer", database.url())));
}
