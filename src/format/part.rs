//! What of a migration is sent at once.

use std::path::{Path, PathBuf};

use super::Migration;
use crate::engine::Engine;
use crate::script;

/// One text that is sent by itself. Most tools send a file whole, some statement by statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What is sent.
    pub sql: String,
    /// The line of the file in which it begins, from 1.
    pub line: usize,
    /// The text as it stands in the file, where the tool replaces variables in it: what messages show.
    pub written: Option<String>,
    /// The file, where it is not the migration's own.
    pub file: Option<PathBuf>,
    /// The lines of data that follow `COPY … FROM STDIN` in the file.
    pub rows: Option<String>,
}

/// A statement of a migration, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// The part it is in, from 0.
    pub part: usize,
    /// Its number in the part, from 0.
    pub number: usize,
    /// Its text.
    pub text: &'a str,
}

impl Part {
    /// A file as it is.
    pub fn whole(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), line: 1, ..Self::default() }
    }

    /// The text that may be shown.
    pub fn shown(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.sql)
    }

    /// Everything that is sent: the statement, and the rows behind it.
    pub fn text(&self) -> String {
        match &self.rows {
            Some(rows) => format!("{}\n{rows}", self.sql),
            None => self.sql.clone(),
        }
    }

    /// The line of the file that a line of this text is, both from 1.
    pub fn line_in_file(&self, line: usize) -> usize {
        self.line.max(1) + line.saturating_sub(1)
    }
}

impl Migration {
    /// Everything that is sent, for what has to tell one content from another.
    pub fn text(&self) -> String {
        self.parts.iter().map(Part::text).collect::<Vec<_>>().join("\n")
    }

    /// Every statement of it.
    pub fn statements(&self, engine: Engine) -> Vec<Located<'_>> {
        let mut found = Vec::new();
        for (part, text) in self.parts.iter().enumerate() {
            for (number, statement) in script::statements(engine, &text.sql).into_iter().enumerate() {
                found.push(Located { part, number, text: statement.text });
            }
        }
        found
    }

    /// Whether one message carries all of it.
    pub fn is_sent_at_once(&self, engine: Engine) -> bool {
        match self.parts.as_slice() {
            [only] => only.rows.is_none() && !script::must_be_split(engine, &only.sql),
            _ => false,
        }
    }

    /// Whether PostgreSQL, which takes a text of several statements as one transaction, takes all of it for one: it is
    /// sent at once, and no statement in it ends that.
    pub fn is_implicit_transaction(&self) -> bool {
        let engine = Engine::Postgres;
        let statements = self.statements(engine);
        let controls =
            statements.iter().any(|statement| script::controls_transaction(engine, statement.text));
        // One that stands among others may not.
        let commits_inside = matches!(statements.as_slice(), [only] if script::may_commit_inside(only.text));
        self.is_sent_at_once(engine) && !controls && !commits_inside
    }

    /// The file a part stands in.
    pub fn file_of<'a>(&'a self, part: &'a Part) -> &'a Path {
        part.file.as_deref().unwrap_or(&self.file)
    }
}
