//! What `health` looks at, and where probes are answered.

use std::net::IpAddr;
use std::path::Path;

use super::report::{Report, shown};
use super::settings::Settings;
use super::sqlite::Folders;
use super::values::{choice, port};
use super::wait_for::{self, WaitTarget};
use crate::environment::Environment;

/// What it takes to be healthy, once the application runs.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// What has to answer.
    pub targets: Vec<WaitTarget>,
    /// What is asked of the database.
    pub require: Require,
}

/// What `--require` asks of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// Nothing: it is reported and not judged, so that one failover does not restart a fleet.
    #[default]
    None,
    /// That it answers.
    Database,
    /// And that nothing is pending.
    Migrated,
}

/// An address to listen at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address; `None` for every address this machine has.
    pub host: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// `0.0.0.0:8080`, `[::1]:8080`, `:8080`.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    let wrong = || {
        format!(
            "{} is not an address to listen at; write for example 0.0.0.0:8080, [::1]:8080 or :8080",
            shown(text)
        )
    };
    let (host, number) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port(number)?;
    let host = match host {
        "" | "*" => None,
        host => {
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let address: IpAddr = bare.unwrap_or(host).parse().map_err(|_| wrong())?;
            if bare.is_some() != address.is_ipv6() {
                return Err(wrong());
            }
            Some(address)
        }
    };
    Ok(Listen { host, port })
}

/// What `health` was told; no other task has these options.
pub(super) fn health(
    settings: &Settings<'_>,
    folders: &Folders,
    directory: &Path,
    environment: &Environment,
    report: &mut Report,
) -> Health {
    let places = wait_for::sources("target", settings, directory, report);
    let targets = wait_for::collect(places, settings, folders, environment, report);
    let words = [("none", Require::None), ("database", Require::Database), ("migrated", Require::Migrated)];
    let require = settings.parse("require", |text| choice(text, &words), report).unwrap_or_default();
    Health { targets, require }
}

#[cfg(test)]
mod tests {
    use super::{Listen, listen};

    #[test]
    fn an_address_may_leave_out_its_host() {
        assert_eq!(listen(":8080"), Ok(Listen { host: None, port: 8080 }));
        assert_eq!(listen("*:8080"), Ok(Listen { host: None, port: 8080 }));
        for text in ["0.0.0.0:80", "[::]:80", "127.0.0.1:65535", "[::1]:1"] {
            assert!(listen(text).is_ok_and(|listen| listen.host.is_some()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["8080", "localhost:8080", "::1:8080", "[127.0.0.1]:80", "0.0.0.0", ""] {
            assert!(listen(text).is_err_and(|why| why.contains(":8080")), "{text}");
        }
        for text in ["0.0.0.0:0", ":http", ":70000"] {
            assert!(listen(text).is_err_and(|why| why.contains("65535")), "{text}");
        }
    }
}
