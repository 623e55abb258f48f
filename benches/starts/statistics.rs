//! Medians, their spread, and how sure a ratio of two of them is.

/// The middle of a sample and of its halves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quartiles {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl Quartiles {
    pub(crate) fn of(sample: &[f64]) -> Self {
        Self { lower: quantile(sample, 0.25), median: median(sample), upper: quantile(sample, 0.75) }
    }
}

/// The median; not a number for an empty sample.
pub(crate) fn median(sample: &[f64]) -> f64 {
    quantile(sample, 0.5)
}

/// The value below which `share` of the sample lies, between two values in proportion.
pub(crate) fn quantile(sample: &[f64], share: f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = u32::try_from(sorted.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let at = share * f64::from(last);
    // The position lies within the sample, so neither cast loses anything but the fraction, which is used below.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ at ≤ last, a u32")]
    let below = at.floor() as usize;
    let value =
        |index: usize| sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
    let fraction = at - at.floor();
    value(below) * (1.0 - fraction) + value(below + 1) * fraction
}

/// Where the ratio of two samples' medians lies in 95 of 100 resamplings.
pub(crate) fn interval_of_ratio(sample: &[f64], base: &[f64]) -> (f64, f64) {
    let ratios: Vec<f64> = (0..2000).map(|_| median(&resampled(sample)) / median(&resampled(base))).collect();
    (quantile(&ratios, 0.025), quantile(&ratios, 0.975))
}

fn resampled(sample: &[f64]) -> Vec<f64> {
    sample.iter().filter_map(|_| fastrand::choice(sample)).copied().collect()
}
