//! Variables that begin like ours and are none of ours.

use super::report::Report;
use crate::cli::options::OPTIONS;
use crate::environment::Environment;

/// Every variable castoff reads that begins with `CASTOFF_`.
fn known() -> Vec<String> {
    let with_file = |secret: bool, name: String| {
        let file = secret.then(|| format!("{name}_FILE"));
        std::iter::once(name).chain(file)
    };
    OPTIONS.iter().flat_map(|option| with_file(option.secret, option.variable())).collect()
}

/// Warns of unknown variables, naming the nearest known one.
pub(crate) fn check(environment: &Environment, report: &mut Report) {
    let known = known();
    for (name, value) in environment.iter() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("CASTOFF_")) else { continue };
        if value.is_empty() || known.iter().any(|one| one == name) {
            continue;
        }
        let near = known
            .iter()
            .map(|one| (strsim::damerau_levenshtein(&name.to_ascii_uppercase(), one), one))
            .min()
            // Half of the name wrong is no slip any more.
            .filter(|(distance, one)| *distance * 2 <= one.len() - "CASTOFF_".len())
            .map(|(_, one)| format!("; did you mean {one}?"));
        report.warnings.push(format!("unknown variable {name}{}", near.unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::{check, known};
    use crate::config::report::Report;
    use crate::environment::Environment;

    fn checked(name: &str, value: &str) -> Report {
        let environment: Environment = [(name, value)].into_iter().collect();
        let mut report = Report::default();
        check(&environment, &mut report);
        report
    }

    #[test]
    fn a_misspelt_variable_is_named_with_its_neighbour() {
        for (wrong, right) in [
            ("CASTOFF_WAIT_TIMOUT", "CASTOFF_WAIT_TIMEOUT"),
            ("CASTOFF_MOED", "CASTOFF_MODE"),
            ("CASTOFF_DATABASE_URI", "CASTOFF_DATABASE_URL"),
            ("CASTOFF_DATABASE_PASSWORDFILE", "CASTOFF_DATABASE_PASSWORD_FILE"),
            ("CASTOFF_log_level", "CASTOFF_LOG_LEVEL"),
        ] {
            let report = checked(wrong, "hunter2");
            assert_eq!(report.warnings, [format!("unknown variable {wrong}; did you mean {right}?")]);
        }
    }

    #[test]
    fn a_variable_like_none_is_only_named() {
        assert_eq!(checked("CASTOFF_XYZZY_QUUX", "1").warnings, ["unknown variable CASTOFF_XYZZY_QUUX"]);
    }

    #[test]
    fn known_empty_and_foreign_variables_are_nothing_to_mention() {
        for name in known() {
            assert!(checked(&name, "x").warnings.is_empty(), "{name}");
        }
        assert!(checked("CASTOFF_WAIT_TIMOUT", "").warnings.is_empty());
        assert!(checked("CASTOFFER", "x").warnings.is_empty());
    }
}
