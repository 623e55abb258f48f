//! A PostgreSQL target out of what the sources say, missing parts filled as libpq fills them.

use std::path::{Path, PathBuf};

use super::hosts::{self, HostPort};
use super::layer::Layer;
use super::parameters::{GolangMigrate, Param, Params, golang_migrate};
use super::report::{Report, shown};
use super::tls::{self, Places};
use super::values::port;
use crate::engine::Engine;
use crate::environment::Environment;
use crate::target::pg_options;
use crate::target::{Host, Secret, SessionAttrs, Target, Tls, TlsMode};

/// libpq's compiled-in port.
const DEFAULT_PORT: u16 = 5432;

/// libpq's variables for parameters (`PQconninfoOptions`); those for host, port, user, password and database apart.
const VARIABLES: &[(&str, &str)] = &[
    ("PGSSLMODE", "sslmode"),
    ("PGREQUIRESSL", "requiressl"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGOPTIONS", "options"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

/// Whether libpq's variables name a server by themselves. A user name or a password alone does not: images set those
/// for other purposes.
pub(crate) fn named_by(environment: &Environment) -> bool {
    ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"].iter().any(|name| environment.get(name).is_some())
}

/// What libpq's variables say, each by itself: libpq fills a URL's missing port from `PGPORT` whatever `PGHOST` says.
///
/// What is not needed is not read: a complete URL is not refused for them.
pub(crate) fn from_variables(environment: &Environment, layer: &Layer, report: &mut Report) -> Vec<Layer> {
    let text = |name: &str| environment.get(name).and_then(|value| value.to_str()).map(str::to_owned);
    let named = |name: &'static str| text(name).map(|value| (name, value));
    let needs_host = layer.hosts.is_empty();
    let needs_port =
        layer.ports.is_empty() && (needs_host || layer.hosts.iter().any(|(_, port)| port.is_none()));
    let by_name = Params::new(layer.params.clone()).has("sslmode", "verify-full")
        || text("PGSSLMODE").as_deref() == Some("verify-full");
    let (host, address) = (named("PGHOST"), named("PGHOSTADDR"));
    let chosen = if by_name { host.or(address) } else { address.or(host) };
    let (origin, host) = chosen.filter(|_| needs_host).unwrap_or_default();
    let port = text("PGPORT").filter(|_| needs_port).unwrap_or_default();
    let hosts = hosts::parse_plain(&host).map_err(|why| format!("{origin}: {why}"));
    let ports = ports(&port).map_err(|why| format!("PGPORT: {why}"));
    let param = |(variable, name): &(&str, &str)| {
        Some(Param { name: (*name).to_owned(), value: text(variable)?, origin: (*variable).to_owned() })
    };
    vec![
        Layer { hosts: report.accept(hosts).unwrap_or_default(), ..Layer::of(origin) },
        Layer { ports: report.accept(ports).unwrap_or_default(), ..Layer::of("PGPORT") },
        Layer { user: text("PGUSER"), ..Layer::of("PGUSER") },
        Layer { password: text("PGPASSWORD"), ..Layer::of("PGPASSWORD") },
        Layer { name: text("PGDATABASE"), ..Layer::of("PGDATABASE") },
        Layer { params: VARIABLES.iter().filter_map(param).collect(), ..Layer::default() },
    ]
}

/// libpq's port list.
pub(crate) fn ports(list: &str) -> Result<Vec<u16>, String> {
    list.split(',').filter(|number| !number.is_empty()).map(port).collect()
}

/// What a URL's parameters say of the place and the user, which libpq takes before what stands in front of the `?`.
///
/// `hostaddr` comes before the host, as in libpq, where it saves a look-up. Only a certificate that is checked against
/// the host's name needs the name, and then that is looked up.
pub(crate) fn place_from_params(layer: &mut Layer, report: &mut Report) {
    let mut params = Params::new(std::mem::take(&mut layer.params));
    if let Some(param) = params.take("service", report) {
        report
            .mistake(param.mistake("names a service file, which castoff does not read: write the host here"));
    }
    let host = params.take("host", report);
    let address = params.take("hostaddr", report);
    let by_name = params.has("sslmode", "verify-full") && (host.is_some() || !layer.hosts.is_empty());
    if let Some(param) = if by_name { host } else { address.or(host) } {
        // libpq keeps the ports that stand before the `?` for the hosts behind it.
        if layer.hosts.iter().any(|(_, port)| port.is_some()) {
            layer.ports = layer.hosts.iter().map(|(_, port)| port.unwrap_or(DEFAULT_PORT)).collect();
        }
        let parsed =
            hosts::parse_plain(&param.value).map_err(|why| param.mistake(&format!("is no host: {why}")));
        layer.hosts = report.accept(parsed).unwrap_or_default();
    }
    if let Some(param) = params.take("port", report) {
        layer.ports =
            report.accept(ports(&param.value).map_err(|why| param.mistake(&why))).unwrap_or_default();
    }
    for (key, slot) in
        [("user", &mut layer.user), ("password", &mut layer.password), ("dbname", &mut layer.name)]
    {
        if let Some(param) = params.take(key, report) {
            *slot = Some(param.value);
        }
    }
    layer.params = params.into_rest();
}

/// The target, and what golang-migrate's parameters say.
pub(crate) fn target(
    layer: Layer,
    jdbc: bool,
    environment: &Environment,
    directory: &Path,
    report: &mut Report,
) -> Option<(Target, GolangMigrate)> {
    let user = layer.user.or_else(system_user);
    let hosts = addresses(layer.hosts, &layer.ports, report);
    let mut params = Params::new(layer.params);
    let home = environment.get("HOME").map(PathBuf::from);
    let places = Places { directory, home: home.as_deref() };
    let tls = if hosts.iter().all(|host| matches!(host, Host::Unix(..))) {
        // libpq ignores everything about TLS on unix sockets.
        tls::postgres(&mut params, jdbc, places, &mut Report::default());
        Tls { mode: TlsMode::Disable, ..Tls::default() }
    } else {
        tls::postgres(&mut params, jdbc, places, report)
    };
    let session_attrs = session_attrs(&mut params, report);
    let (settings, schema) = settings(&mut params, report);
    let golang_migrate = golang_migrate(&mut params, report);
    params.ignore_rest(report);
    let Some(user) = user else {
        report.mistake("no user name for the database: set CASTOFF_DATABASE_USER, or write it into the URL");
        return None;
    };
    let target = Target {
        engine: Engine::Postgres,
        hosts,
        database: layer.name.unwrap_or_else(|| user.clone()),
        user,
        password: layer.password.map(Secret::new),
        tls,
        settings,
        schema,
        session_attrs,
    };
    Some((target, golang_migrate))
}

/// As libpq: the name of the user we run as.
fn system_user() -> Option<String> {
    nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name)
}

/// Each host with its port; without any, the socket that is there, else localhost.
fn addresses(hosts: Vec<HostPort>, ports: &[u16], report: &mut Report) -> Vec<Host> {
    let single = match ports {
        [] => DEFAULT_PORT,
        [only] => *only,
        several if several.len() == hosts.len() => DEFAULT_PORT,
        several => {
            report.mistake(format!(
                "{} ports for {} hosts: give one, or one for each",
                several.len(),
                hosts.len()
            ));
            DEFAULT_PORT
        }
    };
    if hosts.is_empty() {
        // libpq's compiled-in directory: Debian's, then PostgreSQL's own.
        let socket = ["/var/run/postgresql", "/tmp"]
            .into_iter()
            .find(|directory| Path::new(directory).join(format!(".s.PGSQL.{single}")).exists());
        return vec![match socket {
            Some(directory) => Host::Unix(directory.into(), single),
            None => Host::Tcp("localhost".to_owned(), single),
        }];
    }
    let listed = if ports.len() == hosts.len() { ports } else { &[] };
    hosts
        .into_iter()
        .enumerate()
        .map(|(at, (name, own))| {
            let port = own.or_else(|| listed.get(at).copied()).unwrap_or(single);
            if name.starts_with('/') { Host::Unix(name.into(), port) } else { Host::Tcp(name, port) }
        })
        .collect()
}

fn session_attrs(params: &mut Params, report: &mut Report) -> SessionAttrs {
    let libpq = params.take("targetsessionattrs", report);
    // pgjdbc's name for it.
    let jdbc = params.take("targetservertype", report);
    let Some(param) = libpq.or(jdbc) else { return SessionAttrs::Unset };
    match param.value.as_str() {
        "any" => SessionAttrs::Any,
        "read-write" | "primary" | "master" => SessionAttrs::ReadWrite,
        "read-only" | "standby" | "secondary" | "slave" => SessionAttrs::ReadOnly,
        "prefer-standby" | "preferSecondary" | "preferSlave" => SessionAttrs::PreferStandby,
        _ => {
            report
                .mistake(param.not_one_of("any, read-write, read-only, primary, standby or prefer-standby"));
            SessionAttrs::Unset
        }
    }
}

/// The session's settings, and Prisma's schema.
fn settings(params: &mut Params, report: &mut Report) -> (Vec<(String, String)>, Option<String>) {
    let mut settings = Vec::new();
    if let Some(param) = params.take("options", report) {
        let parsed = pg_options::parse(&param.value).map_err(|why| param.mistake(&why));
        settings.extend(report.accept(parsed).unwrap_or_default());
    }
    // sqlx's options[name]=value
    for param in params.take_prefixed("options[") {
        let name =
            param.name.strip_prefix("options[").and_then(|name| name.strip_suffix(']')).unwrap_or_default();
        settings.push((name.to_owned(), param.value.clone()));
    }
    let schema = params.take("schema", report);
    let quoted = schema.as_ref().map(|param| format!("\"{}\"", param.value.replace('"', "\"\"")));
    let paths = [
        params.take("searchpath", report).map(|param| param.value),
        params.take("currentschema", report).map(|param| param.value),
        quoted,
    ];
    settings.extend(paths.into_iter().flatten().map(|path| ("search_path".to_owned(), path)));
    let mut searched = settings.iter().filter(|(name, _)| name == "search_path").map(|(_, path)| path);
    if let Some(first) = searched.next()
        && let Some(other) = searched.find(|other| plain(other) != plain(first))
    {
        report.mistake(format!(
            "the database's URL chooses the schema twice, {} and {}: keep one of schema, search_path, currentSchema \
             and options",
            shown(first),
            shown(other)
        ));
    }
    let mut seen = false;
    settings.retain(|(name, _)| name != "search_path" || !std::mem::replace(&mut seen, true));
    (settings, schema.map(|param| param.value))
}

/// A search path as far as two ways of writing the same one go.
fn plain(path: &str) -> String {
    path.replace(['"', ' '], "")
}
