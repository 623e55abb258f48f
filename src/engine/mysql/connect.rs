//! Opening a MySQL or MariaDB session: hosts, TLS as libpq defines its modes, and nothing sent behind our back.

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{ConnectOptions as _, Connection, Row as _};

use super::errors::{self, Stage};
use crate::engine::certificates::{self, Certificates};
use crate::engine::{ConnectOptions, DbError, Verdict, network};
use crate::target::{Host, Secret, Target, TlsMode};

/// Tries the hosts in order and returns the first that is what the target asks for.
///
/// # Errors
///
/// The last host's error.
pub(super) async fn open(target: &Target, options: &ConnectOptions) -> Result<MySqlConnection, DbError> {
    let certificates = certificates::load(target, &options.system_roots)?;
    let mut last = DbError { message: "no host is configured".into(), ..DbError::default() };
    for host in &target.hosts {
        match open_host(target, host, &certificates).await {
            Ok(mut connection) => match unsuitable(target, &mut connection).await {
                None => return Ok(connection),
                Some(reason) => {
                    last = DbError { message: target.of_host(host, reason), ..DbError::default() };
                    let _ = connection.close().await;
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
async fn unsuitable(target: &Target, connection: &mut MySqlConnection) -> Option<&'static str> {
    if !target.is_choosy() {
        return None;
    }
    let sql = "SELECT @@GLOBAL.read_only + @@GLOBAL.innodb_read_only";
    let row = sqlx::raw_sql(sql).fetch_one(connection).await.ok()?;
    target.unsuitable(row.try_get_unchecked::<&[u8], _>(0).ok()? != b"0")
}

/// One host, with the second try in the other encryption that libpq defines for `prefer` and `allow`.
async fn open_host(
    target: &Target,
    host: &Host,
    certificates: &Certificates,
) -> Result<MySqlConnection, DbError> {
    let open = async |mode| connect_options(target, host, certificates, mode).connect().await;
    let classify = |error: &sqlx::Error| errors::classify(error, Stage::Connecting);
    let mode = match target.tls.mode {
        _ if matches!(host, Host::Unix(..)) => MySqlSslMode::Disabled,
        TlsMode::Disable | TlsMode::Allow => MySqlSslMode::Disabled,
        TlsMode::Prefer => MySqlSslMode::Preferred,
        TlsMode::Require => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let refused = match open(mode).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let first = classify(&refused);
    match mode {
        MySqlSslMode::Preferred if may_be_the_encryption(&refused) => {
            open(MySqlSslMode::Disabled).await.map_err(|error| match classify(&error) {
                second if network::is_tls(&first) => DbError {
                    message: format!("{} (unencrypted, since TLS failed: {})", second.message, first.message),
                    hint: first.hint.or(second.hint),
                    ..second
                },
                second => second,
            })
        }
        MySqlSslMode::Disabled if target.tls.mode == TlsMode::Allow && wants_tls(&first) => {
            open(MySqlSslMode::Required).await.map_err(|error| match classify(&error) {
                second if network::is_tls(&second) => first,
                second => second,
            })
        }
        _ => Err(first),
    }
}

/// Whether a connection may have failed because of its encryption: sqlx does not say in which part of the handshake a
/// server hung up.
fn may_be_the_encryption(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionReset | InvalidData | UnexpectedEof)
        }
        _ => false,
    }
}

/// Whether a server that refused an unencrypted connection may admit an encrypted one: 1045 (and 1698) is also what an
/// account with REQUIRE SSL answers and what MariaDB's `require_secure_transport` does, 3159 is MySQL's.
fn wants_tls(error: &DbError) -> bool {
    error.verdict == Verdict::Credentials || error.code.as_deref() == Some("3159")
}

/// sqlx's options with nothing left to its defaults: no `SET` after the handshake, no statement in any log.
fn connect_options(
    target: &Target,
    host: &Host,
    certificates: &Certificates,
    mode: MySqlSslMode,
) -> MySqlConnectOptions {
    let encrypted = !matches!(mode, MySqlSslMode::Disabled | MySqlSslMode::Preferred);
    let mut connect = MySqlConnectOptions::new()
        .username(&target.user)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .ssl_mode(mode)
        // IAM, PAM and LDAP accounts; the mode makes sure that no network sees the password.
        .enable_cleartext_plugin(encrypted)
        .disable_statement_logging();
    connect = match host {
        Host::Tcp(name, port) => connect.host(name).port(*port),
        Host::Unix(socket, _) => connect.socket(socket),
    };
    if !target.database.is_empty() {
        connect = connect.database(&target.database);
    }
    // sqlx answers an empty password with a hash of it, which no account without a password accepts.
    if let Some(password) = target.password.as_ref().map(Secret::expose).filter(|it| !it.is_empty()) {
        connect = connect.password(password);
    }
    if let Some(root) = &certificates.root {
        connect = connect.ssl_ca_from_pem(root.clone());
    }
    if let Some((certificate, key)) = &certificates.client {
        connect = connect.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
    }
    connect
}
