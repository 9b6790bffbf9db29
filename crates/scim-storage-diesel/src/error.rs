//! Diesel's errors as the contract has them.

use diesel::result::{DatabaseErrorKind, Error};
use scim_storage::{CommitError, StoreError};

/// A read or a statement that failed. What a later try may heal is `Unavailable`.
pub(crate) fn store_error(error: Error) -> StoreError {
    let text = error.to_string();
    #[cfg(feature = "sqlite")]
    if crate::sqlite::is_over(&text) {
        return StoreError::TooLong;
    }
    let passing = ["locked", "busy", "full", "disk I/O", "unable to open", "readonly"];
    let lasting = !matches!(
        error,
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::ReadOnlyTransaction,
            _
        )
    );
    if !lasting || passing.iter().any(|word| text.contains(word)) {
        StoreError::Unavailable { reason: text }
    } else {
        StoreError::internal(error)
    }
}

/// A stored value that is not what this backend writes.
pub(crate) fn damaged(what: &'static str) -> StoreError {
    StoreError::internal(format!("the database holds {what} that this backend does not write"))
}

/// Why a change set was not applied.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// See [`CommitError::Conflict`].
    Conflict,
    /// See [`CommitError::Duplicate`].
    Duplicate(String),
    /// See [`CommitError::Claimed`].
    Claimed(String),
    /// See [`CommitError::NoSeat`].
    NoSeat(u64),
    /// See [`CommitError::TooLarge`].
    #[cfg(feature = "postgres")]
    TooLarge,
    /// It must be applied again, alone in its instance.
    NotAlone,
    /// The database failed.
    Store(StoreError),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(store_error(error))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for CommitError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict => Self::Conflict,
            Refusal::Duplicate(attribute) => Self::Duplicate { attribute },
            Refusal::Claimed(attribute) => Self::Claimed { attribute },
            Refusal::NoSeat(seats) => Self::NoSeat { seats },
            #[cfg(feature = "postgres")]
            Refusal::TooLarge => Self::TooLarge,
            Refusal::NotAlone => Self::Store(StoreError::internal("a change set was not applied alone")),
            Refusal::Store(error) => Self::Store(error),
        }
    }
}
