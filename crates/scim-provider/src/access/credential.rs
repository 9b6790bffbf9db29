//! What a client shows, and whether its secret is right.
//!
//! Equal work is done whether a key exists or not: the hash is computed and compared in either case.

use std::sync::Arc;

use scim_api_keys::{ApiKey, KeptMac, Verdict};
use scim_directory::{KeptSecret, KeyId};
use scim_storage::{KeyContext, ServerAnswer, ServerQuestion};
use uuid::Uuid;

use super::{Known, NotLetIn, Way};
use crate::failure::{Failure, store_failure};
use crate::{Provider, Request};

/// The longest `Authorization` header, in bytes: a token of a trusted issuer, with room.
const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;

impl Provider {
    /// Whose secret the request shows.
    pub(crate) async fn known(&self, request: &Request<'_>) -> Result<Known, NotLetIn> {
        let Some(header) = request.headers.get("authorization") else { return Err(NotLetIn::missing()) };
        if header.len() > MAX_AUTHORIZATION_BYTES {
            return Err(NotLetIn::unknown());
        }
        let (scheme, shown) = header.split_once(' ').ok_or_else(NotLetIn::unknown)?;
        let shown = shown.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            self.by_basic(header, request).await
        } else if !scheme.eq_ignore_ascii_case("bearer") {
            Err(NotLetIn::unknown())
        } else if shown.contains('.') {
            self.by_token(shown, request).await
        } else {
            self.by_key(shown, Way::Key).await
        }
    }

    /// Who shows a key.
    pub(crate) async fn by_key(&self, shown: &str, way: Way) -> Result<Known, NotLetIn> {
        let key = ApiKey::parse(shown).map_err(|_| NotLetIn::unknown().hinting(shown))?;
        let unknown = || NotLetIn::unknown().of_instance(key.instance_id());
        let id = KeyId::new(Uuid::from_bytes(key.key_id()));
        let marked = self.store.key(id).await.map_err(|error| store_failure(&error))?;
        let mark = marked.as_ref().and_then(|marked| marked.mark);
        let context = marked.map(|marked| *marked.context);
        let kept = context.as_ref().and_then(|context| match &context.key.secret {
            KeptSecret::Mac { pepper, mac } => Some(KeptMac { pepper: *pepper, mac: *mac }),
            KeptSecret::Password(_) => None,
        });
        let verdict = self.peppers.verify(&key, kept.as_ref());
        let Some(context) =
            context.filter(|context| context.instance.id.uuid().into_bytes() == key.instance_id())
        else {
            return Err(unknown());
        };
        let mut known = Known::of(context, way);
        match verdict {
            Verdict::Right => {
                if let Some(mark) = mark {
                    self.keys.keep(&known, mark);
                }
                Ok(known)
            }
            Verdict::RightByFormerPepper => {
                let KeptMac { pepper, mac } = self.peppers.keep(&key);
                known.rehashed = Some(KeptSecret::Mac { pepper, mac });
                Ok(known)
            }
            Verdict::Wrong => Err(unknown()),
            Verdict::UnknownPepper => {
                log::error!(
                    "a key was hashed with a pepper that this node does not hold; give it every pepper"
                );
                Err(Failure::unavailable("This server cannot check keys of that age now; try again").into())
            }
        }
    }

    /// A key and whom it acts for.
    pub(crate) async fn key_context(&self, id: KeyId) -> Result<Option<KeyContext>, Failure> {
        match self.server(&ServerQuestion::Key(id)).await? {
            ServerAnswer::Key(context) => Ok(context.map(|context| *context)),
            _ => Err(Failure::status(500, "The server failed")),
        }
    }
}

impl Known {
    /// Who shows a key's secret.
    pub(crate) fn of(context: KeyContext, way: Way) -> Self {
        let KeyContext { key, instance, connector, user } = context;
        let scopes = key.terms.limits.scopes;
        Self {
            key: Some(Arc::new(key)),
            instance: Arc::new(instance),
            connector: Arc::new(connector),
            user: Arc::new(user),
            way,
            scopes,
            rehashed: None,
        }
    }
}
