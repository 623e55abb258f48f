//! What is said of a migration that did not go through: file, line, statement, and what to do now.

use crate::engine::{DbError, Engine, Ledger};
use crate::exit::{Exit, Failure};
use crate::format::{Repair, Step};
use crate::migrate::broken::{Broken, During, Left};
use crate::migrate::words::{doing, subject};
use crate::migrate::{End, Migrating, Stop};
use crate::plan::{Planned, Residue};
use crate::script;

/// The session could not be prepared, or the history table not be created.
pub(super) fn preparation(error: &DbError, ledger: &Ledger) -> Failure {
    let permission = error.is_permission();
    Failure::message(
        if permission { Exit::Refused } else { Exit::MigrationFailed },
        format!("cannot prepare the history table {}: {error}", ledger.table),
    )
    .hint(match &error.hint {
        Some(hint) => hint.clone(),
        None if permission => "grant the role CREATE on the schema".into(),
        None => "nothing was applied: see to what the server says, and start again".into(),
    })
}

/// Logs that the connection was lost; what became of the migration is for the history to tell.
pub(super) fn lost(planned: &Planned, reason: String) -> End {
    let Planned { step, residue } = planned;
    let id = step.migration.id.clone();
    tracing::warn!(
        event = "connection.lost",
        id = %id,
        "lost the connection while {} {}: {reason}",
        doing(step),
        step.migration.file.display()
    );
    // A script that commits by itself and has no mark may be done, and nobody can tell.
    let rerunnable = step.is_marked() || *residue == Residue::Nothing;
    End::Lost { id, reason, rerunnable }
}

/// Logs the failure and makes it the program's.
pub(super) fn failed(migrating: Migrating<'_>, planned: &Planned, broken: &Broken) -> Failure {
    let step = &planned.step;
    let place = Place::of(migrating.engine, step, broken.during, &broken.error);
    let hint = hint(migrating, planned, broken, &place);
    let id = step.migration.id.as_str();
    let error = place.discreet(&broken.error.to_string());
    let line = place.line.map(|line| u64::try_from(line).unwrap_or(u64::MAX));
    tracing::error!(
        event = "migration.failed",
        id,
        file = %place.file,
        line,
        statement = place.statement.as_deref(),
        error = %error,
        hint = %hint,
        "{place}: {error}"
    );
    let nothing_put_in = step.migration.parts.iter().all(|part| part.written.is_none());
    if let Some(detail) = broken.error.detail.as_ref().filter(|_| nothing_put_in) {
        tracing::debug!("the server's detail: {detail}");
    }
    Failure::message(Exit::MigrationFailed, format!("{} failed: {place}: {error}", subject(step))).hint(hint)
}

/// Where in its file a statement stands.
pub(super) fn place(engine: Engine, step: &Step, during: During, error: &DbError) -> String {
    Place::of(engine, step, during, error).to_string()
}

/// The error as it may be recorded in the history, which `status` shows.
pub(super) fn recordable(engine: Engine, step: &Step, during: During, error: &DbError) -> DbError {
    let message = Place::of(engine, step, during, error).discreet(&error.message);
    DbError { message, ..error.clone() }
}

const QUOTES: [char; 2] = ['"', '\''];

/// The longest statement, in bytes, in which every piece of an error is looked for: longer ones would take seconds.
const LONGEST: usize = 256 * 1024;

/// Takes out what a server quotes.
///
/// Everything between the first and the last quotation mark goes: MySQL quotes as it stands a text that itself holds
/// the quotation marks around a password.
fn without_quotations(error: &str) -> String {
    let Some((before, rest)) = error.split_once(QUOTES) else { return error.to_owned() };
    match rest.rsplit_once(QUOTES) {
        Some((_, after)) => format!("{before}\"{}\"{after}", script::MASK),
        None => before.to_owned(),
    }
}

/// Takes out whatever stands only in what was put into a statement: values need not be words.
fn without_values(error: &str, put_in: &PutIn) -> String {
    /// A shorter piece is no secret, and may be a syllable of the server's own.
    const SHORTEST: usize = 4;
    let starts = error.char_indices().filter(|(_, letter)| !letter.is_whitespace());
    let pieces = starts.filter_map(|(start, _)| {
        let rest = error.get(start..)?;
        let piece = rest.get(..shared(rest, &put_in.sent))?.trim_end();
        (piece.len() >= SHORTEST && !put_in.written.contains(piece)).then(|| (start, start + piece.len()))
    });
    let Some((start, end)) = pieces.max_by_key(|(start, end)| end - start) else { return error.to_owned() };
    let [before, after] =
        [error.get(..start), error.get(end..)].map(|rest| without_values(rest.unwrap_or_default(), put_in));
    format!("{before}{}{after}", script::MASK)
}

/// How many bytes at the beginning of a text stand together somewhere in another.
fn shared(text: &str, whole: &str) -> usize {
    let ends = text.char_indices().map(|(start, letter)| start + letter.len_utf8());
    let known = |end: &usize| text.get(..*end).is_some_and(|beginning| whole.contains(beginning));
    ends.take_while(known).last().unwrap_or_default()
}

/// What variables were replaced by something else in.
struct PutIn {
    /// What the file says.
    written: String,
    /// What was sent.
    sent: String,
}

/// Where in which file an error was.
struct Place {
    file: String,
    line: Option<usize>,
    statement: Option<String>,
    put_in: Option<PutIn>,
    doing: &'static str,
}

impl Place {
    fn of(engine: Engine, step: &Step, during: During, error: &DbError) -> Self {
        let migration = &step.migration;
        let nowhere = |doing| Self {
            file: migration.file.display().to_string(),
            line: None,
            statement: None,
            put_in: None,
            doing,
        };
        let (part, number) = match during {
            During::Script { part, number } => (migration.parts.get(part), number),
            During::Mark | During::Before => return nowhere("marking it as begun"),
            During::After => return nowhere("recording it"),
            During::Commit => return nowhere("its commit"),
        };
        let Some(part) = part else { return nowhere("") };
        let sql = &part.sql;
        let statements = script::statements(engine, sql);
        // A syntax error is seen before anything runs: then the position tells more than the count.
        let by_position = error.offset.and_then(|offset| {
            let bytes: usize = sql.chars().take(offset).map(char::len_utf8).sum();
            statements.iter().rev().find(|statement| statement.offset <= bytes)
        });
        let statement = by_position.or_else(|| statements.get(number));
        let line = error
            .offset
            .map(|offset| script::line_at(sql, offset))
            .or_else(|| statement.map(|statement| statement.line));
        // A value of several lines moves everything behind it: then only where the text begins is certain.
        let lines = |text: &str| text.matches('\n').count();
        let moved = part.written.as_deref().is_some_and(|written| lines(written) != lines(sql));
        let line = if moved { line.map(|_| 1) } else { line };
        // Never what variables were replaced with.
        let shown = part.written.as_deref().or(statement.map(|statement| statement.text));
        Self {
            file: migration.file_of(part).display().to_string(),
            line: line.map(|line| part.line_in_file(line)),
            statement: shown.map(script::excerpt),
            put_in: part.written.clone().map(|written| PutIn { written, sent: part.text() }),
            doing: "",
        }
    }

    /// A server quotes what it does not understand. Where a secret stands in the statement, or was put into it, that may
    /// be the secret.
    fn discreet(&self, error: &str) -> String {
        let masked = self.statement.as_deref().is_some_and(|statement| statement.contains(script::MASK));
        let unwritten = |put_in: &PutIn| {
            let mut quoted = error.split(QUOTES).skip(1).step_by(2);
            quoted.any(|quotation| !put_in.written.contains(quotation))
        };
        let said = if masked || self.put_in.as_ref().is_some_and(unwritten) {
            without_quotations(error)
        } else {
            error.to_owned()
        };
        match &self.put_in {
            Some(put_in) if put_in.sent.len() > LONGEST => {
                "the server's message is not shown, because a value was put into a statement of this size"
                    .into()
            }
            Some(put_in) => without_values(&said, put_in),
            None => said,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.doing.is_empty() {
            write!(f, " ({})", self.doing)?;
        }
        Ok(())
    }
}

/// What to do now: the server's hint, ours, and what state the database is in.
fn hint(migrating: Migrating<'_>, planned: &Planned, broken: &Broken, place: &Place) -> String {
    let step = &planned.step;
    let mut parts = Vec::new();
    match broken.error.code.as_deref() {
        // active_sql_transaction
        Some("25001") if !step.migration.no_transaction => {
            parts.extend(migrating.format.outside_transaction().map(str::to_owned));
        }
        Some("42501") => parts.push("grant the role what the statement needs".to_owned()),
        _ => parts.extend(broken.error.hint.as_deref().map(|hint| place.discreet(hint))),
    }
    // Without a mark nothing tells of a run that ended between its script and its row.
    let unmarked =
        step.back.is_none() && step.is_recorded() && !step.is_marked() && planned.residue != Residue::Nothing;
    if unmarked && is_there_already(migrating.engine, &broken.error) {
        let Repair { applied, .. } = repair(migrating, planned);
        parts.push(format!(
            "an earlier run probably got this far and ended before it was recorded: if all of the file is in the \
             database, {applied}"
        ));
    }
    parts.push(match broken.left {
        Left::Part => half_applied(migrating, planned),
        left if let Some(repair) = &step.back => still_applied(left, migrating.ledger, &step.migration.id, repair),
        Left::Nothing if !step.is_recorded() => format!("it was rolled back; fix it and deploy again; {BY_HAND}"),
        Left::Nothing if broken.error.lock_timeout => "nothing of it was left behind".to_owned(),
        Left::Nothing => "it was rolled back; fix it and deploy again".to_owned(),
        Left::Record => {
            let Repair { rolled_back, .. } = repair(migrating, planned);
            format!(
                "it was rolled back, and {} records the failure; fix the file, {rolled_back} to let it run again, and \
                 deploy",
                migrating.ledger.table
            )
        }
    });
    parts.join("; ")
}

/// After a way down of which nothing has stayed.
fn still_applied(left: Left, ledger: &Ledger, id: &str, repair: &Repair) -> String {
    let Repair { applied, .. } = repair;
    let again = match left {
        Left::Record => format!("{} records the failure all the same: {applied}; then", ledger.table),
        Left::Nothing | Left::Part => format!("migration {id} is still applied;"),
    };
    format!("it was rolled back, and {again} mend the script and revert again")
}

/// Whether what a statement would create is in the database already.
fn is_there_already(engine: Engine, error: &DbError) -> bool {
    let codes: &[&str] = match engine {
        // duplicate_table, _column, _object, _function, _schema; unique_violation.
        Engine::Postgres => &["42P07", "42701", "42710", "42723", "42P06", "23505"],
        // ER_TABLE_EXISTS_ERROR, ER_DUP_FIELDNAME, ER_DUP_KEYNAME, ER_DUP_ENTRY, ER_DB_CREATE_EXISTS, ER_SP_ALREADY_EXISTS,
        // ER_TRG_ALREADY_EXISTS, ER_FK_DUP_NAME.
        Engine::MySql => &["1050", "1060", "1061", "1062", "1007", "1304", "1359", "1826"],
        Engine::Sqlite => {
            return error.message.contains(" already exists") || error.message.contains("duplicate column");
        }
    };
    error.code.as_deref().is_some_and(|code| codes.contains(&code))
}

/// What the history does not record is not pending by itself.
const BY_HAND: &str = "if no migration is pending any more, nothing makes it run: run its statements by hand";

fn half_applied(migrating: Migrating<'_>, planned: &Planned) -> String {
    let why = match planned.residue {
        Residue::Index if planned.step.failed.is_empty() => {
            return "an INVALID index may have stayed: the next start removes it and builds it again".into();
        }
        Residue::Index => "an INVALID index, which the rerun removes by itself",
        Residue::Part { why, .. } => why,
        Residue::Nothing => "the connection did not answer when it was to be rolled back",
    };
    if let Some(Repair { applied, rolled_back }) = &planned.step.back {
        return format!(
            "what ran before it stopped may have stayed ({why}): finish it by hand and {rolled_back}, or undo \
             it by hand and {applied}"
        );
    }
    if !planned.step.is_recorded() {
        return format!(
            "what ran before it stopped may have stayed ({why}), and the file runs from its beginning along \
             with the next migration that is pending: see that it can bear that; {BY_HAND}"
        );
    }
    let Repair { applied, rolled_back } = repair(migrating, planned);
    format!(
        "what ran before it stopped may have stayed ({why}): finish it by hand and {applied}, or undo it by \
         hand and {rolled_back} to run it again"
    )
}

fn repair(migrating: Migrating<'_>, planned: &Planned) -> Repair {
    migrating.format.repair(&migrating.ledger.table, &planned.step.migration.id)
}

/// A stop before a migration had begun.
pub(super) fn stopped_before(stop: Stop, step: &Step) -> Failure {
    stop.failure(&format!("before {} began", subject(step)))
}

/// A stop that the migration outran.
pub(super) fn stopped_after(stop: Stop, step: &Step) -> Failure {
    stop.failure(&format!("{} was finished and recorded", subject(step)))
}

/// A stop that ended a migration.
pub(super) fn stopped_within(
    stop: Stop,
    migrating: Migrating<'_>,
    planned: &Planned,
    broken: &Broken,
) -> Failure {
    let subject = subject(&planned.step);
    if broken.left == Left::Nothing && planned.residue == Residue::Index {
        let left = "an INVALID index may have stayed, which the next start removes";
        return stop.failure(&format!("{subject} was cancelled; {left}"));
    }
    if broken.left == Left::Nothing {
        return stop.failure(&format!("{subject} was cancelled and rolled back"));
    }
    stop.failure(&format!("{subject} was cancelled on the server")).hint(half_applied(migrating, planned))
}

/// A stop before the first migration, while the session or the history table was being prepared.
pub(super) fn stopped_preparing(stop: Stop) -> Failure {
    stop.failure("nothing was applied")
}

/// A stop after which the server did not answer any more.
pub(super) fn abandoned(stop: Stop, step: &Step, ledger: &Ledger) -> Failure {
    stop.failure(&format!("{} did not react to its cancellation in time", subject(step))).hint(format!(
        "its connection was dropped; the next start reads from {} what became of it",
        ledger.table
    ))
}

#[cfg(test)]
mod tests {
    use super::{Place, PutIn};

    /// `value` is what `${TOKEN}` in the statement was replaced with.
    fn discreet(error: &str, statement: &str, value: Option<&str>) -> String {
        let put_in = value
            .map(|value| PutIn { written: statement.to_owned(), sent: statement.replace("${TOKEN}", value) });
        Place { file: String::new(), line: None, statement: Some(statement.to_owned()), put_in, doing: "" }
            .discreet(error)
    }

    #[test]
    fn what_a_server_quotes_of_a_statement_with_a_secret_is_masked() {
        let error = "invalid input syntax for type integer: \"postgres://u:pw@h/d\" (22P02)";
        assert_eq!(
            discreet(error, "SELECT '***'::int", None),
            "invalid input syntax for type integer: \"***\" (22P02)"
        );
        assert_eq!(discreet(error, "SELECT 'x'::int", None), error);
        assert_eq!(discreet("near 'pw and no end", "'***'", None), "near ");
        let mysql = "use near 'PASSWORD 'pw' NONSENSE' at line 1 (1064)";
        assert_eq!(discreet(mysql, "PASSWORD ***", None), "use near \"***\" at line 1 (1064)");
    }

    #[test]
    fn what_a_server_says_of_a_value_put_into_a_statement_is_masked() {
        let said = |error| discreet(error, "SELECT ${TOKEN}::int FROM t", Some("geheim"));
        assert_eq!(
            said("invalid input syntax for type integer: \"geheim\""),
            "invalid input syntax for type integer: \"***\""
        );
        assert_eq!(said("column t.geheim does not exist"), "column t.*** does not exist");
        assert_eq!(said("no such column: geheim"), "no such column: ***");
        let error = "relation \"t\" does not exist";
        assert_eq!(said(error), error);
        let said = |error| discreet(error, "RAISE '${TOKEN}'", Some("p@s-s!x y z"));
        assert_eq!(said("not t.p@s-s!x1 but p@s-s!x y z (P0001)"), "not t.***1 but *** (P0001)");
    }

    #[test]
    fn of_a_statement_too_long_to_search_nothing_is_told() {
        let written = format!("SELECT '{}', ${{TOKEN}}", "x".repeat(300_000));
        let said = discreet("not t.geheim", &written, Some("geheim"));
        assert!(!said.contains("geheim") && said.contains("not shown"), "{said}");
    }
}
