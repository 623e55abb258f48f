//! Durations as sentences and log fields show them.

use std::time::Duration;

/// A duration for a sentence, without the nanoseconds.
pub(crate) fn whole(duration: Duration) -> String {
    let milliseconds = milliseconds(duration);
    let rounded = if milliseconds >= 1000 { (milliseconds + 500) / 1000 * 1000 } else { milliseconds };
    humantime::format_duration(Duration::from_millis(rounded)).to_string()
}

/// A duration as the log's fields carry it.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::whole;

    #[test]
    fn durations_are_said_without_nanoseconds() {
        assert_eq!(whole(Duration::from_nanos(1_500_000_001)), "2s");
        assert_eq!(whole(Duration::from_millis(250)), "250ms");
    }
}
