//! One look at a target of `--wait-for` that is no database.
//!
//! Plain blocking calls on a thread of their own: a network file system or a resolver may hang, and signals must be
//! heard meanwhile. A thread that is given up on ends with its limit, or with the process.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::rhythm::Look;
use super::{http, tcp};
use crate::attempt::{Trouble, within};
use crate::config::{Awaited, WaitTarget};
use crate::engine::{DbError, Verdict, network};
use crate::exit::{Exit, Failure};

/// A target that is looked at again and again.
pub(super) struct Probe<'a> {
    target: WaitTarget,
    system_roots: &'a [u8],
    /// The longest one look may take.
    limit: Option<Duration>,
    trusted: Option<Arc<ClientConfig>>,
    reason: Option<String>,
    count: u32,
}

impl<'a> Probe<'a> {
    pub(super) fn new(target: WaitTarget, system_roots: &'a [u8], limit: Option<Duration>) -> Self {
        Self { target, system_roots, limit, trusted: None, reason: None, count: 0 }
    }

    /// What there is to ask, as it stands now.
    fn question(&mut self) -> Result<(Arc<Awaited>, Option<Arc<ClientConfig>>), DbError> {
        self.target.refresh().map_err(|message| DbError { message, ..DbError::default() })?;
        let encrypted = matches!(self.target.awaited(), Awaited::Http(web) if web.tls);
        if encrypted && self.trusted.is_none() {
            self.trusted = Some(http::trust(self.system_roots)?);
        }
        Ok((self.target.share(), self.trusted.clone().filter(|_| encrypted)))
    }

    /// Asks once, within the limit of one look and the deadline.
    pub(super) async fn ask_once(&mut self, deadline: Option<tokio::time::Instant>) -> Result<(), DbError> {
        let limit = self.limit;
        let (awaited, trusted) = self.question()?;
        let thread = tokio::task::spawn_blocking(move || ask(&awaited, trusted, limit));
        within(async { thread.await.unwrap_or_else(|_| Err(DbError::default())) }, limit, deadline).await
    }
}

impl Look for Probe<'_> {
    type Found = ();

    async fn look(&mut self, deadline: Option<tokio::time::Instant>) -> Result<(), Trouble> {
        self.count += 1;
        let asked = self.ask_once(deadline).await;
        asked.map_err(|error| match error.verdict {
            Verdict::Never => {
                let failure = Failure::message(Exit::Refused, format!("{}: {error}", self.target));
                Trouble::Never(match error.hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                })
            }
            _ => Trouble::NotYet(error),
        })
    }

    fn report(&mut self, error: &DbError) {
        let reason = format!("{}: {error}", self.target);
        if self.reason.as_ref() != Some(&reason) {
            tracing::info!(event = "wait.retry", reason, attempt = self.count, "waiting for {reason}");
            self.reason = Some(reason);
        }
    }

    fn is_absent(&self, error: &DbError) -> bool {
        // What is on this machine costs no more than a look.
        let local = matches!(self.target.awaited(), Awaited::Unix(_) | Awaited::File(_));
        local || network::is_refused(error)
    }

    fn name(&self) -> String {
        self.target.to_string()
    }

    fn attempts(&self) -> u32 {
        self.count
    }
}

fn ask(
    awaited: &Awaited,
    trusted: Option<Arc<ClientConfig>>,
    limit: Option<Duration>,
) -> Result<(), DbError> {
    let connected = match awaited {
        Awaited::Tcp(host, port) => tcp::connect(host, *port, limit).map(drop),
        Awaited::Unix(path) => UnixStream::connect(path).map(drop),
        Awaited::Http(web) => return http::get(web, trusted, limit),
        Awaited::File(path) => return exists(path),
        // Its own session answers for it.
        Awaited::Database(_) => Ok(()),
    };
    connected.map_err(|error| network::connecting(&error))
}

/// Whether there is anything at this path.
pub(super) fn exists(path: &Path) -> Result<(), DbError> {
    let message = match std::fs::metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "it does not exist".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(DbError { message, ..DbError::default() })
}
