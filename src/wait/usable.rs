//! A database as something to wait for.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::probe;
use super::rhythm::{Clock, Look, Missing, until};
use crate::attempt::{Attempts, Conditions, Ready, Trouble};
use crate::config::Database;
use crate::database::Configured;
use crate::engine::{ConnectOptions, DbError, Engine, Ledger, Pooler, network};
use crate::exit;
use crate::target::SessionAttrs;

/// How long ending a session may take before its connection is simply dropped.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// A database that is looked at again and again.
pub(super) struct Usable<'a, 'c> {
    pub(super) attempts: &'a mut Attempts<'c>,
    pub(super) ledger: Option<&'a Ledger>,
    /// A file that must be there before.
    pub(super) file: Option<PathBuf>,
}

impl Look for Usable<'_, '_> {
    type Found = Ready;

    async fn look(&mut self, deadline: Option<Instant>) -> Result<Ready, Trouble> {
        if let Some(file) = &self.file
            && let Err(error) = probe::exists(file)
        {
            self.attempts.count += 1;
            return Err(Trouble::NotYet(error));
        }
        self.attempts.connect(self.ledger, deadline).await
    }

    fn report(&mut self, error: &DbError) {
        self.attempts.report(error);
    }

    fn is_absent(&self, error: &DbError) -> bool {
        network::is_refused(error)
    }

    fn name(&self) -> String {
        self.attempts.connector().address()
    }

    fn attempts(&self) -> u32 {
        self.attempts.count
    }
}

/// A database that only has to answer; with how often it was asked.
pub(super) async fn until_answering(
    database: &Database,
    options: &ConnectOptions,
    limit: Option<Duration>,
    clock: Clock,
) -> exit::Result<(Result<(), Missing>, u32)> {
    let writable = database.target().session_attrs == SessionAttrs::ReadWrite;
    let file = needed_file(database);
    let mut connector = connector(database, options);
    let mut attempts = Attempts::new(&mut connector, Conditions { limit, writable, create_database: false });
    let outcome = until(&mut Usable { attempts: &mut attempts, ledger: None, file }, clock).await?;
    let count = attempts.count;
    let answered = match outcome {
        Ok(ready) => {
            close(ready).await;
            Ok(())
        }
        Err(missing) => Err(missing),
    };
    Ok((answered, count))
}

/// Asks a database a single time.
pub(super) async fn answers(
    database: &Database,
    options: &ConnectOptions,
    limit: Option<Duration>,
) -> Result<(), DbError> {
    if let Some(file) = needed_file(database) {
        probe::exists(&file)?;
    }
    let writable = database.target().session_attrs == SessionAttrs::ReadWrite;
    let mut connector = connector(database, options);
    let mut attempts = Attempts::new(&mut connector, Conditions { limit, writable, create_database: false });
    match attempts.connect(None, None).await {
        Ok(ready) => {
            close(ready).await;
            Ok(())
        }
        Err(Trouble::NotYet(error)) => Err(error),
        Err(Trouble::Never(failure)) => Err(DbError { message: failure.reason(), ..DbError::default() }),
    }
}

/// castoff would take a missing file for one that it is to create.
fn needed_file(database: &Database) -> Option<PathBuf> {
    let target = database.target();
    (target.engine == Engine::Sqlite).then(|| PathBuf::from(&target.database))
}

fn connector(database: &Database, options: &ConnectOptions) -> Configured {
    // What was said of the configured database's pooler is no word about this one.
    let options = ConnectOptions { pooler: Pooler::Auto, ..options.clone() };
    Configured::new(database.clone(), options, None)
}

/// Ends a session in good order, unless its server does not answer.
pub(super) async fn close(ready: Ready) {
    if timeout(CLOSE_LIMIT, ready.session.close()).await.is_err() {
        tracing::debug!("the server did not answer when the session was ended");
    }
}
