//! Inviting a person. Nothing else ever makes this event: provisioning invites nobody.

use scim_core::schema::ResourceType;
use scim_directory::{AccountState, Action, EventKind, LogRecord, LogResource, LogStatus, Record};

use super::event::{event, view};
use crate::{Decision, Occasion, Refusal, Stop};

/// Asks the application to invite a person: an event and a log record, no change of the account.
///
/// # Errors
/// Where the account is suspended: an invitation that cannot be followed is not sent.
pub fn invite(on: &Occasion<'_>, resource_type: &ResourceType, record: &Record) -> Result<Decision, Stop> {
    let account = record.account.as_deref().cloned().unwrap_or_default();
    if account.state != AccountState::Active {
        return Err(Refusal::forbidden(
            "not_active",
            "The account is suspended, so nobody could follow the invitation",
            "Activate it first: `rollcall account set USER_NAME State=active`, or let its identity provider do so",
        )
        .into());
    }
    let about = LogResource::new(&resource_type.name, record.key.id, record.display.as_deref());
    let mut decision = Decision::default();
    decision.conditions.push(scim_directory::Condition::Generation(on.policy.generation()));
    decision.log.push(LogRecord::new(Action::Invited, LogStatus::Success, Some(about)));
    let after = Some(view(record.managed_by, &account));
    decision.events.push(event(EventKind::AccountInvited, &record.key, None, after));
    Ok(decision)
}
