//! A GET, of whose answer only the head is read: the status, and for a redirect where it leads.
//!
//! Written by hand because nothing else of HTTP is needed: an HTTP library would cost more than all of `--wait-for`.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::tcp;
use crate::config::wait_for::Web;
use crate::engine::network;
use crate::engine::{DbError, Verdict};

/// How much longer than its limit a look may block.
const GRACE: Duration = Duration::from_secs(1);

/// Longer heads are no answer to a probe.
const LONGEST_HEAD: usize = 16 * 1024;

/// Whom `https:` trusts: the system's certificates and nothing else.
///
/// # Errors
///
/// That there are none, for good.
pub(super) fn trust(system_roots: &[u8]) -> Result<Arc<ClientConfig>, DbError> {
    let mut roots = RootCertStore::empty();
    // One certificate that cannot be read must not cost the others.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(system_roots).filter_map(Result::ok));
    if roots.is_empty() {
        return Err(never(
            "https needs certificates to trust, and this system has no store of them",
            "add the distribution's ca-certificates to the image, or name a PEM file in SSL_CERT_FILE",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| never(&error.to_string(), "this is a bug in castoff"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Asks once; anything but a 2xx is an error. Blocks, for little more than the limit.
pub(super) fn get(
    web: &Web,
    trusted: Option<Arc<ClientConfig>>,
    limit: Option<Duration>,
) -> Result<(), DbError> {
    let head = match trusted {
        None => connect(web, limit).and_then(|mut stream| exchange(&mut stream, web, limit)),
        Some(trusted) => {
            let name = ServerName::try_from(web.host.clone()).map_err(|_| {
                never("the host is no name that a certificate could have", "check the spelling of the host")
            })?;
            let session = ClientConnection::new(trusted, name).map_err(io::Error::other);
            connect(web, limit)
                .and_then(|stream| exchange(&mut StreamOwned::new(session?, stream), web, limit))
        }
    };
    judge(&head.map_err(|error| broken(&error))?)
}

fn connect(web: &Web, limit: Option<Duration>) -> io::Result<TcpStream> {
    let stream = tcp::connect(&web.host, web.port, limit)?;
    // Whoever waits for this thread gives up first, and says so.
    let longer = limit.and_then(|limit| limit.checked_add(GRACE));
    stream.set_read_timeout(longer)?;
    stream.set_write_timeout(longer)?;
    Ok(stream)
}

/// Sends the request and reads the head of the answer, or what there is of it.
fn exchange(stream: &mut (impl Read + Write), web: &Web, limit: Option<Duration>) -> io::Result<Vec<u8>> {
    let started = Instant::now();
    stream.write_all(request(web).as_bytes())?;
    stream.flush()?;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while head.len() < LONGEST_HEAD
        && !is_complete(&head)
        && limit.is_none_or(|limit| started.elapsed() < limit)
    {
        match stream.read(&mut piece) {
            Ok(0) => break,
            // A server that ends TLS without a word has still said what it said.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !head.is_empty() => break,
            Ok(length) => head.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

fn request(web: &Web) -> String {
    let authorization = web
        .authorization
        .as_ref()
        .map(|value| format!("Authorization: {}\r\n", value.expose()))
        .unwrap_or_default();
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: castoff/{}\r\nAccept: */*\r\n{authorization}Connection: close\r\n\r\n",
        web.path,
        web.authority(),
        env!("CARGO_PKG_VERSION")
    )
}

/// How every answer begins that is HTTP's.
const HTTP: &[u8] = b"HTTP/1.";

/// Whether the status is known, and for a redirect its target; or that it never will be.
fn is_complete(head: &[u8]) -> bool {
    if head.iter().zip(HTTP).any(|(said, wanted)| said != wanted) {
        // A mail server greets and then listens: there is nothing more to come.
        return true;
    }
    match Head::of(head) {
        Some(Head { status: 300..=399, complete, .. }) => complete,
        Some(_) => true,
        None => false,
    }
}

/// The head of the final answer.
struct Head<'a> {
    status: u16,
    location: Option<&'a str>,
    complete: bool,
}

impl<'a> Head<'a> {
    /// Reads what has arrived; `None` as long as there is no whole status line that is HTTP's.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        // Header values may be in any encoding; what is not ASCII is not looked at.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        };
        let (line, rest) = text.split_once("\r\n")?;
        let status: u16 = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let (headers, after) = match (rest.strip_prefix("\r\n"), rest.split_once("\r\n\r\n")) {
            (Some(after), _) => ("", Some(after)),
            (None, Some((headers, after))) => (headers, Some(after)),
            (None, None) => (rest, None),
        };
        if (100..200).contains(&status) {
            // An interim answer; the final one follows.
            return Self::of(after?.as_bytes());
        }
        let location = headers.split("\r\n").find_map(|header| {
            let (name, value) = header.split_once(':')?;
            name.eq_ignore_ascii_case("location").then(|| value.trim())
        });
        Some(Self { status, location, complete: after.is_some() })
    }
}

fn judge(bytes: &[u8]) -> Result<(), DbError> {
    let message = match Head::of(bytes) {
        Some(Head { status: 200..=299, .. }) => return Ok(()),
        Some(Head { status, location: Some(location), .. }) => {
            return Err(DbError {
                message: format!("it answers {status}, a redirect to {}", without_secrets(location)),
                hint: Some(
                    "--wait-for (CASTOFF_WAIT_FOR) does not follow redirects: name the address it leads to"
                        .into(),
                ),
                ..DbError::default()
            });
        }
        Some(Head { status, .. }) => format!("it answers {status}"),
        None if bytes.is_empty() => "it closed the connection without an answer".to_owned(),
        None => "its answer is not HTTP".to_owned(),
    };
    Err(DbError { message, ..DbError::default() })
}

/// Where a redirect leads, without what could be a password or a token.
fn without_secrets(location: &str) -> String {
    let (place, query) = location.split_once(['?', '#']).unwrap_or((location, ""));
    let place = match place.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => place.to_owned(),
    };
    let place: String = place.chars().filter(|letter| !letter.is_control()).take(200).collect();
    if query.is_empty() { place } else { format!("{place}?…") }
}

/// An error of the network or of TLS, with what helps here.
fn broken(error: &io::Error) -> DbError {
    let sorted = network::connecting(error);
    if sorted.verdict != Verdict::Never {
        return sorted;
    }
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let hint = match inner {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => {
            "add the authority that signed the certificate to the image's store, or name a PEM file that holds it in \
             SSL_CERT_FILE"
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "ask by a name that stands in the certificate",
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "renew the server's certificate",
        Some(rustls::Error::AlertReceived(_)) => {
            "the server wants something castoff does not have, such as a client certificate: wait for its port with \
             tcp:// instead"
        }
        _ => {
            "the server needs TLS 1.2 or 1.3 and a version 3 certificate; or wait for its port with tcp:// instead"
        }
    };
    DbError { hint: Some(hint.into()), ..sorted }
}

fn never(message: &str, hint: &str) -> DbError {
    DbError {
        verdict: Verdict::Never,
        message: message.into(),
        hint: Some(hint.into()),
        ..DbError::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, is_complete, judge, request, without_secrets};
    use crate::config::wait_for::Web;
    use crate::target::Secret;

    fn web() -> Web {
        Web { tls: false, host: "::1".into(), port: 8080, path: "/up?x=1".into(), authorization: None }
    }

    #[test]
    fn the_request_names_the_host_as_the_url_does() {
        let sent = request(&web());
        assert!(sent.starts_with("GET /up?x=1 HTTP/1.1\r\nHost: [::1]:8080\r\n"), "{sent}");
        assert!(sent.ends_with("Connection: close\r\n\r\n") && !sent.contains("Authorization"), "{sent}");
        let own_port = Web { port: 443, tls: true, host: "api".into(), ..web() };
        assert!(request(&own_port).contains("\r\nHost: api\r\n"));
        let authorized = Web { authorization: Some(Secret::new("Basic eA==")), ..web() };
        assert!(request(&authorized).contains("\r\nAuthorization: Basic eA==\r\n"));
    }

    #[test]
    fn only_a_2xx_is_ready() {
        for status in [200, 204, 299] {
            let head = format!("HTTP/1.1 {status} Whatever\r\n");
            assert!(judge(head.as_bytes()).is_ok(), "{status}");
        }
        for status in [304, 401, 404, 500, 503] {
            let head = format!("HTTP/1.0 {status}\r\n\r\n");
            assert_eq!(judge(head.as_bytes()).unwrap_err().message, format!("it answers {status}"));
        }
    }

    #[test]
    fn what_is_no_http_is_said_in_those_words() {
        assert!(judge(b"").unwrap_err().message.contains("without an answer"));
        for answer in [
            &b"SSH-2.0-OpenSSH\r\n"[..],
            b"\x15\x03\x01",
            b"HTTP/2 200\r\n",
            b"HTTP/1.1 200",
            b"HTTP/1.1 \r\n",
        ] {
            assert!(judge(answer).unwrap_err().message.contains("not HTTP"), "{answer:?}");
        }
    }

    #[test]
    fn a_greeting_that_is_no_http_is_not_listened_to_any_longer() {
        assert!(is_complete(b"220 mail.example ESMTP\r\n") && is_complete(b"HTTP/2"));
        assert!(!is_complete(b"") && !is_complete(b"HTT") && !is_complete(b"HTTP/1.1 20"));
    }

    #[test]
    fn an_interim_answer_is_passed_over() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        assert!(!is_complete(interim) && Head::of(interim).is_none());
        let whole = [&interim[..], b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 500 \r\n\r\n"].concat();
        assert!(is_complete(&whole) && judge(&whole).is_ok());
    }

    #[test]
    fn a_redirect_is_read_to_its_target_and_named_without_secrets() {
        assert!(!is_complete(b"HTTP/1.1 301 Moved\r\nServer: x\r\n"));
        let head = b"HTTP/1.1 301 Moved\r\nlocation: https://u:hunter2@web/up?token=hunter2\r\n\r\n";
        assert!(is_complete(head));
        let error = judge(head).unwrap_err();
        assert_eq!(error.message, "it answers 301, a redirect to https://web/up?…");
        assert!(error.hint.is_some_and(|hint| hint.contains("redirects")));
        assert_eq!(without_secrets("/login#x"), "/login?…");
        assert_eq!(without_secrets("https://web"), "https://web/");
    }
}
