//! Certificates made for one test: an authority, a server's certificate, and an authority nobody trusts.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{Scratch, spawn};

/// PEM files in a directory of their own.
pub(crate) struct Certificates {
    home: Scratch,
    /// The authority that signed the server's certificate.
    pub(crate) authority: PathBuf,
    /// Another authority.
    pub(crate) stranger: PathBuf,
    /// The server's certificate.
    pub(crate) certificate: PathBuf,
    /// Its key, readable by the servers' user alone.
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes a certificate for these names and addresses.
    pub(crate) fn of(names: &[&str]) -> Self {
        let home = Scratch::new("tls").owned_by_servers();
        let (authority_pem, issuer) = authority();
        let (stranger_pem, _) = authority();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let server_key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&server_key, &issuer).expect("a certificate");
        let key = home.write("server.key", server_key.serialize_pem());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("the key's mode");
        if let Some((uid, gid)) = spawn::server_user() {
            chown(&key, Some(uid), Some(gid)).expect("the key changes hands");
        }
        Self {
            authority: home.write("authority.pem", authority_pem),
            stranger: home.write("stranger.pem", stranger_pem),
            certificate: home.write("server.pem", certificate.pem()),
            key,
            home,
        }
    }

    /// The options that turn MariaDB's TLS on with these.
    pub(crate) fn mariadb_options(&self) -> Vec<String> {
        vec![
            format!("--ssl-cert={}", self.certificate.display()),
            format!("--ssl-key={}", self.key.display()),
        ]
    }

    /// The settings that turn PostgreSQL's TLS on with these.
    pub(crate) fn postgres_settings(&self) -> Vec<(&'static str, String)> {
        debug_assert!(self.key.starts_with(self.home.path()));
        vec![
            ("ssl", "on".to_owned()),
            ("ssl_cert_file", self.certificate.display().to_string()),
            ("ssl_key_file", self.key.display().to_string()),
        ]
    }
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "castoff test authority");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), Issuer::new(params, key))
}
