//! `castoff health`: whether an orchestrator may leave this container alone, and what there is to know besides.
//!
//! A container that waits, queues or migrates is healthy: to kill it would only make it begin again. Afterwards it is judged
//! by what the user named. The database is reported and not judged, unless that was asked for: one failover must not
//! restart a fleet.

use serde::Serialize;

use crate::config::Require;
use crate::exit::{Exit, Failure, Result};
use crate::log;
use crate::phase::Phase;

/// The answer, as `health` prints it.
#[derive(Debug, Serialize)]
pub struct Health {
    status: Condition,
    phase: &'static str,
    timestamp: String,
    database: Database,
    targets: Vec<Answer>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It is as it should be.
    Healthy,
    /// It is not.
    Unhealthy,
    /// There is none.
    None,
}

/// What was seen of the configured database.
#[derive(Debug, Serialize)]
pub struct Database {
    status: Condition,
    message: String,
    /// The state of `status`; `None` where it could not be known.
    migrations: Option<&'static str>,
    /// Whether nothing is left to be applied, as far as policy asks.
    #[serde(skip)]
    is_migrated: bool,
}

/// What was seen of one target.
#[derive(Debug, Serialize)]
pub struct Answer {
    target: String,
    status: Condition,
    message: String,
}

impl Database {
    /// None is configured.
    pub fn none() -> Self {
        let message = "no database is configured".to_owned();
        Self { status: Condition::None, message, migrations: None, is_migrated: false }
    }

    /// It did not answer, for this reason.
    pub fn silent(why: String) -> Self {
        Self { status: Condition::Unhealthy, message: why, migrations: None, is_migrated: false }
    }

    /// It answers as this; the state of its migrations and whether that is one to start with, or why it is not known.
    pub fn answering(as_what: &str, state: std::result::Result<(&'static str, bool), String>) -> Self {
        let (message, migrations, is_migrated) = match state {
            Ok((state, is_migrated)) => (as_what.to_owned(), Some(state), is_migrated),
            Err(why) => (format!("{as_what}; the state of the migrations is not known: {why}"), None, false),
        };
        Self { status: Condition::Healthy, message, migrations, is_migrated }
    }
}

impl Answer {
    /// What came of looking at it.
    pub fn of(target: String, answer: std::result::Result<(), String>) -> Self {
        match answer {
            Ok(()) => Self { target, status: Condition::Healthy, message: "it is ready".into() },
            Err(why) => Self { target, status: Condition::Unhealthy, message: why },
        }
    }
}

impl Health {
    /// Judges what was seen in this phase.
    pub fn judge(phase: Phase, database: Database, targets: Vec<Answer>, require: Require) -> Self {
        let is_there = database.status == Condition::Healthy;
        let is_met = match require {
            Require::None => true,
            Require::Database => is_there,
            Require::Migrated => is_there && database.is_migrated,
        };
        let all_answer = targets.iter().all(|target| target.status == Condition::Healthy);
        let healthy = phase != Phase::Run || is_met && all_answer;
        let status = if healthy { Condition::Healthy } else { Condition::Unhealthy };
        Self { status, phase: phase.name(), timestamp: log::timestamp(), database, targets }
    }

    /// The exit code; `None` for 0.
    pub fn verdict(&self) -> Option<Exit> {
        (self.status != Condition::Healthy).then_some(Exit::Unhealthy)
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

#[cfg(test)]
mod tests {
    use super::{Answer, Database, Health};
    use crate::config::Require;
    use crate::exit::Exit;
    use crate::phase::Phase;

    const ALL: [Require; 3] = [Require::None, Require::Database, Require::Migrated];

    fn answering(is_migrated: bool) -> Database {
        Database::answering("postgres 15", Ok(("pending", is_migrated)))
    }

    fn verdict(phase: Phase, database: Database, require: Require) -> Option<Exit> {
        Health::judge(phase, database, Vec::new(), require).verdict()
    }

    #[test]
    fn whoever_has_not_started_yet_is_healthy_whatever_is_missing() {
        for phase in [Phase::Wait, Phase::Lock, Phase::Migrate] {
            let missing = vec![Answer::of("http://localhost/".into(), Err("connection refused".into()))];
            let health = Health::judge(phase, Database::silent("no".into()), missing, Require::Migrated);
            assert_eq!(health.verdict(), None, "{phase:?}");
        }
    }

    #[test]
    fn the_database_is_judged_by_what_is_required_of_it_alone() {
        let verdicts = |database: fn() -> Database| {
            ALL.map(|require| verdict(Phase::Run, database(), require).is_none())
        };
        assert_eq!(verdicts(|| Database::silent("connection refused".into())), [true, false, false]);
        assert_eq!(verdicts(|| answering(false)), [true, true, false]);
        assert_eq!(verdicts(|| answering(true)), [true, true, true]);
        let unknown = || Database::answering("postgres 15", Err("no files".into()));
        assert_eq!(verdicts(unknown), [true, true, false]);
    }

    #[test]
    fn one_target_that_does_not_answer_is_enough() {
        let ready = || Answer::of("tcp://cache:6379".into(), Ok(()));
        let silent = Answer::of("http://localhost/".into(), Err("it answers 500".into()));
        let judged = |targets| Health::judge(Phase::Run, Database::none(), targets, Require::None).verdict();
        assert_eq!(judged(vec![ready(), ready()]), None);
        assert_eq!(judged(vec![ready(), silent]), Some(Exit::Unhealthy));
    }

    #[test]
    fn every_field_is_there_whatever_is_known() {
        let health = Health::judge(Phase::Run, Database::none(), Vec::new(), Require::None);
        let said: serde_json::Value = serde_json::from_str(&health.json().unwrap()).unwrap();
        let fields: Vec<&String> = said.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["database", "phase", "status", "targets", "timestamp"]);
        assert_eq!(said["database"]["status"], "none");
        assert_eq!(said["database"]["migrations"], serde_json::Value::Null);
        assert!(said["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}
