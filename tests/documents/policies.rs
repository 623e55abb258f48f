//! What the documents say of each format, held against the formats.

use castoff::engine::Engine;
use castoff::format::{FORMATS, OutOfOrder};

use super::documents::read;

/// The cells of a table's row whose first one is this, between two headings.
fn row<'t>(text: &'t str, heading: &str, first: &str) -> Vec<&'t str> {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading:?}"));
    let section = section.split("\n## ").next().expect("a section");
    let cells = |line: &'t str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut rows = section.lines().filter(|line| line.starts_with("| ")).map(cells);
    rows.find(|cells| cells[0].trim_matches('`') == first).unwrap_or_else(|| panic!("no row of {first}"))
}

fn fails(cell: &str) -> bool {
    match cell {
        "`fail`" => true,
        "`warn`" => false,
        other => panic!("{other:?} is neither `fail` nor `warn`"),
    }
}

#[test]
fn the_table_of_policies_says_what_each_tool_does_by_itself() {
    let text = read("docs/design/formats.md");
    for format in FORMATS {
        let cells = row(&text, "## What becomes of files that no longer fit", format.name());
        let [_, edited, missing, late] = cells[..] else { panic!("{cells:?}") };
        for engine in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
            let habits = format.habits(engine);
            if format.keeps_checksums() {
                assert_eq!(fails(edited), habits.fails_on_edited, "{}", format.name());
            } else {
                assert_eq!(edited, "not recorded", "{}", format.name());
            }
            assert_eq!(fails(missing), habits.fails_on_missing, "{}", format.name());
            let word = match habits.out_of_order {
                OutOfOrder::Apply => "`apply`",
                OutOfOrder::Skip => "`skip`",
                OutOfOrder::Fail => "`fail`",
            };
            assert!(late.starts_with(word), "{}: {late}", format.name());
            assert_eq!(late.contains("always"), !format.keeps_every_version(), "{}", format.name());
        }
    }
}

#[test]
fn the_readme_has_a_row_of_every_format() {
    let text = read("README.md");
    for format in FORMATS {
        let cells = row(&text, "## Formats", format.name());
        assert_eq!(cells.len(), 7, "{cells:?}");
        let policies: Vec<&str> = cells[5].split(", ").collect();
        let habits = format.habits(Engine::Postgres);
        let refused = |refuses: bool, word: &str| {
            assert_eq!(word == "refused", refuses, "{}: {policies:?}", format.name());
        };
        refused(habits.fails_on_edited && format.keeps_checksums(), policies[0]);
        refused(habits.out_of_order == OutOfOrder::Fail, policies[2]);
    }
}

#[test]
fn there_is_a_corpus_of_every_format() {
    let text = read("migrations/README.md");
    for format in FORMATS {
        let name = format.name();
        assert!(super::documents::root().join("migrations").join(name).is_dir(), "{name}");
        assert!(text.contains(&format!("`{name}/`")) || name == "sqlx", "{name}");
    }
}
