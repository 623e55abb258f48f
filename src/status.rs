//! `castoff status`: what the files and the history say of each other. Changes nothing, takes no lock.

use serde::Serialize;

use crate::engine::{DbError, Reading, Session};
use crate::exit::{Exit, Failure, Result};
use crate::lock::Purpose;
use crate::plan::Plans;

/// The answer, as `status --json` prints it.
#[derive(Debug, Serialize)]
pub struct Status {
    engine: &'static str,
    server_version: String,
    database: String,
    format: &'static str,
    migrations: String,
    state: &'static str,
    applied: Vec<Applied>,
    pending: Vec<String>,
    failed: Vec<Failed>,
    edited: Vec<String>,
    missing: Vec<String>,
    #[serde(skip)]
    verdict: Option<Exit>,
}

#[derive(Debug, Serialize)]
struct Applied {
    id: String,
    applied_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Failed {
    id: String,
    error: Option<String>,
}

impl Status {
    /// Holds files and history against each other and looks whether anybody is migrating.
    ///
    /// # Errors
    ///
    /// 65 where the history cannot be read as the format's or the files do not show what is pending, 69 where the server is lost on the way.
    pub async fn read(session: &mut dyn Session, reading: &Reading, plans: &Plans<'_>) -> Result<Self> {
        let Plans { migrations, engine, policy, .. } = *plans;
        if let Some(why) = &migrations.opaque {
            return Err(unknown(migrations.format.name(), why));
        }
        let plan = plans.plan(reading)?;
        let lock_is_held = !plan.assessment.unfinished.is_empty()
            && is_held(session, reading, plans).await.map_err(|error| {
                Failure::message(
                    Exit::Unavailable,
                    format!("lost the database while looking at the lock: {error}"),
                )
            })?;
        let state = plan.state(lock_is_held);
        let pending: Vec<String> = plan.to_apply(migrations).map(str::to_owned).collect();
        let verdict = state.verdict(policy, pending.is_empty());
        let seen = plan.assessment;
        Ok(Self {
            engine: engine.name(),
            server_version: reading.facts.server_version.clone(),
            database: reading.facts.database.clone(),
            format: migrations.format.name(),
            migrations: migrations.directory.display().to_string(),
            state: state.name(),
            applied: seen
                .applied
                .into_iter()
                .map(|applied| Applied { id: applied.id, applied_at: applied.at })
                .collect(),
            pending,
            failed: seen
                .unfinished
                .into_iter()
                .filter(|unfinished| !plan.resumable.contains(&unfinished.id))
                .map(|unfinished| Failed { id: unfinished.id, error: unfinished.error })
                .collect(),
            edited: seen.edited,
            missing: seen.missing,
            verdict,
        })
    }

    /// The word for all of it.
    pub fn state(&self) -> &'static str {
        self.state
    }

    /// The exit code; `None` for 0.
    pub fn verdict(&self) -> Option<Exit> {
        self.verdict
    }

    /// One line of JSON.
    ///
    /// # Errors
    ///
    /// Never for this type; passed on rather than assumed.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Failure::new(Exit::Internal, error))
    }

    /// A few lines for a person.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: {} ({} {}, {} migrations in {})\n",
            self.state, self.database, self.engine, self.server_version, self.format, self.migrations
        );
        let mut section = |title: &str, ids: Vec<&str>| {
            if !ids.is_empty() {
                text.push_str(&format!("{title} ({}):\n", ids.len()));
                for id in ids {
                    text.push_str(&format!("  {id}\n"));
                }
            }
        };
        section("failed", self.failed.iter().map(|failed| failed.id.as_str()).collect());
        section("edited", self.edited.iter().map(String::as_str).collect());
        section("missing", self.missing.iter().map(String::as_str).collect());
        section("pending", self.pending.iter().map(String::as_str).collect());
        section("applied", self.applied.iter().map(|applied| applied.id.as_str()).collect());
        text
    }
}

/// The files do not show what is pending.
pub(crate) fn unknown(tool: &str, why: &str) -> Failure {
    Failure::message(Exit::Data, format!("what is pending cannot be known from the files: {why}"))
        .hint(format!("ask {tool} itself; the migrate command runs at every start"))
}

/// Whether anybody holds one of the locks.
pub(crate) async fn is_held(
    session: &mut dyn Session,
    reading: &Reading,
    plans: &Plans<'_>,
) -> Result<bool, DbError> {
    for key in plans.keys(&reading.facts) {
        if session.holder(&key).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
