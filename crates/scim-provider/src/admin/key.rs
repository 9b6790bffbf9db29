//! Keys: issued, changed, listed, revoked.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, SaltString};
use scim_api_keys::{ApiKey, KeptMac};
use scim_core::instant::Timestamp;
use scim_directory::{
    Action, AdminChange, AttributeChange, Change, ChangeSet, ChangeSetId, Condition, Connector, Event,
    EventKind, Instance, IntegrationUser, KeptSecret, KeyChange, KeyId, KeyLimits, KeyRecord, KeyTerms,
    LogRecord, Revocation, Scope,
};
use scim_storage::{CommitError, KeyContext, ServerAnswer, ServerQuestion};

use super::{Admin, AdminError, refused};
use crate::access::key_event;

/// The most keys that an integration user may have at a connector which are in force, or will be: the current one and the
/// one that is to take its place.
const MAX_LIVE_KEYS: usize = 2;
/// How often a key is revoked as it was read, before it is revoked whatever became of it.
const REVOCATION_TRIES: usize = 16;
/// How long a secret that a person chose has to be, in characters.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 15..=128;

/// What a key is asked for.
#[derive(Clone, Debug, Default)]
pub struct KeyRequest<'a> {
    /// The connector's name.
    pub connector: &'a str,
    /// The integration user's name.
    pub user: &'a str,
    /// How long the key is good for, from its beginning; `None` for ever.
    pub lifetime: Option<Duration>,
    /// When it begins; `None` for at once.
    pub not_before: Option<Timestamp>,
    /// What it opens, from where and how often.
    pub limits: KeyLimits,
    /// A secret that a person chose: the password of HTTP Basic, in place of a generated key.
    pub password: Option<&'a str>,
}

/// A new key. Its text is shown once.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// The key with its secret; `None` where a person chose the secret.
    pub key: Option<ApiKey>,
    /// What is kept of it.
    pub record: KeyRecord,
}

impl Admin {
    /// Issues a key to an integration user, who must hold at least `LiteAdmin` and have fewer than two keys at that
    /// connector that are in force or will be. It touches no other key.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where connector or user are not there, [`AdminError::Invalid`] where the user may not
    /// provision or has two keys, or where the terms make no sense.
    pub async fn key_issue(
        &self,
        instance: &Instance,
        request: &KeyRequest<'_>,
    ) -> Result<IssuedKey, AdminError> {
        // What is checked here holds in the commit, by the generation that is read first.
        let instance = &self.instance_named(&instance.name).await?;
        let connector = self.connector_named(instance, request.connector).await?;
        let user = self.integration_user_named(instance, request.user).await?;
        may_have_keys(&user)?;
        let (id, created) = (KeyId::new(self.source.uuid()), self.now());
        let begins = request.not_before.unwrap_or(created);
        let millis = |lifetime: Duration| i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires = request.lifetime.map(|lifetime| begins.plus_millis(millis(lifetime)));
        let terms = KeyTerms {
            not_before: request.not_before.filter(|begins| *begins > created),
            expires,
            limits: request.limits.clone(),
        };
        check_terms(&terms, created)?;
        let (key, secret, ending) = match request.password {
            Some(password) => (None, self.chosen_secret(&connector, password)?, String::new()),
            None => {
                let mut secret = [0; 32];
                self.source.random(&mut secret);
                let key = ApiKey::new(instance.id.uuid().into_bytes(), id.uuid().into_bytes(), secret);
                let KeptMac { pepper, mac } = self.peppers()?.keep(&key);
                let kept = KeptSecret::Mac { pepper, mac };
                let ending = key.ending();
                (Some(key), kept, ending)
            }
        };
        let kept = KeyRecord::issued(id, &connector, user.id, secret, ending, created, terms);
        let mut log = LogRecord::about_key(Action::KeyIssued, &kept);
        log.changes.extend([
            told("connector", &connector.name),
            told("user", &user.name),
            told("expires", &kept.terms.expires.map_or("never".to_owned(), |at| at.to_string())),
            told("scopes", &kept.terms.limits.scopes.to_string()),
        ]);
        let free = Condition::LiveKeys { connector: connector.id, user: user.id, below: MAX_LIVE_KEYS };
        let conditions = vec![Condition::Generation(instance.generation), free];
        let change = KeyChange::Issue(Box::new(kept.clone()));
        let events = vec![key_event(EventKind::KeyIssued, &kept)];
        match self.commit_key(&kept, vec![change], vec![log], events, conditions).await {
            Ok(()) => Ok(IssuedKey { key, record: kept }),
            Err(CommitError::Conflict) => Err(self.why_no_key(instance, &connector, &user).await?),
            Err(error) => Err(refused(error, "the key's id is taken; try again".to_owned())),
        }
    }

    /// Why a key could not be issued, where something else than this request was in the way.
    async fn why_no_key(
        &self,
        instance: &Instance,
        connector: &Connector,
        user: &IntegrationUser,
    ) -> Result<AdminError, AdminError> {
        let live = self.live_keys(connector, user).await?;
        if live.len() < MAX_LIVE_KEYS {
            return Ok(AdminError::Invalid(format!(
                "somebody changed the instance {:?} at the same time; try again",
                instance.name
            )));
        }
        let keys: Vec<String> =
            live.iter().map(|key| format!("{} ({})", key.id, key.state(self.now()).name())).collect();
        Ok(AdminError::Invalid(format!(
            "the integration user {:?} has {MAX_LIVE_KEYS} keys at the connector {:?} already: {}; revoke the one that is not used \
             any more (`rollcall key revoke KEY_ID`), then issue a new one",
            user.name,
            connector.name,
            keys.join(" and ")
        )))
    }

    /// The keys of an integration user at a connector that are in force or will be, oldest first.
    async fn live_keys(
        &self,
        connector: &Connector,
        user: &IntegrationUser,
    ) -> Result<Vec<KeyRecord>, AdminError> {
        let question = ServerQuestion::LiveKeys {
            instance: connector.instance,
            connector: connector.id,
            user: user.id,
            at: self.now(),
        };
        match self.store.server(&question).await? {
            ServerAnswer::Keys(keys) => Ok(keys.into_iter().map(|context| context.key).collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// What is kept of a secret that a person chose.
    fn chosen_secret(&self, connector: &Connector, password: &str) -> Result<KeptSecret, AdminError> {
        if !connector.settings.ways_in.basic {
            return Err(AdminError::Invalid(format!(
                "a secret that a person chose is good for HTTP Basic alone, which the connector {:?} does not allow; allow it \
                 (`rollcall connector set --basic on`), or let a key be generated",
                connector.name
            )));
        }
        if !SECRET_CHARS.contains(&password.chars().count()) || password.contains(char::is_control) {
            return Err(AdminError::Invalid(format!(
                "the secret must have {} to {} characters, none of them a control character",
                SECRET_CHARS.start(),
                SECRET_CHARS.end()
            )));
        }
        let mut salt = [0; 16];
        self.source.random(&mut salt);
        let hash = SaltString::encode_b64(&salt)
            .and_then(|salt| Ok(Argon2::default().hash_password(password.as_bytes(), &salt)?.to_string()));
        hash.map(KeptSecret::Password)
            .map_err(|error| AdminError::Invalid(format!("the secret could not be hashed: {error}")))
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

    /// A key with whom it acts for.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key.
    pub async fn key_show(&self, id: KeyId) -> Result<KeyContext, AdminError> {
        match self.store.server(&ServerQuestion::Key(id)).await? {
            ServerAnswer::Key(Some(context)) => Ok(*context),
            _ => Err(AdminError::NotFound(format!("there is no key {id}; `key list` shows them"))),
        }
    }

    /// Changes when a key can be used and what it opens, from the next request on; the key as it is afterwards.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key; [`AdminError::Invalid`] where it is revoked, or the terms make no
    /// sense.
    pub async fn key_change(
        &self,
        id: KeyId,
        change: impl Fn(&mut KeyTerms) -> Result<(), AdminError>,
    ) -> Result<KeyContext, AdminError> {
        let context = self.key_show(id).await?;
        let (before, now) = (&context.key, self.now());
        let mut terms = before.terms.clone();
        change(&mut terms)?;
        if terms == before.terms {
            return Ok(context);
        }
        if before.ended(now).is_some() {
            return Err(AdminError::Invalid(format!("key {id} is revoked for good; issue a new one")));
        }
        check_terms(&terms, now)?;
        let mut conditions = vec![Condition::Key(id, before.generation)];
        if !before.is_live(now) && terms.expires.is_none_or(|expires| expires > now) {
            self.room_for_one_more(&context).await?;
            let (connector, user) = (before.connector, before.user);
            conditions.push(Condition::LiveKeys { connector, user, below: MAX_LIVE_KEYS });
        }
        let mut log = LogRecord::about_key(Action::KeyChanged, before);
        log.changes.extend(differences(&before.terms, &terms));
        let changes = vec![KeyChange::SetTerms(id, terms)];
        match self.commit_key(&context.key, changes, vec![log], Vec::new(), conditions).await {
            Ok(()) => self.key_show(id).await,
            Err(CommitError::Conflict) => {
                Err(AdminError::Invalid(format!("somebody changed key {id} at the same time; try again")))
            }
            Err(error) => Err(refused(error, String::new())),
        }
    }

    /// That a key which expired may come back into force.
    async fn room_for_one_more(&self, context: &KeyContext) -> Result<(), AdminError> {
        if self.live_keys(&context.connector, &context.user).await?.len() < MAX_LIVE_KEYS {
            return Ok(());
        }
        Err(self.why_no_key(&context.instance, &context.connector, &context.user).await?)
    }

    /// Revokes a key: it is refused from the next request on, on every node. Revoking it again changes nothing, and is not told
    /// again, also where several do it at once.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key.
    pub async fn key_revoke(&self, id: KeyId) -> Result<(), AdminError> {
        let mut tries = 0..REVOCATION_TRIES;
        loop {
            let KeyContext { key, .. } = self.key_show(id).await?;
            if key.revoked.is_some() {
                return Ok(());
            }
            // A key that is changed all the time is revoked all the same.
            let unchanged = tries.next().map(|_| Condition::Key(id, key.generation));
            let log = LogRecord::about_key(Action::KeyRevoked, &key);
            let events = vec![key_event(EventKind::KeyRevoked, &key)];
            let (change, conditional) = (KeyChange::Revoke(id, Revocation::ByHand), unchanged.is_some());
            let conditions = unchanged.into_iter().collect();
            match self.commit_key(&key, vec![change], vec![log], events, conditions).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict) if conditional => {}
                Err(CommitError::Store(error)) => return Err(AdminError::Store(error)),
                Err(_) => {
                    return Err(AdminError::NotFound(format!("there is no key {id}; `key list` shows them")));
                }
            }
        }
    }

    /// Commits changes of a key.
    pub(super) async fn commit_key(
        &self,
        key: &KeyRecord,
        changes: Vec<KeyChange>,
        log: Vec<LogRecord>,
        events: Vec<Event>,
        conditions: Vec<Condition>,
    ) -> Result<(), CommitError> {
        let id = ChangeSetId::new(self.source.uuid());
        let scope = Scope { instance: key.instance, connector: Some(key.connector) };
        let request_id = self.source.uuid().to_string();
        let change = |change| Change::Admin(AdminChange::Key(change));
        let set = ChangeSet {
            changes: changes.into_iter().map(change).collect(),
            log,
            events,
            conditions,
            ..ChangeSet::empty(id, scope, key.actor(), request_id, self.now())
        };
        self.submit(set).await.map(|_| ())
    }
}

/// That keys may be issued to an integration user.
fn may_have_keys(user: &IntegrationUser) -> Result<(), AdminError> {
    if user.may_provision() {
        return Ok(());
    }
    Err(AdminError::Invalid(if user.suspended {
        format!("the integration user {:?} is suspended; activate it before it gets a key", user.name)
    } else {
        format!("the integration user {:?} needs at least the privilege LiteAdmin for a key", user.name)
    }))
}

fn check_terms(terms: &KeyTerms, now: Timestamp) -> Result<(), AdminError> {
    let wrong = |text: &str| Err(AdminError::Invalid(text.to_owned()));
    if terms.expires.is_some_and(|expires| expires <= now) {
        return wrong("a key must expire in the future; to end it at once, revoke it");
    }
    if let (Some(begins), Some(expires)) = (terms.not_before, terms.expires)
        && begins >= expires
    {
        return wrong("a key must begin before it expires");
    }
    if terms.limits.rate.is_some_and(|rate| rate.per_second == 0 || rate.burst == 0) {
        return wrong("a limit of requests needs at least one a second, and at least one at once");
    }
    if terms.limits.networks.list().len() > scim_directory::Networks::MAX {
        return wrong("a key may have at most 1000 networks; give fewer, wider ones");
    }
    Ok(())
}

fn told(attribute: &str, new: &str) -> AttributeChange {
    AttributeChange::Value { attribute: attribute.to_owned(), old: serde_json::Value::Null, new: new.into() }
}

fn differences(before: &KeyTerms, after: &KeyTerms) -> Vec<AttributeChange> {
    let shown = |terms: &KeyTerms| {
        let at = |moment: Option<Timestamp>| moment.map(|at| at.to_string());
        let mut shown = serde_json::json!({
            "not_before": at(terms.not_before),
            "expires": at(terms.expires),
        });
        let limits = serde_json::json!({
            "scopes": terms.limits.scopes,
            "networks": terms.limits.networks,
            "rate": terms.limits.rate,
        });
        if let (Some(shown), Some(limits)) = (shown.as_object_mut(), limits.as_object()) {
            shown.extend(limits.clone());
        }
        shown
    };
    super::settings::difference(Action::KeyChanged, &shown(before), &shown(after)).changes
}
