//! What turns a SCIM resource into an application's account, as pure functions: time, random values and look-ups are
//! arguments.
//!
//! - [`expression`]: the expression language of Microsoft Entra's attribute mappings.
//! - [`mapping`]: which field of an account is filled from what, and the way back.
//! - [`scoping`]: who is in the scope of provisioning.
//! - [`vectors`]: what runs test vectors.

pub mod expression;
pub mod mapping;
pub mod scoping;
pub mod vectors;
