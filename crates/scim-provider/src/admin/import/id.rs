//! What an import of a file is known by: a digest of what it does.

use scim_directory::{ImportId, InstanceId};
use sha2::{Digest as _, Sha256};

use super::ImportOptions;
use crate::admin::AdminError;

/// The most characters of a file's name that are kept.
pub const MAX_LABEL_CHARS: usize = 200;

/// Works out the id of an import while the file's bytes pass by: the same file, imported into the same instance in the same
/// way, has the same one.
#[derive(Clone, Debug)]
pub struct ImportDigest {
    hash: Sha256,
}

impl ImportDigest {
    /// Begins. The id depends on the instance, the kind, the format and what the columns mean.
    #[must_use]
    pub fn new(instance: InstanceId, options: &ImportOptions) -> Self {
        let mut hash = Sha256::new();
        let how = format!("{:?} {:?} {}", options.kind, options.format, options.columns.canonical());
        hash.update(b"rollcall import 1\0");
        hash.update(instance.uuid().as_bytes());
        hash.update(u64::try_from(how.len()).unwrap_or_default().to_be_bytes());
        hash.update(how.as_bytes());
        Self { hash }
    }

    /// Takes the file's next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// The id: 32 hexadecimal digits.
    ///
    /// # Errors
    /// Never in practice: the digits are fit to be an id.
    pub fn finish(self) -> Result<ImportId, AdminError> {
        let digest = self.hash.finalize();
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        digits.parse().map_err(|error| AdminError::Invalid(format!("{error}")))
    }
}
