//! Unique keys: letter case and accents, races, swaps.

use pollster::block_on;
use scim_directory::Change;
use scim_storage::Store;
use serde_json::json;

use crate::world::{World, delete, is_duplicate};

const THREADS: usize = 8;

fn taken(world: &World<'_>, name: &str) -> bool {
    let new = world.new_record("User", &json!({ "userName": name }));
    let result = world.try_commit(vec![Change::Create(new)]);
    assert!(result.is_ok() || is_duplicate(&result, "userName"), "{name}: {result:?}");
    result.is_err()
}

/// User names are the same where their keys are.
pub fn letter_case_and_width_do_not_make_a_name_new(store: &dyn Store) {
    let world = World::new(store);
    for (name, same) in [
        ("Mira@contoso.example", "mIRA@CONTOSO.example"),
        ("Straße", "STRASSE"),
        ("\u{c9}ric", "e\u{301}RIC"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("\u{ff21}na", "ana"),
        ("o'brien %_\\", "O'BRIEN %_\\"),
        ("🦉 owl", "🦉 OWL"),
    ] {
        assert!(!taken(&world, name), "{name} is new");
        assert!(taken(&world, same), "{same} is {name}");
    }
    assert!(!taken(&world, "strasze"));
}

/// Accents, blanks and wildcards count.
pub fn accents_make_a_name_new(store: &dyn Store) {
    let world = World::new(store);
    for name in ["eric", "éric", "èric", "eric ", "e_ic", "e%c", "İ", "i", "ı", "er ic"] {
        assert!(!taken(&world, name), "{name} is new");
    }
}

/// A key is unique in its instance and resource type.
pub fn types_and_instances_have_names_of_their_own(store: &dyn Store) {
    let world = World::new(store);
    world.person("mira");
    world.group("mira");
    world.create_in(world.elsewhere, "User", &json!({ "userName": "mira" }));
    let new = world.new_record("Group", &json!({ "displayName": "MIRA" }));
    assert!(is_duplicate(&world.try_commit(vec![Change::Create(new)]), "displayName"));
    assert!(taken(&world, "mira"));
    // A person's displayName is indexed, but not unique.
    for name in ["a", "b"] {
        world.create("User", &json!({ "userName": name, "displayName": "Same Name" }));
    }
}

/// Of threads that create the same name at once, one wins and the others are told which attribute is taken.
pub fn racing_creates_have_one_winner(store: &dyn Store) {
    let world = World::new(store);
    for round in 0..5 {
        let won = race(|number| {
            let name = if number % 2 == 0 { format!("mira {round}") } else { format!("MIRA {round}") };
            !taken(&world, &name)
        });
        assert_eq!(won, 1);
        let query = world.query(&[("User", &format!("userName eq \"mira {round}\""), "")]);
        assert_eq!(world.ids(&query).len(), 1);
    }
}

/// So it is with threads that rename people of their own to the same name.
pub fn racing_renames_have_one_winner(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..THREADS).map(|number| world.person(&format!("person {number}"))).collect();
    let won = race(|number| {
        let result = world.try_commit(vec![world.update(&people[number], 1, &json!({ "userName": "Boss" }))]);
        assert!(result.is_ok() || is_duplicate(&result, "userName"), "{result:?}");
        result.is_ok()
    });
    assert_eq!(won, 1);
    let versions: i64 = people.iter().map(|key| world.version(key) - 1).sum();
    assert_eq!(versions, 1);
}

fn race(act: impl Fn(usize) -> bool + Sync) -> usize {
    let (act, barrier) = (&act, &std::sync::Barrier::new(THREADS));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    act(number)
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|won| *won).count()
    })
}

/// Two people can swap names in one change set, three can pass them round.
pub fn names_can_be_swapped(store: &dyn Store) {
    let world = World::new(store);
    let (a, b, c) = (world.person("a"), world.person("b"), world.person("c"));
    let rename = |key, version, name: &str| world.update(key, version, &json!({ "userName": name }));
    world.commit(vec![rename(&a, 1, "B"), rename(&b, 1, "A")]);
    world.commit(vec![rename(&a, 2, "c"), rename(&b, 2, "b"), rename(&c, 1, "a")]);
    for (key, name) in [(&a, "c"), (&b, "b"), (&c, "a")] {
        assert_eq!(world.there(key).display.as_deref(), Some(name));
        let query = world.query(&[("User", &format!("userName eq \"{name}\""), "")]);
        assert_eq!(world.ids(&query), [key.id]);
    }
    assert!(taken(&world, "A") && taken(&world, "B") && taken(&world, "C"));
}

/// What a change set gives up it may take, even before the change that gives it up.
pub fn a_name_given_up_is_free_whatever_the_order(store: &dyn Store) {
    let world = World::new(store);
    let (a, b) = (world.person("a"), world.person("b"));
    let new_a = world.new_record("User", &json!({ "userName": "a" }));
    world.commit(vec![Change::Create(new_a.clone()), delete(&a)]);
    let new_b = world.new_record("User", &json!({ "userName": "b" }));
    world.commit(vec![Change::Create(new_b), world.update(&b, 1, &json!({ "userName": "was b" }))]);
    assert!(taken(&world, "a") && taken(&world, "b") && taken(&world, "was b"));
    let twice = ["c", "C"].map(|name| Change::Create(world.new_record("User", &json!({ "userName": name }))));
    assert!(is_duplicate(&world.try_commit(twice.to_vec()), "userName"));
    assert!(!taken(&world, "c"));
}

/// A refused commit claims nothing.
pub fn a_duplicate_leaves_nothing_behind(store: &dyn Store) {
    let world = World::new(store);
    world.person("mira");
    let free = world.new_record("User", &json!({ "userName": "free", "externalId": "f" }));
    let dup = world.new_record("User", &json!({ "userName": "mira" }));
    let set = world.change_set(world.scope, vec![Change::Create(free.clone()), Change::Create(dup)]);
    assert!(is_duplicate(&block_on(store.commit(set)), "userName"));
    assert_eq!(world.get(&free.key), None);
    assert_eq!(world.ids(&world.query(&[("User", r#"externalId eq "f""#, "")])), []);
    assert!(!taken(&world, "free"));
}
