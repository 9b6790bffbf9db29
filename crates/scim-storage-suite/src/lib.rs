//! Behavioural tests that every storage backend must pass.
