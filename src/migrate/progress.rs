//! What is said of work that takes long: what it waits for, how far it is, or at least where it is.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::duration::{milliseconds, whole};
use crate::engine::{Activity, Blocker, Done, Engine, Progress};
use crate::format::{Migration, Part};
use crate::lock::describe;
use crate::script;

/// How often a line says what long work is at.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// How many characters of a statement tell which it is.
const FIRST_WORDS: usize = 60;

/// Where in a migration the work is.
#[derive(Debug, Default)]
pub(super) struct Position(Cell<Option<Place>>);

/// The part of the migration, from 0, and the statement in it where that is sent alone.
pub(super) type Place = (usize, Option<usize>);

impl Position {
    /// A part was sent as it is.
    pub(super) fn at_part(&self, part: usize) {
        self.0.set(Some((part, None)));
    }

    /// One statement of a part was sent.
    pub(super) fn at_statement(&self, part: usize, number: usize) {
        self.0.set(Some((part, Some(number))));
    }
}

/// What is being done, for whoever tells of it.
pub(super) struct Subject<'a> {
    /// The migration's id, if it is one.
    pub(super) id: Option<&'a str>,
    /// Its file, or what else it is.
    pub(super) name: String,
    /// The migration itself.
    pub(super) migration: Option<(Engine, &'a Migration, &'a Position)>,
    /// How many migrations are done, and how many there are.
    pub(super) count: (usize, usize),
}

/// What the last look from outside has brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) activity: Activity,
    /// Why nothing was seen.
    pub(super) trouble: Option<String>,
    /// How many looks there have been.
    pub(super) number: u32,
}

impl Seen {
    pub(super) fn nothing(why: String) -> Self {
        Self { trouble: Some(why), ..Self::default() }
    }

    /// Those that make it wait.
    pub(super) fn blockers(&self) -> Vec<Option<i64>> {
        self.activity.blockers.iter().map(|blocker| blocker.holder.pid).collect()
    }
}

impl Subject<'_> {
    /// One line, after so much time.
    pub(super) fn tell(&self, elapsed: Duration, seen: &Seen) {
        let running = format!("running for {}", whole(elapsed));
        let detail = [running].into_iter().chain(self.details(seen)).collect::<Vec<_>>().join("; ");
        tell(self.id, &self.name, elapsed, &detail);
    }

    /// The name where there is little room: of a path, what tells a migration from the others in every layout.
    pub(super) fn short_name(&self) -> String {
        let parts: Vec<&str> = self.name.rsplit('/').take(2).collect();
        parts.into_iter().rev().collect::<Vec<_>>().join("/")
    }

    /// Where the work is.
    pub(super) fn place(&self) -> Option<Place> {
        self.migration.and_then(|(.., position)| position.0.get())
    }

    /// What is known, the most telling first.
    pub(super) fn details(&self, seen: &Seen) -> Vec<String> {
        let Seen { activity, trouble, .. } = seen;
        let part =
            self.migration.and_then(|(_, migration, position)| migration.parts.get(position.0.get()?.0));
        let progress = activity.progress.as_ref().map(|progress| progress_words(progress, part));
        let statement = self.migration.and_then(|(engine, migration, position)| {
            statement(engine, migration, position.0.get()?, activity.completed)
        });
        [waiting(activity), progress, trouble.clone(), statement].into_iter().flatten().collect()
    }
}

fn tell(id: Option<&str>, name: &str, elapsed: Duration, detail: &str) {
    let elapsed_ms = milliseconds(elapsed);
    tracing::info!(event = "migration.progress", id, elapsed_ms, detail, "{name}: {detail}");
}

/// Awaits work of which nothing is known but that it runs, and says so now and then.
pub(crate) async fn told<T>(name: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let lines = async {
        let mut due = interval_at(started + EVERY, EVERY);
        loop {
            due.tick().await;
            let elapsed = started.elapsed();
            tell(None, name, elapsed, &format!("running for {}", whole(elapsed)));
        }
    };
    tokio::select! {
        biased;
        output = work => output,
        never = lines => { let never: Infallible = never; match never {} }
    }
}

/// What it waits for, and who makes it wait.
fn waiting(activity: &Activity) -> Option<String> {
    match (&activity.waits_for, held_up_by(activity)) {
        (Some(what), Some(who)) => Some(format!("waiting for {what}, {who}")),
        (Some(what), None) => Some(format!("waiting for {what}; whose, the server does not show")),
        (None, who) => who,
    }
}

/// Who makes it wait, if the server shows it.
pub(super) fn held_up_by(activity: &Activity) -> Option<String> {
    let who: Vec<String> = activity.blockers.iter().map(blocker).collect();
    (!who.is_empty()).then(|| format!("held up by {}", who.join(" and by ")))
}

fn blocker(blocker: &Blocker) -> String {
    let mut text = describe(&blocker.holder);
    if let Some(state) = &blocker.state {
        text.push_str(", ");
        text.push_str(state);
    }
    if let Some(verb) = blocker.verb {
        text.push_str(&format!(", its query: {verb}"));
    }
    text
}

/// `CREATE INDEX on users: building index: scanning table, 43%`
fn progress_words(progress: &Progress, part: Option<&Part>) -> String {
    let Progress { command, phase, done } = progress;
    let rows = part.and_then(|part| part.rows.as_ref()).and_then(|rows| u64::try_from(rows.len()).ok());
    // The server does not know how much is still to come of what castoff sends it.
    let done = match (*done, rows) {
        (Done::Bytes(bytes), Some(all)) => Done::of(bytes, all),
        (done, _) => done,
    };
    let phase = phase.as_ref().map(|phase| format!(": {phase}")).unwrap_or_default();
    let done = match done {
        Done::Unknown => String::new(),
        Done::Percent(percent) => format!(", {percent:.0}%"),
        Done::Bytes(bytes) => format!(", {} kB", bytes / 1024),
    };
    format!("{command}{phase}{done}")
}

/// The statement that runs, as a failure of it would be reported: its line, and its first words without secrets.
fn statement(
    engine: Engine,
    migration: &Migration,
    (part, number): Place,
    completed: Option<usize>,
) -> Option<String> {
    let part = migration.parts.get(part)?;
    let file = part.file.as_ref().map(|file| format!("{}, ", file.display())).unwrap_or_default();
    let statements = script::statements(engine, &part.sql);
    let only = (statements.len() == 1).then_some(0);
    let Some(statement) = number.or(only).or(completed).and_then(|number| statements.get(number)) else {
        let (count, line) = (statements.len(), part.line_in_file(1));
        return (count > 1).then(|| format!("{file}one of the {count} statements from line {line} on"));
    };
    // Never what variables were replaced with, which may also move the lines.
    let (line, text) = match &part.written {
        Some(written) => (1, written.as_str()),
        None => (statement.line, statement.text),
    };
    Some(format!("{file}line {}: {}", part.line_in_file(line), first_words(text)))
}

fn first_words(statement: &str) -> String {
    let excerpt = script::excerpt(statement);
    match excerpt.char_indices().nth(FIRST_WORDS) {
        Some((end, _)) => format!("{}…", excerpt.get(..end).unwrap_or_default().trim_end()),
        None => excerpt,
    }
}

#[cfg(test)]
mod tests;
