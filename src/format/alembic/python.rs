//! As much of Python as it takes to see what a module assigns to a name, without running it.
//!
//! What only an interpreter could know is [`Unreadable`], never guessed: whoever asks then starts Python after all.

use std::fmt;

mod literal;
mod module;
mod source;
mod statement;
mod token;

pub(super) use literal::Value;
pub(super) use module::{Assigned, Module};
pub(super) use source::decode;

/// Why a place in a file cannot be understood without an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The line, from 1.
    pub(super) line: usize,
    /// What stands there.
    pub(super) why: String,
}

impl Unreadable {
    fn new(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

#[cfg(test)]
mod tests;
