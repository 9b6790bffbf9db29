//! Questions that a decision asks of the store, and the facts it gets, in one round trip.

use scim_core::instant::Timestamp;

use crate::{Key, ResourceId};

/// What a decision needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What a reference that a client sent means: a resource's `id`, else this connector's `externalId`, else a user
    /// name. Answered by [`Fact::Target`].
    Target(String),
    /// How the resource of that id is displayed; answered by [`Fact::Display`].
    Display(ResourceId),
    /// How many resources of that type the instance has; answered by [`Fact::Count`].
    Count(std::sync::Arc<str>),
}

/// What a store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Answer to [`Question::Target`].
    Target(Target),
    /// Answer to [`Question::Display`]: `None` where there is no such resource; the inner one where it has no name.
    Display(Option<(Key, Option<String>)>),
    /// Answer to [`Question::Count`].
    Count(u64),
}

/// What a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A resource that is there.
    Live(Key),
    /// The id of one that was deleted.
    Deleted {
        /// When.
        at: Timestamp,
    },
    /// Nothing that the instance has or had.
    Unknown,
}
