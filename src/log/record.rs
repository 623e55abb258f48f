//! One event as plain data, between the `tracing` macros and the line.

use super::Level;
use std::fmt;
use tracing::field::{Field, Visit};

/// One line to be.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) level: Level,
    /// The contract's name of the event.
    pub(super) event: Option<String>,
    pub(super) message: String,
    /// In the order they are written; dotted names are members of objects.
    pub(super) fields: Vec<(&'static str, Value)>,
}

/// The value of one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
}

impl Record {
    /// Takes an event apart; a field that was not recorded is null.
    pub(super) fn of(event: &tracing::Event<'_>) -> Self {
        let names = event.metadata().fields().iter().map(|field| field.name());
        let fields = names.filter(|name| !matches!(*name, "event" | "message"));
        let mut record = Self {
            level: Level::from(event.metadata().level()),
            event: None,
            message: String::new(),
            fields: fields.map(|name| (name, Value::Null)).collect(),
        };
        event.record(&mut record);
        record
    }

    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("event", Value::Text(event)) => self.event = Some(event),
            ("message", Value::Text(message)) => self.message = message,
            (name, value) => {
                if let Some((_, slot)) = self.fields.iter_mut().find(|(known, _)| *known == name) {
                    *slot = value;
                }
            }
        }
    }
}

impl Visit for Record {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Int(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Int(value.into()));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.set(field, Value::Int(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        // `Duration::as_millis` gives u128; what does not fit lasts longer than the universe.
        self.set(field, Value::Int(i128::try_from(value).unwrap_or(i128::MAX)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(format!("{value:?}")));
    }
}
