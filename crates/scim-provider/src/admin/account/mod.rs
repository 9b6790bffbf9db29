//! Accounts: looked at, edited, renamed, invited, erased; where their values come from.

mod edit;
mod erase;
mod explain;
mod invite;
mod read;
mod rename;

pub(crate) use edit::{account_refused, role, state};
pub use erase::ErasedAccount;
pub use explain::{Explained, ExplainedValue, Manager, Meant};
pub use read::{AccountPage, account_json};
pub(crate) use read::{page_query, scope};
pub use rename::{RenameOutcome, RenameSummary, Renamed};
