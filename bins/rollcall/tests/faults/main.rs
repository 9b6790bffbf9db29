//! Faults: what was acknowledged stays, with its log record and its event, exactly once; what was not is there as a whole or not
//! at all. Each test runs the real binary, and each database that it can.
//!
//! They are bounded in time here; `ROLLCALL_SOAK_SECONDS` makes each go on that long (`just soak`).
#![cfg(test)]

mod audit;
mod bed;
mod clock;
mod disk;
mod ending;
mod history;
mod kill;
mod load;
mod postgresql;
#[path = "../http/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "these tests need some of it only")]
mod support;
mod wire;
