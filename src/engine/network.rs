//! What the network and TLS layers' errors mean, the same for every server.

use std::io;

use crate::engine::{DbError, Verdict};

/// The code that marks an error of the TLS layer.
const TLS: &str = "TLS";

/// How every engine's message ends where nothing listens.
const REFUSED: &str = "connection refused";

/// What is said of a stream that ends too early.
const CLOSED: &str = "the server closed the connection";

/// Sorts an error that is not the server's own.
pub(crate) fn classify(error: &sqlx::Error, connecting: bool) -> DbError {
    match error {
        sqlx::Error::Io(error) => io(error, connecting),
        sqlx::Error::Tls(error) => match error.downcast_ref::<rustls::Error>() {
            Some(error) => tls(error, connecting),
            None => DbError {
                verdict: Verdict::Never,
                code: Some(TLS.into()),
                message: error.to_string(),
                // sqlx's own sentence for a server that answered no.
                hint: (error.to_string() == "server does not support TLS")
                    .then(|| "enable TLS on the server, or set sslmode=disable or prefer".into()),
                ..DbError::default()
            },
        },
        sqlx::Error::Configuration(error) => {
            DbError { verdict: Verdict::Never, message: error.to_string(), ..DbError::default() }
        }
        // A protocol error leaves the stream out of step: the connection is dropped, never reused.
        other => DbError {
            verdict: if connecting { Verdict::NotYet } else { Verdict::Lost },
            message: in_words(without_source(&other.to_string())).to_owned(),
            ..DbError::default()
        },
    }
}

/// sqlx takes the end of the stream for an answer to its first question.
fn in_words(message: &str) -> &str {
    if message.ends_with("unexpected response from SSLRequest: 0x00") { CLOSED } else { message }
}

/// sqlx names the line of its source behind what it says of the protocol.
pub(crate) fn without_source(message: &str) -> &str {
    message.split_once(" (sqlx_").map_or(message, |(message, _)| message)
}

/// Sorts an error met while connecting to something that is no database.
pub(crate) fn connecting(error: &io::Error) -> DbError {
    io(error, true)
}

/// Whether an error says that nothing listens.
pub(crate) fn is_refused(error: &DbError) -> bool {
    error.message.ends_with(REFUSED)
}

/// Whether an error is the TLS layer's.
pub(crate) fn is_tls(error: &DbError) -> bool {
    error.code.as_deref() == Some(TLS)
}

fn io(error: &io::Error, connecting: bool) -> DbError {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls(error, connecting);
    }
    let message = match error.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::UnexpectedEof => CLOSED.to_owned(),
        io::ErrorKind::BrokenPipe => "the connection is broken".to_owned(),
        io::ErrorKind::NotFound => "no socket there".to_owned(),
        _ => error.to_string(),
    };
    DbError {
        verdict: if connecting { Verdict::NotYet } else { Verdict::Lost },
        message,
        ..DbError::default()
    }
}

fn tls(error: &rustls::Error, connecting: bool) -> DbError {
    let hint = remedy(error);
    DbError {
        verdict: match hint {
            // Whatever broke the encryption of a session that worked, its outcome is unknown.
            _ if !connecting => Verdict::Lost,
            Some(_) => Verdict::Never,
            // Anything else in a handshake may be a server that is only half up.
            None => Verdict::NotYet,
        },
        code: Some(TLS.into()),
        message: error.to_string(),
        hint: hint.map(str::to_owned),
        ..DbError::default()
    }
}

/// What helps against an error that waiting does not help against.
fn remedy(error: &rustls::Error) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError, Error};

    Some(match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "name the authority that signed the server's certificate in sslrootcert (sslrootcert=system for the \
             system's store)"
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "another authority of the same name signed the server's certificate: name the one that did in sslrootcert"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "connect by a name that stands in the certificate, or use sslmode=verify-ca",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "renew the server's certificate"
        }
        Error::InvalidCertificate(_) => {
            "the certificate cannot be used here (version 1, or its own authority): issue a version 3 certificate \
             signed by an authority and name that authority in sslrootcert"
        }
        Error::InconsistentKeys(_) => "sslkey is not the key of the certificate in sslcert",
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
        ) => "the server has to offer TLS 1.2 or 1.3 with a current cipher",
        Error::AlertReceived(
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::UnknownCA
            | Alert::AccessDenied,
        ) => "the server asks for a client certificate that it trusts: set sslcert and sslkey",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::classify;
    use crate::engine::Verdict;

    #[test]
    fn an_untrusted_certificate_is_refused_for_good_with_a_remedy() {
        let error = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = classify(&sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidData, error)), true);
        assert_eq!(error.verdict, Verdict::Never);
        assert!(error.hint.is_some_and(|hint| hint.contains("sslrootcert")));
    }

    #[test]
    fn broken_encryption_is_a_lost_connection_once_there_was_one() {
        let error = || io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(classify(&sqlx::Error::Io(error()), true).verdict, Verdict::NotYet);
        assert_eq!(classify(&sqlx::Error::Io(error()), false).verdict, Verdict::Lost);
    }

    #[test]
    fn a_server_that_wants_a_client_certificate_says_so_for_good() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let error = classify(&sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidData, alert)), true);
        assert_eq!(error.verdict, Verdict::Never);
        assert!(error.hint.is_some_and(|hint| hint.contains("sslcert")));
    }

    #[test]
    fn a_closed_connection_is_not_yet_while_connecting_and_lost_afterwards() {
        let error = || sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof));
        assert_eq!(classify(&error(), true).verdict, Verdict::NotYet);
        assert_eq!(classify(&error(), false).verdict, Verdict::Lost);
    }
}
