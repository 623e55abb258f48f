//! Opening a PostgreSQL session: hosts, TLS as libpq defines it, and the startup parameter that a pooler drops.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection, Row as _};

use super::errors;
use crate::config::target::{Host, SessionAttrs, Target, TlsMode, TlsRoot};
use crate::engine::{ConnectOptions, DbError, Verdict};

/// A session and what was learned from the way it was opened.
pub(super) struct Opened {
    pub(super) connection: PgConnection,
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
    for host in &target.hosts {
        match open_host(target, host, options).await {
            Ok(mut opened) => match unsuitable(target, &mut opened.connection).await {
                None => return Ok(opened),
                Some(reason) => {
                    last = DbError { message: format!("{host}: {reason}"), ..DbError::default() };
                    let _ = opened.connection.close().await;
                }
            },
            Err(error) => {
                let message = format!("{host}: {}", error.message);
                last = DbError { message, ..error };
            }
        }
    }
    Err(last)
}

/// Why a server of a host list is not the one wanted; a single host is judged by the caller.
async fn unsuitable(target: &Target, connection: &mut PgConnection) -> Option<&'static str> {
    if target.hosts.len() < 2 {
        return None;
    }
    let wants_writes = match target.session_attrs {
        SessionAttrs::Unset | SessionAttrs::ReadWrite => true,
        SessionAttrs::ReadOnly => false,
        SessionAttrs::Any | SessionAttrs::PreferStandby => return None,
    };
    let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await.ok()?;
    let read_only = row.try_get_raw(0).ok()?.as_str().ok()? == "on";
    match (wants_writes, read_only) {
        (true, true) => Some("session is read-only"),
        (false, false) => Some("session is not read-only"),
        _ => None,
    }
}

/// One host, with libpq's second try in the other encryption for `prefer` and `allow`.
async fn open_host(target: &Target, host: &Host, options: &ConnectOptions) -> Result<Opened, DbError> {
    if matches!(host, Host::Unix(..)) {
        return open_session(target, host, options, PgSslMode::Disable).await;
    }
    match target.tls.mode {
        TlsMode::Disable => open_session(target, host, options, PgSslMode::Disable).await,
        TlsMode::Allow => match open_session(target, host, options, PgSslMode::Disable).await {
            Err(error) if error.verdict == Verdict::Credentials => {
                open_session(target, host, options, PgSslMode::Require).await.map_err(|_| error)
            }
            result => result,
        },
        TlsMode::Prefer => match open_session(target, host, options, PgSslMode::Prefer).await {
            Err(error) if errors::may_pass_unencrypted(&error) => {
                open_session(target, host, options, PgSslMode::Disable).await.map_err(|_| error)
            }
            result => result,
        },
        TlsMode::Require => open_session(target, host, options, PgSslMode::Require).await,
        TlsMode::VerifyCa => open_session(target, host, options, PgSslMode::VerifyCa).await,
        TlsMode::VerifyFull => open_session(target, host, options, PgSslMode::VerifyFull).await,
    }
}

/// One session. A pooler that refuses the startup options gets a second try without them.
async fn open_session(
    target: &Target,
    host: &Host,
    options: &ConnectOptions,
    mode: PgSslMode,
) -> Result<Opened, DbError> {
    let plain = connect_options(target, host, options, mode);
    let nonce = format!("{:016x}", fastrand::u64(..));
    let settings = target.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let with_nonce = plain.clone().options(settings.clone().chain([("castoff.nonce", nonce.as_str())]));
    let error = match with_nonce.connect().await {
        Ok(connection) => return Ok(Opened { connection, nonce: Nonce::Sent(nonce) }),
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
        Ok(connection) => Ok(Opened { connection, nonce }),
        Err(error) => Err(errors::classify(&error, errors::Stage::Connecting)),
    }
}

/// sqlx's options with nothing left to its defaults: it is given only what it knows, and logs no statement.
fn connect_options(
    target: &Target,
    host: &Host,
    options: &ConnectOptions,
    mode: PgSslMode,
) -> PgConnectOptions {
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
    connect = match &target.tls.root {
        TlsRoot::Unset => connect,
        TlsRoot::System => connect.ssl_root_cert_from_pem(options.system_roots.clone()),
        TlsRoot::File(path) => connect.ssl_root_cert(path),
    };
    if let Some(certificate) = &target.tls.certificate {
        connect = connect.ssl_client_cert(certificate);
    }
    if let Some(key) = &target.tls.key {
        connect = connect.ssl_client_key(key);
    }
    connect
}
