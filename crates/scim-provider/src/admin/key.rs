//! Keys: issued, listed, revoked.

use std::time::Duration;

use scim_api_keys::ApiKey;
use scim_directory::{Action, AdminChange, Instance, KeyId, KeyRecord, Privilege};
use scim_storage::{CommitError, KeyContext, ServerAnswer, ServerQuestion};

use super::{Admin, AdminError, record, refused};

/// What a key is asked for.
#[derive(Clone, Debug)]
pub struct KeyRequest<'a> {
    /// The connector's name.
    pub connector: &'a str,
    /// The integration user's name.
    pub user: &'a str,
    /// How long the key is good for; `None` for ever.
    pub lifetime: Option<Duration>,
}

/// A new key. Its text is shown once.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// The key with its secret.
    pub key: ApiKey,
    /// What is kept of it.
    pub record: KeyRecord,
}

impl Admin {
    /// Issues a key to an integration user, who must hold at least `LiteAdmin`.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where connector or user are not there, [`AdminError::Invalid`] where the user may not
    /// provision.
    pub async fn key_issue(
        &self,
        instance: &Instance,
        request: &KeyRequest<'_>,
    ) -> Result<IssuedKey, AdminError> {
        let connector = self.connector_named(instance, request.connector).await?;
        let users = self.integration_user_list(instance).await?;
        let Some(user) = users.iter().find(|user| user.name == request.user) else {
            let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
            return Err(AdminError::NotFound(format!(
                "the instance {:?} has no integration user {:?}; it has {}",
                instance.name,
                request.user,
                names.join(", ")
            )));
        };
        if user.privilege < Privilege::LiteAdmin {
            return Err(AdminError::Invalid(format!(
                "the integration user {:?} needs at least the privilege LiteAdmin for a key",
                user.name
            )));
        }
        let (id, created) = (KeyId::new(self.source.uuid()), self.now());
        let mut secret = [0; 32];
        self.source.random(&mut secret);
        let key = ApiKey::new(instance.id.uuid().into_bytes(), id.uuid().into_bytes(), secret);
        let expires = request
            .lifetime
            .map(|lifetime| created.plus_millis(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)));
        let kept = KeyRecord {
            id,
            instance: instance.id,
            connector: connector.id,
            user: user.id,
            hash: key.hash(),
            created,
            expires,
            revoked: None,
        };
        let mut told =
            vec![("key", id.to_string()), ("connector", connector.name.clone()), ("user", user.name.clone())];
        told.extend(expires.map(|at| ("expires", at.to_string())));
        let log = vec![record(Action::KeyIssued, told)];
        self.commit(instance.id, vec![AdminChange::IssueKey(kept.clone())], log)
            .await
            .map_err(|error| refused(error, "the key's id is taken; try again".to_owned()))?;
        Ok(IssuedKey { key, record: kept })
    }

    /// The keys of an instance, or of every one, oldest first, each with whom it acts for.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn key_list(&self, instance: Option<&Instance>) -> Result<Vec<KeyContext>, AdminError> {
        match self.store.server(&ServerQuestion::Keys(instance.map(|instance| instance.id))).await? {
            ServerAnswer::Keys(keys) => Ok(keys),
            _ => Ok(Vec::new()),
        }
    }

    /// A key with the names of what it acts for: (key, instance, connector, user).
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key.
    pub async fn key_show(&self, id: KeyId) -> Result<KeyContext, AdminError> {
        match self.store.server(&ServerQuestion::Key(id)).await? {
            ServerAnswer::Key(Some(context)) => Ok(*context),
            _ => Err(AdminError::NotFound(format!("there is no key {id}; `key list` shows them"))),
        }
    }

    /// Revokes a key: it is refused from the next request on, on every node. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key.
    pub async fn key_revoke(&self, id: KeyId) -> Result<(), AdminError> {
        let context = self.key_show(id).await?;
        if context.key.revoked.is_some() {
            return Ok(());
        }
        let log = vec![record(Action::KeyRevoked, vec![("key", id.to_string())])];
        match self.commit(context.instance.id, vec![AdminChange::RevokeKey(id)], log).await {
            Ok(()) => Ok(()),
            Err(CommitError::Store(error)) => Err(AdminError::Store(error)),
            Err(_) => Err(AdminError::NotFound(format!("there is no key {id}; `key list` shows them"))),
        }
    }
}
