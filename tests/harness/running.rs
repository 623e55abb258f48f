//! A castoff that runs.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::eventually::PATIENCE;
use super::{Finished, Scratch, eventually};

/// What has been read of stderr so far, and whether it has ended.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

/// A process under test. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    label: String,
    /// castoff's own id; another than the child's under `unshare --fork`.
    pid: Option<Pid>,
    log: Arc<(Mutex<Log>, Condvar)>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    /// How many lines of the log [`until`](Self::until) has passed.
    seen: usize,
    started: Instant,
    stdout_may_hold_secrets: bool,
    /// Its migrations, in place until it has ended.
    _files: Option<Arc<Scratch>>,
}

impl Running {
    pub(super) fn new(
        (mut child, started): (Child, Instant),
        label: String,
        forks: bool,
        stdout_may_hold_secrets: bool,
        files: Option<Arc<Scratch>>,
    ) -> Self {
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let mut out = child.stdout.take().expect("a piped stdout");
        let err = child.stderr.take().expect("a piped stderr");
        let stdout = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            out.read_to_end(&mut bytes).expect("stdout is read");
            bytes
        });
        let shared = Arc::clone(&log);
        let stderr = std::thread::spawn(move || read_log(err, &shared));
        let pid = (!forks).then(|| Pid::from_raw(i32::try_from(child.id()).expect("a process id")));
        let (stdout, stderr) = (Some(stdout), Some(stderr));
        Self {
            child,
            label,
            pid,
            log,
            stdout,
            stderr,
            seen: 0,
            started,
            stdout_may_hold_secrets,
            _files: files,
        }
    }

    /// castoff's process id as this process sees it.
    pub(crate) fn pid(&mut self) -> Pid {
        let parent = self.child.id();
        *self.pid.get_or_insert_with(|| {
            eventually("unshare has forked", || {
                let children =
                    std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
                children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
            })
        })
    }

    /// Waits for the next log line of this event and returns its fields.
    ///
    /// Lines are passed once: a second call waits for a later one.
    pub(crate) fn until(&mut self, event: &str) -> Value {
        self.until_line(&format!("the event {event:?}"), |line| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value.get("event")?.as_str()? == event).then_some(value)
        })
    }

    /// Waits for the next log line that `wanted` makes something of.
    pub(crate) fn until_line<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let (log, changed) = &*self.log;
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some(line) = log.lines.get(self.seen) {
                self.seen += 1;
                if let Some(found) = wanted(line) {
                    return found;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let all = || log.lines.join("\n");
            assert!(!log.ended, "{} ended before {what}:\n{}", self.label, all());
            assert!(!left.is_zero(), "{}: {what} did not come within {PATIENCE:?}:\n{}", self.label, all());
            log = changed.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether this event has been logged so far.
    pub(crate) fn has_logged(&self, event: &str) -> bool {
        self.count_logged(event) > 0
    }

    /// How often this event has been logged so far.
    pub(crate) fn count_logged(&self, event: &str) -> usize {
        let log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_one = |line: &&String| {
            serde_json::from_str::<Value>(line)
                .is_ok_and(|value| value.get("event").and_then(Value::as_str) == Some(event))
        };
        log.lines.iter().filter(is_one).count()
    }

    /// Sends castoff a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill(self.pid(), signal).expect("castoff is there to be signalled");
    }

    /// Waits for the end, which must come within [`PATIENCE`].
    pub(crate) fn wait(self) -> Finished {
        self.wait_within(PATIENCE)
    }

    /// Waits for the end, which must come within `bound`.
    pub(crate) fn wait_within(mut self, bound: Duration) -> Finished {
        let deadline = Instant::now() + bound;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                break status;
            }
            let so_far = || self.log.0.lock().unwrap_or_else(PoisonError::into_inner).lines.join("\n");
            assert!(Instant::now() < deadline, "{} still runs after {bound:?}:\n{}", self.label, so_far());
            std::thread::sleep(Duration::from_millis(2));
        };
        let elapsed = self.started.elapsed();
        let stdout = self.stdout.take().map(|thread| thread.join().expect("stdout was read"));
        let stderr = self.stderr.take().map(|thread| thread.join().expect("stderr was read"));
        let (stdout, stderr) = (stdout.unwrap_or_default(), stderr.unwrap_or_default());
        Finished::new(&self.label, status, &stdout, &stderr, elapsed, self.stdout_may_hold_secrets)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already collected: its id may be somebody else's by now.
        if self.stdout.is_some() {
            if let Some(pid) = self.pid {
                let _ = kill(pid, Signal::SIGKILL);
            }
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn read_log(stderr: impl Read, shared: &(Mutex<Log>, Condvar)) -> Vec<u8> {
    let mut reader = BufReader::new(stderr);
    let mut all = Vec::new();
    loop {
        let mut line = Vec::new();
        let length = reader.read_until(b'\n', &mut line).expect("stderr is read");
        let mut log = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if length == 0 {
            log.ended = true;
            shared.1.notify_all();
            return all;
        }
        log.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        shared.1.notify_all();
        all.extend(line);
    }
}
