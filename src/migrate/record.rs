//! Writing to the history: all of what belongs together, or none of it.

use crate::engine::{DbError, Ledger, Session, Statement, Verdict};

/// What could not be written.
pub(crate) struct Unwritten {
    /// The server's answer.
    pub(crate) error: DbError,
    /// Whether it was the commit that went unanswered or failed: then it may be written after all.
    pub(crate) at_commit: bool,
}

/// Writes statements as one transaction where there are several. On MySQL a DDL statement commits what came before it.
pub(crate) async fn together(
    session: &mut dyn Session,
    ledger: &Ledger,
    statements: &[Statement],
) -> Result<(), Unwritten> {
    let before = |error| Unwritten { error, at_commit: false };
    let [first, rest @ ..] = statements else { return Ok(()) };
    if rest.is_empty() {
        return session.execute(ledger, first).await.map_err(before);
    }
    session.begin().await.map_err(|failed| before(failed.error))?;
    for statement in statements {
        if let Err(error) = session.execute(ledger, statement).await {
            if error.verdict != Verdict::Lost {
                // What is left of it ends with the session in any case.
                let _ = session.send("ROLLBACK").await;
            }
            return Err(before(error));
        }
    }
    session.send("COMMIT").await.map_err(|failed| Unwritten { error: failed.error, at_commit: true })
}
