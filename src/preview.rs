//! `castoff plan`: what `migrate` would send, in order, and where each part comes from. Changes nothing, takes no lock.
//!
//! Nothing here knows how a migration is applied: the phase itself runs on a session that only writes down what it is
//! sent, so that the two cannot differ.

use std::time::Duration;

use serde::Serialize;

use crate::engine::{DbError, Engine, Reading, Session};
use crate::exit::{Exit, Failure, Result};
use crate::format::Atomicity;
use crate::migrate::{Migrating, rehearsal};
use crate::plan::{Plan, Plans};

mod text;
mod transcript;

use transcript::Transcript;

/// The answer, as `plan --json` prints it.
#[derive(Debug, Serialize)]
pub struct Preview {
    #[serde(skip)]
    dialect: Engine,
    engine: &'static str,
    server_version: String,
    database: String,
    format: &'static str,
    migrations: String,
    /// The program that applies them, where that is not castoff.
    command: Option<String>,
    /// The tool's settings of the session, and its history table; empty where nothing is pending.
    prepare: Vec<Sent>,
    /// What would be applied; `null` where only the command knows.
    pending: Option<Vec<Pending>>,
}

/// One migration.
#[derive(Debug, Serialize)]
struct Pending {
    id: String,
    file: String,
    /// Whether script and bookkeeping share one transaction.
    transaction: bool,
    /// What is sent, in this order; empty where the command applies it.
    statements: Vec<Sent>,
}

/// What is sent at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Sent {
    /// One or more statements. Where a tool replaces variables in them: as the file has them.
    sql: String,
    /// The file, where they are not the tool's own.
    file: Option<String>,
    /// The line of the file in which they begin.
    line: Option<usize>,
    /// The rows that follow a `COPY … FROM STDIN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<String>,
    /// Whether variables are replaced in the text, whose values are not told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_variables: bool,
}

impl Preview {
    /// What a migrate command would find to do, as far as the files show it.
    ///
    /// # Errors
    ///
    /// 65 and 64 where castoff would not run the command.
    pub fn by_command(plans: &Plans<'_>, reading: &Reading, command: &str) -> Result<Self> {
        let command = Some(command.to_owned());
        if plans.migrations.opaque.is_some() {
            return Ok(Self { command, pending: None, ..Self::empty(plans, reading) });
        }
        let plan = plans.plan(reading)?;
        plan.admit(plans, reading)?;
        let pending = plan.to_apply(plans.migrations).filter_map(|id| plans.migrations.get(id));
        let pending = pending.map(|migration| Pending {
            id: migration.id.clone(),
            file: migration.file.display().to_string(),
            transaction: false,
            statements: Vec::new(),
        });
        Ok(Self { command, pending: Some(pending.collect()), ..Self::empty(plans, reading) })
    }

    /// What castoff itself would send. `session` is asked nothing: it knows what the URL says of its settings.
    ///
    /// # Errors
    ///
    /// As for `migrate`: 65 and 64 where nothing would be applied.
    pub async fn by_castoff(
        plans: &Plans<'_>,
        plan: &Plan,
        reading: &Reading,
        session: &dyn Session,
    ) -> Result<Self> {
        let Plans { migrations, engine, ledger, policy, .. } = *plans;
        let mut preview = Self::empty(plans, reading);
        if plan.has_nothing_to_do(policy) {
            return Ok(preview);
        }
        let steps = plan.steps(plans, reading)?;
        let (stop_grace, queueing) = (Duration::ZERO, None);
        let migrating = Migrating { engine, format: migrations.format, ledger, stop_grace, queueing };
        let mut transcript = Transcript::new(engine, &reading.facts, session.settings_of_url());
        rehearsal::prepare(&mut transcript, migrating, reading).await.map_err(unheard_of)?;
        preview.prepare = transcript.take();
        let mut pending = Vec::new();
        for planned in &steps {
            let migration = &planned.step.migration;
            let mut transcript = transcript.of(migration);
            rehearsal::step(&mut transcript, migrating, planned).await.map_err(unheard_of)?;
            pending.push(Pending {
                id: migration.id.clone(),
                file: migration.file.display().to_string(),
                transaction: planned.step.atomicity == Atomicity::Together,
                statements: transcript.take(),
            });
        }
        preview.pending = Some(pending);
        Ok(preview)
    }

    fn empty(plans: &Plans<'_>, reading: &Reading) -> Self {
        Self {
            dialect: plans.engine,
            engine: plans.engine.name(),
            server_version: reading.facts.server_version.clone(),
            database: reading.facts.database.clone(),
            format: plans.migrations.format.name(),
            migrations: plans.migrations.directory.display().to_string(),
            command: None,
            prepare: Vec::new(),
            pending: Some(Vec::new()),
        }
    }

    /// One line of JSON.
    ///
    /// # Errors
    ///
    /// Never for this type; passed on rather than assumed.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Failure::new(Exit::Internal, error))
    }
}

/// The transcript refuses nothing that a migration is made of.
fn unheard_of(error: DbError) -> Failure {
    Failure::new(Exit::Internal, error)
}
