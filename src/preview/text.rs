//! The preview as SQL: to be read, and to be run by the engine's own client.

use super::{Pending, Preview, Sent};
use crate::engine::Engine;
use crate::script;

impl Preview {
    /// SQL with comments that say where it comes from.
    pub fn text(&self) -> String {
        let Self { engine, server_version, database, format, migrations, .. } = self;
        let mut text = comment(&match self.pending.as_deref().map(<[_]>::len) {
            None => "what is pending only the migrate command knows".to_owned(),
            Some(0) => "nothing is pending".to_owned(),
            Some(1) => "1 migration is pending".to_owned(),
            Some(count) => format!("{count} migrations are pending"),
        });
        text.push_str(&comment(&format!(
            "{database} ({engine} {server_version}, {format} migrations in {migrations})"
        )));
        match &self.command {
            Some(command) => text.push_str(&self.of_command(command)),
            None => text.push_str(&self.of_castoff()),
        }
        text
    }

    fn of_command(&self, command: &str) -> String {
        let pending = self.pending.as_deref();
        if pending.is_some_and(<[_]>::is_empty) {
            return String::new();
        }
        let applies = comment(&format!("the command {command} would be run, which applies:"));
        let mut text = if pending.is_some() { applies } else { comment(&format!("{command} would be run")) };
        for Pending { id, file, .. } in pending.unwrap_or_default() {
            text.push_str(&comment(&format!("  {id}: {file}")));
        }
        text
    }

    fn of_castoff(&self) -> String {
        let pending = self.pending.as_deref().unwrap_or_default();
        if pending.is_empty() {
            return String::new();
        }
        let mut text =
            comment("times, durations and random ids in the bookkeeping are those of this preview");
        if !self.prepare.is_empty() {
            text.push('\n');
            text.push_str(&comment("the session, and the history table"));
            self.prepare.iter().for_each(|sent| text.push_str(&self.sql(sent)));
        }
        for migration in pending {
            let outside = if migration.transaction { "" } else { ", outside a transaction" };
            text.push('\n');
            text.push_str(&comment(&format!("migration {}{outside}", migration.id)));
            let mut last = None;
            for sent in &migration.statements {
                let file = sent.file.as_deref();
                if last != file || sent.has_variables {
                    text.push_str(&comment(&source(sent)));
                }
                last = file;
                text.push_str(&self.sql(sent));
            }
        }
        text
    }

    /// What is sent at once, as the engine's client takes it.
    fn sql(&self, sent: &Sent) -> String {
        let sql = terminated(self.dialect, &sent.sql);
        match &sent.rows {
            Some(rows) => {
                let newline = if rows.is_empty() || rows.ends_with('\n') { "" } else { "\n" };
                format!("{sql}{rows}{newline}\\.\n")
            }
            None if self.dialect == Engine::MySql => delimited(&sent.sql).unwrap_or(sql),
            None => sql,
        }
    }
}

/// Where it comes from, and what is not shown.
fn source(sent: &Sent) -> String {
    let Some(file) = &sent.file else { return "bookkeeping".to_owned() };
    let line = sent.line.filter(|line| *line > 1).map(|line| format!(":{line}")).unwrap_or_default();
    let variables =
        if sent.has_variables { " (the values of its variables are put in when it runs)" } else { "" };
    format!("{file}{line}{variables}")
}

/// A line of comment.
fn comment(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("-- {line}\n")
}

/// The text with a semicolon at its end, and on lines of its own.
fn terminated(engine: Engine, sql: &str) -> String {
    let mut text = sql.trim_end().to_owned();
    let last = script::statements(engine, &text).last().map(|last| (last.offset, last.text.len()));
    if let Some((offset, length)) = last {
        let behind = text.get(offset + length..).unwrap_or_default().trim_start();
        let is_ended = behind.starts_with(';') || text.ends_with(';') && behind.is_empty();
        if !is_ended {
            // Behind a comment it would be part of it.
            text.push_str(if behind.is_empty() { ";" } else { "\n;" });
        }
    }
    text.push('\n');
    text
}

/// What the client of MySQL has to be told not to cut: a body of several statements.
fn delimited(sql: &str) -> Option<String> {
    let statements = script::statements(Engine::MySql, sql);
    let has_body =
        |statement: &script::Statement<'_>| statement.text.len() > 1 && statement.text.contains(';');
    if !statements.iter().any(has_body) {
        return None;
    }
    let delimiter = ["//", "$$", "//castoff//"].into_iter().find(|candidate| !sql.contains(candidate))?;
    Some(format!("DELIMITER {delimiter}\n{}\n{delimiter}\nDELIMITER ;\n", sql.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::{delimited, terminated};
    use crate::engine::Engine::{MySql, Postgres, Sqlite};

    #[test]
    fn every_text_ends_in_a_semicolon_that_no_comment_swallows() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1;\n"),
            ("SELECT 1;\n\n", "SELECT 1;\n"),
            ("SELECT 1 -- one", "SELECT 1 -- one\n;\n"),
            ("SELECT 1; -- one", "SELECT 1; -- one\n"),
            ("-- nothing", "-- nothing\n"),
            ("SELECT ';'", "SELECT ';';\n"),
        ] {
            for engine in [Postgres, MySql, Sqlite] {
                assert_eq!(terminated(engine, sql), expected, "{engine}");
            }
        }
    }

    #[test]
    fn a_body_of_several_statements_is_not_cut_by_the_client() {
        let sql = "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @a = 1; SET @b = 2; END;";
        assert_eq!(delimited(sql), Some(format!("DELIMITER //\n{sql}\n//\nDELIMITER ;\n")));
        assert_eq!(delimited("SELECT 1; SELECT 2;"), None);
        assert!(delimited("SELECT '//;'").is_some_and(|text| text.starts_with("DELIMITER $$")));
    }
}
