//! The keys Flyway locks while it migrates.

use crate::engine::{Engine, LockKey};
use crate::format::Site;

/// `LOCK_MAGIC_NUM` of `flyway-database-postgresql/…/PostgreSQLAdvisoryLockTemplate.java`: "Flyway" in ASCII.
const MAGIC: i64 = 0x466c_7977_6179;

/// The key of a history table: a session lock, which excludes Flyway's own whether that is bound to a session or to a
/// transaction.
///
/// On MySQL a named lock (`flyway-mysql/…/MySQLNamedLockTemplate.java`); on SQLite Flyway locks nothing.
pub(super) fn keys(at: &Site<'_>) -> Vec<LockKey> {
    let schema = at.table.schema.as_deref();
    let table = &at.table.name;
    match at.engine {
        Engine::Postgres => {
            let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
            let table = format!("{}.{}", quote(schema.unwrap_or(&at.facts.schema)), quote(table));
            vec![LockKey::Number(MAGIC + i64::from(hash_code(&table)))]
        }
        Engine::MySql => {
            let table = format!("`{}`.`{table}`", schema.unwrap_or(&at.facts.database));
            vec![LockKey::Name(format!("Flyway-{}", hash_code(&table)))]
        }
        Engine::Sqlite => Vec::new(),
    }
}

/// Java's `String.hashCode`, by which `PostgreSQLConnection.lock` and `MySQLConnection.lock` tell tables apart.
fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
