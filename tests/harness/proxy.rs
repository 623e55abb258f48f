//! A proxy in front of a real PostgreSQL that records what the client says and can fail like a network.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fake::{GSS_REQUEST, SSL_REQUEST};

/// One message of a client: its type, its body.
pub(crate) type Message = (char, Vec<u8>);

#[derive(Default)]
struct State {
    /// Per connection, in the order in which they were opened: its messages after the start-up.
    sessions: Mutex<Vec<Vec<Message>>>,
    streams: Mutex<Vec<TcpStream>>,
    /// The clients' side alone.
    clients: Mutex<Vec<TcpStream>>,
    /// While set, a client's end is not passed on to its server.
    half_open: AtomicBool,
    closed: AtomicBool,
    /// The first message that holds this text, and everything after it, is swallowed.
    silent_from: Mutex<Option<String>>,
}

/// A proxy on loopback.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Forwards to the PostgreSQL on this port of loopback.
    pub(crate) fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.closed.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)) {
                    forward(&shared, client, server);
                }
            }
        });
        Self { port, state }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What each client has said after authentication; connections that only cancel say nothing.
    pub(crate) fn sessions(&self) -> Vec<Vec<Message>> {
        let sessions = lock(&self.state.sessions).clone();
        // A `p` answers the server's request for a password: part of the authentication.
        let after = |session: Vec<Message>| session.into_iter().filter(|(kind, _)| *kind != 'p').collect();
        sessions.into_iter().map(after).collect()
    }

    /// Cuts every client off while its server session learns nothing of it, like a network that breaks on one side.
    pub(crate) fn cut_clients(&self) {
        self.state.half_open.store(true, Ordering::SeqCst);
        for stream in lock(&self.state.clients).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Falls silent for good, without closing anything, for a session that says this.
    pub(crate) fn silent_from(&self, text: &str) {
        *lock(&self.state.silent_from) = Some(text.to_owned());
    }

    /// Cuts every connection there is.
    pub(crate) fn cut(&self) {
        for stream in lock(&self.state.streams).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Ends every new connection at once, until [`open`](Self::open).
    pub(crate) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
    }

    /// Forwards new connections again.
    pub(crate) fn open(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forward(state: &Arc<State>, client: TcpStream, server: TcpStream) {
    let index = {
        let mut sessions = lock(&state.sessions);
        sessions.push(Vec::new());
        sessions.len() - 1
    };
    let twin = |stream: &TcpStream| stream.try_clone().expect("a second handle");
    lock(&state.streams).extend([twin(&client), twin(&server)]);
    lock(&state.clients).push(twin(&client));
    let (mut from_server, mut to_client) = (twin(&server), twin(&client));
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from_server, &mut to_client));
        drop(to_client.shutdown(Shutdown::Both));
    });
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        drop(record(&state, index, client, &server));
        if !state.half_open.swap(false, Ordering::SeqCst) {
            drop(server.shutdown(Shutdown::Both));
        }
    });
}

/// Reads the client message by message, notes each and passes it on.
fn record(state: &State, index: usize, mut client: TcpStream, mut server: &TcpStream) -> std::io::Result<()> {
    loop {
        let body = read_sized(&mut client)?;
        pass_on(&mut server, &[], &body)?;
        if !body.starts_with(&SSL_REQUEST) && !body.starts_with(&GSS_REQUEST) {
            break;
        }
    }
    loop {
        let mut kind = [0];
        client.read_exact(&mut kind)?;
        let body = read_sized(&mut client)?;
        lock(&state.sessions)[index].push((char::from(kind[0]), body.clone()));
        if lock(&state.silent_from).as_ref().is_some_and(|text| String::from_utf8_lossy(&body).contains(text))
        {
            loop {
                std::thread::park();
            }
        }
        pass_on(&mut server, &kind, &body)?;
    }
}

fn read_sized(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn pass_on(server: &mut &TcpStream, kind: &[u8], body: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(body.len() + 4).map_err(std::io::Error::other)?;
    server.write_all(&[kind, &length.to_be_bytes(), body].concat())
}
