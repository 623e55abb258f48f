//! Every option, once: its flag, its variable, its help. The parser, the help texts and the list of known variables
//! come from here.

/// One option. Its variable follows from its flag: `--wait-timeout` is `CASTOFF_WAIT_TIMEOUT`.
#[derive(Debug)]
pub struct Opt {
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// What its value is called in the help; empty for a switch.
    pub value: &'static str,
    /// Under which heading the help shows it.
    pub heading: &'static str,
    /// What it does and its default.
    pub help: &'static str,
    /// Whether it may hold a secret: the variable then has a `_FILE` form and is kept from the application.
    pub secret: bool,
    /// Whether the flag may be given several times; the variable then holds a list, separated by commas.
    pub repeatable: bool,
    /// The only subcommand that has it; `None` for one that all have.
    pub of: Option<&'static str>,
}

impl Opt {
    const fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    const fn of(self, subcommand: &'static str) -> Self {
        Self { of: Some(subcommand), ..self }
    }

    /// The option's variable.
    pub fn variable(&self) -> String {
        variable(self.flag)
    }
}

/// The variable of a flag.
pub fn variable(flag: &str) -> String {
    format!("CASTOFF_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

const fn option(
    heading: &'static str,
    flag: &'static str,
    value: &'static str,
    secret: bool,
    help: &'static str,
) -> Opt {
    Opt { flag, value, heading, help, secret, repeatable: false, of: None }
}

const WHICH: &str = "Which database";
const WHAT: &str = "What to do";
const LONG: &str = "How long";
const APPLICATION: &str = "The application";
const HEALTH: &str = "Health";
const LOGS: &str = "Logs";

/// Every option, in the order of the help.
pub static OPTIONS: &[Opt] = &[
    option(
        WHICH,
        "database-url",
        "URL",
        true,
        "The database, in the words of your framework: postgres://, mysql://, sqlite:, jdbc:…, Prisma's file:… . \
         Else DATABASE_URL is read. `env:NAME` takes it from the variable NAME",
    ),
    option(
        WHICH,
        "database-secret",
        "JSON",
        true,
        "The AWS RDS secret: {\"engine\",\"host\",\"port\",\"username\",\"password\",\"dbname\"}",
    ),
    option(
        WHICH,
        "database-engine",
        "ENGINE",
        false,
        "postgres, mysql or sqlite [default: from the port: 5432, 3306]",
    ),
    option(WHICH, "database-host", "HOST", false, "Host, list of hosts, or directory of a unix socket"),
    option(WHICH, "database-port", "PORT", false, "Port [default: 5432, or 3306 for mysql]"),
    option(WHICH, "database-name", "NAME", false, "Name of the database; for sqlite its file"),
    option(WHICH, "database-user", "USER", false, "User name, as it is (not URL-encoded)"),
    option(WHICH, "database-password", "PASSWORD", true, "Password, as it is (not URL-encoded)"),
    option(
        WHICH,
        "database-params",
        "PARAMS",
        false,
        "Parameters as in a URL after the `?`, for example sslmode=verify-full&sslrootcert=/ca.pem",
    ),
    option(
        WHICH,
        "database-password-command",
        "CMD",
        false,
        "Its stdout is the password (IAM tokens); asked again after an authentication failure. Split as a shell \
         splits words; no shell is started",
    ),
    option(
        WHICH,
        "export-database-url",
        "",
        false,
        "Give the application a DATABASE_URL when it came from parts, a secret or a _FILE [default: off]",
    ),
    option(
        WHICH,
        "create-database",
        "",
        false,
        "Create the database if it is missing; SQLite files always are [default: off]",
    ),
    option(
        WHICH,
        "pooler",
        "MODE",
        false,
        "What stands before the database: auto, none, session or transaction [default: auto]",
    ),
    option(
        WHAT,
        "mode",
        "MODE",
        false,
        "Before COMMAND: migrate; verify (82 if anything is pending); await (until another process has applied \
         everything, at most the lock timeout, then 82); wait (readiness only); off (become COMMAND at once, no database \
         setting is read) [default: migrate]",
    ),
    option(
        WHAT,
        "only-for",
        "GLOB",
        false,
        "Act only when COMMAND matches, for example `node server.js*`; any other starts at once",
    ),
    option(
        WHAT,
        "migrations",
        "PATH",
        false,
        "The migrations [default: the only one that exists of migrations, prisma/migrations, db/migrations, \
         db/migration]",
    ),
    option(WHAT, "format", "NAME", false, "The migration tool they are written for [default: auto]"),
    option(
        WHAT,
        "history-table",
        "[SCHEMA.]NAME",
        false,
        "Where the tool records what is applied [default: the tool's]",
    ),
    option(
        WHAT,
        "migrate-command",
        "CMD",
        false,
        "Applies the migrations, under castoff's lock, as --user, with DATABASE_URL, PG* or MYSQL_* set. Split as a \
         shell splits words; no shell is started. With a format it runs when something is pending, without one at \
         every start [default: the format's, if any]",
    ),
    option(
        WHAT,
        "on-edited",
        "POLICY",
        false,
        "fail or warn when an applied migration was edited [default: as the tool]",
    ),
    option(
        WHAT,
        "on-missing",
        "POLICY",
        false,
        "fail or warn when an applied migration has no file [default: as the tool]",
    ),
    option(
        WHAT,
        "out-of-order",
        "POLICY",
        false,
        "apply, skip or fail when a migration sorts before one that is applied [default: as the tool]",
    ),
    option(
        WHAT,
        "before-migrate",
        "CMD",
        false,
        "Run this first, under the lock, when something is pending (a backup); if it fails nothing is applied. Runs as \
         a migrate command does",
    ),
    option(
        WHAT,
        "after-migrate",
        "CMD",
        false,
        "Run this once something was applied, under the lock (a seed). Runs as a migrate command does",
    ),
    option(
        LONG,
        "wait-for",
        "TARGET",
        true,
        "Wait for this too, side by side (repeatable; in the variable separated by commas, a comma inside one as \
         %2C): tcp://host:port, http(s)://… (2xx), unix:///path, file:///path, or a database URL that must answer a \
         query. `env:NAME` takes it from the variable NAME",
    )
    .repeatable(),
    option(
        LONG,
        "wait-timeout",
        "DURATION",
        false,
        "For the database and every --wait-for to become ready; 0 is no limit [default: 60s]",
    ),
    option(LONG, "connect-timeout", "DURATION", false, "One attempt, authentication included [default: 20s]"),
    option(
        LONG,
        "lock-timeout",
        "DURATION",
        false,
        "For another replica to finish migrating; 0 is no limit [default: 5m]",
    ),
    option(LONG, "migrate-timeout", "DURATION", false, "All migrations together; 0 is no limit [default: 0]"),
    option(
        LONG,
        "stop-grace",
        "DURATION",
        false,
        "After SIGTERM while migrating: for what cannot be rolled back to finish [default: 8s]",
    ),
    option(
        LONG,
        "ddl-lock-timeout",
        "DURATION",
        false,
        "The longest a statement may queue for a table's lock, and live traffic behind it; then it is rolled back and \
         tried again. 0 is no limit [default: 5s]",
    ),
    option(
        LONG,
        "ddl-lock-retries",
        "N",
        false,
        "How often a statement is tried again that did not get its lock, with growing pauses [default: 20]",
    ),
    option(
        APPLICATION,
        "user",
        "USER[:GROUP]",
        false,
        "Become this user, by name or number, before COMMAND, and run commands as them: gosu's job [default: stay]",
    ),
    option(
        APPLICATION,
        "init",
        "",
        false,
        "Stay as PID 1 instead of becoming COMMAND: forward signals, reap zombies, exit with its code: tini's job \
         [default: off]",
    ),
    option(
        APPLICATION,
        "init-group",
        "",
        false,
        "With --init: forward signals to COMMAND's whole process group [default: off]",
    ),
    option(
        HEALTH,
        "health-listen",
        "ADDR",
        false,
        "While waiting and migrating answer GET /livez (200) and /readyz (503) here, for example 0.0.0.0:8080 or \
         :8080; closed before COMMAND starts [default: off]",
    ),
    option(
        HEALTH,
        "target",
        "TARGET",
        true,
        "Unhealthy unless this answers, once the application runs (repeatable; written as for --wait-for)",
    )
    .repeatable()
    .of("health"),
    option(
        HEALTH,
        "require",
        "WHAT",
        false,
        "What else it takes to be healthy once the application runs: none, database (it answers) or migrated (and \
         nothing is pending) [default: none]",
    )
    .of("health"),
    option(LOGS, "log-format", "FORMAT", false, "text or json, on stderr [default: text]"),
    option(LOGS, "log-level", "LEVEL", false, "error, warn, info, debug or trace [default: info]"),
];

#[cfg(test)]
mod tests {
    use super::{OPTIONS, variable};
    use std::collections::HashSet;

    #[test]
    fn a_variable_follows_from_its_flag() {
        assert_eq!(variable("database-password-command"), "CASTOFF_DATABASE_PASSWORD_COMMAND");
    }

    #[test]
    fn no_flag_is_there_twice() {
        let all: HashSet<&str> = OPTIONS.iter().map(|option| option.flag).collect();
        assert_eq!(all.len(), OPTIONS.len());
    }
}
