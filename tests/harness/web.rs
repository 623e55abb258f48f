//! A scripted web server: answers each request as the test says, and keeps what it was asked.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Certificates;

/// A listener on loopback.
pub(crate) struct FakeWeb {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeWeb {
    /// Answers every request, counted from 0, with these bytes; with none it says nothing until the client leaves.
    pub(crate) fn answering(script: impl Fn(usize) -> &'static str + Send + 'static) -> Self {
        Self::at("127.0.0.1", None, script)
    }

    /// As [`answering`](Self::answering), at an address of loopback.
    pub(crate) fn on(address: &str, answer: &'static str) -> Self {
        Self::at(address, None, move |_| answer)
    }

    /// Answers over TLS with this server's certificate.
    pub(crate) fn encrypted(certificates: &Certificates, answer: &'static str) -> Self {
        let chain = CertificateDer::pem_file_iter(&certificates.certificate).expect("a certificate");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&certificates.key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key is the certificate's");
        Self::at("127.0.0.1", Some(Arc::new(config)), move |_| answer)
    }

    fn at(
        address: &str,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(usize) -> &'static str + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a loopback port");
        let port = listener.local_addr().expect("its address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let (answer, tls, shared) = (script(number), tls.clone(), Arc::clone(&shared));
                std::thread::spawn(move || match tls {
                    None => serve(stream, answer, &shared),
                    Some(config) => {
                        let session = ServerConnection::new(config).expect("a session");
                        serve(StreamOwned::new(session, stream), answer, &shared);
                    }
                });
            }
        });
        Self { port, requests }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A client that leaves early is no error.
fn serve(mut stream: impl Read + Write, answer: &str, requests: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => head.extend_from_slice(&piece[..length]),
        }
    }
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(&head).into_owned());
    if answer.is_empty() {
        drop(stream.read_to_end(&mut Vec::new()));
    }
    drop(stream.write_all(answer.as_bytes()));
    drop(stream.flush());
}
