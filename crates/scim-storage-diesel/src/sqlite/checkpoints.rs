//! Checkpoints: what the write-ahead log holds is copied into the database by a thread of its own, while the writer goes on.
//!
//! A log starts anew only where all of it was copied and nobody reads it, and while somebody writes without pause there is always
//! something left. So the thread copies the bulk, and the writer itself the little that came in meanwhile, before its next group.
//!
//! When nobody has written for a while the thread copies all that is left, and who reads then need not look into the log at each page.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName};

use crate::connection::Connection;
use crate::sql::Statement;

/// After so many changes; each takes some ten pages of the log, of 4 KB.
const CHANGES: usize = 400;

/// Who has not written for so long pauses.
const PAUSE: Duration = Duration::from_millis(100);
/// So long at most is waited, before what could not be copied is tried again: somebody reads what was there before.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What SQLite says of a checkpoint; -1 each where there is no log.
#[derive(QueryableByName)]
struct Outcome {
    /// Whether somebody else was copying; 0 or 1.
    #[diesel(sql_type = BigInt)]
    busy: i64,
    /// Pages in the log.
    #[diesel(sql_type = BigInt)]
    log: i64,
    /// How many of them were copied.
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

/// What the writer and the thread know of one another.
#[derive(Debug, Default)]
struct Shared {
    /// Whether the bulk is copied, and the rest is the writer's.
    rest: AtomicBool,
    /// Groups that were committed.
    groups: AtomicU64,
    /// Whether the thread sleeps until it is woken: all is copied.
    asleep: AtomicBool,
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    shared: Arc<Shared>,
    /// Changes since the thread was woken for their number.
    changes: usize,
}

impl Checkpoints {
    /// Starts the thread. It ends when the writer's side is dropped.
    pub(super) fn start(mut connection: Connection) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (wake, woken) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("sqlite-checkpoint".to_owned())
            .spawn(move || follow(&mut connection, &woken, &seen))?;
        Ok((Self { wake, shared, changes: 0 }, thread))
    }

    /// So many changes were committed.
    pub(super) fn committed(&mut self, changes: usize) {
        self.changes = self.changes.saturating_add(changes);
        self.shared.groups.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.swap(false, Ordering::SeqCst) {
            let _ = self.wake.try_send(());
        } else if self.changes >= CHANGES && self.wake.try_send(()).is_ok() {
            self.changes = 0;
        }
    }

    /// Copies the rest, where the thread has copied the bulk; on the writer's connection, when it writes nothing.
    pub(super) fn finish(&self, connection: &mut Connection) {
        if self.shared.rest.swap(false, Ordering::Relaxed) {
            copy(connection);
        }
    }
}

/// Copies the bulk where much was written, and all in a pause.
fn follow(connection: &mut Connection, woken: &Receiver<()>, shared: &Shared) {
    let mut copied = 0;
    let mut pause = PAUSE;
    loop {
        // Whoever commits after that wakes the thread.
        shared.asleep.store(true, Ordering::SeqCst);
        if shared.groups.load(Ordering::SeqCst) == copied && woken.recv().is_err() {
            return;
        }
        shared.asleep.store(false, Ordering::SeqCst);
        let paused = loop {
            let groups = shared.groups.load(Ordering::SeqCst);
            match woken.recv_timeout(pause) {
                Ok(()) => {
                    copy(connection);
                    shared.rest.store(true, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) if groups == shared.groups.load(Ordering::SeqCst) => {
                    break groups;
                }
                Err(RecvTimeoutError::Timeout) => pause = PAUSE,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        };
        if copy(connection) {
            (copied, pause) = (paused, PAUSE);
        } else {
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}

/// Copies what can be copied; whether that is all there is.
fn copy(connection: &mut Connection) -> bool {
    match checkpoint(connection) {
        Ok(Some(Outcome { busy, log, checkpointed })) => {
            log::debug!("{checkpointed} of {log} pages of the write-ahead log are copied");
            busy == 0 && log == checkpointed
        }
        Ok(None) => true,
        Err(error) => {
            log::warn!("the write-ahead log was not copied into the database: {error}");
            false
        }
    }
}

/// Copies what can be copied without waiting for anybody.
fn checkpoint(connection: &mut Connection) -> QueryResult<Option<Outcome>> {
    Statement::kept("PRAGMA wal_checkpoint(PASSIVE)").row(connection)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::sql::Number;
    use crate::sqlite::blank;
    use crate::sqlite::open::connect;

    const COUNT: &str = "SELECT count(*) AS n FROM secrets";

    fn count(connection: &mut Connection) -> Option<i64> {
        Statement::new(COUNT).row::<Number>(connection).ok()?.map(|row| row.n)
    }

    /// How many secrets are in the database's file alone, as soon as there are so many; the last number after ten seconds.
    fn copied(directory: &Path, expected: i64) -> Option<i64> {
        let (file, alone) = (directory.join("blank.sqlite3"), directory.join("alone.sqlite3"));
        let since = Instant::now();
        loop {
            std::fs::copy(&file, &alone).expect("a copy");
            let found = count(&mut connect(alone.to_str().expect("UTF-8")).expect("connects"));
            if found == Some(expected) || since.elapsed() > Duration::from_secs(10) {
                return found;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn what_was_written_last_is_copied_in_a_pause() {
        let (mut writer, directory) = blank();
        let path = directory.path().join("blank.sqlite3");
        let another = || connect(path.to_str().expect("UTF-8")).expect("connects");
        writer.batch("PRAGMA wal_autocheckpoint = 0").expect("set");
        let (mut checkpoints, thread) = Checkpoints::start(another()).expect("started");
        let before = count(&mut writer).expect("a number");
        let mut write = |name: &str| {
            let insert = Statement::new("INSERT INTO secrets (name, value) VALUES (?, x'00')").text(name);
            assert_eq!(insert.run(&mut writer), Ok(1));
            checkpoints.committed(1);
        };
        write("a");
        assert_eq!(copied(directory.path(), before + 1), Some(before + 1));
        // The thread sleeps, or is about to.
        write("b");
        assert_eq!(copied(directory.path(), before + 2), Some(before + 2));
        // Who reads what was there keeps the next one in the log until the end of the read.
        let mut reader = another();
        reader.batch("BEGIN").expect("begun");
        assert_eq!(count(&mut reader), Some(before + 2));
        write("c");
        thread::sleep(3 * PAUSE);
        reader.batch("COMMIT").expect("ended");
        drop(reader);
        assert_eq!(copied(directory.path(), before + 3), Some(before + 3));
        drop(checkpoints);
        thread.join().expect("ended");
    }
}
