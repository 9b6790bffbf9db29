//! What can be wrong with a PATCH request.

use crate::error::{ScimError, ScimType};
use crate::message::MessageError;
use crate::path::PathError;
use crate::resource::ResourceError;

/// A PATCH request that is refused; nothing of it is applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The envelope is wrong.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// There are more operations than a request may have.
    #[error("the request has {given} operations; {limit} is the most")]
    TooManyOperations {
        /// How many there are.
        given: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An operation is wrong.
    #[error("Operations[{position}]{}: {problem}", at(.path))]
    Operation {
        /// Its place in the request, from 1.
        position: usize,
        /// Its path, or the key in its value, as the client wrote it.
        path: Option<String>,
        /// What is wrong.
        problem: PatchProblem,
    },
    /// The resource that comes out is not valid, whichever operation did it.
    #[error(transparent)]
    Result(PatchProblem),
}

/// What is wrong with an operation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchProblem {
    /// The operation does not have the form of one.
    #[error("{0}")]
    Syntax(String),
    /// The path is malformed or names nothing.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is nothing that the operation could work on.
    #[error("{0}")]
    NoTarget(String),
    /// The attribute may not be changed so.
    #[error("{0}")]
    Mutability(String),
    /// The value is not one of the attribute's.
    #[error("{0}")]
    Value(String),
    /// The value is not one of the attribute's, as its type says.
    #[error(transparent)]
    Resource(#[from] ResourceError),
}

impl PatchProblem {
    /// The keyword of RFC 7644 §3.12.
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        match self {
            Self::Syntax(_) => ScimType::InvalidSyntax,
            Self::Path(_) => ScimType::InvalidPath,
            Self::NoTarget(_) => ScimType::NoTarget,
            Self::Mutability(_) => ScimType::Mutability,
            Self::Value(_) => ScimType::InvalidValue,
            Self::Resource(error) => error.scim_type(),
        }
    }
}

impl PatchError {
    /// The keyword of RFC 7644 §3.12.
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        match self {
            Self::Message(error) => error.scim_type(),
            Self::TooManyOperations { .. } => ScimType::InvalidSyntax,
            Self::Operation { problem, .. } | Self::Result(problem) => problem.scim_type(),
        }
    }
}

impl From<PatchError> for ScimError {
    fn from(error: PatchError) -> Self {
        Self::new(error.scim_type(), error.to_string())
    }
}

fn at(path: &Option<String>) -> String {
    // A client's path may be long; its beginning says which one it is.
    path.as_ref().map(|path| format!(" {:?}", path.chars().take(200).collect::<String>())).unwrap_or_default()
}
