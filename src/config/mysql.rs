//! A MySQL or MariaDB target out of what the sources say.

use std::path::Path;

use super::layer::Layer;
use super::parameters::{GolangMigrate, Params, golang_migrate, refuse_postgres_only};
use super::report::Report;
use super::tls::{self, Places};
use crate::engine::Engine;
use crate::target::{Host, Secret, SessionAttrs, Target, Tls, TlsMode};

/// What a URL's parameters say of the user (JDBC) and the socket.
pub(crate) fn place_from_params(layer: &mut Layer, report: &mut Report) {
    let mut params = Params::new(std::mem::take(&mut layer.params));
    // Prisma and Rails; SQLAlchemy and PyMySQL; MariaDB Connector/J.
    if let Some(param) = params.take_any(&["socket", "unixsocket", "localsocket"], report) {
        // Prisma's documentation writes it in parentheses.
        let path = param.value.trim_matches(['(', ')']);
        if path.starts_with('/') {
            layer.hosts = vec![(path.to_owned(), None)];
        } else {
            report.mistake(
                param.mistake("is not an absolute path; write for example socket=/run/mysqld/mysqld.sock"),
            );
        }
    }
    for (key, slot) in [("user", &mut layer.user), ("password", &mut layer.password)] {
        if let Some(param) = params.take(key, report) {
            *slot = Some(param.value);
        }
    }
    layer.params = params.into_rest();
}

/// The target, and what golang-migrate's parameters say.
pub(crate) fn target(layer: Layer, directory: &Path, report: &mut Report) -> Option<(Target, GolangMigrate)> {
    const DEFAULT: u16 = 3306;
    let mut params = Params::new(layer.params);
    let tls = tls::mysql(&mut params, Places { directory, home: None }, report);
    refuse_postgres_only(&mut params, "MySQL", report);
    let golang_migrate = golang_migrate(&mut params, report);
    params.ignore_rest(report);
    let fallback = layer.ports.first().copied().unwrap_or(DEFAULT);
    let hosts: Vec<Host> = if layer.hosts.is_empty() {
        vec![Host::Tcp("localhost".to_owned(), fallback)]
    } else {
        layer
            .hosts
            .into_iter()
            .enumerate()
            .map(|(at, (name, own))| {
                let port = own.or_else(|| layer.ports.get(at).copied()).unwrap_or(fallback);
                if name.starts_with('/') { Host::Unix(name.into(), port) } else { Host::Tcp(name, port) }
            })
            .collect()
    };
    // Preferring TLS on a socket protects nothing and needs a host's name.
    let tls = match tls.mode {
        TlsMode::Prefer if hosts.iter().all(|host| matches!(host, Host::Unix(..))) => {
            Tls { mode: TlsMode::Disable, ..Tls::default() }
        }
        _ => tls,
    };
    if layer.user.is_none() {
        report.mistake("no user name for the database: set CASTOFF_DATABASE_USER, or write it into the URL");
    }
    if layer.name.is_none() {
        report.mistake("no name of a database: set CASTOFF_DATABASE_NAME, or write it at the end of the URL");
    }
    let target = Target {
        engine: Engine::MySql,
        hosts,
        database: layer.name?,
        user: layer.user?,
        password: layer.password.map(Secret::new),
        tls,
        settings: vec![],
        schema: None,
        session_attrs: SessionAttrs::Unset,
    };
    Some((target, golang_migrate))
}
