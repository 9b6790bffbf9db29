//! Lists that are read in pages: each in a total order, from a place on, at most so many.

use std::fmt::Debug;

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AdminChange, AdminKeyChange, AdminKeyId, AdminKeyRecord, ApplicationObject, Change, KeyChange, KeyId,
    KeyRecord, KeyTerms, Scope,
};
use scim_storage::{InstanceAnswer, InstanceQuestion, ServerAnswer, ServerQuestion, Store};
use serde_json::{Value, json};

use crate::admin_keys;
use crate::keyring::{Keyring, at};
use crate::world::World;

/// That pages of every size, from the beginning and from each place on, are what the whole list has there.
fn check<T, P>(expected: &[T], place: impl Fn(&T) -> P, page: impl Fn(Option<P>, usize) -> Vec<T>)
where
    T: Clone + Debug + PartialEq,
{
    for limit in [1, 2, 3, 100] {
        let mut walked: Vec<T> = Vec::new();
        loop {
            let found = page(walked.last().map(&place), limit);
            assert!(found.len() <= limit, "more than {limit}");
            if found.is_empty() {
                break;
            }
            walked.extend(found);
            assert!(walked.len() <= expected.len(), "pages of {limit} go in circles: {walked:?}");
        }
        assert_eq!(walked, expected, "pages of {limit}");
    }
    assert_eq!(page(None, 0), []);
}

fn ask(world: &World<'_>, scope: &Scope, question: &InstanceQuestion) -> InstanceAnswer {
    block_on(world.store.instance(scope, question)).expect("a read")
}

/// Instances come by name; a place need not be there.
pub fn instances_come_by_name(store: &dyn Store) {
    let world = World::new(store);
    for name in ["zebra", "Alpha", "alpha", "ä", "middle"] {
        world.instance(name);
    }
    let page = |after: Option<String>, limit: usize| match world
        .server(&ServerQuestion::InstancesAfter { after, limit })
    {
        ServerAnswer::Instances(instances) => instances.into_iter().map(|it| it.name).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let names = ["Alpha", "alpha", "first", "middle", "second", "zebra", "ä"].map(str::to_owned);
    check(&names, Clone::clone, page);
    assert_eq!(page(Some("n".to_owned()), 1), ["second"]);
}

/// Jobs come by name, each with what is kept of it, of their own scope.
pub fn jobs_come_by_name(store: &dyn Store) {
    let world = World::new(store);
    for scope in [world.scope, Scope::SERVER] {
        let mut expected: Vec<(String, Value)> = Vec::new();
        for name in ["import c", "", "Import", "import a", "import b"] {
            let state = json!({ "name": name, "of": scope.instance.to_string() });
            let save = AdminChange::SaveJob(name.to_owned(), Some(state.clone()));
            world.commit_in(scope, vec![Change::Admin(save)]);
            expected.push((name.to_owned(), state));
        }
        expected.sort_by(|left, right| left.0.cmp(&right.0));
        let page = |after: Option<String>, limit: usize| match ask(
            &world,
            &scope,
            &InstanceQuestion::Jobs { after, limit },
        ) {
            InstanceAnswer::Jobs(jobs) => jobs,
            other => panic!("{other:?}"),
        };
        check(&expected, |job| job.0.clone(), page);
        let forget = AdminChange::SaveJob("import a".to_owned(), None);
        world.commit_in(scope, vec![Change::Admin(forget)]);
        expected.retain(|(name, _)| name != "import a");
        check(&expected, |job| job.0.clone(), page);
    }
    let jobs = InstanceQuestion::Jobs { after: None, limit: 9 };
    assert_eq!(ask(&world, &world.elsewhere, &jobs), InstanceAnswer::Jobs(Vec::new()));
}

/// Each kind of objects comes once, by name, however many objects it has.
pub fn kinds_of_objects_come_by_name(store: &dyn Store) {
    let world = World::new(store);
    let page = |after: Option<String>, limit: usize| match ask(
        &world,
        &world.scope,
        &InstanceQuestion::ObjectKinds { after, limit },
    ) {
        InstanceAnswer::ObjectKinds(kinds) => kinds,
        other => panic!("{other:?}"),
    };
    check(&[], Clone::clone, page);
    let object = |kind: &str, number: usize| {
        let (id, name) = (world.uuid(), format!("object {number}"));
        Change::Admin(AdminChange::CreateObject(ApplicationObject { id, kind: kind.to_owned(), name }))
    };
    for (kind, count) in [("Region", 3), ("JobTitle", 50), ("jobTitle", 1), ("Office", 1), ("Ämter", 2)] {
        world.commit((0..count).map(|number| object(kind, number)).collect());
    }
    world.commit_in(world.elsewhere, vec![object("Elsewhere", 0)]);
    let kinds = ["JobTitle", "Office", "Region", "jobTitle", "Ämter"].map(str::to_owned);
    check(&kinds, Clone::clone, page);
    assert_eq!(page(Some("Office ".to_owned()), 1), ["Region"]);
}

/// Keys come oldest first, those of one moment by their ids, each with whom it acts for.
pub fn keys_come_oldest_first(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let elsewhere = world.from_elsewhere();
    Keyring::new(&elsewhere).issue(KeyTerms::default());
    let mut keys: Vec<KeyRecord> = Vec::new();
    for millis in [300, 100, 200, 200, 200, 100] {
        let key = KeyRecord { created: at(millis), ..ring.make(KeyTerms::default()) };
        ring.must(KeyChange::Issue(Box::new(key.clone())));
        keys.push(key);
    }
    keys.sort_by_key(|key| (key.created, key.id));
    let page = |after: Option<(Timestamp, KeyId)>, limit: usize| match ask(
        &world,
        &world.scope,
        &InstanceQuestion::Keys { after, limit },
    ) {
        InstanceAnswer::Keys(contexts) => {
            let own =
                |(instance, connector)| (instance, connector) == (ring.scope.instance, ring.connector.id);
            assert!(contexts.iter().all(|context| own((context.instance.id, context.connector.id))));
            contexts.into_iter().map(|context| context.key).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    check(&keys, |key| (key.created, key.id), page);
}

/// Admin keys come oldest first, those of one moment by their ids, of their own scope alone.
pub fn admin_keys_come_oldest_first(store: &dyn Store) {
    let world = World::new(store);
    let here = Scope { connector: None, ..world.scope };
    let mut all: Vec<Vec<AdminKeyRecord>> = Vec::new();
    for scope in [here, Scope::SERVER] {
        let mut keys: Vec<AdminKeyRecord> = Vec::new();
        for millis in [300, 100, 200, 200, 200, 100] {
            let key = AdminKeyRecord { created: at(millis), ..admin_keys::make(&world, scope) };
            let issue = AdminKeyChange::Issue(Box::new(key.clone()));
            world.commit_in(scope, vec![admin_keys::change(issue)]);
            keys.push(key);
        }
        keys.sort_by_key(|key| (key.created, key.id));
        all.push(keys);
    }
    for (scope, keys) in [here, Scope::SERVER].iter().zip(&all) {
        let page = |after: Option<(Timestamp, AdminKeyId)>, limit: usize| match ask(
            &world,
            scope,
            &InstanceQuestion::AdminKeys { after, limit },
        ) {
            InstanceAnswer::AdminKeys(keys) => keys,
            other => panic!("{other:?}"),
        };
        check(keys, |key| (key.created, key.id), page);
    }
}
