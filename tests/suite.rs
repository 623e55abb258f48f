//! castoff, driven as a process against real servers, through its contract alone.
//!
//! One binary, so that the servers are started once. Each module is a topic; `harness` starts the servers and
//! the program, collects what it prints and looks for secrets in all of it.

// How the tests start things.
#[cfg(test)]
mod harness;
// The harness tested on itself, so that a silent harness is never taken for a correct castoff.
#[cfg(test)]
mod harness_check;
