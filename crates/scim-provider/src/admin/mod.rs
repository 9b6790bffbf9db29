//! What administrators do: instances, connectors, keys, the log. The command line is a client of these use-cases.

pub mod account;
mod admin_key;
mod answers;
mod connector;
mod field;
mod group;
mod group_change;
mod held;
pub mod import;
mod instance;
mod integration_user;
mod key;
mod key_ends;
mod lease;
mod log;
mod log_line;
mod mapping;
mod names;
mod object;
mod pages;
mod reapply;
mod report;
mod retention;
mod rule;
mod settings;

use std::sync::Arc;

use scim_api_keys::Peppers;
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{
    Action, Actor, AdminChange, AdminKeyId, AttributeChange, Change, ChangeSet, ChangeSetId, Committed,
    Condition, Instance, InstanceId, LogRecord, LogStatus, Scope,
};
use scim_lifecycle::{Decision, Facts, Occasion, Policy, PolicyError, RuleError, Stop};
use scim_mapping::mapping::MappingError;
use scim_storage::{CommitError, ServerAnswer, ServerQuestion, Store, StoreError};

use crate::peppers::check_peppers;
use crate::policies::Policies;
use crate::{Source, StartError};

pub use admin_key::{AdminKeyRefused, AdminKeyRequest, IssuedAdminKey};
pub use answers::Remembered;
pub use group_change::Membership;
pub use instance::NewInstance;
pub use key::{IssuedKey, KeyRequest};
pub use key_ends::{MAX_REMINDER_DAYS, Telling, Told};
pub use lease::JobLease;
pub use log_line::{LogLine, LogLineChange, LogLineResource, LogNames};
pub use mapping::ReadMapping;
pub use reapply::{Reapplication, Reapplied, ReappliedSlice, ReapplyPlace, ReapplyProgress};
pub use report::Report;
pub use retention::Pruned;

/// A name that an administrator may give has at most this many characters.
const MAX_NAME_CHARS: usize = 100;

/// An administrative use-case that was not done; says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// What it names is not there.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken.
    #[error("{0}")]
    Taken(String),
    /// What it was asked on is not any more: somebody changed it in between.
    #[error("{0}")]
    Changed(String),
    /// A mapping has mistakes: all of them.
    #[error("{}", list(.0))]
    Mapping(Vec<MappingError>),
    /// Workflow rules have mistakes: all of them.
    #[error("{}", list(.0))]
    Rules(Vec<RuleError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PolicyError> for AdminError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Mapping { errors, .. } => Self::Mapping(errors),
            PolicyError::Rules(errors) => Self::Rules(errors),
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// Every mistake, a line each.
fn list<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Administration of a server. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    store: Arc<dyn Store>,
    source: Arc<dyn Source>,
    policies: Arc<Policies>,
    peppers: Option<Arc<Peppers>>,
    behalf: Option<Behalf>,
}

/// With which admin key something is done, and by which request.
#[derive(Clone)]
struct Behalf {
    key: AdminKeyId,
    request_id: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// Administration of what `store` holds, with the schemas that the server has.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, source: Arc<dyn Source>, registry: Registry) -> Self {
        let policies = Arc::new(Policies::new(registry));
        Self { store, source, policies, peppers: None, behalf: None }
    }

    /// The same, with the peppers that keys are hashed with: for who issues keys.
    ///
    /// # Errors
    /// If the store does not answer, or its keys were hashed with other peppers.
    pub async fn with_peppers(mut self, peppers: Arc<Peppers>) -> Result<Self, StartError> {
        check_peppers(&*self.store, &peppers).await?;
        self.peppers = Some(peppers);
        Ok(self)
    }

    /// The same, on behalf of an admin key: every change is logged as made with it and by that request, and is refused where
    /// the key was revoked in between.
    #[must_use]
    pub fn on_behalf_of(&self, key: AdminKeyId, request_id: &str) -> Self {
        Self { behalf: Some(Behalf { key, request_id: request_id.to_owned() }), ..self.clone() }
    }

    /// Commits a change set, on whose behalf it is.
    async fn submit(&self, mut changes: ChangeSet) -> Result<Committed, CommitError> {
        if let Some(Behalf { key, request_id }) = &self.behalf {
            changes.actor.admin = Some(*key);
            changes.request_id.clone_from(request_id);
            changes.conditions.push(Condition::AdminKey(*key));
        }
        self.store.commit(changes).await
    }

    /// A secret of that name which all nodes share, for what is sealed and given to clients to keep.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn shared_secret(&self, name: &'static str) -> Result<[u8; 32], AdminError> {
        match self.store.server(&ServerQuestion::Secret(name)).await? {
            ServerAnswer::Secret(secret) => Ok(secret),
            _ => Err(AdminError::Invalid(format!("the store has no secret {name:?}"))),
        }
    }

    /// The peppers.
    fn peppers(&self) -> Result<&Peppers, AdminError> {
        let missing = || {
            AdminError::Invalid("keys cannot be issued here: there is no pepper to hash them with".to_owned())
        };
        self.peppers.as_deref().ok_or_else(missing)
    }

    /// The schemas that the server has.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.policies.registry(true)
    }

    /// The policy that an instance has now.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where its mapping or rules do not go with the server's schemas.
    pub async fn policy(&self, instance: &Instance) -> Result<Arc<Policy>, AdminError> {
        self.policies.get(&*self.store, instance.id, None).await.map_err(settings::policy_failure)
    }

    /// Decides on behalf of the application, asking the store for what the decision needs.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where a rule refuses it, with what to do about it.
    pub async fn decided(
        &self,
        policy: &Policy,
        request_id: &str,
        decide: impl Fn(&Occasion<'_>, &Facts) -> Result<Decision, Stop> + Send,
        scope: &Scope,
    ) -> Result<Decision, AdminError> {
        let (source, now) = (&*self.source, self.now());
        let mut facts = Facts::default();
        loop {
            let stop = match decide(
                &Occasion {
                    policy,
                    connector: None,
                    request_id,
                    now,
                    uuid: &|| source.uuid(),
                    random: &|bytes: &mut [u8]| source.random(bytes),
                },
                &facts,
            ) {
                Ok(decision) => return Ok(decision),
                Err(stop) => stop,
            };
            match stop {
                Stop::Needs(questions) => {
                    let answers = self.store.facts(scope, &questions).await?;
                    for (question, fact) in questions.into_iter().zip(answers) {
                        facts.insert(question, fact);
                    }
                }
                Stop::Refused(refusal) => {
                    return Err(AdminError::Invalid(format!("{}. {}", refusal.detail, refusal.advice)));
                }
            }
        }
    }

    /// The instance of that name.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn instance_named(&self, name: &str) -> Result<Instance, AdminError> {
        match self.store.server(&ServerQuestion::InstanceNamed(name.to_owned())).await? {
            ServerAnswer::Instance(Some(instance)) => Ok(instance),
            _ => Err(AdminError::NotFound(format!(
                "there is no instance {name:?}; `instance list` shows them"
            ))),
        }
    }

    /// Commits a decision on behalf of the application.
    ///
    /// # Errors
    /// As [`Store::commit`]; on `Conflict` the decision is to be made again.
    pub async fn commit_decision(
        &self,
        instance: InstanceId,
        request_id: &str,
        decision: Decision,
    ) -> Result<Committed, CommitError> {
        let Decision { changes, log, events, conditions, realm } = decision;
        let id = ChangeSetId::new(self.source.uuid());
        let scope = Scope { instance, connector: None };
        let empty = ChangeSet::empty(id, scope, Actor::default(), request_id.to_owned(), self.source.now());
        self.submit(ChangeSet { changes, log, events, conditions, realm, ..empty }).await
    }

    /// Commits administrative changes that were decided on the instance as it was read.
    async fn commit_at(
        &self,
        instance: &Instance,
        changes: Vec<AdminChange>,
        log: Vec<LogRecord>,
    ) -> Result<(), CommitError> {
        let decision = Decision {
            changes: changes.into_iter().map(Change::Admin).collect(),
            log,
            conditions: vec![Condition::Generation(instance.generation)],
            ..Decision::default()
        };
        let request_id = self.source.uuid().to_string();
        self.commit_decision(instance.id, &request_id, decision).await.map(|_| ())
    }

    async fn commit(
        &self,
        instance: InstanceId,
        changes: Vec<AdminChange>,
        log: Vec<LogRecord>,
    ) -> Result<(), CommitError> {
        let id = ChangeSetId::new(self.source.uuid());
        let scope = Scope { instance, connector: None };
        let request_id = self.source.uuid().to_string();
        let set = ChangeSet {
            changes: changes.into_iter().map(Change::Admin).collect(),
            log,
            ..ChangeSet::empty(id, scope, Actor::default(), request_id, self.source.now())
        };
        self.submit(set).await.map(|_| ())
    }

    fn now(&self) -> Timestamp {
        self.source.now()
    }
}

/// A name that is fit to be typed and shown.
fn check_name(what: &str, name: &str) -> Result<(), AdminError> {
    let fit = !name.trim().is_empty() && name.trim() == name && !name.contains(char::is_control);
    if fit && name.chars().count() <= MAX_NAME_CHARS {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "the name of {what} must have 1 to {MAX_NAME_CHARS} characters, without control characters and outer blanks"
    )))
}

/// A log record of something administrative.
fn record(action: Action, changes: Vec<(&str, String)>) -> LogRecord {
    let change = |(attribute, new): (&str, String)| AttributeChange::Value {
        attribute: attribute.to_owned(),
        old: serde_json::Value::Null,
        new: new.into(),
    };
    LogRecord {
        action,
        status: LogStatus::Success,
        resource: None,
        changes: changes.into_iter().map(change).collect(),
        notes: Vec::new(),
        fields: Vec::new(),
        error: None,
    }
}

/// A commit that was refused: what `Duplicate` and `Conflict` mean is the use-case's to say.
fn refused(error: CommitError, duplicate: String) -> AdminError {
    match error {
        CommitError::Duplicate { .. } => AdminError::Taken(duplicate),
        CommitError::Store(error) => AdminError::Store(error),
        other => AdminError::Invalid(other.to_string()),
    }
}
