//! Threads for reads that may take long, so that no caller's thread is blocked by a scan.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use diesel::sqlite::SqliteConnection;

type Job = Box<dyn FnOnce(&mut SqliteConnection) + Send>;

/// A few threads, each with a connection of its own.
#[derive(Debug)]
pub(crate) struct Workers {
    jobs: Sender<Job>,
}

impl Workers {
    /// Starts one thread for each connection.
    pub(crate) fn start(connections: Vec<SqliteConnection>) -> std::io::Result<Self> {
        let (jobs, waiting) = channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name("sqlite-reader".to_owned())
                .spawn(move || work(connection, &waiting))?;
        }
        Ok(Self { jobs })
    }

    /// Hands a job to the next free thread; false where there is none any more.
    pub(crate) fn submit(&self, job: Job) -> bool {
        self.jobs.send(job).is_ok()
    }
}

fn work(mut connection: SqliteConnection, waiting: &Mutex<Receiver<Job>>) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut connection);
    }
}
