//! Connections for quick reads, which run on the caller's thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::connection::Connection;
use crate::frequent::era;

/// Connections that nobody reads with. The one that was given back last is taken first: its pages are warm.
#[derive(Debug)]
pub(super) struct Readers(Mutex<Vec<Reader>>);

/// A connection that reads.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    /// From when its statements are.
    era: u64,
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, era: era() }
    }

    /// The connection, with no more statements kept than may be.
    pub(super) fn connection(&mut self) -> &mut Connection {
        let now = era();
        if self.era != now {
            self.era = now;
            self.connection.forget_statements();
        }
        &mut self.connection
    }
}

/// A connection that somebody reads with; it is given back however the read ends.
struct Lent<'r> {
    of: &'r Readers,
    reader: Option<Reader>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.of.free().extend(self.reader.take());
    }
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self(Mutex::new(connections.into_iter().map(Reader::new).collect()))
    }

    /// Reads with a connection that is free; `None` where none is.
    pub(super) fn read<T>(&self, job: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let reader = self.free().pop();
        let mut lent = Lent { of: self, reader };
        lent.reader.as_mut().map(|reader| job(reader.connection()))
    }

    fn free(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
