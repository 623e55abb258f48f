//! A scripted PostgreSQL: says what no real server can be made to say at the right moment.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::socket::{setsockopt, sockopt};

use super::secrets;

/// A listener on loopback whose connections a closure plays.
pub(crate) struct FakePostgres {
    port: u16,
    attempts: Arc<AtomicUsize>,
}

/// One connection of a client to the fake.
pub(crate) struct FakeConnection {
    stream: TcpStream,
    /// Which connection this is, from 0.
    pub(crate) attempt: usize,
}

impl FakePostgres {
    /// Listens, and has `script` play each connection on a thread of its own.
    pub(crate) fn playing(script: impl Fn(&mut FakeConnection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        let port = listener.local_addr().expect("its address").port();
        let attempts = Arc::new(AtomicUsize::new(0));
        let (counter, script) = (Arc::clone(&attempts), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let attempt = counter.fetch_add(1, Ordering::Relaxed);
                let script = Arc::clone(&script);
                std::thread::spawn(move || script(&mut FakeConnection { stream, attempt }));
            }
        });
        Self { port, attempts }
    }

    /// A server that answers every start-up with this error.
    pub(crate) fn refusing(code: &'static str, message: &'static str) -> Self {
        Self::playing(move |connection| {
            connection.startup();
            connection.error("FATAL", code, message);
        })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database on it, with a password nobody may print.
    pub(crate) fn url(&self) -> String {
        format!("postgres://app:{}@127.0.0.1:{}/app", secrets::encode(&secrets::invent()), self.port)
    }

    /// How many connections there have been.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }
}

impl FakeConnection {
    /// Reads the start-up message, declining encryption on the way; its parameters, empty if the client left.
    pub(crate) fn startup(&mut self) -> HashMap<String, String> {
        loop {
            let Some(body) = self.read_sized() else { return HashMap::new() };
            let (code, rest) = body.split_at(4.min(body.len()));
            if code == SSL_REQUEST || code == GSS_REQUEST {
                self.write(b"N");
                continue;
            }
            let texts: Vec<_> = rest.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            return texts
                .chunks(2)
                .filter(|pair| pair.len() == 2)
                .map(|pair| (pair[0].clone().into(), pair[1].clone().into()))
                .collect();
        }
    }

    /// Lets the client in without asking for a password.
    pub(crate) fn welcome(&mut self) {
        let mut answer = message(b'R', &0_i32.to_be_bytes());
        for (name, value) in [("server_version", "15.0"), ("client_encoding", "UTF8"), ("TimeZone", "UTC")] {
            answer.extend(message(b'S', format!("{name}\0{value}\0").as_bytes()));
        }
        answer.extend(message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]));
        answer.extend(message(b'Z', b"I"));
        self.write(&answer);
    }

    /// Sends an `ErrorResponse`.
    pub(crate) fn error(&mut self, severity: &str, code: &str, text: &str) {
        let body = format!("S{severity}\0V{severity}\0C{code}\0M{text}\0\0");
        self.write(&message(b'E', body.as_bytes()));
    }

    /// Reads one message of the client after the start-up: its type and body.
    pub(crate) fn read_message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut kind = [0];
        self.stream.read_exact(&mut kind).ok()?;
        Some((kind[0], self.read_sized()?))
    }

    /// Says nothing until the client gives up.
    pub(crate) fn silence(&mut self) {
        drop(self.stream.read_to_end(&mut Vec::new()));
    }

    /// Ends the connection with a TCP reset.
    pub(crate) fn reset(&mut self) {
        let now = libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&self.stream, sockopt::Linger, &now).expect("SO_LINGER is set");
    }

    /// Sends bytes as they are; a client that has left is no error.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    fn read_sized(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?];
        self.stream.read_exact(&mut body).ok()?;
        Some(body)
    }
}

/// The code of a request for TLS: 1234 and 5679.
pub(super) const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();
/// The code of a request for GSSAPI encryption: 1234 and 5680.
pub(super) const GSS_REQUEST: [u8; 4] = 80_877_104_u32.to_be_bytes();

/// A message: its type, its length (which counts itself), its body.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    let mut bytes = vec![kind];
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    bytes
}
