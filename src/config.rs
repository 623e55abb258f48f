//! Raw arguments and variables become one validated [`Config`] before anything runs.

pub mod target;
