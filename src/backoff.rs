//! Pauses between attempts, with full jitter so that a fleet does not knock in step.

use std::time::Duration;

/// The first pause is at most this long.
const FIRST: Duration = Duration::from_millis(50);

/// Exponential growth with full jitter: each pause is drawn between nothing and a limit that doubles.
#[derive(Debug)]
pub struct Backoff {
    limit: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { limit: FIRST }
    }
}

impl Backoff {
    /// The next pause. `cap` bounds the doubling.
    pub fn next(&mut self, cap: Duration) -> Duration {
        let limit = self.limit.min(cap);
        self.limit = self.limit.saturating_mul(2).min(cap);
        jitter(Duration::ZERO, limit)
    }
}

/// A duration between two others.
pub fn jitter(from: Duration, to: Duration) -> Duration {
    from + to.saturating_sub(from).mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn pauses_grow_and_stay_below_the_cap() {
        let cap = Duration::from_secs(1);
        let mut backoff = Backoff::default();
        for attempt in 0..20_u32 {
            let limit = Duration::from_millis(50).saturating_mul(1 << attempt.min(10)).min(cap);
            assert!(backoff.next(cap) <= limit);
        }
    }

    #[test]
    fn two_replicas_do_not_pause_in_step() {
        let cap = Duration::from_secs(1);
        let pauses = |seed| {
            fastrand::seed(seed);
            let mut backoff = Backoff::default();
            (0..5).map(|_| backoff.next(cap)).collect::<Vec<_>>()
        };
        assert_ne!(pauses(1), pauses(2));
    }
}
