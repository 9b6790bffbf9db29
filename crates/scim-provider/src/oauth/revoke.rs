//! `POST /oauth2/revoke`: a client gives its token up (RFC 7009).
//!
//! Tokens are not kept, so one cannot be struck off a list. What stands in each is the generation of its key: a new one ends
//! every token of that key with the next request, on every node, while the key itself stays in force (§2.1 allows it to end
//! others with it). The client gets a new one when it needs it.

use scim_directory::{
    Action, Actor, AdminChange, Change, ChangeSet, ChangeSetId, KeyChange, KeyRecord, LogRecord, Scope,
};
use scim_storage::CommitError;

use super::form::Form;
use super::{OauthError, OauthRequest, answer};
use crate::access::{Known, audience};
use crate::{Provider, Response};

impl Provider {
    /// Ends a client's tokens.
    pub async fn oauth_revoke(&self, request: OauthRequest<'_>) -> Response {
        match self.end_token(&request).await {
            Ok(()) => Response { body: Vec::new(), ..answer(200, &serde_json::Value::Null) },
            Err(error) => error.response(),
        }
    }

    async fn end_token(&self, request: &OauthRequest<'_>) -> Result<(), OauthError> {
        let form = Form::read(request.content_type, request.body)?;
        let known = self.oauth_client(request, &form).await?;
        let token = form.get("token").ok_or_else(|| {
            OauthError::new("invalid_request", "Send the access token as the parameter token")
        })?;
        let root = request.root;
        let claims = self.signing.verify(token, root, &[&audience(root)], request.seconds());
        // What is no token of this client's, or not any more, is as good as revoked (§2.2).
        let Ok(claims) = claims else { return Ok(()) };
        let Some(key) = &known.key else {
            return Err(OauthError::new(
                "unsupported_token_type",
                "Tokens that were given for a trusted issuer's token end by themselves, within ten minutes",
            ));
        };
        if claims.client_id != key.id.to_string() || claims.generation != key.generation {
            return Ok(());
        }
        match self.end_tokens(request, &known, key).await {
            Ok(()) | Err(CommitError::Conflict) => Ok(()),
            Err(error) => {
                log::warn!(request_id = request.request_id; "tokens could not be ended: {error}");
                let error = OauthError::new(
                    "temporarily_unavailable",
                    "The tokens could not be ended now; try again",
                );
                Err(OauthError { status: 503, retry_after: Some("5".to_owned()), ..error })
            }
        }
    }

    async fn end_tokens(
        &self,
        request: &OauthRequest<'_>,
        known: &Known,
        key: &KeyRecord,
    ) -> Result<(), CommitError> {
        let id = ChangeSetId::new(self.source.uuid());
        let connector = Some(known.connector.id);
        let scope = Scope { instance: known.instance.id, connector };
        let actor = Actor { connector, key: Some(key.id), user: Some(known.user.id), admin: None };
        let changes = vec![Change::Admin(AdminChange::Key(KeyChange::EndTokens(key.id)))];
        let mut record = LogRecord::about_key(Action::KeyChanged, key);
        record.notes.push("its client gave its access tokens up; the key stays in force".to_owned());
        let empty = ChangeSet::empty(id, scope, actor, request.request_id.to_owned(), request.now);
        self.commit(ChangeSet { changes, log: vec![record], ..empty }).await.map(|_| ())
    }
}
