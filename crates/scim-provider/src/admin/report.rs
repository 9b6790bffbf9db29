//! A summary of the log.

use scim_core::instant::Timestamp;
use scim_directory::Instance;
use scim_storage::{InstanceAnswer, InstanceQuestion, ReportLine};

use super::{Admin, AdminError};
use crate::admin::account::scope;

impl Admin {
    /// How many log records there are of each action and status, from one moment until before another.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn report(
        &self,
        instance: &Instance,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ReportLine>, AdminError> {
        match self.store.instance(&scope(instance), &InstanceQuestion::Report { from, until }).await? {
            InstanceAnswer::Report(lines) => Ok(lines),
            _ => Ok(Vec::new()),
        }
    }
}
