//! A migrations directory in a tool's layout.

use std::path::Path;

use crate::harness::{Engine, Migrations};
use crate::tool::{Down, Mark, Recorded, Script, TextRow, Tool};

/// The directory, and what was written into it; what was removed is still known.
pub(crate) struct Project {
    tool: &'static dyn Tool,
    pub(crate) files: Migrations,
    written: Vec<Written>,
}

struct Written {
    script: Script,
    files: Vec<(String, Vec<u8>)>,
}

impl Project {
    /// An empty one.
    pub(crate) fn new(tool: &'static dyn Tool) -> Self {
        Self { tool, files: Migrations::new(), written: Vec::new() }
    }

    /// Three that every engine can run: 10, 20 and 30.
    pub(crate) fn three(tool: &'static dyn Tool) -> Self {
        let mut project = Self::new(tool);
        project.add(10, "users", "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(100) NOT NULL);\n");
        project.add(
            20,
            "add_orders",
            "CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NOT NULL);\n\
             INSERT INTO users VALUES (1, 'a;b');\n",
        );
        project.add(30, "backfill", "INSERT INTO orders SELECT id * 10, id FROM users;\n");
        project
    }

    /// Writes a migration.
    pub(crate) fn add(&mut self, number: u32, name: &str, sql: &str) {
        self.put(number, name, sql, |text| text.as_bytes().to_vec());
    }

    /// Writes a migration, its files as `encode` makes them from their texts.
    pub(crate) fn put(&mut self, number: u32, name: &str, sql: &str, encode: impl Fn(&str) -> Vec<u8>) {
        let down = Down::Trap;
        self.write(Script { number, name: name.into(), sql: sql.into(), apart: false, down }, encode);
    }

    /// Writes a migration that asks to run outside a transaction, where the tool lets it ask.
    pub(crate) fn add_apart(&mut self, number: u32, name: &str, sql: &str) {
        let script = Script { number, name: name.into(), sql: sql.into(), apart: true, down: Down::Trap };
        self.write(script, |text| text.as_bytes().to_vec());
    }

    /// Writes what takes a migration back, or takes that away.
    pub(crate) fn down(&mut self, number: u32, down: Down) {
        let mut script = self.get(number).script.clone();
        for (path, _) in &self.get(number).files {
            self.files.remove(path);
        }
        script.down = down;
        self.write(script, |text| text.as_bytes().to_vec());
    }

    /// Three with their ways down.
    pub(crate) fn three_and_back(tool: &'static dyn Tool) -> Self {
        let mut project = Self::three(tool);
        project.down(10, Down::Sql("DROP TABLE users;\n".into()));
        project.down(20, Down::Sql("DROP TABLE orders;\nDELETE FROM users WHERE id = 1;\n".into()));
        project.down(30, Down::Sql("DELETE FROM orders;\n".into()));
        project
    }

    fn write(&mut self, script: Script, encode: impl Fn(&str) -> Vec<u8>) {
        let texts = self.tool.files(&script).into_iter();
        let files: Vec<_> = texts.map(|(path, text)| (path, encode(&text))).collect();
        for (path, content) in &files {
            self.files.write(path, content);
        }
        self.written
            .retain(|known| (known.script.number, &known.script.name) != (script.number, &script.name));
        self.written.push(Written { script, files });
    }

    /// Changes a file that has been applied: the history goes on to know it as it was.
    pub(crate) fn edit(&self, number: u32, sql: &str) {
        let script = Script { sql: sql.into(), ..self.get(number).script.clone() };
        for (path, text) in self.tool.files(&script) {
            self.files.write(&path, text);
        }
    }

    /// Takes a migration away, and its directory if it had one.
    pub(crate) fn remove(&self, number: u32) {
        for (path, _) in &self.get(number).files {
            self.files.remove(path);
            let parents = Path::new(path).ancestors().skip(1).filter(|parent| *parent != Path::new(""));
            for parent in parents {
                // Stays where it is somebody else's as well.
                drop(std::fs::remove_dir(self.files.path().join(parent)));
            }
        }
    }

    fn get(&self, number: u32) -> &Written {
        let found = self.written.iter().find(|written| written.script.number == number);
        found.unwrap_or_else(|| panic!("there was no migration {number}"))
    }

    /// The tool's name for a migration.
    pub(crate) fn id(&self, number: u32) -> String {
        self.tool.id(&self.get(number).script)
    }

    /// The tool's names for these.
    pub(crate) fn ids(&self, numbers: &[u32]) -> Vec<String> {
        numbers.iter().map(|number| self.id(*number)).collect()
    }

    /// The file with a migration's script, below the directory.
    pub(crate) fn file(&self, number: u32) -> &str {
        &self.get(number).files[0].0
    }

    /// The same of all that have this number.
    pub(crate) fn files_of(&self, number: u32) -> Vec<String> {
        let all = self.written.iter().filter(|written| written.script.number == number);
        all.map(|written| written.files[0].0.clone()).collect()
    }

    /// The line of that file in which a statement stands, from 1.
    pub(crate) fn line(&self, number: u32, statement: &str) -> usize {
        let text = String::from_utf8_lossy(&self.get(number).files[0].1).into_owned();
        let (before, _) =
            text.split_once(statement).unwrap_or_else(|| panic!("{statement:?} is not in {text:?}"));
        before.matches('\n').count() + 1
    }

    /// What the history holds after these, in the order in which they ran.
    pub(crate) fn rows(&self, engine: Engine, recorded: &[(u32, Mark)]) -> Vec<TextRow> {
        let recorded: Vec<Recorded<'_>> = recorded
            .iter()
            .map(|(number, mark)| {
                let Written { script, files } = self.get(*number);
                Recorded { script, content: &files[0].1, mark: *mark }
            })
            .collect();
        self.tool.rows(engine, &recorded)
    }
}
