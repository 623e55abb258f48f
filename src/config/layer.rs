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

    /// Fills what is missing here from a source of lower rank, and says if that was in vain.
    ///
    /// `self.origin` stays that of the highest source.
    pub(crate) fn fill_from(&mut self, lower: Self, report: &mut Report) {
        let mut used = false;
        used |= fill(&mut self.engine, lower.engine);
        used |= fill(&mut self.name, lower.name);
        used |= fill(&mut self.user, lower.user);
        used |= fill(&mut self.password, lower.password);
        used |= fill_list(&mut self.hosts, lower.hosts);
        used |= fill_list(&mut self.ports, lower.ports);
        for param in lower.params {
            match self.params.iter().find(|known| known.key() == param.key()) {
                Some(known) if known.value != param.value => {}
                Some(_) => used = true,
                None => {
                    self.params.push(param);
                    used = true;
                }
            }
        }
        if !used {
            report.warnings.push(format!("{} has no effect: {} comes first", lower.origin, self.origin));
        }
    }
}

/// Whether the lower value is used, or says the same.
fn fill<T: PartialEq>(slot: &mut Option<T>, lower: Option<T>) -> bool {
    let Some(lower) = lower else { return false };
    if slot.is_none() {
        *slot = Some(lower);
        return true;
    }
    slot.as_ref() == Some(&lower)
}

fn fill_list<T: PartialEq>(slot: &mut Vec<T>, lower: Vec<T>) -> bool {
    if slot.is_empty() {
        *slot = lower;
        return !slot.is_empty();
    }
    *slot == lower
}

#[cfg(test)]
mod tests {
    use super::Layer;
    use crate::config::report::Report;

    #[test]
    fn what_is_missing_is_filled_and_what_is_there_stays() {
        let mut report = Report::default();
        let mut url = Layer { user: Some("a".into()), ..Layer::of("DATABASE_URL") };
        let parts = Layer { user: Some("b".into()), password: Some("p".into()), ..Layer::of("the secret") };
        url.fill_from(parts, &mut report);
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("a"), Some("p")));
        assert!(report.warnings.is_empty());
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
