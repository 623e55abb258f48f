//! Why nothing may be applied, and what a person does about it.

use std::path::Path;

use super::Plans;
use crate::engine::{Engine, TableName};
use crate::exit::{Exit, Failure, Result};
use crate::format::{Assessment, Format, Migration, Repair, Undo, Unfinished};
use crate::migrations::Migrations;
use crate::script;

/// How this tool takes migrations back.
///
/// # Errors
///
/// 64 where it does not.
pub fn way_back(format: &'static dyn Format) -> Result<&'static dyn Undo> {
    format.undo().map_err(|instead| {
        Failure::message(
            Exit::Usage,
            format!("{} has no down scripts, so castoff can revert nothing", format.name()),
        )
        .hint(instead)
    })
}

/// A file is not what was applied.
pub(super) fn edited(edited: &[String], migrations: &Migrations) -> Failure {
    let mut changed = edited.iter().filter_map(|id| migrations.get(id));
    let line_endings =
        migrations.format.minds_line_endings() && changed.any(|migration| migration.text().contains("\r\n"));
    let hint = if line_endings {
        "the file has Windows line ends: check it out with LF, as it was applied (.gitattributes: *.sql \
         text eol=lf)"
    } else {
        "restore the file as it was applied and put the change into a new migration, or start anyway with \
         --on-edited warn (CASTOFF_ON_EDITED)"
    };
    Failure::message(
        Exit::Data,
        format!("{} changed after it was applied, its content or its name", files(edited, migrations)),
    )
    .hint(hint)
}

/// A migration comes too late.
pub(super) fn out_of_order(seen: &Assessment, migrations: &Migrations) -> Failure {
    // What was recorded last need not sort last, and what sorts behind may not be here.
    let is_applied = |id: &&String| seen.applied.iter().any(|applied| applied.id == **id);
    let mut behind =
        migrations.list.iter().map(|migration| &migration.id).skip_while(|id| !seen.late.contains(id));
    let next = behind.find(is_applied).filter(|_| seen.missing.is_empty());
    let next = next.map_or("what is".to_owned(), |id| format!("{id}, which is"));
    let late = files(&seen.late, migrations);
    Failure::message(Exit::Data, format!("{late} sorts before {next} already in the history: out of order"))
        .hint(
            "give it a later version, or say what is to be done with it: --out-of-order apply or skip \
             (CASTOFF_OUT_OF_ORDER); nothing was applied",
        )
}

/// Something was applied that is not here, and this is not just an older image.
pub(super) fn diverged(missing: &[String], migrations: &Migrations) -> Failure {
    Failure::message(
        Exit::Data,
        format!(
            "the database has diverged: {} applied and not in {}",
            list(missing),
            migrations.directory.display()
        ),
    )
    .hint(
        "deploy the image that holds these migrations, or start anyway with --on-missing warn (CASTOFF_ON_MISSING)",
    )
}

/// Nothing says where the history table would be.
pub(super) fn no_schema(table: &TableName) -> Failure {
    Failure::message(
        Exit::Refused,
        format!("there is no schema to create {table} in: the search path names none that exists"),
    )
    .hint("create the schema, or mend search_path in the URL or of the role")
}

/// What the tool could not run either.
pub(super) fn unusable(file: &Path, why: &str) -> Failure {
    Failure::message(Exit::Data, format!("{}: {why}", file.display())).hint("nothing was applied")
}

/// An earlier run was broken off, and nobody but a person can say what stayed of it.
pub(super) fn blocked(migrations: &Migrations, table: &TableName, unfinished: &Unfinished) -> Failure {
    let Unfinished { id, error, .. } = unfinished;
    let recorded = match error.as_deref().map(first_line) {
        Some(error) if !error.is_empty() => format!(", with this error: {error}"),
        _ => String::new(),
    };
    let way_back = migrations.format.undo().ok().and_then(|undo| undo.with_mark_of(&migrations.list, id));
    let back = way_back.map(|(from, Repair { applied, rolled_back })| {
        let how = format!(
            "see what of {from} is still in the database; remove it by hand and {rolled_back}, or make it whole by hand and \
             {applied}"
        );
        (from, how)
    });
    match back {
        Some((from, how)) if migrations.get(id).is_none() => Failure::message(
            Exit::Data,
            format!("reverting migration {from} was begun earlier and did not finish, as {table} says"),
        )
        .hint(how),
        back => {
            let Repair { applied, rolled_back } = migrations.format.repair(table, id);
            let otherwise = back.map(|(from, how)| {
                format!(
                    "; where it was reverting {from} that did not finish, {table} says the same: then {how}"
                )
            });
            Failure::message(
                Exit::Data,
                format!("migration {id} was begun earlier and did not finish, as {table} says{recorded}"),
            )
            .hint(format!(
                "see what of it is in the database; finish it by hand and {applied}, or undo it by hand and {rolled_back} to \
                 run it again{}",
                otherwise.unwrap_or_default()
            ))
        }
    }
}

/// What no server can run is said before anything is applied.
pub(super) fn of_what_cannot_run(engine: Engine, migration: &Migration) -> Result<()> {
    for part in migration.parts.iter().filter(|part| part.rows.is_none()) {
        if let Some(refusal) = script::refusal(engine, &part.sql) {
            let (file, line) = (migration.file_of(part).display(), part.line_in_file(refusal.line));
            return Err(Failure::message(Exit::Data, format!("{file}:{line}: {}", refusal.what))
                .hint(format!("{}; nothing was applied", refusal.hint)));
        }
    }
    Ok(())
}

/// The files are programs, which their tool runs.
pub(super) fn not_ours(migrations: &Migrations) -> Failure {
    let name = migrations.format.name();
    Failure::message(
        Exit::Data,
        format!("the migrations in {} are programs that only {name} can run", migrations.directory.display()),
    )
    .hint(format!(
        "name the command that does: --migrate-command \"{}\" (CASTOFF_MIGRATE_COMMAND); nothing was applied",
        migrations.format.default_command().unwrap_or(name)
    ))
}

/// The schema holds tables, and no history says whose they are.
pub(super) fn foreign_tables(plans: &Plans<'_>) -> Result<()> {
    let Plans { migrations, engine, ledger, .. } = *plans;
    let (format, table) = (migrations.format, &ledger.table);
    let name = format.name();
    if migrations.wishes.takes_foreign_tables {
        return Ok(());
    }
    let refused = format.habits(engine).refuses_foreign_tables;
    let (exit, why) = match (migrations.format_was_detected, refused) {
        (false, false) => return Ok(()),
        (true, false) => (
            Exit::Usage,
            format!(
                "the files look like {name}'s, and running them on somebody else's schema would be a guess"
            ),
        ),
        (detected, true) => (
            if detected { Exit::Usage } else { Exit::Data },
            format!("{name} applies nothing to a schema that is not empty and that it does not know"),
        ),
    };
    let failure =
        Failure::message(exit, format!("the database holds tables but no history table {table}; {why}"));
    Err(if refused {
        failure.hint(
            "check the database and schema; to baseline an existing one, say of each migration that is in it already: \
             castoff resolve --applied ID",
        )
    } else {
        failure.hint(format!(
            "if they belong to it, say so: --format {name} (CASTOFF_FORMAT); check the database and schema otherwise"
        ))
    })
}

/// The first line of a text that is not empty.
fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// The files of a few migrations, and how many more.
fn files(ids: &[String], migrations: &Migrations) -> String {
    let files = ids.iter().filter_map(|id| migrations.get(id));
    let files: Vec<String> = files.map(|migration| migration.file.display().to_string()).collect();
    list(&files)
}

/// A few names, and how many more.
pub(super) fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
