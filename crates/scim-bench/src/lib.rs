//! Measures SCIM servers: how much CPU and time each kind of request takes.
//!
//! - [`drive::Driver`] sends requests: one thread, raw HTTP/1.1, closed loop or at a rate.
//! - [`workload`] has what is asked, and which status is right; a wrong one fails the run.
//! - [`server::Server`] prepares a directory and runs rounds; [`process`] reads what the server used meanwhile.
//! - [`run`] measures servers side by side, in turns (A B A B); [`bare`] is the handler that they are held against.
//! - [`compare`] does all that for Rollcall itself on either database, beside [`raw`], the plain database library, and says which
//!   goals are met.
//!
//! It uses none of the server's crates: it sees HTTP only, so any server can be measured. A figure is never a test's failure.

pub mod args;
pub mod bare;
pub mod compare;
pub mod drive;
pub mod figures;
pub mod http;
pub mod process;
mod questions;
pub mod random;
pub mod raw;
pub mod run;
pub mod server;
pub mod setup;
pub mod shapes;
pub mod workload;

use std::io::Write as _;

/// Writes a line for whoever runs this.
pub fn say(text: &str) {
    // Nothing is left to tell it to where standard output is gone.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
