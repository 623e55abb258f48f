//! `--health-listen`: probes are answered while castoff waits and migrates, and nothing of it is left when the application
//! starts, which may bind the same port at once.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};

use crate::config::Listen;
use crate::exit::{Exit, Failure, Result};

use connection::Connection;

mod answer;
mod connection;

/// How many connections are open at a time. Whoever keeps one open for nothing makes way for the next.
const MOST_CONNECTIONS: usize = 64;

/// The pause after a connection could not be accepted: no descriptor may be left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket at which probes are answered.
pub struct Listener(TcpListener);

impl Listener {
    /// Opens the socket. From then on connections are taken, and answered while [`beside`](Self::beside) runs.
    ///
    /// # Errors
    ///
    /// 71 where the address cannot be had.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its I/O driver.
    pub fn open(listen: Listen) -> Result<Self> {
        let Listen { host, port } = listen;
        let bound = match host {
            Some(host) => bind(host, port),
            // Where there is no IPv6, the other family is every address there is.
            None => bind(Ipv6Addr::UNSPECIFIED.into(), port).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                _ => bind(Ipv4Addr::UNSPECIFIED.into(), port),
            }),
        };
        let (listener, address) = bound.map_err(|error| unavailable(listen, error))?;
        tracing::info!("answering probes at {address} until the application starts");
        Ok(Self(listener))
    }

    /// Answers until this work is done. All sockets are gone then.
    pub async fn beside<T>(self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            result = work => result,
            never = self.serve() => match never {},
        }
    }

    async fn serve(self) -> Infallible {
        let mut connections = Connections::default();
        let mut pause: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|context| {
            if pause.as_mut().is_none_or(|pause| pause.as_mut().poll(context).is_ready()) {
                pause = connections.accept(&self.0, context).err().map(|_| Box::pin(sleep(ACCEPT_PAUSE)));
                if pause.is_some() {
                    // It is to be polled once, so that it knows whom to wake.
                    context.waker().wake_by_ref();
                }
            }
            connections.proceed(context);
            Poll::Pending
        })
        .await
    }
}

/// Everybody who is being answered, the oldest first.
///
/// They are part of the future that answers them and no tasks of their own, so that dropping it closes every socket at that
/// very moment.
#[derive(Default)]
struct Connections(VecDeque<Pin<Box<dyn Future<Output = ()>>>>);

impl Connections {
    /// Takes all that are waiting to be taken.
    fn accept(&mut self, listener: &TcpListener, context: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(accepted) = listener.poll_accept(context) {
            let (stream, _) = accepted?;
            if self.0.len() == MOST_CONNECTIONS {
                self.0.pop_front();
            }
            self.0.push_back(Box::pin(Connection::new(stream).answer()));
        }
        Ok(())
    }

    fn proceed(&mut self, context: &mut Context<'_>) {
        self.0.retain_mut(|connection| connection.as_mut().poll(context).is_pending());
    }
}

fn bind(host: IpAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    // With SO_REUSEADDR, as std sets it: an application that ran here before may have left connections behind.
    let listener = std::net::TcpListener::bind((host, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

fn unavailable(listen: Listen, error: io::Error) -> Failure {
    let Listen { host, port } = listen;
    let place = match host {
        Some(host) => SocketAddr::new(host, port).to_string(),
        None => format!(":{port}"),
    };
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "something already listens there; beside an application that runs, unset it: CASTOFF_HEALTH_LISTEN= castoff migrate"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose another",
        _ => "write for example 0.0.0.0:8080",
    };
    let error = anyhow::Error::new(error);
    Failure::new(Exit::OsError, error.context(format!("cannot listen at {place} (--health-listen)")))
        .hint(hint)
}
