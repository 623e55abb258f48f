//! A name server that is silent, knows nothing, or says what a test wants.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Scratch, missing};

/// How every question is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DnsAnswer {
    /// Not at all.
    Silence,
    /// There is no such name.
    NoSuchName,
    /// This address.
    Address(Ipv4Addr),
}

/// A name server on port 53 of a loopback address of its own.
pub(crate) struct FakeDns {
    home: Scratch,
    resolv_conf: PathBuf,
    answer: Arc<Mutex<DnsAnswer>>,
    questions: Arc<AtomicUsize>,
}

impl FakeDns {
    /// Starts one; `None`, said loudly, where port 53 may not be bound.
    pub(crate) fn answering(answer: DnsAnswer) -> Option<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let own = u8::try_from(std::process::id() % 250).expect("below 250");
        let address = Ipv4Addr::new(127, 53, own, NEXT.fetch_add(1, Ordering::Relaxed));
        let socket = match UdpSocket::bind((address, 53)) {
            Ok(socket) => socket,
            Err(error) => {
                missing("root", &format!("port 53 of {address}: {error}"));
                return None;
            }
        };
        let home = Scratch::new("dns");
        let resolv_conf = home.write("resolv.conf", format!("nameserver {address}\n"));
        let answer = Arc::new(Mutex::new(answer));
        let questions = Arc::new(AtomicUsize::new(0));
        let (shared, counter) = (Arc::clone(&answer), Arc::clone(&questions));
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                counter.fetch_add(1, Ordering::Relaxed);
                let now = *shared.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(reply) = reply(&packet[..length], now) {
                    drop(socket.send_to(&reply, from));
                }
            }
        });
        Some(Self { home, resolv_conf, answer, questions })
    }

    /// Answers differently from now on.
    pub(crate) fn answer(&self, answer: DnsAnswer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How many questions there have been.
    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }

    /// The file that sends a resolver here.
    pub(crate) fn resolv_conf(&self) -> &PathBuf {
        debug_assert!(self.resolv_conf.starts_with(self.home.path()));
        &self.resolv_conf
    }
}

/// An answer to a query of one question: header, the question, perhaps one record.
fn reply(query: &[u8], answer: DnsAnswer) -> Option<Vec<u8>> {
    let question_end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)? + 5;
    let question = query.get(12..question_end)?;
    let asks_for_ipv4 = question.ends_with(&[0, 1, 0, 1]);
    let (flags, record) = match answer {
        DnsAnswer::Silence => return None,
        DnsAnswer::NoSuchName => ([0x81, 0x83], Vec::new()),
        DnsAnswer::Address(address) if asks_for_ipv4 => {
            // The name of the question, A, IN, one second, four bytes.
            let head: [u8; 12] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4];
            ([0x81, 0x80], [&head[..], &address.octets()].concat())
        }
        DnsAnswer::Address(_) => ([0x81, 0x80], Vec::new()),
    };
    let counts = [0, 1, 0, u8::from(!record.is_empty()), 0, 0, 0, 0];
    Some([query.get(..2)?, &flags, &counts, question, &record].concat())
}
