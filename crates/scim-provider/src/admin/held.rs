//! Held suspensions and deletions: listed, released, rejected.

use scim_directory::{
    Action, AdminChange, HeldChange, HeldChangeId, HeldState, Instance, LogRecord, LogResource, LogStatus,
};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion};
use uuid::Uuid;

use super::{Admin, AdminError};
use crate::admin::account::scope;

impl Admin {
    /// Held changes after one, oldest first, at most so many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn held_page(
        &self,
        instance: &Instance,
        after: Option<HeldChangeId>,
        limit: usize,
    ) -> Result<Vec<HeldChange>, AdminError> {
        let question = InstanceQuestion::HeldChanges { after, limit };
        match self.store.instance(&scope(instance), &question).await? {
            InstanceAnswer::HeldChanges(held) => Ok(held),
            _ => Ok(Vec::new()),
        }
    }

    /// The held change of that id.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where it is not on the list.
    pub async fn held_show(&self, instance: &Instance, id: HeldChangeId) -> Result<HeldChange, AdminError> {
        // The list is in order of ids: it comes first after whatever is just before it.
        let before =
            id.uuid().as_u128().checked_sub(1).map(|before| HeldChangeId::new(Uuid::from_u128(before)));
        let next = self.held_page(instance, before, 1).await?.into_iter().next();
        next.filter(|held| held.id == id).ok_or_else(|| {
            AdminError::NotFound(format!("no change {id} is held; `held list` shows those that are"))
        })
    }

    /// Lets a held change through (the next try succeeds), or rejects it with a reason (every try is refused with it).
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where it is not on the list any more.
    pub async fn held_decide(
        &self,
        instance: &Instance,
        held: &HeldChange,
        state: HeldState,
    ) -> Result<(), AdminError> {
        let action = match &state {
            HeldState::Released => Action::HeldReleased,
            HeldState::Rejected { .. } => Action::HeldRejected,
            HeldState::Waiting => return Err(AdminError::Invalid("release it, or reject it".to_owned())),
        };
        let about = LogResource::new(&held.key.resource_type, held.key.id, held.name.as_deref());
        let mut log = LogRecord::new(action, LogStatus::Success, Some(about));
        if let HeldState::Rejected { reason } = &state {
            log.notes.push(reason.clone());
        }
        match self.commit(instance.id, vec![AdminChange::DecideHeld(held.id, state)], vec![log]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(_) => Err(AdminError::NotFound(format!(
                "the change {} is not held any more; `held list` shows those that are",
                held.id
            ))),
        }
    }
}
