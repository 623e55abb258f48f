//! One revision file.

use std::path::{Path, PathBuf};

use super::python::{Assigned, Module, Unreadable, Value, decode};
use super::{Trouble, broken};

/// Characters that Alembic refuses in an id; `_revision_illegal_chars` of `script/revision.py`.
const ILLEGAL: [char; 4] = ['@', '-', '+', ':'];

/// What Alembic reads of a revision file; `Script._from_path` of `script/base.py`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    /// `revision`.
    pub(super) id: String,
    /// The file, for messages.
    pub(super) file: PathBuf,
    /// The first line of the docstring.
    pub(super) message: String,
    /// `down_revision`: the ids this one follows.
    pub(super) down: References,
    /// `depends_on`: ids or branch labels that have to be there first.
    pub(super) depends_on: References,
    /// `branch_labels`.
    pub(super) labels: Vec<String>,
}

/// Names of other revisions, and the line they stand in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) names: Vec<String>,
    pub(super) line: usize,
}

impl Revision {
    /// Reads the content of a file.
    pub(super) fn read(file: &Path, content: &[u8]) -> Result<Self, Trouble> {
        let unreadable = |why: Unreadable| Trouble::NeedsPython(format!("{}, {why}", file.display()));
        let text = decode(content).map_err(unreadable)?;
        let module = Module::parse(&text).map_err(unreadable)?;
        let assigned = |name: &str| module.assigned(name).map_err(unreadable);
        let absent = |name: &str| Trouble::NeedsPython(format!("{} assigns no `{name}`", file.display()));

        let id = match assigned("revision")? {
            Some(Assigned { value: Value::Text(id), line }) if id.contains(ILLEGAL) => {
                let why = format!("the id \"{id}\" holds one of {}", ILLEGAL.map(String::from).join(" "));
                return Err(broken(
                    file,
                    line,
                    why,
                    "rename the revision, here and where others refer to it",
                ));
            }
            Some(Assigned { value: Value::Text(id), .. }) => id,
            Some(Assigned { line, .. }) => {
                return Err(broken(file, line, "`revision` is not a string", "give the revision an id"));
            }
            None => legacy_id(file).ok_or_else(|| absent("revision"))?,
        };
        let down = assigned("down_revision")?.ok_or_else(|| absent("down_revision"))?;
        let depends_on = assigned("depends_on")?.map(References::from).unwrap_or_default();
        let labels = assigned("branch_labels")?.map(References::from).unwrap_or_default().names;
        let message = module.docstring().unwrap_or_default();
        let message = message.trim().lines().next().unwrap_or_default().trim_end().to_owned();
        Ok(Self { id, file: file.to_owned(), message, down: down.into(), depends_on, labels })
    }
}

impl From<Assigned> for References {
    fn from(Assigned { value, line }: Assigned) -> Self {
        let mut names = match value {
            Value::None => Vec::new(),
            Value::Text(name) => vec![name],
            Value::List(names) => names,
        };
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Self { names, line }
    }
}

/// Before Alembic 0.2 a file's name was its id; `_legacy_rev` of `script/base.py`.
fn legacy_id(file: &Path) -> Option<String> {
    let id = file.file_name()?.to_str()?.strip_suffix(".py")?;
    let hexadecimal = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
    (!id.is_empty() && id.chars().all(hexadecimal)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Trouble;
    use super::Revision;
    use crate::exit::Exit;

    fn read(name: &str, text: &str) -> Result<Revision, Trouble> {
        Revision::read(Path::new(name), text.as_bytes())
    }

    #[test]
    fn a_file_as_alembic_s_template_writes_it_is_read() {
        let revision = read(
            "versions/ab12_add_orders.py",
            r#""""add orders

Revision ID: ab12
Revises: 00aa
Create Date: 2026-01-02 03:04:05.678901

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = 'ab12'
down_revision: Union[str, Sequence[str], None] = ('00aa', '00bb')
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = 'billing'


def upgrade() -> None:
    """Upgrade schema."""
    op.create_table('orders', sa.Column('revision', sa.String(), nullable=False))
"#,
        )
        .unwrap();
        assert_eq!((revision.id.as_str(), revision.message.as_str()), ("ab12", "add orders"));
        assert_eq!((revision.down.names, revision.down.line), (vec!["00aa".into(), "00bb".into()], 16));
        assert_eq!(revision.depends_on.names, ["billing"]);
        assert_eq!(revision.labels, [""; 0]);
    }

    #[test]
    fn a_file_from_before_ids_stood_inside_is_named_by_its_id() {
        assert_eq!(read("v/12ab.py", "down_revision = None").unwrap().id, "12ab");
        assert!(matches!(read("v/helpers.py", "down_revision = None"), Err(Trouble::NeedsPython(_))));
    }

    #[test]
    fn what_needs_python_says_where() {
        for (text, place) in [
            ("revision = 'a'\ndown_revision = previous()", "a.py, line 2: "),
            ("revision = 'a'", "a.py assigns no `down_revision`"),
            ("revision = 'a'\n\n'", "a.py, line 3: "),
        ] {
            let Err(Trouble::NeedsPython(why)) = read("v/a.py", text) else { panic!("{text}") };
            assert!(why.contains(place), "{why}");
        }
    }

    #[test]
    fn what_alembic_refuses_is_65_with_file_and_line() {
        for text in ["\nrevision = 'a@b'\ndown_revision = None", "\nrevision = None\ndown_revision = None"] {
            let Err(Trouble::Failure(failure)) = read("v/a.py", text) else { panic!("{text}") };
            assert_eq!(failure.exit, Exit::Data);
            assert!(failure.reason().starts_with("v/a.py:2: "), "{failure}");
        }
    }
}
