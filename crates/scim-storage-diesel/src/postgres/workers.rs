//! Threads with a connection each. One that broke is made anew when the next job comes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use scim_storage::StoreError;

use super::link::{Link, Target};
use crate::connection::Connection;
use crate::error::store_error;

/// How long after a try to connect that failed others fail at once.
const DOWN_FOR: Duration = Duration::from_millis(250);

pub(super) type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// A few threads over one database.
#[derive(Debug)]
pub(super) struct Workers {
    jobs: SyncSender<Job>,
}

/// When and why the database could not be reached, for all threads.
pub(super) type Down = Arc<Mutex<Option<(Instant, String)>>>;

/// What a thread has.
pub(super) struct Worker {
    target: Arc<Target>,
    connection: Option<Connection>,
    down: Down,
}

impl Workers {
    /// Starts so many threads; so many jobs may wait for them.
    pub(super) fn start(
        name: &str,
        threads: usize,
        target: &Target,
        waiting: usize,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(waiting.max(1));
        let queue = Arc::new(Mutex::new(queue));
        let (target, down) = (Arc::new(target.clone()), Down::default());
        for _ in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            let worker = Worker::new(&target, &down);
            thread::Builder::new().name(name.to_owned()).spawn(move || work(worker, &queue))?;
        }
        Ok(Self { jobs })
    }

    /// Hands a job to the next free thread. It fails where too many wait already.
    pub(super) fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                StoreError::Unavailable { reason: "too many requests wait for the database".to_owned() }
            }
            TrySendError::Disconnected(_) => ended(),
        })
    }
}

/// Why no job is done any more.
pub(super) fn ended() -> StoreError {
    StoreError::Unavailable { reason: "the threads of the database have ended".to_owned() }
}

impl Worker {
    /// What a thread has that was not connected yet.
    pub(super) fn new(target: &Arc<Target>, down: &Down) -> Self {
        Self { target: Arc::clone(target), connection: None, down: Arc::clone(down) }
    }

    /// Its connection, made where there is none that works.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if self.link().is_none_or(|link| link.is_broken()) {
            self.connection = None;
            let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, reason)) = &*down
                && since.elapsed() < DOWN_FOR
            {
                return Err(StoreError::Unavailable { reason: reason.clone() });
            }
            *down = None;
            drop(down);
            match Link::connect(&self.target) {
                Ok(link) => self.connection = Some(Connection::Postgres(Box::new(link))),
                Err(error) => {
                    let error = store_error(error);
                    let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
                    *down = Some((Instant::now(), error.to_string()));
                    return Err(error);
                }
            }
        }
        self.connection.as_mut().ok_or_else(ended)
    }

    /// Gives its connection up; the next job makes another one.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// What it is connected by, if it is.
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        match self.connection.as_mut()? {
            Connection::Postgres(link) => Some(link),
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(_) => None,
        }
    }
}

fn work(mut worker: Worker, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // What a job was about to say is lost, its connection in whatever state: the thread goes on with another one.
        if catch_unwind(AssertUnwindSafe(|| job(&mut worker))).is_err() {
            log::error!("a job of the database panicked");
            worker.disconnect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::options::PostgresOptions;
    use crate::postgres::url::understood;

    #[test]
    fn a_thread_survives_a_job_that_panics() {
        let url = "postgres://nobody@127.0.0.1:1/nothing";
        let target = understood(url, true, &PostgresOptions::new(url)).expect("a URL");
        let workers = Workers::start("test", 1, &target, 4).expect("a thread");
        workers.submit(Box::new(|_| panic!("a job that is wrong"))).expect("taken");
        let (sender, receiver) = sync_channel(1);
        workers.submit(Box::new(move |_| sender.send(7).expect("sent"))).expect("taken");
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(7));
    }
}
