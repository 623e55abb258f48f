//! The guides promise only what this version has: every command line, Dockerfile and setting in them is read as castoff
//! reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use castoff::cli::options::OPTIONS;
use castoff::config::{Config, Parsed};
use castoff::environment::Environment;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each guide with its text.
fn guides() -> Vec<(PathBuf, String)> {
    let examples = fs::read_dir(root().join("examples")).expect("the examples").flatten();
    let mut paths: Vec<PathBuf> = examples.map(|entry| entry.path().join("README.md")).collect();
    paths.push(root().join("docs/moving-from-entrypoint-sh.md"));
    paths.sort();
    let read = |path: PathBuf| fs::read_to_string(&path).ok().map(|text| (path, text));
    paths.into_iter().filter_map(read).collect()
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some((info.split(' ').next() == Some(language), String::new())),
            (Some(_), Some(_)) => {
                found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block));
            }
            (None, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// The second cells of the table rows between two headings.
fn second_cells<'t>(text: &'t str, from: &str, to: &str) -> Vec<&'t str> {
    let section = text.split(from).nth(1).unwrap_or_else(|| panic!("no {from:?}"));
    let section = section.split(to).next().expect("a section");
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| the script |"));
    // A bar inside a cell is written `\|`.
    let cell = |line: &'t str| line.split(" | ").nth(1);
    rows.filter_map(cell).collect()
}

/// What stands in backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// One call of castoff: its arguments, and what is set for it.
#[derive(Debug, Default)]
struct Call {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Call {
    /// The call, refused or not, with addresses for those it leaves to the surroundings. A file that a setting names is in
    /// nobody's reach here.
    fn check(&self, origin: &Path) {
        let given = self.variables.iter().filter(|(name, _)| !name.ends_with("_FILE")).cloned();
        let mut environment: Environment = given.collect();
        let by_parts = environment.get("CASTOFF_DATABASE_HOST").is_some();
        for name in ["DATABASE_URL", "DATABASE_URL_REPLICA", "DIRECT_URL"] {
            if !by_parts && environment.get(name).is_none() {
                environment.set(name, "postgres://app@db/app");
            }
        }
        let arguments = self.arguments.iter().map(Into::into).collect();
        if let Parsed::Refuse { failure, .. } = Config::from(arguments, &environment, Path::new("/app")) {
            panic!("{}: {self:?}: {}", origin.display(), failure.reason());
        }
    }
}

/// Variables of castoff's among words such as `NAME=value`.
fn assignments<'w>(words: impl IntoIterator<Item = &'w String>) -> Vec<(String, String)> {
    let pairs = words.into_iter().filter_map(|word| word.split_once('='));
    pairs
        .filter(|(name, _)| name.starts_with("CASTOFF_"))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn words(line: &str) -> Vec<String> {
    shell_words::split(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// A start without anything on the command line.
fn application() -> Vec<String> {
    ["castoff", "--", "application"].map(str::to_owned).to_vec()
}

/// What compose makes of `${NAME:-value}` where NAME is not set.
fn chosen(value: &str) -> &str {
    let default = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    default.and_then(|rest| rest.split_once(":-")).map_or(value, |(_, default)| default)
}

/// The image of a Dockerfile, started without arguments.
fn image(dockerfile: &str) -> Option<Call> {
    let mut call = Call::default();
    let mut command = Vec::new();
    for line in dockerfile.lines() {
        let list = |json: &str| serde_json::from_str::<Vec<String>>(json).expect("a JSON array of words");
        match line.split_once(' ') {
            Some(("ENV", rest)) => call.variables.extend(assignments(&words(rest))),
            Some(("ENTRYPOINT", json)) => call.arguments = list(json),
            Some(("CMD", json)) => command = list(json),
            _ => {}
        }
    }
    call.arguments.append(&mut command);
    call.arguments.first().is_some_and(|program| program == "/castoff").then_some(call)
}

/// The call that a line of shell comes to, in a container or outside of one.
fn shell(line: &str) -> Option<Call> {
    let words = words(line);
    let mut call = Call { variables: assignments(&words), ..Call::default() };
    let program = words.iter().find(|word| !word.contains('='))?;
    call.arguments = match program.as_str() {
        "castoff" | "/castoff" => words.iter().skip_while(|word| *word != program).cloned().collect(),
        "docker" if words.iter().any(|word| word == "--entrypoint") => {
            let image = words.iter().position(|word| word == "IMAGE").expect("an image called IMAGE");
            ["castoff".to_owned()].iter().chain(&words[image + 1..]).cloned().collect()
        }
        "docker" => {
            let rest = words.iter().skip_while(|word| *word != "castoff");
            ["/castoff".to_owned(), "--".to_owned()].iter().chain(rest).cloned().collect()
        }
        _ => return None,
    };
    if call.arguments.len() == 2 && call.arguments[1] == "--" {
        call.arguments.push("application".to_owned());
    }
    Some(call)
}

/// The logical lines of a shell block, without comments.
fn lines(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ");
    joined.lines().map(|line| line.trim().to_owned()).filter(|line| !line.starts_with('#')).collect()
}

/// Every variable that may be set.
fn variables() -> BTreeSet<String> {
    let names = OPTIONS.iter().flat_map(|option| {
        let file = option.secret.then(|| format!("{}_FILE", option.variable()));
        [Some(option.variable()), file].into_iter().flatten()
    });
    names.collect()
}

#[test]
fn every_image_and_command_line_that_a_guide_shows_is_one_castoff_takes() {
    let mut checked = 0;
    for (path, text) in guides() {
        let images = blocks(&text, "dockerfile").into_iter().filter_map(|block| image(&block));
        let shells = blocks(&text, "sh").into_iter().flat_map(|block| lines(&block));
        let castoffs = shells.filter(|line| line.contains("castoff")).filter_map(|line| shell(&line));
        for call in images.chain(castoffs) {
            call.check(&path);
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked} are too few to be all");
}

#[test]
fn every_variable_that_a_guide_names_is_one_castoff_knows() {
    let known = variables();
    let mut seen = BTreeSet::new();
    for (path, text) in guides() {
        let names = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        for name in names.filter(|name| name.starts_with("CASTOFF_")) {
            assert!(known.contains(name), "{}: {name}", path.display());
            seen.insert(name.to_owned());
        }
    }
    assert!(seen.len() >= 10, "{seen:?} are too few to be all");
}

#[test]
fn the_settings_of_a_service_are_settings_castoff_takes() {
    let mut checked = 0;
    for (path, text) in guides() {
        for block in blocks(&text, "yaml") {
            let pairs = block.lines().filter_map(|line| line.trim().split_once(": "));
            let pairs = pairs.filter(|(name, _)| name.starts_with("CASTOFF_"));
            let variables: Vec<_> = pairs
                .map(|(name, value)| (name.to_owned(), chosen(value.trim_matches(['"', '\''])).to_owned()))
                .collect();
            checked += variables.len();
            Call { arguments: application(), variables }.check(&path);
        }
    }
    assert!(checked >= 5, "{checked} are too few to be all");
}

#[test]
fn what_stands_in_place_of_a_line_of_the_script_is_in_this_version() {
    let path = root().join("docs/moving-from-entrypoint-sh.md");
    let text = fs::read_to_string(&path).expect("the guide");
    let mut checked = 0;
    for span in second_cells(&text, "## Line by line", "\n## sqlx").into_iter().flat_map(spans) {
        let call = match span.split(' ').next() {
            Some("castoff" | "docker") if span.contains("castoff ") => shell(span),
            Some(flag) if flag.starts_with("--") => shell(&format!("castoff {span} -- application")),
            _ => Some(Call { arguments: application(), variables: assignments(&words(span)) }),
        };
        call.expect("a call of castoff").check(&path);
        checked += 1;
    }
    assert!(checked >= 25, "{checked} are too few to be all");
}
