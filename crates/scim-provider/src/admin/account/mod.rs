//! Accounts: looked at, edited, renamed, invited, erased; where their values come from.

mod create;
mod delete;
mod edit;
mod erase;
mod explain;
mod export;
mod invite;
mod preview;
mod read;
mod rename;
mod who;

pub use edit::set_field;
pub(crate) use edit::{account_refused, overtaken, role, state};
pub use erase::ErasedAccount;
pub use explain::{Explained, ExplainedValue, Manager, Meant};
pub use preview::{MatchedBy, PreviewOutcome, PreviewSummary, Previewed};
pub use read::{AccountPage, DeletedPage, FoundAccount, account_json, deleted_json};
pub(crate) use read::{page_query, scope};
pub use rename::{RenameOutcome, RenameSummary, Renamed, Rewrite};
pub use who::Who;
