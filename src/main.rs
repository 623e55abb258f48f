//! castoff, the binary.

fn main() {}
