//! What is done, in words: applying, or taking back.

use crate::format::Step;

/// A number of migrations in words.
fn migrations(count: usize) -> String {
    if count == 1 { "1 migration".into() } else { format!("{count} migrations") }
}

/// Says what is about to be done.
pub(super) fn begun(goes_back: bool, pending: usize) {
    let (migrations, are) = (migrations(pending), if pending == 1 { "is" } else { "are" });
    if goes_back {
        tracing::info!(event = "revert.start", pending, "{migrations} {are} to be reverted");
    } else {
        tracing::info!(event = "migrate.start", pending, "{migrations} {are} pending");
    }
}

/// Says that all of it was done.
pub(super) fn ended(goes_back: bool, count: usize, elapsed_ms: u64) {
    let (migrations, them) = (migrations(count), if count == 1 { "it" } else { "them" });
    if goes_back {
        tracing::info!(
            event = "revert.done",
            reverted = count,
            elapsed_ms,
            "{migrations} reverted in {elapsed_ms} ms; an image that still holds {them} applies {them} \
             again when it starts"
        );
    } else {
        tracing::info!(
            event = "migrate.done",
            applied = count,
            elapsed_ms,
            "{migrations} applied in {elapsed_ms} ms"
        );
    }
}

/// Says that one was done.
pub(super) fn done(step: &Step, elapsed_ms: u64) {
    let (id, file) = (step.migration.id.as_str(), step.migration.file.display());
    if step.back.is_some() {
        tracing::info!(event = "migration.reverted", id, elapsed_ms, "reverted by {file} in {elapsed_ms} ms");
    } else {
        tracing::info!(event = "migration.applied", id, elapsed_ms, "applied {file} in {elapsed_ms} ms");
    }
}

/// What is being done with a file.
pub(super) fn doing(step: &Step) -> &'static str {
    if step.back.is_some() { "reverting by" } else { "applying" }
}

/// What is being done, as the subject of a sentence.
pub(super) fn subject(step: &Step) -> String {
    let id = &step.migration.id;
    if step.back.is_some() { format!("reverting migration {id}") } else { format!("migration {id}") }
}
