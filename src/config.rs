//! Raw arguments and variables become one validated [`Config`] before anything runs.

pub mod environment;
pub(crate) mod report;
pub mod target;
pub(crate) mod values;
