//! Keys in memory: what was read about a key is not read again while it is still so.
//!
//! Whether it is still so is the store's to say, at each request: under a mark ([`scim_storage::AccessMark`]) that travels with
//! the first read that the request needs anyway ([`Provider::get`], [`Provider::find`]), or by itself ([`Provider::confirm`]);
//! or, where nothing needs to be read before, by the commit ([`Caller::conditions`]). A revocation therefore acts on the next
//! request, whoever made it. What counts is worked out each time: the hash of the secret, the time, the network, limits of
//! requests.
//!
//! INVARIANT: nothing is read, answered or logged for a caller before the store has said so.
//!
//! Only what lets somebody in is taken from memory. Whoever is not let in by it is looked at anew, by what the store says, and
//! the refusal is of that.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use scim_api_keys::{ApiKey, KeptMac, Verdict};
use scim_directory::{
    Condition, Connector, Instance, IntegrationUser, KeptSecret, Key, KeyId, KeyRecord, Record,
};
use scim_storage::{AccessMark, Found, Page, Query, Read, StoreError, Want};
use uuid::Uuid;

use super::{Caller, Counted, Known, Way};
use crate::failure::{Failure, store_failure};
use crate::{Provider, Request};

/// The most keys that are kept; beyond it memory begins anew.
const KEPT: usize = 4096;

/// A key and whom it acts for, as they were at a mark.
#[derive(Clone)]
pub(super) struct KeptKey {
    key: Arc<KeyRecord>,
    instance: Arc<Instance>,
    connector: Arc<Connector>,
    user: Arc<IntegrationUser>,
    mark: AccessMark,
}

/// Keys in memory, by id.
#[derive(Default)]
pub(crate) struct KeptKeys(RwLock<HashMap<KeyId, Arc<KeptKey>>>);

impl KeptKeys {
    fn get(&self, id: KeyId) -> Option<Arc<KeptKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Keeps a key whose secret was shown.
    pub(super) fn keep(&self, known: &Known, mark: AccessMark) {
        let Some(key) = &known.key else { return };
        let kept = KeptKey {
            key: Arc::clone(key),
            instance: Arc::clone(&known.instance),
            connector: Arc::clone(&known.connector),
            user: Arc::clone(&known.user),
            mark,
        };
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT && !all.contains_key(&key.id) {
            all.clear();
        }
        all.insert(key.id, Arc::new(kept));
    }

    /// Forgets a key of which something has changed.
    pub(super) fn forget(&self, id: KeyId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// What a request knows of whether its caller is still let in.
#[derive(Debug)]
pub(crate) struct Standing {
    mark: AccessMark,
    state: AtomicU8,
}

const ASSUMED: u8 = 0;
const CONFIRMED: u8 = 1;
const GONE: u8 = 2;

impl Standing {
    fn state(&self) -> u8 {
        self.state.load(Ordering::Relaxed)
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

impl Caller<'_> {
    /// Whether what the caller was let in by has changed: the request begins anew.
    pub(crate) fn is_gone(&self) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing.state() == GONE)
    }

    /// What a change for this caller is committed under, beside what it was decided on. Together they hold only while the
    /// caller is let in: the key's generation covers its terms and its revocation, the instance's all else. Who comes from
    /// memory may be let in by an older generation of the instance than the change was decided by.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = Condition> {
        let assumed = self.standing.as_ref().is_some_and(|standing| standing.state() == ASSUMED);
        self.condition().into_iter().chain(assumed.then_some(Condition::Generation(self.generation)))
    }

    /// A change was committed under [`Self::conditions`], so the caller is let in.
    pub(crate) fn has_committed(&self) {
        self.wrote.store(true, Ordering::Relaxed);
        if let Some(standing) = &self.standing {
            standing.set(CONFIRMED);
        }
    }
}

impl Provider {
    /// Who is calling, by what is in memory; `None` where that lets nobody in.
    pub(crate) fn recognise(&self, request: &Request<'_>) -> Option<Caller<'_>> {
        let shown = request.headers.get("authorization")?.strip_prefix("Bearer ")?;
        let key = ApiKey::parse(shown).ok()?;
        let kept = self.keys.get(KeyId::new(Uuid::from_bytes(key.key_id())));
        let mac = kept.as_ref().and_then(|kept| match &kept.key.secret {
            KeptSecret::Mac { pepper, mac } => Some(KeptMac { pepper: *pepper, mac: *mac }),
            KeptSecret::Password(_) => None,
        });
        // The same work for a key that is not in memory.
        let right = matches!(self.peppers.verify(&key, mac.as_ref()), Verdict::Right);
        let kept = kept.filter(|kept| right && kept.instance.id.uuid().into_bytes() == key.instance_id())?;
        let known = Known {
            key: Some(Arc::clone(&kept.key)),
            instance: Arc::clone(&kept.instance),
            connector: Arc::clone(&kept.connector),
            user: Arc::clone(&kept.user),
            way: Way::Key,
            scopes: kept.key.terms.limits.scopes,
            rehashed: None,
        };
        self.in_force(&known, request, Counted::Yes).ok()?;
        let standing = Standing { mark: kept.mark, state: AtomicU8::new(ASSUMED) };
        Some(Caller { standing: Some(standing), ..self.caller(known) })
    }

    /// That what the caller was let in by is still so; asks the store where nothing was read yet.
    pub(crate) async fn confirm(&self, caller: &Caller<'_>) -> Result<(), Failure> {
        self.read_for(caller, Read::Nothing).await.map(|_| ())
    }

    /// A record, for a caller.
    pub(crate) async fn get(
        &self,
        caller: &Caller<'_>,
        key: &Key,
        want: Want,
    ) -> Result<Option<Record>, Failure> {
        match self.read_for(caller, Read::Get(key, want)).await? {
            Some(Found::Record(record)) => Ok(record.map(|record| *record)),
            Some(_) => Err(other_answer()),
            None => self.store.get(&caller.scope, key, want).await.map_err(|error| store_failure(&error)),
        }
    }

    /// A page, for a caller.
    pub(crate) async fn find(&self, caller: &Caller<'_>, query: &Query) -> Result<Page, Failure> {
        match self.read_for(caller, Read::Find(query)).await? {
            Some(Found::Page(page)) => Ok(*page),
            Some(_) => Err(other_answer()),
            None => self.store.find(&caller.scope, query).await.map_err(|error| store_failure(&error)),
        }
    }

    /// Reads under the caller's mark; `None` where that holds already.
    async fn read_for(&self, caller: &Caller<'_>, read: Read<'_>) -> Result<Option<Found>, Failure> {
        let Some(standing) = &caller.standing else { return Ok(None) };
        match standing.state() {
            CONFIRMED => return Ok(None),
            GONE => return Err(gone()),
            _ => {}
        }
        let found = self.store.unless_changed(standing.mark, &caller.scope, read).await;
        let found = found.map_err(|error| store_failure(&error))?;
        if found.is_some() {
            standing.set(CONFIRMED);
            return Ok(found);
        }
        standing.set(GONE);
        if let Some(key) = &caller.key {
            self.keys.forget(key.id);
        }
        Err(gone())
    }
}

/// What nobody is answered: the request begins anew.
fn gone() -> Failure {
    Failure::unavailable("The key was changed while the request was under way; try again")
}

fn other_answer() -> Failure {
    store_failure(&StoreError::internal("the store answered another question"))
}
