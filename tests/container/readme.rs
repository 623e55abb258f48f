//! The README's own example: its Dockerfile's shape, and the log it promises.

use crate::docker::{Container, Network, available};
use crate::harness::Migrations;
use crate::image;

/// The block of the README that a start is shown in.
fn promised() -> String {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let block = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    block.expect("a start's log").to_owned()
}

/// The lines from the moment the database is ready, with every number as `0`: what came before depends on the machine.
fn shape(log: &str) -> Vec<String> {
    let numberless = |line: &str| {
        let mut shape = String::new();
        for letter in line.chars() {
            match letter {
                '0'..='9' if shape.ends_with('0') => {}
                '0'..='9' => shape.push('0'),
                _ => shape.push(letter),
            }
        }
        shape.trim_end().to_owned()
    };
    log.lines().map(numberless).skip_while(|line| !line.contains(" is ready ")).collect()
}

#[test]
fn a_start_logs_what_the_readme_shows() {
    if !available() {
        return;
    }
    let files = Migrations::new();
    for entry in std::fs::read_dir(image::corpus().0).expect("the corpus").flatten() {
        let name = entry.file_name().into_string().expect("an ASCII name");
        if name.starts_with("20250107") {
            files.write(&name, std::fs::read(entry.path()).expect("a migration"));
        }
    }
    let Some(image) = image::with_castoff(files.path()) else { return };
    let network = Network::new();
    let start = Container::run(&network, &["--env", &image::database_url()], &image, &[]);
    let waiting = start.until_line("waiting for db:5432/app: ");
    assert!(promised().contains("INFO  waiting for db:5432/app: "), "the README's log waits too: {waiting}");
    let Some(_database) = image::postgres(&network) else { return };

    start.until_application();
    start.until_line(" becoming /app ");
    assert_eq!(shape(&start.output().1), shape(&promised().replace("becoming /server", "becoming /app")));
}
