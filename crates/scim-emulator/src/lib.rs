//! Plays identity providers against any SCIM server.
//!
//! - [`replay`] plays recorded conversations, request by request, and checks every answer.
//!
//! Deliberately absent: any knowledge of one server. This crate uses nothing of the others; it sees HTTP only.

pub mod replay;
mod wire;
