//! Plays identity providers against any SCIM server.
//!
//! - [`entra`] emulates the provisioning service of Microsoft Entra ID: an initial and an incremental cycle for a company
//!   of any size, with counts, times and everything that went wrong.
//! - [`company`] is the invented company whose people it provisions.
//! - [`replay`] plays recorded conversations, request by request, and checks every answer.
//!
//! ```no_run
//! use scim_emulator::entra::{self, Options, Phase, Progress};
//!
//! /// Says how far the run is.
//! struct Lines;
//!
//! impl Progress for Lines {
//!     fn update(&self, phase: Phase, done: u64, total: u64) {
//!         eprintln!("{phase}: {done} of {total}");
//!     }
//! }
//!
//! let options = Options::new("https://scim.example/v2", "TOKEN").people(250);
//! let summary = entra::run(&options, &Lines)?;
//! for (what, count) in summary.initial.counts() {
//!     println!("{what:22} {count}");
//! }
//! println!("{:.0} requests/s", summary.initial.requests_per_second());
//! # Ok::<(), entra::EmulatorError>(())
//! ```
//!
//! Deliberately absent: any knowledge of one server. This crate uses none of the others; it sees HTTP only. It blocks, on
//! threads of its own, and never aborts a cycle for a failed request.

pub mod company;
pub mod entra;
pub mod replay;
mod wire;
