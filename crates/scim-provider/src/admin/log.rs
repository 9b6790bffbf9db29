//! The provisioning log, read back.

use scim_directory::{Instance, Position, Scope};
use scim_storage::{JournalPage, JournalQuery};

use super::{Admin, AdminError};

impl Admin {
    /// Log records of an instance after a position, in commit order.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn log(
        &self,
        instance: &Instance,
        after: Option<Position>,
        limit: usize,
    ) -> Result<JournalPage, AdminError> {
        let scope = Scope { instance: instance.id, connector: None };
        Ok(self.store.journal(&scope, &JournalQuery { after, limit, ..JournalQuery::default() }).await?)
    }
}
