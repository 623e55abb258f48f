//! What one source says of the database, and several sources laid over one another.

use super::hosts::HostPort;
use super::parameters::Param;
use super::report::Report;
use crate::engine::Engine;

/// What one source says. Empty where it says nothing.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    /// The flag or variable.
    pub(crate) origin: String,
    pub(crate) engine: Option<Engine>,
    pub(crate) hosts: Vec<HostPort>,
    /// One port for all hosts, or one for each.
    pub(crate) ports: Vec<u16>,
    pub(crate) name: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) params: Vec<Param>,
}

impl Layer {
    /// A source that says nothing yet.
    pub(crate) fn of(origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..Self::default() }
    }

    /// Fills what is missing here from a source of lower rank, and warns if that source says something else and
    /// nothing of it is used.
    ///
    /// `self.origin` stays that of the highest source.
    pub(crate) fn fill_from(&mut self, lower: Self, report: &mut Report) {
        // A port belongs to its host and a password to its user: those of another do not fit.
        let same_place = lower.hosts.is_empty() || self.hosts.is_empty() || self.hosts == lower.hosts;
        let same_user = lower.user.is_none() || self.user.is_none() || self.user == lower.user;
        let wants_port = self.hosts.is_empty() || self.hosts.iter().any(|(_, port)| port.is_none());
        let mut tally = Tally::default();
        tally.fill(&mut self.engine, lower.engine, true);
        tally.fill(&mut self.name, lower.name, true);
        tally.fill(&mut self.user, lower.user, true);
        tally.fill(&mut self.password, lower.password, same_user);
        tally.fill_list(&mut self.hosts, lower.hosts, true);
        tally.fill_list(&mut self.ports, lower.ports, same_place && wants_port);
        for param in lower.params {
            if let Some(known) = self.params.iter().find(|known| known.key() == param.key()) {
                tally.dropped |= known.value != param.value;
            } else {
                self.params.push(param);
                tally.used = true;
            }
        }
        if tally.dropped && !tally.used {
            report.warnings.push(format!("{} has no effect: {} comes first", lower.origin, self.origin));
        }
    }
}

/// What became of a source's values; one that is said twice alike is neither.
#[derive(Default)]
struct Tally {
    used: bool,
    dropped: bool,
}

impl Tally {
    fn fill<T: PartialEq>(&mut self, slot: &mut Option<T>, lower: Option<T>, fits: bool) {
        if lower.is_none() || *slot == lower {
            return;
        }
        if slot.is_none() && fits {
            *slot = lower;
            self.used = true;
        } else {
            self.dropped = true;
        }
    }

    fn fill_list<T: PartialEq>(&mut self, slot: &mut Vec<T>, lower: Vec<T>, fits: bool) {
        if lower.is_empty() || *slot == lower {
            return;
        }
        if slot.is_empty() && fits {
            *slot = lower;
            self.used = true;
        } else {
            self.dropped = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Layer;
    use crate::config::report::Report;

    #[test]
    fn what_is_missing_is_filled_and_what_is_there_stays() {
        let mut report = Report::default();
        let mut url = Layer { user: Some("a".into()), ..Layer::of("DATABASE_URL") };
        url.fill_from(Layer { password: Some("p".into()), ..Layer::of("a part") }, &mut report);
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("a"), Some("p")));
        assert!(report.warnings.is_empty());
    }

    #[test]
    fn a_password_goes_with_its_user_and_a_port_with_its_host() {
        let mut report = Report::default();
        let host = |name: &str| vec![(name.to_owned(), None)];
        let mut url = Layer { user: Some("a".into()), hosts: host("a"), ..Layer::of("DATABASE_URL") };
        let secret = Layer {
            user: Some("b".into()),
            password: Some("p".into()),
            hosts: host("b"),
            ports: vec![1],
            ..Layer::of("the secret")
        };
        url.fill_from(secret, &mut report);
        assert_eq!((url.password.as_deref(), url.ports.len()), (None, 0));
        assert_eq!(report.warnings.len(), 1);
        url.fill_from(Layer { ports: vec![2], ..Layer::of("a part") }, &mut report);
        assert_eq!(url.ports, [2]);
        url.fill_from(Layer { hosts: host("a"), ports: vec![3], ..Layer::of("same host") }, &mut report);
        assert_eq!(url.ports, [2]);
    }

    #[test]
    fn a_source_of_which_nothing_is_used_is_a_warning() {
        let mut report = Report::default();
        let mut url = Layer { user: Some("a".into()), ..Layer::of("DATABASE_URL") };
        url.fill_from(Layer { user: Some("a".into()), ..Layer::of("same") }, &mut report);
        assert!(report.warnings.is_empty());
        url.fill_from(Layer { user: Some("b".into()), ..Layer::of("other") }, &mut report);
        assert_eq!(report.warnings, ["other has no effect: DATABASE_URL comes first"]);
    }
}
