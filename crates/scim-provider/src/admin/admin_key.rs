//! Keys of administrators: issued, listed, revoked, and checked when they are shown.
//!
//! Who shows one is told nothing until its secret was right; then why it is not in force. When a key was used last is written
//! at most once a minute, by the request that finds it older, so that nothing is lost with the process and reads write
//! nothing else.

use std::net::IpAddr;
use std::time::Duration;

use scim_api_keys::{AdminKey, KeptMac, Verdict};
use scim_core::instant::Timestamp;
use scim_directory::{
    Action, Actor, AdminChange, AdminKeyChange, AdminKeyId, AdminKeyRecord, AdminKeyTouch, Change, ChangeSet,
    ChangeSetId, Condition, Instance, InstanceId, KeptAdminMac, LogRecord, Networks, Privilege, Scope,
};
use scim_lifecycle::Decision;
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, ServerAnswer, ServerQuestion, StoreError};
use uuid::Uuid;

use super::{Admin, AdminError, MAX_NAME_CHARS, record, refused};

/// How old a last use must be before it is written anew, in milliseconds.
const USES_MILLIS: i64 = 60_000;
/// How often a revocation is tried where somebody else changes the key, or who revokes, in between.
const REVOCATION_TRIES: usize = 3;

/// An admin key to be issued.
#[derive(Clone, Debug)]
pub struct AdminKeyRequest {
    /// What it may do.
    pub role: Privilege,
    /// Whose it is, or what for: 1 to 100 characters.
    pub label: String,
    /// For how long it is good; `None` for ever.
    pub lifetime: Option<Duration>,
    /// From where it may be used.
    pub networks: Networks,
    /// The admin key with which it is issued, above whose role and reach it cannot be; `None` for the command line.
    pub issued_by: Option<AdminKeyId>,
}

impl AdminKeyRequest {
    /// For how long admin keys are good where nothing else is said: 90 days.
    pub const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
}

/// An admin key that was just issued.
#[derive(Clone, Debug)]
pub struct IssuedAdminKey {
    /// The key with its secret: shown once.
    pub key: AdminKey,
    /// What is kept of it.
    pub record: AdminKeyRecord,
}

/// Why an admin key that was shown opens nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminKeyRefused {
    /// It is no admin key, there is none of that id, or the secret is wrong.
    #[error("this is not an admin key of this server")]
    Unknown,
    /// It has expired.
    #[error("this admin key expired at {0}")]
    Expired(Timestamp),
    /// It was revoked.
    #[error("this admin key was revoked at {0}")]
    Revoked(Timestamp),
    /// It may not be used from where it was shown.
    #[error("this admin key may not be used from this address")]
    Network,
    /// This node does not hold the pepper that the key was hashed with, so nobody can say.
    #[error("this node does not hold the pepper that the admin key was hashed with; give it every pepper")]
    Pepper,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Admin {
    /// Issues a key to the administration of an instance, or of the whole server.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the label or the networks are wrong, it would have expired, or it would be above the key
    /// that it is issued with; [`AdminError::Changed`] where the instance, or that key, went in between.
    pub async fn admin_key_issue(
        &self,
        instance: Option<&Instance>,
        request: &AdminKeyRequest,
    ) -> Result<IssuedAdminKey, AdminError> {
        let created = self.now();
        check(request)?;
        let issued_by = request.issued_by.or(self.behalf.as_ref().map(|behalf| behalf.key));
        let instance = instance.map(|instance| instance.id);
        if let Some(by) = issued_by {
            check_issuer(&self.admin_key_show(by).await?, instance, request.role)?;
        }
        let id = AdminKeyId::new(self.source.uuid());
        let mut secret = [0; 32];
        self.source.random(&mut secret);
        let reach = instance.map_or(Uuid::nil(), InstanceId::uuid);
        let key = AdminKey::new(reach.into_bytes(), id.uuid().into_bytes(), secret);
        let until =
            |lifetime: Duration| created.plus_millis(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX));
        let record = AdminKeyRecord {
            id,
            instance,
            role: request.role,
            label: request.label.clone(),
            secret: kept(self.peppers()?.keep(&key)),
            ending: key.ending(),
            created,
            expires: request.lifetime.map(until),
            networks: request.networks.clone(),
            issued_by,
            last_used: None,
            last_address: None,
            revoked: None,
        };
        let log = told(Action::AdminKeyIssued, &record);
        let change = AdminKeyChange::Issue(Box::new(record.clone()));
        match self.commit_admin_key(&record.scope(), change, log, Vec::new()).await {
            Ok(()) => Ok(IssuedAdminKey { key, record }),
            Err(CommitError::Conflict) => Err(AdminError::Changed(
                "the instance, or the admin key that issues, was changed at the same time; try again"
                    .to_owned(),
            )),
            Err(error) => Err(refused(error, "the admin key's id is taken; try again".to_owned())),
        }
    }

    /// Admin keys of an instance, or of the server ([`Scope::SERVER`]), oldest first, after the one that was created then and
    /// has this id, at most so many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn admin_key_page(
        &self,
        scope: &Scope,
        after: Option<(Timestamp, AdminKeyId)>,
        limit: usize,
    ) -> Result<Vec<AdminKeyRecord>, AdminError> {
        match self.store.instance(scope, &InstanceQuestion::AdminKeys { after, limit }).await? {
            InstanceAnswer::AdminKeys(keys) => Ok(keys),
            _ => Ok(Vec::new()),
        }
    }

    /// An admin key.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key.
    pub async fn admin_key_show(&self, id: AdminKeyId) -> Result<AdminKeyRecord, AdminError> {
        match self.store.server(&ServerQuestion::AdminKey(id)).await? {
            ServerAnswer::AdminKey(Some(key)) => Ok(*key),
            _ => {
                Err(AdminError::NotFound(format!("there is no admin key {id}; `admin-key list` shows them")))
            }
        }
    }

    /// Revokes an admin key: it is refused from the next request on, on every node, and nothing is committed any more that
    /// was asked with it. Revoking it again changes nothing, and is not told again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such key; [`AdminError::Changed`] where who revokes was revoked in between.
    pub async fn admin_key_revoke(&self, id: AdminKeyId) -> Result<(), AdminError> {
        for _ in 0..REVOCATION_TRIES {
            let key = self.admin_key_show(id).await?;
            if key.revoked.is_some() {
                return Ok(());
            }
            // So that of many who revoke it at once one tells; an expired one is not in force any more.
            let in_force = key.is_in_force(self.now()).then_some(Condition::AdminKey(id));
            let log = told(Action::AdminKeyRevoked, &key);
            let change = AdminKeyChange::Revoke(id);
            match self.commit_admin_key(&key.scope(), change, log, in_force.into_iter().collect()).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(refused(error, String::new())),
            }
        }
        Err(AdminError::Changed(format!("admin key {id} was changed at the same time; try again")))
    }

    /// The admin key of that text, where its secret is right and it is in force at `now` for a client of that address. One
    /// read and one hash, whether there is such a key or not.
    ///
    /// # Errors
    /// Why it opens nothing: [`AdminKeyRefused::Unknown`] unless the secret is right.
    pub async fn admin_key_verified(
        &self,
        text: &str,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<AdminKeyRecord, AdminKeyRefused> {
        let peppers = self.peppers.as_deref().ok_or(AdminKeyRefused::Pepper)?;
        let shown = AdminKey::parse(text).map_err(|_| AdminKeyRefused::Unknown)?;
        let id = AdminKeyId::new(Uuid::from_bytes(shown.key_id()));
        let known = match self.store.server(&ServerQuestion::AdminKey(id)).await? {
            ServerAnswer::AdminKey(known) => known,
            _ => None,
        };
        let mac = known.as_ref().map(|key| KeptMac { pepper: key.secret.pepper, mac: key.secret.mac });
        let verdict = peppers.verify(&shown, mac.as_ref());
        // The secret's hash is bound to the instance: another one in the text makes it wrong.
        let Some(key) = known else { return Err(AdminKeyRefused::Unknown) };
        let rehashed = match verdict {
            Verdict::Right => None,
            Verdict::RightByFormerPepper => Some(kept(peppers.keep(&shown))),
            Verdict::Wrong => return Err(AdminKeyRefused::Unknown),
            Verdict::UnknownPepper => return Err(AdminKeyRefused::Pepper),
        };
        if let Some(at) = key.revoked {
            return Err(AdminKeyRefused::Revoked(at));
        }
        if let Some(at) = key.expires.filter(|at| *at <= now) {
            return Err(AdminKeyRefused::Expired(at));
        }
        if !key.networks.let_in(peer) {
            return Err(AdminKeyRefused::Network);
        }
        Ok(self.admin_key_used(*key, rehashed, peer, now).await)
    }

    /// Keeps that an admin key was used, unless that was written less than a minute ago, and its hash by the current pepper.
    /// The key as it is kept now.
    async fn admin_key_used(
        &self,
        mut key: AdminKeyRecord,
        rehashed: Option<KeptAdminMac>,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> AdminKeyRecord {
        let mut changes = Vec::new();
        if key.last_used.is_none_or(|last| last.plus_millis(USES_MILLIS) <= now) {
            changes.push(AdminKeyChange::Touch(vec![AdminKeyTouch { key: key.id, at: now, address: peer }]));
            (key.last_used, key.last_address) = (Some(now), peer);
        }
        if let Some(secret) = rehashed {
            changes.push(AdminKeyChange::Rehash(key.id, secret));
            key.secret = secret;
        }
        if changes.is_empty() {
            return key;
        }
        let id = ChangeSetId::new(self.source.uuid());
        let changes =
            changes.into_iter().map(|change| Change::Admin(AdminChange::AdminKey(change))).collect();
        let empty = ChangeSet::empty(id, key.scope(), Actor::default(), id.to_string(), now);
        if let Err(error) = self.store.commit(ChangeSet { changes, ..empty }).await {
            log::warn!("the use of the admin key {} could not be kept: {error}", key.id);
        }
        key
    }

    async fn commit_admin_key(
        &self,
        scope: &Scope,
        change: AdminKeyChange,
        log: LogRecord,
        conditions: Vec<Condition>,
    ) -> Result<(), CommitError> {
        let changes = vec![Change::Admin(AdminChange::AdminKey(change))];
        let decision = Decision { changes, log: vec![log], conditions, ..Decision::default() };
        let request_id = self.source.uuid().to_string();
        self.commit_decision(scope.instance, &request_id, decision).await.map(|_| ())
    }
}

fn kept(mac: KeptMac) -> KeptAdminMac {
    let KeptMac { pepper, mac } = mac;
    KeptAdminMac { pepper, mac }
}

fn check(request: &AdminKeyRequest) -> Result<(), AdminError> {
    let wrong = |text: String| Err(AdminError::Invalid(text));
    let label = &request.label;
    let fit = !label.is_empty() && label.trim() == label && !label.contains(char::is_control);
    if !fit || label.chars().count() > MAX_NAME_CHARS {
        return wrong(format!(
            "the label of an admin key must have 1 to {MAX_NAME_CHARS} characters, without control characters and outer \
             blanks; say whose it is, or what for"
        ));
    }
    if request.lifetime.is_some_and(|lifetime| lifetime.as_millis() == 0) {
        return wrong("an admin key must expire in the future; give it a longer time".to_owned());
    }
    if request.networks.list().len() > Networks::MAX {
        return wrong("an admin key may have at most 1000 networks; give fewer, wider ones".to_owned());
    }
    Ok(())
}

/// That nobody issues a key above the own role or reach.
fn check_issuer(
    by: &AdminKeyRecord,
    instance: Option<InstanceId>,
    role: Privilege,
) -> Result<(), AdminError> {
    if role > by.role {
        return Err(AdminError::Invalid(format!(
            "an admin key of the role {:?} cannot issue one of the role {role:?}; ask somebody whose role is not below that",
            by.role
        )));
    }
    if by.instance.is_some() && by.instance != instance {
        return Err(AdminError::Invalid(
            "an admin key of one instance issues keys of that instance alone; use one of the whole server"
                .to_owned(),
        ));
    }
    Ok(())
}

/// What the log says of an admin key: never its secret.
fn told(action: Action, key: &AdminKeyRecord) -> LogRecord {
    let mut changes = vec![
        ("admin_key", key.id.to_string()),
        ("label", key.label.clone()),
        ("role", format!("{:?}", key.role)),
    ];
    if action == Action::AdminKeyIssued {
        changes.push(("expires", key.expires.map_or("never".to_owned(), |at| at.to_string())));
        if !key.networks.is_everywhere() {
            let networks: Vec<_> = key.networks.list().iter().map(ToString::to_string).collect();
            changes.push(("networks", networks.join(", ")));
        }
    }
    let notes = vec![format!("the admin key …{}", key.ending)];
    LogRecord { notes, ..record(action, changes) }
}
