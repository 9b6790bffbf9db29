//! The parts of the contract that need accounts, in SQLite: direct managers, what decisions are made on, the log.

#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test answers")]

mod common;
mod decisions;
mod log;
mod managers;
