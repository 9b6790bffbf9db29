//! Pure decisions: from a request that was understood, the records that it names and the facts it asked for, to the
//! changes and log records of a [`scim_directory::ChangeSet`].
//!
//! No store, no clock, no randomness: ids come in as arguments, so that a decision can be repeated, previewed and
//! tested as a plain function. Mapping to accounts, the fixed rules of an account's life and guards take their place
//! here; today it decides what the standard alone asks for.

mod content;
mod difference;
mod members;
mod resource;

pub use content::content;
pub use difference::differences;
pub use members::{MemberPlan, MemberPlanner, Reference};
pub use resource::{Decision, create, delete, update};
