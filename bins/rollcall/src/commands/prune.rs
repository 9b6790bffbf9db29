//! The job beside the server that lets go of what is older than each instance's retention time.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use actix_web::rt::time::sleep;
use scim_core::instant::Timestamp;
use scim_provider::Source as _;
use scim_provider::admin::{Admin, AdminError};

use crate::clock::System;
use crate::output;

/// How often.
const EVERY: Duration = Duration::from_secs(3600);
/// How long the store is left to others between slices.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts it: at once, then every hour, until the handle is aborted. What fails is told and tried again the next time.
pub(crate) fn start(admin: Arc<Admin>) -> JoinHandle<()> {
    actix_web::rt::spawn(async move {
        loop {
            if let Err(error) = all(&admin, System.now()).await {
                output::message(&format!("pruning failed, it is tried again in an hour: {error}"));
            }
            sleep(EVERY).await;
        }
    })
}

/// Every instance, slice by slice.
async fn all(admin: &Admin, now: Timestamp) -> Result<(), AdminError> {
    for instance in admin.instance_list().await? {
        while admin.prune_slice(&instance, now).await?.more {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use scim_core::schema::Registry;
    use scim_directory::InstanceSettings;
    use scim_provider::admin::account::ImportReader;
    use scim_storage::JournalQuery;
    use scim_storage_diesel::{Options, SqliteStore};

    use super::*;

    /// How many log records are there so many days after 600 accounts were brought in.
    async fn left_after(days: i64) -> usize {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rollcall.db");
        let store = SqliteStore::open(&file, Options::default()).expect("opened");
        let admin = Admin::new(Arc::new(store), Arc::new(System), Registry::builtin());
        let instance =
            admin.instance_create("acme", InstanceSettings::default()).await.expect("created").instance;
        let people: String = (0..600).map(|number| format!("person{number}\n")).collect();
        let file = format!("UserName\n{people}");
        let reader = ImportReader::new(file.as_bytes()).expect("readable");
        let summary = admin.account_import(&instance, reader, |_| {}).await.expect("imported");
        assert_eq!(summary.imported, 600);
        all(&admin, System.now().plus_millis(days * 86_400_000)).await.expect("pruned");
        let query = JournalQuery { limit: 1000, ..JournalQuery::default() };
        admin.log(&instance, &query).await.expect("a log").entries.len()
    }

    #[test]
    fn what_is_older_than_the_retention_time_goes() {
        actix_web::rt::System::new().block_on(async {
            assert!(left_after(29).await > 600);
            assert_eq!(left_after(31).await, 0);
        });
    }
}
