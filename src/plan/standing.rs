//! What files and history mean for who may not migrate: `status`, `plan`, and the modes that leave it to others.

use super::{Plan, Plans, Policy, State, refusal};
use crate::engine::Reading;
use crate::exit::{Exit, Failure, Result};
use crate::lock::{Follow, Standing};

impl State {
    /// The exit code of who only looks; `None` for 0.
    pub fn verdict(self, policy: Policy, nothing_pending: bool) -> Option<Exit> {
        match self {
            Self::Failed => Some(Exit::Data),
            Self::Edited if policy.fails_on_edited => Some(Exit::Data),
            Self::Diverged if policy.fails_on_missing => Some(Exit::Data),
            Self::Migrating | Self::Pending => Some(Exit::Pending),
            Self::Edited | Self::Diverged => (!nothing_pending).then_some(Exit::Pending),
            Self::Ahead | Self::UpToDate => None,
        }
    }
}

impl Follow for Plans<'_> {
    fn standing(&self, reading: &Reading, lock_is_held: bool) -> Result<Standing> {
        Ok(self.plan(reading)?.standing(self, lock_is_held))
    }
}

impl Plan {
    /// How files and history stand to each other, given whether somebody holds the lock.
    pub fn standing(&self, plans: &Plans<'_>, lock_is_held: bool) -> Standing {
        let pending: Vec<&str> = self.to_apply(plans.migrations).collect();
        let verdict = self.state(lock_is_held).verdict(plans.policy, pending.is_empty());
        match (verdict, self.refuse(plans)) {
            (None, _) => Standing::Ready,
            // Who recorded an error has given up, and what drifted no holder mends; a mark alone may be at work.
            (Some(Exit::Data), Some(failure)) => Standing::Refused { failure, certain: !self.is_undecided() },
            (Some(_), _) => Standing::Pending(self.left_to_do(&pending)),
        }
    }

    /// What others have to do, as a sentence.
    fn left_to_do(&self, pending: &[&str]) -> String {
        let mut ids: Vec<String> = self.failed().map(|unfinished| unfinished.id.clone()).collect();
        let unfinished = ids.len();
        ids.extend(pending.iter().map(|id| (*id).to_owned()));
        let all = refusal::list(&ids);
        match (ids.len(), unfinished) {
            (1, 1) => format!("migration {all} is being applied"),
            (1, _) => format!("1 migration is pending: {all}"),
            (count, _) => format!("{count} migrations are pending: {all}"),
        }
    }

    /// What stops everybody: an earlier failure, or drift where policy says so.
    pub(super) fn refuse(&self, plans: &Plans<'_>) -> Option<Failure> {
        let Plans { migrations, ledger, policy, .. } = *plans;
        if let Some(unfinished) = self.failed().next() {
            return Some(refusal::blocked(migrations, &ledger.table, unfinished));
        }
        if policy.fails_on_edited && !self.assessment.edited.is_empty() {
            return Some(refusal::edited(&self.assessment.edited, migrations));
        }
        (policy.fails_on_missing && self.has_diverged())
            .then(|| refusal::diverged(&self.assessment.missing, migrations))
    }
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::format::OutOfOrder;
    use crate::plan::{Policy, State};

    #[test]
    fn drift_that_policy_lets_pass_is_judged_by_what_is_pending() {
        let lenient =
            Policy { fails_on_edited: false, fails_on_missing: false, out_of_order: OutOfOrder::Apply };
        assert_eq!(State::Edited.verdict(lenient, true), None);
        assert_eq!(State::Diverged.verdict(lenient, false), Some(Exit::Pending));
        let strict =
            Policy { fails_on_edited: true, fails_on_missing: true, out_of_order: OutOfOrder::Apply };
        assert_eq!(State::Edited.verdict(strict, true), Some(Exit::Data));
    }
}
