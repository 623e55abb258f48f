//! Every arrival of a signal while a command runs: what stops castoff is passed on to it, again and again, and a child's
//! end is to be noticed.

use super::{STOPPING, Signals};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::SigId;
use signal_hook::low_level::{pipe, register, unregister};
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Notes signals until it is dropped.
pub struct Listener {
    actions: Vec<SigId>,
    /// Bit n for signal n; the handlers set it.
    arrived: Arc<AtomicU64>,
    /// Readable once a bit was set.
    woken: tokio::net::UnixStream,
}

impl Signals {
    /// Begins to note each of the four signals that stop castoff, one that has arrived already included, and SIGCHLD.
    ///
    /// # Errors
    ///
    /// The system's refusal of a handler or a descriptor.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its I/O driver.
    pub fn listen(&self) -> io::Result<Listener> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let woken = tokio::net::UnixStream::from_std(woken)?;
        let mut listener = Listener { actions: Vec::new(), arrived: Arc::default(), woken };
        let ours = STOPPING.into_iter().filter(|signal| !self.inherited.ignores(*signal));
        for signal in ours.chain([Signal::SIGCHLD]) {
            let number = signal as i32;
            let arrived = Arc::clone(&listener.arrived);
            let note = move || {
                arrived.fetch_or(1 << number, SeqCst);
            };
            // SAFETY: the handler does one atomic operation and nothing else.
            listener.actions.push(unsafe { register(number, note) }?);
            // After the note, so that whoever is woken finds it.
            listener.actions.push(pipe::register(number, wake.try_clone()?)?);
        }
        SigSet::from(Signal::SIGCHLD).thread_unblock()?;
        if let Some(signal) = self.received() {
            listener.arrived.fetch_or(1 << signal as i32, SeqCst);
        }
        Ok(listener)
    }
}

impl Listener {
    /// Waits until something has arrived, and gives each signal once, however often it came.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Vec<Signal> {
        loop {
            let mut drained = [0; 64];
            // Emptied before the bits are looked at, so that what comes in between wakes us again.
            while matches!(self.woken.try_read(&mut drained), Ok(1..)) {}
            let arrived = self.arrived.swap(0, SeqCst);
            if arrived != 0 {
                return Signal::iterator().filter(|signal| arrived & (1 << *signal as i32) != 0).collect();
            }
            if let Err(error) = self.woken.readable().await
                && error.kind() != ErrorKind::Interrupted
            {
                // The runtime is ending, and so is whoever waits here.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for action in self.actions.drain(..) {
            unregister(action);
        }
    }
}
