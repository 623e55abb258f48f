//! What came of a call of castoff.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use castoff::exit::Exit;
use serde_json::Value;

use super::secrets;

/// A call that has ended: how, and everything it printed.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; 128+n also where the signal itself ended the process.
    pub(crate) code: i32,
    /// Whether a signal ended the process.
    pub(crate) killed: bool,
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
    /// The lines of stderr that are JSON.
    pub(crate) log: Vec<Value>,
    /// From the start to the end.
    pub(crate) elapsed: Duration,
    label: String,
}

impl Finished {
    pub(super) fn new(
        label: &str,
        status: ExitStatus,
        stdout: &[u8],
        stderr: &[u8],
        elapsed: Duration,
        stdout_may_hold_secrets: bool,
    ) -> Self {
        let searched: &[&[u8]] = if stdout_may_hold_secrets { &[stderr] } else { &[stdout, stderr] };
        secrets::inspect(label, searched);
        let stderr = String::from_utf8_lossy(stderr).into_owned();
        Self {
            code: status.code().or_else(|| status.signal().map(|number| 128 + number)).unwrap_or(-1),
            killed: status.signal().is_some(),
            stdout: String::from_utf8_lossy(stdout).into_owned(),
            log: stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
            stderr,
            elapsed,
            label: label.to_owned(),
        }
    }

    /// The call: `castoff` and its arguments.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Fails with everything printed unless castoff ended in this way.
    pub(crate) fn exits(self, exit: Exit) -> Self {
        self.exits_with(i32::from(exit.code()))
    }

    /// Fails with everything printed unless this is the exit code.
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "the exit code of {self}");
        self
    }

    /// Fails with everything printed unless castoff or its application ended well.
    pub(crate) fn succeeds(self) -> Self {
        self.exits_with(0)
    }

    /// Every log line of this event.
    pub(crate) fn events(&self, event: &str) -> Vec<&Value> {
        self.log.iter().filter(|line| line.get("event").and_then(Value::as_str) == Some(event)).collect()
    }

    /// The only log line of this event.
    pub(crate) fn event(&self, event: &str) -> &Value {
        let found = self.events(event);
        assert_eq!(found.len(), 1, "exactly one {event:?} is expected of {self}");
        found[0]
    }

    /// A field of the only log line of this event, as text.
    pub(crate) fn field(&self, event: &str, name: &str) -> String {
        match self.event(event).get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => panic!("{event:?} has no field {name:?}: {self}"),
        }
    }

    /// Fails with everything printed unless stderr holds the text.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is missing from {self}");
        self
    }

    /// The ids of the migrations this process applied, in order.
    pub(crate) fn applied(&self) -> Vec<String> {
        self.ids("migration.applied")
    }

    /// The ids in the lines of an event, in order.
    pub(crate) fn ids(&self, event: &str) -> Vec<String> {
        self.events(event)
            .iter()
            .map(|line| line.get("id").and_then(Value::as_str).expect("an id").to_owned())
            .collect()
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { label, code, stdout, stderr, elapsed, .. } = self;
        write!(f, "`{label}` (code {code}, {elapsed:?})\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
