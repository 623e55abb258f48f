//! A record as a line of text or of JSON. Both end in the line's only line break.

use super::record::{Record, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of a line. A clock set before 1970 reads 1970, which can at least be written.
pub(super) fn now() -> SystemTime {
    SystemTime::now().max(UNIX_EPOCH)
}

/// `2026-01-31T03:00:00.123Z INFO  waiting for the database: connection refused  attempt=1`
///
/// After the message come the fields it does not quote, the hint as the last. No colour: what reads container logs
/// rarely is a terminal.
pub(super) fn text(record: &Record, time: SystemTime) -> String {
    let said = match (record.message.as_str(), &record.event) {
        ("", Some(event)) => event,
        (message, _) => message,
    };
    let level = record.level.name().to_uppercase();
    let mut line = format!("{} {level:<5} {}", timestamp(time), escaped(said));
    let mut gap = "  ";
    let is_hint = |name: &str| name == "hint";
    for (name, value) in record.fields.iter().filter(|(name, _)| !is_hint(name)) {
        let shown = match value {
            Value::Null => continue,
            Value::Text(text) if !text.is_empty() && said.contains(text.as_str()) => continue,
            Value::Text(text) => word(text),
            Value::Bool(flag) => flag.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
        };
        line.push_str(gap);
        line.push_str(name);
        line.push('=');
        line.push_str(&shown);
        gap = " ";
    }
    if let Some((_, Value::Text(hint))) = record.fields.iter().find(|(name, _)| is_hint(name)) {
        line.push_str("  hint: ");
        line.push_str(&escaped(hint));
    }
    line.push('\n');
    line
}

/// The same as an object: `ts`, `level`, `event` and `message` first, then the fields.
pub(super) fn json(record: &Record, time: SystemTime) -> String {
    // A map with string keys and these values cannot fail to serialise.
    let mut line = serde_json::to_string(&Line { record, ts: timestamp(time) }).unwrap_or_default();
    line.push('\n');
    line
}

/// RFC 3339 in UTC, with milliseconds; empty beyond the year 9999.
pub(super) fn timestamp(time: SystemTime) -> String {
    let mut text = String::new();
    match write!(text, "{}", humantime::format_rfc3339_millis(time)) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

/// Quoted where a reader could not tell where it ends.
fn word(text: &str) -> String {
    let text = escaped(text);
    if text.is_empty() || text.contains([' ', '"', '=']) {
        format!("\"{}\"", text.replace('"', "\\\""))
    } else {
        text
    }
}

/// Everything visible and on one line: what a server or a file says must not look like a line of ours, nor steer a
/// terminal.
pub(super) fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            result.extend(character.escape_default());
        } else {
            result.push(character);
        }
    }
    result
}

/// Line and paragraph separators, and what turns the direction of writing.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

struct Line<'a> {
    record: &'a Record,
    ts: String,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ts", &self.ts)?;
        map.serialize_entry("level", self.record.level.name())?;
        map.serialize_entry("event", &self.record.event)?;
        map.serialize_entry("message", &self.record.message)?;
        let fields: Vec<_> = self.record.fields.iter().map(|(name, value)| (*name, value)).collect();
        Members(&fields).entries(&mut map)?;
        map.end()
    }
}

/// Fields of one object; a name that has a dot belongs to an object of its own.
struct Members<'a>(&'a [(&'a str, &'a Value)]);

impl Members<'_> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let mut written: Vec<&str> = Vec::new();
        for (name, value) in self.0 {
            let Some((parent, _)) = name.split_once('.') else {
                map.serialize_entry(name, value)?;
                continue;
            };
            if written.contains(&parent) {
                continue;
            }
            written.push(parent);
            let members = self.0.iter().filter_map(|(name, value)| {
                let (of, member) = name.split_once('.')?;
                (of == parent).then_some((member, *value))
            });
            let members: Vec<_> = members.collect();
            map.serialize_entry(parent, &Members(&members))?;
        }
        Ok(())
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.iter().all(|(_, value)| **value == Value::Null) {
            return serializer.serialize_unit();
        }
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i128(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}
