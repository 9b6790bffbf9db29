//! The loop that sends requests: one thread, some connections, no more than one request on each at a time.
//!
//! One thread is enough for a hundred thousand answers a second, and takes little from a server on the same machine. It waits in
//! `poll`, then reads what has come on any connection and sends the next request there.
//!
//! *Closed*: a connection's next request goes out when its answer is there; that gives the throughput. *Open*: requests are due at a
//! rate, whatever the server does, and a latency counts from when its request was due, so that a server that stalls is charged for
//! all who would have come meanwhile (coordinated omission).

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::http::{Answer, Request, Target};
use crate::workload::{Step, Workload};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much is read at once.
const READ: usize = 64 * 1024;

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// The next one when the answer is there.
    Closed,
    /// So many operations a second, on as many of the connections as that takes.
    Open(f64),
}

/// When a round ends: at the first of these, and where the workload has nothing left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// After this time.
    pub time: Option<Duration>,
    /// After so many operations.
    pub operations: Option<u64>,
}

impl End {
    /// After so many operations.
    #[must_use]
    pub fn operations(count: u64) -> Self {
        Self { time: None, operations: Some(count) }
    }

    /// Whether an operation that is due now, so many after the first one, is not sent any more.
    fn is_over(self, since: Duration, started: u64) -> bool {
        self.time.is_some_and(|time| since >= time) || self.operations.is_some_and(|count| started >= count)
    }
}

/// What a round gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Operations; one may be several requests.
    pub operations: u64,
    /// Requests.
    pub requests: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Times of operations in nanoseconds; in an open loop from when they were due.
    pub times: Histogram<u64>,
}

impl Outcome {
    /// Operations a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

struct Connection {
    stream: TcpStream,
    /// As long as what was ever needed; `filled` bytes of it have come.
    buffer: Vec<u8>,
    filled: usize,
    /// Since when its operation counts; none while it has none.
    since: Option<Instant>,
}

fn connect(target: &Target) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(&target.address)
        .with_context(|| format!("cannot connect to {}", target.address))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Connections to a server.
pub struct Driver {
    target: Target,
    request: Request,
    connections: Vec<Connection>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Driver").field("address", &self.target.address).finish_non_exhaustive()
    }
}

impl Driver {
    /// Connects.
    ///
    /// # Errors
    /// Where the server does not take the connections.
    pub fn connect(target: &Target, connections: usize) -> anyhow::Result<Self> {
        let connections = (0..connections).map(|_| {
            let stream = connect(target)?;
            Ok(Connection { stream, buffer: vec![0; READ], filled: 0, since: None })
        });
        Ok(Self {
            target: target.clone(),
            request: Request::new(target),
            connections: connections.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Sends a workload's requests until the end, and takes the last answer.
    ///
    /// # Errors
    /// Where an answer is not what the workload expects, or none comes: a round with errors has no figures.
    pub fn drive(&mut self, workload: &mut dyn Workload, pace: Pace, end: End) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome {
            operations: 0,
            requests: 0,
            elapsed: Duration::ZERO,
            times: Histogram::new_with_bounds(1, 3_600_000_000_000, 3)?,
        };
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        let (mut started, mut more) = (0_u64, true);
        let begun = Instant::now();
        loop {
            // Until the next request is due, where one is and a connection is free for it.
            let mut pause = None;
            while more && let Some(index) = free.front().copied() {
                let now = Instant::now();
                let due = match pace {
                    Pace::Closed => now,
                    Pace::Open(rate) => begun + Duration::from_secs_f64(started as f64 / rate),
                };
                if due > now {
                    pause = Some(due - now);
                    break;
                }
                more = !end.is_over(due - begun, started) && self.send(index, workload)?;
                if more {
                    free.pop_front();
                    started += 1;
                    self.connection(index)?.since = Some(due);
                }
            }
            if free.len() == self.connections.len() {
                let Some(pause) = pause else { break };
                std::thread::sleep(pause);
                continue;
            }
            for index in self.ready(pause)? {
                if self.take(index, workload, &mut outcome)? {
                    free.push_back(index);
                }
            }
        }
        outcome.elapsed = begun.elapsed();
        Ok(outcome)
    }

    fn connection(&mut self, index: usize) -> anyhow::Result<&mut Connection> {
        self.connections.get_mut(index).context("no such connection")
    }

    /// Sends a connection's next request; false where the workload has none.
    fn send(&mut self, index: usize, workload: &mut dyn Workload) -> anyhow::Result<bool> {
        if !workload.next(index, &mut self.request) {
            return Ok(false);
        }
        let connection = self.connections.get(index).context("no such connection")?;
        (&connection.stream).write_all(self.request.bytes()).context("the server takes no request")?;
        Ok(true)
    }

    /// The connections on which something came; none where a pause was named, and nothing came within it.
    fn ready(&self, pause: Option<Duration>) -> anyhow::Result<Vec<usize>> {
        let waiting: Vec<usize> = (0..self.connections.len())
            .filter(|index| self.connections.get(*index).is_some_and(|own| own.since.is_some()))
            .collect();
        let streams = waiting.iter().filter_map(|index| self.connections.get(*index));
        let mut polled: Vec<PollFd<'_>> =
            streams.map(|connection| PollFd::new(&connection.stream, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(pause.unwrap_or(PATIENCE)).context("too long a wait")?;
        let count = match poll(&mut polled, Some(&timeout)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(error) => return Err(error).context("cannot wait for answers"),
        };
        if count == 0 && pause.is_none() {
            bail!("no answer within {PATIENCE:?}");
        }
        let came = waiting.iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
        Ok(came.map(|(index, _)| *index).collect())
    }

    /// Reads what came on a connection; whether that ends its operation.
    fn take(
        &mut self,
        index: usize,
        workload: &mut dyn Workload,
        outcome: &mut Outcome,
    ) -> anyhow::Result<bool> {
        let connection = self.connections.get_mut(index).context("no such connection")?;
        if connection.buffer.len() - connection.filled < READ / 4 {
            connection.buffer.resize(connection.buffer.len() * 2, 0);
        }
        let room = connection.buffer.get_mut(connection.filled..).unwrap_or_default();
        let read = connection.stream.read(room).context("the answer breaks off")?;
        if read == 0 {
            bail!("the server closed a connection before it answered");
        }
        connection.filled += read;
        let came = connection.buffer.get(..connection.filled).unwrap_or_default();
        let Some((answer, length)) = Answer::parse(came)? else { return Ok(false) };
        if length != connection.filled {
            bail!("the server sent more than it was asked for");
        }
        let step = workload.answered(index, &answer)?;
        let closes = answer.closes;
        connection.filled = 0;
        outcome.requests += 1;
        if closes {
            connection.stream = connect(&self.target)?;
        }
        if step == Step::More {
            if !self.send(index, workload)? {
                bail!("an operation that goes on has no request");
            }
            return Ok(false);
        }
        outcome.operations += 1;
        let since = connection.since.take().context("an answer to nothing")?;
        outcome.times.saturating_record(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::workload::Reads;

    /// A server that answers each request of one connection after a pause that depends on how many came before.
    fn server(pause: fn(usize) -> Duration) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let target = Target::new(&format!("http://{}", listener.local_addr().expect("an address")), "t");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut buffer = [0; 1024];
            for number in 0.. {
                if stream.read(&mut buffer).expect("a request") == 0 {
                    return;
                }
                std::thread::sleep(pause(number));
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").expect("taken");
            }
        });
        target.expect("a target")
    }

    fn reads() -> Reads {
        Reads::new(
            Box::new(|request| request.plain("GET", format_args!("/Users"))),
            Box::new(|answer| answer.body == b"{}"),
        )
    }

    #[test]
    fn a_closed_loop_ends_after_so_many() {
        let mut driver = Driver::connect(&server(|_| Duration::ZERO), 1).expect("connected");
        let outcome = driver.drive(&mut reads(), Pace::Closed, End::operations(20)).expect("driven");
        assert_eq!((outcome.operations, outcome.requests, outcome.times.len()), (20, 20, 20));
        assert!(outcome.rate() > 0.0);
    }

    #[test]
    fn who_would_have_come_while_the_server_stood_still_counts() {
        // The first answer takes 200 ms; the others are there at once, but were due meanwhile, one each 10 ms.
        let stall = |number| if number == 0 { Duration::from_millis(200) } else { Duration::ZERO };
        let mut driver = Driver::connect(&server(stall), 1).expect("connected");
        let outcome = driver.drive(&mut reads(), Pace::Open(100.0), End::operations(20)).expect("driven");
        assert_eq!(outcome.operations, 20);
        let late = outcome.times.count_between(50_000_000, 3_600_000_000_000);
        assert!(late >= 14, "{late} of 20 waited for more than 50 ms");
        let mut closed = Driver::connect(&server(stall), 1).expect("connected");
        let outcome = closed.drive(&mut reads(), Pace::Closed, End::operations(20)).expect("driven");
        let late = outcome.times.count_between(150_000_000, 3_600_000_000_000);
        assert_eq!(late, 1, "a closed loop sees one slow answer only");
    }

    #[test]
    fn a_wrong_answer_ends_the_round() {
        let mut wrong = Reads::new(
            Box::new(|request| request.plain("GET", format_args!("/Users"))),
            Box::new(|answer| answer.body.is_empty()),
        );
        let mut driver = Driver::connect(&server(|_| Duration::ZERO), 1).expect("connected");
        assert!(driver.drive(&mut wrong, Pace::Closed, End::operations(2)).is_err());
    }
}
