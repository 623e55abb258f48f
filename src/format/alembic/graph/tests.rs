//! Histories that fit together, and those that do not.

use super::super::revision::{References, Revision};
use super::Graph;
use crate::exit::{Exit, Failure};

/// `id < down down | depends_on [labels]`, each part but the id optional.
fn revision(line: &str) -> Revision {
    let (line, labels) = line.split_once('[').unwrap_or((line, "]"));
    let (line, depends_on) = line.split_once('|').unwrap_or((line, ""));
    let (id, down) = line.split_once('<').unwrap_or((line, ""));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    Revision {
        id: id.trim().into(),
        file: format!("versions/{}.py", id.trim()).into(),
        message: String::new(),
        down: References { names: words(down), line: 7 },
        depends_on: References { names: words(depends_on), line: 9 },
        labels: words(labels.trim_end_matches(']')),
    }
}

fn graph(lines: &[&str]) -> Result<Graph, Failure> {
    Graph::new(lines.iter().map(|line| revision(line)).collect())
}

fn order(lines: &[&str]) -> Vec<String> {
    let graph = graph(lines).unwrap_or_else(|failure| panic!("{lines:?}: {failure}"));
    graph.in_order().into_iter().map(|(revision, _)| revision.id.clone()).collect()
}

fn refusal(lines: &[&str]) -> String {
    let failure = graph(lines).expect_err("this does not fit together");
    assert_eq!(failure.exit, Exit::Data, "{failure}");
    assert!(failure.hint.is_some(), "{failure}");
    failure.reason()
}

#[test]
fn a_line_is_in_order_however_its_files_are_named() {
    assert_eq!(order(&["c < b", "a", "b < a"]), ["a", "b", "c"]);
    assert_eq!(order(&[]), [""; 0]);
}

/// The expected orders are Alembic's own.
#[test]
fn branches_merges_and_dependencies_come_in_alembic_s_order() {
    assert_eq!(order(&["a", "b < a", "c < a", "d < b c"]), ["a", "c", "b", "d"]);
    assert_eq!(order(&["a", "b < a", "x", "y < x | b"]), ["a", "b", "x", "y"]);
    assert_eq!(order(&["x", "y < x | sales", "a [sales]", "b < a"]), ["a", "b", "x", "y"]);
    assert_eq!(order(&["b", "a"]), ["a", "b"]);
}

#[test]
fn a_revision_implies_what_it_follows_and_what_it_depends_on() {
    let graph = graph(&["a [l]", "b < a | l", "x", "y < x | l b"]).unwrap();
    let requires: Vec<_> =
        graph.in_order().into_iter().map(|(revision, before)| (&*revision.id, before)).collect();
    assert_eq!(requires, [("a", vec![]), ("b", vec!["a"]), ("x", vec![]), ("y", vec!["x", "a", "b"])]);
}

#[test]
fn an_id_or_a_label_that_stands_twice_names_both_files() {
    let twice = refusal(&["a", "b < a", "a"]);
    assert!(twice.contains("versions/a.py and versions/a.py have the same id a"), "{twice}");
    for lines in [["a [l]", "b < a [l]"], ["a [b]", "b < a"], ["a [l l]", "b"]] {
        let twice = refusal(&lines);
        assert!(twice.contains("versions/a.py") && twice.contains("branch label"), "{twice}");
    }
}

#[test]
fn a_reference_to_nothing_names_file_and_line() {
    let missing = refusal(&["b < gone"]);
    assert!(missing.starts_with("versions/b.py:7: down_revision names \"gone\""), "{missing}");
    let missing = refusal(&["b | gone"]);
    assert!(missing.starts_with("versions/b.py:9: depends_on names \"gone\""), "{missing}");
    assert!(refusal(&["a [l]", "b < l"]).contains("names \"l\""), "a label is no down_revision");
}

#[test]
fn a_circle_is_shown_all_the_way_round() {
    assert!(refusal(&["a < a"]).ends_with(": a, a"));
    assert!(refusal(&["x", "a < c", "b < a", "c < b", "d < c"]).ends_with(": a, c, b, a"));
    assert!(refusal(&["a | b", "b < a"]).ends_with(": a, b, a"));
    // Alembic overlooks this one: there is a way in and a way out.
    assert!(refusal(&["base", "m < base x", "x < m", "y < x"]).ends_with(": m, x, m"));
}
