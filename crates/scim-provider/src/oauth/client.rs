//! What a client proves itself by at the authorization server: a key's id and the key, in the header or in the form, or a
//! token of an issuer that its connector trusts (RFC 6749 §2.3, RFC 7523 §2.2).

use scim_api_keys::BasicCredentials;
use scim_api_keys::token::Purpose;
use scim_directory::{
    Actor, AdminChange, AnswerChange, Change, ChangeSet, ChangeSetId, KeyId, RequestMark, Scope,
};
use scim_storage::CommitError;
use sha2::{Digest as _, Sha256};

use super::form::Form;
use super::{OauthError, OauthRequest};
use crate::Provider;
use crate::access::{Counted, Known, NotLetIn, Way};
use crate::failure::{Failure, commit_failure};

/// The type of a client assertion that is a JWT (RFC 7523 §2.2).
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the client shows.
enum Shown {
    Secret(BasicCredentials),
    Form { id: String, secret: zeroize::Zeroizing<String> },
    Assertion { id: String, token: String },
}

impl Provider {
    /// The client, in force for this request. Whoever is refused is in the log of the instance.
    pub(super) async fn oauth_client(
        &self,
        request: &OauthRequest<'_>,
        form: &Form,
    ) -> Result<Known, OauthError> {
        let shown = shown(request, form)?;
        let as_request = request.as_request();
        let known = self.prove(request, &shown).await;
        let refused =
            match known.and_then(|known| self.in_force(&known, &as_request, Counted::Yes).map(|()| known)) {
                Ok(known) => {
                    self.rehash(&known, &as_request).await;
                    return Ok(known);
                }
                Err(refused) => refused,
            };
        self.log_refused(&as_request, &refused).await;
        let failure = refused.into_failure();
        let code = match failure.error().status() {
            401 => "invalid_client",
            429 | 500.. => "temporarily_unavailable",
            _ => "unauthorized_client",
        };
        let mut error = OauthError::new(code, failure.error().detail());
        if code == "temporarily_unavailable" {
            error.status = failure.error().status();
            error.retry_after = failure.header("Retry-After").map(str::to_owned);
        }
        Err(error)
    }

    async fn prove(&self, request: &OauthRequest<'_>, shown: &Shown) -> Result<Known, NotLetIn> {
        let (id, secret) = match shown {
            Shown::Secret(credentials) => (credentials.user(), credentials.password()),
            Shown::Form { id, secret } => (id.as_str(), secret.as_str()),
            Shown::Assertion { id, token } => return self.by_assertion(request, id, token).await,
        };
        let known = self.by_key(secret, Way::AccessToken).await?;
        let id: Option<KeyId> = id.parse().ok();
        if id.is_some() && known.key.as_ref().map(|key| key.id) == id {
            return Ok(known);
        }
        Err(NotLetIn::unknown().of_instance(known.instance.id.uuid().into_bytes()))
    }

    async fn by_assertion(
        &self,
        request: &OauthRequest<'_>,
        id: &str,
        token: &str,
    ) -> Result<Known, NotLetIn> {
        let connector = id.parse().map_err(|_| NotLetIn::unknown())?;
        let door = self.door(connector).await?.ok_or_else(NotLetIn::unknown)?;
        let now = request.seconds();
        let (known, claims) = self.by_issuer(&door, token, Purpose::ClientAssertion, now).await?;
        if let Some(jti) = claims.jti
            && !self.is_first_use(&known, &jti, request).await?
        {
            return Err(NotLetIn::ended(
                "assertion_used",
                "This client assertion was used before; send a new one each time",
                "Look at the client: it has to ask its issuer for a new token each time",
            )
            .by(&known));
        }
        Ok(known)
    }

    /// Whether an assertion is used for the first time (RFC 7523 §3, point 7), by whichever node: the store knows it from now
    /// on for as long as first answers are kept, a day, which is the longest life of a token.
    async fn is_first_use(
        &self,
        known: &Known,
        jti: &str,
        request: &OauthRequest<'_>,
    ) -> Result<bool, Failure> {
        // By the connector: another instance may give its own issuer the same name.
        let mark = RequestMark::of_assertion(known.connector.id, Sha256::digest(jti).into());
        let begin = AdminChange::Answer(AnswerChange::Begin(mark, mark.key));
        let id = ChangeSetId::new(self.source.uuid());
        let scope = Scope { instance: known.instance.id, connector: Some(known.connector.id) };
        let empty = ChangeSet::empty(id, scope, Actor::default(), request.request_id.to_owned(), request.now);
        match self.store.commit(ChangeSet { changes: vec![Change::Admin(begin)], ..empty }).await {
            Ok(_) => Ok(true),
            Err(CommitError::Duplicate { .. }) => Ok(false),
            Err(error) => Err(commit_failure(error)),
        }
    }
}

/// What the client shows; exactly one way of it (RFC 6749 §2.3).
fn shown(request: &OauthRequest<'_>, form: &Form) -> Result<Shown, OauthError> {
    let invalid = |text: &str| OauthError::new("invalid_request", text);
    let id = form.get("client_id");
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    let ways = [request.authorization.is_some(), secret.is_some(), assertion.is_some()];
    if ways.iter().filter(|way| **way).count() > 1 {
        return Err(invalid("Prove the client in one way: the header, client_secret, or client_assertion"));
    }
    if let Some(header) = request.authorization {
        let credentials = BasicCredentials::parse_client(header)
            .map_err(|error| OauthError::new("invalid_client", error.to_string()))?;
        if id.is_some_and(|id| id != credentials.user()) {
            return Err(invalid("client_id is another one than in the header"));
        }
        return Ok(Shown::Secret(credentials));
    }
    let missing =
        || OauthError::new("invalid_client", "Send client_id (the key's id) and client_secret (the key)");
    let id = id.ok_or_else(missing)?.to_owned();
    if let Some(token) = assertion {
        if form.get("client_assertion_type") != Some(JWT_ASSERTION) {
            return Err(invalid("client_assertion_type must be that of a JWT (RFC 7523)"));
        }
        return Ok(Shown::Assertion { id, token: token.to_owned() });
    }
    let secret = secret.ok_or_else(missing)?;
    Ok(Shown::Form { id, secret: zeroize::Zeroizing::new(secret.to_owned()) })
}
