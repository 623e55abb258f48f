//! What of a statement has been read.

use super::{Script, Statement};

/// The lines of a statement that has not ended.
#[derive(Default)]
pub(super) struct Pending {
    sql: String,
    written: String,
    /// The number of the first line, if there is one.
    first: Option<usize>,
    expanded: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn push(&mut self, number: usize, text: &str, expanded: Option<&str>) {
        self.first.get_or_insert(number);
        let sent = expanded.unwrap_or(text);
        self.expanded |= sent != text;
        for (whole, line) in [(&mut self.sql, sent), (&mut self.written, text)] {
            whole.push_str(line);
            whole.push('\n');
        }
    }

    /// The line in which the text begins that is not white space.
    pub(super) fn begins(&self) -> Option<usize> {
        let blank = self.written.lines().position(|line| !line.trim().is_empty())?;
        self.first.map(|first| first + blank)
    }

    /// Hands over what there is, which may be nothing, as goose does.
    pub(super) fn send(&mut self, script: &mut Script) {
        let line = self.begins().or(self.first).unwrap_or_default();
        let Self { sql, written, expanded, .. } = std::mem::take(self);
        script.statements.push(Statement {
            sql: sql.trim().to_owned(),
            written: expanded.then(|| written.trim().to_owned()),
            line,
        });
    }
}
