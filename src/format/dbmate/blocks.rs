//! A file's blocks and their options, as `pkg/dbmate/migration.go` finds them.

/// One of the two parts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// The text dbmate sends: from the directive to the next one, or to the end.
    pub(super) text: &'a str,
    /// The line of the directive, from 1.
    pub(super) line: usize,
    /// Whether it runs in a transaction.
    pub(super) transaction: bool,
}

impl<'a> Block<'a> {
    fn new(before: &str, text: &'a str) -> Self {
        let line = before.matches('\n').count() + 1;
        Self { text, line, transaction: option(text, "transaction") != Some("false") }
    }
}

/// Finds the up block of a file.
///
/// # Errors
///
/// Why dbmate could not run the file, in words that follow the file's name.
pub(super) fn up(content: &str) -> Result<Block<'_>, String> {
    parse(content).map(|(up, _)| up)
}

/// Finds the down block of a file.
///
/// # Errors
///
/// As [`up`]: dbmate looks at the whole file, whichever way it goes.
pub(super) fn down(content: &str) -> Result<Block<'_>, String> {
    parse(content).map(|(_, down)| down)
}

fn parse(content: &str) -> Result<(Block<'_>, Block<'_>), String> {
    let mut ups = directives(content, "migrate:up");
    let Some(start) = ups.next() else {
        return Err(if content.starts_with(BYTE_ORDER_MARK) {
            "it begins with a byte order mark, which hides `-- migrate:up` from dbmate: save it without one"
        } else {
            "dbmate asks for a line `-- migrate:up`, and there is none"
        }
        .to_owned());
    };
    let (before, text) = content.split_at_checked(start).unwrap_or_default();
    if let Some(line) = statement(before) {
        return Err(format!("line {line}: dbmate allows nothing but `--` comments before `-- migrate:up`"));
    }
    // dbmate records the version after each of them, which its primary key refuses the second time.
    if ups.next().is_some() {
        return Err("it has more than one `-- migrate:up`, and dbmate fails after the first".to_owned());
    }
    let mut downs = directives(text, "migrate:down");
    let Some(end) = downs.next() else {
        return Err(
            "dbmate asks for a line `-- migrate:down` after `-- migrate:up`, and there is none".to_owned()
        );
    };
    if downs.next().is_some() {
        return Err(
            "dbmate allows one `-- migrate:down` after `-- migrate:up`, and there are more".to_owned()
        );
    }
    let (up, down) = text.split_at_checked(end).unwrap_or((text, ""));
    let before_down = content.get(..start + end).unwrap_or_default();
    Ok((Block::new(before, up), Block::new(before_down, down)))
}

/// Whether a file has an up block at all.
pub(super) fn has_up(content: &str) -> bool {
    directives(content, "migrate:up").next().is_some()
}

/// Which no pattern of dbmate's counts as space.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Where the lines of a directive begin: `(?m)^--\s*migrate:up(\s*$|\s+\S+)`, in which `\s` passes over line ends too.
fn directives<'a>(content: &'a str, word: &'static str) -> impl Iterator<Item = usize> + 'a {
    let starts = std::iter::once(0).chain(content.match_indices('\n').map(|(end, _)| end + 1));
    starts.filter(move |start| {
        let line = content.get(*start..).unwrap_or_default();
        let rest = line.strip_prefix("--").map(|rest| rest.trim_start_matches(SPACE));
        rest.and_then(|rest| rest.strip_prefix(word))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(SPACE))
    })
}

/// `\s` of Go's regular expressions.
const SPACE: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];

/// The first line, from 1, that is neither empty nor a comment.
fn statement(before: &str) -> Option<usize> {
    let is_statement = |line: &str| {
        let line = line.trim_start_matches(SPACE);
        !line.is_empty() && !line.starts_with("--")
    };
    before.split('\n').position(is_statement).map(|index| index + 1)
}

/// `parseMigrationOptions`: what follows the directive on its own line, as `name:value`; the last one of a name counts.
fn option<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    let line = block.split('\n').next().unwrap_or_default();
    let pairs = line.trim().split(SPACE).filter_map(|pair| pair.split_once(':'));
    pairs.filter(|(key, value)| *key == name && !value.contains(':')).map(|(_, value)| value).next_back()
}

#[cfg(test)]
mod tests {
    use super::{Block, down, has_up, up};

    /// What dbmate 2.36 does with each file.
    #[test]
    fn the_up_block_ends_where_the_way_down_begins() {
        let file = "-- a comment\n\n\t-- another\n-- migrate:up\nSELECT 1;\n\n-- migrate:down\nSELECT 2;\n";
        let expected = Block { text: "-- migrate:up\nSELECT 1;\n\n", line: 4, transaction: true };
        assert_eq!(up(file), Ok(expected));
        let way_down = Block { text: "-- migrate:down\nSELECT 2;\n", line: 7, transaction: true };
        assert_eq!(down(file), Ok(way_down));
        assert_eq!(up("--migrate:up\n--migrate:down").unwrap().text, "--migrate:up\n");
        // A way down before the first up block is a comment like any other.
        assert_eq!(up("-- migrate:down\n-- migrate:up\n-- migrate:down\n").unwrap().line, 2);
    }

    #[test]
    fn only_a_line_of_its_own_is_a_directive() {
        for directive in [
            "-- migrate:up",
            "--migrate:up",
            "--\t migrate:up words here",
            "-- migrate:up\r",
            "--\nmigrate:up",
        ] {
            assert!(has_up(&format!("{directive}\n-- migrate:down\n")), "{directive:?}");
        }
        for other in [
            " -- migrate:up",
            "-- Migrate:Up",
            "-- migrate:upwards",
            "-- migrate:up;",
            "--- migrate:up",
            "x -- migrate:up",
            "-- migrate:up\x0b",
        ] {
            assert!(!has_up(&format!("{other}\n-- migrate:down\n")), "{other:?}");
        }
    }

    #[test]
    fn the_transaction_is_an_option_of_the_directive() {
        let transaction =
            |options: &str| up(&format!("-- migrate:up{options}\n-- migrate:down")).unwrap().transaction;
        for off in [
            " transaction:false",
            "\ttransaction:false \r",
            " transaction:false\u{a0}",
            " foo:bar transaction:false",
            " transaction:true transaction:false",
        ] {
            assert!(!transaction(off), "{off:?}");
        }
        for on in [
            "",
            " transaction:true",
            " transaction:false:",
            " transaction: false",
            " Transaction:false",
            " transaction:FALSE",
            " transaction:false transaction:true",
            "\ntransaction:false",
        ] {
            assert!(transaction(on), "{on:?}");
        }
        let file = "-- migrate:up transaction:false\n-- migrate:down";
        assert!(down(file).unwrap().transaction, "each block has its own");
        assert!(!down(&format!("{file} transaction:false")).unwrap().transaction);
        assert!(
            up("--\nmigrate:up transaction:false\n-- migrate:down").unwrap().transaction,
            "it is not that line"
        );
    }

    #[test]
    fn what_dbmate_does_not_run_says_why() {
        for (file, why) in [
            ("SELECT 1;", "asks for a line `-- migrate:up`"),
            ("-- migrate:up\nSELECT 1;", "asks for a line `-- migrate:down`"),
            ("-- migrate:down\n-- migrate:up\n", "asks for a line `-- migrate:down`"),
            ("-- ok\nSELECT 1;\n-- migrate:up\n-- migrate:down\n", "line 2: "),
            ("/* no */\n-- migrate:up\n-- migrate:down\n", "line 1: "),
            ("-- migrate:up\n-- migrate:down\n-- migrate:down\n", "one `-- migrate:down`"),
            (
                "-- migrate:up\n-- migrate:down\n-- migrate:up\n-- migrate:down\n",
                "more than one `-- migrate:up`",
            ),
            ("\u{feff}-- migrate:up\n-- migrate:down\n", "byte order mark"),
            ("\u{feff}-- x\n-- migrate:up\n-- migrate:down\n", "line 1: "),
        ] {
            let said = up(file).unwrap_err();
            assert!(said.contains(why), "{file:?}: {said}");
        }
    }
}
