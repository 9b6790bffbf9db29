//! The life of an account: created, picked up, changed, suspended, brought back, deleted.

mod arrive;
mod change;
mod depart;
mod edit;
pub(crate) mod event;
mod invite;
mod keep;
mod rename;

pub(crate) use arrive::arrive;
pub use arrive::{Arrival, Existing, overlay};
pub use change::Update;
pub(crate) use change::update;
pub use depart::{delete, pick_up};
pub use edit::{Edit, Import, edit, import, keep_as_it_is, reapply};
pub use invite::invite;
pub use keep::SERVER_REALM;
pub use rename::{NewName, Renaming};
