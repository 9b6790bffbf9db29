//! Facts for decisions.

use std::sync::Arc;

use pollster::block_on;
use scim_directory::{Fact, Key, Question, Target};
use scim_storage::Store;
use serde_json::json;

use crate::world::{World, delete, members};

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
    let live = |key: &Key| Target::Live(key.clone());
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

/// Many references are answered one by one, whoever of them is there, was deleted or is nobody.
pub fn many_references_at_once(store: &dyn Store) {
    let world = World::new(store);
    let mut people: Vec<_> = (0..5).map(|number| world.person(&format!("p{number}"))).collect();
    let called = world.create("User", &json!({ "userName": "called", "externalId": "7" }));
    let gone = people.remove(2);
    world.commit(vec![delete(&gone)]);
    let live = |key: &Key| Target::Live(key.clone());
    let ask = |asked: &[(String, Option<Target>)]| {
        let questions: Vec<_> = asked.iter().map(|(text, _)| Question::Target(text.clone())).collect();
        let facts = block_on(store.facts(&world.scope, &questions)).expect("a read");
        assert_eq!(facts.len(), asked.len());
        for ((text, expected), fact) in asked.iter().zip(facts) {
            match (expected, fact) {
                (Some(expected), Fact::Target(target)) => assert_eq!(&target, expected, "{text}"),
                (None, Fact::Target(Target::Deleted { .. })) => {}
                (_, other) => panic!("{text}: {other:?}"),
            }
        }
    };
    let mut asked: Vec<_> = people.iter().map(|key| (key.id.to_string(), Some(live(key)))).collect();
    ask(&asked);
    asked.insert(1, (gone.id.to_string(), None));
    ask(&asked);
    asked.insert(0, ("7".to_owned(), Some(live(&called))));
    asked.push(("P0".to_owned(), Some(live(&people[0]))));
    asked.push((world.key("User").id.to_string(), Some(Target::Unknown)));
    ask(&asked);
    let many: Vec<_> = asked.iter().cycle().take(300).cloned().collect();
    ask(&many);
}

/// Members of a group are counted as far as somebody wants to know, alone and with what references mean.
pub fn members_are_counted_up_to_a_limit(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..5).map(|number| world.person(&format!("p{number}"))).collect();
    let people: Vec<&Key> = people.iter().collect();
    let (chefs, cooks) = (world.group("Chefs"), world.group("Cooks"));
    world.commit(vec![members(&chefs, &people[..4], &[]), members(&cooks, &people[3..], &[])]);
    let count = |group: &Key, most| Question::Members { group: group.id, most };
    for (most, expected) in [(0, 0), (3, 3), (4, 4), (5, 4), (usize::MAX, 4)] {
        assert_eq!(world.fact(count(&chefs, most)), Fact::Count(expected), "up to {most}");
        let nobody = Question::Target("nobody".to_owned());
        let found = Question::Target(people[0].id.to_string());
        for meant in [nobody, found] {
            let asked = [meant.clone(), count(&chefs, most)];
            let facts = block_on(store.facts(&world.scope, &asked)).expect("a read");
            assert_eq!(facts[1], Fact::Count(expected), "{meant:?}, up to {most}");
            assert_eq!(facts[0], world.fact(meant));
        }
    }
    let both: Vec<_> =
        people.iter().map(|key| Question::Target(key.id.to_string())).chain([count(&cooks, 9)]).collect();
    let facts = block_on(store.facts(&world.scope, &both)).expect("a read");
    let live = people.iter().map(|key| Fact::Target(Target::Live((*key).clone())));
    assert_eq!(facts, live.chain([Fact::Count(2)]).collect::<Vec<_>>());
    let two = [count(&cooks, 9), Question::Target("p1".to_owned()), count(&chefs, 9)];
    let facts = block_on(store.facts(&world.scope, &two)).expect("a read");
    assert_eq!((&facts[0], &facts[2]), (&Fact::Count(2), &Fact::Count(4)));
    assert_eq!(world.fact(count(people[0], 9)), Fact::Count(0), "a person has none");
    assert_eq!(world.fact_in(&world.elsewhere, count(&chefs, 9)), Fact::Count(0), "of another instance");
    world.commit(vec![members(&chefs, &[], &people[..2])]);
    assert_eq!(world.fact(count(&chefs, 9)), Fact::Count(2));
    world.commit(vec![delete(&chefs)]);
    assert_eq!(world.fact(count(&chefs, 9)), Fact::Count(0));
}
