//! Why a database cannot be used.

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be opened or read, or the server cannot be reached.
    #[error("cannot open the database {path}: {reason}")]
    Open {
        /// The file, or the server and the database on it.
        path: String,
        /// Why.
        reason: String,
    },
    /// The database is another program's. Nothing was changed in it.
    #[error(
        "{path} is the database of another program: it has a table {table}, and none of Rollcall's. Name one that is empty or not there, \
         or Rollcall's own"
    )]
    NotOurs {
        /// The file, or the server and the database on it.
        path: String,
        /// A table of it.
        table: String,
    },
    /// The database was made by an earlier release.
    #[error(
        "the database {path} is of an earlier release; make a copy of it, then let this release migrate it (--migrate)"
    )]
    NeedsMigration {
        /// The file, or the server and the database on it.
        path: String,
    },
    /// The database was made by a later release.
    #[error(
        "the database {path} is of a later release (migration {migration}); run that release, or restore a copy"
    )]
    TooNew {
        /// The file, or the server and the database on it.
        path: String,
        /// The first migration that this release does not know.
        migration: String,
    },
    /// A migration failed; nothing of it is done.
    #[error("cannot migrate the database {path}: {reason}")]
    Migration {
        /// The file, or the server and the database on it.
        path: String,
        /// Why.
        reason: String,
    },
}
