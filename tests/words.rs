//! What a person sees in each kind of trouble: the whole of stdout and stderr, in one file to read from top to bottom.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use castoff::exit::Exit;

use stage::Stage;

mod application;
mod configuration;
mod database;
mod files;
mod looking;
mod migrating;
mod shown;
mod stage;

/// Where they stand.
const FILE: &str = "tests/words/situations.txt";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)
}

/// Makes the file again instead of comparing it.
const UPDATE: &str = "CASTOFF_TEST_UPDATE";

/// What the file says of itself.
const PREFACE: &str = "\
What castoff prints in each kind of trouble, exactly as a person sees it, but for what differs from run to run: times,
ports, process ids and paths. Made by: CASTOFF_TEST_UPDATE=1 cargo test --test suite words
";

/// One kind of trouble: its name, and how to get into it. `None` where a server is missing, which has been said.
type Situation = (&'static str, fn(&mut Stage) -> Option<String>);

fn situations() -> impl Iterator<Item = &'static Situation> {
    let all: [&[Situation]; 6] = [
        &looking::SITUATIONS,
        &configuration::SITUATIONS,
        &files::SITUATIONS,
        &database::SITUATIONS,
        &migrating::SITUATIONS,
        &application::SITUATIONS,
    ];
    all.into_iter().flatten()
}

/// How a situation is headed in the file.
fn heading(name: &str) -> String {
    format!("\n\n{name}\n{}\n", "-".repeat(name.chars().count()))
}

/// What is said in each, in their order. Most of the time is spent waiting, so that many are played at once.
fn played() -> Vec<Option<String>> {
    let next = AtomicUsize::new(0);
    let all: Vec<&Situation> = situations().collect();
    let said = Mutex::new(vec![None; all.len()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, play)) = all.get(index) else { break };
                    let text = play(&mut Stage::default());
                    said.lock().expect("no thread panicked")[index] = text;
                }
            });
        }
    });
    said.into_inner().expect("no thread panicked")
}

#[test]
fn what_is_said_in_each_kind_of_trouble_stands_in_one_file() {
    let path = file();
    let found = fs::read_to_string(&path).unwrap_or_default();
    let mut text = PREFACE.to_owned();
    let mut wrong = Vec::new();
    for ((name, _), said) in situations().zip(played()) {
        let Some(said) = said else { continue };
        let said = format!("{}{said}", heading(name));
        text += &said;
        if !found.contains(&said) {
            wrong.push(said);
        }
    }
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, text).expect("the file");
        return;
    }
    let wrong = wrong.concat();
    assert!(
        wrong.is_empty(),
        "{FILE} says otherwise; {UPDATE}=1 cargo test --test suite words makes it again, and you read what has changed \
         in it as the person who will read it at 3 a.m.: {wrong}"
    );
}

#[test]
fn every_situation_is_in_the_file_and_every_exit_code_among_them() {
    let found = fs::read_to_string(file()).expect("the file");
    let missing: Vec<_> = situations().filter(|(name, _)| !found.contains(&heading(name))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let headings = found.lines().filter(|line| line.len() > 1 && line.chars().all(|letter| letter == '-'));
    assert_eq!(headings.count(), situations().count(), "one of them is there no more");
    let mut seen = BTreeMap::new();
    for line in found.lines().filter_map(|line| line.strip_prefix("exit code ")) {
        *seen.entry(line.parse::<u8>().expect("a code")).or_insert(0) += 1;
    }
    // A panic is a bug, and there is no way to ask for one from outside.
    let codes = Exit::ALL.into_iter().filter(|exit| *exit != Exit::Internal).map(Exit::code);
    let unseen: Vec<u8> = codes.filter(|code| !seen.contains_key(code)).collect();
    assert!(unseen.is_empty(), "nothing in {FILE} ends with {unseen:?}");
}
