//! Facts for decisions.

use std::sync::Arc;

use pollster::block_on;
use scim_directory::{Fact, Question, Target};
use scim_storage::Store;
use serde_json::json;

use crate::world::{World, delete};

/// One answer for each question, in the order of the questions, repeated ones included.
pub fn answers_come_in_order(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.create("User", &json!({ "userName": "mira", "displayName": "Mira" }));
    let device = world.create("Device", &json!({ "label": "d" }));
    let nobody = world.key("User").id;
    let target = Question::Target("mira".to_owned());
    let questions = [
        Question::Display(nobody),
        target.clone(),
        Question::Count(Arc::from("User"), scim_directory::Tally::All),
        Question::Display(mira.id),
        target,
        Question::Display(device.id),
    ];
    let facts = block_on(store.facts(&world.scope, &questions)).expect("a read");
    let live = Fact::Target(Target::Live(mira.clone()));
    assert_eq!(
        facts,
        [
            Fact::Display(None),
            live.clone(),
            Fact::Count(1),
            Fact::Display(Some((mira, Some("Mira".to_owned())))),
            live,
            Fact::Display(Some((device, None)))
        ]
    );
    assert_eq!(block_on(store.facts(&world.scope, &[])).expect("a read"), []);
}

/// A reference means an id, else this connector's `externalId`, else a user name; of several with one `externalId` the
/// oldest.
pub fn references_mean_an_id_an_external_id_or_a_name(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.create("User", &json!({ "userName": "Mira", "externalId": "m-1" }));
    let group = world.create("Group", &json!({ "displayName": "Chefs", "externalId": "g-1" }));
    let target = |reference: &str| match world.fact(Question::Target(reference.to_owned())) {
        Fact::Target(target) => target,
        other => panic!("{other:?}"),
    };
    let live = |key: &scim_directory::Key| Target::Live(key.clone());
    assert_eq!(target(&mira.id.to_string()), live(&mira));
    assert_eq!(target(&group.id.to_string()), live(&group));
    assert_eq!(target("m-1"), live(&mira));
    assert_eq!(target("g-1"), live(&group));
    assert_eq!(target("mIRA"), live(&mira));
    for unknown in ["M-1", "Chefs", "nobody", "", &world.key("User").id.to_string()] {
        assert_eq!(target(unknown), Target::Unknown, "{unknown}");
    }
    let other = world.fact_in(&world.other_connector, Question::Target("m-1".to_owned()));
    assert_eq!(other, Fact::Target(Target::Unknown));

    // Names that are another's id or externalId.
    let named = world.create("User", &json!({ "userName": "g-1" }));
    assert_eq!(target("g-1"), live(&group), "externalId before user name");
    let younger = world.create("User", &json!({ "userName": "younger", "externalId": "m-1" }));
    assert_eq!(target("m-1"), live(&mira));
    world.commit(vec![delete(&mira), delete(&group)]);
    assert_eq!(target("m-1"), live(&younger));
    assert_eq!(target("g-1"), live(&named));
    assert!(matches!(target(&mira.id.to_string()), Target::Deleted { .. }));
}

/// Counts are by type and follow creations and deletions.
pub fn counts_are_by_type(store: &dyn Store) {
    let world = World::new(store);
    let count = |resource_type: &str| {
        world.fact(Question::Count(Arc::from(resource_type), scim_directory::Tally::All))
    };
    assert_eq!(count("User"), Fact::Count(0));
    let people: Vec<_> = (0..3).map(|number| world.person(&format!("p{number}"))).collect();
    world.group("Chefs");
    world.create_in(world.elsewhere, "User", &json!({ "userName": "x" }));
    world.commit(vec![delete(&people[1])]);
    world.commit(vec![world.update(&people[0], 1, &json!({ "userName": "renamed" }))]);
    assert_eq!((count("User"), count("Group")), (Fact::Count(2), Fact::Count(1)));
    assert_eq!(count("Nothing"), Fact::Count(0));
}
