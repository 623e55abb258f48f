//! The PEM files of a TLS connection, read and checked before a server is asked.
//!
//! sqlx would report a missing file as an error of the network, and an empty one as an untrusted server.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::engine::{DbError, Verdict};
use crate::target::{Host, Target, TlsMode, TlsRoot};

/// What the files named for a target's TLS hold, as PEM.
#[derive(Default)]
pub(crate) struct Certificates {
    /// The only authorities that are trusted; `None` where the mode verifies nothing.
    pub(crate) root: Option<Vec<u8>>,
    /// The client's certificate chain and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// Reads the files anew, since a rotated certificate must count from the next attempt on.
///
/// # Errors
///
/// A file that is missing or is not what it has to be, and a mode that verifies without an authority to trust.
pub(crate) fn load(target: &Target, system_roots: &[u8]) -> Result<Certificates, DbError> {
    let tls = &target.tls;
    // As in libpq, TLS is never used on a unix socket.
    let by_network = target.hosts.iter().any(|host| matches!(host, Host::Tcp(..)));
    if !by_network || tls.mode == TlsMode::Disable {
        return Ok(Certificates::default());
    }
    let verifies = matches!(tls.mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
    let root = match &tls.root {
        _ if !verifies => None,
        TlsRoot::Unset => {
            return Err(refused(
                "the server's certificate is to be verified, but no authority to trust is named".into(),
                "name the authority's PEM file in sslrootcert, or set sslrootcert=system",
            ));
        }
        TlsRoot::System if !holds_certificates(system_roots) => {
            return Err(refused(
                "sslrootcert=system, but this system has no certificate store".into(),
                "add the distribution's ca-certificates to the image, or name a PEM file in sslrootcert",
            ));
        }
        TlsRoot::System => Some(system_roots.to_vec()),
        TlsRoot::File(path) => Some(certificates(path, "sslrootcert")?),
    };
    let client = match (&tls.certificate, &tls.key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificates(certificate, "sslcert")?, private_key(key)?)),
        (Some(_), None) | (None, Some(_)) => {
            return Err(refused(
                "a client certificate needs its key, and a key its certificate".into(),
                "set both sslcert and sslkey, or neither",
            ));
        }
    };
    Ok(Certificates { root, client })
}

fn certificates(path: &Path, parameter: &str) -> Result<Vec<u8>, DbError> {
    let pem = read(path, parameter)?;
    if holds_certificates(&pem) {
        return Ok(pem);
    }
    Err(refused(
        format!("{parameter}: {} holds no certificate", path.display()),
        "a PEM file is needed: it starts with -----BEGIN CERTIFICATE-----",
    ))
}

fn private_key(path: &Path) -> Result<Vec<u8>, DbError> {
    let pem = read(path, "sslkey")?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err(refused(
            format!("sslkey: {} holds no private key that can be used", path.display()),
            "a PEM file without a passphrase is needed: openssl pkey -in KEY -out KEY.pem",
        )),
    }
}

fn read(path: &Path, parameter: &str) -> Result<Vec<u8>, DbError> {
    std::fs::read(path).map_err(|error| {
        refused(
            format!("{parameter}: cannot read {}: {error}", path.display()),
            "check the path and that this user may read the file",
        )
    })
}

/// Whether there is at least one certificate, and none that is broken: sqlx refuses a bundle with a broken one.
fn holds_certificates(pem: &[u8]) -> bool {
    let mut all = CertificateDer::pem_slice_iter(pem).peekable();
    all.peek().is_some() && all.all(|certificate| certificate.is_ok())
}

fn refused(message: String, hint: &str) -> DbError {
    DbError { verdict: Verdict::Never, message, hint: Some(hint.into()), ..DbError::default() }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::load;
    use crate::engine::{Engine, Verdict};
    use crate::target::{Host, SessionAttrs, Target, Tls, TlsMode, TlsRoot};

    fn target(tls: Tls) -> Target {
        Target {
            engine: Engine::MySql,
            hosts: vec![Host::Tcp("db".into(), 3306)],
            database: "app".into(),
            user: "app".into(),
            password: None,
            tls,
            settings: Vec::new(),
            schema: None,
            session_attrs: SessionAttrs::Unset,
        }
    }

    fn verifying(root: TlsRoot) -> Target {
        target(Tls { mode: TlsMode::VerifyFull, root, ..Tls::default() })
    }

    #[test]
    fn verifying_without_an_authority_is_refused_before_a_server_is_asked() {
        let error = load(&verifying(TlsRoot::Unset), b"").err().expect("refused");
        assert_eq!(error.verdict, Verdict::Never);
        assert!(error.hint.is_some_and(|hint| hint.contains("sslrootcert")));
    }

    #[test]
    fn a_missing_file_is_named_with_its_parameter() {
        let error = load(&verifying(TlsRoot::File(PathBuf::from("/nowhere/ca.pem"))), b"").err();
        let message = error.expect("refused").message;
        assert!(message.starts_with("sslrootcert: cannot read /nowhere/ca.pem: "), "{message}");
    }

    #[test]
    fn an_empty_system_store_is_no_authority() {
        let error = load(&verifying(TlsRoot::System), b"").err().expect("refused");
        assert!(error.message.contains("no certificate store"), "{}", error.message);
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let tls = Tls { certificate: Some(PathBuf::from("client.pem")), ..Tls::default() };
        let error = load(&target(tls), b"").err().expect("refused");
        assert!(error.hint.is_some_and(|hint| hint.contains("sslkey")));
    }

    #[test]
    fn a_root_is_not_read_where_nothing_is_verified() {
        let root = TlsRoot::File(PathBuf::from("/nowhere/ca.pem"));
        let tls = Tls { mode: TlsMode::Require, root, ..Tls::default() };
        assert!(load(&target(tls), b"").expect("nothing to read").root.is_none());
    }

    #[test]
    fn a_unix_socket_needs_no_authority() {
        let mut target = verifying(TlsRoot::Unset);
        target.hosts = vec![Host::Unix(PathBuf::from("/run/mysqld.sock"), 3306)];
        assert!(load(&target, b"").is_ok());
    }
}
