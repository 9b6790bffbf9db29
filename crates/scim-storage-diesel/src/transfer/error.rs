//! Why an instance was not moved.

use std::fmt::Write as _;

use scim_directory::InstanceId;
use scim_storage::StoreError;

/// An export or an import that did not come to its end. After an import nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// There is no such instance.
    #[error("there is no instance {0:?}; `instance list` shows them")]
    NoInstance(String),
    /// What is exported cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[source] std::io::Error),
    /// What is imported cannot be read.
    #[error("line {line} of the export cannot be read: {error}")]
    Read {
        /// The line.
        line: u64,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// It is no export, or was altered.
    #[error("line {line} is not as an export has it: {reason}; nothing was imported")]
    Malformed {
        /// The line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// It ends too early.
    #[error(
        "the export ends after line {line}, before its last line, which has its digest: it was cut off; copy it again, or export \
         again. Nothing was imported"
    )]
    CutOff {
        /// The last line.
        line: u64,
    },
    /// It is of another format.
    #[error(
        "the export has format {found}, and this release reads format {known}; import it with the release that wrote it ({release})"
    )]
    OtherFormat {
        /// Its format.
        found: u64,
        /// The format of this release.
        known: u64,
        /// The release that wrote it.
        release: String,
    },
    /// Its rows are not those that were exported.
    #[error(
        "the export was altered: its last line says {told} rows of {table}, and there are {found}, or others; copy it again, or export \
         again. Nothing was imported"
    )]
    Altered {
        /// The table in which they differ.
        table: String,
        /// How many rows there should be.
        told: u64,
        /// How many there are.
        found: u64,
    },
    /// There is that instance already.
    #[error(
        "there is an instance {name:?} ({id}) already; nothing was imported. An import makes a new instance, and changes none"
    )]
    Taken {
        /// Its name.
        name: String,
        /// Its id.
        id: InstanceId,
    },
    /// User names that must be unique among instances are taken.
    #[error("{} of its user names are claimed by other instances here, such as {}; nothing was imported. Rename one of each pair, or \
         let names be unique within the instance (`instance set {instance} --user-names instance`) before the export", .count, listed(.names))]
    Claimed {
        /// The instance.
        instance: String,
        /// How many at least.
        count: u64,
        /// The first few.
        names: Vec<String>,
    },
    /// Its keys were hashed with a pepper that is not here.
    #[error("its keys were hashed with {}, which this node does not have; nothing was imported. Bring the pepper file of the server \
         that it comes from, or add its lines to this node's file; or leave the keys behind (--without-keys) and issue others", peppers(.0))]
    NoPepper(
        /// The ids of the peppers.
        Vec<[u8; 16]>,
    ),
    /// Another import of the same instance has begun since.
    #[error("another import of the same instance began after this one, which ends here")]
    Overtaken,
    /// What was stored is not what was read.
    #[error(
        "what was stored is not what the export has, in {table}: {told} rows were read, and {found} stored, or others; nothing was \
         imported. That is a fault of Rollcall or of the database: please report it"
    )]
    StoredOtherwise {
        /// The table in which they differ.
        table: String,
        /// How many rows were read.
        told: u64,
        /// How many are stored.
        found: u64,
    },
    /// A resource type is not declared here, so it is not known what is personal in it.
    #[error(
        "a copy without personal data needs the schema of every resource type, and {0:?} is not declared; name its files in the \
         settings `schemas` and `resource_types`"
    )]
    NoSchema(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for TransferError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(crate::error::store_error(error))
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn peppers(ids: &[[u8; 16]]) -> String {
    let mut text = if ids.len() == 1 { "the pepper".to_owned() } else { "the peppers".to_owned() };
    for id in ids {
        text.push(' ');
        for byte in id.iter().take(4) {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('…');
    }
    text
}
