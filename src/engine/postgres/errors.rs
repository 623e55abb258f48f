//! What PostgreSQL's and PgBouncer's errors mean for somebody who waits: one table.
//!
//! Keyed by SQLSTATE (PostgreSQL, appendix A), then by PgBouncer's message, since it says 08P01 for everything,
//! then by what the network and TLS layers say. The unknown is "not yet" until the deadline, and is quoted.

use sqlx::postgres::{PgDatabaseError, PgErrorPosition, PgSeverity};

use crate::engine::network;
use crate::engine::{DbError, Verdict};

/// When an error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the session was usable.
    Connecting,
    /// On a session that worked.
    Working,
}

/// SQLSTATEs of a refused start, by what a waiter should do.
const CONNECTING: &[(&str, Verdict, Option<&str>)] = &[
    ("53300", Verdict::Crowded, None),
    // invalid_password, invalid_authorization_specification: also a missing role and a pg_hba.conf without an entry.
    ("28P01", Verdict::Credentials, Some("check the user and the password")),
    (
        "28000",
        Verdict::Credentials,
        Some("check that the role exists and that pg_hba.conf admits it from here"),
    ),
    (
        "3D000",
        Verdict::NoDatabase,
        Some("create the database, or let castoff do it with --create-database (CASTOFF_CREATE_DATABASE)"),
    ),
    ("42501", Verdict::Never, Some("grant the role CONNECT on the database")),
    // A startup parameter the server knows and rejects.
    ("22023", Verdict::Never, Some("a parameter in the URL's options has a value the server refuses")),
    ("42704", Verdict::Never, Some("a parameter in the URL's options is unknown to the server")),
];

/// PgBouncer's refusals, all sent as 08P01. Part of the message → verdict.
///
/// From `src/client.c`, `src/objects.c` and `src/sbuf.c` of PgBouncer 1.18; whatever is not here is "not yet": a
/// server that is down, `query_wait_timeout`, `client_login_timeout`, `max_client_conn`.
const PGBOUNCER: &[(&str, Verdict, Option<&str>)] = &[
    ("no such database", Verdict::NoDatabase, Some("add the database to pgbouncer.ini")),
    ("does not exist", Verdict::NoDatabase, Some("add the database to pgbouncer.ini, or create it")),
    ("no such user", Verdict::Credentials, Some("add the user to PgBouncer's auth_file")),
    ("password authentication failed", Verdict::Credentials, Some("check the user and the password")),
    ("SASL authentication failed", Verdict::Credentials, Some("check the user and the password")),
    ("auth failed", Verdict::Credentials, Some("check the user and the password")),
    ("login rejected", Verdict::Credentials, Some("check PgBouncer's auth_hba_file")),
    ("SSL required", Verdict::Never, Some("PgBouncer requires TLS: set sslmode=require or stricter")),
    ("not allowed", Verdict::Credentials, Some("check PgBouncer's auth_hba_file")),
];

/// `lock_not_available`: a lock's limit has passed, or a statement asked for it with NOWAIT.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The server's function that ends a statement whose `lock_timeout` has passed (`src/backend/tcop/postgres.c`); NOWAIT
/// is refused elsewhere.
const LIMIT_PASSED: &str = "ProcessInterrupts";

/// Sorts an error of sqlx.
pub(super) fn classify(error: &sqlx::Error, stage: Stage) -> DbError {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => server(error, stage),
            None => DbError { message: database.message().to_owned(), ..DbError::default() },
        },
        other => network::classify(other, stage == Stage::Connecting),
    }
}

fn server(error: &PgDatabaseError, stage: Stage) -> DbError {
    let code = error.code();
    let message = error.message();
    let (verdict, hint) = match error.severity() {
        // After either the server ends the session, whatever the reason.
        PgSeverity::Fatal | PgSeverity::Panic if stage == Stage::Working => (Verdict::Lost, None),
        _ => verdict(code, message, stage),
    };
    DbError {
        verdict,
        code: Some(code.to_owned()),
        message: message.to_owned(),
        detail: error.detail().map(str::to_owned),
        hint: hint.map(str::to_owned).or_else(|| error.hint().map(str::to_owned)),
        offset: match error.position() {
            // Positions count from 1.
            Some(PgErrorPosition::Original(position)) => position.checked_sub(1),
            _ => None,
        },
        left_nothing: false,
        lock_timeout: code == LOCK_NOT_AVAILABLE && error.routine().is_none_or(|name| name == LIMIT_PASSED),
    }
}

fn verdict(code: &str, message: &str, stage: Stage) -> (Verdict, Option<&'static str>) {
    // 57P01–57P05: the server ended the session (shutdown, crash, idle session, dropped database).
    if code.starts_with("57P") {
        let verdict = if stage == Stage::Working { Verdict::Lost } else { Verdict::NotYet };
        return (verdict, None);
    }
    if stage == Stage::Working {
        // 08xxx on a session that worked: a pooler lost its server.
        let verdict = match code {
            _ if code.starts_with("08") => Verdict::Lost,
            // Resources, serialization, a lock or statement timeout of the role: another moment, another answer.
            LOCK_NOT_AVAILABLE | "57014" | "40001" | "40P01" => Verdict::NotYet,
            _ if code.starts_with("53") => Verdict::NotYet,
            _ => Verdict::Statement,
        };
        return (verdict, None);
    }
    if code == "08P01" {
        return PGBOUNCER
            .iter()
            .find(|(part, ..)| message.contains(part))
            .map_or((Verdict::NotYet, None), |(_, verdict, hint)| (*verdict, *hint));
    }
    if code == "28000" && message.contains("no encryption") {
        return (
            Verdict::Credentials,
            Some("the server admits only encrypted connections: set sslmode=require or stricter"),
        );
    }
    CONNECTING
        .iter()
        .find(|(state, ..)| *state == code)
        .map_or((Verdict::NotYet, None), |(_, verdict, hint)| (*verdict, *hint))
}

/// Whether a pooler refused the startup options: PgBouncer with 08P01, RDS Proxy with 0A000.
pub(super) fn refuses_startup_options(error: &DbError) -> bool {
    let message = error.message.to_lowercase();
    matches!(error.code.as_deref(), Some("08P01" | "0A000"))
        && (message.contains("startup parameter")
            || message.contains("startup option")
            || message.contains("command-line options"))
}

/// Whether a server refused one run-time parameter by its name.
pub(super) fn refuses_setting(error: &DbError, name: &str) -> bool {
    error.code.as_deref() == Some("42704") && error.message.contains(name)
}

/// Whether libpq's `prefer` would try again without TLS: the handshake failed, or the server admits us only unencrypted.
pub(super) fn may_pass_unencrypted(error: &DbError) -> bool {
    network::is_tls(error) || error.code.as_deref() == Some("28000")
}

#[cfg(test)]
mod tests {
    use super::{Stage, verdict};
    use crate::engine::Verdict;

    #[test]
    fn a_server_that_starts_or_is_full_is_not_ready_yet() {
        assert_eq!(verdict("53300", "", Stage::Connecting).0, Verdict::Crowded);
        for code in ["57P03", "57P01", "XX000", "55000"] {
            assert_eq!(verdict(code, "", Stage::Connecting).0, Verdict::NotYet, "{code}");
        }
    }

    #[test]
    fn wrong_credentials_and_a_missing_database_are_told_apart() {
        assert_eq!(verdict("28P01", "", Stage::Connecting).0, Verdict::Credentials);
        assert_eq!(verdict("28000", "", Stage::Connecting).0, Verdict::Credentials);
        assert_eq!(verdict("3D000", "", Stage::Connecting).0, Verdict::NoDatabase);
    }

    #[test]
    fn pgbouncer_is_sorted_by_its_message() {
        let cases = [
            ("no such database: app", Verdict::NoDatabase),
            ("password authentication failed", Verdict::Credentials),
            ("no more connections allowed (max_client_conn)", Verdict::NotYet),
            ("server login has been failing, try again later (server_login_retry)", Verdict::NotYet),
            ("query_wait_timeout", Verdict::NotYet),
            ("SSL required", Verdict::Never),
        ];
        for (message, expected) in cases {
            assert_eq!(verdict("08P01", message, Stage::Connecting).0, expected, "{message}");
        }
    }

    #[test]
    fn a_shutdown_in_the_middle_of_work_is_a_lost_connection() {
        assert_eq!(verdict("57P01", "", Stage::Working).0, Verdict::Lost);
        assert_eq!(verdict("55P03", "", Stage::Working).0, Verdict::NotYet);
        assert_eq!(verdict("42601", "", Stage::Working).0, Verdict::Statement);
    }
}
