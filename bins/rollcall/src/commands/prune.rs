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
        while admin.prune_slice(&instance, now).await? > 0 {
            sleep(PAUSE).await;
        }
    }
    Ok(())
}
