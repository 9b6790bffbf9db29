//! Who is calling, and whether they are let in.
//!
//! A credential says itself which instance it belongs to, so that one base URL serves all. One read tells everything about
//! it; of keys that is kept, and each request finds out from the store whether it is still so (`kept.rs`), so a revocation acts
//! on the next one, and what is committed names the generation of the key that it was asked with ([`Condition::Key`]), so
//! nothing is committed after a revocation either.
//!
//! The order of the checks: the secret (`credential.rs`), then whether it is in force here and now (`force.rs`), then what it
//! opens (`permission.rs`). Whoever does not have the secret learns nothing; whoever has it is told what is wrong and what
//! to do. `used.rs` keeps what becomes of keys that are used; `refused.rs` puts who was not let in into the provisioning log.

mod basic;
mod credential;
mod fetches;
mod force;
mod kept;
mod permission;
mod refused;
mod token;
mod used;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use scim_core::Dialect;
use scim_core::schema::Registry;
use scim_directory::{
    AccessScopes, Actor, Condition, Connector, Instance, IntegrationUser, KeptSecret, KeyRecord, Scope,
};

use crate::failure::Failure;
use crate::{Provider, Request};

pub(crate) use fetches::Fetches;
pub(crate) use kept::KeptKeys;
pub(crate) use permission::Verb;
pub use permission::{ROUTES, RouteAccess};
pub(crate) use refused::{NotLetIn, RefusalLog};
pub(crate) use token::{audience, generation_of};
pub(crate) use used::{Uses, key_event};

/// Somebody who has a secret that is known.
#[derive(Clone)]
pub(crate) struct Known {
    /// The key; `None` for who comes with a trusted issuer's token.
    pub(crate) key: Option<Arc<KeyRecord>>,
    pub(crate) instance: Arc<Instance>,
    pub(crate) connector: Arc<Connector>,
    pub(crate) user: Arc<IntegrationUser>,
    /// How the secret was shown.
    pub(crate) way: Way,
    /// What the credential itself opens.
    pub(crate) scopes: AccessScopes,
    /// The hash of the key by the current pepper, where another one is kept.
    pub(crate) rehashed: Option<KeptSecret>,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A key as bearer token.
    Key,
    /// A key, or a secret that a person chose, as password.
    Basic,
    /// A short token that a key, or a trusted issuer's token, was exchanged for.
    AccessToken,
    /// A trusted issuer's token.
    Issuer,
}

/// Who is calling, let in.
pub(crate) struct Caller<'p> {
    /// Instance and connector.
    pub(crate) scope: Scope,
    /// For the log.
    pub(crate) actor: Actor,
    /// The connector with its settings.
    pub(crate) connector: Arc<Connector>,
    /// What the connector tolerates.
    pub(crate) dialect: Dialect,
    /// The generation of the instance's settings when the key was read.
    pub(crate) generation: i64,
    /// The instance's schemas.
    pub(crate) registry: &'p Registry,
    /// What the credential opens.
    pub(crate) scopes: AccessScopes,
    /// How the secret was shown.
    pub(crate) way: Way,
    /// The key.
    pub(crate) key: Option<Arc<KeyRecord>>,
    /// See [`Known::rehashed`].
    pub(crate) rehashed: Option<KeptSecret>,
    /// Whether the request has committed a change.
    pub(crate) wrote: AtomicBool,
    /// Where all that comes from memory, what is known of whether it is still so.
    pub(crate) standing: Option<kept::Standing>,
}

impl Caller<'_> {
    /// What a change that is committed for this caller is decided on.
    pub(crate) fn condition(&self) -> Option<Condition> {
        self.key.as_ref().map(|key| Condition::Key(key.id, key.generation))
    }
}

/// Whether a request counts against limits of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Yes,
    No,
}

impl Provider {
    /// Finds out who is calling, and whether they are let in.
    pub(crate) async fn authenticate(
        &self,
        request: &Request<'_>,
        counted: Counted,
    ) -> Result<Caller<'_>, Failure> {
        let known = self.known(request).await;
        match known.and_then(|known| self.in_force(&known, request, counted).map(|()| known)) {
            Ok(known) => Ok(self.caller(known)),
            Err(refused) => {
                self.log_refused(request, &refused).await;
                Err(refused.into_failure())
            }
        }
    }

    /// That a caller who was let in still is, because what it was let in by may have moved.
    pub(crate) async fn still_let_in(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
    ) -> Result<(), Failure> {
        // Who was let in from memory begins anew where something has changed, and is answered by what is so now.
        self.confirm(caller).await?;
        let gone = || NotLetIn::unknown().into_failure();
        let known = match &caller.key {
            Some(key) => Known::of(self.key_context(key.id).await?.ok_or_else(gone)?, caller.way),
            None => {
                let door = self.door(caller.connector.id).await?.ok_or_else(gone)?;
                let (before, now) =
                    (&caller.connector.settings.ways_in, door.connector.settings.ways_in.clone());
                let same = now.issuer.filter(|issuer| before.issuer.as_ref() == Some(issuer));
                same.and_then(|issuer| Known::by_issuer(door, &issuer)).ok_or_else(gone)?
            }
        };
        self.in_force(&known, request, Counted::No).map_err(NotLetIn::into_failure)?;
        let generation = |key: &Option<Arc<KeyRecord>>| key.as_ref().map(|key| key.generation);
        // What the caller may do was looked up in these.
        if generation(&known.key) == generation(&caller.key) && known.connector == caller.connector {
            return Ok(());
        }
        Err(Failure::unavailable(
            "The key or its connector was changed while the request was under way; try again",
        ))
    }

    fn caller(&self, known: Known) -> Caller<'_> {
        Caller {
            scope: Scope { instance: known.instance.id, connector: Some(known.connector.id) },
            actor: Actor {
                connector: Some(known.connector.id),
                key: known.key.as_ref().map(|key| key.id),
                user: Some(known.user.id),
                admin: None,
            },
            dialect: known.connector.dialect.dialect(),
            generation: known.instance.generation,
            registry: self.policies.registry(known.instance.settings.unique_group_names),
            connector: known.connector,
            scopes: known.scopes,
            way: known.way,
            key: known.key,
            rehashed: known.rehashed,
            wrote: AtomicBool::new(false),
            standing: None,
        }
    }
}
