//! What the errors of MySQL and MariaDB mean for somebody who waits: one table.
//!
//! Keyed by error number (MySQL 8 "Server Error Message Reference", MariaDB "Error Codes"), where one number has
//! several meanings also by a part of the message, then by what the network and TLS layers say. While castoff asks
//! whether the server is ready, the unknown is "not yet" until the deadline, and is quoted.

use sqlx::mysql::MySqlDatabaseError;

use crate::engine::{DbError, Verdict, network};
use Verdict::{Credentials, Crowded, Lost, Never, NoDatabase, NotYet, Statement};

/// When an error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the session was usable.
    Connecting,
    /// While a usable session was asked whether the server is ready and what the history says.
    Reading,
    /// While it worked.
    Working,
}

/// One error number.
struct Meaning {
    number: u16,
    /// A part of the message, where the number alone has several meanings; empty where it has one.
    part: &'static str,
    /// Before anything is done: while connecting and reading.
    before: Verdict,
    /// While working.
    working: Verdict,
    hint: &'static str,
}

const fn meaning(number: u16, before: Verdict, working: Verdict, hint: &'static str) -> Meaning {
    Meaning { number, part: "", before, working, hint }
}

/// `ER_LOCK_WAIT_TIMEOUT`: of a metadata lock and of a row's alike.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

const GRANT: &str = "grant the user what it lacks";
const RAISE_PACKET: &str = "raise max_allowed_packet on the server, or split the file";
const TLS_NEEDED: &str = "the server admits only encrypted connections: set sslmode=require or stricter";

const TABLE: &[Meaning] = &[
    // Refused for now: slots exhausted, starting, stopping, not (yet) the primary.
    meaning(1040, Crowded, Lost, "the server's max_connections are in use"),
    meaning(1203, Crowded, Lost, "the account's max_user_connections are in use"),
    meaning(1226, Crowded, Statement, "the account has a resource limit (max_user_connections and its like)"),
    meaning(1047, NotYet, Statement, ""), // A Galera node that is not in the cluster.
    meaning(1836, NotYet, NotYet, ""),    // "Running in read-only mode"
    // The same number also refuses what --secure-file-priv and --skip-grant-tables forbid.
    Meaning { number: 1290, part: "read-only", before: NotYet, working: NotYet, hint: "" },
    Meaning { number: 1290, part: "read_only", before: NotYet, working: NotYet, hint: "" },
    meaning(3032, NotYet, Lost, "the server is in offline_mode"),
    // Who we are.
    meaning(
        1045,
        Credentials,
        Statement,
        "check the user, the password and the host the account is for; an account that requires TLS or a \
         client certificate refuses other connections in the same words",
    ),
    meaning(1698, Credentials, Statement, "check the user, the password and how the account authenticates"),
    meaning(1130, Never, Statement, "create the user for the host castoff connects from ('user'@'%')"),
    // Only FLUSH HOSTS or a restart of the server ends this, so waiting would only make it look like a slow server.
    meaning(
        1129,
        Never,
        Lost,
        "run mariadb-admin flush-hosts (mysqladmin flush-hosts) or raise max_connect_errors",
    ),
    meaning(
        1251,
        Never,
        Statement,
        "let the account authenticate with mysql_native_password or caching_sha2_password",
    ),
    meaning(
        1275,
        Never,
        Statement,
        "let the account authenticate with mysql_native_password or caching_sha2_password",
    ),
    meaning(1524, Never, Statement, "the server has not loaded the plugin this account authenticates with"),
    meaning(1820, Never, Statement, "the password has expired: set a new one with ALTER USER"),
    meaning(1862, Never, Statement, "the password has expired: set a new one with ALTER USER"),
    meaning(3118, Never, Statement, "unlock the account: ALTER USER … ACCOUNT UNLOCK"),
    meaning(3955, Never, Statement, "unlock the account: ALTER USER … ACCOUNT UNLOCK"),
    Meaning {
        number: 4151,
        part: "locked",
        before: Never,
        working: Statement,
        hint: "unlock the account: ALTER USER … ACCOUNT UNLOCK",
    },
    meaning(3159, Never, Statement, TLS_NEEDED),
    // What we may do, and on which database. MySQL denies a missing database to a user who may not know of it.
    meaning(1044, Never, Statement, "create the database and grant the user rights on it"),
    meaning(
        1049,
        NoDatabase,
        Statement,
        "create the database, or let castoff do it with --create-database (CASTOFF_CREATE_DATABASE)",
    ),
    meaning(1046, NoDatabase, Statement, "name the database in the URL"),
    meaning(1142, Never, Statement, GRANT),
    meaning(1143, Never, Statement, GRANT),
    meaning(1227, Never, Statement, GRANT),
    meaning(1370, Never, Statement, GRANT),
    // The server is ending this connection, or lost track of it.
    meaning(1053, NotYet, Lost, ""),
    meaning(1077, NotYet, Lost, ""),
    meaning(1079, NotYet, Lost, ""),
    meaning(1080, NotYet, Lost, ""),
    meaning(1152, NotYet, Lost, ""),
    meaning(1154, NotYet, Lost, ""),
    meaning(1155, NotYet, Lost, ""),
    meaning(1156, NotYet, Lost, ""),
    meaning(1157, NotYet, Lost, ""),
    meaning(1158, NotYet, Lost, ""),
    meaning(1159, NotYet, Lost, ""),
    meaning(1160, NotYet, Lost, ""),
    meaning(1161, NotYet, Lost, ""),
    meaning(1184, NotYet, Lost, ""),
    meaning(1927, NotYet, Lost, ""), // MariaDB: the connection was killed.
    meaning(3169, NotYet, Lost, ""), // MySQL: the session was killed.
    // MySQL says good-bye before it closes an idle connection; MariaDB's 4031 is about triggers.
    Meaning { number: 4031, part: "inactivity", before: NotYet, working: Lost, hint: "" },
    // Client errors that a proxy passes on.
    meaning(2006, NotYet, Lost, ""),
    meaning(2013, NotYet, Lost, ""),
    meaning(2055, NotYet, Lost, ""),
    // Failures of a migration that have one usual remedy.
    meaning(1153, NotYet, Statement, RAISE_PACKET),
    meaning(LOCK_WAIT_TIMEOUT, NotYet, Statement, "another session holds the lock: see SHOW PROCESSLIST"),
    meaning(
        1419,
        Statement,
        Statement,
        "set log_bin_trust_function_creators=1 on the server, or grant the user SUPER (MySQL 8: SET_USER_ID)",
    ),
];

/// Sorts an error of sqlx.
pub(super) fn classify(error: &sqlx::Error, stage: Stage) -> DbError {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => {
                let (verdict, hint) =
                    verdict(error.number(), error.code().unwrap_or_default(), error.message(), stage);
                DbError {
                    verdict,
                    code: Some(error.number().to_string()),
                    message: error.message().to_owned(),
                    hint: hint.map(str::to_owned),
                    lock_timeout: error.number() == LOCK_WAIT_TIMEOUT,
                    ..DbError::default()
                }
            }
            None => DbError { message: database.message().to_owned(), ..DbError::default() },
        },
        sqlx::Error::Protocol(message) if stage == Stage::Connecting => handshake(message),
        other => network::classify(other, stage == Stage::Connecting),
    }
}

/// A text longer than the server takes.
///
/// It would answer 1153 and hang up, and often only the latter arrives, as if the connection had been lost.
pub(super) fn too_long(bytes: usize, limit: usize) -> DbError {
    DbError {
        verdict: Statement,
        code: Some("1153".into()),
        message: format!("the text has {bytes} bytes, and the server takes no more than {limit}"),
        hint: Some(RAISE_PACKET.into()),
        ..DbError::default()
    }
}

/// What sqlx cannot do in a handshake, by its own words (sqlx-mysql 0.9, `protocol/auth.rs`, `auth_switch.rs`).
fn handshake(message: &str) -> DbError {
    let hint = if message.contains("unknown authentication plugin") {
        Some("let the account authenticate with mysql_native_password or caching_sha2_password")
    } else if message.contains("mysql_cleartext_plugin disabled") {
        Some(
            "the server asks for the password in clear text (IAM, PAM, LDAP): set sslmode=require or stricter",
        )
    } else {
        None
    };
    let message = network::without_source(message);
    DbError {
        verdict: if hint.is_some() { Never } else { NotYet },
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
        ..DbError::default()
    }
}

fn verdict(number: u16, state: &str, message: &str, stage: Stage) -> (Verdict, Option<&'static str>) {
    let known = TABLE.iter().find(|known| known.number == number && message.contains(known.part));
    let verdict = match (known, stage) {
        // A session that the server ends while it is read is as lost as one that works.
        (Some(known), Stage::Reading) if known.working == Lost => Lost,
        (Some(known), Stage::Connecting | Stage::Reading) => known.before,
        (Some(known), Stage::Working) => known.working,
        (None, Stage::Working) => Statement,
        // Class 42 (SQLSTATE: syntax error or access rule violation) is about our statement, not the server's state.
        (None, Stage::Reading) if state.starts_with("42") => Statement,
        (None, Stage::Connecting | Stage::Reading) => NotYet,
    };
    (verdict, known.map(|known| known.hint).filter(|hint| !hint.is_empty()))
}

/// Where in the text that was sent the server stopped reading, in characters from 0.
///
/// The message quotes up to 80 characters from there on (`ER_PARSE_ERROR`, "%-.80s"), in whatever language; the line
/// it names counts from the statement's start and is no use in a text of several.
pub(super) fn offset(sql: &str, message: &str) -> Option<usize> {
    let (_, quoted) = message.split_once(" '")?;
    let (quoted, _) = quoted.rsplit_once("' ")?;
    // The server cuts trailing semicolons and blanks off a text before it reads it.
    let sent = sql.trim_end_matches(|c: char| c == ';' || c.is_ascii_whitespace());
    let at = if quoted.chars().count() < 80 {
        sent.strip_suffix(quoted)?.len()
    } else {
        let at = sent.find(quoted)?;
        if at != sent.rfind(quoted)? {
            return None;
        }
        at
    };
    Some(sent.get(..at)?.chars().count())
}

#[cfg(test)]
mod tests {
    use super::{Stage, TABLE, handshake, offset, verdict};
    use crate::engine::Verdict;

    fn connecting(number: u16) -> Verdict {
        verdict(number, "", "", Stage::Connecting).0
    }

    #[test]
    fn a_server_that_is_full_or_stopping_is_not_ready_yet() {
        for number in [1040, 1203, 1226] {
            assert_eq!(verdict(number, "", "", Stage::Connecting).0, Verdict::Crowded, "{number}");
        }
        for number in [1053, 1047, 2013, 9001] {
            assert_eq!(connecting(number), Verdict::NotYet, "{number}");
        }
    }

    #[test]
    fn wrong_credentials_missing_rights_and_a_missing_database_are_told_apart() {
        assert_eq!(connecting(1045), Verdict::Credentials);
        assert_eq!(connecting(1044), Verdict::Never);
        assert_eq!(connecting(1049), Verdict::NoDatabase);
    }

    #[test]
    fn a_blocked_host_is_refused_for_good_with_what_unblocks_it() {
        let (verdict, hint) = verdict(1129, "HY000", "", Stage::Connecting);
        assert_eq!(verdict, Verdict::Never);
        assert!(hint.is_some_and(|hint| hint.contains("flush-hosts")));
    }

    #[test]
    fn a_read_only_server_is_not_ready_and_a_forbidden_file_is_a_failed_statement() {
        let message = |option| {
            format!(
                "The MariaDB server is running with the {option} option so it cannot execute this statement"
            )
        };
        for option in ["--read-only", "--super-read-only", "--innodb-read-only"] {
            assert_eq!(
                verdict(1290, "HY000", &message(option), Stage::Working).0,
                Verdict::NotYet,
                "{option}"
            );
        }
        let file = verdict(1290, "HY000", &message("--secure-file-priv"), Stage::Working);
        assert_eq!(file.0, Verdict::Statement);
    }

    #[test]
    fn a_shutdown_is_a_lost_connection_once_there_is_one() {
        assert_eq!(verdict(1053, "08S01", "", Stage::Working).0, Verdict::Lost);
        assert_eq!(verdict(1053, "08S01", "", Stage::Reading).0, Verdict::Lost);
        assert_eq!(verdict(1317, "70100", "", Stage::Working).0, Verdict::Statement);
    }

    #[test]
    fn while_reading_the_unknown_is_not_yet_but_a_wrong_column_is_a_failed_statement() {
        assert_eq!(verdict(1030, "HY000", "", Stage::Reading).0, Verdict::NotYet);
        assert_eq!(verdict(1054, "42S22", "", Stage::Reading).0, Verdict::Statement);
        assert_eq!(verdict(1142, "42000", "", Stage::Reading).0, Verdict::Never);
    }

    #[test]
    fn what_sqlx_cannot_authenticate_is_refused_for_good() {
        let error =
            handshake("unknown authentication plugin: client_ed25519 (sqlx_mysql::protocol::auth:36)");
        assert_eq!(error.verdict, Verdict::Never);
        assert_eq!(error.message, "unknown authentication plugin: client_ed25519");
        assert_eq!(handshake("expected 21 bytes but found 3 bytes").verdict, Verdict::NotYet);
    }

    #[test]
    fn no_number_has_two_meanings_without_words_to_tell_them_apart() {
        for (index, known) in TABLE.iter().enumerate() {
            let twin = TABLE
                .iter()
                .skip(index + 1)
                .any(|other| other.number == known.number && other.part == known.part);
            assert!(!twin, "{}", known.number);
        }
    }

    #[test]
    fn a_syntax_error_is_found_in_the_text_that_was_sent() {
        let sql = "SELECT 'ä';\n\n\nSELECT\n  SELEC 2 FROM x;\nSELECT 3;\n";
        let message =
            "You have an error in your SQL syntax; check the manual … near '2 FROM x;\nSELECT 3' at line 2";
        assert_eq!(offset(sql, message), sql.chars().position(|c| c == '2'));
    }

    #[test]
    fn an_error_at_the_end_of_the_text_is_found_behind_its_last_character() {
        assert_eq!(offset("SELECT (;\n", "… to use near '' at line 1"), Some(8));
    }

    #[test]
    fn a_quote_that_stands_twice_in_the_text_is_not_guessed_at() {
        let sql = "x".repeat(80).repeat(3);
        assert_eq!(offset(&sql, &format!("near '{}' at line 1", "x".repeat(80))), None);
        assert_eq!(offset("SELECT 1", "Table 'app.t' doesn't exist"), None);
    }
}
