//! Whose files they are, where they could be several tools': the database knows whose history it holds.

use std::time::Instant;

use super::work::{Work, told};
use super::{Life, Times};
use crate::attempt::{Attempts, Ready, Trouble};
use crate::engine::{DbError, Engine, Ledger, Session, TableName};
use crate::exit::Result;
use crate::format::Format;
use crate::migrations::Undecided;
use crate::phase::Phase;

impl Life<'_> {
    /// Asks the database, and reads the files as those of the tool it names.
    ///
    /// # Errors
    ///
    /// 64 where that is none or several; 65, 66 and 69 as for files and a database that were known from the beginning.
    pub(super) async fn decide(
        &self,
        attempts: &mut Attempts<'_>,
        mut ready: Ready,
        (undecided, engine): (&Undecided, Engine),
        times: &mut Times,
    ) -> Result<(Work, Ready)> {
        let told = told(self.config, engine);
        let candidates = undecided.candidates(&told)?;
        let (started, limit) = (Instant::now(), self.config.timeouts.wait);
        let owners = loop {
            let session = &mut *ready.session;
            let ask = async { Ok(owners(session, &candidates).await) };
            let bounded = async { Ok(attempts.bounded(ask, None).await) };
            let trouble = match self.interruptible(Phase::Wait, bounded).await? {
                Ok(Ok(owners)) => break owners,
                // An answer that will not change is no reason to look again.
                Ok(Err(error)) => attempts.sort(error),
                Err(trouble) => trouble,
            };
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                return Err(trouble.into());
            }
            ready = self.look_again(attempts, trouble, None, times).await?;
        };
        let migrations = undecided.settle(&owners, &told)?;
        tracing::info!(
            "the history in the database says that the migrations are in the format of {}",
            migrations.format.name()
        );
        Ok((Work::with(self.config, migrations)?, ready))
    }

    /// Reads the history that was not known at the first look.
    ///
    /// # Errors
    ///
    /// 69, 77 and 65 as at the first.
    pub(super) async fn read_history(
        &self,
        attempts: &mut Attempts<'_>,
        ready: Ready,
        ledger: Option<&Ledger>,
        times: &mut Times,
    ) -> Result<Ready> {
        let read = async { Ok(attempts.again(ready.session, ledger, None).await) };
        match self.interruptible(Phase::Wait, read).await? {
            Ok(ready) => Ok(ready),
            Err(trouble) => self.look_again(attempts, trouble, ledger, times).await,
        }
    }

    /// After a look that failed: waits for the server once more, where that may help.
    pub(super) async fn look_again(
        &self,
        attempts: &mut Attempts<'_>,
        trouble: Trouble,
        ledger: Option<&Ledger>,
        times: &mut Times,
    ) -> Result<Ready> {
        match trouble {
            Trouble::Never(failure) => Err(failure),
            Trouble::NotYet(error) => {
                attempts.report(&error);
                self.wait_again(attempts, ledger, times).await
            }
        }
    }
}

/// The tools whose history table is there, by its columns.
pub(super) async fn owners(
    session: &mut dyn Session,
    candidates: &[(&'static dyn Format, TableName)],
) -> std::result::Result<Vec<&'static dyn Format>, DbError> {
    let mut owners = Vec::new();
    for (format, table) in candidates {
        let columns = session.columns(table).await?;
        if columns.is_some_and(|columns| are(&columns, format.columns())) {
            owners.push(*format);
        }
    }
    Ok(owners)
}

/// Whether a table has these columns and no others, in any order.
fn are(columns: &[String], expected: &[&str]) -> bool {
    columns.len() == expected.len()
        && expected.iter().all(|name| columns.iter().any(|column| column.eq_ignore_ascii_case(name)))
}
