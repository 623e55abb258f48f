//! The signals that stop castoff, from the first line of `main` to the hand-over.
//!
//! The kernel drops a signal that PID 1 has no handler for, and re-raising one does not end PID 1 either. So
//! handlers come before everything else, they only note what arrived, and castoff ends itself with 128+n.
//!
//! SIGPIPE stays ignored while castoff runs, as std leaves it: a log pipe that was closed must not end it.

mod inherited;
mod listener;

#[cfg(test)]
mod tests;

pub use inherited::Inherited;
pub use listener::Listener;
pub use nix::sys::signal::Signal;

use crate::exit::{Exit, Failure};
use nix::libc;
use nix::sys::signal::SigSet;
use signal_hook::low_level::{pipe, register};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::time::Duration;

/// The signals that stop castoff: `docker stop` and Kubernetes send TERM, a terminal INT, HUP and QUIT, and images
/// may name any of them as their STOPSIGNAL.
const STOPPING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// A mask of all signals; the kernel takes KILL and STOP out of it.
pub(crate) const EVERY_SIGNAL: u64 = u64::MAX;

/// How often [`Signals::arrived`] looks where no descriptor is left to be woken by.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The handlers, what has arrived, and what was inherited.
#[derive(Debug)]
pub struct Signals {
    inherited: Inherited,
    /// The first signal that arrived, 0 before; the handlers write it.
    first: Arc<AtomicI32>,
    /// Readable once a signal has arrived, and never read, so it stays so.
    woken: UnixStream,
}

impl Signals {
    /// Records dispositions and mask as they were found, installs handlers for TERM, INT, HUP and QUIT, and
    /// unblocks them, so that one the parent left pending is seen as well.
    ///
    /// A signal inherited as ignored stays ignored, as `nohup` and `trap '' HUP` expect of the programs they start.
    ///
    /// # Errors
    /// 71, where the system refuses a handler or a descriptor.
    pub fn install() -> Result<Self, Failure> {
        Self::try_install().map_err(|error| {
            let error = anyhow::Error::new(error).context("cannot install the signal handlers");
            Failure::new(Exit::OsError, error)
                .hint("see the container's limits, of open files (ulimit -n) for example")
        })
    }

    fn try_install() -> io::Result<Self> {
        let inherited = Inherited::record()?;
        let first = Arc::new(AtomicI32::new(0));
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        for signal in STOPPING.into_iter().filter(|signal| !inherited.ignores(*signal)) {
            let number = signal as i32;
            let first = Arc::clone(&first);
            // What comes later does not replace it: the exit code is that of the signal that stopped castoff.
            let note = move || {
                let _ = first.compare_exchange(0, number, SeqCst, SeqCst);
            };
            // SAFETY: the handler does one atomic operation and nothing else.
            unsafe { register(number, note) }?;
            // After the note, so that whoever is woken finds it.
            pipe::register(number, wake.try_clone()?)?;
        }
        if inherited.ignores(Signal::SIGCHLD) {
            // Under an ignored SIGCHLD the kernel reaps children itself and nobody learns how a command ended.
            inherited::reset(Signal::SIGCHLD)?;
        }
        stopping().thread_unblock()?;
        Ok(Self { inherited, first, woken })
    }

    /// The first signal that arrived, if one did; once there is one, it stays.
    pub fn received(&self) -> Option<Signal> {
        Signal::try_from(self.first.load(SeqCst)).ok()
    }

    /// Waits for a signal; at once where one has arrived already, before the runtime existed included.
    ///
    /// Cancel-safe, and may be awaited any number of times, several at once too.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and time drivers.
    pub async fn arrived(&self) -> Signal {
        loop {
            if let Some(signal) = self.received() {
                return signal;
            }
            // A descriptor for each call, since epoll takes each only once.
            let own = self.woken.try_clone().and_then(tokio::net::UnixStream::from_std);
            let woken = match &own {
                Ok(own) => own.readable().await.is_ok(),
                Err(_) => false,
            };
            if !woken {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Dispositions and mask as they were found, to be given to a child (`Copy`, safe in `pre_exec`).
    pub fn inherited(&self) -> Inherited {
        self.inherited
    }

    /// Puts dispositions and the calling thread's mask back exactly as they were found.
    ///
    /// # Errors
    /// None that a kernel gives for these arguments.
    pub fn restore(&self) -> io::Result<()> {
        self.inherited.restore()
    }

    /// The last moment before exec: nothing may arrive unseen while the handlers go.
    ///
    /// Everything is blocked, then the inherited dispositions are put back, so that from here on a signal is either
    /// pending or does what it would do to the application; then what arrived or is pending is looked at, and last
    /// the inherited mask is put back.
    ///
    /// # Errors
    /// 128+n where a signal arrived, 71 where the system refuses; castoff's own handlers are in force again.
    pub(crate) fn let_go(&self) -> Result<LetGo, Failure> {
        let let_go = self.hold()?;
        match self.inherited.restore_mask() {
            Ok(()) => Ok(let_go),
            Err(error) => {
                let_go.take_back();
                Err(cannot_put_back(error))
            }
        }
    }

    /// The same but for the mask: everything stays blocked, so that what arrives from here on is pending, across an exec
    /// too, until somebody takes it.
    ///
    /// # Errors
    /// As [`let_go`](Self::let_go).
    pub(crate) fn hold(&self) -> Result<LetGo, Failure> {
        let mask = inherited::mask(Some(EVERY_SIGNAL)).map_err(cannot_put_back)?;
        let own = match self.inherited.restore_dispositions() {
            Ok(own) => own,
            Err(error) => {
                let _ = inherited::mask(Some(mask));
                return Err(cannot_put_back(error));
            }
        };
        let let_go = LetGo { own, mask };
        match self.received().or_else(|| self.pending()) {
            None => Ok(let_go),
            Some(signal) => {
                let_go.take_back();
                Err(stopped_by(signal))
            }
        }
    }

    /// One of the four that was sent while everything was blocked.
    fn pending(&self) -> Option<Signal> {
        let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: points to memory of the right type, which is read only after the call has filled it.
        let pending = unsafe {
            if libc::sigpending(pending.as_mut_ptr()) != 0 {
                return None;
            }
            SigSet::from_sigset_t_unchecked(pending.assume_init())
        };
        // A blocked signal is kept pending by the kernel even if it is ignored.
        STOPPING.into_iter().find(|signal| pending.contains(*signal) && !self.inherited.ignores(*signal))
    }
}

fn cannot_put_back(error: io::Error) -> Failure {
    Failure::new(Exit::OsError, anyhow::Error::new(error).context("cannot put the signals back"))
}

/// For castoff that has executed itself again after [`Signals::hold`], with the mask that was found then: everything
/// stays blocked, and how children end is known even where whoever started castoff ignores SIGCHLD.
///
/// # Errors
/// None that a kernel gives for these arguments.
pub(crate) fn keep_holding(found: u64) -> io::Result<Inherited> {
    let inherited = Inherited::handed_on(found)?;
    // The C library may have unblocked those it keeps to itself.
    inherited::mask(Some(EVERY_SIGNAL))?;
    if inherited.ignores(Signal::SIGCHLD) {
        inherited::reset(Signal::SIGCHLD)?;
    }
    Ok(inherited)
}

/// Lets the kernel do for a moment what it does by default on a signal that is otherwise held.
///
/// # Errors
/// None that a kernel gives for these arguments.
pub(crate) fn let_through(signal: Signal) -> io::Result<()> {
    inherited::mask(Some(EVERY_SIGNAL & !bit(signal as i32)))?;
    inherited::mask(Some(EVERY_SIGNAL)).map(drop)
}

/// castoff's own dispositions and mask, put away while the inherited ones are in force.
pub(crate) struct LetGo {
    own: inherited::Dispositions,
    mask: u64,
}

impl LetGo {
    /// Makes castoff's handlers work again after an exec that failed. There is nothing to be done where the system
    /// refuses what it allowed a moment ago: castoff is about to end with that failure in any case.
    pub(crate) fn take_back(self) {
        let _ = self.own.reinstate();
        let _ = inherited::mask(Some(self.mask));
    }
}

/// For the threads a runtime starts (`Builder::on_thread_start`): leaves the four signals to the main thread.
///
/// A thread that hangs in a name look-up outlives the runtime. Were it able to take a signal, one that is sent
/// at the hand-over could go to that thread and be gone, instead of being pending when the main thread looks.
pub fn leave_to_main_thread() {
    // It fails for no set of signals that exists.
    let _ = stopping().thread_block();
}

/// The failure that ends castoff with 128+n.
pub fn stopped_by(signal: Signal) -> Failure {
    Failure::message(Exit::Signal(signal as i32), format_args!("stopped by {signal}"))
}

/// A signal's place in a mask.
pub(crate) fn bit(signal: i32) -> u64 {
    u32::try_from(signal - 1).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default()
}

fn stopping() -> SigSet {
    STOPPING.into_iter().collect()
}
