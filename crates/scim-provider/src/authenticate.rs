//! Who is calling: from the `Authorization` header to connector, instance and integration user.
//!
//! The key itself says which instance it belongs to, so that one base URL serves all. One read tells everything about a
//! key; nothing is cached, so a revocation acts on the next request.

use scim_api_keys::ApiKey;
use scim_core::Dialect;
use scim_core::schema::Registry;
use scim_directory::{Actor, Connector, KeyId, KeyState, Privilege, Scope};
use scim_storage::{KeyContext, ServerAnswer, ServerQuestion};

use crate::failure::Failure;
use crate::{Provider, Request};

/// The longest `Authorization` header, in bytes.
const MAX_AUTHORIZATION_BYTES: usize = 512;

/// Who is calling.
pub(crate) struct Caller<'p> {
    /// Instance and connector.
    pub(crate) scope: Scope,
    /// For the log.
    pub(crate) actor: Actor,
    /// The connector with its settings.
    pub(crate) connector: Connector,
    /// What the connector tolerates.
    pub(crate) dialect: Dialect,
    /// The generation of the instance's settings when the key was read.
    pub(crate) generation: i64,
    /// The instance's schemas.
    pub(crate) registry: &'p Registry,
}

impl Provider {
    /// Finds out who is calling.
    pub(crate) async fn authenticate(&self, request: &Request<'_>) -> Result<Caller<'_>, Failure> {
        let Some(header) = request.headers.get("authorization") else {
            return Err(challenge("Send the key as \"Authorization: Bearer KEY\"", None));
        };
        let token = (header.len() <= MAX_AUTHORIZATION_BYTES)
            .then(|| header.split_once(' '))
            .flatten()
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let key = token.and_then(|token| ApiKey::parse(token).ok()).ok_or_else(unknown_key)?;
        let id = KeyId::new(uuid::Uuid::from_bytes(key.key_id()));
        let ServerAnswer::Key(context) = self.server(&ServerQuestion::Key(id)).await? else {
            return Err(Failure::status(500, "The server failed"));
        };
        // Equal work whether the key exists or not: an unknown one is checked against a hash that nothing has.
        let known = context.as_ref().map_or([0; 32], |context| context.key.hash);
        let right = key.verify(&known);
        let context = context
            .filter(|context| right && context.instance.id.uuid().into_bytes() == key.instance_id())
            .ok_or_else(unknown_key)?;
        self.in_force(&context, request)?;
        Ok(Caller {
            scope: Scope { instance: context.instance.id, connector: Some(context.connector.id) },
            actor: Actor {
                connector: Some(context.connector.id),
                key: Some(context.key.id),
                user: Some(context.user.id),
            },
            dialect: context.connector.dialect.dialect(),
            generation: context.instance.generation,
            registry: self.policies.registry(context.instance.settings.unique_group_names),
            connector: context.connector,
        })
    }

    /// Whether a key whose secret is right may be used now. The detail says what to do: identity providers show it.
    fn in_force(&self, context: &KeyContext, request: &Request<'_>) -> Result<(), Failure> {
        let key = &context.key;
        match key.state(request.now) {
            KeyState::Active => {}
            KeyState::Expired => {
                let since = key.expires.map(|at| at.to_string()).unwrap_or_default();
                return Err(challenge(
                    &format!(
                        "This key expired at {since}; issue a new one and paste it into the identity provider"
                    ),
                    Some("invalid_token"),
                ));
            }
            KeyState::Revoked => {
                let since = key.revoked.map(|at| at.to_string()).unwrap_or_default();
                return Err(challenge(
                    &format!(
                        "This key was revoked at {since}; use the key that replaced it, or issue a new one"
                    ),
                    Some("invalid_token"),
                ));
            }
        }
        if context.user.privilege < Privilege::LiteAdmin {
            return Err(Failure::status(
                403,
                format!(
                    "The integration user {} lost the LiteAdmin privilege that this key acts with; restore it",
                    context.user.name
                ),
            ));
        }
        Ok(())
    }
}

/// One and the same answer for keys that are mistyped, truncated, unknown or of a wrong secret.
fn unknown_key() -> Failure {
    challenge("The key is not valid; copy it again, whole, or issue a new one", Some("invalid_token"))
}

fn challenge(detail: &str, error: Option<&str>) -> Failure {
    let header = match error {
        None => "Bearer realm=\"rollcall\"".to_owned(),
        Some(error) => format!("Bearer realm=\"rollcall\", error=\"{error}\""),
    };
    Failure::status(401, detail).with("WWW-Authenticate", header)
}
