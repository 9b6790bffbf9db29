//! Turns at one resource, so that contention never fails a request that names no version.
//!
//! Writers decide without a lock and try again when what they decided on has moved. Who was overtaken once holds the
//! resource's turn while trying again; newcomers wait for it. Turns are this process's own: against another node the
//! bounded number of tries is what there is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use futures_util::lock::{Mutex, MutexGuard};

/// How many turns there are; resources share them by their id's hash.
const TURNS: usize = 256;

/// The turns of a process.
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self((0..TURNS).map(|_| Mutex::new(())).collect())
    }

    /// Waits for the turn at `id`. The first try gives it up at once; a later one holds it until the guard is dropped.
    pub(crate) async fn take(&self, id: &str, attempt: usize) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        let guard = self.0.get(place)?.lock().await;
        (attempt > 0).then_some(guard)
    }
}
