//! Opening a PostgreSQL session: hosts, TLS as libpq defines it, and the startup parameter that a pooler drops.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection, Row as _};

use super::errors;
use crate::engine::certificates::{self, Certificates};
use crate::engine::{ConnectOptions, DbError, Verdict};
use crate::target::{Host, Target, TlsMode};

/// A session and what was learned from the way it was opened.
pub(super) struct Opened {
    pub(super) connection: PgConnection,
    /// The host of the list that it is.
    pub(super) host: Host,
    /// The nonce sent in the startup options, if the other side took it.
    pub(super) nonce: Nonce,
}

/// What became of `castoff.nonce`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nonce {
    /// Sent; whoever opened this session for us knows it.
    Sent(String),
    /// A server refused it by name, so there is no pooler in between.
    RefusedByServer,
    /// A pooler refused to pass startup options on, the user's own included.
    RefusedByPooler,
}

/// Tries the hosts in order, as libpq does, and returns the first that is what the target asks for.
///
/// # Errors
///
/// The last host's error.
pub(super) async fn open(target: &Target, options: &ConnectOptions) -> Result<Opened, DbError> {
    let mut last = DbError { message: "no host is configured".into(), ..DbError::default() };
    let certificates = certificates::load(target, &options.system_roots)?;
    let way = Way { target, options, certificates };
    for host in &target.hosts {
        match open_host(&way, host).await {
            Ok(mut opened) => match unsuitable(target, &mut opened.connection).await {
                None => return Ok(opened),
                Some(reason) => {
                    last = DbError { message: target.of_host(host, reason), ..DbError::default() };
                    let _ = opened.connection.close().await;
                }
            },
            Err(error) => {
                let message = target.of_host(host, &error.message);
                last = DbError { message, ..error };
            }
        }
    }
    Err(last)
}

/// Why a server of a host list is not the one wanted; a single host is judged by the caller.
async fn unsuitable(target: &Target, connection: &mut PgConnection) -> Option<&'static str> {
    if !target.is_choosy() {
        return None;
    }
    let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await.ok()?;
    target.unsuitable(row.try_get_raw(0).ok()?.as_str().ok()? == "on")
}

/// What every attempt of one call has in common.
struct Way<'a> {
    target: &'a Target,
    options: &'a ConnectOptions,
    certificates: Certificates,
}

/// One host, with libpq's second try in the other encryption for `prefer` and `allow`.
async fn open_host(way: &Way<'_>, host: &Host) -> Result<Opened, DbError> {
    if matches!(host, Host::Unix(..)) {
        return open_session(way, host, PgSslMode::Disable).await;
    }
    match way.target.tls.mode {
        TlsMode::Disable => open_session(way, host, PgSslMode::Disable).await,
        TlsMode::Allow => match open_session(way, host, PgSslMode::Disable).await {
            Err(error) if error.verdict == Verdict::Credentials => {
                open_session(way, host, PgSslMode::Require).await.map_err(|_| error)
            }
            result => result,
        },
        TlsMode::Prefer => match open_session(way, host, PgSslMode::Prefer).await {
            Err(error) if errors::may_pass_unencrypted(&error) => {
                open_session(way, host, PgSslMode::Disable).await.map_err(|_| error)
            }
            result => result,
        },
        TlsMode::Require => open_session(way, host, PgSslMode::Require).await,
        TlsMode::VerifyCa => open_session(way, host, PgSslMode::VerifyCa).await,
        TlsMode::VerifyFull => open_session(way, host, PgSslMode::VerifyFull).await,
    }
}

/// One session. A pooler that refuses the startup options gets a second try without them.
async fn open_session(way: &Way<'_>, host: &Host, mode: PgSslMode) -> Result<Opened, DbError> {
    let target = way.target;
    let plain = connect_options(way, host, mode);
    let nonce = format!("{:016x}", fastrand::u64(..));
    let settings = target.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let with_nonce = plain.clone().options(settings.clone().chain([("castoff.nonce", nonce.as_str())]));
    let error = match with_nonce.connect().await {
        Ok(connection) => {
            return Ok(Opened { connection, host: host.clone(), nonce: Nonce::Sent(nonce) });
        }
        Err(error) => errors::classify(&error, errors::Stage::Connecting),
    };
    let (again, nonce) = if errors::refuses_startup_options(&error) {
        (plain, Nonce::RefusedByPooler)
    } else if errors::refuses_setting(&error, "castoff.nonce") {
        (plain.options(settings), Nonce::RefusedByServer)
    } else {
        return Err(error);
    };
    match again.connect().await {
        Ok(connection) => Ok(Opened { connection, host: host.clone(), nonce }),
        Err(error) => Err(errors::classify(&error, errors::Stage::Connecting)),
    }
}

/// sqlx's options with nothing left to its defaults: it is given only what it knows, and logs no statement.
fn connect_options(way: &Way<'_>, host: &Host, mode: PgSslMode) -> PgConnectOptions {
    let Way { target, options, .. } = way;
    let mut connect = PgConnectOptions::new_without_pgpass()
        .username(&target.user)
        .database(&target.database)
        .application_name(&options.application_name)
        // PgBouncer refuses this parameter, and castoff reads no floats.
        .extra_float_digits(None)
        .ssl_mode(mode)
        .disable_statement_logging();
    connect = match host {
        Host::Tcp(name, port) => connect.host(name).port(*port),
        Host::Unix(directory, port) => connect.socket(directory).port(*port),
    };
    if let Some(password) = &target.password {
        connect = connect.password(password.expose());
    }
    if let Some(root) = &way.certificates.root {
        connect = connect.ssl_root_cert_from_pem(root.clone());
    }
    if let Some((certificate, key)) = &way.certificates.client {
        connect = connect.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
    }
    connect
}
