//! Deciding: the policy, the facts that a decision asks for, and what becomes of a refusal.

use std::sync::Arc;

use scim_directory::{
    Action, Change, ChangeSet, ChangeSetId, Condition, LogRecord, LogResource, LogStatus, Removal,
};
use scim_lifecycle::{Decision, Facts, Occasion, Policy, Refusal, Stop};

use crate::failure::{Failure, store_failure};
use crate::policies::PolicyFailure;
use crate::resource::Operation;

/// How often a decision may ask for more facts. Rules ask one after the other; there are at most 100 with 20 actions.
const ROUNDS: usize = 2100;

impl Operation<'_> {
    /// The instance's policy; `again` where the one that the caller's key named is no longer in force.
    pub(crate) async fn policy(&self, again: bool) -> Result<Arc<Policy>, Failure> {
        let (provider, caller) = (self.provider, self.caller);
        if again {
            provider.still_let_in(caller, self.request).await?;
        }
        let generation = (!again).then_some(caller.generation);
        let policy = provider.policies.get(&*provider.store, caller.scope.instance, generation).await;
        policy.map_err(|failure| match failure {
            PolicyFailure::Store(error) => store_failure(&error),
            PolicyFailure::Gone => Failure::status(500, "The instance is not there any more"),
            PolicyFailure::Broken(error) => {
                log::error!("instance {}: {error}", caller.scope.instance);
                Failure::status(500, format!("This instance cannot be provisioned: {error}")).advice(
                    "policy",
                    "Give the server the schemas that the mapping was saved with, or correct the mapping",
                )
            }
        })
    }

    /// Decides, asking the store for what the decision needs.
    pub(crate) async fn decided(
        &self,
        policy: &Policy,
        decide: impl Fn(&Occasion<'_>, &Facts) -> Result<Decision, Stop> + Send,
    ) -> Result<Decision, Failure> {
        let mut facts = Facts::default();
        for _ in 0..ROUNDS {
            let stop = match self.occasion(policy, |on| decide(on, &facts)) {
                Ok(decision) => return Ok(decision),
                Err(stop) => stop,
            };
            match stop {
                Stop::Needs(questions) => {
                    let answers = self.provider.facts(self.caller, &questions).await?;
                    for (question, fact) in questions.into_iter().zip(answers) {
                        facts.insert(question, fact);
                    }
                }
                Stop::Refused(refusal) => return Err(self.refused(policy, *refusal).await),
            }
        }
        log::error!(request_id = self.request.request_id; "a decision kept asking for facts");
        Err(Failure::status(500, "The server failed; its log has the cause under this request's id"))
    }

    /// Calls `with` under the circumstances of this request.
    pub(crate) fn occasion<T>(&self, policy: &Policy, with: impl FnOnce(&Occasion<'_>) -> T) -> T {
        let source = &*self.provider.source;
        with(&Occasion {
            policy,
            connector: Some(&*self.caller.connector),
            request_id: self.request.request_id,
            now: self.request.now,
            uuid: &|| source.uuid(),
            random: &|bytes: &mut [u8]| source.random(bytes),
        })
    }

    /// The answer to what a rule refused. What the guard holds back for the first time is listed and logged.
    async fn refused(&self, policy: &Policy, refusal: Refusal) -> Failure {
        let error = refusal.log_error();
        let Some(hold) = refusal.hold.clone() else { return Failure::refusal(refusal) };
        if let Err(gone) = self.provider.confirm(self.caller).await {
            return gone;
        }
        let action = match hold.removal {
            Removal::Suspend => Action::Suspended,
            Removal::Delete => Action::Deleted,
        };
        let about = LogResource::new(&hold.key.resource_type, hold.key.id, hold.name.as_deref());
        let record = LogRecord { error: Some(error), ..LogRecord::new(action, LogStatus::Held, Some(about)) };
        let decided_on = Condition::Generation(policy.generation());
        let conditions = self.caller.condition().into_iter().chain([decided_on]).collect();
        let changes = vec![Change::Hold(*hold)];
        let set = ChangeSet { changes, log: vec![record], conditions, ..self.change_set() };
        match self.provider.commit(set).await {
            Ok(_) => Failure::refusal(refusal).logged(),
            Err(error) => crate::failure::commit_failure(error),
        }
    }

    /// A change set of this request, with nothing in it yet.
    pub(crate) fn change_set(&self) -> ChangeSet {
        let id = ChangeSetId::new(self.provider.source.uuid());
        let (scope, actor) = (self.caller.scope, self.caller.actor.clone());
        let passed = self.provider.source.now().unix_millis() - self.request.now.unix_millis();
        ChangeSet {
            elapsed_ms: u32::try_from(passed).unwrap_or_default(),
            ..ChangeSet::empty(id, scope, actor, self.request.request_id.to_owned(), self.request.now)
        }
    }
}
