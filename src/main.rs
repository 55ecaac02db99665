//! The `akkoord` program.

fn main() {}
