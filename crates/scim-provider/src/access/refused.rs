//! Who was not let in: the answer, and the record in the provisioning log of the instance.
//!
//! Records are throttled: of one kind of refusal of one key an instance gets one a minute, which says how many there were
//! since the last, so that a client that knocks on does not fill the log; and who invents keys costs a bounded number of
//! reads.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use scim_core::instant::Timestamp;
use scim_directory::{
    AccessScope, Action, Actor, ChangeSet, ChangeSetId, ConnectorId, InstanceId, KeyId, KeyRecord, LogError,
    LogRecord, LogStatus, Scope,
};
use scim_storage::{ServerAnswer, ServerQuestion};
use uuid::Uuid;

use super::{Caller, Known};
use crate::failure::Failure;
use crate::{Provider, Request};

/// How long refusals of a kind are counted before the next is written, in milliseconds.
const THROTTLE_MILLIS: i64 = 60_000;
/// The most kinds that are counted at once.
const KINDS: usize = 10_000;
/// The most instances a second that are looked up for the sake of keys that nobody has.
const LOOKUPS: u32 = 10;

/// A client that is not let in.
#[derive(Debug)]
pub(crate) struct NotLetIn {
    failure: Failure,
    /// Whose log it belongs to, as far as that is known.
    about: Option<Box<About>>,
}

#[derive(Debug)]
enum About {
    /// The instance that the shown key names, if there is such a one.
    Named(InstanceId),
    /// Somebody whose secret is right.
    Known { instance: InstanceId, key: Option<(KeyId, String)>, actor: Actor },
}

impl NotLetIn {
    fn new(failure: Failure) -> Self {
        Self { failure, about: None }
    }

    /// Nothing was shown.
    pub(crate) fn missing() -> Self {
        let failure = challenge("Send the key as \"Authorization: Bearer KEY\"", None);
        Self::new(failure.advice("key_missing", "Give the identity provider the key as its secret token"))
    }

    /// One and the same for keys that are mistyped, truncated, unknown or of a wrong secret.
    pub(crate) fn unknown() -> Self {
        let detail = "The key is not valid; copy it again, whole, or issue a new one";
        Self::new(challenge(detail, Some("invalid_token")).advice(
            "key_unknown",
            "Somebody came with a key that is none of this instance's, or not whole. If that was the identity provider, copy \
             the key again or issue a new one (`rollcall key issue`)",
        ))
    }

    /// The secret is right, but its time is over or has not come.
    pub(crate) fn ended(code: &'static str, detail: &str, advice: impl Into<String>) -> Self {
        Self::new(challenge(detail, Some("invalid_token")).advice(code, advice))
    }

    /// The secret is right, but does not open this.
    pub(crate) fn forbidden(
        code: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Failure::status(403, detail).advice(code, advice))
    }

    /// Too many secrets that people chose are being checked, or were wrong.
    pub(crate) fn busy(seconds: u32) -> Self {
        let detail = format!(
            "Too many passwords are being checked; come again in {seconds} s, or use a generated key"
        );
        Self::new(Failure::status(429, detail).with("Retry-After", seconds.to_string()).logged())
    }

    /// More requests than the limit lets through.
    pub(crate) fn too_often(seconds: u32) -> Self {
        let detail =
            format!("More requests than the limit of this key or connector; come again in {seconds} s");
        Self::new(Failure::status(429, detail).with("Retry-After", seconds.to_string()).advice(
            "rate",
            "Raise the limit, or take it away (`rollcall connector set --rate`, `rollcall key set --rate`): an identity \
             provider needs 25 requests a second and more",
        ))
    }

    /// The same, about a text that begins like a key.
    pub(crate) fn hinting(self, shown: &str) -> Self {
        match scim_api_keys::ApiKey::instance_hint(shown) {
            Some(instance) => self.of_instance(instance),
            None => self,
        }
    }

    /// The same, about a key that names an instance.
    pub(crate) fn of_instance(self, instance: [u8; 16]) -> Self {
        let named = About::Named(InstanceId::new(Uuid::from_bytes(instance)));
        Self { about: Some(Box::new(named)), ..self }
    }

    /// The same, about somebody who is known.
    pub(crate) fn by(self, known: &Known) -> Self {
        let key = known.key.as_deref();
        let actor = Actor {
            connector: Some(known.connector.id),
            key: key.map(|key| key.id),
            user: Some(known.user.id),
            admin: None,
        };
        self.about_known(known.instance.id, key, actor)
    }

    /// The same, about who was let in so far.
    pub(crate) fn by_caller(self, caller: &Caller<'_>) -> Self {
        self.about_known(caller.scope.instance, caller.key.as_deref(), caller.actor.clone())
    }

    fn about_known(self, instance: InstanceId, key: Option<&KeyRecord>, actor: Actor) -> Self {
        let key = key.map(|key| (key.id, key.ending.clone()));
        Self { about: Some(Box::new(About::Known { instance, key, actor })), ..self }
    }

    /// The secret is right, but the key lacks a scope (RFC 6750 §3.1).
    pub(crate) fn under_scoped(scope: AccessScope) -> Self {
        let name = scope.name();
        let challenge = format!("Bearer realm=\"rollcall\", error=\"insufficient_scope\", scope=\"{name}\"");
        let detail = format!("This key does not have the scope {name}; use one that does");
        let failure = Failure::status(403, detail).with("WWW-Authenticate", challenge);
        Self::new(failure.advice(
            "scope",
            format!("Give the key the scope {name} (`rollcall key set --scope`), or use one that has it"),
        ))
    }

    /// The answer, which the provisioning log has.
    pub(crate) fn into_failure(self) -> Failure {
        self.failure.logged()
    }

    /// The answer, which is yet to be logged.
    pub(crate) fn into_unlogged(self) -> Failure {
        self.failure
    }
}

/// The server's own failure, which is in nobody's log.
impl From<Failure> for NotLetIn {
    fn from(failure: Failure) -> Self {
        Self::new(failure.logged())
    }
}

fn challenge(detail: &str, error: Option<&str>) -> Failure {
    let header = match error {
        None => "Bearer realm=\"rollcall\"".to_owned(),
        Some(error) => format!("Bearer realm=\"rollcall\", error=\"{error}\""),
    };
    Failure::status(401, detail).with("WWW-Authenticate", header)
}

/// Refusals that are counted together: of an instance, a key, and what they are called.
type Kind = (InstanceId, Option<KeyId>, String);

/// What was refused not long ago.
#[derive(Default)]
pub(crate) struct RefusalLog(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// When the last record was written, and how many were refused since.
    kinds: HashMap<Kind, (Timestamp, u32)>,
    /// The second in which instances were looked up, and how many.
    lookups: (i64, u32),
    /// What was found: that there is such an instance, and which one a connector belongs to. Both stay so.
    instances: HashSet<InstanceId>,
    doors: HashMap<ConnectorId, InstanceId>,
}

impl RefusalLog {
    /// How many were refused without a record since the last one; `None` where no record is due now.
    fn due(&self, kind: Kind, now: Timestamp) -> Option<u32> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.kinds.len() >= KINDS {
            counts.kinds.retain(|_, (at, _)| now.unix_millis() - at.unix_millis() < THROTTLE_MILLIS);
            if counts.kinds.len() >= KINDS {
                counts.kinds.clear();
            }
        }
        match counts.kinds.entry(kind) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert((now, 0));
                Some(0)
            }
            std::collections::hash_map::Entry::Occupied(mut place) => {
                let (at, more) = place.get_mut();
                if now.unix_millis() - at.unix_millis() < THROTTLE_MILLIS {
                    *more = more.saturating_add(1);
                    return None;
                }
                *at = now;
                Some(std::mem::take(more))
            }
        }
    }

    /// What a look-up would find, if there was one not long ago: a client that knocks on does not use up those of others.
    fn found(&self, question: &ServerQuestion) -> Option<InstanceId> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match question {
            ServerQuestion::Instance(id) => counts.instances.get(id).copied(),
            ServerQuestion::Door(id) => counts.doors.get(id).copied(),
            _ => None,
        }
    }

    fn remember(&self, question: &ServerQuestion, instance: InstanceId) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.instances.len() + counts.doors.len() >= KINDS {
            counts.instances.clear();
            counts.doors.clear();
        }
        match question {
            ServerQuestion::Door(id) => counts.doors.insert(*id, instance).is_none(),
            _ => counts.instances.insert(instance),
        };
    }

    /// Whether another instance may be looked up in this second.
    fn may_look_up(&self, now: Timestamp) -> bool {
        let second = now.unix_millis() / 1000;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.lookups.0 != second {
            counts.lookups = (second, 0);
        }
        counts.lookups.1 += 1;
        counts.lookups.1 <= LOOKUPS
    }
}

impl Provider {
    /// Counts and logs that somebody was not let in, in the log of the instance that it concerns.
    pub(crate) async fn log_refused(&self, request: &Request<'_>, refused: &NotLetIn) {
        let failure = &refused.failure;
        if failure.is_logged() {
            return;
        }
        self.counters.refused(failure);
        let Some(instance) = self.concerned(request, refused).await else { return };
        let (key, actor) = match refused.about.as_deref() {
            Some(About::Known { key, actor, .. }) => (key.as_ref(), actor.clone()),
            _ => (None, Actor::default()),
        };
        self.counters.connectors.refused(instance, actor.connector);
        let kind = (instance, key.map(|(id, _)| *id), failure.code());
        let Some(more) = self.refusals.due(kind, request.now) else { return };
        let mut record = LogRecord::new(Action::AccessRefused, LogStatus::Failure, None);
        record.error = Some(LogError {
            code: failure.code(),
            message: failure.error().detail().to_owned(),
            advice: failure.advice_text(),
        });
        if let Some((_, ending)) = key.filter(|(_, ending)| !ending.is_empty()) {
            record.notes.push(format!("the key …{ending}"));
        }
        if let Some(peer) = request.peer {
            record.notes.push(format!("from {}", peer.to_canonical()));
        }
        if more > 0 {
            record.notes.push(format!("{more} more like this since the last record"));
        }
        let id = ChangeSetId::new(self.source.uuid());
        let scope = Scope { instance, connector: actor.connector };
        let set = ChangeSet {
            log: vec![record],
            ..ChangeSet::empty(id, scope, actor, request.request_id.to_owned(), request.now)
        };
        if let Err(error) = self.commit(set).await {
            log::warn!(request_id = request.request_id; "the request's refusal could not be logged: {error}");
        }
    }

    /// The instance whose administrators want to know.
    async fn concerned(&self, request: &Request<'_>, refused: &NotLetIn) -> Option<InstanceId> {
        let door: Option<ConnectorId> = request.door.and_then(|door| door.parse().ok());
        let question = match (refused.about.as_deref(), door) {
            (Some(About::Known { instance, .. }), _) => return Some(*instance),
            (_, Some(door)) => ServerQuestion::Door(door),
            (Some(About::Named(instance)), None) => ServerQuestion::Instance(*instance),
            (None, None) => return None,
        };
        if let Some(found) = self.refusals.found(&question) {
            return Some(found);
        }
        if !self.refusals.may_look_up(request.now) {
            return None;
        }
        let found = match self.store.server(&question).await.ok()? {
            ServerAnswer::Door(door) => door.map(|door| door.instance.id),
            ServerAnswer::Instance(instance) => instance.map(|instance| instance.id),
            _ => None,
        }?;
        self.refusals.remember(&question, found);
        Some(found)
    }
}
