//! The project's own commands: test, tidy.
fn main() {}
