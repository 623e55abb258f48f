//! What a tool writes into its history: statements, some of whose values are known only at the moment of writing.

use std::time::{Duration, SystemTime};

use crate::engine::{Statement, Value};

/// One statement on the history table. `{table}` stands for the table, `?` for each parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The statement's text.
    pub sql: String,
    /// Its parameters, in order.
    pub params: Vec<Parameter>,
}

/// A parameter of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Known beforehand.
    Fixed(Value),
    /// How long the script took, in nanoseconds.
    ElapsedNanos,
    /// The same, in milliseconds.
    ElapsedMillis,
    /// The time of writing, in UTC.
    Now(Clock),
    /// A random version 4 UUID, another one at each writing.
    Uuid,
    /// What went wrong.
    Error,
}

/// How a tool writes the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `2026-01-02 03:04:05.678901`, to be read as UTC.
    Micros,
    /// `2026-01-02 03:04:05.678`, to be read as UTC.
    Millis,
    /// Milliseconds since the Unix epoch.
    UnixMillis,
    /// RFC 3339 in UTC as the `time` crate writes it: `2026-01-02T03:04:05.6789Z`, as many digits as are needed.
    Rfc3339,
}

/// The moment of writing.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time of writing.
    pub now: SystemTime,
    /// How long the script took.
    pub elapsed: Duration,
    /// What went wrong, in the tool's words; empty where nothing did.
    pub error: &'a str,
}

impl<'a> Moment<'a> {
    /// Now, after a script that took so long.
    pub fn after(elapsed: Duration) -> Self {
        Self { now: SystemTime::now(), elapsed, error: "" }
    }

    /// Now, because of this error.
    pub fn of(error: &'a str) -> Self {
        Self { error, ..Self::after(Duration::ZERO) }
    }
}

impl Entry {
    /// An entry whose parameters are all known.
    pub fn fixed(sql: impl Into<String>, params: impl IntoIterator<Item = Value>) -> Self {
        Self { sql: sql.into(), params: params.into_iter().map(Parameter::Fixed).collect() }
    }

    /// The statement, as it is written at this moment.
    pub fn at(&self, moment: Moment<'_>) -> Statement {
        let params = self.params.iter().map(|parameter| parameter.at(moment)).collect();
        Statement { sql: self.sql.clone(), params }
    }
}

impl Parameter {
    fn at(&self, moment: Moment<'_>) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::ElapsedNanos => Value::Int(integer(moment.elapsed.as_nanos())),
            Self::ElapsedMillis => Value::Int(integer(moment.elapsed.as_millis())),
            Self::Now(clock) => clock.read(moment.now),
            Self::Uuid => Value::Text(uuid(fastrand::u128(..))),
            Self::Error => Value::Text(moment.error.to_owned()),
        }
    }
}

impl Clock {
    fn read(self, now: SystemTime) -> Value {
        match self {
            Self::Micros => plain(&humantime::format_rfc3339_micros(now)),
            Self::Millis => plain(&humantime::format_rfc3339_millis(now)),
            Self::UnixMillis => {
                let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Value::Int(integer(since.as_millis()))
            }
            Self::Rfc3339 => {
                let time = humantime::format_rfc3339_nanos(now).to_string();
                Value::Text(format!(
                    "{}Z",
                    time.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.')
                ))
            }
        }
    }
}

/// Without the letters of RFC 3339.
fn plain(time: &humantime::Rfc3339Timestamp) -> Value {
    Value::Text(time.to_string().replace('T', " ").replace('Z', ""))
}

fn integer(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A UUID of version 4 from random bits (RFC 9562, 5.4).
fn uuid(random: u128) -> String {
    const VERSION: u128 = 0x4 << 76;
    const VARIANT: u128 = 0b10 << 62;
    let bits = random & !(0xf << 76) & !(0b11 << 62) | VERSION | VARIANT;
    let digits = format!("{bits:032x}");
    let groups = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    groups.map(|(from, to)| digits.get(from..to).unwrap_or_default()).join("-")
}

#[cfg(test)]
mod tests {
    use super::{Clock, Entry, Moment, Parameter, uuid};
    use crate::engine::Value;
    use std::time::{Duration, SystemTime};

    #[test]
    fn what_is_known_only_at_the_moment_of_writing_is_filled_in() {
        let params = vec![
            Parameter::ElapsedNanos,
            Parameter::ElapsedMillis,
            Parameter::Error,
            Parameter::Fixed(Value::Int(7)),
        ];
        let entry = Entry { sql: "INSERT".into(), params };
        let written = entry.at(Moment { elapsed: Duration::from_millis(3), ..Moment::of("no") });
        assert_eq!(
            written.params,
            [Value::Int(3_000_000), Value::Int(3), Value::Text("no".into()), Value::Int(7)]
        );
    }

    #[test]
    fn the_time_is_written_in_utc() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_678);
        assert_eq!(Clock::Micros.read(now), Value::Text("2026-01-02 03:04:05.678000".into()));
        assert_eq!(Clock::Millis.read(now), Value::Text("2026-01-02 03:04:05.678".into()));
        assert_eq!(Clock::UnixMillis.read(now), Value::Int(1_767_323_045_678));
        assert_eq!(Clock::Rfc3339.read(now), Value::Text("2026-01-02T03:04:05.678Z".into()));
        let whole = SystemTime::UNIX_EPOCH + Duration::from_mins(29_455_384);
        assert_eq!(Clock::Rfc3339.read(whole), Value::Text("2026-01-02T03:04:00Z".into()));
    }

    #[test]
    fn a_uuid_says_its_version_and_variant_whatever_the_random_bits_are() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
