//! A connection to a name, whichever of its addresses answers.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Tries the addresses of a name in order. Each has its share of the limit, so that one that swallows everything does
/// not hide the next.
pub(super) fn connect(host: &str, port: u16, limit: Option<Duration>) -> io::Result<TcpStream> {
    let started = Instant::now();
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let mut last = io::Error::other("the name has no address");
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share =
            limit.map(|limit| limit.saturating_sub(started.elapsed()) / u32::try_from(left).unwrap_or(1));
        let result = match share {
            None => TcpStream::connect(address),
            // The system refuses to wait for no time at all.
            Some(share) => TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))),
        };
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
