//! What castoff was called for.

use clap::ArgMatches;

use crate::format::Resolution;

/// What castoff was called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// `castoff -- COMMAND`: wait, migrate, become the application.
    Become,
    /// `castoff migrate`
    Migrate,
    /// `castoff wait`
    Wait,
    /// `castoff status`
    Status {
        /// `--json`
        json: bool,
    },
    /// `castoff plan`
    Plan {
        /// `--json`
        json: bool,
    },
    /// `castoff resolve`
    Resolve {
        /// `--applied` or `--rolled-back`
        resolution: Resolution,
        /// The migration.
        id: String,
    },
    /// `castoff revert`
    Revert {
        /// How far.
        until: Until,
    },
    /// `castoff health`
    Health,
}

/// How far back `revert` goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// That many migrations, at least one.
    Steps(u64),
    /// Every one that was applied after this one.
    To(String),
}

impl Task {
    /// What the words of a command line ask for, and those that belong to it.
    pub(super) fn of(matches: &ArgMatches) -> (Self, &ArgMatches) {
        let Some((name, own)) = matches.subcommand() else { return (Self::Become, matches) };
        let task = match name {
            "migrate" => Self::Migrate,
            "wait" => Self::Wait,
            "status" => Self::Status { json: own.get_flag("json") },
            "plan" => Self::Plan { json: own.get_flag("json") },
            "resolve" => resolve(own),
            "revert" => Self::Revert { until: until(own) },
            "health" => Self::Health,
            _ => return (Self::Become, matches),
        };
        (task, own)
    }

    /// The subcommand, as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Become => "-- COMMAND",
            Self::Migrate => "migrate",
            Self::Wait => "wait",
            Self::Status { .. } => "status",
            Self::Plan { .. } => "plan",
            Self::Resolve { .. } => "resolve",
            Self::Revert { .. } => "revert",
            Self::Health => "health",
        }
    }
}

/// clap sees to it that exactly one of the two is there.
fn resolve(own: &ArgMatches) -> Task {
    let given = |name: &str| own.get_one::<String>(name).cloned();
    match (given("applied"), given("rolled-back")) {
        (Some(id), _) => Task::Resolve { resolution: Resolution::Applied, id },
        (None, id) => Task::Resolve { resolution: Resolution::RolledBack, id: id.unwrap_or_default() },
    }
}

/// clap sees to it that not both are there.
fn until(own: &ArgMatches) -> Until {
    match own.get_one::<String>("to") {
        Some(id) => Until::To(id.clone()),
        None => Until::Steps(own.get_one::<u64>("steps").copied().unwrap_or(1)),
    }
}
