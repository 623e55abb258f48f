//! A session that writes down what it is sent.

use std::sync::Arc;

use super::Sent;
use crate::engine::{
    BoxFuture, Cancel, DbError, Engine, Facts, Holder, Ledger, LockKey, Observer, Reading, ScriptError,
    Session, Statement, TableName, Unobserved, Verdict, begin, spelled,
};
use crate::format::{Migration, Part};
use crate::script;

/// What was sent so far, and what it is told apart by.
pub(super) struct Transcript<'a> {
    engine: Engine,
    facts: &'a Facts,
    settings_of_url: Vec<String>,
    /// The migration whose turn it is.
    migration: Option<&'a Migration>,
    sent: Vec<Sent>,
    /// The part that was sent last.
    last: Option<usize>,
    /// Whether castoff has opened a transaction.
    begun: bool,
}

impl<'a> Transcript<'a> {
    /// An empty one, for what comes before the first migration.
    pub(super) fn new(engine: Engine, facts: &'a Facts, settings_of_url: Vec<String>) -> Self {
        Self { engine, facts, settings_of_url, migration: None, sent: Vec::new(), last: None, begun: false }
    }

    /// An empty one, for a migration's turn.
    pub(super) fn of<'b>(&self, migration: &'b Migration) -> Transcript<'b>
    where
        'a: 'b,
    {
        let settings_of_url = self.settings_of_url.clone();
        Transcript { migration: Some(migration), ..Transcript::new(self.engine, self.facts, settings_of_url) }
    }

    /// What was sent.
    pub(super) fn take(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// The part of the migration that a text is, or is a piece of: the very text, and not one that reads the same.
    fn part(&self, text: &str) -> Option<(usize, &'a Migration, &'a Part)> {
        let migration = self.migration?;
        let holds = |part: &Part| part.sql.as_bytes().as_ptr_range().contains(&text.as_ptr());
        let found = migration.parts.iter().enumerate().find(|(_, part)| holds(part));
        found.map(|(index, part)| (index, migration, part))
    }

    fn write(&mut self, text: &str, rows: Option<&str>) {
        let Some((index, migration, part)) = self.part(text) else {
            if !self.ends_nothing(text) {
                self.write_own(text.to_owned());
            }
            return;
        };
        let again = self.last.replace(index) == Some(index);
        let (sql, line) = match &part.written {
            // As it stands in the file, whatever was made of it.
            Some(_) if again => return,
            Some(written) => (written.as_str(), 1),
            None => (text, line_within(&part.sql, text)),
        };
        let has_variables = part.written.is_some();
        self.sent.push(Sent {
            sql: sql.to_owned(),
            file: Some(migration.file_of(part).display().to_string()),
            line: Some(part.line_in_file(line)),
            rows: rows.filter(|_| !has_variables).map(str::to_owned),
            has_variables,
        });
    }

    /// Whether this only ends the transaction that a script may have left open, and the script leaves none: SQLite's own
    /// shell takes that for a mistake.
    fn ends_nothing(&self, text: &str) -> bool {
        let engine = Engine::Sqlite;
        let leaves_one = |migration: &Migration| {
            let statements = migration.statements(engine);
            let mut last = statements.iter().rev();
            let last = last.find(|statement| script::controls_transaction(engine, statement.text));
            last.is_some_and(|last| script::first_word_is(last.text, &["BEGIN", "SAVEPOINT"]))
        };
        self.engine == engine && text == "COMMIT" && !self.begun && !self.migration.is_some_and(leaves_one)
    }

    fn write_own(&mut self, sql: String) {
        self.last = None;
        self.sent.push(Sent { sql, file: None, line: None, rows: None, has_variables: false });
    }
}

/// The line, from 1, in which a piece of a text begins.
fn line_within(whole: &str, piece: &str) -> usize {
    let offset = piece.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    1 + whole.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// What a migration never asks for.
fn only_written_down<T: Send + 'static>(what: &str) -> BoxFuture<'static, Result<T, DbError>> {
    let message = format!("a preview cannot {what}");
    Box::pin(std::future::ready(Err(DbError { verdict: Verdict::Statement, message, ..DbError::default() })))
}

fn done<E: Send + 'static>() -> BoxFuture<'static, Result<(), E>> {
    Box::pin(std::future::ready(Ok(())))
}

impl Session for Transcript<'_> {
    fn read<'a>(&'a mut self, _: Option<&'a Ledger>) -> BoxFuture<'a, Result<Reading, DbError>> {
        only_written_down("read")
    }

    fn try_lock<'a>(&'a mut self, _: &'a LockKey) -> BoxFuture<'a, Result<bool, DbError>> {
        only_written_down("take a lock")
    }

    fn unlock<'a>(&'a mut self, _: &'a LockKey) -> BoxFuture<'a, Result<(), DbError>> {
        only_written_down("give a lock back")
    }

    fn holder<'a>(&'a mut self, _: &'a LockKey) -> BoxFuture<'a, Result<Option<Holder>, DbError>> {
        only_written_down("ask for a lock's holder")
    }

    fn secure<'a>(&'a mut self, _: &'a [LockKey]) -> BoxFuture<'a, Result<bool, DbError>> {
        only_written_down("hold a lock")
    }

    fn begin(&mut self) -> BoxFuture<'_, Result<(), ScriptError>> {
        self.begun = true;
        self.write_own(begin(self.engine, self.facts));
        done()
    }

    fn send<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<(), ScriptError>> {
        self.write(sql, None);
        done()
    }

    fn send_apart<'a>(&'a mut self, statement: &'a str, _: bool) -> BoxFuture<'a, Result<(), DbError>> {
        self.write(statement, None);
        done()
    }

    fn copy_in<'a>(&'a mut self, statement: &'a str, rows: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        self.write(statement, Some(rows));
        done()
    }

    fn columns<'a>(&'a mut self, _: &'a TableName) -> BoxFuture<'a, Result<Option<Vec<String>>, DbError>> {
        only_written_down("ask for a table's columns")
    }

    fn execute<'a>(
        &'a mut self,
        ledger: &'a Ledger,
        statement: &'a Statement,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        self.write_own(spelled(self.engine, statement, &ledger.table, self.facts));
        done()
    }

    fn announce_failure<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<(), DbError>> {
        only_written_down("announce a failure")
    }

    fn failure_announced<'a>(
        &'a mut self,
        _: &'a LockKey,
        _: &'a str,
    ) -> BoxFuture<'a, Result<bool, DbError>> {
        only_written_down("ask for a failure")
    }

    fn settings_of_url(&self) -> Vec<String> {
        self.settings_of_url.clone()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Nothing)
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Nothing runs, so there is nothing to cancel.
struct Nothing;

impl Cancel for Nothing {
    fn cancel(&self) -> BoxFuture<'_, Result<(), DbError>> {
        done()
    }

    fn observer(&self, _keeps: bool) -> Box<dyn Observer> {
        Box::new(Unobserved)
    }
}
