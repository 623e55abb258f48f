//! What a command finds in its environment: the way to the very database that castoff has locked, for drivers that read a
//! URL and for those that read variables.

use crate::engine::postgres::settings::durable;
use crate::environment::Environment;
use crate::target::pg_options;
use crate::target::{Engine, Host, Secret, SessionAttrs, Target, TlsMode, TlsRoot};

/// libpq's variables that come before the ones castoff sets, or in their place: an address that replaces the host, a
/// file that replaces everything.
const IN_THE_WAY: [&str; 3] = ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"];

/// The database as a command is told of it.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The way into it.
    pub target: &'a Target,
    /// The same as a URL, in the words of whoever wrote it.
    pub url: &'a Secret,
    /// The version as the server prints it, e.g. `15.20`.
    pub server_version: &'a str,
    /// Whether a session may bring run-time parameters along when it is opened; a pooler refuses that.
    pub takes_options: bool,
    /// The `application_name` by which the next castoff finds what is left of the command.
    pub application_name: &'a str,
}

/// The application's environment with the database in it. `home` is that of `--user`.
pub fn environment(own: &Environment, access: &Access<'_>, home: Option<&str>) -> Environment {
    let mut environment = own.clone();
    if let Some(home) = home {
        environment.set("HOME", home);
    }
    environment.set("DATABASE_URL", access.url.expose());
    match access.target.engine {
        Engine::Postgres => postgres(&mut environment, access),
        Engine::MySql => mysql(&mut environment, access.target),
        Engine::Sqlite => {}
    }
    environment
}

fn postgres(environment: &mut Environment, access: &Access<'_>) {
    let target = access.target;
    let address = |host: &Host| match host {
        Host::Tcp(name, port) => (name.clone(), port.to_string()),
        Host::Unix(directory, port) => (directory.to_string_lossy().into_owned(), port.to_string()),
    };
    let (hosts, ports): (Vec<String>, Vec<String>) = target.hosts.iter().map(address).unzip();
    *environment = environment.without(&IN_THE_WAY);
    environment.set("PGHOST", hosts.join(","));
    environment.set("PGPORT", ports.join(","));
    environment.set("PGUSER", &target.user);
    environment.set("PGDATABASE", &target.database);
    if let Some(password) = &target.password {
        environment.set("PGPASSWORD", password.expose());
    }
    encryption(environment, target);
    if let Some(attributes) = session_attributes(target) {
        environment.set("PGTARGETSESSIONATTRS", attributes);
    }
    environment.set("PGAPPNAME", access.application_name);
    if access.takes_options {
        let own = environment.get("PGOPTIONS").map(|own| own.to_string_lossy().into_owned());
        environment.set("PGOPTIONS", options(own.as_deref(), target, access.server_version));
    }
}

/// libpq's default is left to libpq: node-postgres takes a `prefer` that it is told for `require`.
fn encryption(environment: &mut Environment, target: &Target) {
    if target.hosts.iter().all(|host| matches!(host, Host::Unix(..))) {
        return;
    }
    let mode = match target.tls.mode {
        TlsMode::Disable => "disable",
        TlsMode::Allow => "allow",
        TlsMode::Prefer => "prefer",
        TlsMode::Require => "require",
        TlsMode::VerifyCa => "verify-ca",
        TlsMode::VerifyFull => "verify-full",
    };
    if target.tls.mode != TlsMode::Prefer || environment.get("PGSSLMODE").is_some() {
        environment.set("PGSSLMODE", mode);
    }
    match &target.tls.root {
        TlsRoot::Unset => {}
        TlsRoot::System => environment.set("PGSSLROOTCERT", "system"),
        TlsRoot::File(path) => environment.set("PGSSLROOTCERT", path),
    }
    for (name, path) in [("PGSSLCERT", &target.tls.certificate), ("PGSSLKEY", &target.tls.key)] {
        if let Some(path) = path {
            environment.set(name, path);
        }
    }
}

/// Which server of a list castoff chose, so that the command chooses the same.
fn session_attributes(target: &Target) -> Option<&'static str> {
    match target.session_attrs {
        SessionAttrs::Unset => target.is_choosy().then_some("read-write"),
        SessionAttrs::Any => Some("any"),
        SessionAttrs::ReadWrite => Some("read-write"),
        SessionAttrs::ReadOnly => Some("read-only"),
        SessionAttrs::PreferStandby => Some("prefer-standby"),
    }
}

/// What the user had, what the database's URL says, and what lets nothing of a dead command live on; whoever says
/// something first has said it.
fn options(own: Option<&str>, target: &Target, server_version: &str) -> String {
    let mut said = own.and_then(|own| pg_options::parse(own).ok()).unwrap_or_default();
    let mut words: Vec<String> = own.into_iter().map(|own| own.trim().to_owned()).collect();
    let durable = durable(version(server_version));
    let durable = durable.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    for (name, value) in target.settings.iter().cloned().chain(durable) {
        if !said.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            words.push(format!("-c {}", escape(&format!("{name}={value}"))));
            said.push((name, value));
        }
    }
    words.join(" ")
}

/// A word of libpq's `options`: a backslash takes the next character as it is.
fn escape(word: &str) -> String {
    let mut escaped = String::new();
    for letter in word.chars() {
        if letter == '\\' || letter.is_ascii_whitespace() {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// `server_version_num` as far as the major version goes: `15.20`, `17beta1`.
fn version(printed: &str) -> u32 {
    let major: String = printed.chars().take_while(char::is_ascii_digit).collect();
    major.parse::<u32>().unwrap_or(0).saturating_mul(10_000)
}

/// The names that `mysql` and its fellows read, and those that the frameworks' configurations read.
fn mysql(environment: &mut Environment, target: &Target) {
    match target.hosts.first() {
        Some(Host::Tcp(name, port)) => {
            environment.set("MYSQL_HOST", name);
            environment.set("MYSQL_TCP_PORT", port.to_string());
            environment.set("MYSQL_PORT", port.to_string());
            *environment = environment.without(&["MYSQL_UNIX_PORT"]);
        }
        Some(Host::Unix(socket, _)) => {
            environment.set("MYSQL_HOST", "localhost");
            environment.set("MYSQL_UNIX_PORT", socket);
        }
        None => {}
    }
    environment.set("MYSQL_USER", &target.user);
    environment.set("MYSQL_DATABASE", &target.database);
    if let Some(password) = &target.password {
        environment.set("MYSQL_PASSWORD", password.expose());
        environment.set("MYSQL_PWD", password.expose());
    }
}

#[cfg(test)]
mod tests;
