//! Look-ups of one statement, on connections that whoever asks has in common.
//!
//! A look-up takes the server some ten microseconds; waking a thread that waits for it takes as long, at either end. So each runtime
//! of the callers (actix has one per thread) drives one connection of its own, and all that its tasks ask is sent on that one
//! without waiting for answers: the server answers in the same order, and what is asked at the same time shares its wake-ups. Look-ups of
//! records share more than that ([`super::gather`]). A caller
//! without a runtime, and one that comes when there are as many connections as there may be, is served by threads ([`super::workers`]).
//!
//! Whoever blocks the thread that drives a runtime until a look-up is answered waits for [`Target::statement_time`]: in a runtime one
//! awaits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::result::Error;
use futures_util::lock::Mutex as Turn;
use scim_storage::StoreError;
use tokio::runtime::{Handle, Id};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::gather::Queues;
use super::link::{Target, Trouble, collect, failed, lost};
use super::options::Pooler;
use super::row::PgRow;
use crate::error::store_error;
use crate::sql::{Bind, Statement};

/// Statements that a connection keeps prepared at most; then it begins anew.
const KEPT: usize = 500;
/// How long after a try to connect that failed others fail at once.
const DOWN_FOR: Duration = Duration::from_millis(250);

/// The connections, by runtime.
pub(super) struct Shared {
    target: Arc<Target>,
    most: usize,
    places: Mutex<HashMap<Id, Arc<Place>>>,
}

/// Where a runtime has its connection.
#[derive(Default)]
struct Place {
    peer: Mutex<Option<Arc<Peer>>>,
    /// Look-ups that wait to go together.
    queues: Queues,
    /// Held while somebody connects: others wait for that.
    connecting: Turn<()>,
    down: Mutex<Option<(Instant, String)>>,
}

/// A connection.
struct Peer {
    client: Client,
    pooler: Pooler,
    kept: Mutex<HashMap<String, tokio_postgres::Statement>>,
    /// By where a text stands that is part of the program.
    known: Mutex<HashMap<(usize, usize), tokio_postgres::Statement>>,
    /// Whether a statement took too long.
    given_up: AtomicBool,
}

/// Why there are no rows.
enum Failure {
    /// The connection ended; another one may work.
    Lost(Error),
    Other(StoreError),
}

impl Shared {
    /// At most so many connections.
    pub(super) fn new(target: &Target, most: usize) -> Self {
        Self { target: Arc::new(target.clone()), most, places: Mutex::default() }
    }

    /// Where the caller's connection is; none where it has no runtime, or there are enough.
    pub(super) fn place(&self) -> Option<Asking> {
        let runtime = Handle::try_current().ok()?.id();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&runtime) {
            return Some(Asking { target: Arc::clone(&self.target), place: Arc::clone(place) });
        }
        if places.len() >= self.most {
            // Those of runtimes that have ended.
            places.retain(|_, place| place.peer().is_some_and(|peer| !peer.client.is_closed()));
        }
        if places.len() >= self.most {
            return None;
        }
        let place = Arc::clone(places.entry(runtime).or_default());
        Some(Asking { target: Arc::clone(&self.target), place })
    }
}

impl Place {
    fn peer(&self) -> Option<Arc<Peer>> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Somebody who may ask.
pub(super) struct Asking {
    target: Arc<Target>,
    place: Arc<Place>,
}

impl Asking {
    /// What waits where the caller is.
    pub(super) fn queues(&self) -> &Queues {
        &self.place.queues
    }

    /// The rows of a statement; once more on another connection, where the first turns out to be broken.
    pub(super) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, StoreError> {
        let outcome = match self.once(statement).await {
            Err(Failure::Lost(_)) => self.once(statement).await,
            outcome => outcome,
        };
        outcome.map_err(|failure| match failure {
            Failure::Lost(error) => store_error(error),
            Failure::Other(error) => error,
        })
    }

    async fn once(&self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let peer = self.connected().await.map_err(Failure::Other)?;
        match timeout(self.target.statement_time, peer.rows(statement)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) if error.code().map_or(Trouble::Lost, Trouble::of) == Trouble::Lost => {
                self.part_with(&peer);
                Err(Failure::Lost(failed(&error)))
            }
            Ok(Err(error)) => Err(Failure::Other(store_error(failed(&error)))),
            Err(_) => {
                self.part_with(&peer);
                if !peer.given_up.swap(true, Ordering::Relaxed) {
                    let (token, connector) = (peer.client.cancel_token(), self.target.security.connector());
                    tokio::spawn(async move { token.cancel_query(connector).await });
                }
                Err(Failure::Other(store_error(lost("a statement took too long"))))
            }
        }
    }

    /// Whoever asks next connects anew.
    fn part_with(&self, peer: &Arc<Peer>) {
        let mut current = self.place.peer.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, peer)) {
            *current = None;
        }
    }

    async fn connected(&self) -> Result<Arc<Peer>, StoreError> {
        let open = || self.place.peer().filter(|peer| !peer.client.is_closed());
        if let Some(peer) = open() {
            return Ok(peer);
        }
        let _connecting = self.place.connecting.lock().await;
        if let Some(peer) = open() {
            return Ok(peer);
        }
        let down = self.place.down.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, reason)) = down.filter(|(since, _)| since.elapsed() < DOWN_FOR) {
            return Err(StoreError::Unavailable { reason });
        }
        match Peer::connect(&self.target).await {
            Ok(peer) => {
                let peer = Arc::new(peer);
                *self.place.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&peer));
                Ok(peer)
            }
            Err(error) => {
                let error = store_error(error);
                let down = Some((Instant::now(), error.to_string()));
                *self.place.down.lock().unwrap_or_else(PoisonError::into_inner) = down;
                Err(error)
            }
        }
    }
}

impl Peer {
    async fn connect(target: &Target) -> Result<Self, Error> {
        let connecting = target.config.connect(target.security.connector());
        let (client, connection) = timeout(target.connect_time, connecting)
            .await
            .map_err(|_| lost("connecting took too long"))?
            .map_err(|error| failed(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug!("a connection to PostgreSQL ended: {error}");
            }
        });
        Ok(Self {
            client,
            pooler: target.pooler,
            kept: Mutex::default(),
            known: Mutex::default(),
            given_up: AtomicBool::new(false),
        })
    }

    async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, tokio_postgres::Error> {
        let binds = statement.binds();
        let answer = if statement.is_kept() && self.pooler == Pooler::Session {
            let prepared = self.prepared(statement).await?;
            self.client.query_raw(&prepared, binds).await?
        } else {
            let typed = binds.iter().map(|bind| (bind, bind.kind()));
            self.client.query_typed_raw(&statement.numbered(), typed).await?
        };
        let (rows, _) = collect(answer).await?;
        Ok(PgRow::all(rows))
    }

    async fn prepared(
        &self,
        statement: &Statement,
    ) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
        let place = statement.place();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = place.and_then(|place| known().get(&place).cloned()) {
            return Ok(prepared);
        }
        let text = statement.numbered();
        let before = kept().get(&*text).cloned();
        let prepared = match before {
            Some(prepared) => prepared,
            None => {
                let kinds: Vec<_> = statement.binds().iter().map(Bind::kind).collect();
                let prepared = self.client.prepare_typed(&text, &kinds).await?;
                if kept().len() >= KEPT {
                    kept().clear();
                    known().clear();
                }
                kept().insert(text.into_owned(), prepared.clone());
                prepared
            }
        };
        if let Some(place) = place {
            known().insert(place, prepared.clone());
        }
        Ok(prepared)
    }
}
