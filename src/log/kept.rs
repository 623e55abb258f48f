//! Lines that a test keeps, where [`Stderr`](super::layer::Stderr) would write them.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::record::Record;
use super::render;

/// The records of this thread.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Record>>>);

impl Kept {
    /// Keeps what this thread logs until the guard is dropped.
    pub(crate) fn here() -> (Self, DefaultGuard) {
        let kept = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(kept.clone()));
        (kept, guard)
    }

    /// The last one, taken out.
    pub(super) fn pop(&self) -> Option<Record> {
        self.0.lock().unwrap().pop()
    }

    /// The lines of this event, as JSON.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        let records = self.0.lock().unwrap();
        let lines = records.iter().filter(|record| record.event.as_deref() == Some(event));
        lines.map(|record| serde_json::from_str(&render::json(record, render::now())).unwrap()).collect()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.lock().unwrap().push(Record::of(event));
    }
}
