//! Cancelling a statement from outside, without touching SQLite's handle from another thread.
//!
//! SQLite asks in two places: its progress handler between the steps of a statement, and its busy handler while it
//! waits for another process's lock. Both look at one [`Interrupt`]. It does not ask while it frees the pages of a
//! dropped table or waits for the disk at a COMMIT; those end by themselves.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::engine::{Activity, BoxFuture, Cancel, DbError, Observer, Sight, Verdict};

/// How long SQLite waits for a lock of another process, as sqlx sets it (`SqliteConnectOptions::busy_timeout`).
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause between two looks at a busy database, and so how late a cancellation may be seen there.
const LONGEST_PAUSE_MS: u32 = 50;

/// How many virtual machine instructions pass between two looks: well below a millisecond, at no measurable cost.
pub(super) const STEPS: i32 = 1000;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
const CANCELLED: u8 = 2;
/// The future of a running statement was dropped: nobody wants its result, and the session is of no use any more.
const ABANDONED: u8 = 3;

/// Whether the running statement is still wanted.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    state: AtomicU8,
    /// How long the current wait for a lock has taken.
    waited_ms: AtomicU32,
    /// How many statements of the running text are done.
    completed: AtomicUsize,
}

impl Interrupt {
    /// One for a session. It is never freed: SQLite's thread may look at it after the session is gone. Eight bytes
    /// for each session of a process that soon becomes another one.
    pub(super) fn leaked() -> &'static Self {
        Box::leak(Box::default())
    }

    /// A statement starts.
    ///
    /// # Errors
    ///
    /// [`Verdict::Lost`] after the future of an earlier one was dropped.
    pub(super) fn start(&'static self) -> Result<Running, DbError> {
        match self.state.compare_exchange(IDLE, RUNNING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.completed.store(0, Ordering::Release);
                Ok(Running(self))
            }
            Err(_) => Err(DbError {
                verdict: Verdict::Lost,
                message: "the session was given up in the middle of a statement".to_owned(),
                ..DbError::default()
            }),
        }
    }

    /// Cancels the statement that runs now, if one does; never the next one.
    fn cancel(&self) {
        // Failing means that nothing runs, which is what was asked for.
        let _ = self.state.compare_exchange(RUNNING, CANCELLED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether the running statement is to stop.
    pub(super) fn stops(&self) -> bool {
        self.state.load(Ordering::Acquire) >= CANCELLED
    }

    /// The busy handler: pauses, and says whether to try again. `attempt` counts from 0 for each wait.
    pub(super) fn wait_for_lock(&self, attempt: u32) -> bool {
        if attempt == 0 {
            self.waited_ms.store(0, Ordering::Release);
        }
        let waited = self.waited_ms.load(Ordering::Acquire);
        if self.stops() || u128::from(waited) >= BUSY_TIMEOUT.as_millis() {
            return false;
        }
        let pause = 1_u32.checked_shl(attempt).unwrap_or(LONGEST_PAUSE_MS).min(LONGEST_PAUSE_MS);
        std::thread::sleep(Duration::from_millis(pause.into()));
        self.waited_ms.store(waited + pause, Ordering::Release);
        !self.stops()
    }
}

/// A statement that runs.
#[derive(Debug)]
pub(super) struct Running(&'static Interrupt);

impl Running {
    /// So many statements of the text are done.
    pub(super) fn completed(&self, statements: usize) {
        self.0.completed.store(statements, Ordering::Release);
    }

    /// The statement ended; whether it had been cancelled.
    pub(super) fn finish(self) -> bool {
        self.0.state.swap(IDLE, Ordering::AcqRel) == CANCELLED
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // `finish` has been here first unless the future was dropped.
        if self.0.state.load(Ordering::Acquire) != IDLE {
            self.0.state.store(ABANDONED, Ordering::Release);
        }
    }
}

/// Cancels what a session runs.
#[derive(Debug)]
pub(super) struct SqliteCancel(pub(super) &'static Interrupt);

impl Cancel for SqliteCancel {
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
        self.0.cancel();
        Box::pin(std::future::ready(Ok(())))
    }

    fn observer(&self, _keeps: bool) -> Box<dyn Observer> {
        Box::new(SqliteObserver(self.0))
    }
}

/// Looks at a session of this very process, which nobody else can end.
#[derive(Debug)]
struct SqliteObserver(&'static Interrupt);

impl Observer for SqliteObserver {
    fn look(&mut self) -> BoxFuture<'_, Result<Sight, DbError>> {
        let completed = Some(self.0.completed.load(Ordering::Acquire));
        Box::pin(std::future::ready(Ok(Sight::There(Activity { completed, ..Activity::default() }))))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Interrupt, Ordering};
    use crate::engine::Verdict;

    #[test]
    fn cancelling_stops_the_running_statement_and_not_the_next() {
        let interrupt = Interrupt::leaked();
        interrupt.cancel();
        let first = interrupt.start().unwrap();
        assert!(!interrupt.stops(), "nothing ran when it was cancelled");
        interrupt.cancel();
        assert!(interrupt.stops());
        assert!(first.finish());
        let second = interrupt.start().unwrap();
        assert!(!interrupt.stops());
        assert!(!second.finish());
    }

    #[test]
    fn a_statement_nobody_waits_for_any_more_stops_and_ends_the_session() {
        let interrupt = Interrupt::leaked();
        drop(interrupt.start().unwrap());
        assert!(interrupt.stops());
        assert_eq!(interrupt.start().unwrap_err().verdict, Verdict::Lost);
    }

    #[test]
    fn a_lock_of_another_process_is_waited_for_no_longer_than_sqlx_would() {
        let interrupt = Interrupt::leaked();
        assert!(interrupt.wait_for_lock(0));
        interrupt.waited_ms.store(4_999, Ordering::Release);
        assert!(interrupt.wait_for_lock(1));
        assert!(!interrupt.wait_for_lock(2));
        assert!(interrupt.wait_for_lock(0), "the next wait starts anew");
    }

    #[test]
    fn a_cancelled_wait_for_a_lock_ends() {
        let interrupt = Interrupt::leaked();
        let running = interrupt.start().unwrap();
        assert!(interrupt.wait_for_lock(0));
        interrupt.cancel();
        assert!(!interrupt.wait_for_lock(1));
        assert!(running.finish());
    }
}
