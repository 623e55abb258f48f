//! `V1__x.sql.conf`, which says how `V1__x.sql` is run (`flyway-core/…/sqlscript/SqlScriptMetadata.java`).

use super::encoding::Encoding;

/// What a file says of itself beside it; `None` leaves it to the variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conf {
    /// `executeInTransaction`
    pub(super) in_transaction: Option<bool>,
    /// `encoding`
    pub(super) encoding: Option<Encoding>,
    /// `placeholderReplacement`
    pub(super) replacement: Option<bool>,
    /// `shouldExecute=false`: the file is as good as not there.
    pub(super) is_skipped: bool,
}

impl Conf {
    /// Reads it, its placeholders replaced.
    ///
    /// # Errors
    ///
    /// What is wrong with which line.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut conf = Self::default();
        for (line, at) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
            let (key, value) = (key.trim(), value.trim());
            let flag = || match value {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(format!("line {at}: {key} is {value:?}; write true or false")),
            };
            match key {
                "executeInTransaction" => conf.in_transaction = Some(flag()?),
                "placeholderReplacement" => conf.replacement = Some(flag()?),
                "encoding" => {
                    conf.encoding = Some(Encoding::named(value).ok_or_else(|| {
                        format!("line {at}: encoding is {value:?}; write {}", Encoding::NAMES)
                    })?);
                }
                "shouldExecute" => {
                    conf.is_skipped = !truth(value).ok_or_else(|| {
                        format!("line {at}: shouldExecute is {value:?}; write true, false, A==B or A!=B")
                    })?;
                }
                _ => return Err(format!("line {at}: Flyway knows no {key:?} in such a file")),
            }
        }
        Ok(conf)
    }
}

/// `BooleanEvaluator.evaluateExpression`: a truth value, or two texts that are compared.
fn truth(expression: &str) -> Option<bool> {
    match expression {
        "true" => Some(true),
        "false" => Some(false),
        _ if expression.contains("&&") || expression.contains("||") => None,
        _ => match (expression.split_once("=="), expression.split_once("!=")) {
            (Some((one, other)), None) => Some(one.trim() == other.trim()),
            (None, Some((one, other))) => Some(one.trim() != other.trim()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Conf;
    use crate::format::flyway::encoding::Encoding;

    #[test]
    fn every_key_is_read() {
        let text = "# how it runs\r\nexecuteInTransaction=false\nencoding = ISO-8859-1\n\
                    placeholderReplacement: false\nshouldExecute=dev==prod\n";
        let conf = Conf::read(text).unwrap();
        assert_eq!(conf.in_transaction, Some(false));
        assert_eq!(conf.encoding, Some(Encoding::Latin1));
        assert_eq!(conf.replacement, Some(false));
        assert!(conf.is_skipped);
        assert!(!Conf::read("shouldExecute=dev != prod").unwrap().is_skipped);
        assert_eq!(Conf::read("\n").unwrap(), Conf::default());
    }

    #[test]
    fn what_is_no_key_or_no_value_is_named_with_its_line() {
        for (text, said) in [
            ("\nexecuteInTransactions=true", "line 2: Flyway knows no"),
            ("executeInTransaction=yes", "line 1: executeInTransaction is \"yes\""),
            ("encoding=x", "line 1: encoding is \"x\""),
            ("shouldExecute=a==b && c==d", "line 1: shouldExecute is"),
        ] {
            let error = Conf::read(text).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
