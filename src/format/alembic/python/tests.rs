//! What is read of a module, and what is left to an interpreter.

use proptest::prelude::*;

use super::{Module, Unreadable, Value, decode};

fn value(source: &str) -> Result<Option<Value>, Unreadable> {
    let text = decode(source.as_bytes())?;
    Ok(Module::parse(&text)?.assigned("revision")?.map(|assigned| assigned.value))
}

/// The value of a module that can be read.
fn read(source: &str) -> Value {
    value(source)
        .unwrap_or_else(|why| panic!("{source}: {why}"))
        .unwrap_or_else(|| panic!("{source}: nothing"))
}

fn text(source: &str) -> String {
    match read(source) {
        Value::Text(text) => text,
        other => panic!("{source}: {other:?}"),
    }
}

fn list(source: &str) -> Vec<String> {
    match read(source) {
        Value::List(list) => list,
        other => panic!("{source}: {other:?}"),
    }
}

/// The line at which reading ends.
fn unreadable(source: &str) -> usize {
    value(source).expect_err(source).line
}

#[test]
fn strings_are_read_however_they_are_written() {
    for source in [
        "revision = 'abc'",
        "revision='abc'",
        "revision: str = \"abc\"",
        "revision : Union[str, None] = 'abc' # comment",
        "revision = r'abc'",
        "revision = u'abc'",
        "revision = '''abc'''",
        "revision = ('abc')",
        "revision = (  # why\n    'a'\n    'bc'\n)",
        "revision = 'a' \"b\" 'c'",
        "revision = \\\n    'abc'",
        "x = 1; revision = 'abc'; y = 2",
        "revision = other = 'abc'",
        "other = revision = 'abc'",
        "revision = 'old'\nrevision = 'abc'",
        "\u{feff}revision = 'abc'\r\n",
        "import x\rrevision = 'abc'\rimport y",
        "revision = '\\x61\\142\\u0063'",
        "revision = 'a\\\nbc'",
        "# -*- coding: latin-1 -*-\nrevision = 'abc'",
    ] {
        assert_eq!(text(source), "abc", "{source}");
    }
}

#[test]
fn tuples_lists_and_none_are_told_apart() {
    for source in [
        "revision = ('a', 'b')",
        "revision = ['a', 'b',]",
        "revision = 'a', 'b'",
        "revision = (\n    'a',  # (one\n    'b',\n)",
        "revision = {'a', 'b'}",
        "revision = (('a', 'b'))",
        "revision: Union[str, Sequence[str], None] = ('a', ('b'))",
    ] {
        assert_eq!(list(source), ["a", "b"], "{source}");
    }
    assert_eq!(list("revision = ('a',)"), ["a"]);
    assert_eq!(list("revision = 'a',"), ["a"]);
    assert_eq!(list("revision = ()"), [""; 0]);
    assert_eq!(read("revision = None"), Value::None);
    assert_eq!(read("revision = (None)"), Value::None);
}

#[test]
fn only_the_module_s_own_names_count() {
    for source in [
        "\"\"\"\nrevision = 'no'\n\"\"\"\nrevision = 'abc'",
        "revision = 'abc'\ndef upgrade():\n    revision = 'no'\n",
        "revision = 'abc'\ndef upgrade(revision='no'): revision = 'no'\n",
        "revision = 'abc'\nclass A:\n    revision = 'no'\n    def f(self):\n        revision = 'no'\n",
        "revision = 'abc'\nop.revision = 'no'\nprint(revision)\nf(revision='no')\n",
        "revision = 'abc'\nif revision == 'no':\n    pass\n",
        "revision = 'abc'\nx = {'revision': 'no'}\nx['revision'] = 'no'",
        "# revision = 'no'\nrevision = 'abc'\ndown_revision = 'no'",
        "revision = 'abc'\nx = f'''\nrevision = 'no'\n{y}\n'''",
        "revision: str\nrevision = 'abc'",
        "revision = 'abc'\nx = [\n'a',\nrevision\n]",
        "if TYPE_CHECKING:\n\tfrom x import y\n\nrevision = 'abc'",
        "revision = 'abc'\n\ndef upgrade() -> None:\n    op.execute(\n\"\"\"\nrevision = 'no'\n\"\"\"\n    )\n",
        "revision = 'abc'\nfrom .revision import x\n",
        "revision = 'no'\nlocals().update(revision='b')\nrevision = 'abc'\n",
        "revision = 'abc'\ndef f():\n    vars(x)\no.exec('x')\n",
    ] {
        assert_eq!(text(source), "abc", "{source}");
    }
    assert_eq!(value("def f():\n    revision = 'no'\n"), Ok(None));
    assert_eq!(value("revision: str\n"), Ok(None));
    assert_eq!(value("revision == 'abc'\n"), Ok(None));
}

#[test]
fn what_only_an_interpreter_knows_is_named_with_its_line() {
    for source in [
        "\nrevision = make()",
        "\nrevision = other",
        "\nrevision = f'abc'",
        "\nrevision = f'{x}'",
        "\nrevision = b'abc'",
        "\nrevision = 'a' + 'b'",
        "\nrevision = 'a' if x else 'b'",
        "\nrevision = 'abc'.upper()",
        "\nrevision = 12",
        "\nrevision = ('a', None)",
        "\nrevision = ('a', x)",
        "\nrevision = [x for x in y]",
        "\nrevision = {'a': 'b'}",
        "\nrevision = '\\N{BULLET}'",
        "\nrevision, down_revision = 'a', 'b'",
        "\n(revision) = 'a'",
        "revision = 'a'\nglobals()['revision'] = 'b'",
        "revision = 'a'\nif x: exec('revision = 1')",
        "revision = ['a']\nrevision.append('b')",
        "revision = ['a']\nadd(revision)",
        "\nrevision += 'a'",
        "\nprint(revision := 'a')",
        "\nfrom x import revision",
        "\nimport x as revision",
        "\nfrom . import revision",
        "\ndel revision",
        "\nfor revision in x: pass",
        "\ndef revision(): pass",
        "\nclass revision: pass",
        "\nif x: revision = 'a'",
        "try:\n    revision = 'a'\nexcept E:\n    pass",
        "if x:\n    y = 1; revision = 'a'",
        "def f():\n    global revision\n    revision = 'a'",
        "match x:\n  case revision: pass",
        "\nrevision = 'abc",
        "\nrevision = ('abc'",
        "\nrevision = 'abc')",
        "\n  revision = 'abc'",
        "\nrevision = $",
        "\n'''",
    ] {
        assert_eq!(unreadable(source), 2, "{source}");
    }
    // A reason that stands further down is a reason as well.
    assert_eq!(unreadable("revision = 'a'\n\nif x:\n    revision = 'b'"), 4);
}

#[test]
fn encodings_that_would_have_to_be_guessed_are_not() {
    assert!(decode(b"# coding: koi8-r\nrevision = 'a'").is_err());
    assert!(decode(b"x = 1\n# caf\xe9").is_err_and(|why| why.line == 2));
    assert!(decode(b"x\n\0").is_err_and(|why| why.line == 2));
    assert!(decode("#!/usr/bin/python\n# vim: set fileencoding=utf_8 :\n# é".as_bytes()).is_ok());
    let latin = decode(b"# coding=iso-8859-15\nrevision = 'abc' # \xe9").unwrap();
    assert_eq!(Module::parse(&latin).unwrap().assigned("revision").unwrap().unwrap().line, 2);
    let id = decode(b"# coding=iso-8859-15\nrevision = 'ab\xe9'").unwrap();
    assert!(Module::parse(&id).unwrap().assigned("revision").is_err());
}

#[test]
fn strings_inside_f_strings_do_not_end_them() {
    for source in [
        "x = f'{a[\"b\"]}'; revision = 'abc'",
        "x = f\"{a[\"b\"]}\"; revision = 'abc'",
        "x = f\"{a:'>10}\"; revision = 'abc'",
        "x = f'{{'; revision = 'abc'",
        "x = f'{a!r:{width}} {f'{b}'}'; revision = 'abc'",
        "x = rf'\\{a}\\''; revision = 'abc'",
        "x = f'''{\na  # it's\n}'''\nrevision = 'abc'",
        "x = '\\''; revision = 'abc'",
        "x = r'\\'; ' 'y'; revision = 'abc'",
        "x = ''''a'''; revision = 'abc'",
    ] {
        assert_eq!(text(source), "abc", "{source}");
    }
    assert!(value(&format!("x = {}a{}", "f'{".repeat(40), "}'".repeat(40))).is_err());
    assert!(value(&format!("revision = {}'a'{}", "(".repeat(5000), ")".repeat(5000))).is_err());
}

#[test]
fn the_docstring_is_the_first_statement_if_it_is_a_string() {
    let doc = |source: &str| Module::parse(source).unwrap().docstring();
    assert_eq!(doc("# x\n'''add\n\nmore'''\nx = 1").as_deref(), Some("add\n\nmore"));
    assert_eq!(doc("'a' 'b'").as_deref(), Some("ab"));
    assert_eq!(doc("x = 1\n'no'"), None);
    assert_eq!(doc("f'no'"), None);
    assert_eq!(doc(""), None);
}

#[test]
fn keyword_arguments_are_found_wherever_the_call_stands() {
    let found = |source: &str| {
        let module = Module::parse(source)?;
        let found = module.arguments("version_table")?;
        Ok::<_, Unreadable>(
            found.into_iter().map(|assigned| (assigned.value, assigned.line)).collect::<Vec<_>>(),
        )
    };
    let one = |text: &str, line| Ok(vec![(Value::Text(text.into()), line)]);
    assert_eq!(
        found("def f():\n    configure(\n        a=(1, 2),\n        version_table='v',\n    )"),
        one("v", 4)
    );
    assert_eq!(found("T = 'v'\nwith x:\n    configure(version_table=T, b=1)"), one("v", 1));
    assert_eq!(found("version_table = 'v'\nf(version_table == 'v')"), Ok(Vec::new()));
    assert!(found("configure(version_table=settings.table)").is_err());
    assert!(found("configure(version_table=unknown)").is_err());
    assert_eq!(
        Module::parse("x = 1\nf({'version_table': 1})").unwrap().line_of_text("version_table"),
        Some(2)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        if let Ok(text) = decode(&bytes) {
            drop(Module::parse(&text).map(|module| (module.docstring(), module.assigned("revision"))));
        }
    }

    #[test]
    fn nothing_that_looks_like_python_makes_it_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                "[ \t\n\\\\'\"{}()#:;=,.a-z0-9é]{1,6}",
                Just("revision".to_owned()), Just("f'''".to_owned()), Just("rb\"".to_owned()), Just("f'{".to_owned()),
                Just(" = ".to_owned()), Just("\n    ".to_owned()), Just("def ".to_owned()), Just("'''".to_owned()),
            ],
            0..40,
        ),
    ) {
        if let Ok(module) = Module::parse(&pieces.concat()) {
            let _ = (module.docstring(), module.assigned("revision"), module.arguments("revision"));
        }
    }

    #[test]
    fn a_string_survives_being_written_as_a_literal(said in "[a-z0-9_'\"\\\\\n\té ]{0,20}") {
        let escaped = said.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
        prop_assert_eq!(text(&format!("revision = '{escaped}'\n")), said);
    }
}
