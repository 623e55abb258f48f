//! Prints rows in columns.

use std::io;

use crate::say;

/// Rows of cells, the first row the headings; the first column to the left, the others to the right.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) -> io::Result<()> {
        let width = |column: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for row in &self.0 {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let width = width(column);
                if column == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            });
            say(cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        say("")
    }
}
