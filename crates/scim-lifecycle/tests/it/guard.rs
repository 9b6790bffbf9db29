//! The guard against mass suspension and deletion.

use scim_directory::{
    Change, Condition, Fact, Guard, HeldChange, HeldChangeId, HeldState, InstanceSettings, Profile, Question,
    Record, Removal,
};
use scim_lifecycle::{Decision, Stop};
use uuid::Uuid;

use crate::world::{NOW, World, ada, answered, refusal};

fn world() -> World {
    let mut settings = Profile::EmailUsername.connector_settings();
    settings.guard = Some(Guard { people: 500, percent: 20 });
    World::with(InstanceSettings::default(), settings)
}

fn deleted(
    world: &World,
    record: &Record,
    managed: u64,
    (suspended, deleted): (u64, u64),
    held: Option<&HeldState>,
) -> Result<Decision, Stop> {
    answered(
        |facts| {
            world.on(Some(&world.connector), |on| {
                scim_lifecycle::delete(on, facts, world.user(), record, None)
            })
        },
        |question| match question {
            Question::Count(..) => Fact::Count(managed),
            Question::Removals { .. } => Fact::Removals { suspended, deleted },
            Question::Held(..) => Fact::Held(held.cloned().map(|state| {
                Box::new(HeldChange {
                    id: HeldChangeId::new(Uuid::from_u128(9)),
                    key: record.key.clone(),
                    name: None,
                    removal: Removal::Delete,
                    connector: world.connector.id,
                    at: NOW,
                    state,
                })
            })),
            other => panic!("{other:?}"),
        },
    )
}

#[test]
fn what_is_too_many_is_held() {
    let world = world();
    let record = world.person(ada());
    // Ten people: two may go. The second leaves nine, and still two of the ten may.
    for (managed, gone, passes) in [(10, 0, true), (9, 1, true), (8, 2, false), (1, 0, true)] {
        let outcome = deleted(&world, &record, managed, (0, gone), None);
        assert_eq!(outcome.is_ok(), passes, "{managed} {gone}");
        if let Ok(decision) = outcome {
            let conditional = |condition: &Condition| matches!(condition, Condition::Removals { .. });
            assert!(decision.conditions.iter().any(conditional));
        }
    }
    let refused = refusal(deleted(&world, &record, 8, (2, 0), None));
    assert_eq!((refused.status, refused.code), (503, "guard"));
    assert_eq!(refused.hold.as_ref().map(|hold| hold.removal), Some(Removal::Delete));
    let again = refusal(deleted(&world, &record, 8, (2, 0), Some(&HeldState::Waiting)));
    assert_eq!(again.hold, None, "it is listed once");
}

#[test]
fn a_person_decides() {
    let world = world();
    let record = world.person(ada());
    let decision = deleted(&world, &record, 8, (2, 0), Some(&HeldState::Released)).expect("released");
    assert!(decision.changes.iter().any(|change| matches!(change, Change::Unhold(_))));
    assert!(decision.changes.iter().any(|change| matches!(change, Change::Delete { .. })));
    let rejected = HeldState::Rejected { reason: "a wrong scope".to_owned() };
    let refused = refusal(deleted(&world, &record, 1000, (0, 0), Some(&rejected)));
    assert_eq!((refused.status, refused.code), (403, "held_rejected"));
    assert!(refused.detail.contains("a wrong scope"));
}
