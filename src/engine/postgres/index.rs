//! `CREATE INDEX CONCURRENTLY`, the statement that can leave something broken behind.
//!
//! A build that is killed or fails leaves an INVALID index under its name: every rerun then fails for good, and with
//! `IF NOT EXISTS` it would even pass. So what is in the way is looked at first, and what was built afterwards.

use std::time::Duration;

use super::{PostgresSession, identifier, literal};
use crate::engine::{DbError, Row, Verdict};
use crate::script::{self, ConcurrentIndex, QualifiedName};

/// How often an INVALID index that is in use is looked at again, and the pause between.
const USE_LOOKS: usize = 12;
const USE_PAUSE: Duration = Duration::from_millis(250);

/// What stands under the name of an index that a statement wants to create.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Present {
    schema: String,
    valid: bool,
    /// A plain index; a partitioned one is never touched.
    plain: bool,
    on_this_table: bool,
    /// Who is building it, or holds a lock on it.
    used_by: Option<String>,
}

/// Sends a statement that cannot run in a transaction.
pub(super) async fn send(
    session: &mut PostgresSession,
    statement: &str,
    resumed: bool,
) -> Result<(), DbError> {
    let Some(index) = script::concurrent_index(statement) else {
        return session.send_script(statement).await.map_err(|failed| failed.error);
    };
    match unused(session, &index).await? {
        Some(found) if found.valid && found.on_this_table && resumed => {
            tracing::info!(
                event = "index.kept",
                index = %index.name.name,
                "index {} was finished by the run that was interrupted",
                index.name.name,
            );
            return Ok(());
        }
        Some(found) if !found.valid => remove(session, &index, &found).await?,
        _ => {}
    }
    if let Err(failed) = session.send_script(statement).await {
        return Err(failure(session, &index, failed.error).await);
    }
    match present(session, &index).await? {
        Some(found) if !found.valid => Err(DbError {
            verdict: Verdict::Statement,
            message: format!("index {} is INVALID after its build", index.name.name),
            hint: Some("a rerun drops it and builds it again; see the server's log for why it failed".into()),
            ..DbError::default()
        }),
        _ => Ok(()),
    }
}

/// A build that failed: whether it got as far as leaving an INVALID index.
async fn failure(session: &mut PostgresSession, index: &ConcurrentIndex, error: DbError) -> DbError {
    if error.verdict == Verdict::Lost {
        return error;
    }
    let stayed = present(session, index).await;
    DbError { left_nothing: stayed.is_ok_and(|found| found.is_none_or(|found| found.valid)), ..error }
}

/// Looks the index up; an INVALID one that somebody uses is looked at again for a moment, since every reader of the
/// table locks all of its indexes.
async fn unused(session: &mut PostgresSession, index: &ConcurrentIndex) -> Result<Option<Present>, DbError> {
    for _ in 0..USE_LOOKS {
        match present(session, index).await? {
            Some(found) if !found.valid && found.used_by.is_some() => tokio::time::sleep(USE_PAUSE).await,
            found => return Ok(found),
        }
    }
    present(session, index).await
}

/// Drops an INVALID index in the way, if it is certain that it is a leftover.
async fn remove(
    session: &mut PostgresSession,
    index: &ConcurrentIndex,
    found: &Present,
) -> Result<(), DbError> {
    let name = &index.name.name;
    let refuse = |why: String| DbError {
        verdict: Verdict::Statement,
        message: format!("an INVALID index {name} is in the way, and {why}"),
        left_nothing: true,
        hint: Some(format!(
            "look at it (\\d {name}); if it is a leftover: DROP INDEX CONCURRENTLY {}.{}",
            identifier(&found.schema),
            identifier(name)
        )),
        ..DbError::default()
    };
    if !found.plain {
        return Err(refuse("it is a partitioned index".into()));
    }
    if !found.on_this_table {
        return Err(refuse(format!("it belongs to another table than {}", index.table.name)));
    }
    if let Some(user) = &found.used_by {
        return Err(refuse(format!("{user} is using or building it")));
    }
    tracing::warn!(
        event = "index.dropped",
        index = %name,
        "dropping the INVALID index {name} that an interrupted build left behind",
    );
    let sql = format!("DROP INDEX CONCURRENTLY {}.{}", identifier(&found.schema), identifier(name));
    session.send_script(&sql).await.map_err(|failed| failed.error)
}

/// Looks the index up where PostgreSQL would create it: in its table's schema.
async fn present(session: &mut PostgresSession, index: &ConcurrentIndex) -> Result<Option<Present>, DbError> {
    let sql = presence_query(session.version, &index.name, &index.table);
    let rows = session.rows(sql).await?;
    Ok(rows.first().map(read))
}

fn read(row: &Row) -> Present {
    let column = |index: usize| row.get(index).and_then(Option::as_deref);
    Present {
        schema: column(0).unwrap_or_default().to_owned(),
        valid: column(1) == Some("t"),
        plain: column(2) == Some("i"),
        on_this_table: column(3) == Some("t"),
        used_by: column(4).map(|pid| format!("the session with pid {pid}")),
    }
}

fn presence_query(version: u32, name: &QualifiedName, table: &QualifiedName) -> String {
    let qualified = match &table.schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(&table.name)),
        None => identifier(&table.name),
    };
    // Another role's build shows its pid and nothing else, so its lock on the table has to tell.
    let building = if version >= 120_000 {
        "SELECT p.pid FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid OR (p.relid IS NULL AND \
         EXISTS (SELECT FROM pg_locks l WHERE l.pid = p.pid AND l.relation = i.indrelid)) UNION ALL "
    } else {
        ""
    };
    format!(
        "SELECT n.nspname, i.indisvalid, c.relkind, i.indrelid = t.oid, \
         (SELECT min(pid)::text FROM ({building}SELECT l.pid FROM pg_locks l WHERE l.relation = c.oid \
         AND l.pid <> pg_backend_pid()) AS users (pid)) \
         FROM pg_class t JOIN pg_class c ON c.relnamespace = t.relnamespace JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_index i ON i.indexrelid = c.oid \
         WHERE t.oid = to_regclass({}) AND c.relname = {}",
        literal(&qualified),
        literal(&name.name),
    )
}
