//! Connections for quick reads, which run on the caller's thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::Connection;

/// Connections that nobody reads with. The one that was given back last is taken first: its pages are warm.
#[derive(Debug)]
pub(super) struct Readers(Mutex<Vec<Connection>>);

/// A connection that somebody reads with; it is given back however the read ends.
struct Lent<'r> {
    of: &'r Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.of.free().extend(self.connection.take());
    }
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self(Mutex::new(connections))
    }

    /// Reads with a connection that is free; `None` where none is.
    pub(super) fn read<T>(&self, job: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let connection = self.free().pop();
        let mut lent = Lent { of: self, connection };
        lent.connection.as_mut().map(job)
    }

    fn free(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
