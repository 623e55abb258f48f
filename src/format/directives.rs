//! Comments that belong to one tool: what tells its files from all others.

use super::Files;

/// Whether a file carries the directives by which dbmate or goose finds its parts: then it is no other tool's.
pub(super) fn has_directives(files: &Files) -> bool {
    files.contents.values().any(|content| {
        without_mark(&String::from_utf8_lossy(content)).lines().any(|line| {
            let directive = line.strip_prefix("--").unwrap_or_default().trim_start();
            directive.starts_with("migrate:up")
                || directive.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("+goose"))
        })
    })
}

/// A text without the byte order mark before it: what hides a directive from its tool does not make it another tool's.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
