//! The parameters after a URL's `?`: each is honoured, refused, or ignored by name.

use super::report::{Report, shown};
use super::values::{boolean, table_name};
use crate::engine::TableName;

/// A parameter and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Param {
    /// Its name as it was written.
    pub(crate) name: String,
    /// Its value, decoded.
    pub(crate) value: String,
    /// The flag or variable that holds it.
    pub(crate) origin: String,
}

impl Param {
    /// The name without the habits of one driver: `ssl-mode`, `ssl_mode` and `sslMode` are one.
    pub(crate) fn key(&self) -> String {
        self.name.to_ascii_lowercase().replace(['-', '_'], "")
    }

    /// A mistake about this parameter.
    pub(crate) fn mistake(&self, what: &str) -> String {
        format!("{}: the parameter {} {what}", self.origin, self.name)
    }

    /// A mistake about its value, with what it may be.
    pub(crate) fn not_one_of(&self, choices: &str) -> String {
        self.mistake(&format!("is {}; it may be {choices}", shown(&self.value)))
    }
}

/// Parameters from which each consumer takes what it understands.
#[derive(Clone, Default)]
pub(crate) struct Params(Vec<Param>);

impl Params {
    pub(crate) fn new(params: Vec<Param>) -> Self {
        Self(params)
    }

    /// Takes a parameter by its [`key`](Param::key). An empty value counts as none; two that differ are a mistake.
    pub(crate) fn take(&mut self, key: &str, report: &mut Report) -> Option<Param> {
        let (mut taken, left): (Vec<Param>, Vec<Param>) =
            std::mem::take(&mut self.0).into_iter().partition(|param| param.key() == key);
        self.0 = left;
        taken.retain(|param| !param.value.is_empty());
        let last = taken.pop()?;
        if let Some(other) = taken.iter().find(|other| other.value != last.value) {
            report.mistake(
                last.mistake(&format!("is given twice, with different values (also in {})", other.origin)),
            );
        }
        Some(last)
    }

    /// Takes the first of several names for the same thing.
    pub(crate) fn take_any(&mut self, keys: &[&str], report: &mut Report) -> Option<Param> {
        let mut found: Option<Param> = None;
        for key in keys {
            let next = self.take(key, report);
            match (&found, next) {
                (Some(first), Some(next)) if first.value != next.value => report.mistake(
                    next.mistake(&format!("and {} say the same thing differently; keep one", first.name)),
                ),
                (None, Some(next)) => found = Some(next),
                _ => {}
            }
        }
        found
    }

    /// Takes every parameter whose name begins like this.
    pub(crate) fn take_prefixed(&mut self, prefix: &str) -> Vec<Param> {
        let (taken, left) =
            std::mem::take(&mut self.0).into_iter().partition(|param| param.name.starts_with(prefix));
        self.0 = left;
        taken
    }

    /// Whether a parameter has this value.
    pub(crate) fn has(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|param| param.key() == key && param.value == value)
    }

    /// What nobody took.
    pub(crate) fn into_rest(self) -> Vec<Param> {
        self.0
    }

    /// Refuses what is left of the parameters that choose TLS; notes the rest by name.
    pub(crate) fn ignore_rest(self, report: &mut Report) {
        let chooses_tls = |key: &str| {
            [
                "ssl",
                "tls",
                "xtls",
                "usessl",
                "trustcertificate",
                "clientcertificate",
                "enabledtls",
                "enabledssl",
            ]
            .iter()
            .any(|prefix| key.starts_with(prefix))
                || ["requiressl", "verifyservercertificate", "serversslcert"].contains(&key)
        };
        let mut ignored: Vec<String> = Vec::new();
        for param in self.0 {
            if chooses_tls(&param.key()) && !param.value.is_empty() {
                report.mistake(param.mistake("chooses TLS in a way castoff cannot; write sslmode, sslrootcert, sslcert and sslkey as libpq does, for castoff alone in CASTOFF_DATABASE_URL"));
            } else if !ignored.contains(&param.name) {
                ignored.push(param.name);
            }
        }
        if !ignored.is_empty() {
            report.notes.push(format!(
                "parameters of the database's URL that mean nothing to castoff: {}",
                ignored.join(", ")
            ));
        }
    }
}

/// What golang-migrate's parameters say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GolangMigrate {
    /// Its history table.
    pub(crate) table: Option<TableName>,
    /// Whether it splits scripts.
    pub(crate) multi_statement: bool,
    /// Whether it begins no transaction around a script on SQLite.
    pub(crate) no_tx_wrap: bool,
}

/// Takes golang-migrate's parameters: its history table, and how scripts are sent.
pub(crate) fn golang_migrate(params: &mut Params, report: &mut Report) -> GolangMigrate {
    let mut switch = |key: &str, report: &mut Report| {
        let Some(param) = params.take(key, report) else { return false };
        report
            .accept(boolean(&param.value).map_err(|_| param.not_one_of("true or false")))
            .unwrap_or_default()
    };
    let multi_statement = switch("xmultistatement", report);
    let no_tx_wrap = switch("xnotxwrap", report);
    let quoted = switch("xmigrationstablequoted", report);
    let table = params.take("xmigrationstable", report).and_then(|table| {
        if quoted {
            let name = table_name(&table.value).map_err(|why| table.mistake(&format!("is no table: {why}")));
            return report.accept(name);
        }
        // Unquoted, golang-migrate takes the value as one name, dots included.
        Some(TableName { schema: None, name: table.value })
    });
    GolangMigrate { table, multi_statement, no_tx_wrap }
}

/// Refuses what would choose a schema where the engine has none.
pub(crate) fn refuse_postgres_only(params: &mut Params, engine: &str, report: &mut Report) {
    for key in ["schema", "searchpath", "currentschema", "options", "targetsessionattrs", "channelbinding"] {
        if let Some(param) = params.take(key, report) {
            report.mistake(param.mistake(&format!("means nothing to {engine}: remove it")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Param, Params, golang_migrate};
    use crate::config::report::Report;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let param = |(name, value): &(&str, &str)| Param {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            origin: "DATABASE_URL".to_owned(),
        };
        Params::new(pairs.iter().map(param).collect())
    }

    #[test]
    fn spellings_of_one_name_are_one() {
        let mut report = Report::default();
        for name in ["ssl-mode", "ssl_mode", "sslMode", "sslmode"] {
            assert!(params(&[(name, "x")]).take("sslmode", &mut report).is_some());
        }
    }

    #[test]
    fn what_is_ignored_is_named_without_its_value() {
        let mut report = Report::default();
        params(&[("connection_limit", "hunter2"), ("pgbouncer", "true"), ("connection_limit", "1")])
            .ignore_rest(&mut report);
        assert!(!report.has_mistakes());
        assert_eq!(report.notes.len(), 1);
        assert!(report.notes[0].ends_with("connection_limit, pgbouncer"), "{:?}", report.notes);
    }

    #[test]
    fn what_chooses_tls_is_never_ignored() {
        for name in
            ["sslcrl", "sslidentity", "ssl_foo", "tlsInsecure", "trustCertificateKeyStoreUrl", "x-tls-foo"]
        {
            let mut report = Report::default();
            params(&[(name, "x")]).ignore_rest(&mut report);
            assert!(report.has_mistakes(), "{name}");
        }
    }

    #[test]
    fn the_same_parameter_twice_is_a_mistake_only_if_it_differs() {
        let mut report = Report::default();
        params(&[("schema", "a"), ("schema", "a")]).take("schema", &mut report);
        assert!(!report.has_mistakes());
        params(&[("schema", "a"), ("schema", "b")]).take("schema", &mut report);
        assert!(report.has_mistakes());
    }

    #[test]
    fn golang_migrate_names_its_table_and_says_whether_it_splits() {
        let mut report = Report::default();
        let mut said = |pairs: &[(&str, &str)]| golang_migrate(&mut params(pairs), &mut report);
        let table = said(&[("x-migrations-table", "my.table")]).table.unwrap();
        assert_eq!((table.schema, table.name.as_str()), (None, "my.table"));
        let quoted = [("x-migrations-table", r#""app"."done""#), ("x-migrations-table-quoted", "1")];
        let table = said(&quoted).table.unwrap();
        assert_eq!((table.schema.as_deref(), table.name.as_str()), (Some("app"), "done"));
        assert!(said(&[("x-multi-statement", "true")]).multi_statement);
        assert!(!said(&[("x-multi-statement", "false")]).multi_statement);
        assert!(said(&[("x-no-tx-wrap", "true")]).no_tx_wrap);
        assert!(!report.has_mistakes());
        golang_migrate(&mut params(&[("x-multi-statement", "perhaps")]), &mut report);
        assert!(report.failure().reason().contains("x-multi-statement"));
    }
}
