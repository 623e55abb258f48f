//! Taking signals while all are blocked.
//!
//! The kernel's calls and not the C library's, which hides 32–34: a real-time signal of the application's library may be
//! one of them (`SIGRTMIN` is 34 to glibc).

use std::mem::MaybeUninit;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::getpid;

use crate::signals::EVERY_SIGNAL;

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Its number, from 1 to 64.
    pub(super) signal: i32,
    /// Who sent it.
    pub(super) origin: Origin,
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A process.
    Process,
    /// castoff itself, or the kernel for something castoff did: SIGPIPE where nobody reads the log any more.
    Castoff,
    /// The kernel: a child's end, a key at the terminal.
    Kernel,
}

/// Waits for a signal and takes it.
pub(super) fn next() -> Result<Arrival, Errno> {
    let wanted = EVERY_SIGNAL;
    let mut found = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: the first pointer is to eight bytes, the size the last argument states, the second to memory of the
        // right type, which is valid when zeroed; a null timeout means none. Both live until the call returns.
        let (taken, found) = unsafe {
            let taken = libc::syscall(
                libc::SYS_rt_sigtimedwait,
                &raw const wanted,
                found.as_mut_ptr(),
                std::ptr::null::<libc::timespec>(),
                size_of::<u64>(),
            );
            (taken, found.assume_init())
        };
        match Errno::result(taken) {
            Ok(_) => return Ok(Arrival { signal: found.si_signo, origin: origin(&found) }),
            // The process was stopped and continued.
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn origin(found: &libc::siginfo_t) -> Origin {
    // Everything above is the kernel's (`sigaction(2)`): SI_KERNEL, CLD_EXITED.
    if found.si_code > libc::SI_USER {
        return Origin::Kernel;
    }
    // SAFETY: what a process sent (SI_USER, SI_TKILL, SI_QUEUE) says which one; for the rarer rest, timers and queues, it
    // is another number, and reading it is no harm.
    if unsafe { found.si_pid() } == getpid().as_raw() { Origin::Castoff } else { Origin::Process }
}

/// Whether a signal is waiting to be taken.
pub(super) fn is_pending(signal: i32) -> bool {
    let mut pending = 0_u64;
    // SAFETY: the pointer is to eight bytes, the size the last argument states, that live until the call returns.
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigpending, std::ptr::from_mut(&mut pending), size_of::<u64>()) };
    result == 0 && pending & crate::signals::bit(signal) != 0
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Origin, is_pending, next};
    use crate::signals::keep_holding;
    use nix::errno::Errno;
    use nix::libc;

    #[test]
    fn what_castoff_is_sent_by_itself_is_told_from_what_others_send() {
        // Blocked in this thread, and sent to it alone.
        keep_holding(0).unwrap();
        for signal in [libc::SIGPIPE, libc::SIGTERM, 34, 64] {
            assert!(!is_pending(signal));
            // SAFETY: a system call on numbers, about this thread.
            let sent = unsafe { libc::syscall(libc::SYS_tkill, libc::gettid(), signal) };
            Errno::result(sent).unwrap();
            assert!(is_pending(signal));
            assert_eq!(next(), Ok(Arrival { signal, origin: Origin::Castoff }));
        }
    }
}
