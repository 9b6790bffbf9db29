//! Whether a node holds the peppers that the store's keys were hashed with.

use scim_api_keys::Peppers;
use scim_storage::{PeppersKnown, ServerAnswer, ServerQuestion, Store, StoreError};

use crate::StartError;

/// A node with other peppers than the store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PepperMismatch {
    /// None of the node's peppers is known to the store.
    #[error(
        "this database belongs to another pepper than this node has, so that no key would be let in; give the node the pepper \
         file that was made with the database, or the one of the other nodes"
    )]
    Stranger,
    /// Keys in force were hashed with a pepper that the node does not hold.
    #[error(
        "a pepper that this node does not hold is still needed, by {keys} of the keys that are not revoked; give the node that \
         one too, on a line after the current one, until every key was used or revoked"
    )]
    Missing {
        /// How many keys.
        keys: u64,
    },
}

/// That these are the store's peppers; the current one is known to it from now on.
pub(crate) async fn check_peppers(store: &dyn Store, peppers: &Peppers) -> Result<(), StartError> {
    match store.server(&ServerQuestion::Peppers(peppers.ids())).await? {
        ServerAnswer::Peppers(PeppersKnown { accepted: false, .. }) => Err(PepperMismatch::Stranger.into()),
        ServerAnswer::Peppers(PeppersKnown { strangers: 0, .. }) => Ok(()),
        ServerAnswer::Peppers(PeppersKnown { strangers, .. }) => {
            Err(PepperMismatch::Missing { keys: strangers }.into())
        }
        _ => Err(StartError::Store(StoreError::internal("the store answered another question"))),
    }
}
