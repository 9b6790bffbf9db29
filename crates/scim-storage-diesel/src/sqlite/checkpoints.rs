//! Checkpoints: what the write-ahead log holds is copied into the database by a thread of its own, while the writer goes on.
//!
//! A log starts anew only where all of it was copied and nobody reads it, and while somebody writes without pause there is always
//! something left. So the thread copies the bulk, and the writer itself the little that came in meanwhile, before its next group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName};

use crate::connection::Connection;
use crate::sql::Statement;

/// After so many changes; each takes some ten pages of the log, of 4 KB.
const CHANGES: usize = 400;

/// What SQLite says of a checkpoint; -1 each where there is no log.
#[derive(QueryableByName)]
struct Outcome {
    /// Pages in the log.
    #[diesel(sql_type = BigInt)]
    log: i64,
    /// How many of them were copied.
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    /// Whether the bulk is copied, and the rest is the writer's.
    rest: Arc<AtomicBool>,
    /// Changes since the thread was woken.
    changes: usize,
}

impl Checkpoints {
    /// Starts the thread. It ends when the writer's side is dropped.
    pub(super) fn start(mut connection: Connection) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (wake, woken) = sync_channel(1);
        let rest = Arc::new(AtomicBool::new(false));
        let copied = Arc::clone(&rest);
        let thread = thread::Builder::new()
            .name("sqlite-checkpoint".to_owned())
            .spawn(move || copy(&mut connection, &woken, &copied))?;
        Ok((Self { wake, rest, changes: 0 }, thread))
    }

    /// So many changes were committed.
    pub(super) fn committed(&mut self, changes: usize) {
        self.changes = self.changes.saturating_add(changes);
        if self.changes >= CHANGES && self.wake.try_send(()).is_ok() {
            self.changes = 0;
        }
    }

    /// Copies the rest, where the thread has copied the bulk; on the writer's connection, when it writes nothing.
    pub(super) fn finish(&self, connection: &mut Connection) {
        if self.rest.swap(false, Ordering::Relaxed)
            && let Err(error) = checkpoint(connection)
        {
            log::warn!("the write-ahead log was not copied into the database: {error}");
        }
    }
}

fn copy(connection: &mut Connection, woken: &Receiver<()>, rest: &AtomicBool) {
    while woken.recv().is_ok() {
        match checkpoint(connection) {
            Ok(Some(Outcome { log, checkpointed })) => {
                log::debug!("{checkpointed} of {log} pages of the write-ahead log are copied");
            }
            Ok(None) => {}
            Err(error) => log::warn!("the write-ahead log was not copied into the database: {error}"),
        }
        rest.store(true, Ordering::Relaxed);
    }
}

/// Copies what can be copied without waiting for anybody.
fn checkpoint(connection: &mut Connection) -> QueryResult<Option<Outcome>> {
    Statement::kept("PRAGMA wal_checkpoint(PASSIVE)").row(connection)
}
