use super::{bad_url, parsed, target, url, with};
use crate::config::Parsed;
use crate::target::{Tls, TlsMode, TlsRoot};
use std::fs;
use std::path::PathBuf;

/// A home with libpq's files in it, as many as are named.
struct Home(tempfile::TempDir);

impl Home {
    fn with(names: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(".postgresql")).unwrap();
        for name in names {
            fs::write(directory.path().join(".postgresql").join(name), "PEM").unwrap();
        }
        Self(directory)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(".postgresql").join(name)
    }

    fn tls(&self, query: &str) -> Tls {
        let text = format!("postgres://u@h/d?{query}");
        let config = with(&[("DATABASE_URL", &text), ("HOME", self.0.path().to_str().unwrap())]);
        target(&config).tls.clone()
    }
}

fn postgres(query: &str) -> Tls {
    target(&url(&format!("postgres://u@h/d?{query}"))).tls.clone()
}

fn mysql(query: &str) -> Tls {
    target(&url(&format!("mysql://u@h/d?{query}"))).tls.clone()
}

#[test]
fn libpqs_modes_mean_what_they_mean_to_libpq() {
    assert_eq!(postgres("").mode, TlsMode::Prefer);
    for (word, mode) in [
        ("disable", TlsMode::Disable),
        ("allow", TlsMode::Allow),
        ("prefer", TlsMode::Prefer),
        ("require", TlsMode::Require),
    ] {
        assert_eq!(postgres(&format!("sslmode={word}")), Tls { mode, ..Tls::default() });
    }
    assert!(bad_url("postgres://u@h/d?sslmode=requier").contains("`requier`"));
}

#[test]
fn libpqs_variable_fills_the_mode() {
    let config = with(&[("DATABASE_URL", "postgres://u@h/d"), ("PGSSLMODE", "require")]);
    assert_eq!(target(&config).tls.mode, TlsMode::Require);
    let config = with(&[("DATABASE_URL", "postgres://u@h/d?sslmode=disable"), ("PGSSLMODE", "require")]);
    assert_eq!(target(&config).tls.mode, TlsMode::Disable);
}

#[test]
fn a_root_turns_require_into_verify_ca() {
    let home = Home::with(&["ca.pem"]);
    let ca = home.file("ca.pem");
    let tls = postgres(&format!("sslmode=require&sslrootcert={}", ca.display()));
    assert_eq!((tls.mode, tls.root), (TlsMode::VerifyCa, TlsRoot::File(ca.clone())));
    let tls = postgres(&format!("sslmode=verify-full&sslrootcert={}", ca.display()));
    assert_eq!((tls.mode, tls.root), (TlsMode::VerifyFull, TlsRoot::File(ca)));
}

#[test]
fn verifying_needs_somebody_to_trust() {
    for mode in ["verify-ca", "verify-full"] {
        let why = bad_url(&format!("postgres://u@h/d?sslmode={mode}"));
        assert!(why.contains("sslrootcert=system"), "{why}");
    }
    let home = Home::with(&["root.crt"]);
    let tls = home.tls("sslmode=verify-full");
    assert_eq!((tls.mode, tls.root), (TlsMode::VerifyFull, TlsRoot::File(home.file("root.crt"))));
    assert_eq!(home.tls("sslmode=require").mode, TlsMode::VerifyCa);
    assert_eq!(home.tls("sslmode=disable").root, TlsRoot::Unset);
}

#[test]
fn the_systems_authorities_go_with_verify_full_only() {
    let wanted = Tls { mode: TlsMode::VerifyFull, root: TlsRoot::System, ..Tls::default() };
    assert_eq!(postgres("sslrootcert=system"), wanted);
    assert_eq!(postgres("sslrootcert=system&sslmode=verify-full"), wanted);
    for mode in ["require", "verify-ca", "prefer"] {
        assert!(
            bad_url(&format!("postgres://u@h/d?sslrootcert=system&sslmode={mode}")).contains("verify-full")
        );
    }
}

#[test]
fn a_clients_certificate_comes_with_its_key() {
    let home = Home::with(&["postgresql.crt", "postgresql.key", "c.pem", "k.pem"]);
    let tls = home.tls("sslmode=require");
    assert_eq!(tls.certificate, Some(home.file("postgresql.crt")));
    assert_eq!(tls.key, Some(home.file("postgresql.key")));
    let (c, k) = (home.file("c.pem"), home.file("k.pem"));
    let tls = home.tls(&format!("sslcert={}&sslkey={}", c.display(), k.display()));
    assert_eq!((tls.certificate, tls.key), (Some(c.clone()), Some(k)));
    assert_eq!(home.tls("sslmode=require&sslcertmode=disable").certificate, None);
    let why = bad_url(&format!("postgres://u@h/d?sslcert={}", c.display()));
    assert!(why.contains("sslkey=FILE") && why.contains("sslrootcert=FILE"), "{why}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for query in [
        "sslmode=require&sslrootcert=/nonexistent/ca.pem",
        "sslcert=/nonexistent/ca.pem&sslkey=/nonexistent/k",
    ] {
        let why = bad_url(&format!("postgres://u@h/d?{query}"));
        assert!(why.contains("/nonexistent/ca.pem, which cannot be read"), "{why}");
    }
}

#[test]
fn a_relative_file_starts_at_the_working_directory() {
    let home = Home::with(&["ca.pem"]);
    let variables = [("DATABASE_URL", "postgres://u@h/d?sslrootcert=.postgresql/ca.pem&sslmode=verify-ca")];
    let Parsed::Run(config) = parsed("castoff migrate", &variables, home.0.path()) else { panic!("refused") };
    assert_eq!(target(&config).tls.root, TlsRoot::File(home.file("ca.pem")));
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    for parameter in [
        "sslpassword=x",
        "sslcrl=/x",
        "sslcrldir=/x",
        "sslnegotiation=direct",
        "sslsni=0",
        "sslcertmode=require",
        "ssl_min_protocol_version=TLSv1.3",
        "ssl_max_protocol_version=TLSv1.2",
        "channel_binding=require",
        "channelBinding=require",
        "gssencmode=require",
        "require_auth=scram-sha-256",
        "requirepeer=postgres",
        "sslidentity=/x",
        "sslfactory=org.postgresql.ssl.NonValidatingFactory",
        "tls=no-such-name",
        "sslaccept=maybe",
    ] {
        let name = parameter.split('=').next().unwrap();
        let why = bad_url(&format!("postgres://u@h/d?{parameter}"));
        assert!(why.contains(&format!("DATABASE_URL: the parameter {name}")), "{parameter}: {why}");
    }
    for parameter in [
        "sslcrl=/x",
        "trustCertificateKeyStoreUrl=x",
        "ssl=true",
        "ssl-mode=SURE",
        "tls=custom-name",
        "ssl_cipher=x",
    ] {
        let why = bad_url(&format!("mysql://u@h/d?{parameter}"));
        assert!(why.contains("DATABASE_URL: the parameter "), "{parameter}: {why}");
    }
    let why = super::refused("castoff migrate", &[("DATABASE_URL", "postgres://u@h/d"), ("PGSSLCRL", "/x")]);
    assert!(why.contains("PGSSLCRL"), "{why}");
}

#[test]
fn what_is_so_anyway_is_accepted() {
    postgres(
        "channel_binding=prefer&ssl_min_protocol_version=TLSv1.2&sslnegotiation=postgres&sslsni=1&gssencmode=prefer&sslcompression=0",
    );
}

#[test]
fn prismas_strictness_joins_the_mode() {
    let strict = Tls { mode: TlsMode::VerifyFull, root: TlsRoot::System, ..Tls::default() };
    assert_eq!(postgres("sslmode=require&sslaccept=strict"), strict);
    assert_eq!(postgres("sslaccept=strict"), strict);
    assert_eq!(postgres("sslmode=disable&sslaccept=strict").mode, TlsMode::Disable);
    assert_eq!(postgres("sslmode=require&sslaccept=accept_invalid_certs").mode, TlsMode::Require);
    assert_eq!(postgres("sslaccept=accept_invalid_certs").mode, TlsMode::Prefer);
    let home = Home::with(&["root.crt", "server.pem"]);
    let tls = home.tls("sslmode=require&sslaccept=accept_invalid_certs");
    assert_eq!((tls.mode, tls.root), (TlsMode::Require, TlsRoot::Unset));
    let tls = home.tls(&format!("sslaccept=strict&sslcert={}", home.file("server.pem").display()));
    assert_eq!((tls.mode, tls.root), (TlsMode::VerifyFull, TlsRoot::File(home.file("server.pem"))));
    assert!(
        bad_url("postgres://u@h/d?sslmode=verify-full&sslaccept=accept_invalid_certs")
            .contains("contradicts")
    );

    assert_eq!(mysql("sslaccept=strict"), strict);
    assert_eq!(mysql("sslaccept=accept_invalid_certs").mode, TlsMode::Require);
    assert!(
        bad_url("mysql://u@h/d?ssl-mode=VERIFY_CA&sslaccept=accept_invalid_certs").contains("differently")
    );
}

#[test]
fn ssl_means_what_each_driver_means() {
    assert_eq!(postgres("ssl=true").mode, TlsMode::Require);
    assert_eq!(postgres("ssl=require").mode, TlsMode::Require);
    assert_eq!(postgres("ssl=false").mode, TlsMode::Disable);
    assert_eq!(postgres("sslmode=no-verify").mode, TlsMode::Require);
    let home = Home::with(&["root.crt"]);
    let text = "jdbc:postgresql://u@h/d?ssl=true";
    let config = with(&[("DATABASE_URL", text), ("HOME", home.0.path().to_str().unwrap())]);
    assert_eq!(target(&config).tls.mode, TlsMode::VerifyFull);
    assert_eq!(target(&url("jdbc:postgresql://u@h/d?ssl=true&sslmode=require")).tls.mode, TlsMode::Require);
    assert!(bad_url("postgres://u@h/d?ssl=false&sslmode=require").contains("differently"));
}

#[test]
fn mysqls_modes_are_mapped_to_libpqs() {
    assert_eq!(mysql("").mode, TlsMode::Prefer);
    for (query, mode) in [
        ("ssl-mode=DISABLED", TlsMode::Disable),
        ("ssl-mode=PREFERRED", TlsMode::Prefer),
        ("sslMode=required", TlsMode::Require),
        ("ssl_mode=VERIFY_CA", TlsMode::VerifyCa),
        ("ssl-mode=VERIFY_IDENTITY", TlsMode::VerifyFull),
        ("sslmode=verify-full", TlsMode::VerifyFull),
        ("tls=true", TlsMode::VerifyFull),
        ("tls=skip-verify", TlsMode::Require),
        ("tls=preferred", TlsMode::Prefer),
        ("tls=false", TlsMode::Disable),
        ("useSSL=false", TlsMode::Disable),
        ("useSSL=true&requireSSL=true", TlsMode::Require),
        ("verifyServerCertificate=true&useSSL=true", TlsMode::VerifyCa),
        ("ssl_verify_identity=true", TlsMode::VerifyFull),
        ("ssl={\"rejectUnauthorized\":true}", TlsMode::VerifyFull),
        ("ssl={\"rejectUnauthorized\":false}", TlsMode::Require),
    ] {
        let tls = mysql(query);
        assert_eq!(tls.mode, mode, "{query}");
        let verifies = matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
        assert_eq!(tls.root == TlsRoot::System, verifies, "{query}");
    }
    assert!(bad_url("mysql://u@h/d?ssl-mode=DISABLED&tls=true").contains("differently"));
    assert!(bad_url("mysql://u@h/d?ssl-mode=REQUIRED&tls=true").contains("differently"));
}

#[test]
fn mysqls_files_have_several_names() {
    let home = Home::with(&["ca.pem", "c.pem", "k.pem"]);
    let [ca, c, k] = ["ca.pem", "c.pem", "k.pem"].map(|name| home.file(name));
    for [ca_name, c_name, k_name] in
        [["ssl-ca", "ssl-cert", "ssl-key"], ["sslca", "sslcert", "sslkey"], ["ssl_ca", "ssl_cert", "ssl_key"]]
    {
        let tls =
            mysql(&format!("{ca_name}={}&{c_name}={}&{k_name}={}", ca.display(), c.display(), k.display()));
        assert_eq!((tls.mode, tls.root), (TlsMode::VerifyCa, TlsRoot::File(ca.clone())));
        assert_eq!((tls.certificate, tls.key), (Some(c.clone()), Some(k.clone())));
    }
    let tls = mysql(&format!("tls=custom&x-tls-ca={}", ca.display()));
    assert_eq!((tls.mode, tls.root), (TlsMode::VerifyFull, TlsRoot::File(ca)));
}
