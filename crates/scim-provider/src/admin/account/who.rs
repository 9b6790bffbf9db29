//! Which account is meant.

use scim_directory::ResourceId;

/// Which account is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// The one of that id.
    Id(ResourceId),
    /// The one of that user name, in any letter case.
    UserName(&'a str),
}

impl From<ResourceId> for Who<'_> {
    fn from(id: ResourceId) -> Self {
        Self::Id(id)
    }
}

impl<'a> From<&'a str> for Who<'a> {
    fn from(user_name: &'a str) -> Self {
        Self::UserName(user_name)
    }
}

impl<'a> From<&'a String> for Who<'a> {
    fn from(user_name: &'a String) -> Self {
        Self::UserName(user_name)
    }
}
