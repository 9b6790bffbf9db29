//! Connections on which nothing comes of it: those that are kept open without a whole request, and those whose client does
//! not take the answer.
//!
//! The framework has a time for the head of a connection's first request, and for connections that are silent between two
//! requests. It has none for the half of a second head, and none for answers. [`Watch`] has: it knows from
//! [`crate::every_answer`] what is under way, and ends the connection from outside. TLS makes no difference to it, it only
//! ever ends sockets.

use std::any::Any;
use std::cell::Cell;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Extensions;
use actix_web::rt::task::JoinHandle;
use actix_web::rt::{net, spawn, time};
use actix_web::web::Bytes;

use crate::in_hand::Share;

/// Answers are handed out in pieces of this many bytes; a client must take each in time.
const PIECE_BYTES: usize = 64 * 1024;

/// How long connections are waited for; for `HttpServer::on_connect`, by [`Watch::connected`].
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// How long a connection may be without a whole request, whatever it sends. Longer than the server's keep-alive.
    /// Default: 90 seconds.
    pub idle: Duration,
    /// How long a client may take for each 64 KiB of an answer. Default: 30 seconds.
    pub answer: Duration,
}

impl Default for Watch {
    fn default() -> Self {
        Self { idle: Duration::from_secs(90), answer: Duration::from_secs(30) }
    }
}

impl Watch {
    /// Watches a connection from its beginning; for `HttpServer::on_connect`. Does nothing where the connection is none
    /// that it knows, or where there are no more file descriptors: it takes one for each connection.
    pub fn connected(self, connection: &dyn Any, data: &mut Extensions) {
        if let Some(plain) = connection.downcast_ref::<net::TcpStream>() {
            self.watch(plain.as_fd(), data);
        }
    }

    /// [`Watch::connected`] for connections of another type, such as TLS: `socket` is what is below.
    pub fn watch(self, socket: BorrowedFd<'_>, data: &mut Extensions) {
        let Ok(own) = socket.try_clone_to_owned() else {
            log::warn!("a connection is not watched: there are no more file descriptors");
            return;
        };
        let line = Rc::new_cyclic(|line: &Weak<Line>| Line {
            socket: TcpStream::from(own),
            state: Cell::new(State::Idle),
            since: Cell::new(Instant::now()),
            guard: spawn(guard(Weak::clone(line), self)),
        });
        data.insert(line);
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It waits for a whole request.
    Idle,
    /// A request is being answered, which has a deadline of its own.
    Busy,
    /// The client takes an answer.
    Answering,
}

/// A connection that is watched.
#[derive(Debug)]
pub(crate) struct Line {
    socket: TcpStream,
    state: Cell<State>,
    /// When the state began, or the client last took a piece. Nobody asks while a request is answered.
    since: Cell<Instant>,
    guard: JoinHandle<()>,
}

impl Line {
    fn set(&self, state: State) {
        self.state.set(state);
        self.since.set(Instant::now());
    }

    /// A request has arrived. Since when counts for nothing: it has a deadline of its own.
    pub(crate) fn busy(&self) {
        self.state.set(State::Busy);
    }

    /// How long until the connection has to be ended, if all stays as it is.
    fn left(&self, watch: Watch) -> Duration {
        let limit = match self.state.get() {
            State::Idle => watch.idle,
            State::Answering => watch.answer,
            State::Busy => return watch.idle.min(watch.answer),
        };
        limit.saturating_sub(self.since.get().elapsed())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.guard.abort();
    }
}

/// Ends a connection when its time is over.
async fn guard(line: Weak<Line>, watch: Watch) {
    loop {
        let left = match line.upgrade() {
            Some(line) => line.left(watch),
            None => return,
        };
        if !left.is_zero() {
            time::sleep(left).await;
            continue;
        }
        if let Some(line) = line.upgrade() {
            let state = line.state.get();
            log::debug!("a connection was ended: its client was waited for long enough ({state:?})");
            // It may have ended by itself.
            let _ = line.socket.shutdown(Shutdown::Both);
        }
        return;
    }
}

/// An answer whose taking is watched, and which never goes to the framework's buffer as a whole.
pub(crate) fn in_pieces(answer: HttpResponse, line: Option<Rc<Line>>, share: Option<Share>) -> HttpResponse {
    answer.map_body(|_, body| {
        if let Some(line) = &line {
            line.set(State::Answering);
        }
        if line.is_none() && share.is_none() && matches!(body.size(), BodySize::None | BodySize::Sized(0)) {
            return body;
        }
        BoxBody::new(Pieces { body, piece: Bytes::new(), line, _share: share })
    })
}

struct Pieces {
    body: BoxBody,
    /// What the body gave and is not handed out yet.
    piece: Bytes,
    line: Option<Rc<Line>>,
    /// What the answer takes of the memory for all of them.
    _share: Option<Share>,
}

impl MessageBody for Pieces {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(line) = &self.line {
            line.set(State::Answering);
        }
        if self.piece.is_empty() {
            self.piece = match ready!(self.body.as_pin_mut().poll_next(context)) {
                Some(Ok(bytes)) => bytes,
                other => return Poll::Ready(other),
            };
        }
        let length = self.piece.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(self.piece.split_to(length))))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.set(State::Idle);
        }
    }
}
