//! What the process was given at its start and must give on: signal dispositions, the mask, closed descriptors.

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Every signal whose disposition anything in this program changes: std ignores SIGPIPE, castoff handles the four
/// that stop it, and whoever waits for children handles SIGCHLD. What else is caught (std's SIGSEGV and SIGBUS) was
/// at its default before, and exec puts a caught signal back there.
const TOUCHED: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGPIPE, Signal::SIGCHLD];

/// Whether SIGPIPE was ignored before std ignored it.
static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);

/// The mask before musl took 32–34 out of it, which it does when a first handler is installed, by std.
static MASK: AtomicU64 = AtomicU64::new(0);

/// Which of the descriptors 0–2 were closed before std opened `/dev/null` in their place.
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// std changes SIGPIPE, the mask and closed standard descriptors before `main`, so what was inherited has to be
/// read earlier: by a constructor, which both glibc and a static musl run before they call `main`.
// SAFETY: `.init_array` holds pointers to functions of the C calling convention, called once each, on the only
// thread, before `main`. The C library may pass arguments (argc, argv, envp), which this convention lets the
// function leave unread. The function itself touches nothing that needs std's runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_STD: extern "C" fn() = note_before_std;

extern "C" fn note_before_std() {
    let mut found = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null second argument only asks; the third points to memory of the right type and is read only
    // if the call succeeded and so filled it. No allocation, no lock, no std: only system calls and atomics.
    let ignored = unsafe {
        libc::sigaction(libc::SIGPIPE, ptr::null(), found.as_mut_ptr()) == 0
            && found.assume_init().sa_sigaction == libc::SIG_IGN
    };
    SIGPIPE_IGNORED.store(ignored, Relaxed);
    // It fails for no valid pointer.
    MASK.store(mask(None).unwrap_or_default(), Relaxed);
    for (descriptor, closed) in (0..).zip(&CLOSED) {
        // SAFETY: F_GETFD reads a flag of a descriptor and fails on one that is closed.
        closed.store(unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1, Relaxed);
    }
}

/// Signal dispositions and mask as they were found. [`restore`](Self::restore) is for exec and for children.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    ignored: [bool; TOUCHED.len()],
    mask: u64,
}

impl Inherited {
    /// Reads what is still as it was found, and adds what the constructor noted. Called before anything is changed.
    pub(super) fn record() -> io::Result<Self> {
        let mut ignored = [false; TOUCHED.len()];
        for (signal, ignored) in TOUCHED.iter().zip(&mut ignored) {
            *ignored = match signal {
                Signal::SIGPIPE => SIGPIPE_IGNORED.load(Relaxed),
                other => is_ignored(*other)?,
            };
        }
        close_again_at_exec()?;
        Ok(Self { ignored, mask: MASK.load(Relaxed) })
    }

    /// The same for castoff that has executed itself again: everything as it was found but the mask, which is all blocked
    /// meanwhile and was handed on.
    pub(super) fn handed_on(mask: u64) -> io::Result<Self> {
        Ok(Self { mask, ..Self::record()? })
    }

    /// The mask that was found, bit n-1 for signal n.
    pub(crate) fn mask(&self) -> u64 {
        self.mask
    }

    /// Whether the parent had the signal ignored, as `nohup` does with SIGHUP.
    pub fn ignores(&self, signal: Signal) -> bool {
        TOUCHED.iter().zip(self.ignored).any(|(touched, ignored)| *touched == signal && ignored)
    }

    /// Puts the dispositions and the calling thread's mask back, exactly as they were found.
    ///
    /// Only system calls that are safe between fork and exec, so a child may call it (`pre_exec`).
    ///
    /// # Errors
    /// None that a kernel gives for these arguments.
    pub fn restore(&self) -> io::Result<()> {
        self.restore_dispositions()?;
        self.restore_mask()
    }

    /// Puts the dispositions back and returns those it replaced.
    pub(super) fn restore_dispositions(&self) -> io::Result<Dispositions> {
        let mut replaced = [(Signal::SIGCHLD, default_action(SigHandler::SigDfl)); TOUCHED.len()];
        for ((signal, ignored), replaced) in TOUCHED.into_iter().zip(self.ignored).zip(&mut replaced) {
            let handler = if ignored { SigHandler::SigIgn } else { SigHandler::SigDfl };
            // SAFETY: no handler function is installed, only one of the two constants.
            *replaced = (signal, unsafe { sigaction(signal, &default_action(handler)) }?);
        }
        Ok(Dispositions(replaced))
    }

    /// Puts the calling thread's mask back.
    pub(super) fn restore_mask(&self) -> io::Result<()> {
        mask(Some(self.mask)).map(drop)
    }
}

/// castoff's own dispositions, kept while the inherited ones are in force.
pub(super) struct Dispositions([(Signal, SigAction); TOUCHED.len()]);

impl Dispositions {
    /// Installs them again, after an exec that failed.
    pub(super) fn reinstate(&self) -> io::Result<()> {
        for (signal, action) in &self.0 {
            // SAFETY: the action was in force in this very process until `restore_dispositions` replaced it.
            unsafe { sigaction(*signal, action) }?;
        }
        Ok(())
    }
}

/// Makes a signal's disposition the default one, whatever it was.
pub(super) fn reset(signal: Signal) -> io::Result<()> {
    // SAFETY: no handler function is installed.
    unsafe { sigaction(signal, &default_action(SigHandler::SigDfl)) }?;
    Ok(())
}

/// Reads, and with `new` sets, the calling thread's signal mask, bit n-1 for signal n.
///
/// The kernel's call and not the C library's: glibc never blocks 32 and 33 and musl hides 32–34, so through them a
/// mask that a parent blocked whole could not be given on as it was found.
pub(super) fn mask(new: Option<u64>) -> io::Result<u64> {
    let mut old = 0_u64;
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both pointers are null or point to eight bytes, the size the last argument states, that live until
    // the call returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            new,
            ptr::from_mut(&mut old),
            size_of::<u64>(),
        )
    };
    Errno::result(result)?;
    Ok(old)
}

/// An action without a handler function.
fn default_action(handler: SigHandler) -> SigAction {
    SigAction::new(handler, SaFlags::empty(), SigSet::empty())
}

fn is_ignored(signal: Signal) -> io::Result<bool> {
    let mut found = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: as in the constructor; `found` is read only after success.
    unsafe {
        Errno::result(libc::sigaction(signal as libc::c_int, ptr::null(), found.as_mut_ptr()))?;
        Ok(found.assume_init().sa_sigaction == libc::SIG_IGN)
    }
}

/// Sees to it that a standard descriptor that was closed is closed for the application as well.
fn close_again_at_exec() -> io::Result<()> {
    for (descriptor, closed) in (0..).zip(&CLOSED) {
        if closed.load(Relaxed) {
            // SAFETY: sets a flag on the `/dev/null` that std opened under this number; the descriptor stays open.
            Errno::result(unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        }
    }
    Ok(())
}
