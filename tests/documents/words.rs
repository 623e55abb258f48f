//! Every message of the program in one file, for a person to read from top to bottom.
//!
//! They are found in the source, so that none can be forgotten: every text of more than one word that is neither SQL nor
//! the help, which is in the man page.

#[path = "words/said.rs"]
mod said;
#[path = "words/source.rs"]
mod source;
#[path = "words/text.rs"]
mod text;

use std::collections::BTreeMap;
use std::fs;

use castoff::cli::options::OPTIONS;
use castoff::exit::Exit;
use said::{Part, Said};

use super::documents::root;
use super::generated::UPDATE;

/// Where they stand.
const FILE: &str = "tests/words/messages.txt";

/// What these files say is the help, and in the man page.
const HELP: [&str; 3] = ["cli/options", "cli/definition", "exit"];

/// Everything the program says, in the order of its modules.
fn everything() -> Vec<Said> {
    let sources = source::sources();
    sources.iter().filter(|source| !HELP.contains(&source.room.as_str())).flat_map(said::said).collect()
}

/// Where a message stands: by its exit code, by its level, or among the pieces of others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Exit(u8),
    Attempt,
    Log(Level),
    Pieces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Section {
    fn of(said: &Said) -> Self {
        let room = said.room.split('/').next().unwrap_or_default();
        let level = match said.level.as_deref() {
            Some("error") => Some(Level::Error),
            Some("warn") => Some(Level::Warn),
            Some("info") => Some(Level::Info),
            Some(_) => Some(Level::Debug),
            None => None,
        };
        match (said.exits.first(), level, room) {
            (_, Some(level), _) => Self::Log(level),
            (Some(code), None, _) => Self::Exit(*code),
            (None, None, _) => by_room(&said.room),
        }
    }

    fn heading(&self) -> String {
        match self {
            Self::Exit(code) => {
                let table = castoff::exit::table();
                let line =
                    table.lines().find(|line| line.split_whitespace().next() == Some(&code.to_string()));
                let words: Vec<&str> =
                    line.expect("a row").split("  ").filter(|word| !word.is_empty()).collect();
                format!("Exit code {code}: {}", words.last().expect("a meaning").trim())
            }
            Self::Attempt => {
                "What is said of a database or another target: while it is waited for, then with exit code \
                              69; with 77 where waiting cannot help; with 74 or 80 while migrating"
                    .into()
            }
            Self::Log(level) => format!("Lines of the log, level {}", format!("{level:?}").to_lowercase()),
            Self::Pieces => "Pieces of the messages above, and what is printed where it was asked for".into(),
        }
    }
}

/// Where a message belongs that names no exit code itself: what its room is there for.
fn by_room(room: &str) -> Section {
    let exit = match room {
        "command/line" | "user/accounts" => Exit::Usage,
        _ => match room.split('/').next().unwrap_or_default() {
            "cli" | "config" | "target" => Exit::Usage,
            "format" | "migrations" | "plan" | "script" => Exit::Data,
            "command" | "migrate" => Exit::MigrationFailed,
            "application" => Exit::NotExecutable,
            "user" => Exit::OsError,
            "attempt" | "database" | "engine" | "wait" => return Section::Attempt,
            _ => return Section::Pieces,
        },
    };
    Section::Exit(exit.code())
}

fn rendered(everything: Vec<Said>) -> String {
    let mut sections: BTreeMap<Section, Vec<(String, Vec<Said>)>> = BTreeMap::new();
    for said in everything {
        let rooms = sections.entry(Section::of(&said)).or_default();
        match rooms.last_mut().filter(|(room, _)| *room == said.room) {
            Some((_, all)) => all.push(said),
            None => rooms.push((said.room.clone(), vec![said])),
        }
    }
    let mut text = PREFACE.to_owned();
    for (section, rooms) in sections {
        let heading = section.heading();
        text += &format!("\n\n{heading}\n{}\n", "=".repeat(heading.chars().count()));
        for (room, all) in rooms {
            text += &format!("\n[{room}]\n");
            text.extend(all.iter().map(paragraph));
        }
    }
    text
}

/// The exit codes where there are several, what happened, and what to do now.
fn paragraph(said: &Said) -> String {
    let codes: Vec<String> = said.exits.iter().map(u8::to_string).collect();
    let mut before = match codes.len() {
        0 | 1 => String::new(),
        _ => format!("{}: ", codes.join(" or ")),
    };
    before += &said.name.as_ref().map(|name| format!("‹{name}› = ")).unwrap_or_default();
    let mut text = String::from("\n");
    for (part, line) in &said.texts {
        let mark = match part {
            Part::What => "  ",
            Part::Hint => "    → ",
        };
        text += &format!("{mark}{before}{}\n", line.trim_matches('\n').replace('\n', "\n  "));
        before.clear();
    }
    text
}

/// What the file says of itself.
const PREFACE: &str = "\
Every message of castoff, found in its source. ‹name› stands for what is filled in, → before what to do now.
Lines without a gap between them are said together, or are what one message can say. A file of the source is named
in brackets. Made by: CASTOFF_TEST_UPDATE=1 cargo test --test documents
";

#[test]
fn every_message_of_the_program_stands_in_one_file() {
    let text = rendered(everything());
    let path = root().join(FILE);
    if std::env::var_os(UPDATE).is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("the directory");
        fs::write(&path, &text).expect("the file");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differing = text.lines().zip(found.lines()).find(|(new, old)| new != old);
    assert!(
        found == text,
        "{FILE} is of another version, from {differing:?} on: {UPDATE}=1 cargo test --test documents makes it again, and \
         you read what has changed in it as the person who will read it at 3 a.m."
    );
}

/// What a file of this text says.
fn heard(text: &str) -> String {
    let all = said::said(&source::Source::new("room".to_owned(), text));
    all.iter().map(paragraph).collect()
}

#[test]
fn a_failure_is_found_with_its_code_and_its_hint() {
    let text = r#"fn f() -> Failure {
        let sql = "SELECT this from that";
        Failure::message(Exit::Refused, format!("no {}: {error:#}, {{}}", path.display())).hint(match why {
            Why::One => "do this \
                         now",
            Why::Other => return Failure::message(Exit::Data, "not so"),
        })
    }"#;
    assert_eq!(heard(text), "\n  65 or 77: no ‹path›: ‹error›, {}\n    → do this now\n    → not so\n");
}

#[test]
fn what_only_tests_say_is_left_out_and_nothing_else() {
    let text = r#"/// Some documentation.
    #[expect(lint, reason = "some reason")]
    const TEXT: &str = "a constant text";
    #[cfg(test)]
    fn g() { said("by a test") }
    fn f() {
        tracing::warn!(event = "a.b", id = %id, "a warning of {}", name);
        DbError { message: "a message".into(), hint: Some("a hint".into()), ..DbError::default() }
    }
    #[cfg(test)]
    mod tests { fn f() { said("by a test") } }"#;
    let expected = "\n  ‹TEXT› = a constant text\n\n  a warning of ‹name›\n\n  a message\n    → a hint\n";
    assert_eq!(heard(text), expected);
}

#[test]
fn every_file_of_the_program_is_read() {
    fn count(directory: &std::path::Path) -> usize {
        let entries = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
        let of = |path: std::path::PathBuf| match path.file_name().and_then(|name| name.to_str()) {
            Some("tests" | "tests.rs" | "testing.rs" | "fake.rs" | "corpus.rs") => 0,
            _ if path.ends_with("log/kept.rs") => 0,
            _ if path.is_dir() => count(&path),
            _ => 1,
        };
        entries.map(of).sum()
    }
    assert_eq!(source::sources().len(), count(&root().join("src")));
}

/// Whoever reads the log of a container sets variables, and at a terminal flags are at hand.
#[test]
fn a_hint_that_names_an_option_names_its_variable() {
    let named = |text: &str, flag: &str| {
        let ends =
            |rest: &str| !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
        text.split(&format!("--{flag}")).skip(1).any(ends)
    };
    let mut forgotten = Vec::new();
    for said in everything() {
        for (_, text) in said.texts.iter().filter(|(part, _)| *part == Part::Hint) {
            // A whole command is typed as it stands.
            let text: String = text
                .split("`castoff")
                .map(|piece| piece.split_once('`').map_or(piece, |(_, rest)| rest))
                .collect();
            let options = OPTIONS.iter().filter(|option| named(&text, option.flag));
            forgotten
                .extend(options.filter(|option| !text.contains(&option.variable())).map(|_| text.clone()));
        }
    }
    assert!(forgotten.is_empty(), "{forgotten:#?}");
}
