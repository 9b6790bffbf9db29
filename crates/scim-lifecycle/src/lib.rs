//! Pure decisions: from a request that was understood, the records that it names and the facts it asked for, to the
//! changes, log records and events of a [`scim_directory::ChangeSet`].
//!
//! No store, no clock, no randomness: ids, time and random bytes come in as values ([`Occasion`]), so that a decision can be
//! repeated, previewed and tested as a plain function. What a decision must know of the directory it asks for: it stops
//! with [`Stop::Needs`], and is made again once [`Facts`] has the answers.

mod content;
mod decision;
mod difference;
mod group;
mod guard;
mod limits;
mod members;
mod occasion;
mod person;
mod policy;
mod refusal;
mod resource;
mod roles;
mod rules;
mod view;

pub use content::content;
pub use decision::Decision;
pub use difference::differences;
pub use group::create_group;
pub use members::{MemberPlan, MemberPlanner, Reference};
pub use occasion::{Facts, Occasion, Stop};
pub use person::{
    Arrival, Edit, Existing, Import, NewName, Renaming, SERVER_REALM, Update, delete, edit, import, invite,
    keep_as_it_is, overlay, pick_up, reapply,
};
pub use policy::{Policy, PolicyError};
pub use refusal::Refusal;
pub use resource::{create, update};
pub use rules::{RuleError, check_rules};
pub use view::account_view;
