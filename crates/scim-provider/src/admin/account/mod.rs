//! Accounts: looked at, edited, brought in.

mod edit;
mod import;
mod read;
mod reader;

pub(crate) use edit::account_refused;
pub use import::{ImportOutcome, ImportSummary};
pub(crate) use read::scope;
pub use read::{AccountPage, account_json};
pub use reader::{ImportReader, ImportRow, Rejected};
