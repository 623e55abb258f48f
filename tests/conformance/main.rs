//! One suite that takes every format on every engine through the same life: what castoff does of its own is the same
//! everywhere, and what differs is exactly what the tool itself does.
//!
//! `formats/<format>.rs` describes a tool as [`tool::Tool`]: how it writes a migration down, what it records, what it makes
//! of files that no longer fit. Nothing there is taken from castoff. The cases are written once, in the modules named after
//! their topics, and listed in `cases.rs`; a test is named `formats::<format>::<case>::<engine>`.

// What the others are made of.
#[cfg(test)]
#[macro_use]
mod cases;
#[cfg(test)]
#[expect(dead_code, unused_imports, unused_macros, reason = "the suite uses what these tests do not")]
#[path = "../harness/mod.rs"]
mod harness;
#[cfg(test)]
mod project;
#[cfg(test)]
mod site;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod tool;

// One file and one line for each tool.
#[cfg(test)]
mod formats;

// The cases.
#[cfg(test)]
mod apply;
#[cfg(test)]
mod back;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod herd;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod text;
