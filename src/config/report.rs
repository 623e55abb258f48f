//! What reading the configuration has to say, collected so that everything is said at once.

use crate::exit::{Exit, Failure};

/// Mistakes end the program; the rest is logged once logging works.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    mistakes: Vec<String>,
    /// Worth a person's attention.
    pub(crate) warnings: Vec<String>,
    /// Worth a line at the usual level.
    pub(crate) remarks: Vec<String>,
    /// For debugging; names, never values.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Something that must be put right, named with its flag or variable and an example.
    pub(crate) fn mistake(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.mistakes.contains(&text) {
            self.mistakes.push(text);
        }
    }

    /// Takes the value, or records why there is none.
    pub(crate) fn accept<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|mistake| self.mistake(mistake)).ok()
    }

    /// Whether anything must be put right.
    pub(crate) fn has_mistakes(&self) -> bool {
        !self.mistakes.is_empty()
    }

    /// The mistakes so far.
    pub(crate) fn mistakes(&self) -> &[String] {
        &self.mistakes
    }

    /// Adds what another report holds.
    pub(crate) fn absorb(&mut self, other: Self) {
        for mistake in other.mistakes {
            self.mistake(mistake);
        }
        self.warnings.extend(other.warnings);
        self.remarks.extend(other.remarks);
        self.notes.extend(other.notes);
    }

    /// All mistakes as one failure, on one line as every event is: a single one on its own, several numbered.
    pub(crate) fn failure(&self) -> Failure {
        let message = match self.mistakes.as_slice() {
            [only] => only.clone(),
            several => {
                let numbered: Vec<String> = several
                    .iter()
                    .zip(1..)
                    .map(|(mistake, number)| format!("({number}) {mistake}"))
                    .collect();
                format!("{} mistakes in the configuration: {}", several.len(), numbered.join("; "))
            }
        };
        Failure::message(Exit::Usage, message).hint("`castoff --help` names every option and its variable")
    }
}

/// A value as a message may show it: what could be a URL with a password, or is long, stays hidden.
pub(crate) fn shown(value: &str) -> String {
    let hidden = value.contains("://") || value.contains('@') || value.chars().count() > 60;
    if hidden { "the value".to_owned() } else { format!("`{}`", value.escape_debug()) }
}

#[cfg(test)]
mod tests {
    use super::{Report, shown};

    #[test]
    fn one_mistake_stands_alone_and_several_are_numbered() {
        let mut report = Report::default();
        report.mistake("a");
        assert_eq!(report.failure().reason(), "a");
        report.mistake("b");
        report.mistake("b");
        assert_eq!(report.failure().reason(), "2 mistakes in the configuration: (1) a; (2) b");
        assert_eq!(report.failure().exit.code(), 64);
    }

    #[test]
    fn a_value_that_could_be_a_url_with_a_password_is_not_shown() {
        assert_eq!(shown("soon"), "`soon`");
        assert_eq!(shown("postgres://a:b@c/d"), "the value");
        assert_eq!(shown("hunter2@db"), "the value");
    }
}
