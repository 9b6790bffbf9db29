//! A network that fails on demand.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

/// What PostgreSQL answers to a COMMIT that it has done: the message `CommandComplete`.
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";
/// The most that is passed on at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Which way data go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    There,
    /// From the server to the client.
    Back,
}

/// A TCP proxy in front of a server, which passes everything on until it is told to fail.
///
/// Each method acts on all connections, those that are open and, but for [`Self::cut`], those to come.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    ended: AtomicBool,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    open: Vec<Arc<Pair>>,
    refusing: bool,
    stalled: bool,
    there: Duration,
    back: Duration,
    /// Of how many COMMITs the answer is to be lost, and of how many it was.
    to_lose: usize,
    lost: usize,
}

/// Both halves of a connection.
#[derive(Debug)]
struct Pair {
    client: TcpStream,
    server: TcpStream,
    closed: AtomicBool,
}

impl Pair {
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // The other side may have closed it already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Proxy {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// Where there is no free port.
    pub fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::ports::free()?)).context("no port")?;
        let address = listener.local_addr()?;
        let state = State {
            target,
            open: Vec::new(),
            refusing: false,
            stalled: false,
            there: Duration::ZERO,
            back: Duration::ZERO,
            to_lose: 0,
            lost: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, Ok(client)) = (Arc::clone(&accepting), client) else { continue };
                // Connecting may take its time.
                std::thread::spawn(move || shared.connect(client));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a PostgreSQL database behind it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address)
    }

    /// Cuts all connections that are open.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Whether new connections are closed at once. Open ones go on; see [`Self::cut`].
    pub fn refuse(&self, refusing: bool) {
        self.shared.state().refusing = refusing;
    }

    /// Whether nothing passes, while connections stay open.
    pub fn stall(&self, stalled: bool) {
        self.shared.state().stalled = stalled;
        self.shared.changed.notify_all();
    }

    /// Holds each piece of data back for this long.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        let mut state = self.shared.state();
        match direction {
            Direction::There => state.there = delay,
            Direction::Back => state.back = delay,
        }
    }

    /// From now on, connections go to another server. Open ones stay where they are.
    pub fn turn_to(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// The next COMMITs, this many, are done by the server, but the client is not told: its connection is cut instead.
    pub fn lose_answers_of_commit(&self, count: usize) {
        self.shared.state().to_lose = count;
    }

    /// How many answers were lost until now.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.shared.state().lost
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        let mut state = self.shared.state();
        state.open.retain(|pair| !pair.closed.load(Ordering::SeqCst));
        state.open.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.cut();
        // Wakes the thread that accepts, which sees that it has ended.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        let pairs = std::mem::take(&mut self.state().open);
        pairs.iter().for_each(|pair| pair.close());
        self.changed.notify_all();
    }

    /// Connects a client; dropping it closes it.
    fn connect(self: &Arc<Self>, client: TcpStream) -> Option<()> {
        let target = {
            let state = self.state();
            (!state.refusing).then_some(state.target)?
        };
        let server = TcpStream::connect(target).ok()?;
        client.set_nodelay(true).ok()?;
        server.set_nodelay(true).ok()?;
        let pair = Arc::new(Pair { client, server, closed: AtomicBool::new(false) });
        {
            let mut state = self.state();
            state.open.retain(|pair| !pair.closed.load(Ordering::SeqCst));
            state.open.push(Arc::clone(&pair));
        }
        let (shared, other) = (Arc::clone(self), Arc::clone(&pair));
        std::thread::spawn(move || {
            shared.pump(&other, Direction::There);
            other.close();
        });
        self.pump(&pair, Direction::Back);
        pair.close();
        Some(())
    }

    /// Passes on what comes, until one side has closed.
    fn pump(&self, pair: &Pair, direction: Direction) -> Option<()> {
        let (mut from, mut to) = match direction {
            Direction::There => (&pair.client, &pair.server),
            Direction::Back => (&pair.server, &pair.client),
        };
        let mut buffer = vec![0; CHUNK];
        // The end of what came before, as a message may come in two pieces.
        let mut seen = Vec::new();
        loop {
            let length = from.read(&mut buffer).ok().filter(|length| *length > 0)?;
            let piece = buffer.get(..length)?;
            let delay = {
                let mut state = self.state();
                while state.stalled && !pair.closed.load(Ordering::SeqCst) {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                if direction == Direction::Back {
                    seen.extend_from_slice(piece);
                    let committed = seen.windows(COMMITTED.len()).any(|window| window == COMMITTED);
                    seen.drain(..seen.len().saturating_sub(COMMITTED.len() - 1));
                    if committed && state.to_lose > 0 {
                        state.to_lose -= 1;
                        state.lost += 1;
                        return None;
                    }
                }
                match direction {
                    Direction::There => state.there,
                    Direction::Back => state.back,
                }
            };
            std::thread::sleep(delay);
            to.write_all(piece).ok()?;
        }
    }
}
