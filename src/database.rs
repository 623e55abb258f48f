//! The configured database as the phases see it: each attempt reads what may have changed, then connects.

use crate::config::Database;
use crate::engine::{
    BoxFuture, ConnectOptions, Connector, DbError, Engine, Session, Verdict, connect, create_database,
};
use crate::target::{SEARCH_PATH, Secret, Target};

/// Connects to what the configuration says, as it says it at that moment.
pub struct Configured {
    database: Database,
    options: ConnectOptions,
    usual_schema: Option<&'static str>,
}

impl Configured {
    /// A connector for the configured database. The sessions work in the usual schema, unless the URL says otherwise.
    pub fn new(database: Database, options: ConnectOptions, usual_schema: Option<&'static str>) -> Self {
        Self { database, options, usual_schema }
    }

    /// The schema the history table is in, where the URL or the tool names one.
    pub fn schema(&self) -> Option<String> {
        let target = self.database.target();
        let usual = self.usual_schema.filter(|_| !target.has_search_path()).map(str::to_owned);
        // Only tools that have a schema of their own take `?schema=` for the history's, too.
        self.usual_schema.and(target.schema.clone()).or(usual)
    }

    /// The search path that the URL asks for.
    pub fn search_path(&self) -> Option<String> {
        self.database.target().search_path().map(str::to_owned)
    }

    /// The configuration, for what the application is given of it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Files are read again and a password command is asked; both may be a moment late, so their failure is "not yet".
    async fn target(&mut self, refused: bool) -> Result<Target, DbError> {
        let mut target = self.database.resolve(refused).await.map_err(|failure| DbError {
            verdict: Verdict::NotYet,
            message: failure.reason(),
            hint: failure.hint,
            ..DbError::default()
        })?;
        if let Some(schema) = self.usual_schema.filter(|_| !target.has_search_path()) {
            target.settings.push((SEARCH_PATH.into(), format!("\"{schema}\"")));
        }
        Ok(target)
    }
}

impl Connector for Configured {
    fn engine(&self) -> Engine {
        self.database.target().engine
    }

    fn address(&self) -> String {
        self.database.target().address()
    }

    fn connect(&mut self, refused: bool) -> BoxFuture<'_, Result<Box<dyn Session>, DbError>> {
        Box::pin(async move {
            let target = self.target(refused).await?;
            connect(&target, &self.options).await.map_err(|error| without_password(error, &target))
        })
    }

    fn access(&self) -> Option<(Target, Secret)> {
        let target = self.database.target();
        Some((target.clone(), self.database.command_url(target)))
    }

    fn password_can_change(&self) -> bool {
        self.database.password_can_change()
    }

    fn create_database(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            let target = self.target(false).await?;
            create_database(&target, &self.options).await
        })
    }
}

/// A server may repeat what it was sent. A password that is also the user's or the database's name hides nothing.
fn without_password(mut error: DbError, target: &Target) -> DbError {
    let password = target.password.as_ref().map_or("", |password| password.expose());
    if !password.is_empty() && password != target.user && password != target.database {
        for text in
            [Some(&mut error.message), error.detail.as_mut(), error.hint.as_mut()].into_iter().flatten()
        {
            *text = text.replace(password, "***");
        }
    }
    error
}
