//! The guard against mass suspension and mass deletion.
//!
//! What is too many is not acknowledged: the client is told to come back, and does. Meanwhile a person lets the change
//! through, and the next try succeeds, or rejects it.

use scim_directory::{
    Change, Condition, Connector, Fact, Guard, HeldChange, HeldChangeId, HeldState, Question, Record,
    Removal, Tally,
};

use crate::{Decision, Facts, Occasion, Refusal, Stop};

/// Lets a removal pass, or refuses it. What passes carries the condition that it still may when it is committed.
pub(crate) fn pass(
    on: &Occasion<'_>,
    facts: &Facts,
    record: &Record,
    removal: Removal,
    decision: &mut Decision,
) -> Result<(), Stop> {
    let Some((connector, guard)) =
        on.connector.and_then(|connector| Some((connector, connector.settings.guard?)))
    else {
        return Ok(());
    };
    let since = on.now.plus_millis(-Guard::WINDOW_MILLIS);
    let removals = Question::Removals { connector: connector.id, since };
    let managed = Question::Count(record.key.resource_type.clone(), Tally::Managed);
    let held = Question::Held(record.key.id, removal);
    facts.all(&[removals.clone(), managed.clone(), held.clone()])?;
    let (Fact::Removals { suspended, deleted }, Fact::Count(managed), Fact::Held(held)) =
        (facts.get(removals)?, facts.get(managed)?, facts.get(held)?)
    else {
        return Ok(());
    };
    match held.as_deref() {
        Some(HeldChange { id, state: HeldState::Released, .. }) => {
            decision.changes.push(Change::Unhold(*id));
            return Ok(());
        }
        Some(HeldChange { state: HeldState::Rejected { reason }, .. }) => {
            return Err(Refusal::forbidden(
                "held_rejected",
                format!("An administrator rejected this {}: {reason}", word(removal)),
                "Bring the person back into scope at the identity provider, or let an administrator release the change",
            )
            .into());
        }
        _ => {}
    }
    let allowed = guard.allows(managed.saturating_add(*deleted));
    if suspended.saturating_add(*deleted) >= allowed {
        let hold = held.is_none().then(|| Box::new(list(on, connector, record, removal)));
        let refusal = Refusal::later(
            "guard",
            format!(
                "More than {allowed} people an hour would be suspended or deleted through this connector; the {} waits \
                 for an administrator's decision",
                word(removal)
            ),
            "If so many were meant to go, release them (`rollcall held release`); if not, correct the scope at the \
             identity provider and reject them (`rollcall held reject`)",
        );
        return Err(Refusal { hold, ..refusal }.into());
    }
    decision.conditions.push(Condition::Removals { since, below: allowed });
    Ok(())
}

fn list(on: &Occasion<'_>, connector: &Connector, record: &Record, removal: Removal) -> HeldChange {
    HeldChange {
        id: HeldChangeId::new((on.uuid)()),
        key: record.key.clone(),
        name: record.display.clone(),
        removal,
        connector: connector.id,
        at: on.now,
        state: HeldState::Waiting,
    }
}

fn word(removal: Removal) -> &'static str {
    match removal {
        Removal::Suspend => "suspension",
        Removal::Delete => "deletion",
    }
}
