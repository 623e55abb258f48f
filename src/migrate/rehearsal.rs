//! A run on a session that only writes down what it is sent: what is shown beforehand is what the phase itself sends.

use std::future::pending;

use super::apply::apply;
use super::progress::Position;
use super::stop::Stopper;
use super::{Found, Migrating, furnish};
use crate::engine::{DbError, Reading, Session};
use crate::plan::Planned;

/// What comes before the first migration.
pub(crate) async fn prepare(
    session: &mut dyn Session,
    migrating: Migrating<'_>,
    reading: &Reading,
) -> Result<(), DbError> {
    furnish(session, migrating, Found::of(reading)).await
}

/// One migration with its bookkeeping.
pub(crate) async fn step(
    session: &mut dyn Session,
    migrating: Migrating<'_>,
    planned: &Planned,
) -> Result<(), DbError> {
    let stopping = Stopper::new(pending(), None).stopping();
    apply((session, &[]), migrating, planned, &stopping, &Position::default())
        .await
        .map(drop)
        .map_err(|broken| broken.error)
}
