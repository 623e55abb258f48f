//! The environment as it was found, in its order, as data.

use std::ffi::{OsStr, OsString};
use std::fmt;

/// Every variable of a process, in order. `Debug` shows names only: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Keeps what `std::env::vars_os` yields.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The first variable of that name, as `getenv` finds it; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_os_str())
            .filter(|value| !value.is_empty())
    }

    /// Every variable, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// A copy without these variables; the others keep their order.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !names.iter().any(|gone| name == gone)).cloned().collect())
    }

    /// Sets a variable, in its old place if it had one.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.into(), value)),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    fn sample() -> Environment {
        [("A", "1"), ("EMPTY", ""), ("B", "2"), ("A", "3")].into_iter().collect()
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(sample().get("EMPTY"), None);
    }

    #[test]
    fn the_first_of_two_variables_with_one_name_is_the_one() {
        assert_eq!(sample().get("A").unwrap(), "1");
    }

    #[test]
    fn what_is_left_keeps_its_order() {
        let left = sample().without(&["B"]);
        let names: Vec<_> = left.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["A", "EMPTY", "A"]);
    }

    #[test]
    fn setting_a_variable_keeps_its_place() {
        let mut environment = sample();
        environment.set("B", "new");
        environment.set("C", "last");
        let all: Vec<_> =
            environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(all[2], ("B".into(), "new".into()));
        assert_eq!(all[4], ("C".into(), "last".into()));
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", sample()), r#"{"A", "EMPTY", "B", "A"}"#);
    }
}
