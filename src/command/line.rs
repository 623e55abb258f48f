//! A command line, split as a shell splits words.

use std::ffi::OsStr;

/// A program and its arguments. No `Debug`: they may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    origin: String,
    program: String,
    arguments: Vec<String>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Line {
    /// Splits a line as a shell does; no shell is started. `origin` is the flag or variable that held it.
    ///
    /// # Errors
    ///
    /// A mistake that names the origin and the example, and shows nothing of the line.
    pub fn split(origin: &str, line: &str, example: &str) -> Result<Self, String> {
        let words = shell_words::split(line)
            .map_err(|_| format!("{origin}: a quote is not closed; write for example {example}"))?;
        let mut words = words.into_iter();
        let program = words
            .next()
            .filter(|program| !program.is_empty())
            .ok_or_else(|| format!("{origin}: holds no command; write for example {example}"))?;
        // What is assigned may be a secret, so it must not be taken for the name of a program, which messages show.
        if is_assignment(&program) {
            return Err(format!(
                "{origin}: begins with the assignment of a variable, which only a shell knows; set it in castoff's own \
                 environment, or write `env` before it, for example env NAME=value {example}"
            ));
        }
        Ok(Self { origin: origin.to_owned(), program, arguments: words.collect() })
    }

    /// The flag or variable.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The program as it was named.
    pub fn program(&self) -> &OsStr {
        OsStr::new(&self.program)
    }

    /// The program for a message.
    pub fn name(&self) -> &str {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

/// Whether a shell would take this for `NAME=value`.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let known = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        name.chars().all(known)
            && !name.starts_with(|letter: char| letter.is_ascii_digit())
            && !name.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::Line;

    fn split(line: &str) -> Result<Line, String> {
        Line::split("CMD", line, "alembic upgrade heads")
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let line = split(r#"sh -c 'a "b"; c' two\ words "" $HOME"#).unwrap();
        assert_eq!(line.name(), "sh");
        assert_eq!(line.arguments(), ["-c", "a \"b\"; c", "two words", "", "$HOME"]);
        for program in ["/opt/a=b", "1=x", "=x", "a-b=c"] {
            assert_eq!(split(program).unwrap().name(), program);
        }
    }

    #[test]
    fn what_does_not_split_is_a_mistake_without_being_shown() {
        for line in ["echo 'hunter2", "  ", "", "'' hunter2", "PGPASSWORD=hunter2 psql"] {
            let mistake = split(line).unwrap_err();
            assert!(mistake.starts_with("CMD: ") && mistake.contains("alembic upgrade heads"), "{mistake}");
            assert!(!mistake.contains("hunter2"), "{mistake}");
        }
        assert!(!format!("{:?}", split("echo hunter2").unwrap()).contains("hunter2"));
    }
}
