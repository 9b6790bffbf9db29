//! What has to be there before something is measured: people, groups of a size, cursors.
//!
//! People who stay are filled in once by single POSTs, and found again by a later run. Whatever else a run needs bears the run's own
//! tag, and is deleted at its end.

mod ask;
mod directory;
mod groups;
mod pages;

pub use self::ask::{Asked, ask};
pub use self::directory::{Directory, Filled, Sampled};
pub use self::groups::Sized;
pub use self::pages::Cursors;
pub(crate) use self::pages::PAGE;
