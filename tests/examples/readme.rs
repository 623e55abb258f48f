//! Reading an example's README: its blocks, and whether a command said what they show.
//!
//! - ` ```console `: lines that begin with `$ ` are commands, run as they stand; the lines below one are what it says.
//!   A shown line must be part of a line of the output; milliseconds stand for any number of them, `…` for anything. A line
//!   that is one number, as `echo $?` prints it, is the whole line.
//! - ` ```LANGUAGE FILE `: the block is a part of that file.
//! - Any other block is prose.

use std::fs;
use std::path::Path;

/// A command of a console block and the lines shown below it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) command: String,
    pub(crate) lines: Vec<String>,
}

/// A fenced block: the words after the fence, and the text.
pub(crate) struct Block {
    pub(crate) info: String,
    pub(crate) text: String,
}

/// The fenced blocks of a Markdown text.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text = lines.by_ref().take_while(|line| !line.starts_with("```"));
        let text = text.fold(String::new(), |text, line| text + line + "\n");
        blocks.push(Block { info: info.to_owned(), text });
    }
    blocks
}

/// The blocks of a kind under this heading, up to the next one of any rank.
pub(crate) fn blocks_below(markdown: &str, heading: &str, info: &str) -> Vec<String> {
    let blocks = blocks(&section(markdown, heading)).into_iter();
    blocks.filter(|block| block.info == info).map(|block| block.text).collect()
}

/// The blocks that claim to show a part of a file in this directory and do not.
pub(crate) fn untrue_quotations(markdown: &str, directory: &Path) -> Vec<String> {
    let untrue = |Block { info, text }: Block| {
        let file = info.split_once(' ')?.1;
        let holds = fs::read_to_string(directory.join(file)).is_ok_and(|content| content.contains(&text));
        (!holds).then(|| format!("{file}: {text}"))
    };
    blocks(markdown).into_iter().filter_map(untrue).collect()
}

/// The text under this heading, up to the next one of any rank.
fn section(markdown: &str, heading: &str) -> String {
    let below = markdown.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}")).1;
    let mut fenced = false;
    let section = below.lines().take_while(|line| {
        fenced ^= line.starts_with("```");
        fenced || !line.starts_with('#')
    });
    section.fold(String::new(), |text, line| text + line + "\n")
}

/// The commands under this heading, up to the next one of any rank; there must be one.
pub(crate) fn commands(markdown: &str, heading: &str) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for block in blocks_below(markdown, heading, "console") {
        let mut continued = false;
        for line in block.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (None, Some(last)) if continued => last.command = format!("{}\n{line}", last.command),
                (None, Some(last)) => last.lines.push(line.to_owned()),
                (None, None) => panic!("output before any command: {line:?}"),
                (Some(command), _) => {
                    commands.push(Shown { command: command.to_owned(), lines: Vec::new() });
                }
            }
            continued = line.ends_with('\\');
        }
    }
    assert!(!commands.is_empty(), "no command under {heading:?}");
    commands
}

/// The shown lines that no line of the output holds.
pub(crate) fn missing(shown: &[String], output: &str) -> Vec<String> {
    let said: Vec<(&str, String)> = output.lines().map(|line| (line.trim(), shape(line))).collect();
    let is_said = |shown: &str| {
        // An exit code, which `echo $?` prints.
        let code = shown.parse::<u8>().is_ok();
        said.iter().any(|(said, shaped)| if code { *said == shown } else { holds(shaped, &shape(shown)) })
    };
    shown.iter().filter(|line| !is_said(line)).cloned().collect()
}

/// A text without the terminal's control sequences, which versions of compose write even where there is no terminal.
pub(crate) fn without_controls(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    // ECMA-48: parameters and intermediates lie below `@`, the final byte does not.
    pieces.fold(first, |text, piece| {
        text + piece.split_once(|letter| letter >= '@').map_or("", |(_, rest)| rest)
    })
}

/// A line without the name that compose puts before it, which its versions write differently, and with its milliseconds
/// as 0.
fn shape(line: &str) -> String {
    let line = match line.split_once('|') {
        Some((name, rest)) if !name.trim_end().contains(' ') => rest,
        _ => line,
    };
    let mut shape = String::new();
    let mut rest = line.trim();
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let end = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
        let (number, after) = number.split_at(end);
        let milliseconds = before.ends_with("_ms=") || after.starts_with(" ms");
        shape.push_str(before);
        shape.push_str(if milliseconds { "0" } else { number });
        rest = after;
    }
    shape + rest
}

/// Whether the pieces between the `…` of `shown` occur in `said`, in that order.
fn holds(said: &str, shown: &str) -> bool {
    shown
        .split('…')
        .try_fold(said, |rest, piece| rest.split_once(piece.trim()).map(|(_, rest)| rest))
        .is_some()
}

#[test]
fn commands_and_what_they_say_are_read_from_console_blocks() {
    let markdown =
        "# A\n## B\n```console\n$ one \\\n    more\nsaid\n$ two\n```\n```sh\n# no heading\n```\n## C\n";
    let commands = commands(markdown, "## B");
    let found: Vec<_> =
        commands.iter().map(|shown| (shown.command.as_str(), shown.lines.as_slice())).collect();
    assert_eq!(found, [("one \\\n    more", &["said".to_owned()][..]), ("two", &[])]);
}

#[test]
fn a_shown_line_stands_for_any_milliseconds_and_an_ellipsis_for_anything() {
    let output =
        "api_1  | 2026-11-21T11:31:33Z INFO  applied 20250107_a in 12 ms  elapsed_ms=12 code=80\nother\n";
    let shown = |line: &str| missing(&[line.to_owned()], output).is_empty();
    assert!(shown("api-2  | … INFO  applied 20250107_a in 7 ms  elapsed_ms=9 code=80"));
    assert!(shown("INFO … code=80"));
    assert!(!shown("INFO … code=65"));
    assert!(!shown("applied 20250108_a in 7 ms"));
    assert!(!shown("in 12 s"));
    assert!(!shown("failed"));
}

#[test]
fn a_shown_exit_code_stands_for_itself() {
    assert!(missing(&["82".to_owned()], "82 lines\n82\n").is_empty());
    assert_eq!(missing(&["80".to_owned()], "80 lines\n82\n"), ["80"]);
}

#[test]
fn a_shown_line_is_compared_without_colours_and_erasures() {
    assert_eq!(without_controls("\u{1b}[36mapi_1  |\u{1b}[0m started"), "api_1  | started");
    assert_eq!(without_controls("\u{1b}[2Kapi-1  | started"), "api-1  | started");
}
