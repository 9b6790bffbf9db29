//! Accounts: looked at, edited, brought in, renamed, invited, erased; where their values come from.

mod edit;
mod erase;
mod explain;
mod import;
mod invite;
mod read;
mod reader;
mod rename;

pub(crate) use edit::account_refused;
pub use erase::ErasedAccount;
pub use explain::{Explained, ExplainedValue, Manager, Meant};
pub use import::{ImportOutcome, ImportSummary};
pub use read::{AccountPage, account_json};
pub(crate) use read::{page_query, scope};
pub use reader::{ImportReader, ImportRow, Rejected};
pub use rename::{RenameOutcome, RenameSummary, Renamed};
