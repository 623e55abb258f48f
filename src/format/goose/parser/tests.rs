//! What goose's own tests of its parser say, and the corners they leave out.

use super::{Direction, MAX_LINE, Mistake, Script, ends_with_semicolon, parse};

fn lookup(name: &str) -> Option<String> {
    match name {
        "GOOSE_ENV_NAME" => Some("foo".into()),
        "GOOSE_ENV_REGION" => Some("us_east_".into()),
        "GOOSE_ENV_SET_BUT_EMPTY_VALUE" => Some(String::new()),
        "TWO_LINES" => Some("1;\nSELECT 2".into()),
        _ => None,
    }
}

fn parsed(text: &str) -> Result<Script, Mistake> {
    parse(text, Direction::Up, &|name| Ok(lookup(name))).map(|script| script.expect("a way up"))
}

fn down(text: &str) -> Result<Option<Script>, Mistake> {
    parse(text, Direction::Down, &|name| Ok(lookup(name)))
}

#[track_caller]
fn statements(text: &str) -> Vec<String> {
    parsed(text).unwrap().statements.into_iter().map(|statement| statement.sql).collect()
}

#[track_caller]
fn refused(text: &str, line: usize, what: &str) {
    let mistake = parsed(text).unwrap_err();
    assert!(mistake.line == line && mistake.what.contains(what), "{mistake:?}");
}

#[test]
fn a_statement_ends_where_a_line_s_last_word_before_a_comment_ends_in_a_semicolon() {
    for (line, ends) in [
        ("END;", true),
        ("END; -- comment", true),
        ("END   ; -- comment", true),
        ("END -- comment", false),
        ("END -- comment ;", false),
        ("END \" ; \" -- comment", false),
        ("SELECT 1;--comment", false),
        ("COMMENT='an arrow -->';", false),
        ("", false),
    ] {
        assert_eq!(ends_with_semicolon(line), ends, "{line}");
    }
}

#[test]
fn statements_are_split_at_the_ends_of_lines_and_comments_between_them_dropped() {
    let text = "-- +goose Up
CREATE TABLE post (
    id int NOT NULL, -- kept
    title text
);                  -- 1st

-- dropped
SELECT 2;           -- 2nd
SELECT 3; SELECT 3; -- 3rd
  \t
SELECT 4;           -- 4th

-- +goose Down
-- comment
DROP TABLE post;    -- down
";
    let script = parsed(text).unwrap();
    let lines: Vec<usize> = script.statements.iter().map(|statement| statement.line).collect();
    assert_eq!(lines, [2, 8, 9, 11]);
    assert!(script.transaction);
    let [first, .., third, fourth] = &script.statements[..] else { panic!("{script:?}") };
    assert!(first.sql.contains("-- kept\n") && first.sql.ends_with(");                  -- 1st"));
    assert_eq!(third.sql, "SELECT 3; SELECT 3; -- 3rd");
    assert_eq!(fourth.sql, "SELECT 4;           -- 4th");
    assert_eq!(fourth.written, None);
}

#[test]
fn a_block_is_one_statement_whatever_it_holds() {
    let text = "
-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS trigger AS $$
BEGIN
    -- a comment;

    RETURN NEW;
END;
$$ LANGUAGE plpgsql
-- +goose StatementEnd

CREATE TRIGGER t AFTER INSERT ON p
FOR EACH ROW EXECUTE PROCEDURE f();

-- +goose Down
-- +goose StatementBegin
DROP FUNCTION f()
-- +goose StatementEnd
";
    let script = parsed(text).unwrap();
    let [block, trigger] = &script.statements[..] else { panic!("{script:?}") };
    assert!(block.sql.starts_with("CREATE FUNCTION") && block.sql.ends_with("LANGUAGE plpgsql"));
    assert!(block.sql.contains("-- a comment;\n\n    RETURN NEW;"));
    assert_eq!((block.line, trigger.line), (4, 13));
}

#[test]
fn the_way_down_is_what_stands_behind_its_directive() {
    let text = "-- +goose NO TRANSACTION
-- +goose Up
SELECT 1;
-- +goose StatementBegin
SELECT 2;
-- +goose StatementEnd

-- +goose Down
-- dropped
DROP TABLE a; -- kept
-- +goose StatementBegin
DO $$ BEGIN
END $$;
-- +goose StatementEnd
SELECT 3;
";
    let script = down(text).unwrap().expect("a way down");
    let seen: Vec<_> = script.statements.iter().map(|statement| (statement.line, &*statement.sql)).collect();
    assert_eq!(seen, [(10, "DROP TABLE a; -- kept"), (12, "DO $$ BEGIN\nEND $$;"), (15, "SELECT 3;")]);
    assert!(!script.transaction);
}

#[test]
fn a_way_down_may_hold_nothing_or_not_be_there() {
    assert_eq!(down("-- +goose Up\nSELECT 1;\n").unwrap(), None);
    assert_eq!(down("-- +goose Up\nSELECT 1;\n-- +goose Down\n").unwrap().unwrap().statements, []);
    let mistake = down("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2\n").unwrap_err();
    assert!(mistake.line == 4 && mistake.what.contains("not ended"), "{mistake:?}");
    assert!(down("-- +goose Up\nSELECT 1\n-- +goose Down\n").is_ok(), "goose forgets what it passes over");
}

#[test]
fn directives_may_be_written_in_any_case_but_only_at_the_beginning_of_a_line() {
    let script = parsed("--   +goose   uP \t\n-- +goose no transaction\nVACUUM;\n").unwrap();
    assert!(!script.transaction);
    assert_eq!(script.statements.len(), 1);
    refused(" -- +goose Up\n", 1, "indented");
    refused("-- +goose Up\n\t-- +goose Down\n", 2, "indented");
    refused("-- +goose +goose Up\n", 1, "twice");
    refused("-- +goose\n", 1, "says nothing");
    refused("-- +goose Up\n-- a word on +goose\n", 2, "\"a word on\" is no directive");
}

#[test]
fn windows_line_endings_do_not_reach_the_server() {
    let text = "-- +goose Up\r\nINSERT INTO t\r\nVALUES (1);\r\n\r\nSELECT 1;\r";
    assert_eq!(statements(text), ["INSERT INTO t\nVALUES (1);", "SELECT 1;"]);
}

#[test]
fn what_is_not_ended_or_not_begun_is_refused_with_its_line() {
    refused("\n-- +goose Up\nALTER TABLE post\n\n-- +goose Down\n", 3, "semicolon");
    refused("-- +goose Up\nSELECT 1;\n  \nSELECT 2\n", 4, "semicolon");
    refused("-- +goose Up\nSELECT ' -- ';\n", 2, "semicolon");
    refused("-- +goose Up\n/* a comment\n*/\n", 2, "semicolon");
    refused("CREATE TABLE post (id int);\n", 1, "before");
    refused("\u{feff}-- +goose Up\nSELECT 1;\n", 1, "before");
    refused("-- a comment alone\n", 1, "nowhere");
    refused("", 1, "nowhere");
    refused("-- +goose Down\nDROP TABLE p;\n", 1, "where it cannot");
    refused("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n-- +goose Up\n", 5, "second time");
    refused("-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\n", 4, "where it cannot");
    refused("-- +goose Up\n\n-- +goose StatementBegin\nSELECT 1;\n", 3, "not followed");
    refused("-- +goose StatementBegin\n", 1, "where it cannot");
    refused("-- +goose Up\n-- +goose StatementEnd\n", 2, "ends nothing");
    assert_eq!(statements("-- +goose Up\n-- nothing\n"), [""; 0]);
    // Down is not read to its end on the way up.
    assert_eq!(statements("-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE p\n"), ["SELECT 1;"]);
}

#[test]
fn an_empty_block_takes_the_line_after_it_along_as_it_does_in_goose() {
    let text = "-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementEnd\nSELECT 1;\nSELECT 2;\n";
    assert_eq!(statements(text), ["", "SELECT 2;"]);
}

#[test]
fn variables_are_replaced_where_that_is_switched_on() {
    let text = "-- +goose ENVSUB ON
-- +goose Up
CREATE TABLE post (
    $GOOSE_ENV_NAME text,
    ${GOOSE_ENV_NAME}title3 text,
    ${ANOTHER_VAR:-default}title4 text,
    ${GOOSE_ENV_SET_BUT_EMPTY_VALUE-default}title5 text
);
-- +goose ENVSUB OFF
SELECT '$GOOSE_ENV_NAME';
";
    let script = parsed(text).unwrap();
    let [table, plain] = &script.statements[..] else { panic!("{script:?}") };
    let sent = "CREATE TABLE post (\n    foo text,\n    footitle3 text,\n    defaulttitle4 text,\n    title5 text\n);";
    assert_eq!(table.sql, sent);
    assert!(table.written.as_deref().unwrap().contains("${GOOSE_ENV_NAME}title3"));
    assert_eq!((plain.sql.as_str(), plain.written.as_deref()), ("SELECT '$GOOSE_ENV_NAME';", None));
}

#[test]
fn dollar_quotes_are_halved_where_variables_are_replaced() {
    let text =
        "-- +goose ENVSUB ON\n-- +goose Up\n-- +goose StatementBegin\nDO $$\n$$;\n-- +goose StatementEnd\n";
    assert_eq!(statements(text), ["DO $\n$;"]);
}

#[test]
fn a_variable_of_several_lines_leaves_the_lines_after_it_where_they_stand() {
    let text = "-- +goose Up\n-- +goose ENVSUB ON\nSELECT $TWO_LINES;\n\nSELECT 3;\n";
    let script = parsed(text).unwrap();
    let lines: Vec<_> = script.statements.iter().map(|statement| (statement.line, &*statement.sql)).collect();
    assert_eq!(lines, [(3, "SELECT 1;\nSELECT 2;"), (5, "SELECT 3;")]);
}

#[test]
fn a_variable_that_must_be_set_is_refused_with_its_line_in_either_direction() {
    refused("-- +goose ENVSUB ON\n-- +goose Up\nSELECT ${SOME?not set here};\n", 3, "$SOME: not set here");
    refused("-- +goose ENVSUB ON\n-- +goose Up\n-- +goose Down\nSELECT ${SOME?};\n", 4, "$SOME: not set");
}

#[test]
fn a_line_of_four_mebibytes_is_too_long_and_one_less_is_not() {
    let line = |length: usize| format!("-- +goose Up\n{};\nSELECT 1;\n", "x".repeat(length - 1));
    assert_eq!(statements(&line(MAX_LINE - 1)).len(), 2);
    refused(&line(MAX_LINE), 2, "4 MiB");
}
