//! `POST /oauth2/token`: the client credentials grant (RFC 6749 §4.4).

use scim_api_keys::token::{ACCESS_LIFETIME_SECONDS, AccessClaims};
use scim_directory::AccessScopes;
use serde_json::json;

use super::form::Form;
use super::{OauthError, OauthRequest, answer};
use crate::access::{Known, audience, generation_of};
use crate::{Provider, Response};

impl Provider {
    /// Gives a client an access token.
    pub async fn oauth_token(&self, request: OauthRequest<'_>) -> Response {
        self.give_token(&request).await.unwrap_or_else(|error| error.response())
    }

    async fn give_token(&self, request: &OauthRequest<'_>) -> Result<Response, OauthError> {
        let form = Form::read(request.content_type, request.body)?;
        match form.get("grant_type") {
            Some("client_credentials") => {}
            None => return Err(OauthError::new("invalid_request", "Send grant_type=client_credentials")),
            Some(_) => {
                return Err(OauthError::new("unsupported_grant_type", "The grant is client_credentials"));
            }
        }
        let known = self.oauth_client(request, &form).await?;
        let scopes = asked(form.get("scope"), known.scopes)?;
        let claims = self.claims(request, &known, scopes);
        let token = self.signing.issue(&claims).map_err(|error| {
            log::error!(request_id = request.request_id; "no access token: {error}");
            OauthError {
                status: 500,
                ..OauthError::new("server_error", "The server failed; its log has the cause")
            }
        })?;
        Ok(answer(
            200,
            &json!({
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": ACCESS_LIFETIME_SECONDS,
                "scope": claims.scope,
            }),
        ))
    }

    fn claims(&self, request: &OauthRequest<'_>, known: &Known, scopes: AccessScopes) -> AccessClaims {
        let (iat, connector) = (request.seconds(), known.connector.id.to_string());
        let issuer = known.connector.settings.ways_in.issuer.as_ref();
        let (client_id, generation) = match &known.key {
            Some(key) => (key.id.to_string(), key.generation),
            None => (connector.clone(), issuer.map_or(0, generation_of)),
        };
        AccessClaims {
            iss: request.root.to_owned(),
            aud: audience(request.root),
            sub: known.user.id.to_string(),
            client_id,
            instance: known.instance.id.to_string(),
            connector,
            scope: scopes.to_string(),
            jti: self.source.uuid().to_string(),
            iat,
            nbf: iat,
            exp: iat + ACCESS_LIFETIME_SECONDS,
            generation,
        }
    }
}

/// The scopes that a client asks for, all that it has where it asks for none (§3.3).
fn asked(scope: Option<&str>, known: AccessScopes) -> Result<AccessScopes, OauthError> {
    let Some(scope) = scope else { return Ok(known) };
    let invalid = |text: String| OauthError::new("invalid_scope", text);
    let asked: AccessScopes =
        scope.parse().map_err(|error: scim_directory::UnknownScope| invalid(error.to_string()))?;
    match asked.iter().find(|scope| !known.has(*scope)) {
        None => Ok(asked),
        Some(scope) => Err(invalid(format!("The key does not have the scope {}", scope.name()))),
    }
}
