//! The `DATABASE_URL` for an application that was not given one.

use super::encoding::{encode, encode_path};
use crate::engine::Engine;
use crate::target::{Host, Secret, Target};

/// How to write it.
#[derive(Clone)]
pub(crate) enum Export {
    /// The application has its own, complete URL: this one, unless castoff was given it under its own name.
    Needless(Secret),
    /// A URL out of a file, as it stands there.
    AsItIs(Secret),
    /// Written anew.
    Anew {
        /// The scheme to keep, with its `+driver`; `None` for the engine's usual one.
        scheme: Option<String>,
        /// Whether user and password go behind the `?`.
        jdbc: bool,
        /// The parameters the sources gave.
        params: Vec<(String, String)>,
    },
}

impl Export {
    /// The URL of a target.
    pub(crate) fn url(&self, target: &Target) -> Option<Secret> {
        match self {
            Self::Needless(_) => None,
            Self::AsItIs(_) | Self::Anew { .. } => Some(self.in_any_case(target)),
        }
    }

    /// The URL of a target, for a command that castoff starts: as it was written, if it was written.
    pub(crate) fn in_any_case(&self, target: &Target) -> Secret {
        match self {
            Self::Needless(url) | Self::AsItIs(url) => url.clone(),
            Self::Anew { scheme, jdbc, params } => {
                Secret::new(write(target, scheme.as_deref(), *jdbc, params))
            }
        }
    }
}

fn write(target: &Target, scheme: Option<&str>, jdbc: bool, params: &[(String, String)]) -> String {
    let password = target.password.as_ref().map(|password| encode(password.expose()));
    let mut query: Vec<(String, String)> = Vec::new();
    let mut url = String::new();
    if jdbc {
        url.push_str("jdbc:");
    }
    let usual = match target.engine {
        Engine::Postgres => "postgresql",
        Engine::MySql => "mysql",
        Engine::Sqlite => return format!("sqlite://{}{}", encode_path(&target.database), join(params)),
    };
    url.push_str(scheme.unwrap_or(usual));
    url.push_str("://");
    if jdbc {
        query.push(("user".to_owned(), target.user.clone()));
        query.extend(
            target.password.as_ref().map(|password| ("password".to_owned(), password.expose().to_owned())),
        );
    } else {
        url.push_str(&encode(&target.user));
        if let Some(password) = password {
            url.push(':');
            url.push_str(&password);
        }
        url.push('@');
    }
    let mut places = Vec::new();
    for host in &target.hosts {
        match host {
            Host::Tcp(..) => places.push(host.to_string().replace('%', "%25")),
            // URL parsers want a host; the parameter comes first everywhere.
            Host::Unix(path, port) => {
                places.push(format!("localhost:{port}"));
                let key = if target.engine == Engine::MySql { "socket" } else { "host" };
                query.push((key.to_owned(), path.to_string_lossy().into_owned()));
            }
        }
    }
    url.push_str(&places.join(","));
    url.push('/');
    url.push_str(&encode(&target.database));
    query.extend(params.iter().cloned());
    url.push_str(&join(&query));
    url
}

fn join(params: &[(String, String)]) -> String {
    let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}
