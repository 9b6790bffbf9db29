//! Fetches of issuers' keys that are under way, so that who needs the same keys waits for them.
//!
//! Each URL by itself: an issuer that answers slowly, or never, keeps nobody waiting but its own clients.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::{Mutex as Turn, OwnedMutexGuard};

/// The URLs from which keys are being fetched.
#[derive(Default)]
pub(crate) struct Fetches(Mutex<HashMap<String, Arc<Turn<()>>>>);

/// A fetch, under way until this is dropped.
pub(super) struct Fetch<'f> {
    fetches: &'f Fetches,
    url: &'f str,
    _turn: OwnedMutexGuard<()>,
}

impl Fetches {
    /// Begins a fetch, after the one that is under way.
    pub(super) async fn begin<'f>(&'f self, url: &'f str) -> Fetch<'f> {
        let turn = Arc::clone(self.under_way().entry(url.to_owned()).or_default());
        let turn = turn.lock_owned().await;
        Fetch { fetches: self, url, _turn: turn }
    }

    /// Waits for the fetch that is under way, if there is one.
    pub(super) async fn wait(&self, url: &str) {
        let turn = self.under_way().get(url).cloned();
        if let Some(turn) = turn {
            drop(turn.lock().await);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Arc<Turn<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Fetch<'_> {
    fn drop(&mut self) {
        self.fetches.under_way().remove(self.url);
    }
}
