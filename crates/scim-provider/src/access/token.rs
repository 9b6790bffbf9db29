//! Tokens: our own short ones, and those of an issuer that a connector trusts.
//!
//! Our own name the key that they were asked for with. Its row is read for each request, so that a token ends with its key,
//! and with each change of it. A token of a trusted issuer is looked at on the connector's own URL alone, because nothing in
//! it says where it belongs.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim_api_keys::token::{
    AccessClaims, Algorithm, ForeignClaims, Purpose, TokenError, TrustedIssuer, Verification,
};
use scim_directory::{AccessScopes, ConnectorId, TrustedIssuer as Settings};
use scim_storage::{Door, ServerAnswer, ServerQuestion};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Known, NotLetIn, Way};
use crate::failure::Failure;
use crate::{Provider, Request};

impl Provider {
    /// Who shows a token.
    pub(super) async fn by_token(&self, token: &str, request: &Request<'_>) -> Result<Known, NotLetIn> {
        let (root, now) = (request.root, request.now.unix_millis().div_euclid(1000));
        match self.signing.verify(token, root, &[&audience(root)], now) {
            Ok(claims) => self.by_access_token(&claims).await,
            Err(TokenError::Expired { .. }) => {
                let expired = NotLetIn::ended(
                    "token_expired",
                    "The access token expired; get a new one at /oauth2/token",
                    "Nothing, if the client gets a new one by itself; else look at its clock and at how long it keeps tokens",
                );
                Err(match instance_in(token) {
                    Some(instance) => expired.of_instance(instance.into_bytes()),
                    None => expired,
                })
            }
            Err(_) => {
                let door = request.door.and_then(|door| door.parse().ok()).ok_or_else(NotLetIn::unknown)?;
                let door = self.door(door).await?.ok_or_else(NotLetIn::unknown)?;
                self.by_issuer(&door, token, Purpose::Bearer, now).await.map(|(known, _)| known)
            }
        }
    }

    /// Who was given one of our tokens.
    async fn by_access_token(&self, claims: &AccessClaims) -> Result<Known, NotLetIn> {
        let scopes: AccessScopes = claims.scope.parse().map_err(|_| NotLetIn::unknown())?;
        let known = if claims.client_id == claims.connector {
            let connector = claims.connector.parse().map_err(|_| NotLetIn::unknown())?;
            let door = self.door(connector).await?.ok_or_else(NotLetIn::unknown)?;
            let settings = door.connector.settings.ways_in.issuer.clone().ok_or_else(changed)?;
            let instance = door.instance.id.uuid().into_bytes();
            if generation_of(&settings) != claims.generation {
                return Err(changed().of_instance(instance));
            }
            Known::by_issuer(door, &settings).ok_or_else(|| changed().of_instance(instance))?
        } else {
            let id = claims.client_id.parse().map_err(|_| NotLetIn::unknown())?;
            let context = self.key_context(id).await?.ok_or_else(NotLetIn::unknown)?;
            let generation = context.key.generation;
            let known = Known::of(context, Way::AccessToken);
            // What is revoked says so by itself.
            if generation != claims.generation && known.key.as_ref().is_some_and(|key| key.revoked.is_none())
            {
                return Err(changed().by(&known));
            }
            known
        };
        let own = [known.instance.id.to_string(), known.connector.id.to_string(), known.user.id.to_string()];
        if own != [claims.instance.as_str(), &claims.connector, &claims.sub] {
            return Err(NotLetIn::unknown());
        }
        Ok(Known { scopes: known.scopes.and(scopes), ..known })
    }

    /// Who shows a token of the issuer that a connector trusts.
    pub(crate) async fn by_issuer(
        &self,
        door: &Door,
        token: &str,
        purpose: Purpose,
        now: i64,
    ) -> Result<(Known, ForeignClaims), NotLetIn> {
        let unknown = || NotLetIn::unknown().of_instance(door.instance.id.uuid().into_bytes());
        let settings = door.connector.settings.ways_in.issuer.as_ref().ok_or_else(unknown)?;
        let issuer = TrustedIssuer {
            issuer: &settings.issuer,
            audience: &settings.audience,
            subject: &settings.subject,
            algorithms: &Algorithm::ALL,
        };
        let mut waited = false;
        loop {
            match issuer.verify(token, purpose, &self.issuer_keys, &settings.jwks_uri, now) {
                Verification::Accepted(claims) => {
                    let known = Known::by_issuer(door.clone(), settings).ok_or_else(unknown)?;
                    return Ok((known, claims));
                }
                // Asked for at most once a minute, so that this ends.
                Verification::Fetch => self.fetch_keys(&settings.jwks_uri, now).await,
                // Perhaps another request is fetching them, for the first time or because the issuer has new ones.
                Verification::Refused(error)
                    if !waited && (error.is_unavailable() || matches!(error, TokenError::UnknownKey)) =>
                {
                    self.fetches.wait(&settings.jwks_uri).await;
                    waited = true;
                }
                Verification::Refused(error) if error.is_unavailable() => {
                    let failure = Failure::unavailable("The issuer's keys cannot be had now; try again");
                    return Err(failure.into());
                }
                Verification::Refused(error) => {
                    log::debug!("connector {}: a token was refused: {error}", door.connector.id);
                    return Err(unknown());
                }
            }
        }
    }

    /// Fetches an issuer's keys. What goes wrong is for the server's log; the last good ones stay.
    async fn fetch_keys(&self, url: &str, now: i64) {
        let _under_way = self.fetches.begin(url).await;
        let fetched = match &self.fetcher {
            Some(fetcher) => fetcher.fetch(url).await,
            None => Err("this server was given nothing to fetch them with".to_owned()),
        };
        let kept = fetched
            .and_then(|keys| self.issuer_keys.keep(url, &keys, now).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            log::warn!("the keys of a trusted issuer could not be fetched from {url}: {error}");
        }
    }

    /// A connector by its id, which stands in its URL.
    pub(crate) async fn door(&self, id: ConnectorId) -> Result<Option<Door>, Failure> {
        match self.server(&ServerQuestion::Door(id)).await? {
            ServerAnswer::Door(door) => Ok(door.map(|door| *door)),
            _ => Err(Failure::status(500, "The server failed")),
        }
    }
}

impl Known {
    /// Who shows a token of the issuer with these settings, on behalf of their integration user.
    pub(crate) fn by_issuer(door: Door, settings: &Settings) -> Option<Self> {
        let user = door.users.into_iter().find(|user| user.id == settings.user)?;
        Some(Self {
            key: None,
            instance: Arc::new(door.instance),
            connector: Arc::new(door.connector),
            user: Arc::new(user),
            way: Way::Issuer,
            scopes: settings.scopes,
            rehashed: None,
        })
    }
}

/// The instance that one of our tokens names, for the log alone.
fn instance_in(token: &str) -> Option<Uuid> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims.get("instance")?.as_str()?.parse().ok()
}

/// Where our access tokens are accepted.
pub(crate) fn audience(root: &str) -> String {
    format!("{root}/scim/v2")
}

/// What stands in a token in place of a key's generation, where a trusted issuer's client asked for it: it is another
/// number as soon as the issuer's settings are others.
pub(crate) fn generation_of(settings: &Settings) -> i64 {
    let text = serde_json::to_string(settings).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let (head, _) = digest.split_at(8);
    // Not negative, as a generation is.
    i64::from_be_bytes(head.try_into().unwrap_or_default()) & i64::MAX
}

fn changed() -> NotLetIn {
    NotLetIn::ended(
        "token_outdated",
        "The key or the issuer was changed after this access token was issued; get a new one at /oauth2/token",
        "Nothing: the client gets a new token",
    )
}
