//! Threads for reads that may take long, so that no caller's thread is blocked by a scan.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use scim_storage::StoreError;

use super::readers::Reader;
use crate::connection::Connection;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A few threads, each with a connection of its own.
#[derive(Debug)]
pub(crate) struct Workers {
    jobs: SyncSender<Job>,
}

impl Workers {
    /// Starts one thread for each connection; so many jobs may wait for them.
    pub(crate) fn start(connections: Vec<Connection>, waiting: usize) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(waiting);
        let queue = Arc::new(Mutex::new(queue));
        for connection in connections {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name("sqlite-reader".to_owned())
                .spawn(move || work(connection, &queue))?;
        }
        Ok(Self { jobs })
    }

    /// Hands a job to the next free thread. It fails where too many wait already.
    pub(crate) fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                StoreError::Unavailable { reason: "too many long reads wait".to_owned() }
            }
            TrySendError::Disconnected(_) => ended(),
        })
    }
}

/// Why no job is done any more.
pub(crate) fn ended() -> StoreError {
    StoreError::Unavailable { reason: "the reader threads have ended".to_owned() }
}

fn work(connection: Connection, queue: &Mutex<Receiver<Job>>) {
    let mut reader = Reader::new(connection);
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(reader.connection());
    }
}
