//! What can be wrong with a path.

use std::fmt;

use crate::error::{ScimError, ScimType};
use crate::filter::FilterError;

/// A path that is malformed or names nothing (`scimType` `invalidPath`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PathError {
    path: String,
    resource_type: Option<String>,
    offset: Option<usize>,
    reason: String,
}

impl PathError {
    /// Longest part of a client's path that is quoted back, in characters.
    const QUOTED: usize = 200;

    /// A path that means nothing to a resource type.
    pub(crate) fn unknown(path: &str, resource_type: &str, reason: impl Into<String>) -> Self {
        Self {
            path: path.chars().take(Self::QUOTED).collect(),
            resource_type: Some(resource_type.to_owned()),
            offset: None,
            reason: reason.into(),
        }
    }

    /// A path that does not follow the grammar, or whose filter is wrong.
    pub(crate) fn malformed(path: &str, error: &FilterError) -> Self {
        Self {
            path: path.chars().take(Self::QUOTED).collect(),
            resource_type: None,
            offset: Some(error.offset()),
            reason: error.to_string(),
        }
    }

    /// The offending path, cut after 200 characters.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where in the path the mistake is, in bytes from its start; `None` where it is the path as a whole.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// What is wrong with it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.resource_type {
            Some(name) => write!(f, "{:?} is not an attribute of {name}: {}", self.path, self.reason),
            None => write!(f, "the path {:?} is not valid: {}", self.path, self.reason),
        }
    }
}

impl From<PathError> for ScimError {
    fn from(error: PathError) -> Self {
        Self::new(ScimType::InvalidPath, error.to_string())
    }
}
